"""The drop-in for the old module beside the original, zc-zookeeper-static 3.4.4 on Python 2.7, in one run.

Each runs in a separate process, with the same code (workers/legacy.py), and they take turns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.clients import STARTS
from benchmarks.outcome import Outcome
from benchmarks.unavailable import Unavailable

# For each operation, the factor for the calls of a turn: some take longer.
OPERATIONS = {"get": 1.0, "create": 0.25, "pipelined": 4.0, "watchers": 1.0, "threads": 1.0}
NAMES = {
    "get": "get",
    "create": "create + delete",
    "pipelined": "aget, window 1,000",
    "watchers": "watch, armed and fired",
    "threads": "get, 8 threads",
}
_WORKERS = {"original": "zc", "zkc.legacy": "zkc-legacy"}
SIZE = 100

Advance = Callable[[int], None]


def measure_legacy(hosts: str, rounds: int, calls: int, advance: Advance) -> list[Outcome]:
    """Time the old module's calls.

    Args:
        hosts: Connection string of the server.
        rounds: The number of turns of each side.
        calls: The number of calls in a turn; some operations make more or fewer.
        advance: Called after each turn with the number of turns.

    Returns:
        For each operation and side its rounds, the original's first if it is available.
    """
    with ExitStack() as stack:
        sides = {}
        for name, worker in _WORKERS.items():
            try:
                sides[name] = stack.enter_context(STARTS[worker](hosts))
            except Unavailable as why:
                print(f"./dev bench: without {worker}: {why}", file=sys.stderr)
        ours = sides["zkc.legacy"]
        outcomes = {(op, side): Outcome(NAMES[op], side) for op in OPERATIONS for side in sides}
        base = Outcome(NAMES["get"], "core Session")
        for op in OPERATIONS:
            for side in sides.values():
                side.run(op, max(8, calls // 10), SIZE)  # warm up
        for number in range(rounds):
            for op, part in OPERATIONS.items():
                turns = [(outcomes[op, name], side, op) for name, side in sides.items()]
                if op == "get":  # Next to each other, each first in turn: a process that was idle is slow at first.
                    turns.insert(len(turns) - number % 2, (base, ours, "core"))
                for outcome, side, what in turns:
                    outcome.rounds.append(side.run(what, max(8, int(calls * part) // 8 * 8), SIZE))
                    advance(1)
    found = list(outcomes.values())
    return [*found[: len(sides)], base, *found[len(sides) :]]


def legacy_turns(rounds: int) -> int:
    """Return the largest number of turns that :func:`measure_legacy` reports."""
    return rounds * (len(OPERATIONS) * len(_WORKERS) + 1)
