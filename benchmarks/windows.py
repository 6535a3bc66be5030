"""Windows of a thousand operations, and a countdown: helpers of the leak benchmark's phases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

WINDOW = 1_000
VARIANTS = 5
"""The number of variants that a phase alternates between, from window to window."""
_TIMEOUT = 60.0

Advance = Callable[[int], None]


def windows(count: int) -> Iterator[tuple[int, int]]:
    """Yield (number, size) of the windows that make up a count."""
    for number, start in enumerate(range(0, count, WINDOW)):
        yield number, min(WINDOW, count - start)


class Countdown:
    """A counter of calls, with a wait for the announced number."""

    def __init__(self) -> None:
        self._left = 0
        self._changed = threading.Condition()

    def expect(self, count: int) -> None:
        with self._changed:
            self._left += count

    def __call__(self, *_: object) -> None:
        with self._changed:
            self._left -= 1
            if not self._left:
                self._changed.notify_all()

    def wait(self, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self._left == 0, _TIMEOUT):
                raise RuntimeError(f"{self._left} {what} did not arrive within {_TIMEOUT:.0f} s")
