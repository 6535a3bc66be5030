"""Search for leaks: a million gets, watches that fire, watches that never fire, sessions opened and closed.

The same for the old module, :mod:`zkc.legacy.zookeeper`. Each phase first runs with a small count, which fills caches
and pools. Then it runs in full between two snapshots of the process.

Everything is closed before a snapshot, so descriptors, threads and the native core's counts must be exactly as before.
Memory may differ by a bound, because an allocator does not return every byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import zkc
from benchmarks.leaks_legacy import run_legacy_callbacks, run_legacy_watches
from benchmarks.measure import Snapshot, settled_snapshot, take_snapshot
from benchmarks.windows import VARIANTS, WINDOW, Advance, Countdown, windows

# The full counts.
GETS = 1_000_000
FIRED = 100_000
NEVER_FIRED = 100_000
SESSIONS = 1_000

# Largest growth of private memory in a phase, in bytes. A million leaks of 4 bytes exceed it, and 1 000 of 4 KiB.
MEMORY_BOUND = 2 * 1024 * 1024

_WARM_UP = 0.05


@dataclass
class Phase:
    """A repeated operation, with the process before and after it."""

    name: str
    what: str
    count: int
    least: int  # smallest count before the first snapshot
    run: Callable[[str, int, Advance], int]  # takes connection string and count; returns the peak of private memory
    seconds: float = 0.0
    peak: int = 0
    before: Snapshot = field(init=False)
    after: Snapshot = field(init=False)

    def measure(self, hosts: str, advance: Advance) -> None:
        """Run the phase between two snapshots."""
        self.run(hosts, max(self.least, int(self.count * _WARM_UP)), lambda _: None)
        self.before = settled_snapshot()
        begun = time.monotonic()
        self.peak = self.run(hosts, self.count, advance)
        self.seconds = time.monotonic() - begun
        self.after = settled_snapshot(self.before)

    def grown(self) -> list[str]:
        """List the values that grew beyond their bounds."""
        found = [
            f"{name}: {self.before.countable()[name]} before, {value} after"
            for name, value in self.after.countable().items()
            if value > self.before.countable()[name]
        ]
        growth = self.after.private - self.before.private
        if growth > MEMORY_BOUND:
            found.append(f"private memory: {growth / 1024:+,.0f} KiB, more than {MEMORY_BOUND // 1024:,} KiB")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as an object for JSON."""
        return {
            "phase": self.name,
            "what": self.what,
            "count": self.count,
            "seconds": round(self.seconds, 3),
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "peak_private": self.peak,
            "memory_bound": MEMORY_BOUND,
            "grown": self.grown(),
        }


def phases(scale: float) -> list[Phase]:
    """Return the phases, with their counts scaled."""

    def scaled(count: int) -> int:
        return max(1, int(count * scale))

    every_variant = VARIANTS * WINDOW
    return [
        Phase("gets", "gets: waited for, called back, failed, forgotten", scaled(GETS), every_variant, run_gets),
        Phase("watches fired", "watches of each kind, fired", scaled(FIRED), every_variant, run_fired),
        Phase("watches never fired", "watches ended by close", scaled(NEVER_FIRED), WINDOW, run_never_fired),
        Phase("sessions", "sessions opened, used and closed", scaled(SESSIONS), 20, run_sessions),
        Phase("old callbacks", "completions of the old module", scaled(GETS), every_variant, run_legacy_callbacks),
        Phase("old watches", "watchers of the old module", scaled(FIRED), every_variant, run_legacy_watches),
    ]


def run_gets(hosts: str, count: int, advance: Advance) -> int:
    """Get a znode with every way of delivery of the reply."""
    peak = 0
    with zkc.Client(hosts) as client:
        session = client.session
        if client.exists("/znode") is None:
            client.create("/znode", b"x" * 100)
        called = Countdown()
        for number, size in windows(count):
            variant = number % VARIANTS
            if variant == 0:
                for _ in range(size):
                    client.get("/znode")
            elif variant == 1:
                called.expect(size)
                for _ in range(size):
                    session.get("/znode", None, called)
                called.wait("callbacks")
            elif variant == 2:
                failed = [session.get("/no-such-znode").exception() for _ in range(size)]
                assert all(isinstance(error, zkc.NoNodeError) for error in failed)
            else:
                requests = [session.get("/znode") for _ in range(size)]
                # In the last variant the replies are not read, except the last one, which shows that all have arrived.
                for request in requests if variant == 3 else requests[-1:]:
                    request.result()
            peak = max(peak, take_snapshot().private)
            advance(size)
    return peak


def run_fired(hosts: str, count: int, advance: Advance) -> int:
    """Arm watches of each kind, then make the changes that fire them."""
    peak = 0
    acl = [(31, "world", "anyone")]
    with zkc.Client(hosts) as client:
        session = client.session
        paths = [f"/watched-{i:04}" for i in range(WINDOW)]
        if client.exists("/watched-0000") is None:
            _complete(session.create(path, b"", acl) for path in paths)
        fired = Countdown()
        for number, size in windows(count):
            used = paths[:size]
            fired.expect(size)
            variant = number % VARIANTS
            if variant == 0:
                _complete(session.get(path, fired) for path in used)
                _complete(session.set(path, b"changed") for path in used)
            elif variant == 1:  # created
                _complete(session.exists(f"{path}/child", fired) for path in used)
                _complete(session.create(f"{path}/child", b"", acl) for path in used)
            elif variant == 2:  # deleted
                _complete(session.exists(f"{path}/child", fired) for path in used)
                _complete(session.delete(f"{path}/child") for path in used)
            elif variant == 3:
                _complete(session.get_children(path, fired) for path in used)
                _complete(session.create(f"{path}/child", b"", acl) for path in used)
            else:
                _complete(session.get_children_with_stat(path, fired) for path in used)
                _complete(session.delete(f"{path}/child") for path in used)
            fired.wait("watches")
            peak = max(peak, take_snapshot().private)
            advance(size)
        if client.exists("/watched-0000/child") is not None:  # the run ended between a create and its delete
            _complete(session.delete(f"{path}/child") for path in paths if client.exists(f"{path}/child"))
    return peak


def run_never_fired(hosts: str, count: int, advance: Advance) -> int:
    """Arm watches on paths that do not change, all in one session, and close it: each watch gets its last event."""
    ended = Countdown()
    with zkc.Client(hosts) as client:
        session = client.session
        ended.expect(count)
        for number, size in windows(count):
            _complete(session.exists(f"/never-{number}-{i}", ended) for i in range(size))
            advance(size)
        if session.watch_count != count:
            raise RuntimeError(f"{session.watch_count} watches are armed, not {count}")
        peak = take_snapshot().private
    ended.wait("last events")
    return peak


def run_sessions(hosts: str, count: int, advance: Advance) -> int:
    """Open a session, leave an ephemeral znode, a watch and a request in it, and close it."""
    peak = 0
    for _ in range(count):
        with zkc.Client(hosts) as client:
            client.create("/ephemeral-", ephemeral=True, sequential=True)
            client.exists("/nothing", watch=lambda event: None)
            client.session.get("/nothing")  # its reply is not read
        peak = max(peak, take_snapshot().private)
        advance(1)
    return peak


def _complete(requests: Iterator[zkc.Request[Any]]) -> None:
    """Send all requests, then wait for all."""
    for request in list(requests):
        request.result()
