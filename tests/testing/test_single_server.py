"""One server: its states, its data, its ports."""

import os
import signal
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

import zkc
from zkc.testing import Ensemble, TestingError, ZooKeeperServer
from zkc.testing._find import find_class_path
from zkc.testing._wire import WireConnection, WireError


@pytest.fixture(scope="module")
def shared():
    with ZooKeeperServer() as server:
        yield server


@pytest.fixture
def server(shared):
    yield shared
    shared.resume()
    shared.start()


def address(server):
    return "127.0.0.1", server.port


def has(server, path):
    """Return whether the server has the znode (creating it if not)."""
    with WireConnection(address(server)) as connection:
        return not connection.create(path)


def test_a_started_server_serves_sessions_on_its_hosts(server):
    assert server.hosts == f"127.0.0.1:{server.port}"
    assert server.state == "running"
    assert server.mode == "standalone"
    assert server.version >= (3, 4)
    with WireConnection(address(server), session_timeout=5.0) as connection:
        assert connection.session_id
        assert connection.session_timeout == 5.0


def test_starting_a_running_server_changes_nothing(server):
    before = server.pid
    server.start()
    assert server.pid == before


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_data_and_port_survive_the_end_of_the_process(server, way):
    path = server.new_chroot()[len(server.hosts) :]
    hosts, pid = server.hosts, server.pid
    getattr(server, way)()
    assert server.state == "stopped"
    assert server.pid is None
    assert server.mode is None
    getattr(server, way)()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address(server), 2)
    server.start()
    assert server.hosts == hosts
    assert server.pid != pid
    assert has(server, path)


def test_restart_takes_a_new_process(server):
    pid = server.pid
    server.restart()
    assert server.state == "running"
    assert server.pid != pid


def test_a_paused_server_answers_nothing_until_it_is_resumed(server):
    with WireConnection(address(server), session_timeout=30.0) as connection:
        server.pause()
        server.pause()
        assert server.state == "paused"
        assert server.mode is None
        with pytest.raises(socket.timeout):
            server.four_letter_word("ruok", timeout=0.2)
        server.resume()
        server.resume()
        assert server.state == "running"
        assert server.four_letter_word("ruok") == "imok"
        connection.create("/after-the-pause")


def test_a_server_that_a_busy_machine_holds_up_still_serves(server):
    pid = server.pid
    os.kill(pid, signal.SIGSTOP)  # Not by pause(), of which the server's object would know.
    on = threading.Timer(3.0, os.kill, (pid, signal.SIGCONT))
    on.start()
    assert server.mode == "standalone"
    on.join()


@pytest.mark.parametrize(("way", "state"), [("start", "running"), ("stop", "stopped"), ("kill", "stopped")])
def test_a_paused_server_can_be_started_stopped_and_killed(server, way, state):
    server.pause()
    getattr(server, way)()
    assert server.state == state


def test_only_a_running_server_can_be_paused(server):
    server.kill()
    with pytest.raises(TestingError, match="zookeeper is stopped: only a running server can be paused"):
        server.pause()


@pytest.mark.parametrize("length", [0, 15])
def test_a_server_that_was_killed_while_it_created_a_log_starts_again(tmp_path, length):
    with ZooKeeperServer(data_dir=tmp_path) as server:
        server.create("/kept", b"data")
        server.kill()
        (tmp_path / "version-2" / "log.7fffffff").write_bytes(bytes(length))
        server.start()
        assert has(server, "/kept")


def test_a_killed_server_starts_again_with_the_log_of_many_large_transactions(tmp_path):
    """A server of 3.9.6 zeroed a byte of one when it made room in its log: "CRC check failed" (ZOOKEEPER-4714)."""
    with ZooKeeperServer(data_dir=tmp_path) as server:
        with zkc.Client(server.hosts, session_timeout=30) as client:
            for size in (20_000, 300_000):
                for written in [client.submit.set("/", bytes([number]) * size) for number in range(40)]:
                    written.result(60)
        server.kill()
        (log,) = (tmp_path / "version-2").glob("log.*")
        assert log.read_bytes()[-1:] == b"B"  # The end of a transaction: no room follows.
        server.start()
        with zkc.Client(server.hosts, session_timeout=30) as client:
            assert client.get("/")[0] == bytes([39]) * 300_000


def test_expire_ends_a_session(server):
    connection = WireConnection(address(server))
    server.expire(connection.session_id, connection.password)
    with pytest.raises(WireError):
        connection.create("/never")
    with pytest.raises(WireError, match="expired"):
        WireConnection(address(server), session_id=connection.session_id, password=connection.password)
    connection.abandon()


def test_create_makes_the_znodes_above_too(server):
    server.create("/a/b/c", b"data")
    assert has(server, "/a/b")
    assert has(server, "/a/b/c")


def test_each_chroot_is_new(server):
    first, second = server.new_chroot("mine"), server.new_chroot("mine")
    assert first != second
    assert first.startswith(server.hosts + "/mine-")


def test_the_log_is_there_and_outlives_the_files():
    with ZooKeeperServer() as server:
        assert "127.0.0.1" in server.log_file.read_text()
        folder = server.log_file.parent
        assert "ContainerManager" in server.log_tail()
        assert len(server.log_tail(3).splitlines()) == 3
    assert not folder.exists()
    assert "ContainerManager" in server.log_tail()


