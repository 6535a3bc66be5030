"""zkc's recipes beside kazoo's and Curator's, in one run against a real server and the canned one.

Each side runs in separate processes, and the sides take turns.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import zkc
from benchmarks.link import Link
from benchmarks.outcome import Outcome
from benchmarks.recipe_sides import SIDES, hand_over, take_over
from benchmarks.unavailable import Unavailable
from benchmarks.worker_process import WorkerError, WorkerProcess

__all__ = ["OPERATIONS", "Operation", "RecipeComparison", "Row"]

Advance = Callable[[str, int], None]

_PROCESSES = 2  # Contenders of a side are in that many processes: a Python process runs one thread at a time.
_PAUSE = 0.002  # The seconds for which a contender holds the lock, so that the others wait in their places.
_SESSION_TIMEOUT = 1.0  # Of an election's participants, in seconds.
_FEWER_ROUNDS = 3  # The most rounds of operations that take seconds.
_DELAY = 0.01  # Seconds of each direction of the link on which round trips are counted.
_SETTLE_TIMEOUT = 30.0


@dataclass(frozen=True)
class Row:
    """A row of an operation's table.

    Args:
        label: Its name.
        side: The side that runs it.
        operation: The name of the worker's operation.
    """

    label: str
    side: str
    operation: str


@dataclass(frozen=True)
class Operation:
    """An operation of the comparison.

    Args:
        title: The text of the table.
        rows: What is compared.
        figure: The figure that ratios compare: ``p50`` or ``rate``.
        part: The factor for the calls of a turn.
        size: The number of contenders or consumers.
        pause: The seconds for which a contender holds the lock.
        slow: Whether a turn takes seconds.
        full: Whether a quick run leaves it out.
    """

    title: str
    rows: tuple[Row, ...]
    figure: str = "rate"
    part: float = 1.0
    size: int = 1
    pause: float = 0.0
    slow: bool = False
    full: bool = False

    @property
    def name(self) -> str:
        """The name of its first row's operation."""
        return self.rows[0].operation

    def rounds(self, rounds: int) -> int:
        """Return the number of turns of each row in a run."""
        return min(rounds, _FEWER_ROUNDS) if self.slow else rounds


def _all(operation: str) -> tuple[Row, ...]:
    return tuple(Row(side, side, operation) for side in SIDES)


_QUEUES = (
    Row("zkc", "zkc", "queue"),
    Row("zkc, in bulk", "zkc", "queue_bulk"),
    Row("kazoo LockingQueue", "kazoo", "queue"),
    Row("kazoo LockingQueue, put_all", "kazoo", "queue_bulk"),
    Row("kazoo Queue (at most once)", "kazoo", "queue_plain"),
    Row("curator (at most once)", "curator", "queue"),
)
OPERATIONS = (
    Operation("acquire + release, free", _all("lock"), "p50"),
    Operation("hand-over, 2 contenders", _all("handover"), "p50", 0.5, 2, _PAUSE),
    Operation("hand-over, 16 contenders", _all("handover"), "p50", 0.5, 16, _PAUSE),
    Operation("hand-over, 200 contenders", _all("handover"), "p50", 0.5, 200, _PAUSE, slow=True, full=True),
    Operation("cycles without a pause, 2 contenders", _all("handover"), "rate", 1.0, 2),
    Operation("cycles without a pause, 16 contenders", _all("handover"), "rate", 1.0, 16),
    Operation("take-over after kill -9 of the leader", _all("election"), "p50", slow=True),
    Operation("increments of a counter", _all("counter")),
    Operation("queue: put, get, ack; 1 consumer", _QUEUES, "rate", 0.5, 1),
    Operation("queue: put, get, ack; 8 consumers", _QUEUES, "rate", 0.5, 8),
)
# The operations on the slow link, with the numbers of calls whose difference counts.
_ON_LINK = {"lock": (2, 22), "counter": (2, 10), "queue": (2, 10), "queue_bulk": (32, 64), "queue_plain": (2, 10)}


