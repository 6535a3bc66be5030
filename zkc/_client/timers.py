"""Functions to call after some time, for a client whose owner is threads."""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections.abc import Callable

from zkc._zookeeper import Condition, new_worker

__all__ = ["Timers"]

_log = logging.getLogger("zkc.client")
_MAX_LOSSES = 1000
Entry = tuple[float, int, Callable[[], None], bool]


class Timers:
    """Timers that end with their client, on one thread that is there while there is something to wait for."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._entries: list[Entry] = []
        self._numbers = itertools.count()
        self._running = False
        self._closed = False
        self._crowded = _MAX_LOSSES  # How many entries there may be before those that are over are dropped.

    def call_later(self, seconds: float, function: Callable[[], None], *, at_close: bool = True) -> None:
        """Call a function after some time, on the timers' thread.

        Args:
            seconds: After how long.
            function: What to call.
            at_close: Whether it is called when the client is closed before: for what goes on by finding it closed.
                One of those that are not may have an attribute ``over`` that says that it is not needed any more.
        """
        with self._changed:
            if not self._closed:
                entry = (time.monotonic() + seconds, next(self._numbers), function, at_close)
                heapq.heappush(self._entries, entry)
                if len(self._entries) > self._crowded:
                    self._drop_what_is_over()
                if not self._running:
                    new_worker(self._run, (), "zkc-timer").start()
                    self._running = True
                elif self._entries and self._entries[0] is entry:  # Not dropped at once: it may be over already.
                    self._changed.notify()
                return
        if at_close:
            function()

    def _drop_what_is_over(self) -> None:
        """Drop what need not be called: limits of calls that were answered long before would else pile up."""
        self._entries = [entry for entry in self._entries if not getattr(entry[2], "over", False)]
        heapq.heapify(self._entries)
        self._crowded = max(_MAX_LOSSES, 2 * len(self._entries))

    def _run(self) -> None:
        while True:
            with self._changed:
                left = self._entries[0][0] - time.monotonic() if self._entries else None
                if left is None:
                    self._running = False
                    return
                if left > 0:
                    self._changed.wait(left)
                    continue
                function = heapq.heappop(self._entries)[2]
            self._call(function)
            del function  # What it refers to may go while this thread waits.

    def _call(self, function: Callable[[], None]) -> None:
        try:
            function()
        except Exception:  # noqa: BLE001 - the thread serves others too
            _log.exception("a timer failed: %r", function)

    def open(self) -> None:
        """Take timers again."""
        with self._changed:
            self._closed = False

    def close(self) -> None:
        """Call what waits for it now, drop the rest, and wait for no thread."""
        with self._changed:
            self._closed = True
            entries, self._entries = self._entries, []
            self._changed.notify()
        for _, _, function, at_close in entries:
            if at_close:
                self._call(function)
