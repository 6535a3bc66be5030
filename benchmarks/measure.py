"""Figures about this process, of the operating system and the native core: memory, descriptors, threads, CPU time."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from zkc import _zookeeper

# Longest time until closed objects are freed, in seconds: a separate thread frees handles.
_SETTLE_SECONDS = 10.0
_M_ARENA_MAX = -8  # of glibc's malloc.h


@dataclass(frozen=True)
class Snapshot:
    """The memory, descriptors, threads and native objects of this process at one moment."""

    rss: int  # bytes of resident memory, mapped files included
    private: int  # bytes of resident memory without files: heap and stacks
    descriptors: int
    threads: int
    counts: dict[str, int]  # zkc's counts of live objects on the C side

    def as_dict(self) -> dict[str, Any]:
        """Return the snapshot as an object for JSON."""
        return {
            "rss": self.rss,
            "private": self.private,
            "descriptors": self.descriptors,
            "threads": self.threads,
            **self.counts,
        }

    def countable(self) -> dict[str, int]:
        """Return the values that must be exactly as before when everything was closed."""
        return {"descriptors": self.descriptors, "threads": self.threads, **self.counts}


def take_snapshot() -> Snapshot:
    """Take a snapshot of this process."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        fields = dict(line.split(":", 1) for line in file)
    return Snapshot(
        rss=_bytes(fields["VmRSS"]),
        private=_bytes(fields["RssAnon"]),
        # Minus the descriptor that lists them.
        descriptors=len(os.listdir("/proc/self/fd")) - 1,
        threads=int(fields["Threads"]),
        counts=_zookeeper.live_counts(),
    )


def _bytes(text: str) -> int:
    number, unit = text.split()
    if unit != "kB":
        raise ValueError(f"a size of /proc/self/status is in {unit}, not in kB")
    return int(number) * 1024


def settled_snapshot(expected: Optional[Snapshot] = None) -> Snapshot:
    """Return free memory to the system, wait until all counts are as expected, and take a snapshot.

    Args:
        expected: The snapshot with the expected counts; None does not wait.

    Returns:
        The snapshot; after 10 seconds also one with other counts.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        gc.collect()
        _trim()
        snapshot = take_snapshot()
        if expected is None or snapshot.countable() == expected.countable() or time.monotonic() > deadline:
            return snapshot
        # Poll until the deadline above: threads that were asked to end take a moment.
        time.sleep(0.02)


def use_one_arena() -> None:
    """Make glibc use one heap for all threads from now on.

    By default glibc uses several, and never returns the ends of all but the first. These unused ten MiB or so, which
    later work uses again, would look like a leak.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def _trim() -> None:
    """Make the allocator return unused memory to the system, so that only used memory is counted."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def cpu_seconds() -> float:
    """Return the CPU time of all threads of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """Return a percentile of sorted values."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * percent / 100))]


def median(values: Sequence[float]) -> float:
    """Return the median; 0 for no values."""
    return statistics.median(values) if values else 0.0
