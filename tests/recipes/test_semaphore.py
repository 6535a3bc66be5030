"""The semaphore: leases within the limit, in order, in both layouts, while the limit changes."""

from __future__ import annotations

import asyncio
import random

import pytest

import zkc
from zkc.recipes import HoldState, LayoutError, LimitMismatchError, LockTimeoutError

from ..client.both import eventually
from .lock_support import do, waits

LAYOUTS = pytest.mark.parametrize("layout", ["curator", "kazoo"])
PATH = "/sem"
LEASES = {"curator": "/sem/leases", "kazoo": "/sem"}
QUEUE = {"curator": "/sem/locks", "kazoo": "/sem-__lock__"}


def sem(zk, limit, layout="curator", **options):
    return zk.inner.semaphore(PATH, limit, layout=layout, **options)


async def count(zk, path):
    try:
        return len(await zk.children(path))
    except zkc.NoNodeError:
        return 0


async def queued(zk, layout, number):
    await eventually(lambda: _is(zk, QUEUE[layout], number))


async def leased(zk, layout, number):
    await eventually(lambda: _is(zk, LEASES[layout], number))


async def _is(zk, path, number):
    return await count(zk, path) == number


@LAYOUTS
async def test_semaphore_grants_up_to_the_limit(zk, other_zk, layout):
    one, two = sem(zk, 2, layout, identifier="ours"), sem(other_zk, 2, layout)
    first = await do(zk, one.acquire)
    second = await do(other_zk, two.acquire)
    assert await do(zk, one.available) == 0
    assert await do(zk, one.try_acquire) is None
    with pytest.raises(LockTimeoutError, match=r"holders\(\) shows"):
        await do(zk, one.acquire, timeout=0.1)
    await leased(zk, layout, 2)  # A lease of an attempt that was given up is deleted in the background.
    holders = await do(other_zk, two.holders)
    assert {(found.data, found.is_mine) for found in holders} == {(b"ours", False), (b"", True)}
    assert all(found.is_holder and found.kind == "lease" for found in holders)
    third = do(zk, one.acquire)
    assert await waits(third)
    assert await do(other_zk, second.release)
    third = await third
    await do(zk, first.confirm)
    assert await do(zk, one.available) == 0
    await do(zk, first.release)
    await do(zk, third.release)
    await leased(zk, layout, 0)
    await queued(zk, layout, 0)
    fourth = await do(zk, one.try_acquire)
    assert fourth.state is HoldState.HELD
    await do(zk, fourth.release)


@LAYOUTS
async def test_semaphore_names(zk, layout):
    hold = await do(zk, sem(zk, 3, layout).acquire)
    name = hold.path.rpartition("/")[2]
    assert hold.path == f"{LEASES[layout]}/{name}"
    if layout == "curator":
        assert name.startswith("_c_")
        assert name.endswith("-lease-0000000000")
    else:
        assert len(name) == 32
        assert int(name, 16) >= 0
        assert (await zk.get(PATH))[0] == b"3"
    await do(zk, hold.release)


@LAYOUTS
async def test_semaphore_several_leases_at_once(zk, other_zk, layout):
    one, two = sem(zk, 3, layout), sem(other_zk, 3, layout)
    both = await do(zk, one.acquire, 2)
    assert await do(zk, one.available) == 1
    await do(zk, both.confirm)
    waiting = do(other_zk, two.acquire, 2)
    assert await waits(waiting)
    # Others stand behind, even for one lease: all are served in their order.
    assert await do(zk, one.try_acquire) is None
    await do(zk, both.release)
    second = await waiting
    await leased(zk, layout, 2)
    third = await do(zk, one.acquire)
    await do(other_zk, second.release)
    await do(zk, third.release)
    await leased(zk, layout, 0)
    with pytest.raises(ValueError, match="limit"):
        await do(zk, one.acquire, 4)
    with pytest.raises(ValueError, match="n must be"):
        await do(zk, one.acquire, 0)


