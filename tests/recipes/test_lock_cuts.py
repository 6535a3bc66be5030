"""The connection is lost at each request, and at each reply, of an acquire, a downgrade and a release."""

from __future__ import annotations

import pytest

import zkc
from zkc.recipes import HoldState, LockTimeoutError

from ..client.both import eventually
from ..client.proxy_support import Meddler
from .lock_support import do

FATES = pytest.mark.parametrize("fate", ["drop", "lose"])  # The request is not carried out, or its reply is lost.
# Not counted: the handshake, pings, watches that are set again, removed watches, the end of a session.
_OTHERS = {0, 11, 101, 105, 18, -11}
_GET, _REMOVE_WATCHES = 4, 18


class Cut:
    """The hook of a :class:`Meddler` that cuts the connection at the n-th request."""

    def __init__(self, number, fate):
        self.left = number
        self.fate = fate
        self.done = False

    def pop(self, opcode, default=None):
        if opcode in _OTHERS or self.done:
            return None
        self.left -= 1
        if self.left:
            return None
        self.done = True
        return lambda: self.fate


@pytest.fixture
def proxy(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def far_zk(make_zk, through, loop):
    """A client whose connection goes through the proxy."""
    client = make_zk(through, session_timeout=20.0)

    async def start():
        await client.start()

    loop.run_until_complete(start())
    return client


@pytest.fixture
def cut(proxy):
    """Return a function that cuts the connection at the n-th request from now on."""

    def cut(number, fate):
        hook = Cut(number, fate)
        proxy._do(lambda: setattr(proxy, "_hooks", hook))
        return hook

    return cut


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


async def each_cut(zk, far_zk, cut, fate, acquire, *paths, leases=1, after=None):
    """Acquire and release with a cut at the first request, at the second, and so on, until none is left."""
    number, tokens = 0, [0]
    while True:
        number += 1
        hook = cut(number, fate)
        hold = await do(far_zk, acquire, timeout=30)
        if after is not None:
            hold = await do(far_zk, after, hold)
        assert hold.token > tokens[-1]
        tokens.append(hold.token)
        await eventually(lambda hold=hold: hold.state is HoldState.HELD)
        assert await zk.exists(hold.path) is not None

        async def settled():
            return len(await names_below(zk, *paths)) == leases

        await eventually(settled)  # What an attempt has left is deleted in the background.
        await do(far_zk, hold.release, timeout=30)
        await nothing_below(zk, *paths)
        if not hook.done:
            assert number > 3
            return


@FATES
async def test_cut_lock(zk, far_zk, cut, fate):
    """Scenarios 14 and 16."""
    await each_cut(zk, far_zk, cut, fate, far_zk.inner.lock("/l").acquire, "/l")


@FATES
async def test_cut_read_lock(zk, far_zk, cut, fate):
    await each_cut(zk, far_zk, cut, fate, far_zk.inner.rwlock("/l").read.acquire, "/l")


@FATES
@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_cut_downgrade(zk, far_zk, cut, fate, layout):
    write = far_zk.inner.rwlock("/l", layout=layout).write.acquire
    await each_cut(zk, far_zk, cut, fate, write, "/l", after=lambda hold: hold.downgrade(timeout=30))


@FATES
@pytest.mark.parametrize("number", [1, 2])
async def test_cut_semaphore_in_curators_layout(zk, far_zk, cut, fate, number):
    semaphore = far_zk.inner.semaphore("/s", 3)

    def acquire(**options):
        return semaphore.acquire(number, **options)

    await each_cut(zk, far_zk, cut, fate, acquire, "/s/leases", "/s/locks", leases=number)


@FATES
@pytest.mark.parametrize("number", [1, 2])
async def test_cut_semaphore_in_kazoos_layout(zk, far_zk, cut, fate, number):
    semaphore = far_zk.inner.semaphore("/s", 3, layout="kazoo")

    def acquire(**options):
        return semaphore.acquire(number, **options)

    await each_cut(zk, far_zk, cut, fate, acquire, "/s", "/s-__lock__", leases=number)


@FATES
async def test_cut_multilock(zk, far_zk, cut, fate):
    await each_cut(zk, far_zk, cut, fate, far_zk.inner.multilock(["/a", "/b"]).acquire, "/a", "/b", leases=2)


@FATES
@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_cut_semaphore_that_waits(zk, far_zk, cut, fate, layout):
    """Scenario 17."""
    ours = zk.inner.semaphore("/s", 1, layout=layout)
    theirs = far_zk.inner.semaphore("/s", 1, layout=layout)
    leases, queue = {"curator": ("/s/leases", "/s/locks"), "kazoo": ("/s", "/s-__lock__")}[layout]
    number = 0
    while True:
        number += 1
        first = await do(zk, ours.acquire)
        hook = cut(number, fate)
        waiting = do(far_zk, theirs.acquire, timeout=30)
        await eventually(lambda: _some(zk, queue))
        await do(zk, first.release)
        hold = await waiting
        await eventually(lambda hold=hold: hold.state is HoldState.HELD)

        async def one():
            return len(await names_below(zk, leases, queue)) == 1

        await eventually(one)
        await do(far_zk, hold.release, timeout=30)
        await nothing_below(zk, leases, queue)
        if not hook.done:
            assert number > 3
            return


async def _some(zk, path):
    return bool(await names_below(zk, path))


# ---- watches of waits that are given up -----------------------------------------------------------------------------


def watchers(server, hosts, path):
    """Return the ids of the sessions that watch a path at the server."""
    text = server.four_letter_word("wchp") + "\n/"
    block = text.partition(f"{hosts[hosts.index('/') :]}{path}\n")[2].partition("/")[0]
    return {int(line, 16) for line in block.split()}


async def synced(zk):
    try:
        await zk.sync("/")
    except zkc.ConnectionLossError:
        return False
    return True


async def unwatched(server, hosts, zk, path):
    session_id = zk.session_id

    async def gone():
        return session_id not in watchers(server, hosts, path)

    await eventually(gone)


@FATES
async def test_a_watch_whose_removal_is_lost_is_removed_after_the_reconnect(
    zk, far_zk, proxy, zookeeper_server, hosts, fate
):
    """Scenario 18."""
    hold = await do(zk, zk.inner.lock("/a").acquire)
    removals = []

    def lose():
        removals.append(fate)
        return fate

    proxy.before(_REMOVE_WATCHES, lose)
    with pytest.raises(LockTimeoutError):
        await do(far_zk, far_zk.inner.lock("/a").acquire, timeout=0.5)

    await eventually(lambda: removals)
    await eventually(lambda: synced(far_zk))  # It is connected again.
    await unwatched(zookeeper_server, hosts, far_zk, hold.path)
    await do(zk, hold.release)


async def test_a_semaphore_that_times_out_during_its_look_leaves_no_watch(zk, far_zk, proxy, zookeeper_server, hosts):
    """Scenario 18."""
    hold = await do(zk, zk.inner.semaphore("/s", 1).acquire)
    gets = []

    def pause_at_the_second():
        gets.append(True)
        if len(gets) == 1:
            proxy._hooks[_GET] = pause_at_the_second
        else:
            proxy.hold()

    proxy.before(_GET, pause_at_the_second)  # The first get is of the attempt outside of the queue, without a watch.
    with pytest.raises(LockTimeoutError):
        await do(far_zk, far_zk.inner.semaphore("/s", 1).acquire, timeout=0.5)
    assert len(gets) == 2
    proxy.resume()
    await eventually(lambda: synced(far_zk))
    for path in ("/s", "/s/leases"):
        await unwatched(zookeeper_server, hosts, far_zk, path)
    await do(zk, hold.release)
