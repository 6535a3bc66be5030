"""Elections: who leads, who follows, and what becomes of a leader that loses its session or resigns."""

import asyncio
import contextlib
import logging
import re

import pytest

import zkc
from zkc.recipes import (
    ElectionStatus,
    ElectionTimeoutError,
    HoldState,
    LayoutError,
    LockLostError,
)

from ..client.both import Events, eventually
from .thread_support import body, in_thread, recipe

NAMES = {
    "curator": r"_c_[0-9a-f]{8}-[0-9a-f-]{27}-latch-\d{10}",
    "curator-selector": r"_c_[0-9a-f]{8}-[0-9a-f-]{27}-lock-\d{10}",
    "kazoo": r"[0-9a-f]{32}__lock__\d{10}",
}


def elect(zk, identifier, **options):
    return recipe(zk, "election", "/leader", identifier=identifier, **options)


async def until_lost(hold):
    """The work of a leader: wait until the hold is lost."""
    while not hold.lost.done():
        await asyncio.sleep(0.002)


async def queued(zk, number):
    """Wait until an election has a number of contenders."""

    async def enough():
        with contextlib.suppress(zkc.NoNodeError):
            return len(await zk.children("/leader")) == number

    await eventually(enough)


class Once:
    """An event of all loops."""

    def __init__(self):
        self._set = False

    def set(self):
        self._set = True

    async def wait(self):
        await eventually(lambda: self._set)


class Term:
    """A contender that leads in a task until it is ended."""

    def __init__(self, election):
        self.election = election
        self.leads = asyncio.Event()
        self.hold = None
        self._end = asyncio.Event()
        self.task = asyncio.ensure_future(self._lead())

    async def _lead(self):
        async with self.election.lead() as self.hold:
            self.leads.set()
            await self._end.wait()

    async def end(self):
        self._end.set()
        await self.task


# ---- leading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", sorted(NAMES))
async def test_a_leader_has_a_znode_of_the_layout_with_its_identifier(zk, layout):
    election = elect(zk, "host-1", layout=layout)
    assert await election.leader() is None
    async with election.lead() as hold:
        [name] = await zk.children("/leader")
        assert re.fullmatch(NAMES[layout], name)
        assert (await zk.get("/leader/" + name))[0] == b"host-1"
        leader = await election.leader()
        assert (leader.name, leader.data, leader.token, leader.is_mine) == (name, b"host-1", hold.token, True)
        assert [found.name for found in await election.contenders()] == [name]
        assert election.leading
    assert not election.leading
    assert await eventually(lambda: _empty(zk))


async def _empty(zk):
    with contextlib.suppress(zkc.NoNodeError):
        return await zk.children("/leader") == []
    return True


async def test_the_next_in_the_queue_leads_when_the_leader_ends(zk, other_zk):
    first = Term(elect(zk, "a"))
    await first.leads.wait()
    second = Term(elect(other_zk, "b"))
    await queued(zk, 2)
    assert not second.leads.is_set()
    await first.end()
    await asyncio.wait_for(second.leads.wait(), 10)
    assert second.hold.token > first.hold.token
    await second.end()


async def test_a_campaign_that_takes_too_long_leaves_the_queue(zk, other_zk):
    first = Term(elect(zk, "a"))
    await first.leads.wait()
    with pytest.raises(ElectionTimeoutError, match="did not become the leader in time"):
        async with elect(other_zk, "b").lead(timeout=0.2):
            pass
    await queued(zk, 1)
    await first.end()


@pytest.mark.parametrize(("layout", "foreign"), [("curator", "lock"), ("curator-selector", "latch"), ("kazoo", "lock")])
async def test_contenders_of_another_recipe_on_the_path_are_refused(zk, layout, foreign):
    await zk.create(f"/leader/_c_12345678-1234-1234-1234-123456789012-{foreign}-", sequential=True, make_parents=True)
    with pytest.raises(LayoutError):
        async with elect(zk, "a", layout=layout).lead():
            pass
    await queued(zk, 1)


async def test_a_contender_keeps_its_place_when_the_one_in_front_vanishes(zk, other_zk):
    """A predecessor's end makes no contender join again (c#1161, c#1239)."""
    terms = [Term(elect(zk, "a"))]
    await terms[0].leads.wait()
    for number, client in enumerate([other_zk, zk]):
        terms.append(Term(elect(client, "bc"[number])))
        await queued(zk, number + 2)
    contenders = await elect(zk, "x").contenders()
    await zk.delete(f"/leader/{contenders[1].name}")
    await asyncio.sleep(0.2)  # The other one may join again in that time; the third must not.
    assert contenders[2].name in await zk.children("/leader")
    await terms[0].end()
    await asyncio.wait_for(terms[2].leads.wait(), 10)
    assert terms[2].hold.token == contenders[2].token
    await terms[2].end()
    await asyncio.wait_for(terms[1].leads.wait(), 10)
    await terms[1].end()


