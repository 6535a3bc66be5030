"""The watches of waits that are given up: none stays at the server, whatever is lost."""

from __future__ import annotations

import pytest

import zkc
from zkc.recipes import LockTimeoutError

from ..client.both import eventually
from ..client.proxy_support import Meddler
from .lock_support import do

FATES = pytest.mark.parametrize("fate", ["drop", "lose"])  # The request is not carried out, or its reply is lost.
_GET, _REMOVE_WATCHES = 4, 18


@pytest.fixture
def proxy(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def far_zk(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=20.0)


def watchers(server, hosts, path):
    """Return the ids of the sessions that watch a path at the server."""
    text = server.four_letter_word("wchp", timeout=30.0) + "\n/"
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
        await do(far_zk, far_zk.inner.lock("/a").acquire, timeout=2.0)

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
        await do(far_zk, far_zk.inner.semaphore("/s", 1).acquire, timeout=2.0)
    assert len(gets) == 2
    proxy.resume()
    await eventually(lambda: synced(far_zk))
    for path in ("/s", "/s/leases"):
        await unwatched(zookeeper_server, hosts, far_zk, path)
    await do(zk, hold.release)
