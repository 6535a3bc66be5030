"""The lease: outlives the session, is taken over after its ttl, and taken back by its owner."""

from __future__ import annotations

import asyncio
import time

import pytest

import zkc
from zkc.recipes import HoldState, LockInDoubtError, LockLostError, LockTimeoutError

from ..client.both import eventually
from ..client.proxy_support import MULTI, Meddler
from .lock_support import do, waits


@pytest.fixture
def proxy(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


def lease_of(zk, owner="one", ttl=30.0, **options):
    return zk.inner.lease("/a/lease", owner=owner, ttl=ttl, **options)


async def grants(zk):
    return [name for name in await zk.children("/a/lease") if name != "clock"]


async def test_lease_acquire_release(zk, other_zk):
    lease, other = lease_of(zk), lease_of(other_zk, "two")
    assert await do(zk, lease.holder) is None
    hold = await do(zk, lease.acquire)
    assert (hold.owner, hold.state) == ("one", HoldState.HELD)
    assert 20.0 < hold.valid_for() <= 30.0
    hold.check(margin=20.0)
    await do(zk, hold.confirm)
    await do(zk, hold.renew)
    assert await do(other_zk, other.try_acquire) is None
    found = await do(other_zk, other.holder)
    assert (found.owner, found.ttl, found.token) == ("one", 30.0, hold.token)
    acquiring = do(other_zk, other.acquire)
    assert await waits(acquiring)
    assert await do(zk, hold.release)
    assert not await do(zk, hold.release)
    second = await acquiring
    assert second.token > hold.token
    for call in (hold.renew, hold.confirm):
        with pytest.raises(LockLostError, match="this hold was released"):
            await do(zk, call)
    with pytest.raises(LockLostError):
        hold.check()
    await do(other_zk, second.release)
    assert await grants(zk) == []


async def test_lease_timeout_leaves_nothing(zk, other_zk):
    hold = await do(zk, lease_of(zk).acquire)
    with pytest.raises(LockTimeoutError, match=r"0\.3 s\); holder\(\) shows"):
        await do(other_zk, lease_of(other_zk, "two").acquire, timeout=0.3)
    with pytest.raises(LockTimeoutError, match=r"the owner 'one' has it: adopt\(\)"):
        await do(other_zk, lease_of(other_zk).acquire, timeout=2.0)
    assert len(await grants(zk)) == 1
    await do(zk, hold.release)


async def test_lease_is_renewed_and_outlives_the_session(zk, other_zk, expire_zk):
    hold = await do(zk, lease_of(zk, ttl=5.0).acquire)
    acquiring = do(other_zk, lease_of(other_zk, "two").acquire)
    await expire_zk(zk)
    await asyncio.sleep(5.5)  # Longer than it would last without a renewal.
    assert hold.state is HoldState.HELD
    assert not acquiring.done()
    await do(zk, hold.release)
    await do(other_zk, (await acquiring).release)


async def test_lease_is_taken_over_after_its_ttl(zk, other_zk):
    begun = time.monotonic()
    hold = await do(zk, lease_of(zk, ttl=1.0, renew=False).acquire)
    second = await do(other_zk, lease_of(other_zk, "two").acquire, timeout=20)
    assert time.monotonic() - begun > 0.9
    assert second.token > hold.token
    assert hold.state is HoldState.IN_DOUBT
    with pytest.raises(LockInDoubtError):
        hold.check()
    writing = hold.transaction()
    writing.create("/late", b"")
    with pytest.raises(zkc.NoNodeError) as caught:
        await do(zk, writing.commit)
    assert caught.value.index == 0
    assert await zk.exists("/late") is None
    with pytest.raises(LockLostError):
        await do(zk, hold.renew)
    assert (hold.state, hold.reason, hold.lost.done()) == (HoldState.LOST, "deleted", True)
    assert not await do(zk, hold.release)  # It does not delete the other's.
    await do(other_zk, second.confirm)
    await do(other_zk, second.release)


async def test_lease_that_is_renewed_late_is_held_again(zk):
    hold = await do(zk, lease_of(zk, ttl=0.2, renew=False).acquire)
    await eventually(lambda: hold.state is HoldState.IN_DOUBT)

    async def renewed():
        await do(zk, hold.renew)
        return hold.state is HoldState.HELD  # Not where the reply has taken longer than the ttl.

    await eventually(renewed)
    await do(zk, hold.release)


async def test_lease_is_adopted_after_a_restart(make_zk, zk, other_zk):
    """Scenario 57."""
    own = make_zk()
    await own.start()
    first = await do(own, lease_of(own).acquire)
    await own.close()  # Without a release, as a process that is killed.
    assert len(await grants(zk)) == 1
    assert await do(other_zk, lease_of(other_zk, "two").adopt) is None
    second = await do(zk, lease_of(zk).adopt)
    assert second.token > first.token
    assert await do(other_zk, lease_of(other_zk, "two").try_acquire) is None
    third = await do(other_zk, lease_of(other_zk).adopt)  # By mistake a second process has the same owner.
    with pytest.raises(LockLostError):
        await do(zk, second.confirm)
    await do(other_zk, third.release)
    assert await do(zk, lease_of(zk).adopt) is None


async def test_lease_same_owner_waits_unless_it_adopts(zk, other_zk):
    """Scenario 57."""
    hold = await do(zk, lease_of(zk).acquire)
    assert await do(other_zk, lease_of(other_zk).try_acquire) is None
    await do(zk, hold.release)


async def test_lease_blocks(zk):
    lease = lease_of(zk)
    if zk.kind == "async":
        async with lease as hold:
            await zk.delete(hold.path)
        async with await lease.acquire() as hold:
            hold.check()
        with pytest.raises(LockLostError):
            await lose_in_block(lease, zk)
    else:
        with lease as hold:
            await zk.delete(hold.path)
        with lease.acquire() as hold:
            hold.check()
        hold = lease.acquire()
        await zk.delete(hold.path)
        with pytest.raises(LockLostError):
            hold.renew()
        with pytest.raises(LockLostError), hold:
            pass
    await eventually(lambda: hold.state is not HoldState.HELD)


async def lose_in_block(lease, zk):
    async with lease as hold:
        await zk.delete(hold.path)
        with pytest.raises(LockLostError):
            await hold.renew()


@pytest.mark.parametrize("fate", ["drop", "lose"])
async def test_lease_acquire_whose_request_or_reply_is_lost(make_zk, through, proxy, zk, fate):
    own = make_zk(through)
    await own.start()
    await do(own, (await do(own, lease_of(own).acquire)).release)
    proxy.before(MULTI, lambda: fate)
    hold = await do(own, lease_of(own).acquire, timeout=20)
    assert await grants(zk) == [hold.path.rpartition("/")[2]]
    await do(own, hold.release)
    assert await grants(zk) == []


async def test_lease_acquire_that_times_out_in_flight_leaves_no_grant(make_zk, through, proxy, zk):
    own = make_zk(through)
    await own.start()
    await do(own, (await do(own, lease_of(own).acquire)).release)
    seen = []

    def silence():
        proxy.hold()
        seen.append(1)

    proxy.before(MULTI, silence)
    with pytest.raises(LockTimeoutError):
        await do(own, lease_of(own).acquire, timeout=2.0)
    assert seen
    proxy.resume()

    async def none():
        return await grants(zk) == []

    await asyncio.sleep(0.1)
    await eventually(none)


async def test_lease_with_contenders_is_held_by_one_at_a_time(zk, other_zk):
    holding, tokens = [], []

    async def work(client, owner):
        for _ in range(10):
            hold = await do(client, lease_of(client, owner).acquire, timeout=60)
            holding.append(owner)
            assert holding == [owner]
            tokens.append(hold.token)
            holding.remove(owner)
            await do(client, hold.release)

    await asyncio.gather(*(work(client, f"{n}") for n, client in enumerate([zk, other_zk] * 3)))
    assert tokens == sorted(tokens)
    assert await grants(zk) == []


@pytest.mark.parametrize(
    ("options", "match"), [({"path": "/"}, "root"), ({"owner": ""}, "owner"), ({"ttl": 0}, "ttl"), ({"ttl": -1}, "ttl")]
)
def test_lease_arguments(client, options, match):
    with pytest.raises(ValueError, match=match):
        client.lease(**{"path": "/l", "owner": "x", "ttl": 1.0, **options})
