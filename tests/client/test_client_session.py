"""How a client starts, what it reports of its session, and how it ends."""

import gc
import pickle
import subprocess
import sys
import weakref

import pytest

import zkc
from zkc import ClientState

from ..build_support import needs_long_session_timeouts
from . import both

DYING = """
import os, sys, zkc
client = zkc.Client(sys.argv[1])
client.start()
client.create("/mine", ephemeral=True)
print(client.session_id, client.session_password.hex(), flush=True)
os._exit(0)
"""


def name_of(kind):
    return "AsyncClient" if kind == "async" else "Client"


async def test_a_with_statement_starts_and_closes(make_zk):
    zk = make_zk()
    assert zk.closed
    async with zk as entered:
        assert entered is zk
        assert not zk.closed
        assert zk.connected
        assert zk.state is ClientState.CONNECTED
    assert zk.closed
    assert not zk.connected
    assert zk.state is ClientState.CLOSED


async def test_it_reports_its_session(kind, make_zk, hosts, zookeeper_server):
    async with make_zk(session_timeout=7.5) as zk:
        assert zk.hosts == hosts
        assert zk.server == zookeeper_server.hosts
        assert zk.session_id != 0
        assert len(zk.session_password) == 16
        assert zk.negotiated_timeout == 7.5
        assert repr(zk) == f"<zkc.{name_of(kind)} {hosts} CONNECTED>"


async def test_without_a_session_there_is_little_to_report(kind, make_zk, hosts):
    zk = make_zk()

    def check():
        assert (zk.session_id, zk.session_password) == (0, b"")
        assert zk.negotiated_timeout == 0.0
        assert zk.server is None
        assert zk.state is ClientState.CLOSED
        assert zk.kept == []
        assert repr(zk) == f"<zkc.{name_of(kind)} {hosts} CLOSED>"

    check()
    async with zk:
        pass
    check()


async def test_the_server_limits_the_session_timeout(make_zk):
    async with make_zk(session_timeout=100_000) as zk:
        assert zk.negotiated_timeout == 60.0


@needs_long_session_timeouts
async def test_the_longest_session_timeout_connects(make_zk):
    async with make_zk(session_timeout=2_147_483.647) as zk:
        assert zk.negotiated_timeout == 60.0


def test_a_longer_session_timeout_is_refused_with_the_longest(kind):
    with pytest.raises(ValueError, match=r"session_timeout must be from 0\.001 to 2147483\.647 seconds"):
        both.make(kind, "127.0.0.1:1", session_timeout=2_147_483.648)


async def test_a_second_start_keeps_the_session(zk):
    session_id = zk.session_id
    await zk.start()
    assert zk.session_id == session_id


async def test_a_closed_client_starts_again_with_a_new_session(make_zk):
    zk = make_zk()
    sessions = []
    for _ in range(3):
        async with zk:
            sessions.append(zk.session_id)
            await zk.exists("/")
    assert len(set(sessions)) == 3


async def test_closing_twice_or_before_the_start_does_nothing(make_zk):
    zk = make_zk()
    await zk.close()
    await zk.start()
    await zk.close()
    await zk.close()
    assert zk.closed


@pytest.mark.parametrize(
    "call",
    [
        lambda zk: zk.create("/a"),
        lambda zk: zk.create("/a", make_parents=True),
        lambda zk: zk.create("/a", ephemeral=True, protected=True),
        lambda zk: zk.create("/a", ephemeral=True, keep=True),
        lambda zk: zk.ensure_path("/a"),
        lambda zk: zk.get("/a"),
        lambda zk: zk.set("/a", b""),
        lambda zk: zk.delete("/a"),
        lambda zk: zk.delete("/a", recursive=True),
        lambda zk: zk.exists("/a"),
        lambda zk: zk.children("/"),
        lambda zk: zk.children_with_stat("/"),
        lambda zk: zk.get_acl("/"),
        lambda zk: zk.set_acl("/", [zkc.ACL.world()]),
        lambda zk: zk.sync(),
        lambda zk: zk.add_auth("digest", "a:b"),
        lambda zk: zk.get_config(),
        lambda zk: zk.reconfig(leaving="1"),
        lambda zk: zk.remove_watches("/a"),
        lambda zk: zk.set_hosts("127.0.0.1:1"),
        lambda zk: _commit_one(zk),
    ],
)
async def test_a_call_needs_a_session(make_zk, call):
    zk = make_zk()
    with pytest.raises(zkc.NotStartedError, match=r"Call start\(\) first"):
        await call(zk)
    async with zk:
        pass
    with pytest.raises(zkc.ClosingError, match="the session is closed") as caught:
        await call(zk)
    assert caught.value.session_lost
    assert not caught.value.maybe_applied