class RecipeComparison:
    """A comparison of the recipes.

    Args:
        rounds: The number of turns of each row.
        calls: The number of calls in a turn.
        quick: Whether to leave out what takes long.
        advance: Called with what is done and the number of turns that are over.
    """

    def __init__(self, rounds: int, calls: int, quick: bool, advance: Advance) -> None:
        self._rounds = rounds
        self._calls = calls
        self._advance = advance
        self._quick = quick
        self._operations = [operation for operation in OPERATIONS if not (quick and operation.full)]
        self._numbers = itertools.count(1)
        self.absent: dict[str, str] = {}
        """By the name of a side, the reason why it cannot run here."""

    def turns(self) -> int:
        """Return the number of turns on one server."""
        return sum(len(operation.rows) * operation.rounds(self._rounds) for operation in self._operations)

    def run(self, server: str, hosts: str) -> tuple[list[Outcome], list[dict[str, Any]]]:
        """Time the recipes of all sides on a server, and count their requests.

        Args:
            server: ``real`` or ``canned``.
            hosts: Its connection string.

        Returns:
            For each operation and row its rounds; and for each row its requests and round trips per call.
        """
        with ExitStack() as stack:
            teams = self._start(stack, hosts, _PROCESSES)
            outcomes = self._measure(server, hosts, teams)
        if self._quick and server != "canned":
            return outcomes, []  # A server changes neither requests nor round trips.
        with Link(hosts, _DELAY) as link, ExitStack() as stack:
            return outcomes, self._count(server, link, self._start(stack, link.hosts, _PROCESSES))

    def _start(self, stack: ExitStack, hosts: str, processes: int) -> dict[str, list[WorkerProcess]]:
        teams = {}
        for name, start in SIDES.items():
            if name in self.absent:
                continue
            try:
                teams[name] = [stack.enter_context(start(hosts)) for _ in range(processes)]
            except Unavailable as why:
                self.absent[name] = str(why)
                print(f"./dev bench: without {name}: {why}", file=sys.stderr)
        return teams

    # ---- times ------------------------------------------------------------------------------------------------------

    def _measure(self, server: str, hosts: str, teams: dict[str, list[WorkerProcess]]) -> list[Outcome]:
        present = [(operation, row) for operation in self._operations for row in operation.rows if row.side in teams]
        outcomes = {(operation, row): Outcome(operation.title, row.label) for operation, row in present}
        with zkc.Client(hosts) as client:
            for operation, row in present:
                if not operation.slow:
                    self._turn(client, operation, row, teams[row.side], self._calls // 20)  # warm up
            for number in range(self._rounds):
                for operation in self._operations:
                    if number >= operation.rounds(self._rounds):
                        continue
                    for row in operation.rows[:: -1 if number % 2 else 1]:
                        if row.side in teams:
                            figures = self._turn(client, operation, row, teams[row.side], self._calls)
                            outcomes[operation, row].rounds.append(figures)
                        self._advance(f"{server}: {operation.title}", 1)
        return list(outcomes.values())

    def _turn(
        self, client: zkc.Client, operation: Operation, row: Row, team: list[WorkerProcess], calls: int
    ) -> dict[str, Any]:
        calls = max(1, int(calls * operation.part))
        number = next(self._numbers)
        if row.operation == "handover":
            return hand_over(team, operation.size, max(1, calls // operation.size), operation.pause, number)
        if row.operation == "election":

            def settled(side: str) -> None:
                _wait_for_two(client, f"/bench/{side}-election-{number}")

            return take_over(SIDES[row.side], client.hosts, _SESSION_TIMEOUT, number, settled)
        return team[0].run(row.operation, max(operation.size, calls), operation.size)

    # ---- requests ---------------------------------------------------------------------------------------------------

    def _count(self, server: str, link: Link, teams: dict[str, list[WorkerProcess]]) -> list[dict[str, Any]]:
        """Count requests and round trips per call: on a slow link, a call's time is that of its round trips."""
        rows = []
        for operation in self._operations:
            for row in operation.rows:
                if row.side not in teams or operation.size > 2 or operation.name == "election":
                    continue
                if row.operation == "queue_bulk" and row.side != "zkc":
                    continue  # It consumes one by one, as it does what it has put one by one.
                if row.operation == "handover":
                    if not operation.pause:
                        continue
                    figures = self._count_hand_over(link, teams[row.side])
                else:
                    figures = self._count_calls(link, teams[row.side][0], row.operation)
                rows.append({"operation": operation.title, "client": row.label, "server": server, **figures})
        return rows

    def _count_calls(self, link: Link, worker: WorkerProcess, operation: str) -> dict[str, float]:
        counts = _ON_LINK[operation]
        requests, seconds = [], []
        for count in counts:
            before = link.requests
            seconds.append(worker.run(operation, count, 1)["seconds"])
            requests.append(_settled(link) - before)
        calls = counts[1] - counts[0]
        return _per_call((requests[1] - requests[0]) / calls, (seconds[1] - seconds[0]) / calls)

    def _count_hand_over(self, link: Link, team: list[WorkerProcess]) -> dict[str, float]:
        requests = []
        for cycles in (2, 6):
            before = link.requests
            figures = hand_over(team, _PROCESSES, cycles, 4 * _DELAY, next(self._numbers))
            requests.append(_settled(link) - before)
        return _per_call((requests[1] - requests[0]) / (4 * _PROCESSES), figures["p50"] / 1e6)


def _settled(link: Link) -> int:
    """Return the number of requests when none is on its way: no caller waits for some of them."""
    count = -1
    while count != link.requests:
        count = link.requests
        time.sleep(4 * _DELAY)  # A request and its reply take half of that on the link.
    return count


def _per_call(requests: float, seconds: float) -> dict[str, float]:
    return {"requests": requests, "round_trips": seconds / (2 * _DELAY)}


def _wait_for_two(client: zkc.Client, path: str) -> None:
    """Wait until an election has two participants."""
    deadline = time.monotonic() + _SETTLE_TIMEOUT
    while client.exists(path) is None or len(client.children(path)) < 2:
        if time.monotonic() > deadline:
            raise WorkerError(f"the election {path} has no two participants after {_SETTLE_TIMEOUT:.0f} s")
        time.sleep(0.01)  # Between two looks.
    time.sleep(0.1)  # Until the second has looked at the first, which no other client can see.
