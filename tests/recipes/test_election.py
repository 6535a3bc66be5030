"""Elections: who leads, who follows, and what becomes of a leader that loses its session or resigns."""

import asyncio
import re

import pytest

from zkc.recipes import (
    ElectionStatus,
    ElectionTimeoutError,
    HoldState,
    LayoutError,
    LockLostError,
)

from ..client.both import Events, eventually
from .election_support import Term, elect, is_empty, queued

NAMES = {
    "curator": r"_c_[0-9a-f]{8}-[0-9a-f-]{27}-latch-\d{10}",
    "curator-selector": r"_c_[0-9a-f]{8}-[0-9a-f-]{27}-lock-\d{10}",
    "kazoo": r"[0-9a-f]{32}__lock__\d{10}",
}


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
    assert await eventually(lambda: is_empty(zk))


async def test_the_next_in_the_queue_leads_when_the_leader_ends(zk, other_zk):
    first = Term(elect(zk, "a"))
    await first.leads.wait()
    second = Term(elect(other_zk, "b"))
    await queued(zk, 2)
    assert not second.leads.is_set()
    await first.end()
    await asyncio.wait_for(second.leads.wait(), 30)
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
    await asyncio.wait_for(terms[2].leads.wait(), 30)
    assert terms[2].hold.token == contenders[2].token
    await terms[2].end()
    await asyncio.wait_for(terms[1].leads.wait(), 30)
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
    await asyncio.wait_for(second.leads.wait(), 30)
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
    await asyncio.wait_for(second.leads.wait(), 30)
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
