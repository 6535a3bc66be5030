"""Locks whose clients see an old state: the server of the holder is cut off, or reports the session's end too early."""

from __future__ import annotations

import asyncio

import pytest

import zkc
from zkc.recipes import HoldState, LockLostError

from ..client.both import Events, eventually
from ..client.proxy_support import Meddler
from .lock_support import do, waits
from .partition_support import PartitionedEnsemble

TIMEOUT = 4.0  # The session timeout in seconds, which is shorter than the servers' own.


@pytest.fixture(scope="module")
def ensemble():
    """An ensemble whose members notice a silence of each other only after the clients' sessions have expired."""
    with PartitionedEnsemble(sync_limit=15.0) as ensemble:
        yield ensemble
        ensemble.heal()


@pytest.fixture
def partition(ensemble):
    yield ensemble
    ensemble.heal()
    ensemble.wait_ready()


@pytest.fixture
def chroot(partition):
    hosts = partition.new_chroot()
    return hosts[hosts.index("/") :]


async def test_lock_of_a_client_whose_server_is_cut_off(partition, chroot, make_zk):
    """Scenario 12: the client is connected, and another holds its lock. Only a proof of the leader shows that."""
    follower, other = partition.followers
    cut_zk, next_zk = make_zk(follower.hosts + chroot, session_timeout=TIMEOUT), make_zk(other.hosts + chroot)
    async with cut_zk as zk, next_zk:
        states = Events()
        await zk.create("/data", b"0")
        hold = await do(zk, zk.inner.lock("/a").acquire)
        session_id = zk.session_id
        waiting = do(next_zk, next_zk.inner.lock("/a").acquire)
        assert await waits(asyncio.shield(waiting))
        zk.add_listener(states)
        partition.cut_off(follower)
        following = await asyncio.wait_for(waiting, 30)
        assert following.token > hold.token
        # The client and its server notice nothing: the server answers the pings, and lists the old contender.
        assert (zk.connected, states.empty(), hold.state) == (True, True, HoldState.HELD)
        hold.check()
        assert hold.path.rpartition("/")[2] in await zk.children("/a")
        # A proof needs the leader.
        with pytest.raises(zkc.OperationTimeoutError):
            await do(zk, hold.confirm, timeout=0.3)
        late = hold.transaction()
        late.set("/data", b"late")
        writing = do(zk, late.commit, timeout=60)
        await next_zk.set("/data", b"1")
        partition.heal()
        with pytest.raises((LockLostError, zkc.ConnectionLossError, zkc.SessionLostError)):
            await writing
        await eventually(lambda: hold.state is HoldState.LOST)
        with pytest.raises(LockLostError):
            await do(zk, hold.confirm)
        assert (await next_zk.get("/data"))[0] == b"1"
        await do(next_zk, following.confirm)
        assert await do(zk, hold.release) is False
        # Scenario 56: what the server listed for that long belonged to another session than the new one.
        again = do(zk, zk.inner.lock("/a").acquire, timeout=30)
        assert await waits(asyncio.shield(again))
        await do(next_zk, following.release)
        new = await again
        assert new.token > following.token
        assert new.path != hold.path
        assert new.session_id == zk.session_id != session_id
        await do(zk, new.release)


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_lock_of_an_old_session_is_not_taken_for_an_own_one(zookeeper_server, hosts, zk, make_zk, layout):
    """Scenario 56: a server still lists the contender of a session that another has reported as expired."""
    with Meddler("127.0.0.1", zookeeper_server.port) as meddler:
        async with make_zk(meddler.hosts + hosts[hosts.index("/") :], session_timeout=8.0) as lied_to:
            lock = lied_to.inner.lock("/a", layout=layout)
            hold = await do(lied_to, lock.acquire)
            old_id = lied_to.session_id
            meddler.say_expired()
            await eventually(lambda: hold.state is HoldState.LOST)
            assert hold.reason == "expired"
            await lied_to.wait_for(zkc.ClientState.CONNECTED, timeout=30)
            assert lied_to.session_id != old_id
            (contender,) = await do(lied_to, lock.contenders)
            assert (contender.session_id, contender.is_holder, contender.is_mine) == (old_id, True, False)
            assert await do(lied_to, lock.try_acquire) is None
            again = do(lied_to, lock.acquire, timeout=60)
            await eventually(lambda: has_contenders(zk, 2))
            assert not again.done() or await zk.exists(hold.path) is None
            assert await do(lied_to, hold.release) is False  # It deletes no znode of another session.
            new = await again
            assert await zk.exists(hold.path) is None  # Granted after the servers have ended the old session.
            assert (new.token > hold.token, new.session_id) == (True, lied_to.session_id)
            assert new.path != hold.path
            await do(lied_to, new.release)


async def has_contenders(zk, number):
    return len(await zk.children("/a")) == number
