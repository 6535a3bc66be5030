"""The read-write lock: sharing, order, downgrade."""

from __future__ import annotations

import asyncio
import random

import pytest

import zkc
from zkc.recipes import HoldState, LockLostError, LockTimeoutError, UpgradeError

from ..client.both import eventually
from .lock_support import do, waits

LAYOUTS = pytest.mark.parametrize("layout", ["curator", "kazoo"])
PATH = "/rw"


def rw(zk, layout="curator", path=PATH):
    return zk.inner.rwlock(path, layout=layout)


async def queued(zk, count, path=PATH):
    """Wait until so many contenders are there."""

    async def look():
        try:
            return len(await zk.children(path)) == count
        except zkc.NoNodeError:
            return count == 0  # An empty container is deleted.

    await eventually(look)


@LAYOUTS
async def test_rwlock_readers_share_and_a_writer_waits_for_them(zk, other_zk, layout):
    """Scenario 37."""
    lock, other = rw(zk, layout), rw(other_zk, layout)
    one = await do(zk, lock.read.acquire)
    two = await do(zk, lock.read.acquire)
    three = await do(other_zk, other.read.acquire)
    writing = do(other_zk, other.write.acquire)
    await queued(zk, 4)
    await do(zk, one.release)
    await do(other_zk, three.release)
    assert await waits(writing)
    await do(zk, two.release)
    hold = await writing
    assert hold.token > three.token
    assert await do(other_zk, hold.release)


@LAYOUTS
async def test_rwlock_later_readers_wait_for_the_writer(zk, other_zk, layout):
    """Scenario 37."""
    lock, other = rw(zk, layout), rw(other_zk, layout)
    first = await do(zk, lock.read.acquire)
    writing = do(other_zk, other.write.acquire)
    await queued(zk, 2)
    reading = [do(zk, lock.read.acquire) for _ in range(3)]
    await queued(zk, 5)
    assert await do(zk, lock.read.try_acquire) is None
    assert await do(zk, lock.write.try_acquire) is None
    assert await waits(reading[0])
    assert [found.kind for found in await do(zk, lock.read.contenders)] == ["read", "write", "read", "read", "read"]
    assert [found.is_holder for found in await do(zk, lock.write.contenders)] == [True, False, False, False, False]
    await do(zk, first.release)
    write = await writing
    assert await waits(reading[0])
    await do(other_zk, write.release)
    for hold in await asyncio.gather(*reading):
        await do(zk, hold.release)
    await queued(zk, 0)


@LAYOUTS
async def test_rwlock_names(zk, layout):
    lock = rw(zk, layout)
    read = await do(zk, lock.read.acquire)
    await do(zk, read.release)
    write = await do(zk, lock.write.acquire)
    await do(zk, write.release)
    read_end, write_end = {"curator": ("-__READ__", "-__WRIT__"), "kazoo": ("__rlock__", "__lock__")}[layout]
    assert read.path.endswith(f"{read_end}0000000000")
    assert write.path.endswith(f"{write_end}0000000001")
    assert (read.path.split("/")[-1].startswith("_c_")) == (layout == "curator")


@LAYOUTS
async def test_rwlock_downgrade_keeps_the_place(zk, other_zk, layout):
    """Scenario 38."""
    lock, other = rw(zk, layout), rw(other_zk, layout)
    write = await do(zk, lock.write.acquire)
    writing = do(other_zk, other.write.acquire)
    await queued(zk, 2)
    reading = do(other_zk, other.read.acquire)
    await queued(zk, 3)
    read = await do(zk, write.downgrade)
    assert write.state is HoldState.RELEASED
    assert read.state is HoldState.HELD
    assert read.token > write.token
    assert read.path[-10:] == write.path[-10:]
    assert await waits(writing)
    assert not reading.done()
    await do(zk, read.confirm)
    assert not await do(zk, write.release)
    assert await do(zk, read.release)
    second = await writing
    assert not reading.done()
    # A reader that waits behind a writer gets the lock with its downgrade.
    shared = await do(other_zk, second.downgrade)
    beside = await reading
    assert shared.state is beside.state is HoldState.HELD
    await do(other_zk, shared.release)
    await do(other_zk, beside.release)


