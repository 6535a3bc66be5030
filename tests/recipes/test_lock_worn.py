"""Locks whose contenders have the last counter that a server gives, one contender after the other. Scenario 30."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from zkc.recipes._layout import LAYOUTS, UNWORN, Seat, counter_order, is_worn
from zkc.testing import ZooKeeperServer

from ..client.both import eventually
from .election_support import Term
from .lock_support import do, waits
from .thread_support import recipe
from .worn_support import forge_counters

LAST = 2**31 - 1


@pytest.fixture(scope="module")
def worn_roots():
    """Roots in which the counter of /l is near its end, of a server whose log was forged once for all of them."""
    with ZooKeeperServer() as server:
        roots = [server.new_chroot() for _ in range(16)]
        paths = [root[root.index("/") :] + "/l" for root in roots]
        for path in paths:
            server.create(path)
        forge_counters(server, paths, LAST - 2)
        yield roots


@pytest.fixture
def hosts(worn_roots):
    return worn_roots.pop()


def counters(tickets, layout):
    names = [ticket.path.rpartition("/")[2] for ticket in tickets]
    return [seat.sequence for name in names for seat in LAYOUTS[layout].seats([name], ["lock"])]


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_lock_in_order_across_the_end_of_the_counter(zk, other_zk, layout):
    """Scenario 30."""
    lock, other = zk.inner.lock("/l", layout=layout), other_zk.inner.lock("/l", layout=layout)
    tickets = [await do(*entry) for entry in [(zk, lock.enqueue), (other_zk, other.enqueue)] * 3]
    # Creates that are under way together: a server goes on counting then, with negative numbers.
    crowd = await asyncio.gather(*(do(zk, lock.enqueue) for _ in range(4)))
    tickets += sorted(crowd, key=lambda ticket: ticket.token)
    tickets.append(await do(other_zk, other.enqueue))
    seen = counters(tickets, layout)
    assert seen[:3] == [LAST - 2, LAST - 1, LAST]
    assert is_worn(seen[-1])
    owners = {id(ticket): zk if ticket._owner is lock else other_zk for ticket in tickets}
    assert [contender.token for contender in await do(zk, lock.contenders)] == [ticket.token for ticket in tickets]
    places = [await do(owners[id(ticket)], ticket.position) for ticket in tickets]
    assert places == list(range(len(tickets)))
    order = []

    async def use(ticket):
        hold = await do(owners[id(ticket)], ticket.wait)
        order.append(ticket.token)
        return hold

    before = listings(zk, other_zk)
    waiting = [asyncio.ensure_future(use(ticket)) for ticket in tickets]
    for number, call in enumerate(waiting):
        hold = await call
        assert await waits(asyncio.gather(*map(asyncio.shield, waiting[number + 1 :])), 0.02) or call is waiting[-1]
        assert len(order) == number + 1
        assert await do(other_zk, other.try_acquire) is None
        await do(owners[id(tickets[number])], hold.release)
    assert order == sorted(order)
    # No storm: a release has the contender behind the next list the others, and try_acquire() was called for each hold.
    assert listings(zk, other_zk) - before <= 3 * len(tickets)


def listings(*clients):
    return sum((client.metrics().requests for client in clients), Counter())["children"]


async def test_lock_with_equal_counters_excludes(zk, other_zk):
    """Scenario 30: the order in which a server lists equal counters is the chance of their names."""
    ours, theirs = zk.inner.lock("/l"), other_zk.inner.lock("/l")
    for _ in range(2):
        await do(zk, (await do(zk, ours.acquire)).release)
    for _ in range(6):
        hold = await do(zk, ours.acquire)
        waiting = do(other_zk, theirs.acquire)
        assert await waits(asyncio.shield(waiting), 0.05)
        await do(zk, hold.release)
        following = await waiting
        assert following.token > hold.token
        await do(other_zk, following.release)


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_downgrade_at_the_end_of_the_counter_keeps_the_place(zk, other_zk, layout):
    """Scenarios 30 and 38."""
    ours, theirs = zk.inner.rwlock("/l", layout=layout), other_zk.inner.rwlock("/l", layout=layout)
    for _ in range(3):
        await do(zk, (await do(zk, ours.read.acquire)).release)
    write = await do(zk, ours.write.acquire)
    reader = await do(other_zk, theirs.read.enqueue)
    writer = await do(other_zk, theirs.write.enqueue)
    late = await do(other_zk, theirs.read.enqueue)
    read = await do(zk, write.downgrade)
    shared = await do(other_zk, reader.wait)
    writing = do(other_zk, writer.wait)
    assert await waits(asyncio.shield(writing))
    await do(other_zk, shared.release)
    assert await waits(asyncio.shield(writing))
    await do(zk, read.confirm)
    await do(zk, read.release)
    following = await writing
    reading = do(other_zk, late.wait)
    assert await waits(asyncio.shield(reading))
    await do(other_zk, following.release)
    await do(other_zk, (await reading).release)


async def test_leader_at_the_end_of_the_counter(zk, other_zk):
    """Scenario 30: an observer sees the leader, and not another contender with the same counter."""
    for _ in range(3):
        await zk.delete(await zk.create("/l/x-", ephemeral=True, sequential=True))
    candidates = [recipe(zk, "election", "/l", identifier="a"), recipe(other_zk, "election", "/l", identifier="b")]
    for _ in range(3):
        for one, other in (candidates, candidates[::-1]):
            first = Term(one)
            await first.leads.wait()
            second = Term(other)
            await eventually(lambda: has_children(zk, 2))
            assert (await one.leader()).token == first.hold.token
            assert (await other.leader()).token == first.hold.token
            await first.end()
            await second.leads.wait()
            await second.end()


async def has_children(zk, number):
    return len(await zk.children("/l")) == number


def test_order_of_worn_counters():
    """Scenario 30, for the servers that continue with negative numbers, too."""
    worn = [
        Seat("", "lock", sequence, token) for sequence, token in ((LAST, 7), (-LAST - 1, 8), (-LAST, 9), (LAST, 10))
    ]
    fresh = [Seat("", "lock", UNWORN - 1, 0), Seat("", "lock", UNWORN, 0)]
    assert counter_order([*reversed(worn), *reversed(fresh)]) == fresh + worn
    later = [Seat("", "lock", sequence) for sequence in (-5, -1, 0, 3)]
    assert counter_order(list(reversed(later))) == later
