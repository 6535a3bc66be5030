"""Holds whose connection is lost, in each way that on_suspend gives; and holds that others ask back."""

from __future__ import annotations

import asyncio
import time

import pytest

import zkc
from zkc.constants import EventType
from zkc.recipes import HoldState, LockInDoubtError, LockLostError, LockTimeoutError
from zkc.recipes._client_holds import holds_of

from ..client.both import Events, eventually
from .lock_support import do

PATH = "/lock"
LATE = 10.0  # What a busy machine may add to a deadline.


@pytest.fixture
def far_zk(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=20.0)


async def gone(zk, path):
    async def look():
        return await zk.exists(path) is None

    await eventually(look)


def recipes(zk, on_suspend):
    """Make each recipe that takes on_suspend, and return their acquires."""
    inner = zk.inner
    return {
        "lock": inner.lock("/l", on_suspend=on_suspend).acquire,
        "read": inner.rwlock("/r", on_suspend=on_suspend).read.acquire,
        "write": inner.rwlock("/w", on_suspend=on_suspend).write.acquire,
        "semaphore": inner.semaphore("/s", 2, on_suspend=on_suspend).acquire,
        "multilock": inner.multilock(["/a", "/b"], on_suspend=on_suspend).acquire,
    }


async def test_suspended_hold_is_lost_if_so_asked(zk, far_zk, proxy):
    """Scenario 10."""
    holds = [await do(far_zk, acquire) for acquire in recipes(far_zk, "lost").values()]
    told = Events()
    holds[0].add_listener(told)
    proxy.refuse()
    proxy.drop_connections()
    assert await told.next() is HoldState.LOST
    for hold in holds:
        await eventually(lambda hold=hold: hold.state is HoldState.LOST)
        assert hold.reason == "suspended"
        await eventually(hold.lost.done)  # Set behind the state.
        with pytest.raises(LockLostError, match="suspended") as caught:
            hold.check()
        assert not caught.value.session_lost
        assert await zk.exists(hold.path) is not None
    proxy.accept()
    for hold in holds:
        await gone(zk, hold.path)
        assert not await do(far_zk, hold.release)
    assert far_zk.session_id == holds[0].session_id


async def test_suspended_hold_whose_znode_cannot_be_read_goes_on(zk, far_zk, proxy):
    hold = await do(far_zk, far_zk.inner.lock("/l").acquire)
    await zk.set_acl(hold.path, [zkc.ACL.world(zkc.Perms.ADMIN)])
    told = Events()
    hold.add_listener(told)
    for _ in range(2):
        proxy.drop_connections()
        assert await told.next() is HoldState.IN_DOUBT
        assert await told.next() is HoldState.HELD
    assert await do(far_zk, hold.release)
    await gone(zk, hold.path)


async def test_suspended_hold_of_a_downgraded_writer_is_lost(zk, far_zk, proxy):
    write = await do(far_zk, far_zk.inner.rwlock("/w", on_suspend="lost").write.acquire)
    read = await do(far_zk, write.downgrade)
    proxy.drop_connections()
    await eventually(lambda: read.state is HoldState.LOST)
    assert read.reason == "suspended"
    assert write.state is HoldState.RELEASED
    await gone(zk, read.path)


async def test_suspended_hold_is_in_doubt_by_default(far_zk, proxy):
    """Scenario 9."""
    hold = await do(far_zk, far_zk.inner.lock(PATH).acquire)
    told = Events()
    hold.add_listener(told)
    proxy.refuse()
    proxy.drop_connections()
    assert await told.next() is HoldState.IN_DOUBT
    with pytest.raises(LockInDoubtError):
        hold.check()
    proxy.accept()
    assert await told.next() is HoldState.HELD
    hold.check()
    await do(far_zk, hold.confirm)
    await do(far_zk, hold.release)


