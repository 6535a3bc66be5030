"""get_config with its watch, and reconfig with every error it can give."""

from __future__ import annotations

import pytest

from zkc import errors
from zkc.testing import Ensemble, ZooKeeperServer

from .core_support import ANYONE, CHANGED, CONNECTED, Recorder, settle


@pytest.fixture(scope="module")
def ensemble():
    with Ensemble(3) as made:
        yield made


@pytest.fixture
def admin(open_session, ensemble):
    """A session of the superuser, who alone may reconfigure; the configuration is put back at the end."""
    session = open_session(ensemble.hosts)
    session.add_auth("digest", ensemble.super_auth).result(20)
    session.sync("/").result(20)  # This member may be behind the one that the test before has asked.
    before = server_lines(session)
    yield session
    missing = [line for line in before if line not in server_lines(session)]
    if missing:
        session.reconfig(joining=",".join(missing)).result(30)
        ensemble.wait_ready()


def server_lines(session):
    """Return the configuration's lines about servers."""
    text = session.get_config().result(20)[0].decode()
    return [line for line in text.splitlines() if line.startswith("server.")]


def test_get_config(admin, ensemble):
    config, stat = admin.get_config().result(20)
    lines = config.decode().splitlines()
    assert [line.split("=")[0] for line in lines] == ["server.1", "server.2", "server.3", "version"]
    assert all(f":{member.port}" in config.decode() for member in ensemble.members)
    assert stat.data_length == len(config)


def test_get_config_of_a_server_alone(session):
    config, stat = session.get_config().result(20)
    assert not config
    assert stat.data_length == 0


def test_get_config_under_a_chroot_is_the_ensembles(open_session, ensemble, admin):
    assert open_session(ensemble.new_chroot()).get_config().result(20)[0] == admin.get_config().result(20)[0]


def test_leaving_and_joining_with_a_watch_on_each_change(admin, ensemble, open_session):
    leader = ensemble.wait_for_leader()
    follower = ensemble.followers[0]
    watching = open_session(leader.new_chroot())
    seen = Recorder()
    before = server_lines(admin)
    watching.get_config(watch=seen).result(20)
    config, _ = admin.reconfig(leaving=str(follower.id)).result(30)
    assert f"server.{follower.id}=" not in config.decode()
    assert seen.next() == (CHANGED, CONNECTED, "/zookeeper/config")
    watching.get_config(watch=seen).result(20)
    mine = next(line for line in before if line.startswith(f"server.{follower.id}="))
    config, _ = admin.reconfig(joining=mine).result(30)
    assert mine in config.decode().splitlines()
    assert seen.next() == (CHANGED, CONNECTED, "/zookeeper/config")
    settle(watching)
    assert len(seen.calls) == 2
    ensemble.wait_ready()


def test_a_config_watch_is_no_watch_of_another_znode_of_that_path(open_session, ensemble, admin):
    # Under a chroot there may be a znode that this side calls /zookeeper/config too.
    session = open_session(ensemble.new_chroot())
    session.create("/zookeeper", b"", ANYONE).result(20)
    session.create("/zookeeper/config", b"", ANYONE).result(20)
    of_config, of_znode = Recorder(), Recorder()
    session.get_config(watch=of_config).result(20)
    session.get("/zookeeper/config", watch=of_znode).result(20)
    session.set("/zookeeper/config", b"x").result(20)
    assert of_znode.next() == (CHANGED, CONNECTED, "/zookeeper/config")
    settle(session)
    assert of_config.calls == []
    admin.reconfig(leaving="9").result(30)  # changes nothing but the version
    session.close()
    assert len(of_config.calls) == 1


@pytest.mark.parametrize("chroot", ["/z", "/zoo", "/zookeeper", "/zookeeper/config", "/zookeeperx"])
def test_a_config_watch_under_a_chroot_that_its_path_begins_with(open_session, ensemble, admin, caplog, chroot):
    """libzookeeper cuts the chroot off an event's path; the configuration's path is outside of every chroot."""
    if not admin.exists(chroot).result(20):
        admin.create(chroot, b"", ANYONE).result(20)
    session = open_session(ensemble.hosts + chroot)
    seen = Recorder()
    session.get_config(watch=seen).result(20)
    admin.reconfig(leaving="9").result(30)  # changes nothing but the version
    assert seen.next() == (CHANGED, CONNECTED, "/zookeeper/config")
    settle(session)
    assert len(seen.calls) == 1
    assert "does not include chroot" not in caplog.text


def test_all_members_at_once(admin):
    lines = server_lines(admin)
    config, _ = admin.reconfig(members=",".join(lines)).result(30)
    assert server_lines(admin) == lines
    assert set(lines) < set(config.decode().splitlines())


def test_a_version_that_is_not_the_configurations(admin):
    with pytest.raises(errors.BadVersionError):
        admin.reconfig(leaving="3", version=1).result(30)
    assert len(server_lines(admin)) == 3


@pytest.mark.parametrize("changes", [{"joining": "nonsense"}, {"members": "server.1=nowhere"}])
def test_a_change_that_makes_no_sense(admin, changes):
    with pytest.raises(errors.BadArgumentsError):
        admin.reconfig(**changes).result(30)
    assert len(server_lines(admin)) == 3


def test_a_new_member_that_is_not_there_would_leave_no_quorum(open_session, ensemble, admin):
    wanted = "server.8=127.0.0.1:1:2:participant;127.0.0.1:3,server.9=127.0.0.1:4:5:participant;127.0.0.1:6"
    with pytest.raises(errors.NewConfigNoQuorumError):
        admin.reconfig(joining=wanted, leaving="1").result(30)
    assert len(server_lines(admin)) == 3


def test_reconfig_without_permission(open_session, ensemble):
    session = open_session(ensemble.hosts)
    with pytest.raises(errors.NoAuthError):
        session.reconfig(leaving="3").result(30)


def test_reconfig_where_the_servers_forbid_it(open_session):
    with ZooKeeperServer(config={"reconfigEnabled": "false"}) as server:
        session = open_session(server.hosts)
        session.add_auth("digest", server.super_auth).result(20)
        with pytest.raises(errors.ReconfigDisabledError):
            session.reconfig(leaving="3").result(30)
        session.close()


def test_reconfig_of_a_server_alone(session, zookeeper_server):
    session.add_auth("digest", zookeeper_server.super_auth).result(20)
    with pytest.raises((errors.UnimplementedError, errors.BadArgumentsError)):
        session.reconfig(leaving="3").result(30)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, ValueError),
        ({"version": 3}, ValueError),
        ({"members": "x", "joining": "y"}, ValueError),
        ({"members": "x", "leaving": "1"}, ValueError),
        ({"leaving": 3}, TypeError),
        ({"joining": b"x"}, TypeError),
        ({"members": ["x"]}, TypeError),
        ({"leaving": "1\0"}, ValueError),
        ({"leaving": "1", "version": "1"}, TypeError),
        ({"leaving": "1", "version": 2**63}, ValueError),
        ({"leaving": "1", "version": True}, TypeError),
    ],
)
def test_reconfig_with_wrong_arguments(session, arguments, error):
    with pytest.raises(error):
        session.reconfig(**arguments)
    assert session.in_flight == 0
