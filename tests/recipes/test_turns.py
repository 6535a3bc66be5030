"""The turn of a contender: what it learns while it waits, so that a release grants the lock without a listing."""

from __future__ import annotations

import asyncio
import threading

from zkc.recipes import HoldState
from zkc.recipes._layout import CURATOR, KAZOO

from ..client.both import eventually
from .lock_support import do, waits

PATH = "/a"


def _listings(zk):
    return zk.metrics().requests["children"]


async def _enqueued(zk, lock, count):
    """Return the waiting calls of tickets, each behind the one before it."""
    calls = []
    for _ in range(count):
        ticket = await do(zk, lock.enqueue)
        watched = zk.session.watch_count
        calls.append(do(zk, ticket.wait))
        await eventually(lambda watched=watched: zk.session.watch_count > watched and zk.session.in_flight == 0)
        assert await waits(asyncio.shield(calls[-1]), 0.1)
    return calls


async def test_turn_behind_others_needs_no_listing_after_the_release(zk, other_zk):
    """The listing is made while the one in front holds the lock."""
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    first, second = await _enqueued(other_zk, other_zk.inner.lock(PATH), 2)
    before = _listings(other_zk)
    await do(zk, hold.release)
    granted = await first
    await eventually(lambda: _listings(other_zk) == before + 1)
    assert await waits(asyncio.shield(second))
    await do(other_zk, granted.release)
    following = await second
    assert following.token > granted.token
    assert _listings(other_zk) == before + 1
    await do(other_zk, following.release)


async def test_turn_after_one_has_left_the_middle_of_the_queue(zk, other_zk):
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    lock = other_zk.inner.lock(PATH)
    leaving = await do(other_zk, lock.enqueue)
    middle, last = await _enqueued(other_zk, lock, 2)
    assert await do(other_zk, leaving.cancel)
    assert await waits(asyncio.shield(middle))
    assert await waits(asyncio.shield(last))
    before = _listings(other_zk)
    await do(zk, hold.release)
    granted = await middle
    await eventually(lambda: _listings(other_zk) == before + 1)
    assert await waits(asyncio.shield(last))
    await do(other_zk, granted.release)
    following = await last
    assert _listings(other_zk) == before + 1
    await do(other_zk, following.release)


async def test_turn_whose_front_leaves_before_the_first(zk, other_zk):
    """The end of the one in front grants nothing while another is in front of that one."""
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    lock = other_zk.inner.lock(PATH)
    leaving = await do(other_zk, lock.enqueue)
    [last] = await _enqueued(other_zk, lock, 1)
    assert await do(other_zk, leaving.cancel)
    assert await waits(asyncio.shield(last), 0.3)
    await do(zk, hold.release)
    following = await last
    assert following.state is HoldState.HELD
    await do(other_zk, following.release)


async def test_turn_hands_its_watch_to_the_hold(zk, other_zk):
    """A hold that was waited for reads its znode only when that has changed."""
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    lock = other_zk.inner.lock(PATH)
    [waiting] = await _enqueued(other_zk, lock, 1)
    await do(zk, hold.release)
    following = await waiting
    asked = threading.Event()
    following.on_revoke(asked.set)
    reads = other_zk.metrics().requests["get"]
    [contender] = await do(zk, zk.inner.lock(PATH).contenders)
    assert await do(zk, zk.inner.lock(PATH).revoke, contender)
    await eventually(asked.is_set)
    assert other_zk.metrics().requests["get"] == reads + 1
    await zk.delete(following.path)
    await eventually(following.lost.done)
    assert following.reason == "deleted"


async def test_turn_of_a_contender_that_was_asked_to_release_before_it_waited(zk, other_zk):
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    ticket = await do(other_zk, other_zk.inner.lock(PATH).enqueue)
    contender = (await do(zk, zk.inner.lock(PATH).contenders))[1]
    assert await do(zk, zk.inner.lock(PATH).revoke, contender)
    waiting = do(other_zk, ticket.wait)
    assert await waits(asyncio.shield(waiting))
    await do(zk, hold.release)
    following = await waiting
    asked = threading.Event()
    following.on_revoke(asked.set)
    await eventually(asked.is_set)
    await do(other_zk, following.release)


def test_turns_are_in_the_order_of_serial_numbers():
    numbers = ["2147483646", "2147483647", "-2147483648", "-2147483647"]
    for layout, front in ((CURATOR, "_c_x-lock-"), (KAZOO, "x__lock__")):
        names = [front + number for number in numbers]
        for turned in range(len(names)):
            seats = layout.seats([*names[turned:], *names[:turned], "0", "zz", front + "12"], ("lock",))
            assert [seat.name for seat in seats] == names
    assert [seat.sequence for seat in CURATOR.seats(["a-lock--123456789", "a-lock-0000000001"], ("lock",))] == [
        -123456789,
        1,
    ]
    names = ["a__rlock__0000000001", "b__lock__0000000000"]
    assert [seat.kind for seat in KAZOO.seats(names, ("read", "write"))] == ["write", "read"]
