"""The connection is lost at each request, and at each reply, of an acquire, a downgrade and a release."""

from __future__ import annotations

import pytest

import zkc
from zkc.recipes import HoldState

from ..client.both import eventually
from .cut_support import at_each_request, cutter  # noqa: F401 - pytest finds the fixtures here
from .lock_support import do

FATES = pytest.mark.parametrize("fate", ["drop", "lose"])  # The request is not carried out, or its reply is lost.


@pytest.fixture
def far_zk(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=20.0)


async def names_below(zk, *paths):
    found = []
    for path in paths:
        try:
            found += await zk.children(path)
        except zkc.NoNodeError:
            continue
    return found


async def nothing_below(zk, *paths):
    async def look():
        return not await names_below(zk, *paths)

    await eventually(look)


async def each_cut(zk, far_zk, proxy, fate, acquire, *paths, leases=1, after=None, expected=()):
    """Acquire and release with a cut at the first request, at the second, and so on, until none is left."""
    tokens = [0]

    async def scenario(number):
        hold = await do(far_zk, acquire, timeout=30)
        if after is not None:
            hold = await do(far_zk, after, hold)
        assert hold.token > tokens[-1]
        tokens.append(hold.token)
        await eventually(lambda hold=hold: hold.state is HoldState.HELD)
        assert await zk.exists(hold.path) is not None
        # A longer hold watches its znodes. With that in each run, each request has the same number in all of them.
        await eventually(lambda: hold._armed == set(hold._place.paths))

        async def settled():
            return len(await names_below(zk, *paths)) == leases

        await eventually(settled)  # What an attempt has left is deleted in the background.
        await do(far_zk, hold.release, timeout=30)
        await nothing_below(zk, *paths)
        for path in paths:  # The next run creates the parents.
            await zk.delete("/" + path.split("/")[1], recursive=True, missing_ok=True)

    await at_each_request(proxy, far_zk, fate, scenario, expected)


@FATES
async def test_cut_lock(zk, far_zk, proxy, fate):
    """Scenarios 14 and 16."""
    acquire = far_zk.inner.lock("/l").acquire
    await each_cut(zk, far_zk, proxy, fate, acquire, "/l", expected=["create", "children", "delete"])


@FATES
async def test_cut_read_lock(zk, far_zk, proxy, fate):
    await each_cut(zk, far_zk, proxy, fate, far_zk.inner.rwlock("/l").read.acquire, "/l")


@FATES
@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_cut_downgrade(zk, far_zk, proxy, fate, layout):
    write = far_zk.inner.rwlock("/l", layout=layout).write.acquire
    await each_cut(zk, far_zk, proxy, fate, write, "/l", after=lambda hold: hold.downgrade(timeout=30))


@FATES
@pytest.mark.parametrize("number", [1, 2])
async def test_cut_semaphore_in_curators_layout(zk, far_zk, proxy, fate, number):
    semaphore = far_zk.inner.semaphore("/s", 3)

    def acquire(**options):
        return semaphore.acquire(number, **options)

    await each_cut(zk, far_zk, proxy, fate, acquire, "/s/leases", "/s/locks", leases=number)


@FATES
@pytest.mark.parametrize("number", [1, 2])
async def test_cut_semaphore_in_kazoos_layout(zk, far_zk, proxy, fate, number):
    semaphore = far_zk.inner.semaphore("/s", 3, layout="kazoo")

    def acquire(**options):
        return semaphore.acquire(number, **options)

    await each_cut(zk, far_zk, proxy, fate, acquire, "/s", "/s-__lock__", leases=number)


@FATES
async def test_cut_multilock(zk, far_zk, proxy, fate):
    await each_cut(zk, far_zk, proxy, fate, far_zk.inner.multilock(["/a", "/b"]).acquire, "/a", "/b", leases=2)


@FATES
@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_cut_semaphore_that_waits(zk, far_zk, proxy, fate, layout):
    """Scenario 17."""
    ours = zk.inner.semaphore("/s", 1, layout=layout)
    theirs = far_zk.inner.semaphore("/s", 1, layout=layout)
    leases, queue = {"curator": ("/s/leases", "/s/locks"), "kazoo": ("/s", "/s-__lock__")}[layout]

    async def scenario(number):
        first = await do(zk, ours.acquire)
        waiting = do(far_zk, theirs.acquire, timeout=30)

        async def queued(waiting=waiting):
            if waiting.done():
                pytest.fail(f"it did not wait: {waiting.result()}")
            return await names_below(zk, queue)

        await eventually(queued)
        await do(zk, first.release)
        hold = await waiting
        await eventually(lambda hold=hold: hold.state is HoldState.HELD)

        async def one():
            return len(await names_below(zk, leases, queue)) == 1

        await eventually(one)
        await do(far_zk, hold.release, timeout=30)
        await nothing_below(zk, leases, queue)

    await at_each_request(proxy, far_zk, fate, scenario)


@FATES
@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_cut_lock_that_waits(zk, far_zk, proxy, fate, layout):
    """Scenario 17."""
    ours, theirs = zk.inner.lock("/l", layout=layout), far_zk.inner.lock("/l", layout=layout)

    async def scenario(number):
        first = await do(zk, ours.acquire)
        waiting = do(far_zk, theirs.acquire, timeout=30)

        async def queued():
            # With its watch, too: a release before it would be seen by the listing, and no watch would be needed.
            return far_zk.inner._session.watch_count > 0 and len(await names_below(zk, "/l")) == 2

        await eventually(queued)
        await do(zk, first.release)
        hold = await waiting
        assert hold.token > first.token
        await do(far_zk, hold.release, timeout=30)
        await nothing_below(zk, "/l")

    await at_each_request(proxy, far_zk, fate, scenario, ["create", "children", "get", "exists", "delete"])


async def attempt(zk, lock, way):
    """Get a hold by one of the ways to it."""
    if way == "enqueue":
        ticket = await do(zk, lock.enqueue, timeout=30)
        return await do(zk, ticket.wait, timeout=30)
    return await do(zk, getattr(lock, way), timeout=30)


@FATES
@pytest.mark.parametrize("way", ["acquire", "try_acquire", "enqueue"])
@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_cut_lock_whose_parents_are_missing(zk, far_zk, proxy, fate, way, layout):
    """Scenarios 14, 16, and the creates of the parents. Each cut is at another path."""

    async def scenario(number):
        path = f"/l{number}/m/n"
        hold = await attempt(far_zk, far_zk.inner.lock(path, layout=layout), way)
        await eventually(lambda: hold.state is HoldState.HELD)
        assert await zk.exists(hold.path) is not None
        assert await do(far_zk, hold.release, timeout=30) is True
        await nothing_below(zk, path)

    await at_each_request(proxy, far_zk, fate, scenario)
