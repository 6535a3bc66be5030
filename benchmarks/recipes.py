"""zkc's recipes beside kazoo's and Curator's, in one run against a real server.

Each runs in a separate process, and they take turns.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Optional

from benchmarks import java, peers
from benchmarks.clients import ROOT, WORKERS
from benchmarks.outcome import Outcome
from benchmarks.worker_process import WorkerProcess

__all__ = ["OPERATIONS", "SIDES", "Operation", "goals", "measure_recipes", "recipe_turns"]

Advance = Callable[[int], None]


@dataclass(frozen=True)
class Operation:
    """An operation of the comparison.

    Args:
        name: The worker's name for it.
        title: The text of the table.
        part: The factor for the calls of a turn.
        size: The number of contenders or consumers.
    """

    name: str
    title: str
    part: float
    size: int = 1


OPERATIONS = (
    Operation("lock", "acquire + release, free", 1.0),
    Operation("handover", "hand-over, 2 contenders", 1.0, 2),
    Operation("handover", "hand-over, 16 contenders", 1.0, 16),
    Operation("counter", "increments of a counter", 1.0),
    Operation("queue", "queue: put, get, ack; 1 consumer", 0.5, 1),
    Operation("queue", "queue: put, get, ack; 8 consumers", 0.5, 8),
)
# Goals by title: the side to compare with, and the least ratio of rates.
_GOALS = (
    ("acquire + release, free", "curator", 1.0),
    ("hand-over, 2 contenders", "kazoo", 2.0),
    ("hand-over, 2 contenders", "curator", 1.0),
    ("hand-over, 16 contenders", "kazoo", 2.0),
    ("hand-over, 16 contenders", "curator", 1.0),
    ("increments of a counter", "curator", 1.0),
    ("queue: put, get, ack; 1 consumer", "kazoo", 5.0),
    ("queue: put, get, ack; 8 consumers", "kazoo", 5.0),
    ("queue: put, get, ack; 1 consumer", "curator", 1.0),
    ("queue: put, get, ack; 8 consumers", "curator", 1.0),
)


def _python(name: str, script: str, hosts: str, *folders: str) -> WorkerProcess:
    environment = {"PYTHONPATH": ":".join([*folders, str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"}
    return WorkerProcess(name, [sys.executable, str(WORKERS / script), hosts], environment)


SIDES: dict[str, Callable[[str], WorkerProcess]] = {
    "zkc": lambda hosts: _python("zkc", "recipes_zkc.py", hosts),
    "kazoo": lambda hosts: _python("kazoo", "recipes_kazoo.py", hosts, str(peers.folder("kazoo"))),
    "curator": lambda hosts: WorkerProcess("curator", [*java.curator_command(), hosts]),
}
"""By name, the function that starts a side; it raises Unavailable if the side cannot run here."""


def measure_recipes(hosts: str, rounds: int, calls: int, advance: Advance) -> list[Outcome]:
    """Time the recipes of all sides.

    Args:
        hosts: Connection string of the server.
        rounds: The number of turns of each side.
        calls: The number of calls in a turn.
        advance: Called after each turn with the number of turns.

    Returns:
        For each operation and side its rounds.

    Raises:
        Unavailable: A side cannot run here.
    """
    with ExitStack() as stack:
        sides = {name: stack.enter_context(start(hosts)) for name, start in SIDES.items()}
        outcomes = {(operation, name): Outcome(operation.title, name) for operation in OPERATIONS for name in sides}
        for operation in OPERATIONS:
            for side in sides.values():
                side.run(operation.name, max(operation.size, calls // 20), operation.size)  # warm up
        for number in range(rounds):
            for operation in OPERATIONS:
                for name, side in list(sides.items())[:: -1 if number % 2 else 1]:
                    figures = side.run(operation.name, int(calls * operation.part), operation.size)
                    outcomes[operation, name].rounds.append(figures)
                    advance(1)
    return list(outcomes.values())


def recipe_turns(rounds: int) -> int:
    """Return the number of turns that :func:`measure_recipes` reports."""
    return rounds * len(OPERATIONS) * len(SIDES)


def goals(outcomes: list[Outcome]) -> list[tuple[str, str, float, Optional[float]]]:
    """Return the goals: the operation, the other side, the least ratio of rates, and the measured ratio."""
    found = {(outcome.operation, outcome.client): outcome for outcome in outcomes}
    return [
        (title, other, least, found[title, "zkc"].ratio_to(found[title, other], "rate"))
        for title, other, least in _GOALS
    ]
