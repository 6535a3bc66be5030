"""Nothing grows: memory, descriptors, threads, and what is alive on the C side. The full counts are a benchmark's."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from zkc import _zookeeper as core

from .core_support import ANYONE, WAIT, paused, settle

# A sanitizer keeps what was freed in order to see it used: memory grows by design.
measures_memory = pytest.mark.skipif("ZKC_SANITIZED" in os.environ, reason="a sanitizer keeps freed memory")
pytestmark = measures_memory

ALLOWED_GROWTH = 6 * 1024 * 1024
"""Bytes that an allocator may hold on to without anything having leaked; far less than what the counts below would."""


def resident():
    """Return the memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(work, rounds):
    """Run *work* once to warm up, then *rounds* times; return what has grown since the warm-up."""
    work()
    before = settled()
    for _ in range(rounds):
        work()
    # The thread that closes a session may end a moment after close() returned, and has a reference until then.
    deadline = time.monotonic() + WAIT
    while more := counts() - before[1]:
        assert time.monotonic() < deadline, f"more than before: {dict(more)}"
        time.sleep(0.01)  # between two looks
    return resident() - before[0]


def settled():
    """Return what there is of memory, and the counts, when these have become no less for a while."""
    least, quiet_until = counts(), time.monotonic() + 0.1
    while time.monotonic() < quiet_until:
        time.sleep(0.01)  # between two looks
        now = counts()
        if sum(now.values()) < sum(least.values()):
            least, quiet_until = now, time.monotonic() + 0.1
    return resident(), least


def counts():
    """Count descriptors, threads, and what is alive on the C side."""
    gc.collect()
    found = {"descriptors": len(os.listdir("/proc/self/fd")), "threads": threading.active_count()}
    return Counter({**found, **core.live_counts()})


def test_gets(session):
    session.create("/a", bytes(500), ANYONE).result(WAIT)

    def work():
        for _ in range(500):
            assert len(session.get("/a").result(WAIT)[0]) == 500

    assert measure(work, 100) < ALLOWED_GROWTH


def test_pipelined_gets_with_callbacks(session):
    def work():
        for _ in range(5000):
            session.get("/", callback=lambda request: request.result())
        settle(session)

    assert measure(work, 10) < ALLOWED_GROWTH


def test_calls_that_fail(session):
    def work():
        requests = [session.get("/missing", watch=print) for _ in range(500)]
        requests += [session.create("/missing/x", bytes(100), ANYONE) for _ in range(500)]
        requests += [session.multi([("check", "/missing", -1), ("delete", "/", 1)]) for _ in range(500)]
        assert all(request.exception(WAIT) is not None for request in requests)
        settle(session)

    assert measure(work, 15) < ALLOWED_GROWTH


def test_calls_that_are_refused_at_once(session):
    def work():
        for _ in range(5000):
            for arguments in (("no path",), ("/", 1)):
                with contextlib.suppress(TypeError, ValueError):
                    session.get(*arguments)

    assert measure(work, 10) < ALLOWED_GROWTH


def test_watches_that_fire(session):
    session.create("/a", b"", ANYONE).result(WAIT)

    def work():
        for _ in range(500):
            session.get("/a", watch=lambda *_: None)
            session.set("/a", b"x")
        settle(session)
        assert session.watch_count == 0

    assert measure(work, 20) < ALLOWED_GROWTH


def test_watches_that_never_fire_and_are_removed(session):
    paths = [f"/never-{number:05d}" for number in range(5000)]

    def work():
        for path in paths:
            session.exists(path, watch=lambda *_: None)
        settle(session)
        assert session.watch_count == len(paths)
        for path in paths:
            session.remove_all_watches(path)
        settle(session)
        assert session.watch_count == 0

    assert measure(work, 4) < ALLOWED_GROWTH


def test_watches_that_never_fire_and_end_with_their_session(open_session, eventually):
    def work():
        session = open_session()
        for number in range(1000):
            session.exists(f"/never-{number}", watch=functools.partial(print, session))
        settle(session)
        session.close()
        gc.collect()

    work()
    base = core.live_counts()["watches"]
    for _ in range(5):
        work()
    assert core.live_counts()["watches"] == base == 0


def test_sessions(zookeeper_chroot):
    def work():
        for _ in range(10):
            session = core.Session(zookeeper_chroot)
            session.wait_connected(WAIT)
            session.get("/", watch=print).result(WAIT)
            session.close()

    assert measure(work, 6) < ALLOWED_GROWTH


def test_sessions_that_never_connect():
    def work():
        for _ in range(20):
            session = core.Session("127.0.0.1:1")
            session.get("/", watch=print)
            session.close()

    assert measure(work, 4) < ALLOWED_GROWTH


def test_everything_else(session):
    session.create("/a", b"", ANYONE).result(WAIT)

    def work():
        for _ in range(100):
            requests = [
                session.exists("/a"),
                session.get_children("/"),
                session.get_children_with_stat("/"),
                session.get_acl("/a"),
                session.set_acl("/a", ANYONE),
                session.sync("/"),
                session.get_config(),
                session.create_with_stat("/s-", bytes(1000), ANYONE, 3),
                session.multi([("set", "/a", bytes(1000), -1), ("create", "/m", b"", ANYONE, 0), ("delete", "/m", -1)]),
            ]
            for request in requests:
                request.result(WAIT)
            session.delete(requests[-2].result()[0]).result(WAIT)

    assert measure(work, 15) < ALLOWED_GROWTH


@pytest.mark.slow
def test_a_server_that_stands_still_while_a_hundred_thousand_requests_are_made(open_session, zookeeper_server):
    places = 32768
    session = open_session(session_timeout=40.0, max_in_flight=places)
    settle(session)
    answers: Counter[object] = Counter()

    def submit():
        for _ in range(100_000):
            session.get("/", callback=lambda request: answers.update([type(request.exception(0))]))

    submitter = threading.Thread(target=submit)
    before = resident()
    with paused(zookeeper_server):
        submitter.start()
        submitter.join(10)  # so long the server stands still
        assert submitter.is_alive()
        # The submitting thread waits, and so do its requests: nothing grows beyond that.
        assert session.in_flight == places
        assert resident() - before < places * 1024 + ALLOWED_GROWTH
    submitter.join(60)
    settle(session)
    assert answers == {type(None): 100_000}