async def test_rwlock_downgrade_of_a_lost_hold(zk):
    lock = rw(zk)
    write = await do(zk, lock.write.acquire)
    await zk.delete(write.path)
    with pytest.raises(LockLostError):
        await do(zk, write.downgrade)
    assert write.state is HoldState.LOST
    assert write.reason == "deleted"
    again = await do(zk, lock.write.acquire)
    await do(zk, again.release)
    with pytest.raises(LockLostError):
        await do(zk, again.downgrade)
    await queued(zk, 0)


async def test_rwlock_downgrade_that_times_out_releases(make_zk, through, proxy, zk):
    slow = make_zk(through)
    await slow.start()
    lock = rw(slow)
    write = await do(slow, lock.write.acquire)
    proxy.pause()
    with pytest.raises(zkc.OperationTimeoutError):
        await do(slow, write.downgrade, timeout=0.2)
    proxy.resume()
    await eventually(lambda: write.state is HoldState.RELEASED)
    await queued(zk, 0)


async def test_rwlock_block_and_downgrade_block(zk):
    lock = rw(zk)
    if zk.kind == "async":
        async with lock.write as write, await write.downgrade() as read:
            assert read.state is HoldState.HELD
    else:
        with lock.write as write, write.downgrade() as read:
            assert read.state is HoldState.HELD
    assert read.state is HoldState.RELEASED
    await queued(zk, 0)


async def test_rwlock_upgrade_is_refused_at_once(zk):
    """Scenario 38."""
    lock = rw(zk)
    if zk.kind == "async":
        async with lock.read as read:
            with pytest.raises(UpgradeError, match="/rw"):
                await lock.write.acquire()
            with pytest.raises(UpgradeError):
                await read.upgrade()
            assert await lock.write.try_acquire() is None
        async with lock.write:
            pass
    else:
        with lock.read as read:
            with pytest.raises(UpgradeError, match="/rw"):
                lock.write.acquire()
            with pytest.raises(UpgradeError):
                read.upgrade()
            assert lock.write.try_acquire() is None
        with lock.write:
            pass


async def test_rwlock_give_up_of_a_writer_frees_the_readers_behind(zk, other_zk):
    lock, other = rw(zk), rw(other_zk)
    first = await do(zk, lock.read.acquire)
    writing = do(other_zk, other.write.acquire, timeout=2.0)
    await queued(zk, 2)
    reading = do(zk, lock.read.acquire)
    with pytest.raises(LockTimeoutError):
        await writing
    second = await reading  # The sequence of reader, writer, reader that hung elsewhere.
    await do(zk, first.release)
    await do(zk, second.release)
    await queued(zk, 0)


class Model:
    """The holders of a lock: many readers, or one writer."""

    def __init__(self):
        self.readers = 0
        self.writers = 0
        self.steps = 0

    def add(self, readers, writers):
        self.readers += readers
        self.writers += writers
        self.steps += 1
        assert self.writers <= 1, "two writers"
        assert not (self.writers and self.readers), "readers beside a writer"


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_rwlock_random_steps_against_a_model(zk, other_zk, layout):
    """Scenario 37."""
    await _random_steps(zk, other_zk, layout, 300)


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_rwlock_ten_thousand_random_steps(zk, other_zk, layout):
    """Scenario 37."""
    await _random_steps(zk, other_zk, layout, 10_000)


async def _random_steps(zk, other_zk, layout, steps):
    model, dice = Model(), random.Random(37)

    async def work(client, lock):
        while model.steps < steps:
            kind = dice.choice(["read", "read", "write"])
            side = getattr(lock, kind)
            try:
                hold = await do(client, side.acquire, timeout=dice.choice([0.002, 60.0]))
            except LockTimeoutError:
                continue
            model.add(kind == "read", kind == "write")
            if kind == "write" and dice.random() < 0.4:
                # The model's writer ends first: readers may join as soon as the servers have the downgrade.
                downgrading = do(client, hold.downgrade)
                model.writers -= 1
                hold, kind = await downgrading, "read"
                model.add(1, 0)
            if dice.random() < 0.3:
                await asyncio.sleep(0.001)
            model.add(-(kind == "read"), -(kind == "write"))
            await do(client, hold.release)

    ours, theirs = rw(zk, layout), rw(other_zk, layout)
    await asyncio.wait_for(
        asyncio.gather(*(work(c, k) for c, k in [(zk, ours)] * 4 + [(other_zk, theirs)] * 4)), 60 + steps / 10
    )
    assert (model.readers, model.writers) == (0, 0)
    await queued(zk, 0)
