"""A recursive watch over many znodes that another session changes as fast as the server goes."""

import threading
import time

import pytest

from zkc import _zookeeper as core

from ..build_support import needs_newer_calls
from .core_support import ANYONE, CONNECTED, SESSION, Recorder

pytestmark = needs_newer_calls
GAP, CHANGED = -3, 3
SIZES = [3000, pytest.param(100_000, marks=[pytest.mark.full, pytest.mark.timeout(600)])]
LONG = 300.0  # Seconds that a busy machine may take for all events.


def paths(size):
    return [f"/n/{number:06}" for number in range(size)]


class Flood:
    """A watch that keeps what it gets, and may be stopped."""

    def __init__(self):
        self.seen = []
        self.going = threading.Event()
        self.going.set()
        self.stopped = threading.Event()
        self._changed = threading.Condition()

    def __call__(self, type_, state, path, zxid=None):
        if not self.going.is_set():
            self.stopped.set()
            assert self.going.wait(LONG)
        with self._changed:
            self.seen.append((type_, path))
            self._changed.notify_all()

    def wait(self, condition):
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self.seen), LONG), (len(self.seen), self.seen[-3:])
            return list(self.seen)


@pytest.fixture
def znodes(request, open_session, zookeeper_chroot):
    """A session that writes, and the paths of its znodes."""
    writer = open_session(zookeeper_chroot, session_timeout=40.0, max_in_flight=1000)
    writer.create("/n", b"", ANYONE).result(LONG)
    found = paths(request.param)
    for made in [writer.create(path, b"", ANYONE) for path in found]:
        made.result(LONG)
    return writer, found


def change(writer, found):
    for changed in [writer.set(path, b"x", -1) for path in found]:
        changed.result(LONG)


@pytest.mark.slow
@pytest.mark.parametrize("znodes", SIZES, indirect=True)
def test_a_flood_of_events_comes_whole_and_in_order(open_session, zookeeper_chroot, znodes):
    writer, found = znodes
    session = open_session(zookeeper_chroot, session_timeout=40.0, max_queued_events=2 * len(found))
    flood = Flood()
    session.add_watch("/n", flood, recursive=True).result(LONG)
    change(writer, found)
    assert flood.wait(lambda seen: len(seen) >= len(found)) == [(CHANGED, path) for path in found]
    assert session.metrics()["dropped_events"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("znodes", SIZES, indirect=True)
def test_a_consumer_that_sleeps_through_a_flood_gets_a_gap(open_session, zookeeper_chroot, znodes):
    """The queue ends where the session's bound is, and the session lives on without its consumer."""
    writer, found = znodes
    events, flood, bound = Recorder(), Flood(), 100
    session = open_session(zookeeper_chroot, session_timeout=9.0, watcher=events, max_queued_events=bound)
    session.add_watch("/n", flood, recursive=True).result(LONG)
    client_id = session.client_id
    flood.going.clear()
    before = core.live_counts()["items"]
    begun = time.monotonic()
    while not flood.stopped.is_set() or time.monotonic() < begun + 10.0:  # Longer than the session's timeout.
        change(writer, found)
        session.sync("/").result(LONG)  # Its reply comes behind the events.
        assert core.live_counts()["items"] - before <= bound + 10
    assert session.client_id == client_id
    flood.going.set()
    seen = flood.wait(lambda seen: (GAP, "/n") in seen)
    assert len(seen) <= bound + 2
    assert seen[:-1] == [(CHANGED, path) for path in found[: len(seen) - 1]]
    assert seen[-1] == (GAP, "/n")
    writer.set(found[-1], b"y", -1).result(LONG)
    assert flood.wait(lambda now: len(now) > len(seen))[len(seen) :] == [(CHANGED, found[-1])]
    assert [call for call in events.calls if call[0] == SESSION] == [(SESSION, CONNECTED, "")]
