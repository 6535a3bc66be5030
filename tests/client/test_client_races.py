"""Starting and closing meet each other, signals, and servers that do not answer."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import zkc
from zkc import _zookeeper
from zkc.testing._wire import WireConnection


def test_a_close_while_the_session_is_made_is_not_lost(zookeeper_server, monkeypatch):
    making, closed = threading.Event(), threading.Event()

    class SlowlyMade(_zookeeper.Session):
        def __init__(self, *arguments, **options):
            making.set()
            closed.wait(20)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(zkc._client.sync, "Session", SlowlyMade)
    client = zkc.Client(zookeeper_server.hosts)
    outcome = []

    def start():
        try:
            client.start()
            outcome.append("started")
        except zkc.ZooKeeperError as error:
            outcome.append(type(error))

    def close():
        client.close()
        outcome.append("closed")

    starting = threading.Thread(target=start)
    starting.start()
    assert making.wait(20)
    closing = threading.Thread(target=close)
    closing.start()
    closed.set()
    closing.join(20)
    client.close()
    starting.join(20)
    assert sorted(map(str, outcome)) in ([str(zkc.ClosingError), "closed"], ["closed", "started"])
    assert client.closed


CLOSED_WHILE_LOOKING_UP = """
import os, sys, threading, time, zkc
client = zkc.Client(sys.argv[1], connect_timeout=60)
outcome = []
def start():
    try:
        client.start()
    except zkc.ZooKeeperError as error:
        outcome.append(type(error).__name__)
thread = threading.Thread(target=start)
thread.start()
while client.closed:
    time.sleep(0.001)
before = time.monotonic()
threading.Timer(0.3, open, (os.environ["SLOW_NAMES"], "w")).start()
client.close()
thread.join()
print(*outcome, client.closed, client.state, time.monotonic() - before < 30)
"""


def test_a_close_during_the_name_look_up_is_not_lost(zookeeper_server, slow_names, tmp_path):
    environment = {**os.environ, "LD_PRELOAD": str(slow_names), "SLOW_NAMES": str(tmp_path / "go on")}
    done = subprocess.run(
        [sys.executable, "-c", CLOSED_WHILE_LOOKING_UP, zookeeper_server.hosts.replace("127.0.0.1", "localhost")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "ClosingError True CLOSED True\n")


@pytest.fixture(scope="module")
def slow_names(tmp_path_factory):
    """A library to be preloaded, with which names are looked up as slowly as a test wants."""
    target = tmp_path_factory.mktemp("slow") / "slow_names.so"
    source = Path(__file__).parents[1] / "core" / "slow_names.c"
    compiler = os.environ.get("CC", "gcc").split()
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", target, source, "-ldl"], check=True)
    return target


def test_a_start_that_timed_out_may_be_tried_again_and_resumes_the_session(zookeeper_server):
    others = WireConnection(("127.0.0.1", zookeeper_server.port), session_timeout=30.0, timeout=20.0)
    client = zkc.Client(
        zookeeper_server.hosts,
        connect_timeout=0.3,
        client_id=(others.session_id, others.password),
        session_timeout=30.0,
    )
    others.abandon()
    zookeeper_server.pause()
    try:
        with pytest.raises(zkc.ConnectTimeoutError):
            client.start()
    finally:
        zookeeper_server.resume()
    client._settings.connect_timeout = 20.0
    with client:
        assert client.session_id == others.session_id


def test_a_second_start_waits_for_the_connection_too(zookeeper_server):
    client = zkc.Client(zookeeper_server.hosts, connect_timeout=0.5)
    outcome = []

    def start():
        try:
            client.start()
            outcome.append("connected")
        except (zkc.ConnectTimeoutError, zkc.ClosingError):
            outcome.append("not connected")

    zookeeper_server.pause()
    try:
        threads = [threading.Thread(target=start) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    finally:
        zookeeper_server.resume()
    assert outcome == ["not connected"] * 2
    client.close()


def test_the_started_client_starts_at_once(zookeeper_server):
    with zkc.Client(zookeeper_server.hosts) as client:
        session_id = client.session_id
        client.start()
        assert client.session_id == session_id


def test_an_expired_session_is_followed_by_another(zookeeper_server, expire):
    with zkc.Client(zookeeper_server.hosts) as client:
        before = client.session_id
        expire(client)
        client.start()  # There is one already.
        assert client.session_id not in (0, before)
        assert client.exists("/") is not None
        client.close()
        client.start()
        assert client.exists("/") is not None


SIGNALS = """
import gc, signal, time
import zkc, zkc._zookeeper

class Interrupted(Exception): pass

armed = False

def interrupt(*_):
    if armed:
        raise Interrupted

def attempt(after):
    global armed
    armed = True
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        with zkc.Client("127.0.0.1:1", connect_timeout=0.05):
            pass
    finally:
        armed = False

signal.signal(signal.SIGALRM, interrupt)
for i in range(100):
    try:
        attempt(0.0001 + i % 20 * 2e-5)
    except Exception:
        pass  # the handler's, or what it made of Thread.start(), or that no server listens there
signal.setitimer(signal.ITIMER_REAL, 0)
deadline = time.monotonic() + 20
while zkc._zookeeper.live_counts()["sessions"] > 1 and time.monotonic() < deadline:
    gc.collect()
    time.sleep(0.05)
print(zkc._zookeeper.live_counts()["sessions"] <= 1)
"""


def test_a_signal_handler_that_raises_while_a_session_opens_leaves_none_behind():
    # Python's own threading may print when a signal hits Thread.start(): stderr is not looked at.
    done = subprocess.run([sys.executable, "-c", SIGNALS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_signal_handler_may_close_the_client_that_is_being_closed(zookeeper_server):
    client = zkc.Client(zookeeper_server.hosts)
    client.start()
    with client._lock:  # where the handler finds the thread in the worst case
        client.close()
    assert client.closed
