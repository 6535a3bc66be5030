"""How a client starts, what it tells of its session, and how it ends."""

import pickle
import re
import subprocess
import sys
import threading

import pytest

import zkc
from zkc import Client, State


def test_a_with_statement_starts_and_closes(hosts):
    client = Client(hosts)
    assert client.closed
    with client as entered:
        assert entered is client
        assert not client.closed
        assert client.connected
        assert client.state is State.CONNECTED
    assert client.closed
    assert not client.connected
    assert client.state is State.CLOSED


def test_it_tells_of_its_session(hosts, zookeeper_server):
    with Client(hosts, session_timeout=7.5) as client:
        assert client.hosts == hosts
        assert client.server == zookeeper_server.hosts
        assert client.session_id != 0
        assert len(client.session_password) == 16
        assert client.negotiated_timeout == 7.5
        assert repr(client) == f"<zkc.Client {hosts} CONNECTED>"


def test_without_a_session_there_is_little_to_tell(hosts):
    client = Client(hosts)

    def check():
        assert (client.session_id, client.session_password) == (0, b"")
        assert client.negotiated_timeout == 0.0
        assert client.server is None
        assert client.state is State.CLOSED
        assert repr(client) == f"<zkc.Client {hosts} CLOSED>"

    check()
    with client:
        pass
    check()


def test_the_server_limits_the_session_timeout(hosts):
    with Client(hosts, session_timeout=100_000) as client:
        assert client.negotiated_timeout == 60.0


def test_a_second_start_keeps_the_session(client):
    session_id = client.session_id
    client.start()
    assert client.session_id == session_id


def test_a_closed_client_starts_again_with_a_new_session(hosts):
    client = Client(hosts)
    sessions = []
    for _ in range(3):
        with client:
            sessions.append(client.session_id)
            client.exists("/")
    assert len(set(sessions)) == 3


def test_closing_twice_or_before_the_start_does_nothing(hosts):
    client = Client(hosts)
    client.close()
    client.start()
    client.close()
    client.close()
    assert client.closed


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.create("/a"),
        lambda client: client.get("/a"),
        lambda client: client.set("/a", b""),
        lambda client: client.delete("/a"),
        lambda client: client.exists("/a"),
        lambda client: client.children("/"),
        lambda client: client.children_with_stat("/"),
        lambda client: client.get_acl("/"),
        lambda client: client.set_acl("/", [zkc.ACL.world()]),
        lambda client: client.sync(),
        lambda client: client.add_auth("digest", "a:b"),
    ],
)
def test_a_call_needs_a_session(hosts, call):
    client = Client(hosts)
    with pytest.raises(zkc.NotStartedError, match=r"Call start\(\) first"):
        call(client)
    with client:
        pass
    with pytest.raises(zkc.ClosingError, match="the session is closed") as caught:
        call(client)
    assert caught.value.session_lost
    assert not caught.value.maybe_applied


def test_an_error_in_the_block_is_not_replaced(hosts):
    with pytest.raises(AttributeError, match="nothing_of_the_kind"), Client(hosts) as client:
        client.nothing_of_the_kind()
    assert client.closed


def test_nobody_there(free_port):
    client = Client(f"127.0.0.1:{free_port}", connect_timeout=0.3)
    with pytest.raises(zkc.ConnectTimeoutError) as caught:
        client.start()
    message = str(caught.value)
    assert f"no session with 127.0.0.1:{free_port} within 0.3 s" in message
    assert "Check that the servers run" in message
    assert isinstance(caught.value, (TimeoutError, ConnectionError))
    assert not caught.value.maybe_applied
    assert client.closed
    with pytest.raises(zkc.NotStartedError):
        client.get("/")


def test_a_server_that_says_nothing(hosts, zookeeper_server):
    zookeeper_server.pause()
    with pytest.raises(zkc.ConnectTimeoutError), Client(hosts, connect_timeout=0.3):
        pass
    zookeeper_server.resume()
    with Client(hosts, connect_timeout=None) as client:
        assert client.connected


def test_it_can_be_started_after_a_failure(hosts, zookeeper_server):
    client = Client(hosts, connect_timeout=2.0)
    zookeeper_server.pause()
    with pytest.raises(zkc.ConnectTimeoutError):
        client.start()
    zookeeper_server.resume()
    with client:
        assert client.exists("/") is not None


def test_a_name_that_cannot_be_resolved():
    client = Client("no-such-host.invalid", connect_timeout=5)
    with pytest.raises(ConnectionError, match=r"no-such-host\.invalid"):
        client.start()
    assert client.closed


DYING = """
import os, sys, zkc
client = zkc.Client(sys.argv[1])
client.start()
client.create("/mine", ephemeral=True)
print(client.session_id, client.session_password.hex(), flush=True)
os._exit(0)
"""


def test_a_session_outlives_its_process_and_is_resumed(hosts, other):
    session_id, password = run(DYING, hosts).stdout.split()
    with Client(hosts, client_id=(int(session_id), bytes.fromhex(password))) as client:
        assert client.session_id == int(session_id)
        assert client.exists("/mine").ephemeral_owner == client.session_id
    assert other.exists("/mine") is None


