"""Many persistent watches over a reconnect: the packets that set them again, whatever their number and size."""

import threading
import time

import pytest

from zkc import errors
from zkc.testing import FaultProxy

from ..build_support import needs_newer_calls
from .core_support import ANYONE, CONNECTED, SESSION, Recorder

pytestmark = needs_newer_calls
GAP, CREATED = -3, 1
COUNT = 20_000
LONG = 60.0  # Seconds that the server may take for all of them on a busy machine.
NAME = "n" * 140


def paths():
    """Return paths of 150 characters; they make 3 MB of requests, and the server takes 1 MiB at once."""
    return [f"/{NAME}-{number:08}" for number in range(COUNT)]


class Counts:
    """A watch of many paths, that counts the types of its events and keeps the paths of those that are no gaps."""

    def __init__(self):
        self.gaps = 0
        self.seen = []
        self._changed = threading.Condition()

    def __call__(self, type_, state, path, zxid=None):
        with self._changed:
            if type_ == GAP:
                self.gaps += 1
            else:
                self.seen.append((type_, path))
            self._changed.notify_all()

    def wait(self, condition):
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), LONG), (self.gaps, len(self.seen))


@pytest.mark.slow
@pytest.mark.parametrize("recursive", [False, True], ids=["persistent", "recursive"])
def test_twenty_thousand_persistent_watches_are_set_again_after_a_reconnect(
    open_session, zookeeper_server, zookeeper_chroot, other, recursive
):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        events, counts = Recorder(), Counts()
        hosts = proxy.hosts + zookeeper_chroot[zookeeper_chroot.index("/") :]
        session = open_session(
            hosts, session_timeout=30.0, watcher=events, max_queued_events=2 * COUNT, max_in_flight=1000
        )
        assert {len(path) for path in paths()} == {150}
        requests = [session.add_watch(path, counts, recursive) for path in paths()]
        for request in requests:
            request.result(LONG)
        session_id = session.client_id[0]
        for cycle in range(2):
            proxy.drop_connections()
            counts.wait(lambda counts, cycle=cycle: counts.gaps >= (cycle + 1) * COUNT)
        assert counts.seen == []
        deadline = time.monotonic() + LONG
        while True:
            # Behind the watches, which are set again before anything else.
            try:
                session.sync("/").result(LONG)
                break
            except errors.ConnectionLossError:
                assert time.monotonic() < deadline
        assert session.client_id[0] == session_id
        assert session.watch_count == COUNT
        # The first, the last, and some of every packet.
        sample = [*paths()[::97], paths()[-1]]
        for request in [other.create(path, b"", ANYONE) for path in sample]:
            request.result(LONG)
        counts.wait(lambda counts: len(counts.seen) >= len(sample))
        session.sync("/").result(LONG)
        assert sorted(counts.seen) == sorted((CREATED, path) for path in sample)
        assert (SESSION, CONNECTED, "") in events.calls
