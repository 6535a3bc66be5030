"""What the operating system and the native core tell about this process: memory, descriptors, threads, CPU time."""

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

# How long what was closed may take to be gone, in seconds: handles are freed by a thread of their own.
_SETTLE_SECONDS = 10.0
_M_ARENA_MAX = -8  # of glibc's malloc.h


@dataclass(frozen=True)
class Snapshot:
    """What this process holds at one moment."""

    rss: int  # bytes of memory present, mapped files included
    private: int  # those of them that are no file: heap and stacks
    descriptors: int
    threads: int
    counts: dict[str, int]  # zkc's own: what is alive on the C side

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "rss": self.rss,
            "private": self.private,
            "descriptors": self.descriptors,
            "threads": self.threads,
            **self.counts,
        }

    def countable(self) -> dict[str, int]:
        """Return what must be exactly as before when everything was given back."""
        return {"descriptors": self.descriptors, "threads": self.threads, **self.counts}


def take_snapshot() -> Snapshot:
    """Look at this process now."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        fields = dict(line.split(":", 1) for line in file)
    return Snapshot(
        rss=_bytes(fields["VmRSS"]),
        private=_bytes(fields["RssAnon"]),
        # One less: the descriptor that lists them.
        descriptors=len(os.listdir("/proc/self/fd")) - 1,
        threads=int(fields["Threads"]),
        counts=_zookeeper.live_counts(),
    )


def _bytes(text: str) -> int:
    number, unit = text.split()
    if unit != "kB":
        raise ValueError(f"a size in {unit} instead of kB")
    return int(number) * 1024


def settled_snapshot(expected: Optional[Snapshot] = None) -> Snapshot:
    """Give back what is free, wait until everything countable is as expected, and look.

    Args:
        expected: The snapshot to come back to; None: whatever is there.

    Returns:
        The snapshot; after some seconds also one that differs.
    """
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        gc.collect()
        _trim()
        snapshot = take_snapshot()
        if expected is None or snapshot.countable() == expected.countable() or time.monotonic() > deadline:
            return snapshot
        # Between two looks, until the deadline above: what was told to end takes a moment.
        time.sleep(0.02)


def use_one_arena() -> None:
    """Have glibc keep one heap for all threads, from now on.

    By default it keeps several, and of all but the first it never returns the end: some ten MiB that nobody uses, and
    that later work takes up again, would look like a leak.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def _trim() -> None:
    """Have the allocator return what nobody uses, so that what is left is in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc has it
    if trim is not None:
        trim(0)


def cpu_seconds() -> float:
    """Return the CPU time that all threads of this process took so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def percentile(sorted_values: Sequence[float], percent: float) -> float:
    """Return the value below which that many percent of sorted values lie."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * percent / 100))]


def median(values: Sequence[float]) -> float:
    """Return the median; 0 for no values."""
    return statistics.median(values) if values else 0.0