async def test_a_contender_whose_znode_is_deleted_joins_again_at_once(zk, other_zk):
    first = Term(elect(zk, "a"))
    await first.leads.wait()
    second = Term(elect(other_zk, "b"))
    await queued(zk, 2)
    deleted = (await elect(zk, "x").contenders())[1]
    await zk.delete(f"/leader/{deleted.name}")
    await queued(zk, 2)
    await first.end()
    await asyncio.wait_for(second.leads.wait(), 10)
    assert second.hold.token > deleted.token
    await second.end()


# ---- resigning, and data --------------------------------------------------------------------------------------------


async def test_resigning_ends_the_hold_under_its_user(zk, other_zk):
    first = Term(election := elect(zk, "a"))
    await first.leads.wait()
    second = Term(elect(other_zk, "b"))
    await queued(zk, 2)
    assert await election.resign() is True
    assert await election.resign() is False
    assert (first.hold.state, first.hold.reason) == (HoldState.LOST, "resigned")
    with pytest.raises(LockLostError):
        first.hold.check()
    await asyncio.wait_for(second.leads.wait(), 10)
    with pytest.raises(LockLostError, match="resigned"):
        await first.end()
    await second.end()


async def test_the_data_of_a_leader_can_be_changed(zk, other_zk):
    observer = elect(other_zk, "watcher").observe()
    assert await observer.__anext__() is None
    term = Term(election := elect(zk, "a", data=b"http://a:1"))
    await term.leads.wait()
    assert (await observer.__anext__()).data == b"http://a:1"
    assert await election.set_data(b"http://a:2") is True
    assert (await observer.__anext__()).data == b"http://a:2"
    await term.end()
    assert await observer.__anext__() is None
    assert await election.set_data(b"http://a:3") is False
    again = Term(election)
    await again.leads.wait()
    assert (await observer.__anext__()).data == b"http://a:3"
    await observer.aclose()
    await again.end()


# ---- observing ------------------------------------------------------------------------------------------------------


async def test_observers_see_each_leader_and_the_time_without_one(make_zk, zk, other_zk):
    """Scenario 45."""
    watching = make_zk()
    await watching.start()
    observer = elect(watching, "watcher").observe()
    assert await observer.__anext__() is None
    first = Term(elect(zk, "a"))
    await first.leads.wait()
    assert (await observer.__anext__()).data == b"a"
    late = elect(watching, "late").observe()
    assert (await late.__anext__()).data == b"a"
    await late.aclose()
    waiting = asyncio.ensure_future(observer.__anext__())
    await first.end()
    assert await waiting is None
    second = Term(elect(other_zk, "b"))
    assert (await observer.__anext__()).data == b"b"
    third = Term(elect(zk, "c"))
    await queued(zk, 2)
    await second.leads.wait()
    await second.end()  # Between two leaders there is always None.
    assert await observer.__anext__() is None
    assert (await observer.__anext__()).data == b"c"
    waiting = asyncio.ensure_future(observer.__anext__())
    await asyncio.sleep(0.05)
    await watching.close()
    with pytest.raises(StopAsyncIteration):
        await waiting
    with pytest.raises(StopAsyncIteration):
        await observer.__anext__()
    await third.end()


async def test_an_observer_ends_when_it_is_closed(zk):
    observer = elect(zk, "watcher").observe()
    assert await observer.__anext__() is None
    waiting = asyncio.ensure_future(observer.__anext__())
    await asyncio.sleep(0.05)
    await observer.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_dropped_observer_leaves_no_watch(zk):
    async with elect(zk, "a").lead():
        observer = elect(zk, "watcher").observe()
        assert (await observer.__anext__()).data == b"a"
        del observer


async def test_an_observer_survives_its_session(zk, other_zk, expire_zk):
    observer = elect(zk, "watcher").observe()
    first = Term(elect(other_zk, "a"))
    assert (await observer.__anext__() or await observer.__anext__()).data == b"a"
    waiting = asyncio.ensure_future(observer.__anext__())
    await expire_zk(zk)
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await first.end()
    assert await waiting is None
    await observer.aclose()