@LAYOUTS
async def test_semaphore_hold_of_several_leases_is_lost_with_any(zk, other_zk, layout):
    hold = await do(zk, sem(zk, 3, layout).acquire, 3)
    names = sorted(await other_zk.children(LEASES[layout]))
    await asyncio.sleep(0.05)
    await other_zk.delete(f"{LEASES[layout]}/{names[-1]}")
    await eventually(lambda: hold.state is HoldState.LOST)
    assert hold.reason == "deleted"
    assert not await do(zk, hold.release)
    await leased(zk, layout, 0)  # The client deletes the others.


@LAYOUTS
async def test_semaphore_limit_changes_while_clients_wait(zk, other_zk, layout):
    """Scenario 40."""
    ours, theirs = sem(zk, 3, layout), sem(other_zk, 3, layout)
    holds = [await do(zk, ours.acquire) for _ in range(3)]
    waiting = [do(zk, ours.acquire) for _ in range(4)]
    await queued(zk, layout, 4)
    assert await waits(asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED))
    await do(other_zk, theirs.set_limit, 5)
    await eventually(lambda: sum(call.done() for call in waiting) == 2)
    assert await waits(asyncio.wait([call for call in waiting if not call.done()], return_when="FIRST_COMPLETED"))
    await do(other_zk, theirs.set_limit, 2)
    holds += [call.result() for call in waiting if call.done()]
    waiting = [call for call in waiting if not call.done()]
    for left in (4, 3, 2):
        await do(zk, holds.pop().release)
        assert await waits(asyncio.wait(waiting, return_when="FIRST_COMPLETED"), 0.05)
        assert len(holds) == left
    await do(zk, holds.pop().release)
    await eventually(lambda: sum(call.done() for call in waiting) == 1)
    await do(zk, holds.pop().release)
    for hold in await asyncio.gather(*waiting):
        await do(zk, hold.release)
    assert ours.limit == theirs.limit == 2
    await leased(zk, layout, 0)
    await queued(zk, layout, 0)


@LAYOUTS
async def test_semaphore_limit_before_the_first_lease(zk, other_zk, layout):
    first = sem(zk, 1, layout)
    await do(zk, first.set_limit, 2)
    other = sem(other_zk, 2, layout)
    assert await do(other_zk, other.available) == 2
    await do(other_zk, other.set_limit, 0)
    assert await do(zk, first.try_acquire) is None
    with pytest.raises(ValueError, match="limit"):
        await do(zk, first.set_limit, -1)


async def test_semaphore_limit_of_curator_is_a_shared_count(zk):
    one = sem(zk, 1)
    await do(zk, one.set_limit, 3)
    assert (await zk.get(PATH))[0] == b"\0\0\0\3"
    assert await do(zk, sem(zk, 1).available) == 3


async def test_semaphore_limit_mismatch(zk):
    first = await do(zk, sem(zk, 2, "kazoo").acquire)
    with pytest.raises(LimitMismatchError, match="2 there, 3 here"):
        await do(zk, sem(zk, 3, "kazoo").acquire)
    await queued(zk, "kazoo", 0)
    await do(zk, first.release)


async def test_semaphore_layout_error(zk):
    first = await do(zk, sem(zk, 2, "kazoo").acquire)
    with pytest.raises(LayoutError, match="kazoo"):
        await do(zk, sem(zk, 2, "curator").acquire)
    await do(zk, first.release)
    await leased(zk, "curator", 0)
    other = zk.inner.semaphore("/other", 2)
    hold = await do(zk, other.acquire)
    with pytest.raises(LayoutError, match="Curator"):
        await do(zk, zk.inner.semaphore("/other", 2, layout="kazoo").acquire)
    await do(zk, hold.release)


@LAYOUTS
async def test_semaphore_ignores_other_children_of_its_queue(zk, layout):
    """Scenario 31."""
    await zk.create(f"{QUEUE[layout]}/zz", make_parents=True)
    hold = await do(zk, sem(zk, 1, layout).try_acquire)
    assert hold is not None
    assert await do(zk, sem(zk, 1, layout).try_acquire) is None
    await do(zk, hold.release)


async def test_semaphore_whose_queue_has_contenders_of_another_layout(zk):
    await zk.create("/sem/locks/" + "0" * 32 + "__lock__0000000001", make_parents=True)
    for call in (sem(zk, 1).try_acquire, sem(zk, 1).acquire):
        with pytest.raises(LayoutError):
            await do(zk, call)
    await leased(zk, "curator", 0)


