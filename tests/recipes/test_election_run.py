"""Elections that run a function: what becomes of it after errors, losses, outages and restarts."""

import asyncio
import contextlib
import logging

import pytest

import zkc
from zkc.recipes import (
    HoldState,
    LockLostError,
)

from ..client.both import Events, eventually
from .election_support import Once, Term, elect, is_empty, queued, until_lost
from .thread_support import body, in_thread

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
    await asyncio.wait_for(second.leads.wait(), 30)
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
    await asyncio.wait_for(second.leads.wait(), 30)
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
    await eventually(lambda: is_empty(zk))
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
    cut = make_zk(through, session_timeout=8.0)
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
    await asyncio.wait_for(second.leads.wait(), 30)
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
    await eventually(lambda: is_empty(zk))


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
