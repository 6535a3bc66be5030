"""Tickets and the re-entrant form of the lock."""

from __future__ import annotations

import asyncio

import pytest

import zkc
from zkc.recipes import HoldState, LockLostError, LockTimeoutError

from ..client.both import eventually
from .lock_support import do, waits

PATH = "/lock"


async def test_ticket_is_a_place_in_the_queue(zk, other_zk):
    lock, other = zk.inner.lock(PATH), other_zk.inner.lock(PATH)
    hold = await do(zk, lock.acquire)
    ticket = await do(other_zk, other.enqueue)
    assert await do(other_zk, ticket.position) == 1
    assert ticket.token > hold.token
    with pytest.raises(LockTimeoutError):
        await do(other_zk, ticket.wait, 0.05)
    assert await do(other_zk, ticket.position) == 1  # The place is kept.
    waiting = do(other_zk, ticket.wait)
    assert await waits(waiting)
    await do(zk, hold.release)
    second = await waiting
    assert (second.token, second.path) == (ticket.token, ticket.path)
    assert await do(other_zk, ticket.position) == 0
    assert await do(other_zk, ticket.wait) is second
    assert await do(other_zk, ticket.cancel)
    assert second.state is HoldState.RELEASED
    assert not await do(other_zk, ticket.cancel)


async def test_ticket_of_a_free_lock(zk):
    ticket = await do(zk, zk.inner.lock(PATH).enqueue)
    assert await do(zk, ticket.position) == 0
    hold = await do(zk, ticket.wait, 5)
    await do(zk, hold.confirm)
    await do(zk, hold.release)


async def test_ticket_cancelled_in_the_middle_of_the_queue(zk, other_zk):
    """Scenario 22."""
    lock, other = zk.inner.lock(PATH), other_zk.inner.lock(PATH)
    hold = await do(zk, lock.acquire)
    tickets = [await do(other_zk, other.enqueue) for _ in range(4)]
    waiting = [do(other_zk, ticket.wait) for ticket in tickets]
    assert [await do(other_zk, ticket.position) for ticket in tickets] == [1, 2, 3, 4]
    assert await do(other_zk, tickets[1].cancel)
    with pytest.raises(LockLostError, match="cancelled"):
        await waiting[1]
    assert [await do(other_zk, ticket.position) for ticket in (tickets[0], *tickets[2:])] == [1, 2, 3]
    await do(zk, hold.release)
    for index in (0, 2, 3):
        granted = await waiting[index]
        assert granted.token == tickets[index].token
        assert not any(call.done() for call in waiting[max(index + 1, 2) :])
        await do(other_zk, granted.release)
    await eventually(lambda: _empty(zk))


async def _empty(zk):
    try:
        return not await zk.children(PATH)
    except zkc.NoNodeError:
        return True  # An empty container is deleted.


async def test_ticket_whose_znode_was_deleted(zk, other_zk):
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    ticket = await do(other_zk, other_zk.inner.lock(PATH).enqueue)
    waiting = do(other_zk, ticket.wait)
    assert await waits(waiting, 0.05)
    await zk.delete(ticket.path)
    with pytest.raises(LockLostError, match="deleted"):
        await waiting
    with pytest.raises(LockLostError, match="deleted"):
        await do(other_zk, ticket.position)
    assert not await do(other_zk, ticket.cancel)
    await do(zk, hold.release)


async def test_ticket_of_an_expired_session(zk, other_zk, expire_zk):
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    lock = other_zk.inner.lock(PATH)
    waited, unused = await do(other_zk, lock.enqueue), await do(other_zk, lock.enqueue)
    waiting = do(other_zk, waited.wait)
    assert await waits(waiting, 0.05)
    await expire_zk(other_zk)
    with pytest.raises(LockLostError, match=r"expired|deleted"):  # The watch of the znode may fire before the end.
        await waiting
    with pytest.raises(LockLostError, match="expired"):
        await do(other_zk, unused.wait)
    with pytest.raises(LockLostError, match="expired"):
        await do(other_zk, unused.position)
    assert not await do(other_zk, unused.cancel)
    await do(zk, hold.release)


async def test_ticket_wait_that_is_cancelled_keeps_the_place(zk, other_zk):
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    ticket = await do(other_zk, other_zk.inner.lock(PATH).enqueue)
    if other_zk.kind == "async":
        for _ in range(5):
            task = asyncio.ensure_future(ticket.wait())
            await asyncio.sleep(0.002)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert await do(other_zk, ticket.position) == 1
    await do(zk, hold.release)
    second = await do(other_zk, ticket.wait, 10)
    await do(other_zk, second.release)


async def test_ticket_enqueue_that_is_cancelled_leaves_nothing(zk):
    if zk.kind == "async":
        lock = zk.inner.lock(PATH)
        for turns in range(12):
            task = asyncio.ensure_future(lock.enqueue())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            try:
                ticket = await task
            except asyncio.CancelledError:
                continue
            await ticket.cancel()
        await eventually(lambda: _empty(zk))


# ---- re-entrant -----------------------------------------------------------------------------------------------------


async def test_reentrant_lock_in_a_thread(client, other_client, loop):
    lock = client.lock(PATH).reentrant()
    assert lock.depth == 0
    with lock as outer:
        assert lock.depth == 1
        with lock as inner:
            assert inner is outer
            assert lock.depth == 2
            assert lock.acquire(timeout=0) is outer
            assert lock.release() is False
        assert outer.state is HoldState.HELD
        loop = asyncio.get_running_loop()

        def elsewhere():
            assert lock.depth == 0
            with pytest.raises(RuntimeError, match="does not have"):
                lock.release()
            with pytest.raises(LockTimeoutError):
                lock.acquire(timeout=0.05)

        await loop.run_in_executor(None, elsewhere)
        assert other_client.lock(PATH).try_acquire() is None
    assert outer.state is HoldState.RELEASED
    assert lock.depth == 0
    again = lock.acquire()
    assert again.token > outer.token
    assert lock.release() is True


async def test_reentrant_lock_in_a_task(zk, other_zk, kind):
    if kind == "sync":
        return
    lock = zk.inner.lock(PATH).reentrant()
    async with lock as outer:
        async with lock as inner:
            assert inner is outer
            assert lock.depth == 2

        async def elsewhere():
            assert lock.depth == 0
            with pytest.raises(RuntimeError, match="does not have"):
                await lock.release()
            with pytest.raises(LockTimeoutError):
                await lock.acquire(timeout=0.05)

        await asyncio.ensure_future(elsewhere())
        assert await other_zk.inner.lock(PATH).try_acquire() is None
    assert outer.state is HoldState.RELEASED
    assert (await lock.acquire()).token > outer.token
    assert await lock.release() is True


def test_reentrant_lock_that_is_lost(client, other_client, eventually):
    lock = client.lock(PATH).reentrant()
    with pytest.raises(LockLostError), lock as outer:  # noqa: PT012 - the end of the block raises
        other_client.delete(outer.path)
        eventually(lambda: outer.state is HoldState.LOST)
        with pytest.raises(LockLostError):
            lock.acquire()
    with lock as again:
        assert again.token > outer.token


def test_reentrant_lock_whose_hold_is_released_inside(client):
    lock = client.lock(PATH).reentrant()
    with lock as outer:
        assert outer.release()
        assert lock.depth == 0
        with lock as again:
            assert again.token > outer.token
