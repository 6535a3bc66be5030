"""The plain lock in adversity: lost replies, callers that give up, lost parents, and znodes it may not read."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest

import zkc
from zkc import ACL, Perms
from zkc._flow import Driver
from zkc.recipes import HoldState, LockLostError, LockTimeoutError
from zkc.recipes._client_holds import holds_of

from ..client.both import eventually
from ..client.proxy_support import CREATE2, DELETE, Meddler
from .lock_support import do, waits

PATH = "/a"
GET = 4
FATES = pytest.mark.parametrize("fate", ["drop", "lose"])  # The request is not carried out, or its reply is lost.
RACES = [300, pytest.param(10_000, marks=[pytest.mark.full, pytest.mark.timeout(900)])]


@pytest.fixture
def proxy(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def far_zk(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=20.0)


async def names(zk):
    with contextlib.suppress(zkc.NoNodeError):
        return await zk.children(PATH)
    return []


async def nothing_left(zk, other_zk):
    """Wait until neither a contender is left, nor a hold that its client follows."""

    async def look():
        return not await names(other_zk) and not holds_of(zk.inner).all()

    await eventually(look)


async def contend(zk, count):
    async def look():
        return len(await names(zk)) == count

    await eventually(look)


def cut(proxy, opcode, fate):
    """Cut the connection at the next request of a kind, and refuse others; return what tells that it happened."""
    happened = []

    def act():
        proxy._unlisten()
        happened.append(True)
        return fate

    proxy.before(opcode, act)
    return lambda: bool(happened)


@FATES
async def test_lock_whose_caller_gives_up_after_a_lost_reply(zk, far_zk, proxy, fate):
    """Scenario 15."""
    await zk.create(PATH)
    lock = far_zk.inner.lock(PATH)
    happened = cut(proxy, CREATE2, fate)
    if far_zk.kind == "async":
        waiting = do(far_zk, lock.acquire)
        await eventually(happened)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    else:
        with pytest.raises(LockTimeoutError):
            await do(far_zk, lock.acquire, timeout=0.3)
        await eventually(happened)
    if fate == "lose":
        await contend(zk, 1)  # It was created, and the client does not know.
    proxy.accept()
    await nothing_left(far_zk, zk)
    hold = await do(far_zk, lock.acquire, timeout=20)
    await contend(zk, 1)
    await do(far_zk, hold.release)


@FATES
async def test_lock_whose_predecessor_leaves_while_the_connection_is_lost(zk, far_zk, proxy, fate):
    """Scenario 17: the watch of the one in front is under way."""
    first = await do(zk, zk.inner.lock(PATH).acquire)
    happened = cut(proxy, GET, fate)
    waiting = do(far_zk, far_zk.inner.lock(PATH).acquire, timeout=30)
    await eventually(happened)
    await do(zk, first.release)
    await contend(zk, 1)
    assert await waits(asyncio.shield(waiting), 0.05)
    proxy.accept()
    hold = await waiting
    await eventually(lambda: hold.state is HoldState.HELD)
    await do(far_zk, hold.confirm)
    await do(far_zk, hold.release)
    await nothing_left(far_zk, zk)


@FATES
async def test_lock_whose_release_is_lost(zk, far_zk, proxy, fate):
    """Scenario 23."""
    lock = far_zk.inner.lock(PATH)
    hold = await do(far_zk, lock.acquire)
    happened = cut(proxy, DELETE, fate)
    with pytest.raises(zkc.OperationTimeoutError):  # The caller waits as long as it wants.
        await do(far_zk, hold.release, timeout=0.3)
    await eventually(happened)
    assert hold.state is HoldState.RELEASED
    second = do(zk, zk.inner.lock(PATH).acquire)
    proxy.accept()
    await do(zk, (await second).release)  # The deletion goes on.
    assert await do(far_zk, hold.release) is False

    hold = await do(far_zk, lock.acquire)
    happened = cut(proxy, DELETE, fate)
    waiting = do(far_zk, hold.release, timeout=30)
    await eventually(happened)
    assert await waits(asyncio.shield(waiting), 0.05)
    proxy.accept()
    assert await waiting is True
    await nothing_left(far_zk, zk)


# ---- cancellations --------------------------------------------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch):
    """Return a function that calls a function at the n-th step of the drivers in a loop, and what tells of it.

    A driver waits at a step, and continues after it: the caller says at which of both.
    """

    def steps(name, number, function):
        inner, counter, reached = getattr(Driver, name), itertools.count(1), []

        def step(driver, *arguments):
            if asyncio.isfuture(driver.future) and next(counter) == number:
                reached.append(True)
                function()
            return inner(driver, *arguments)

        monkeypatch.setattr(Driver, name, step)
        return reached

    yield steps
    monkeypatch.undo()


@pytest.mark.parametrize("kind", ["async"])
@pytest.mark.parametrize("name", ["_wait", "_advance"])
@pytest.mark.parametrize("busy", [False, True])
async def test_lock_cancelled_at_each_await(zk, other_zk, steps, monkeypatch, name, busy):
    """Scenarios 18 and 19: a step waits, or its reply is being delivered."""
    lock, theirs = zk.inner.lock(PATH), other_zk.inner.lock(PATH)
    tasks = asyncio.all_tasks()
    for number in itertools.count(1):
        first = await theirs.acquire() if busy else None
        task = asyncio.ensure_future(_acquire(lock))
        reached = steps(name, number, task.cancel)
        following = None
        if first is not None:
            await asyncio.wait([task], timeout=0.02)
            following = asyncio.ensure_future(_acquire(theirs))
            await first.release()
        try:
            hold = await task
        except asyncio.CancelledError:
            pass
        else:
            await hold.release()
        monkeypatch.undo()
        if following is not None:
            await (await following).release()  # The next in line gets it.
        await nothing_left(zk, other_zk)
        assert asyncio.all_tasks() == tasks
        if not reached:
            assert number > 1
            return
        await (await lock.acquire(timeout=20)).release()


async def _acquire(lock):
    return await lock.acquire(timeout=20)


async def cancelled_after(turns, acquiring):
    """Wait for a hold for so many turns of the event loop; a timeout of asyncio would round up to milliseconds."""
    task = asyncio.ensure_future(acquiring)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    return await task


@pytest.mark.parametrize("count", RACES)
async def test_lock_whose_grant_races_with_a_timeout(zk, other_zk, count):
    """Scenario 19."""
    await zk.create(PATH)
    lock, won, lost = zk.inner.lock(PATH), 0, 0
    for number in range(count):
        try:
            if zk.kind == "async":
                hold = await cancelled_after(number % 200, lock.acquire())
            else:
                hold = lock.acquire(timeout=0.0001 * (number % 40 + 1))
        except (asyncio.CancelledError, LockTimeoutError):
            lost += 1
        else:
            won += 1
            await do(zk, hold.release)
    await nothing_left(zk, other_zk)
    assert lost
    hold = await do(zk, lock.acquire, timeout=20)
    await do(zk, hold.release)


# ---- clients and lock objects ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("closed", [False, True])
async def test_lock_of_a_client_without_a_session(make_zk, closed):
    """Scenario 25."""
    zk = make_zk()
    lock = zk.inner.lock(PATH)
    if closed:
        await zk.start()
        await zk.close()
    for call in (lock.acquire, lock.try_acquire, lock.enqueue, lock.contenders, lock.reentrant().acquire):
        with pytest.raises(zkc.ClosingError if closed else zkc.NotStartedError):
            await asyncio.wait_for(do(zk, call), 20)
    if not closed:
        await zk.start()
        await do(zk, (await do(zk, lock.acquire, timeout=20)).release)


async def test_lock_that_waits_while_its_client_is_closed(zk, other_zk):
    """Scenario 25."""
    hold = await do(other_zk, other_zk.inner.lock(PATH).acquire)
    waiting = do(zk, zk.inner.lock(PATH).acquire)
    await contend(other_zk, 2)
    await do(zk, zk.inner.close)
    with pytest.raises(zkc.ClosingError):
        await waiting
    await contend(other_zk, 1)
    await do(other_zk, hold.release)


async def test_lock_object_that_is_used_again(zk, other_zk, expire_zk):
    """Scenario 26: after a timeout, a cancellation, and losses, with a marker of its own each time."""
    lock, theirs = zk.inner.lock(PATH), other_zk.inner.lock(PATH)
    seen, tokens = [], [0]

    async def use():
        hold = await do(zk, lock.acquire, timeout=20)
        assert hold.token > tokens[-1]
        tokens.append(hold.token)
        seen.append(hold.path.rpartition("/")[2][:40])  # The marker, without the counter.
        return hold

    await do(zk, (await use()).release)
    first = await do(other_zk, theirs.acquire)
    with pytest.raises(LockTimeoutError):
        await do(zk, lock.acquire, timeout=0.05)
    if zk.kind == "async":
        task = asyncio.ensure_future(_acquire(lock))
        await contend(other_zk, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await do(other_zk, first.release)
    hold = await use()
    await other_zk.delete(hold.path)
    await eventually(hold.lost.done)
    hold = await use()
    await expire_zk(zk)
    await eventually(hold.lost.done)
    with pytest.raises(LockLostError):
        hold.check()
    await do(zk, (await use()).release)
    assert len(set(seen)) == len(seen) == 4
    await nothing_left(zk, other_zk)


# ---- parents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["acquire", "try_acquire"])
async def test_lock_whose_parent_vanishes_before_the_create(zk, client, far_zk, proxy, call):
    """Scenario 27."""
    lock, before = far_zk.inner.lock(PATH), 0
    for _ in range(3):
        hold = await do(far_zk, lock.acquire, timeout=20)
        before = max(before, hold.token)
        await do(far_zk, hold.release)
    with contextlib.suppress(zkc.NodeExistsError):
        await zk.create(PATH, container=True)

    def reap():
        with contextlib.suppress(zkc.NoNodeError):  # The server may have done so itself.
            client.delete(PATH)

    proxy.before(CREATE2, reap)
    hold = await do(far_zk, getattr(lock, call), timeout=20)
    assert hold.path.endswith("0000000000")  # The counter of the new parent begins again.
    assert hold.token > before
    await do(far_zk, hold.confirm)
    await do(far_zk, hold.release)
    await nothing_left(far_zk, zk)


async def test_lock_whose_container_is_reaped(zk, other_zk):
    """Scenario 27, by the server itself."""
    lock = zk.inner.lock(PATH)
    hold = await do(zk, lock.acquire)
    await do(zk, hold.release)

    async def reaped():
        return await zk.exists(PATH) is None

    await eventually(reaped)
    again = await do(other_zk, other_zk.inner.lock(PATH).acquire, timeout=20)
    assert again.token > hold.token
    waiting = do(zk, lock.acquire, timeout=20)
    await contend(zk, 2)
    await do(other_zk, again.release)
    last = await waiting
    assert last.token > again.token
    await do(zk, last.release)


async def test_lock_whose_parent_is_deleted_under_a_queue(zk, other_zk):
    """Scenario 27, while contenders wait: they join again below a new parent."""
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    locks, tokens = [other_zk.inner.lock(PATH) for _ in range(3)], [hold.token]

    async def use(lock):
        while True:
            granted = await do(other_zk, lock.acquire, timeout=30)
            try:
                await do(other_zk, granted.confirm)
            except LockLostError:  # The one in front was deleted first: this one had the lock, until its own end.
                continue
            assert granted.token > tokens[-1]
            tokens.append(granted.token)
            await do(other_zk, granted.release)
            return

    users = [asyncio.ensure_future(use(lock)) for lock in locks]
    await contend(zk, 4)
    transaction = zk.transaction()
    for name in await zk.children(PATH):
        transaction.delete(f"{PATH}/{name}")
    transaction.delete(PATH)
    await transaction.commit()
    await eventually(hold.lost.done)
    await asyncio.gather(*users)
    assert len(tokens) == 4
    await nothing_left(other_zk, zk)


# ---- access control -------------------------------------------------------------------------------------------------


async def test_lock_behind_a_contender_that_cannot_be_read(zk, other_zk):
    """Scenario 32: it waits by the list of the children, and sends nothing in between."""
    await zk.create(PATH)
    await zk.add_auth("digest", "ann:secret")
    hold = await do(zk, zk.inner.lock(PATH, acl=zkc.CREATOR_ALL_ACL).acquire)
    with pytest.raises(zkc.NoAuthError):
        await other_zk.get(hold.path)
    waiting = do(other_zk, other_zk.inner.lock(PATH).acquire, timeout=30)
    await contend(zk, 2)
    assert await waits(asyncio.shield(waiting))
    before = sum(other_zk.metrics().requests.values())
    assert await waits(asyncio.shield(waiting))
    assert sum(other_zk.metrics().requests.values()) == before
    await do(zk, hold.release)
    second = await waiting
    assert second.token > hold.token
    await do(other_zk, second.release)


async def test_lock_below_a_parent_that_cannot_be_listed(zk, other_zk):
    """Scenario 32: the error is clear, and no contender is left."""
    await zk.add_auth("digest", "ann:secret")
    acl = [*zkc.CREATOR_ALL_ACL, ACL.world(Perms.CREATE | Perms.DELETE)]
    await zk.create(PATH, acl=acl)
    lock = other_zk.inner.lock(PATH)
    for call in (lock.acquire, lock.try_acquire, lock.enqueue):
        with pytest.raises(zkc.NoAuthError, match=PATH):
            await do(other_zk, call, timeout=20)
    await contend(zk, 0)


async def test_lock_below_a_parent_where_nothing_can_be_created(zk, other_zk):
    """Scenario 32."""
    await zk.create(PATH, acl=[ACL.world(Perms.READ)])
    for path in (PATH, f"{PATH}/b"):
        with pytest.raises(zkc.NoAuthError, match=PATH):
            await do(other_zk, other_zk.inner.lock(path).acquire, timeout=20)