async def test_listeners_hear_of_each_state(zk, other_zk):
    mine, theirs = elect(zk, "a"), elect(other_zk, "b")
    told, others = Events(), Events()
    mine.add_listener(told)
    theirs.add_listener(others)
    assert (await told.next()).status is ElectionStatus.NO_LEADER
    assert (await others.next()).status is ElectionStatus.NO_LEADER
    first = Term(mine)
    await first.leads.wait()
    assert (await told.next()).status is ElectionStatus.LEADING
    state = await others.next()
    assert (state.status, state.leader.data) == (ElectionStatus.FOLLOWING, b"a")
    second = Term(theirs)
    await queued(zk, 2)
    await first.end()
    while (state := await told.next()).status is ElectionStatus.NO_LEADER:
        pass
    assert (state.status, state.leader.data) == (ElectionStatus.FOLLOWING, b"b")
    while (state := await others.next()).status is ElectionStatus.NO_LEADER:
        pass
    assert state.status is ElectionStatus.LEADING
    assert theirs.state == state
    await second.end()
    assert (await others.next()).status is ElectionStatus.NO_LEADER
    mine.remove_listener(told)


# ---- run ------------------------------------------------------------------------------------------------------------


async def test_run_once_returns_what_the_function_returns(zk):
    async def work(hold):
        hold.check()
        return 17

    election = elect(zk, "a")
    assert await election.run(body(zk.kind, work), forever=False) == 17
    assert not election.leading


async def test_an_error_of_the_function_comes_out_of_a_single_run(zk, other_zk):
    """Scenario 46."""

    begun, fail = Once(), Once()

    async def work(hold):
        begun.set()
        await fail.wait()
        raise KeyError("work")

    first = asyncio.ensure_future(elect(zk, "a").run(body(zk.kind, work), forever=False))
    await begun.wait()
    second = Term(elect(other_zk, "b"))
    await queued(zk, 2)
    fail.set()
    with pytest.raises(KeyError, match="work"):
        await first
    await asyncio.wait_for(second.leads.wait(), 10)
    await second.end()


async def test_an_error_of_the_function_is_logged_and_it_leads_again(zk, caplog):
    """Scenario 46."""
    tokens = []

    async def work(hold):
        tokens.append(hold.token)
        if len(tokens) < 3:
            raise KeyError("work")
        election.stop()

    election = elect(zk, "a")
    with caplog.at_level(logging.ERROR, "zkc.recipes"):
        assert await election.run(body(zk.kind, work)) is None
    assert tokens == sorted(set(tokens))
    assert len(tokens) == 3
    assert [record.exc_info[0] for record in caplog.records] == [KeyError, KeyError]
    caplog.clear()


async def test_a_leader_that_loses_its_session_is_stopped_and_campaigns_again(zk, other_zk, expire_zk):
    """Scenario 46: the next leads."""
    holds, ended = [], []

    async def work(hold):
        holds.append(hold)
        try:
            await until_lost(hold)
        finally:
            ended.append(hold)

    election = elect(zk, "a")
    running = asyncio.ensure_future(election.run(body(zk.kind, work)))
    await eventually(lambda: holds)
    second = Term(elect(other_zk, "b"))
    await queued(zk, 2)
    await expire_zk(zk)
    await eventually(lambda: ended)
    assert holds[0].reason == "expired"
    await asyncio.wait_for(second.leads.wait(), 10)
    await queued(other_zk, 2)  # It waits behind.
    await second.end()
    await eventually(lambda: len(holds) == 2)
    assert holds[1].token > second.hold.token > holds[0].token
    election.stop()
    assert await running is None
    assert len(ended) == 2


async def test_a_function_that_ignores_the_loss_holds_nothing(zk, expire_zk):
    """Scenario 46."""
    go_on, found = asyncio.Event(), []

    async def work(hold):
        found.append(hold)
        while not go_on.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.002)
        with pytest.raises(LockLostError):
            hold.check()
        with pytest.raises(LockLostError):
            await hold.confirm()
        found.append(hold.state)

    election = elect(zk, "a")
    running = asyncio.ensure_future(election.run(body(zk.kind, work), forever=False))
    await eventually(lambda: found)
    await expire_zk(zk)
    assert len(found) == 1
    assert not running.done()
    go_on.set()
    with pytest.raises(LockLostError):
        await running
    assert found[1] is HoldState.LOST


async def test_stop_ends_a_run_in_the_queue_and_one_that_leads(zk, other_zk):
    begun = []

    async def work(hold):
        begun.append(hold)
        await until_lost(hold)

    leading, waiting = elect(zk, "a"), elect(other_zk, "b")
    first = asyncio.ensure_future(leading.run(body(zk.kind, work)))
    await eventually(lambda: begun)
    second = asyncio.ensure_future(waiting.run(body(zk.kind, work)))
    await queued(zk, 2)
    waiting.stop()
    assert await second is None
    await queued(zk, 1)
    leading.stop()
    assert await first is None
    await eventually(lambda: _empty(zk))
    assert len(begun) == 1