def test_a_closed_server_says_so():
    server = ZooKeeperServer()
    assert server.state == "new"
    with pytest.raises(TestingError, match="start it first"):
        server.hosts  # noqa: B018
    server.close()
    server.close()
    assert server.state == "closed"
    with pytest.raises(TestingError, match="zookeeper is closed"):
        server.start()


def test_data_in_a_named_folder_are_kept(tmp_path):
    with ZooKeeperServer(data_dir=tmp_path / "data") as server:
        server.create("/kept")
    with ZooKeeperServer(data_dir=tmp_path / "data") as server:
        assert has(server, "/kept")


def test_options_reach_the_server(tmp_path):
    with ZooKeeperServer(
        tick_time=0.3,
        min_session_timeout=1.0,
        max_session_timeout=2.0,
        jute_maxbuffer=5_000_000,
        config={"snapCount": "1234"},
        properties={"zkc.test": "x y"},
        jvm_args=["-Xmx100m"],
        skip_acl=True,
    ) as server:
        configuration = server.four_letter_word("conf")
        environment = Path(f"/proc/{server.pid}/cmdline").read_text().split("\0")
        with WireConnection(address(server), session_timeout=9.0) as connection:
            assert connection.session_timeout == 2.0
    assert "tickTime=300" in configuration
    assert "minSessionTimeout=1000" in configuration
    assert {"-Djute.maxbuffer=5000000", "-Dzkc.test=x y", "-Xmx100m", "-Dzookeeper.skipACL=yes"} <= set(environment)


def test_a_znode_with_a_time_to_live_vanishes_soon(server):
    create_ttl, persistent_with_ttl = 21, 5
    path, world = b"/short-lived", struct.pack(">iii5si6s", 1, 31, 5, b"world", 6, b"anyone")
    body = struct.pack(">i", len(path)) + path + struct.pack(">i", 0) + world
    with WireConnection(address(server)) as connection:
        assert connection._call(create_ttl, body + struct.pack(">iq", persistent_with_ttl, 100)) == 0
        deadline = time.monotonic() + 20
        while not connection.create("/short-lived"):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_the_port_is_held_while_the_server_is_stopped(server):
    server.stop()
    other = socket.socket()
    with other, pytest.raises(OSError, match="in use"):
        other.bind(address(server))
    server.start()


def test_a_wanted_port_is_used():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        wanted = free.getsockname()[1]
    with ZooKeeperServer(port=wanted) as server:
        assert server.hosts == f"127.0.0.1:{wanted}"


@pytest.mark.parametrize("make", [ZooKeeperServer, Ensemble])
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"colour": "red"}, TypeError, "colour"),
        ({"tick_time": 0}, ValueError, "tick_time must be at least 0.001 seconds"),
        ({"tls_client_auth": "maybe"}, ValueError, "tls_client_auth"),
        ({"sasl_required": True}, ValueError, "needs users"),
        ({"sasl": {"b ob": "x"}}, ValueError, "'b ob'"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_before_anything_runs(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


def test_no_file_or_descriptor_is_left_behind(server):
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    before = descriptors()
    with ZooKeeperServer() as other:
        other.restart()
        pid, folder = other.pid, other.log_file.parent
    deadline = time.monotonic() + 5
    while descriptors() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert descriptors() <= before
    assert not folder.exists()
    assert not Path(f"/proc/{pid}").exists()


def linked_home(folder):
    """Make a home with links to the jars of the ZooKeeper that is tested."""
    jars = [Path(jar) for jar in find_class_path().split(os.pathsep)]
    # As in Debian's package, whose jars refer to each other by path: so their order matters. Or as in a release.
    place = folder / ("usr/share/java" if "zookeeper.jar" in {jar.name for jar in jars} else "lib")
    place.mkdir(parents=True)
    for jar in jars:
        (place / jar.name).symlink_to(jar)
    return folder


def runs_from(server, folder):
    """Return whether the server's process runs with the jars of a folder."""
    return f"{folder}/".encode() in Path(f"/proc/{server.pid}/cmdline").read_bytes()


def test_a_server_runs_from_its_home_and_changes_it_at_a_restart(tmp_path):
    first, second = linked_home(tmp_path / "first"), linked_home(tmp_path / "second")
    with ZooKeeperServer(home=first) as server:
        assert server.home == first
        assert runs_from(server, first)
        path = server.new_chroot()[len(server.hosts) :]
        hosts = server.hosts
        server.home = str(second)
        assert runs_from(server, first)
        server.restart()
        assert runs_from(server, second)
        assert server.hosts == hosts
        assert has(server, path)
        server.home = None
        server.restart()
        assert not runs_from(server, first)
        assert not runs_from(server, second)
        assert has(server, path)


def test_members_of_an_ensemble_run_from_their_homes(tmp_path):
    home = linked_home(tmp_path / "home")
    with Ensemble(2, homes=[home, None]) as ensemble:
        assert [member.home for member in ensemble.members] == [home, None]
        assert [runs_from(member, home) for member in ensemble.members] == [True, False]
