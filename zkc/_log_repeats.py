"""A filter of repeated log lines: in an outage libzookeeper logs each attempt to connect, several a second.

The thread that logged it, which is that of one session, and its place in the source are the kind of a line. The first
of a kind is logged as it is, and the others of the next minute as DEBUG. Then a line says how many there were. A
session that is established begins again: what follows is another outage, unless connections come and go all the time.
"""

from __future__ import annotations

import errno
import logging
import re
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Repeats"]

_WINDOW = 60.0  # For how long lines of a kind are counted, in seconds.
_MOST_OUTAGES = 5  # How many outages of a session have lines of their own in such a time.
_MOST_THREADS = 1000
# libzookeeper's own use of that number, which the system has another meaning for: a read found the end.
_CLOSED = re.compile(rf"errno={errno.EHOSTDOWN}\([^)]*\)")


class _Kind:
    __slots__ = ("count", "since")

    def __init__(self, now: float) -> None:
        self.since = now
        self.count = 0


class _Thread:
    __slots__ = ("kinds", "outages")

    def __init__(self) -> None:
        self.kinds: dict[tuple[str, str], _Kind] = {}
        self.outages: deque[float] = deque(maxlen=_MOST_OUTAGES)  # When the last of them ended.


class Repeats:
    """The filter that decides the level of each line. One thread uses it.

    Args:
        clock: Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._threads: dict[str, _Thread] = {}

    def judge(self, thread: str, level: int, function: str, place: str, message: str) -> tuple[int, str]:
        """Return the level and the text that a line is to be logged with.

        Args:
            thread: What logged it.
            level: Its level.
            function: The function that it is from.
            place: The line of the source that it is from.
            message: What it says.
        """
        if "errno=" in message:
            message = _CLOSED.sub("the server closed the connection", message)
        if level < logging.INFO or function.startswith("zookeeper_init"):
            return level, message
        if function == "zookeeper_close":  # The thread ends, and another one may get its number.
            self._threads.pop(thread, None)
            return level, message
        state = self._threads.get(thread)
        if state is None:
            if len(self._threads) >= _MOST_THREADS:
                self._threads.clear()
            state = self._threads[thread] = _Thread()
        now = self._clock()
        if function == "finalize_session_establishment":
            outages = state.outages
            if len(outages) < _MOST_OUTAGES or now - outages[0] >= _WINDOW:
                return level, message + self._end_outage(state, now)
        elif level == logging.INFO and function != "check_events":
            return level, message
        if function == "zookeeper_interest" and message.startswith("Delaying"):
            level = logging.INFO  # The failures before it are what there is to warn of.
        return self._count(state, (function, place), level, message, now)

    def _end_outage(self, state: _Thread, now: float) -> str:
        left_out = sum(kind.count for kind in state.kinds.values())
        state.kinds.clear()
        state.outages.append(now)
        return f" (after {left_out} lines that were logged as DEBUG)" if left_out else ""

    def _count(self, state: _Thread, key: tuple[str, str], level: int, message: str, now: float) -> tuple[int, str]:
        kind = state.kinds.get(key)
        if kind is None:
            state.kinds[key] = _Kind(now)
            return level, message
        passed = now - kind.since
        if passed < _WINDOW:
            kind.count += 1
            return logging.DEBUG, message
        count, kind.count, kind.since = kind.count, 0, now
        return level, f"{message} (… {count} more in {passed:.0f} s)" if count else message