async def test_a_run_ends_when_the_client_is_closed(make_zk):
    client = make_zk()
    await client.start()
    begun = []

    async def work(hold):
        begun.append(hold)
        await until_lost(hold)

    running = asyncio.ensure_future(elect(client, "a").run(body(client.kind, work)))
    await eventually(lambda: begun)
    await client.close()
    assert await running is None
    assert begun[0].reason == "closed"


async def test_a_cancelled_run_leaves_the_election(hosts):
    async with zkc.AsyncClient(hosts) as client:
        election = client.election("/leader", identifier="a")
        begun = asyncio.Event()

        async def work(hold):
            begun.set()
            await asyncio.sleep(1000)

        running = asyncio.ensure_future(election.run(work))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not election.leading
        async with election.lead(timeout=5):
            pass


# ---- outages --------------------------------------------------------------------------------------------------------


async def test_a_leader_is_kept_across_a_short_outage_and_replaced_after_a_long_one(
    make_zk, proxy, through, zk, other_zk
):
    """Scenario 43."""
    cut = make_zk(through, session_timeout=4.0)
    await cut.start()
    ended = []

    async def work(hold):
        ended.append(None)
        try:
            await until_lost(hold)
        finally:
            ended[-1] = hold

    running = asyncio.ensure_future(elect(cut, "a").run(body(cut.kind, work)))
    await eventually(lambda: ended == [None])
    observer = elect(other_zk, "watcher").observe()
    leader = await observer.__anext__()
    assert leader.data == b"a"
    second = Term(elect(other_zk, "b"))
    await queued(zk, 2)
    told = Events()
    cut.add_listener(told)
    proxy.drop_connections()
    assert [await told.next(), await told.next()] == [zkc.ClientState.SUSPENDED, zkc.ClientState.CONNECTED]
    change = asyncio.ensure_future(observer.__anext__())
    await asyncio.sleep(0.3)
    assert not change.done()
    assert not second.leads.is_set()
    assert ended == [None]
    assert (await elect(zk, "x").leader()).token == leader.token
    proxy.refuse()
    proxy.drop_connections()
    await asyncio.wait_for(second.leads.wait(), 20)
    assert await change is None
    assert (await observer.__anext__()).data == b"b"
    proxy.accept()
    await eventually(lambda: len(ended) == 1 and ended[0] is not None)
    assert (ended[0].token, ended[0].reason) == (leader.token, "expired")
    assert second.hold.token > leader.token
    with pytest.raises(LockLostError):  # A fenced write of the first is refused.
        await ended[0].confirm()
    await second.end()
    await eventually(lambda: len(ended) == 2)
    await observer.aclose()
    await cut.close()
    assert await running is None


async def test_a_leader_can_be_lost_at_once_with_the_connection(make_zk, proxy, through, zk):
    cut = make_zk(through, session_timeout=20.0)
    await cut.start()
    term = Term(elect(cut, "a", on_suspend="lost"))
    await term.leads.wait()
    proxy.drop_connections()
    await eventually(lambda: term.hold.state is HoldState.LOST)
    with pytest.raises(LockLostError):
        await term.end()
    await eventually(lambda: _empty(zk))


async def test_a_rolling_restart_ends_with_one_leader(kind, zookeeper_ensemble, loop):
    """Scenario 44."""
    hosts = zookeeper_ensemble.new_chroot()
    number = 20
    terms, clients, tasks = [], [], []

    async def work(hold):
        terms.append(hold)
        await until_lost(hold)

    async with contextlib.AsyncExitStack() as stack:
        for index in range(number):
            client = await stack.enter_async_context(zkc.AsyncClient(hosts, session_timeout=20.0))
            clients.append(client)
            tasks.append(asyncio.ensure_future(client.election("/leader", identifier=str(index)).run(work)))
        await eventually(lambda: len(terms) == 1)
        for member in zookeeper_ensemble.members:
            await in_thread(member.restart)
            await in_thread(zookeeper_ensemble.wait_ready)
        for client in clients:
            await client.wait_for(zkc.ClientState.CONNECTED, timeout=60)
        losses = sum(client.metrics().expirations for client in clients)
        election = clients[0].election("/leader", identifier="x")
        await eventually(lambda: _has_contenders(election, number))
        alive = [hold for hold in terms if hold.state is not HoldState.LOST]
        assert len(alive) == 1
        assert (await election.leader()).token == alive[0].token
        assert len(terms) - 1 <= losses
        # Not one is stuck: each leads once the ones in front of it have resigned.
        for _ in range(number - 1):
            before = len(terms)
            leader = next(hold for hold in terms if hold.state is not HoldState.LOST)
            stopped = next(c for c in clients if c.session_id == leader.session_id)
            await stopped.close()
            clients.remove(stopped)
            await eventually(lambda before=before: len(terms) == before + 1)
    await asyncio.gather(*tasks)


async def _has_contenders(election, number):
    return len(await election.contenders()) == number
