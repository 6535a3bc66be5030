"""Which server a session is at, and how it moves: set_servers, order, name look-ups, read-only servers."""

from __future__ import annotations

import contextlib

import pytest

from zkc import _zookeeper as core
from zkc import errors
from zkc.testing import Ensemble

from .core_support import ANYONE, CONNECTED, EPHEMERAL, READ_ONLY, WAIT, Forwarder, Recorder


@pytest.fixture
def in_order():
    """Have new sessions try the servers in the order given."""
    core.set_deterministic_order(True)
    yield
    core.set_deterministic_order(False)


def test_the_current_server(session, zookeeper_server):
    assert session.current_server == zookeeper_server.hosts
    assert session.connected_address == ("127.0.0.1", zookeeper_server.port)


def test_no_current_server_before_the_first_attempt(open_session):
    session = open_session("127.0.0.1:1", connected=False)
    assert session.connected_address is None
    assert session.current_server in (None, "127.0.0.1:1")


def test_the_servers_are_tried_in_the_order_given(open_session, zookeeper_ensemble, in_order):
    hosts = [member.hosts for member in zookeeper_ensemble.members]
    for first in hosts:
        rest = [host for host in hosts if host != first]
        # The servers share two thirds of the timeout: each has enough of it to begin a session on a busy machine.
        assert open_session(",".join([first, *rest]), session_timeout=60.0).current_server == first


def test_by_default_the_order_is_random(open_session, zookeeper_ensemble, eventually):
    # One after the other until two servers were seen: with a fixed order that would never happen.
    seen = set()

    def two_servers_seen():
        session = open_session(zookeeper_ensemble.hosts)
        seen.add(session.current_server)
        session.close()
        return len(seen) > 1

    eventually(two_servers_seen)


def test_a_server_that_refuses_is_passed_over(open_session, zookeeper_server, in_order):
    session = open_session(f"127.0.0.1:1,{zookeeper_server.hosts}")
    assert session.current_server == zookeeper_server.hosts


