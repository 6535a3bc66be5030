"""The multilock: one order, one timeout, all or none."""

from __future__ import annotations

import asyncio
import time

import pytest

import zkc
from zkc.recipes import HoldState, LockLostError, LockTimeoutError

from ..client.both import eventually
from .lock_support import do, waits


async def empty(zk, *paths):
    async def look():
        for path in paths:
            if await zk.exists(path) is not None:
                try:
                    if await zk.children(path):
                        return False
                except zkc.NoNodeError:
                    pass
        return True

    await eventually(look)


async def test_multilock_excludes_each_of_its_locks(zk, other_zk):
    both = zk.inner.multilock(["/b", "/a", "/b"])
    assert both.paths == ("/a", "/b")
    hold = await do(zk, both.acquire)
    assert set(hold.tokens) == {"/a", "/b"}
    assert hold.tokens["/a"] < hold.tokens["/b"] == hold.token
    await do(zk, hold.confirm)
    single = other_zk.inner.lock("/b")
    assert await do(other_zk, single.try_acquire) is None
    assert (await do(zk, both.locks["/a"].holder)).is_mine
    waiting = do(other_zk, single.acquire)
    assert await waits(waiting, 0.05)
    assert await do(zk, hold.release)
    second = await waiting
    assert await do(zk, both.try_acquire) is None
    await empty(zk, "/a")
    await do(other_zk, second.release)
    third = await do(zk, both.try_acquire)
    await do(zk, third.release)
    await empty(zk, "/a", "/b")


async def test_multilocks_in_different_orders_do_not_deadlock(zk, other_zk):
    """Scenario 42."""
    held = set()

    async def work(client, paths, name):
        lock = client.inner.multilock(paths)
        for _ in range(25):
            hold = await do(client, lock.acquire, timeout=60)
            assert not held
            held.add(name)
            await asyncio.sleep(0)
            held.remove(name)
            await do(client, hold.release)

    await asyncio.gather(work(zk, ["/a", "/b"], 1), work(other_zk, ["/b", "/a"], 2), work(zk, ["/b", "/c", "/a"], 3))
    await empty(zk, "/a", "/b", "/c")


async def test_multilock_timeout_is_that_of_the_whole_call(zk, other_zk):
    """Scenario 42."""
    holds = [await do(other_zk, other_zk.inner.lock(path).acquire) for path in ("/a", "/b", "/c")]
    begun = time.monotonic()
    waiting = do(zk, zk.inner.multilock(["/a", "/b", "/c"]).acquire, timeout=0.6)
    await asyncio.sleep(0.25)
    await do(other_zk, holds[0].release)
    await asyncio.sleep(0.25)
    await do(other_zk, holds[1].release)
    with pytest.raises(LockTimeoutError):
        await waiting
    assert time.monotonic() - begun > 0.5
    await empty(other_zk, "/a", "/b")
    assert holds[2].state is HoldState.HELD
    await do(other_zk, holds[2].release)


async def test_multilock_is_lost_with_one_lock(zk, other_zk):
    lock = zk.inner.multilock(["/a", "/b"])
    hold = await do(zk, lock.acquire)
    await asyncio.sleep(0.05)
    [name] = await other_zk.children("/b")
    await other_zk.delete(f"/b/{name}")
    await eventually(lambda: hold.state is HoldState.LOST)
    with pytest.raises(LockLostError):
        hold.check()
    assert not await do(zk, hold.release)
    await empty(other_zk, "/a", "/b")
    again = await do(zk, lock.acquire, timeout=10)
    await do(zk, again.release)


async def test_multilock_whose_first_place_is_deleted_while_it_waits(zk, other_zk):
    blocking = await do(other_zk, other_zk.inner.lock("/b").acquire)
    waiting = do(zk, zk.inner.multilock(["/a", "/b"]).acquire)

    async def two():
        try:
            return len(await other_zk.children("/b")) == 2
        except zkc.NoNodeError:
            return False

    await eventually(two)
    [name] = await other_zk.children("/a")
    await other_zk.delete(f"/a/{name}")
    await do(other_zk, blocking.release)
    hold = await waiting
    await do(zk, hold.confirm)
    assert len(await other_zk.children("/a")) == 1
    await do(zk, hold.release)
    await empty(zk, "/a", "/b")


async def test_multilock_cancelled_at_each_step_leaves_nothing(zk):
    if zk.kind == "async":
        lock = zk.inner.multilock(["/a", "/b"])
        for turns in range(25):
            task = asyncio.ensure_future(lock.acquire())
            for _ in range(turns):
                await asyncio.sleep(0.0005)
            task.cancel()
            try:
                hold = await task
            except asyncio.CancelledError:
                continue
            await hold.release()
        await empty(zk, "/a", "/b")


async def test_multilock_survives_an_expired_session(zk, other_zk, expire_zk):
    blocking = await do(zk, zk.inner.lock("/b").acquire)
    waiting = do(other_zk, other_zk.inner.multilock(["/a", "/b"]).acquire)
    assert await waits(waiting, 0.1)
    await expire_zk(other_zk)
    await do(zk, blocking.release)
    hold = await waiting
    assert hold.session_id == other_zk.session_id
    await do(other_zk, hold.confirm)
    await do(other_zk, hold.release)
    await empty(zk, "/a", "/b")


def test_multilock_arguments(client):
    with pytest.raises(TypeError):
        client.multilock("/a")
    with pytest.raises(ValueError, match="empty"):
        client.multilock([])
    with pytest.raises(ValueError, match="root"):
        client.multilock(["/a", "/"])