@LAYOUTS
async def test_semaphore_waiters_are_served_in_order(zk, layout):
    one = sem(zk, 1, layout)
    hold = await do(zk, one.acquire)
    order, waiting = [], []

    async def wait(number):
        got = await do(zk, one.acquire)
        order.append(number)
        await do(zk, got.release)

    for number in range(5):
        waiting.append(asyncio.ensure_future(wait(number)))
        await queued(zk, layout, number + 1)
    await do(zk, hold.release)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]


@LAYOUTS
async def test_semaphore_cancelled_waiters_leave_nothing(zk, other_zk, layout):
    one, two = sem(zk, 1, layout), sem(other_zk, 1, layout)
    hold = await do(zk, one.acquire)
    for _ in range(3):
        with pytest.raises(LockTimeoutError):
            await do(other_zk, two.acquire, timeout=0.05)
    if zk.kind == "async":
        for _ in range(10):
            task = asyncio.ensure_future(two.acquire())
            for _ in range(random.randrange(8)):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    await leased(zk, layout, 1)
    await queued(zk, layout, 0)
    await do(zk, hold.release)
    hold = await do(other_zk, two.acquire)
    await do(other_zk, hold.release)


@LAYOUTS
async def test_semaphore_waiter_survives_an_expired_session(zk, other_zk, expire_zk, layout):
    one, two = sem(zk, 1, layout), sem(other_zk, 1, layout)
    hold = await do(zk, one.acquire)
    waiting = do(other_zk, two.acquire)
    await queued(zk, layout, 1)
    await expire_zk(other_zk)
    await queued(zk, layout, 1)
    await do(zk, hold.release)
    hold = await waiting
    assert hold.session_id == other_zk.session_id
    await do(other_zk, hold.release)
    await leased(zk, layout, 0)
    await queued(zk, layout, 0)


@LAYOUTS
async def test_semaphore_of_an_expired_holder_is_free(zk, other_zk, expire_zk, layout):
    one, two = sem(zk, 1, layout), sem(other_zk, 1, layout)
    hold = await do(zk, one.acquire)
    waiting = do(other_zk, two.acquire)
    await queued(other_zk, layout, 1)
    await expire_zk(zk)
    second = await waiting
    await eventually(lambda: hold.state is HoldState.LOST)
    await do(other_zk, second.release)


async def test_semaphore_speculation_does_not_overtake(zk, other_zk):
    """Scenario 41."""
    one, two = sem(zk, 1), sem(other_zk, 1)
    hold = await do(zk, one.acquire)
    waiting = do(other_zk, two.acquire)
    await queued(zk, "curator", 1)
    stop = False

    async def race():
        while not stop:
            with pytest.raises(LockTimeoutError):
                await do(zk, one.acquire, timeout=0.02)

    racing = [asyncio.ensure_future(race()) for _ in range(3)]
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await do(zk, hold.release)
    second = await waiting
    stop = True
    await asyncio.gather(*racing)
    await do(other_zk, second.release)


@LAYOUTS
@pytest.mark.parametrize("limit", [1, 3])
async def test_semaphore_is_never_over_the_limit(zk, other_zk, layout, limit):
    """Scenario 39."""
    held, most, dice = 0, 0, random.Random(39)

    async def work(client, one):
        nonlocal held, most
        for _ in range(12):
            size = dice.randint(1, limit)
            try:
                hold = await do(client, one.acquire, size, timeout=dice.choice([0.01, 60.0]))
            except LockTimeoutError:
                continue
            held += size
            most = max(most, held)
            assert held <= limit
            if dice.random() < 0.5:
                await asyncio.sleep(0.002)
            held -= size
            await do(client, hold.release)

    ours, theirs = sem(zk, limit, layout), sem(other_zk, limit, layout)
    await asyncio.gather(*(work(zk, ours) for _ in range(5)), *(work(other_zk, theirs) for _ in range(5)))
    assert most == limit
    await leased(zk, layout, 0)
    await queued(zk, layout, 0)