@pytest.fixture
def addresses(zookeeper_ensemble):
    """The three members under addresses of their own, as they would have."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(Forwarder(f"127.0.0.{number}", member.port)).hosts
            for number, member in enumerate(zookeeper_ensemble.members, 2)
        ]


def test_set_servers_moves_the_session(open_session, addresses, eventually):
    session = open_session(addresses[0], session_timeout=15.0)
    session_id = session.client_id[0]
    for target in (addresses[1], addresses[2], addresses[0]):
        session.set_servers(target)
        eventually(lambda target=target: session.current_server == target and session.state == CONNECTED)
        assert session.hosts == target
        eventually(lambda: session.exists("/").exception(WAIT) is None)
    assert session.client_id[0] == session_id


def test_set_servers_keeps_the_chroot(open_session, zookeeper_ensemble, addresses, eventually):
    hosts = zookeeper_ensemble.new_chroot()
    chroot = hosts[hosts.index("/") :]
    session = open_session(addresses[0] + chroot, session_timeout=15.0)
    session.create("/a", b"x", ANYONE).result(20)
    session.set_servers(addresses[1])
    eventually(lambda: session.current_server == addresses[1] and session.state == CONNECTED)
    eventually(lambda: session.get("/a").exception(WAIT) is None)
    assert session.hosts == addresses[1] + chroot


def test_every_request_under_way_during_a_move_is_settled(open_session, addresses, eventually):
    session = open_session(addresses[0], session_timeout=15.0)
    requests = []
    for target in (addresses[1], addresses[2]):
        requests += [session.exists("/") for _ in range(500)]
        session.set_servers(target)
        requests += [session.exists("/") for _ in range(500)]
    for request in requests:
        failure = request.exception(WAIT)
        assert failure is None or not failure.session_lost
    eventually(lambda: session.exists("/").exception(WAIT) is None)


@pytest.mark.skipif(core.build_info()["linkage"] == "system", reason="libzookeeper compares addresses without ports")
def test_set_servers_moves_between_ports_of_one_address(open_session, zookeeper_ensemble, eventually):
    one, two, _ = (member.hosts for member in zookeeper_ensemble.members)
    session = open_session(one, session_timeout=15.0)
    session.set_servers(two)
    eventually(lambda: session.current_server == two and session.state == CONNECTED)


def test_set_servers_to_the_same_list_keeps_the_connection(open_session, zookeeper_server):
    events = Recorder()
    session = open_session(zookeeper_server.hosts, watcher=events)
    events.next()
    session.set_servers(zookeeper_server.hosts)
    assert session.exists("/").result(20) is not None
    assert len(events.calls) == 1


@pytest.mark.parametrize("hosts", ["", " ", "127.0.0.1:1/chroot", "/", "no\0name"])
def test_set_servers_of_a_wrong_value(session, hosts):
    with pytest.raises(ValueError):
        session.set_servers(hosts)
    assert session.exists("/").result(20) is not None


@pytest.mark.parametrize("hosts", [None, 1, b"127.0.0.1:1", ["127.0.0.1:1"]])
def test_set_servers_of_a_wrong_type(session, hosts):
    with pytest.raises(TypeError):
        session.set_servers(hosts)


@pytest.mark.parametrize("hosts", ["127.0.0.1", "127.0.0.1:port", "no-such-name.invalid:2181"])
def test_set_servers_that_cannot_be_resolved_leaves_the_old_ones(session, zookeeper_server, hosts):
    with pytest.raises(errors.ZooKeeperError):
        session.set_servers(hosts)
    assert session.current_server == zookeeper_server.hosts
    assert session.exists("/").result(20) is not None


def test_cycle_next_server(open_session, zookeeper_ensemble):
    session = open_session(zookeeper_ensemble.hosts)
    session.cycle_next_server()
    session.wait_connected(20)
    assert session.exists("/").result(20) is not None


@pytest.mark.parametrize("delay", [None, 0, 0.5, 60, 1e9])
def test_the_least_time_between_name_lookups(session, delay):
    session.set_resolution_delay(delay)
    assert session.exists("/").result(20) is not None


@pytest.mark.parametrize("delay", [-1, -0.001, float("nan")])
def test_a_resolution_delay_of_a_wrong_value(session, delay):
    with pytest.raises(ValueError):
        session.set_resolution_delay(delay)


@pytest.mark.parametrize("delay", ["1", b"1", [], True])
def test_a_resolution_delay_of_a_wrong_type(session, delay):
    with pytest.raises(TypeError):
        session.set_resolution_delay(delay)


# ---- servers without a quorum


@pytest.fixture
def without_quorum(read_only_ensemble, eventually):
    """The one member left of three."""
    read_only_ensemble.start()
    read_only_ensemble.wait_for_leader()
    read_only_ensemble.create("/readable", b"data")
    alone, *others = read_only_ensemble.members
    for member in others:
        member.kill()
    eventually(lambda: alone.mode == "read-only", timeout=30)  # it goes on for a moment as if nothing had happened
    yield alone
    read_only_ensemble.start()


def test_a_read_only_session_reads_and_does_not_write(open_session, without_quorum, eventually):
    session = open_session(without_quorum.hosts, connected=False, read_only=True)
    session.wait_connected(40)
    assert session.state == READ_ONLY
    assert session.exists("/").result(20) is not None
    with pytest.raises(errors.NotReadOnlyError) as caught:
        session.create("/a", b"", ANYONE).result(20)
    assert not caught.value.maybe_applied
    with pytest.raises(errors.NotReadOnlyError):
        session.set("/readable", b"x").result(20)
    assert session.state == READ_ONLY


def test_a_local_session_may_be_refused_ephemerals(open_session):
    # Members that keep sessions to themselves, and are configured not to make them global.
    options = {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "false"}
    with Ensemble(1, config=options) as ensemble:
        session = open_session(ensemble.hosts)
        with pytest.raises(errors.EphemeralOnLocalSessionError):
            session.create("/mine", b"", ANYONE, EPHEMERAL).result(20)
        session.create("/all-of-us", b"", ANYONE).result(20)
        session.close()


def test_without_the_flag_a_session_waits_for_a_quorum(open_session, without_quorum):
    session = open_session(without_quorum.hosts, connected=False)
    with pytest.raises(errors.OperationTimeoutError):
        session.wait_connected(1)


@pytest.mark.skipif(
    core.build_info()["linkage"] == "system", reason="libzookeeper loses the sockets it looks for one by"
)
def test_a_read_only_session_becomes_a_full_one_when_the_quorum_is_back(
    open_session, without_quorum, read_only_ensemble, eventually
):
    session = open_session(read_only_ensemble.hosts, connected=False, read_only=True)
    session.wait_connected(40)
    read_only_ensemble.start()
    session.wait_connected(40)
    while session.state != CONNECTED:
        session.wait_connected(40)
        session.exists("/").exception(20)

    # An ensemble that has just found its quorum may elect a leader again, which ends its connections.
    created = (type(None), errors.NodeExistsError)
    eventually(lambda: type(session.create("/written", b"", ANYONE).exception(20)) in created)
    deleted = (type(None), errors.NoNodeError)
    eventually(lambda: type(session.delete("/written").exception(20)) in deleted)