def test_a_session_that_has_ended_is_not_resumed(hosts):
    with Client(hosts) as first:
        client_id = (first.session_id, first.session_password)
    client = Client(hosts, client_id=client_id)
    with pytest.raises(zkc.SessionExpiredError) as caught:
        client.start()
    assert caught.value.session_lost
    assert client.closed
    with client:
        assert client.session_id != client_id[0]


def test_an_expired_session_is_told_and_replaced_by_hand(hosts, expire):
    with Client(hosts) as client:
        expire(client)
        with pytest.raises(zkc.SessionExpiredError) as caught:
            client.set("/", b"")
        assert caught.value.session_lost
        client.close()
        client.start()
        assert client.exists("/") is not None


def test_closing_in_a_watch(hosts, other):
    client = Client(hosts)
    client.start()
    closed = threading.Event()

    def close(event):
        client.close()
        closed.set()

    client.exists("/a", watch=close)
    other.create("/a")
    assert closed.wait(10)
    assert client.closed
    client.close()


def test_closing_in_another_thread_ends_a_call(hosts, zookeeper_server, eventually):
    client = Client(hosts)
    client.start()
    zookeeper_server.pause()
    caught = []

    def get():
        with pytest.raises(zkc.ClosingError) as info:
            client.set("/a", b"")
        caught.append(info.value)

    thread = threading.Thread(target=get)
    thread.start()
    eventually(lambda: client.session.in_flight)
    client.session.close(0.5)
    thread.join(10)
    zookeeper_server.resume()
    assert [error.maybe_applied for error in caught] == [True]


def test_the_session_below_pipelines(client):
    requests = [client.session.create(f"/n{i}", b"%d" % i, [(31, "world", "anyone")]) for i in range(100)]
    assert [request.result(10) for request in requests] == [f"/n{i}" for i in range(100)]
    requests = [client.session.get(f"/n{i}") for i in range(100)]
    assert [request.result(10)[0] for request in requests] == [b"%d" % i for i in range(100)]


def test_the_session_below_needs_a_start(hosts):
    with pytest.raises(zkc.NotStartedError):
        # The property itself is what raises.
        Client(hosts).session  # noqa: B018


def test_many_threads_share_a_client(client):
    client.create("/n", b"x")
    wrong = []

    def work(number):
        for i in range(50):
            path = client.create(f"/n/{number}-{i}", b"%d" % i)
            if client.get(path)[0] != b"%d" % i:
                wrong.append(path)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(client.children("/n")) == 400


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"hosts": ""}, ValueError, "hosts must not have an empty entry"),
        ({"hosts": None}, TypeError, "hosts must be a str"),
        ({"session_timeout": 0}, ValueError, "session_timeout must be a positive"),
        ({"session_timeout": None}, TypeError, "session_timeout must be a number of seconds"),
        ({"connect_timeout": -1}, ValueError, "connect_timeout must be a positive"),
        ({"request_timeout": "1"}, TypeError, "request_timeout must be a number"),
        ({"read_only": 1}, TypeError, "read_only must be True or False"),
        ({"client_id": 5}, TypeError, "client_id must be a tuple"),
        ({"default_acl": []}, ValueError, "default_acl must have one entry"),
        ({"default_acl": zkc.ACL.world()}, TypeError, r"default_acl must be a sequence of ACL: write \[default_acl\]"),
    ],
)
def test_a_bad_setting_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Client(**{"hosts": "127.0.0.1", **arguments})


def test_settings_are_given_by_name():
    with pytest.raises(TypeError, match="positional argument"):
        Client("127.0.0.1", 10.0)


FORKED = """
import os, sys, warnings, zkc
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside other threads is what this is about
with zkc.Client(sys.argv[1]) as client:
    client.create("/mine", ephemeral=True)
    child = os.fork()
    if not child:
        caught = []
        for call in (lambda: client.get("/mine"), client.start, client.close, lambda: client.state):
            try:
                call()
            except zkc.ForkedError as error:
                caught.append(str(error))
        assert len(caught) == 4, caught
        assert "make a new client" in caught[0].lower(), caught
        print(repr(client))
        with zkc.Client(sys.argv[1]) as own:
            assert own.exists("/mine") is not None
        raise SystemExit(7)
    assert os.waitpid(child, 0)[1] == 7 << 8
    assert client.exists("/mine").ephemeral_owner == client.session_id
"""


def test_a_forked_child_is_told_and_the_parents_session_lives(hosts):
    done = run(FORKED, hosts)
    assert done.stdout == f"<zkc.Client {hosts} of the parent process>\n"


def test_a_script_that_never_closes_ends_in_silence(hosts):
    assert (
        run("import sys, zkc; client = zkc.Client(sys.argv[1]); client.start(); client.create('/a')", hosts).stdout
        == ""
    )


def run(script, *arguments):
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done


def test_a_forgotten_client_warns(hosts):
    client = Client(hosts)
    client.start()
    with pytest.warns(ResourceWarning, match=re.escape("was not closed")):
        del client


def test_errors_of_the_core_can_be_pickled(client):
    with pytest.raises(zkc.NoNodeError) as caught:
        client.get("/none")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it, and connecting is refused
        yield taken.getsockname()[1]
