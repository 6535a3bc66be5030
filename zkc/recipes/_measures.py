"""Counters of the recipes of one kind in a client, behind ``client.metrics().recipes``."""

from __future__ import annotations

import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Optional, Protocol, cast

from zkc._zookeeper import RLock
from zkc.metrics import Histogram, RecipeMetrics
from zkc.recipes._places import HoldState

if TYPE_CHECKING:
    from zkc._client.base import BaseClient

__all__ = ["Measured", "Measures", "measures_of"]

_SECONDS = tuple(2.0**power for power in range(-14, 18))  # From 61 µs to a day and a half.
_NUMBERS = (0.0, *(2.0**power for power in range(13)))


class _Buckets:
    """A histogram that grows."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def snapshot(self) -> Histogram:
        return Histogram(self.bounds, tuple(self.counts), self.sum)


class Measured(Protocol):
    """The part of a hold that its counters know."""

    _lock: RLock
    _state: HoldState
    _reason: Optional[str]
    _woken: float  # When the contender in front was seen to have left, by the monotonic clock; 0.0 without a wait.
    _measured: Optional[tuple[Measures, float]]  # Where it is counted, and since when, once it is granted.
    _taker: object  # The mark of the thread or task that has acquired it.

    def _release_later(self) -> bool: ...


class Measures:
    """The counters of one kind of recipe in one client. Any thread may add to them.

    They refer to no client, hold or recipe.

    Args:
        kind: The kind, such as ``lock``.
    """

    __slots__ = ("_counts", "_histograms", "_lock", "_losses", "kind")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._lock = RLock()  # A signal handler may acquire or release in the middle of anything.
        self._counts: dict[str, int] = {}
        self._losses: dict[str, int] = {}
        self._histograms: dict[str, _Buckets] = {}

    def count(self, name: str, number: int = 1) -> None:
        """Add to a number of :class:`~zkc.RecipeMetrics`."""
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + number

    def observe(self, name: str, value: float) -> None:
        """Add a value to a histogram of :class:`~zkc.RecipeMetrics`."""
        with self._lock:
            self._add(name, value)

    def _add(self, name: str, value: float) -> None:
        buckets = self._histograms.get(name)
        if buckets is None:
            bounds = _NUMBERS if name in RecipeMetrics._NUMBERS else _SECONDS
            buckets = self._histograms[name] = _Buckets(bounds)
        buckets.add(value)

    def grant(self, hold: Measured, begun: Optional[float]) -> None:
        """Count a grant, and measure the hold from now on.

        Args:
            hold: The hold.
            begun: When the wait for it began, by the monotonic clock; None if there was no wait.
        """
        now = time.monotonic()
        with self._lock:
            self._counts["grants"] = self._counts.get("grants", 0) + 1
            if begun is not None:
                self._add("wait", now - begun)
            if hold._woken:
                self._add("takeover", max(0.0, now - hold._woken))
        with hold._lock:
            over = hold._state is HoldState.LOST or hold._state is HoldState.RELEASED
            if not over:
                hold._measured = self, now
        if over:  # At this moment, before it was measured.
            self.end(now, hold._reason)

    def end(self, begun: float, reason: Optional[str]) -> None:
        """Note that something granted has ended.

        Args:
            begun: When it was granted, by the monotonic clock.
            reason: Why it was lost; None if it was released.
        """
        with self._lock:
            self._add("hold", time.monotonic() - begun)
            if reason is not None:
                self._losses[reason] = self._losses.get(reason, 0) + 1

    def snapshot(self) -> RecipeMetrics:
        """Return the counters of now."""
        with self._lock:
            found = {name: buckets.snapshot() for name, buckets in self._histograms.items()}
            return RecipeMetrics._of(self._counts, self._losses, found)


def measures_of(client: BaseClient, kind: str) -> Measures:
    """Return the counters of a kind of recipe in a client."""
    found = client._measures.get(kind)
    if found is None:
        found = client._measures.setdefault(kind, Measures(kind))
    return cast("Measures", found)