async def test_suspended_hold_is_lost_at_the_deadline_if_so_asked(zk, make_zk, through, proxy):
    """Scenario 11."""
    far_zk = make_zk(through, session_timeout=5.0)
    await far_zk.start()
    hold = await do(far_zk, far_zk.inner.lock(PATH, on_suspend="deadline").acquire)
    timeout = far_zk.negotiated_timeout
    second = do(zk, zk.inner.lock(PATH).acquire)
    told = Events()
    hold.add_listener(told)
    proxy.refuse()
    proxy.drop_connections()
    begun = time.monotonic()
    assert await told.next() is HoldState.IN_DOUBT
    assert 0.0 < hold.valid_for() <= timeout
    assert not second.done()
    other = zk.inner.lock("/other")
    first = await do(zk, other.acquire)
    with pytest.raises(LockTimeoutError):  # An acquire ends in time, whatever the connection does.
        await do(far_zk, far_zk.inner.lock("/other").acquire, timeout=0.3)
    assert told.empty()  # Long before the deadline.
    assert await told.next() is HoldState.LOST
    assert hold.reason == "deadline"
    assert time.monotonic() - begun <= timeout + LATE
    with pytest.raises(LockLostError, match="deadline"):
        hold.check()
    await do(zk, first.release)
    await do(zk, (await second).release)  # The servers end the session later than the client's deadline.
    proxy.accept()
    await gone(zk, hold.path)


async def test_suspended_hold_outlives_a_short_outage_with_a_deadline(far_zk, proxy):
    hold = await do(far_zk, far_zk.inner.lock(PATH, on_suspend="deadline").acquire)
    told = Events()
    hold.add_listener(told)
    proxy.drop_connections()
    assert await told.next() is HoldState.IN_DOUBT
    assert await told.next() is HoldState.HELD
    assert await do(far_zk, hold.release)


def test_suspend_option_is_checked(client):
    with pytest.raises(ValueError, match="on_suspend"):
        client.lock(PATH, on_suspend="maybe")


# ---- revocation -----------------------------------------------------------------------------------------------------


async def test_revoke_reaches_the_holder(zk, other_zk):
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    asked = Events()
    hold.on_revoke(lambda: asked("asked"))
    lock = other_zk.inner.lock(PATH)
    assert await do(other_zk, lock.revoke, await do(other_zk, lock.holder))
    assert await asked.next() == "asked"
    assert (await other_zk.get(hold.path))[0] == b"__REVOKE__"
    assert hold.state is HoldState.HELD
    assert await do(other_zk, lock.revoke, await do(other_zk, lock.holder))
    await asyncio.sleep(0.1)
    assert asked.empty()  # The function runs once.
    late = Events()
    hold.on_revoke(lambda: late("late"))  # A later callback learns of it, too.
    assert await late.next() == "late"
    holder = await do(other_zk, lock.holder)
    await do(zk, hold.release)
    assert not await do(other_zk, lock.revoke, holder)


async def test_revoke_as_curator_writes_it(zk, other_zk):
    hold = await do(zk, zk.inner.lock(PATH).acquire)
    asked = Events()
    hold.on_revoke(lambda: asked("asked"))
    await other_zk.set(hold.path, b"something else")
    await other_zk.set(hold.path, b"__REVOKE__")
    assert await asked.next() == "asked"
    await do(zk, hold.release)


async def test_revoke_of_a_contender_that_waits(zk, other_zk):
    first = await do(zk, zk.inner.lock(PATH).acquire)
    lock = other_zk.inner.lock(PATH)
    waiting = do(other_zk, lock.acquire)

    async def both():
        return len(await zk.children(PATH)) == 2

    await eventually(both)
    [_, contender] = await do(zk, zk.inner.lock(PATH).contenders)
    assert await do(zk, zk.inner.lock(PATH).revoke, contender)
    await do(zk, first.release)
    second = await waiting
    asked = Events()
    second.on_revoke(lambda: asked("asked"))
    assert await asked.next() == "asked"
    await do(other_zk, second.release)


async def test_revoke_and_break_of_a_wrong_token(zk, other_zk):
    lock = zk.inner.lock(PATH)
    hold = await do(zk, lock.acquire)
    contender = await do(zk, lock.holder)
    await zk.delete(hold.path)
    await zk.create(hold.path)  # Another znode of the same name.
    assert not await do(zk, lock.break_, contender)
    assert await zk.exists(hold.path) is not None
    with pytest.raises(zkc.NodeExistsError):
        await zk.create(hold.path)
    await zk.delete(hold.path)
    await eventually(hold.lost.is_set)


