"""The adaptor, seen from Python: it rests when nothing is to do, and ends everything with the session."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
import time
from pathlib import Path

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import ANYONE, WAIT, Recorder, paused, settle

OWN = core.build_info()["adaptor"] == "own"


def assert_rests():
    """Check that the process needs next to no CPU for the length of a look: who does things in a loop needs some."""
    shares = []
    for _ in range(40):
        before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        time.sleep(0.3)  # The length of a look: it measures what the process does by itself.
        after, ended = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        shares.append(used / (ended - begun))
        if shares[-1] < 0.05:
            return
    raise AssertionError(f"it never rested; the least share of a CPU was {min(shares):.2f}")


def own_threads() -> int:
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended since it was listed
            names.append((task / "comm").read_text().strip())
    return names.count("zkc-io")


def test_idle_sessions_rest(open_session):
    for _ in range(10):
        settle(open_session())
    assert_rests()


def test_a_session_rests_while_its_server_does_not_answer(open_session, zookeeper_server):
    session = open_session(session_timeout=30)
    session.create("/a", b"", ANYONE).result(WAIT)
    with paused(zookeeper_server):
        # More than the socket takes: a part waits in every place where something can wait.
        requests = [session.set("/a", bytes(500_000)) for _ in range(30)]
        assert_rests()
    for request in requests:
        request.result(60)


def test_a_session_rests_while_no_server_accepts(open_session):
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        # When the queue of connections that are not accepted is full, the system answers no further one.
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        hosts = f"127.0.0.1:{listener.getsockname()[1]}"
        session = open_session(hosts, connected=False, session_timeout=30)
        session.get("/")
        assert_rests()
        session.close(WAIT)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks at threads in /proc")
def test_a_session_has_a_thread_and_gives_it_back(open_session, eventually):
    before = own_threads()
    sessions = [open_session() for _ in range(5)]
    # The threads that open are short-lived and have the same name.
    eventually(lambda: own_threads() - before == (5 if OWN else 10))
    for session in sessions:
        assert session.close(WAIT)
    eventually(lambda: own_threads() == before)


def test_everything_that_waits_ends_once_with_the_session(open_session, zookeeper_server):
    session = open_session(session_timeout=30)
    calls = Recorder()
    lock = threading.Lock()
    ended: dict[int, int] = {}

    def done(request, number):
        with lock:
            ended[number] = ended.get(number, 0) + 1
        calls(request.exception(0))

    with paused(zookeeper_server):
        for number in range(2000):
            session.get("/", callback=lambda request, number=number: done(request, number))
        assert session.close(WAIT)
    assert ended == dict.fromkeys(range(2000), 1)
    assert {type(error) for error in calls.calls} == {errors.ClosingError}


def test_a_burst_from_several_threads(open_session):
    session = open_session()
    session.create("/a", b"x" * 100, ANYONE).result(WAIT)
    replies = []

    def ask():
        requests = [session.get("/a") for _ in range(2000)]
        replies.extend(request.result(60)[0] for request in requests)

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [b"x" * 100] * 10_000


def test_a_large_answer_between_small_ones(open_session):
    session = open_session()
    data = os.urandom(900_000)
    session.create("/large", data, ANYONE).result(WAIT)
    session.create("/small", b"s", ANYONE).result(WAIT)
    requests = [session.get("/large" if number % 5 == 2 else "/small") for number in range(25)]
    for number, request in enumerate(requests):
        assert request.result(60)[0] == (data if number % 5 == 2 else b"s")
