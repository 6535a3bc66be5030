"""An ensemble: members that die or hang, other hosts, and the configuration with its changes."""

import asyncio

import pytest

import zkc
from zkc import ClientState, EventType
from zkc.testing import Ensemble, ZooKeeperServer

from . import both


@pytest.fixture(scope="module")
def changing():
    """An ensemble of its own, because its members are changed."""
    with Ensemble(3) as ensemble:
        yield ensemble


def member_of(ensemble, zk):
    return next(member for member in ensemble.members if member.hosts == zk.server)


async def test_a_member_is_killed(make_zk, zookeeper_ensemble, events):
    async with make_zk(zookeeper_ensemble.new_chroot(), session_timeout=20) as zk:
        await zk.create("/mine", b"x", ephemeral=True)
        session_id = zk.session_id
        zk.add_listener(events)
        killed = member_of(zookeeper_ensemble, zk)
        killed.kill()
        assert await events.next() is ClientState.SUSPENDED
        while await events.next() is not ClientState.CONNECTED:
            pass
        data, stat = await both.mended(lambda: zk.get("/mine"))
        assert (data, stat.ephemeral_owner, zk.session_id) == (b"x", session_id, session_id)
        assert zk.server != killed.hosts
        assert zk.metrics().reconnects >= 1
        killed.start()


async def test_a_member_hangs(make_zk, zookeeper_ensemble):
    async with make_zk(zookeeper_ensemble.new_chroot(), session_timeout=12) as zk:
        await zk.create("/a", b"0")
        session_id = zk.session_id
        hanging = member_of(zookeeper_ensemble, zk)
        hanging.pause()
        # Long before the session ends, another member is tried.
        with pytest.raises(zkc.ConnectionLossError):
            await zk.set("/a", b"1")
        await both.mended(lambda: zk.set("/a", b"2"))
        assert zk.session_id == session_id
        assert zk.server != hanging.hosts
        hanging.resume()


async def test_the_leader_is_killed_and_a_kept_znode_stays(make_zk, zookeeper_ensemble):
    async with make_zk(zookeeper_ensemble.new_chroot(), session_timeout=30) as zk:
        await zk.create("/kept", b"x", ephemeral=True, keep=True)
        leader = zookeeper_ensemble.leader
        leader.kill()
        zookeeper_ensemble.wait_for_leader()
        data, _ = await both.mended(lambda: zk.get("/kept"))
        assert data == b"x"
        await both.mended(lambda: zk.set("/kept", b"y"))
        leader.start()


async def test_no_member_is_left_for_a_while(make_zk, zookeeper_ensemble, events):
    async with make_zk(zookeeper_ensemble.new_chroot(), session_timeout=30) as zk:
        zk.add_listener(events)
        zookeeper_ensemble.kill()
        assert await events.next() is ClientState.SUSPENDED
        zookeeper_ensemble.start()
        assert await zk.wait_for(ClientState.CONNECTED, timeout=30) is ClientState.CONNECTED
        assert await both.mended(lambda: zk.exists("/")) is not None


# ---- set_hosts ------------------------------------------------------------------------------------------------------


async def test_set_hosts_moves_the_client(make_zk, zookeeper_ensemble):
    first, second, third = zookeeper_ensemble.members
    chroot = zookeeper_ensemble.new_chroot()
    root = chroot[chroot.index("/") :]
    async with make_zk(first.hosts + root, session_timeout=20) as zk:
        await zk.create("/mine", b"x", ephemeral=True)
        session_id = zk.session_id
        assert zk.server == first.hosts
        assert await zk.set_hosts(f"{second.hosts},{third.hosts}") is None
        assert zk.hosts == f"{second.hosts},{third.hosts}{root}"
        await both.eventually(lambda: zk.connected and zk.server in (second.hosts, third.hosts))
        data, stat = await both.mended(lambda: zk.get("/mine"))
        assert (data, stat.ephemeral_owner) == (b"x", session_id)


async def test_set_hosts_holds_for_the_session_after_an_expiry(make_zk, zookeeper_ensemble):
    first, second, _ = zookeeper_ensemble.members
    chroot = zookeeper_ensemble.new_chroot()
    root = chroot[chroot.index("/") :]
    async with make_zk(first.hosts + root, session_timeout=20) as zk:
        await zk.set_hosts(second.hosts)
        await both.eventually(lambda: zk.connected and zk.server == second.hosts)
        before = zk.session_id
        zookeeper_ensemble.expire(before, zk.session_password)
        await both.eventually(lambda: zk.connected and zk.session_id not in (0, before))
        assert zk.server == second.hosts
        assert await zk.create("/a") == "/a"


@pytest.mark.parametrize(
    ("others", "error", "message"),
    [
        ("127.0.0.1:1/chroot", ValueError, "must not have a chroot here"),
        ("", ValueError, "hosts must not have an empty entry"),
        ("a:port", ValueError, "port must be"),
        (None, TypeError, "hosts must be a str"),
    ],
)
async def test_set_hosts_refuses(zk, others, error, message):
    before = zk.hosts
    with pytest.raises(error, match=message):
        await zk.set_hosts(others)
    assert zk.hosts == before
    assert await zk.exists("/") is not None


async def test_set_hosts_to_a_name_that_cannot_be_resolved(zk):
    before = zk.hosts
    with pytest.raises(zkc.ZooKeeperError):
        await zk.set_hosts("no-such-host.invalid:1")
    assert zk.hosts == before
    assert await zk.exists("/") is not None


