"""Nothing grows with the old module. The full counts are a benchmark's: ./dev bench leaks."""

import contextlib
import gc
import io
import os
import threading
from collections import Counter
from pathlib import Path

import pytest

from zkc import _zookeeper as core
from zkc.legacy import zookeeper
from zkc.legacy._core import handles
from zkc.legacy.zk import _logging

from .legacy_support import OPEN, Watcher, settle

# A sanitizer keeps what was freed in order to see it used: memory grows by design.
pytestmark = pytest.mark.skipif("ZKC_SANITIZED" in os.environ, reason="a sanitizer keeps freed memory")

ALLOWED_GROWTH = 6 * 1024 * 1024
"""Bytes that an allocator may hold on to without anything having leaked; far less than what the counts below would."""


def resident():
    """Return the memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def grows(eventually):
    """Return a function that runs *work* once to warm up, then *rounds* times, and returns whether memory has grown."""

    def counts():
        gc.collect()
        alive = {"descriptors": len(os.listdir("/proc/self/fd")), "threads": threading.active_count()}
        return Counter({**alive, **core.live_counts(), "numbers": len(handles._sessions)})

    def run(work, rounds):
        work()
        counted, memory = counts(), resident()
        for _ in range(rounds):
            work()
        eventually(lambda: not counts() - counted)  # a dispatcher releases the last items a moment later
        return resident() - memory > ALLOWED_GROWTH

    return run


def test_completions(grows, h):
    zookeeper.create(h, "/a", "x" * 1000, OPEN)

    def work():
        done = Watcher()
        for _ in range(500):
            zookeeper.aget(h, "/a", None, done)
            zookeeper.aget(h, "/missing", print, done)
            zookeeper.aexists(h, "/a", None, done)
            zookeeper.aget_children(h, "/", None, done)
            zookeeper.aget_acl(h, "/a", done)
            zookeeper.acreate(h, "/a", "x" * 1000, OPEN, 0, done)
        done.wait_calls(3000)

    assert not grows(work, 12)


def test_watchers(grows, h):
    zookeeper.create(h, "/a", "", OPEN)

    def work():
        seen = Watcher()
        for _ in range(300):
            zookeeper.aget(h, "/a", seen)
            zookeeper.aexists(h, "/a", seen)
            zookeeper.aset(h, "/a", "x" * 1000)
        seen.wait_calls(600)
        settle(h)

    assert not grows(work, 15)


def test_watchers_over_lost_connections(grows, make_handle, proxy, proxied):
    events = Watcher()
    h = make_handle(proxied, watcher=events, recv_timeout_ms=30000)
    for number in range(500):
        zookeeper.aexists(h, f"/{number}", lambda *_: None)
    settle(h)

    def work():
        before = len(events.calls)
        proxy.drop_connections()
        events.wait_calls(before + 2)
        settle(h)

    assert not grows(work, 10)


def test_callbacks_that_raise(grows, h, monkeypatch):
    monkeypatch.setattr("sys.excepthook", lambda *_: None)

    def work():
        for _ in range(1000):
            zookeeper.aget(h, "/", lambda *_: 1 / 0, lambda *_: 1 / 0)
        zookeeper.set(h, "/", "x")
        settle(h)

    assert not grows(work, 10)


def test_calls_that_wait_and_fail(grows, h):
    def work():
        for _ in range(200):
            for call, arguments in (
                (zookeeper.get, ("/missing", print)),
                (zookeeper.create, ("/missing/x", "x" * 1000, OPEN)),
                (zookeeper.create, ("/x", "", None)),
                (zookeeper.set, ("/", "", 100000)),
                (zookeeper.get, ("malformed",)),
                (zookeeper.get, (5,)),
            ):
                with contextlib.suppress(zookeeper.ZooKeeperException, TypeError):
                    call(h, *arguments)

    assert not grows(work, 10)


def test_handles(grows, hosts):
    def work():
        opened = [zookeeper.init(hosts, lambda *_: None) for _ in range(5)]
        for h in opened:
            zookeeper.get(h, "/", lambda *_: None)
            zookeeper.aget(h, "/")
        for h in opened:
            zookeeper.close(h)
        for arguments in (("",), (hosts, None, 0), (hosts, 5)):
            with contextlib.suppress(zookeeper.ZooKeeperException, TypeError):
                zookeeper.init(*arguments)

    assert not grows(work, 10)


def test_log_streams(grows, hosts):
    def work():
        for _ in range(20):
            zookeeper.set_log_stream(io.StringIO())
            zookeeper.close(zookeeper.init(hosts))
        zookeeper.set_log_stream(_logging._writer)  # where they went before

    assert not grows(work, 5)
