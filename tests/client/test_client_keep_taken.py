"""Kept ephemerals whose path is taken in the new session: by a former session of the client, or by another's znode."""

import asyncio
import pickle

import pytest

import zkc
from zkc import ACL, ClientState, KeptState

from . import both
from .proxy_support import CREATE2, MULTI, Meddler

READ_WRITE = [ACL.world(zkc.Perms.ALL & ~zkc.Perms.ADMIN)]


@pytest.fixture
def meddler(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def lied_to(start_zk, meddler, hosts):
    """A client that a proxy can send an expiry of its session, while the servers have it for half a minute more."""
    return start_zk(meddler.hosts + hosts[hosts.index("/") :], session_timeout=30.0)


async def be_told(zk, lie):
    """Have the proxy report an expiry, and wait for the next session; return the id and password of the old one."""
    ticket = zk.session_id, zk.session_password
    lie()
    await both.eventually(lambda: zk.session_id not in (0, ticket[0]) and zk.state is ClientState.CONNECTED)
    return ticket


async def owner(zk, path="/kept"):
    stat = await zk.exists(path)
    return stat and stat.ephemeral_owner


async def test_a_former_session_that_still_lives(lied_to, other_zk, meddler, zookeeper_server, events):
    await lied_to.create("/kept", b"1", ephemeral=True, keep=True)
    await lied_to.set_acl("/kept", READ_WRITE)
    await other_zk.set("/kept", b"2")
    gone = both.Events()
    await other_zk.exists("/kept", watch=gone)
    lied_to.add_kept_listener(events)
    old = await be_told(lied_to, meddler.say_expired)
    # The data that the servers held last are known, as the znode was there to be read.
    data, stat = await other_zk.get("/kept")
    assert (data, stat.ephemeral_owner) == (b"2", lied_to.session_id)
    assert (await other_zk.get_acl("/kept"))[0] == READ_WRITE
    assert (await gone.next()).type is zkc.EventType.DELETED
    zookeeper_server.expire(*old)
    assert await owner(other_zk) == lied_to.session_id
    assert lied_to.kept_znodes == [zkc.KeptZnode("/kept", KeptState.HELD, None)]
    assert events.empty()


async def test_many_of_a_former_session(lied_to, other_zk, meddler, zookeeper_server):
    for i in range(60):
        await lied_to.create(f"/n{i}", b"%d" % i, ephemeral=True, keep=True)
    old = await be_told(lied_to, meddler.say_expired)
    zookeeper_server.expire(*old)
    for i in range(60):
        data, stat = await other_zk.get(f"/n{i}")
        assert (data, stat.ephemeral_owner) == (b"%d" % i, lied_to.session_id)


@pytest.mark.parametrize("verdict", ["drop", "lose"])
async def test_the_connection_is_lost_while_it_is_replaced(lied_to, other_zk, meddler, zookeeper_server, verdict):
    await lied_to.create("/kept", b"1", ephemeral=True, keep=True)
    meddler.before(MULTI, lambda: verdict)
    old = await be_told(lied_to, meddler.say_expired)
    zookeeper_server.expire(*old)
    assert await owner(other_zk) == lied_to.session_id


@pytest.mark.parametrize("verdict", ["drop", "lose"])
@pytest.mark.parametrize("opcode", [CREATE2, MULTI])
async def test_the_next_session_expires_too_while_it_is_replaced(
    lied_to, other_zk, meddler, zookeeper_server, opcode, verdict
):
    await lied_to.create("/kept", b"1", ephemeral=True, keep=True)

    def act():
        meddler.lie_next()
        return verdict

    meddler.before(opcode, act)
    first = lied_to.session_id, lied_to.session_password
    meddler.say_expired()
    await both.eventually(lambda: lied_to.metrics().expirations == 2 and lied_to.state is ClientState.CONNECTED)
    zookeeper_server.expire(*first)
    assert await owner(other_zk) == lied_to.session_id


async def test_the_former_session_ends_while_it_is_replaced(lied_to, other_zk, meddler, zookeeper_server):
    await lied_to.create("/kept", b"1", ephemeral=True, keep=True)
    old = lied_to.session_id, lied_to.session_password
    meddler.before(MULTI, lambda: zookeeper_server.expire(*old))
    await be_told(lied_to, meddler.say_expired)
    data, stat = await other_zk.get("/kept")
    assert (data, stat.ephemeral_owner) == (b"1", lied_to.session_id)


async def test_it_is_changed_while_it_is_replaced(lied_to, other_zk, meddler, other_client):
    await lied_to.create("/kept", b"1", ephemeral=True, keep=True)

    def change():
        other_client.set("/kept", b"newest")

    meddler.before(MULTI, change)
    await be_told(lied_to, meddler.say_expired)
    data, stat = await other_zk.get("/kept")
    assert (data, stat.ephemeral_owner) == (b"newest", lied_to.session_id)


async def test_the_user_deletes_it_while_it_is_replaced(lied_to, other_zk, meddler):
    await lied_to.create("/kept", b"1", ephemeral=True, keep=True)
    loop, deleted = asyncio.get_running_loop(), []
    meddler.before(
        MULTI, lambda: loop.call_soon_threadsafe(lambda: deleted.append(both.begin(lied_to, "delete", "/kept")))
    )
    await be_told(lied_to, meddler.say_expired)
    await both.eventually(lambda: deleted)
    await deleted[0]
    await both.eventually(lambda: both.gone(other_zk, "/kept"))
    assert lied_to.kept == []


async def test_a_former_session_has_what_may_not_be_deleted(lied_to, other_zk, meddler, zookeeper_server, events):
    await lied_to.create("/a")
    await lied_to.create("/a/kept", b"1", ephemeral=True, keep=True)
    await lied_to.set_acl("/a", [ACL.world(zkc.Perms.READ | zkc.Perms.CREATE | zkc.Perms.ADMIN)])
    lied_to.add_kept_listener(events)
    old = await be_told(lied_to, meddler.say_expired)
    taken = await events.next()
    assert (taken.path, taken.state) == ("/a/kept", KeptState.TAKEN)
    assert "a former session of this client has it" in str(taken.error)
    zookeeper_server.expire(*old)
    assert await events.next() == zkc.KeptZnode("/a/kept", KeptState.HELD, None)
    assert await owner(other_zk, "/a/kept") == lied_to.session_id
    await other_zk.set_acl("/a", zkc.OPEN_ACL_UNSAFE)


async def take(zk, other_zk, expire_zk, events, **kind):
    """Have another client take the path of a kept znode."""
    await zk.create("/kept", b"mine", ephemeral=True, keep=True)
    await other_zk.delete("/kept")
    await other_zk.create("/kept", b"theirs", **kind)
    zk.add_kept_listener(events)
    await expire_zk(zk)


@pytest.mark.parametrize("kind_", [{"ephemeral": True}, {}], ids=["ephemeral", "persistent"])
async def test_anothers_znode_is_watched(zk, other_zk, expire_zk, events, kind_):
    await take(zk, other_zk, expire_zk, events, **kind_)
    taken = await events.next()
    assert (taken.path, taken.state) == ("/kept", KeptState.TAKEN)
    assert type(taken.error) is zkc.NodeExistsError
    assert (f"0x{other_zk.session_id:x}" if kind_ else "a persistent znode") in str(taken.error)
    assert zk.kept_znodes == [taken]
    await other_zk.set("/kept", b"theirs still")
    await other_zk.sync()
    assert (await zk.get("/kept"))[0] == b"theirs still"
    await other_zk.delete("/kept")
    held = await events.next()
    assert held == zkc.KeptZnode("/kept", KeptState.HELD, None)
    data, stat = await other_zk.get("/kept")
    assert (data, stat.ephemeral_owner) == (b"mine", zk.session_id)
    # Changes that the client makes to it from then on are no news.
    await zk.set("/kept", b"2")
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == b"2"
    assert events.empty()


async def test_anothers_znode_through_another_expiry(zk, other_zk, expire_zk, events):
    await take(zk, other_zk, expire_zk, events)
    assert (await events.next()).state is KeptState.TAKEN
    await expire_zk(zk)
    await other_zk.delete("/kept")
    assert (await events.next()).state is KeptState.HELD
    assert await owner(other_zk) == zk.session_id


async def test_anothers_znode_that_the_user_deletes(zk, other_zk, expire_zk, events):
    await take(zk, other_zk, expire_zk, events)
    assert (await events.next()).state is KeptState.TAKEN
    await zk.delete("/kept")
    assert (zk.kept, zk.kept_znodes) == ([], [])
    await zk.create("/behind")  # An effect of the watch would come before that.
    await zk.sync()
    assert await other_zk.exists("/kept") is None


async def test_anothers_znode_that_goes_in_an_outage(lied_to, other_zk, meddler, expire_zk, events):
    await take(lied_to, other_zk, expire_zk, events)
    assert (await events.next()).state is KeptState.TAKEN
    meddler.refuse()
    meddler.drop_connections()
    await lied_to.wait_for(ClientState.SUSPENDED)
    await other_zk.delete("/kept")
    meddler.accept()
    assert (await events.next()).state is KeptState.HELD
    assert await owner(other_zk) == lied_to.session_id


async def test_one_whose_parent_is_gone_is_tried_again_at_the_next_connection(
    lied_to, other_zk, meddler, expire_zk, events
):
    await lied_to.create("/a/kept", b"x", ephemeral=True, keep=True, make_parents=True)
    await other_zk.delete("/a", recursive=True)
    lied_to.add_kept_listener(events)
    await expire_zk(lied_to)
    failed = await events.next()
    assert (failed.path, failed.state, type(failed.error)) == ("/a/kept", KeptState.FAILED, zkc.NoNodeError)
    assert lied_to.kept_znodes == [failed]
    await other_zk.create("/a")
    await both.reconnect(lied_to, meddler)
    assert (await events.next()).state is KeptState.HELD
    assert (await other_zk.get("/a/kept"))[0] == b"x"


async def test_a_listener_that_was_removed_or_is_none(zk, other_zk, expire_zk, events):
    with pytest.raises(TypeError, match="listener must be callable"):
        zk.add_kept_listener("x")
    zk.add_kept_listener(events)
    zk.remove_kept_listener(events)
    zk.remove_kept_listener(events)
    await take(zk, other_zk, expire_zk, both.Events())
    assert zk.kept_znodes[0].state is KeptState.TAKEN
    assert events.empty()


def test_what_listeners_are_given_can_be_pickled():
    error = zkc.NodeExistsError(operation="create", path="/a")
    znode = zkc.KeptZnode("/a", KeptState.TAKEN, error)
    copy = pickle.loads(pickle.dumps(znode))
    assert (copy.path, copy.state, type(copy.error)) == ("/a", KeptState.TAKEN, zkc.NodeExistsError)
    assert str(KeptState.TAKEN) == "TAKEN"