# ---- the configuration ----------------------------------------------------------------------------------------------


async def server_lines(zk):
    data, _ = await zk.get_config()
    return [line for line in data.decode().splitlines() if line.startswith("server.")]


async def test_get_config(make_zk, zookeeper_ensemble):
    async with make_zk(zookeeper_ensemble.new_chroot()) as zk:
        data, stat = await zk.get_config()
        assert [line.split("=")[0] for line in data.decode().splitlines()] == [
            "server.1",
            "server.2",
            "server.3",
            "version",
        ]
        assert stat.data_length == len(data)


async def test_get_config_of_a_server_alone(zk):
    data, stat = await zk.get_config()
    assert not data
    assert stat.data_length == 0


async def test_leaving_and_joining_with_a_watch(make_zk, changing, events):
    async with make_zk(changing.hosts, auth=[("digest", changing.super_auth)], session_timeout=30) as zk:
        before = await server_lines(zk)
        leaving = next(member for member in changing.followers if member.hosts != zk.server)
        await zk.get_config(watch=events)
        data, _ = await zk.reconfig(leaving=[str(leaving.id)])
        assert f"server.{leaving.id}=" not in data.decode()
        event = await events.next()
        assert (event.type, event.path) == (EventType.CHANGED, "/zookeeper/config")
        mine = next(line for line in before if line.startswith(f"server.{leaving.id}="))
        data, _ = await zk.reconfig(joining=mine)
        assert mine in data.decode().splitlines()
        changing.wait_ready()
        assert await server_lines(zk) == before
        # All at once, as a list and as a str.
        await zk.reconfig(members=before)
        await zk.reconfig(members=",".join(before))
        assert await server_lines(zk) == before


async def test_what_reconfig_refuses(make_zk, changing):
    async with make_zk(changing.hosts, auth=[("digest", changing.super_auth)], session_timeout=30) as zk:
        with pytest.raises(zkc.BadVersionError):
            await zk.reconfig(leaving="3", version=1)
        with pytest.raises(zkc.BadArgumentsError):
            await zk.reconfig(joining="nonsense")
        absent = ["server.8=127.0.0.1:1:2:participant;127.0.0.1:3", "server.9=127.0.0.1:4:5:participant;127.0.0.1:6"]
        with pytest.raises(zkc.NewConfigNoQuorumError) as caught:
            await zk.reconfig(joining=absent, leaving="1")
        assert isinstance(caught.value, zkc.ReconfigError)
        assert len(await server_lines(zk)) == 3
    async with make_zk(changing.hosts) as nobody:
        with pytest.raises(zkc.NoAuthError):
            await nobody.reconfig(leaving="3")


@pytest.fixture(scope="module")
def fixed_server():
    with ZooKeeperServer(config={"reconfigEnabled": "false"}) as server:
        yield server


async def test_reconfig_where_the_servers_forbid_it(make_zk, fixed_server):
    async with make_zk(fixed_server.hosts, auth=[("digest", fixed_server.super_auth)]) as zk:
        with pytest.raises(zkc.ReconfigDisabledError):
            await zk.reconfig(leaving="3")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "give joining, leaving or members"),
        ({"version": 3}, ValueError, "give joining, leaving or members"),
        ({"members": "x", "joining": "y"}, ValueError, "give either members"),
        ({"members": "x", "leaving": "1"}, ValueError, "give either members"),
        ({"leaving": 3}, TypeError, "leaving must be a str or a list of str"),
        ({"leaving": [3]}, TypeError, "leaving must hold str"),
        ({"joining": b"x"}, TypeError, "joining must be a str"),
        ({"joining": []}, ValueError, "joining must have one server or more"),
        ({"members": [""]}, ValueError, "members must hold servers"),
        ({"leaving": "1", "version": "1"}, TypeError, "version must be an int"),
        ({"leaving": "1", "version": 2**63}, ValueError, "version must fit 64 bits"),
    ],
)
async def test_reconfig_with_bad_arguments(zk, arguments, error, message):
    with pytest.raises(error, match=message):
        await zk.reconfig(**arguments)
    assert zk.session.in_flight == 0


@pytest.mark.full
async def test_an_old_leader_says_that_sessions_have_expired(make_zk):
    """A leader that was paused for longer than the timeout calls sessions expired that the new leader still has."""
    with Ensemble(3) as ensemble:
        leader = ensemble.leader
        clients = [make_zk(leader.hosts, session_timeout=4.0) for _ in range(6)]
        for number, zk in enumerate(clients):
            await zk.start()
            await zk.create(f"/me{number}", b"here", ephemeral=True, keep=True)
        former = [zk.session_id for zk in clients]
        leader.pause()
        await asyncio.sleep(4.8)  # longer than the session timeout
        leader.resume()
        async with make_zk(ensemble.hosts, session_timeout=30.0) as other:
            for number, zk in enumerate(clients):
                await both.eventually(lambda zk=zk, number=number: zk.session_id not in (0, former[number]), 60.0)
                await zk.wait_for(ClientState.CONNECTED, timeout=60)
            await asyncio.sleep(8.0)  # twice the timeout: the former sessions end
            for number, zk in enumerate(clients):
                stat = await other.exists(f"/me{number}")
                assert stat is not None, (number, zk.kept_znodes)
                assert stat.ephemeral_owner == zk.session_id
        for zk in clients:
            await zk.close()
