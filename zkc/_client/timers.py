"""The timers of a synchronous client."""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections.abc import Callable

from zkc._zookeeper import Condition, new_worker

__all__ = ["Timers"]

_log = logging.getLogger("zkc.client")
_CROWD = 1000
_LINGER = 1.0  # The seconds for which the thread waits for another timer.
Entry = tuple[float, int, Callable[[], None], bool]


class Timers:
    """Timers on one thread, which exists while there is a timer and a moment longer, and which ends with the client."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._entries: list[Entry] = []
        self._numbers = itertools.count()
        self._running = False
        self._closed = False
        self._crowded = _CROWD  # The number of entries beyond which the finished ones are dropped.

    def call_later(self, seconds: float, function: Callable[[], None], *, at_close: bool = True) -> None:
        """Call a function after some time, on the timers' thread.

        Args:
            seconds: The delay in seconds.
            function: The function.
            at_close: Whether to call the function when the client is closed first, so that it finds the client closed.
                Another function may have an attribute ``over``: true when its timer is no longer needed.
        """
        with self._changed:
            if not self._closed:
                entry = (time.monotonic() + seconds, next(self._numbers), function, at_close)
                heapq.heappush(self._entries, entry)
                if len(self._entries) > self._crowded:
                    self._drop_finished()
                if not self._running:
                    new_worker(self._run, (), "zkc-timer").start()
                    self._running = True
                elif self._entries and self._entries[0] is entry:  # It may have been dropped at once.
                    self._changed.notify()
                return
        if at_close:
            function()

    def _drop_finished(self) -> None:
        """Drop the timers that are no longer needed: those of finished calls would pile up."""
        self._entries = [entry for entry in self._entries if not getattr(entry[2], "over", False)]
        heapq.heapify(self._entries)
        self._crowded = max(_CROWD, 2 * len(self._entries))

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._entries and not self._closed:
                    self._changed.wait(_LINGER)  # The start of a thread takes longer than most of what it serves.
                left = self._entries[0][0] - time.monotonic() if self._entries else None
                if left is None:
                    self._running = False
                    return
                if left > 0:
                    self._changed.wait(left)
                    continue
                function = heapq.heappop(self._entries)[2]
            self._call(function)
            del function  # Free what it refers to while this thread waits.

    def _call(self, function: Callable[[], None]) -> None:
        try:
            function()
        except Exception:  # noqa: BLE001 - the thread serves other timers, too
            _log.exception("a timer failed: %r", function)

    def open(self) -> None:
        """Accept timers again."""
        with self._changed:
            self._closed = False

    def close(self) -> None:
        """Call the functions that want it at a close, drop the others, and wait for no thread."""
        with self._changed:
            self._closed = True
            entries, self._entries = self._entries, []
            self._changed.notify()
        for _, _, function, at_close in entries:
            if at_close:
                self._call(function)