def _commit_one(zk):
    transaction = zk.transaction()
    transaction.check("/")
    return transaction.commit()


async def test_an_error_in_the_block_is_not_replaced(make_zk):
    zk = make_zk()
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        async with zk:
            zk.nothing_of_the_kind()
    assert zk.closed


async def test_no_server_there(make_zk, free_port):
    zk = make_zk(f"127.0.0.1:{free_port}", connect_timeout=0.3)
    with pytest.raises(zkc.ConnectTimeoutError) as caught:
        await zk.start()
    message = str(caught.value)
    assert f"no session with 127.0.0.1:{free_port} within 0.3 s" in message
    assert "Check that the servers run" in message
    assert isinstance(caught.value, (TimeoutError, ConnectionError))
    assert not caught.value.maybe_applied
    assert zk.closed
    with pytest.raises(zkc.NotStartedError):
        await zk.get("/")


async def test_a_server_that_says_nothing(make_zk, zookeeper_server):
    zookeeper_server.pause()
    with pytest.raises(zkc.ConnectTimeoutError):
        async with make_zk(connect_timeout=0.3):
            pass
    zookeeper_server.resume()
    async with make_zk(connect_timeout=None) as zk:
        assert zk.connected


async def test_it_can_be_started_after_a_failure(make_zk, zookeeper_server):
    zk = make_zk(connect_timeout=2.0)
    zookeeper_server.pause()
    with pytest.raises(zkc.ConnectTimeoutError):
        await zk.start()
    zookeeper_server.resume()
    async with zk:
        assert await zk.exists("/") is not None


async def test_a_name_that_cannot_be_resolved(make_zk):
    zk = make_zk("no-such-host.invalid", connect_timeout=5)
    with pytest.raises(ConnectionError, match=r"no-such-host\.invalid"):
        await zk.start()
    assert zk.closed


async def test_a_session_outlives_its_process_and_is_resumed(make_zk, hosts, other_zk):
    done = subprocess.run([sys.executable, "-c", DYING, hosts], capture_output=True, text=True, timeout=60, check=True)
    session_id, password = done.stdout.split()
    async with make_zk(client_id=(int(session_id), bytes.fromhex(password))) as zk:
        assert zk.session_id == int(session_id)
        assert (await zk.exists("/mine")).ephemeral_owner == zk.session_id
    assert await other_zk.exists("/mine") is None


async def test_a_session_that_has_ended_is_not_resumed(make_zk):
    async with make_zk() as first:
        client_id = (first.session_id, first.session_password)
    zk = make_zk(client_id=client_id)
    with pytest.raises(zkc.SessionExpiredError, match=r"^start: .*client_id.*start\(\) again") as caught:
        await zk.start()
    assert caught.value.session_lost
    assert zk.closed
    async with zk:
        assert zk.session_id != client_id[0]


async def test_closing_in_a_watch(kind, make_zk, other_zk, events):
    zk = make_zk()
    await zk.start()

    def close(event):
        zk.inner.close()
        events.put("closed")

    async def await_close(event):
        await zk.close()
        events.put("closed")

    await zk.exists("/a", watch=await_close if kind == "async" else close)
    await other_zk.create("/a")
    assert await events.next() == "closed"
    assert zk.closed
    await zk.close()


async def test_closing_ends_a_call_elsewhere(make_zk, zookeeper_server):
    zk = make_zk()
    await zk.start()
    zookeeper_server.pause()
    setting = both.begin(zk, "set", "/a", b"")
    ensuring = both.begin(zk, "ensure_path", "/b/c")
    await both.eventually(lambda: zk.session.in_flight == 4)
    closing = both.begin(zk, "close")
    with pytest.raises(zkc.ClosingError) as caught:
        await setting
    with pytest.raises(zkc.ClosingError):
        await ensuring
    zookeeper_server.resume()
    await closing
    assert caught.value.maybe_applied


