"""The drop-in for the old module beside the original, zc-zookeeper-static 3.4.4 on Python 2.7, in one run.

Each runs in a process of its own, with the same code (workers/legacy.py), and has its turns after the other's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.absent import Absent
from benchmarks.clients import STARTS
from benchmarks.outcome import Outcome

# Part of the calls of a turn that an operation makes: some take longer.
OPERATIONS = {"get": 1.0, "create": 0.25, "pipelined": 4.0, "watchers": 1.0, "threads": 1.0}
NAMES = {
    "get": "get",
    "create": "create + delete",
    "pipelined": "aget, window 1,000",
    "watchers": "watch, armed and told",
    "threads": "get, 8 threads",
}
_SIDES = {"original": "zc", "zkc.legacy": "zkc-legacy"}
SIZE = 100

Advance = Callable[[int], None]


def measure_legacy(hosts: str, rounds: int, calls: int, advance: Advance) -> list[Outcome]:
    """Time the old module's calls.

    Args:
        hosts: Connection string of the server.
        rounds: How often each side gets its turn.
        calls: How many calls make up a turn; some operations make more or fewer.
        advance: Told after each turn how many there were.

    Returns:
        For each operation and side its rounds, the original's first; without it where it cannot be had.
    """
    with ExitStack() as stack:
        sides = {}
        for name, worker in _SIDES.items():
            try:
                sides[name] = stack.enter_context(STARTS[worker](hosts))
            except Absent as why:
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
                if op == "get":  # Beside each other, each first in turn: a process that rested is slow at first.
                    turns.insert(len(turns) - number % 2, (base, ours, "core"))
                for outcome, side, what in turns:
                    outcome.rounds.append(side.run(what, max(8, int(calls * part) // 8 * 8), SIZE))
                    advance(1)
    found = list(outcomes.values())
    return [*found[: len(sides)], base, *found[len(sides) :]]


def legacy_turns(rounds: int) -> int:
    """Return how many turns :func:`measure_legacy` reports at most."""
    return rounds * (len(OPERATIONS) * len(_SIDES) + 1)
