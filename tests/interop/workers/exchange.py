"""The common part of the workers in Python: read commands, run contenders, print what they saw.

A command is a line of words. A worker prints lines, and then the line ``done``:

    hold KIND SEQUENCE BEGIN END    a contender held, between two times of the machine's monotonic clock in nanoseconds
    item TIME TEXT                  a consumer got an item
    TEXT                            other results
"""

from __future__ import annotations

import random
import re
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

TIMEOUT = 90.0
_lines = threading.Lock()


def say(*words: Any) -> None:
    """Print a line."""
    with _lines:
        print(*words, flush=True)


def sequence(name: str) -> int:
    """Return the counter at the end of a name; -1 if it has none."""
    found = re.search(r"(-?\d{9,10})$", name)
    return int(found[1]) if found else -1


def in_threads(work: Callable[[int], None], count: int) -> None:
    """Call a function in several threads with 0, 1, 2 and so on, and raise what one of them raised."""
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Contest:
    """Contenders that acquire, hold and release in cycles.

    Args:
        inside: A function that creates and deletes a znode, which fails when two do so at a time.
    """

    def __init__(self, inside: Callable[[], None]) -> None:
        self._inside = inside
        self._found: list[tuple[Any, ...]] = []

    def hold(self, kind: str, name: str) -> None:
        """Hold for a moment, and note when."""
        begun = time.monotonic_ns()
        if kind in ("lease", "read"):
            time.sleep(0.01)  # Holders that may overlap do so.
        else:
            self._inside()
        self._found.append((kind, sequence(name), begun, time.monotonic_ns()))

    def run(self, cycle: Callable[[str], None], contenders: int, cycles: int, kinds: str = "lock") -> None:
        """Run all cycles, each with one of the kinds at random, and print the intervals."""

        def work(number: int) -> None:
            dice = random.Random(number)
            for _ in range(cycles):
                cycle(dice.choice(kinds.split()))

        in_threads(work, contenders)
        for found in self._found:
            say("hold", *found)


def serve(worker: Any) -> None:
    """Read commands until the input ends: each is the name of a method and its arguments."""
    say("ready")
    for line in sys.stdin:
        name, *words = line.split()
        getattr(worker, name.replace("-", "_"))(*(int(word) if word.isdigit() else word for word in words))
        say("done")