async def test_the_session_below_pipelines(zk):
    requests = [zk.session.create(f"/n{i}", b"%d" % i, [(31, "world", "anyone")]) for i in range(100)]
    await both.eventually(lambda: all(request.done() for request in requests))
    assert [request.result() for request in requests] == [f"/n{i}" for i in range(100)]
    assert sorted(await zk.children("/")) == sorted(f"n{i}" for i in range(100))


async def test_the_session_below_needs_a_start(make_zk):
    with pytest.raises(zkc.NotStartedError):
        # The property itself is what raises.
        make_zk().session  # noqa: B018


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
        ({"auth": "ann:secret"}, TypeError, "auth must be a list of"),
        ({"auth": ["ann:secret"]}, TypeError, "auth must hold tuples"),
        ({"auth": [("digest", 5)]}, TypeError, "credentials must be"),
        ({"auth": [("", "x")]}, ValueError, "scheme must be"),
        ({"tls": True}, TypeError, "tls must be"),
        ({"sasl": "DIGEST-MD5"}, TypeError, "sasl must be"),
        ({"max_in_flight": 0}, ValueError, "max_in_flight must be from 1 to 32768"),
        ({"max_in_flight": 32769}, ValueError, "max_in_flight must be from 1 to 32768"),
        ({"max_in_flight": 1.0}, TypeError, "max_in_flight must be an int"),
    ],
)
def test_a_bad_setting_is_refused(make_zk, arguments, error, message):
    with pytest.raises(error, match=message):
        make_zk(**{"hosts": "127.0.0.1", **arguments})


@pytest.mark.parametrize("make", [zkc.Client, zkc.AsyncClient])
def test_settings_are_given_by_name(make):
    with pytest.raises(TypeError, match="positional argument"):
        make("127.0.0.1", 10.0)


async def test_errors_of_the_core_can_be_pickled(zk):
    with pytest.raises(zkc.NoNodeError) as caught:
        await zk.get("/none")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


async def test_one_request_may_be_in_flight(make_zk):
    async with make_zk(max_in_flight=1) as zk:
        await zk.create("/a/b/c", make_parents=True)
        for _ in range(20):
            await zk.set("/a", b"x")
        assert sorted(await zk.children("/a")) == ["b"]


@pytest.fixture
def free_port():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: no other program gets it, and connecting is refused
        yield taken.getsockname()[1]


async def test_the_error_of_a_start_that_fails_keeps_nothing(make_zk):
    """It has the frames of the call, and these have the session: both go with it, without the garbage collector."""
    async with make_zk() as first:
        client_id = (first.session_id, first.session_password)
    zk = make_zk(client_id=client_id)
    gc.disable()
    try:
        try:
            await zk.start()
        except zkc.SessionExpiredError as error:
            kept = weakref.ref(error)
        await both.eventually(lambda: kept() is None)
    finally:
        gc.enable()


def test_a_start_that_meets_a_close_leaves_no_descriptors(hosts):
    script = """
import gc, os, sys, threading, time, zkc

def start(client):
    try:
        client.start()
    except zkc.ClosingError:
        refused.append(1)

refused = []
with zkc.Client(sys.argv[1]):
    pass
gc.collect()
gc.disable()
before = len(os.listdir("/proc/self/fd"))
for number in range(1000):
    client = zkc.Client(sys.argv[1])
    thread = threading.Thread(target=start, args=(client,))
    thread.start()
    while client.state is zkc.ClientState.CLOSED and thread.is_alive():
        pass
    client.close()
    thread.join()
    client.close()
    if len(refused) == 10:
        break
del client, thread
deadline = time.monotonic() + 20
while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < deadline:
    time.sleep(0.01)  # The last sessions end by themselves.
print(len(refused) >= 10, len(os.listdir("/proc/self/fd")) <= before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, hosts], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.stdout, done.stderr, done.returncode) == ("True True\n", "", 0)