# ---- closing --------------------------------------------------------------------------------------------------------


async def test_close_ends_the_waits_of_all_locks(zk, other_zk):
    ours, theirs = zk.inner, other_zk.inner
    makes = ours.lock("/b"), ours.rwlock("/rw").write, ours.semaphore("/sem", 1)
    holds = [await do(zk, make.acquire) for make in makes]
    ticket = await do(other_zk, theirs.lock("/b").enqueue)
    waits = [
        do(other_zk, call)
        for call in (
            ticket.wait,
            theirs.multilock(["/a", "/b"]).acquire,
            theirs.rwlock("/rw").read.acquire,
            theirs.rwlock("/rw").write.acquire,
            theirs.semaphore("/sem", 1).acquire,
        )
    ]

    async def joined():
        found = [len(await zk.children(path)) for path in ("/b", "/rw", "/sem/locks")]
        return found == [3, 3, 1]

    async def looked():
        try:
            return await joined()
        except zkc.NoNodeError:
            return False

    await eventually(looked)
    await other_zk.close()
    for call in waits:
        with pytest.raises(zkc.ClosingError):
            await call
    for hold in holds:
        await do(zk, hold.release)


@pytest.mark.parametrize("ended", ["session", "znode"])
async def test_a_hold_tells_a_session_that_the_server_has_ended_from_a_deletion(zk, other_zk, expire_zk, ended):
    """Scenarios 5 and 29: over a live connection the server reports the deletion of the znode first in both cases."""
    hold = await do(zk, zk.inner.lock("/l").acquire)
    await eventually(lambda: hold._armed)
    if ended == "session":
        await expire_zk(zk)
    else:
        await other_zk.delete(hold.path)
    await eventually(lambda: hold.state is HoldState.LOST)
    await eventually(lambda: zk.inner._session.in_flight == 0)
    await eventually(lambda: hold.reason == {"session": "expired", "znode": "deleted"}[ended])
    with pytest.raises(LockLostError) as caught:
        hold.check()
    assert caught.value.session_lost is (ended == "session")


async def test_a_deletion_that_the_end_of_the_session_explains(zk, far_zk, proxy, zookeeper_server):
    """Scenario 5 when the deletion is reported, and the end of the session follows."""
    hold = await do(far_zk, far_zk.inner.lock(PATH).acquire)
    await eventually(lambda: hold._armed)
    proxy.pause()
    hold._watch(EventType.DELETED, 3, hold.path)  # As the server reports it before it ends the connection.
    assert (hold.state, hold.reason) == (HoldState.LOST, "deleted")
    zookeeper_server.expire(far_zk.session_id, far_zk.session_password)
    proxy.drop_connections()
    proxy.resume()
    await eventually(lambda: hold.reason == "expired")
    with pytest.raises(LockLostError) as caught:
        hold.check()
    assert caught.value.session_lost
    await far_zk.wait_for(zkc.ClientState.CONNECTED, timeout=20)


def test_suspended_hold_that_is_granted_when_the_connection_comes_back(make_client_through, proxy, eventually):
    """The look at its znode begins before the hold is in doubt, so that it cannot end the doubt: another look does."""
    client = make_client_through()
    lock = client.lock(PATH)
    first = lock.acquire()
    hold = lock._new_hold(first._place)
    suspend = hold._suspend

    def late():
        proxy.accept()
        eventually(lambda: client.state is zkc.ClientState.CONNECTED)
        eventually(lambda: hold._armed)  # The listener looks at the znode.
        suspend()

    hold._suspend = late
    proxy.refuse()
    proxy.drop_connections()
    eventually(lambda: client.state is zkc.ClientState.SUSPENDED)
    holds_of(client).add(hold)
    eventually(lambda: hold.state is HoldState.HELD)
    first.release()
    eventually(hold.lost.done)
