"""zkc's cache beside kazoo's TreeCache and Curator's CuratorCache, and its recursive watch beside the Java client's.

All sides follow the same znodes of one real server. One writer, of zkc, makes the changes, and each turn has a process
of its own, so that its memory is that of one cache.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zkc
from benchmarks import java, peers
from benchmarks.measure import percentile
from benchmarks.outcome import Outcome
from benchmarks.recipe_sides import Start, python_worker
from benchmarks.unavailable import Unavailable
from benchmarks.worker_process import WorkerError, WorkerProcess
from zkc.testing import ZooKeeperServer

__all__ = ["CHANGE", "FLOOD", "PACED", "READY", "SIDES", "TREE_CACHE", "WHOLE", "CacheAmount", "CacheComparison"]

Advance = Callable[[str, int], None]

READY, WHOLE = "cache: read 60 % of the znodes", "cache: read all znodes"
CHANGE = "cache: a change, 1 writer at 200/s"
PACED, FLOOD = "recursive watch: 1 writer at 2,000/s", "recursive watch: 1 writer, as fast as the server goes"
_RATES = {CHANGE: 200.0, PACED: 2_000.0}
TREE_CACHE = "curator TreeCache"
_ROOT, _FLOOD = "/bench/cache", "/bench/flood"
# CuratorCache fails beyond 65,535 znodes, so that it reads a part, and its predecessor, TreeCache, the whole.
_PART = 0.6
_LEAVES = 1_000  # The children of a parent.
_DATA = b"x" * 100
_BATCH = 100  # Changes in one transaction of a flood.
_WINDOW = 8  # Transactions in flight.
_CURATOR = Path(__file__).resolve().parent / "workers" / "CuratorCaches.java"
_SETTLE = 0.3  # Seconds until a process that has connected is at rest.

SIDES: dict[str, Start] = {
    "zkc": lambda hosts: python_worker("zkc", "caches_zkc.py", hosts),
    "kazoo": lambda hosts: python_worker("kazoo", "caches_kazoo.py", hosts, str(peers.folder("kazoo"))),
    "curator": lambda hosts: WorkerProcess("curator", [*java.curator_command(_CURATOR), hosts]),
}
"""By name, the function that starts a process of a side; it raises Unavailable if the side cannot run here."""


@dataclass(frozen=True)
class CacheAmount:
    """The size of a comparison.

    Args:
        rounds: The number of turns of each side.
        znodes: The number of znodes of the subtree.
        changes: The number of changes that are timed.
        flood: The number of changes of a flood.
    """

    rounds: int
    znodes: int
    changes: int
    flood: int


class CacheComparison:
    """A comparison of the caches, and of the recursive watches.

    Args:
        amount: The size.
        advance: Called with what is done and the number of turns that are over.
    """

    def __init__(self, amount: CacheAmount, advance: Advance) -> None:
        self._amount = amount
        self._advance = advance
        self.absent: dict[str, str] = {}
        """By the name of a side, the reason why it cannot run here."""

    def turns(self) -> int:
        """Return the number of turns."""
        return self._amount.rounds * (2 * len(SIDES) + 2)

    def run(self, server: ZooKeeperServer) -> list[Outcome]:
        """Measure all sides on a server.

        Returns:
            For each operation and side its rounds.
        """
        outcomes: dict[tuple[str, str], Outcome] = {}

        def note(operation: str, label: str, figures: dict[str, Any]) -> None:
            outcomes.setdefault((operation, label), Outcome(operation, label)).rounds.append(figures)

        with zkc.Client(server.hosts) as writer:
            part, flooded = self._make_trees(writer)
            for number in range(self._amount.rounds):
                for side in list(SIDES)[:: -1 if number % 2 else 1]:
                    with self._worker(server, side) as worker:
                        if worker is not None:
                            note(READY, side, self._ready(server, worker, whole=False))
                            note(CHANGE, side, self._change(server, writer, worker, part))
                        self._advance(f"cache: {side}", 1)
                    with self._worker(server, side) as worker:
                        if worker is not None:
                            label = TREE_CACHE if side == "curator" else side
                            note(WHOLE, label, self._ready(server, worker, whole=True))
                        self._advance(f"cache: {side}", 1)
                for side in ("zkc", "curator"):
                    with self._worker(server, side) as worker:
                        if worker is not None:
                            label = "java" if side == "curator" else side
                            worker.run("subscribe", 1, 0)
                            self._flood(writer, worker, flooded)  # Warm up: Java compiles.
                            note(PACED, label, self._paced(PACED, writer, worker, flooded[: 4 * self._amount.changes]))
                            note(FLOOD, label, self._flood(writer, worker, flooded))
                        self._advance(f"recursive watch: {side}", 1)
        return sorted(outcomes.values(), key=lambda one: (_ORDER.index(one.operation), _LABELS.index(one.client)))

    @contextmanager
    def _worker(self, server: ZooKeeperServer, side: str) -> Iterator[Any]:
        with ExitStack() as stack:
            worker = None
            if side not in self.absent:
                try:
                    worker = stack.enter_context(SIDES[side](server.hosts))
                    time.sleep(_SETTLE)  # Nothing shows that a started process is at rest.
                except Unavailable as why:
                    self.absent[side] = str(why)
                    print(f"./dev bench: without {side}: {why}", file=sys.stderr)
            yield worker

    def _make_trees(self, client: zkc.Client) -> tuple[list[str], list[str]]:
        """Make the subtrees; return the paths of the leaves of a part of the one, and of the other."""
        part = self._part
        leaves = _make_tree(client, f"{_ROOT}/part", part)
        _make_tree(client, f"{_ROOT}/rest", self._amount.znodes - part - 1)
        return leaves, _make_tree(client, _FLOOD, self._amount.flood)

    @property
    def _part(self) -> int:
        return int(self._amount.znodes * _PART)

    # ---- turns ------------------------------------------------------------------------------------------------------

    def _ready(self, server: ZooKeeperServer, worker: WorkerProcess, *, whole: bool) -> dict[str, Any]:
        count = self._amount.znodes if whole else self._part
        before = _received(server)
        figures = worker.run("ready", count, len(_DATA), int(whole))
        return {**figures, "requests": (_received(server) - before) / count}

    def _change(
        self, server: ZooKeeperServer, writer: zkc.Client, worker: WorkerProcess, leaves: list[str]
    ) -> dict[str, Any]:
        count = self._amount.changes
        before = _received(server)
        figures = self._paced(CHANGE, writer, worker, leaves[:count])
        return {**figures, "requests": (_received(server) - before) / count - 1}  # One is the writer's.

    def _paced(self, operation: str, writer: zkc.Client, worker: WorkerProcess, paths: list[str]) -> dict[str, Any]:
        """Change znodes at a fixed rate, and take the time from each request to the event."""
        worker.run("clear", 1, 0)
        sent, replies = {}, []
        due = time.monotonic()
        for path in paths:
            due += 1 / _RATES[operation]
            time.sleep(max(0.0, due - time.monotonic()))  # Keeps the rate of the operation.
            sent[path] = time.monotonic_ns()  # The clock of all processes of the machine; on Linux Java's, too.
            replies.append(writer.submit.set(path, _DATA))
        for reply in replies:
            reply.result()
        figures = worker.run("changed", len(paths), 0)
        seen = dict(zip(figures.pop("paths"), figures.pop("times")))
        if seen.keys() != sent.keys():
            raise WorkerError(f"{worker.name}: {len(seen)} of {len(sent)} changed znodes were seen")
        times = sorted((seen[path] - sent[path]) / 1e3 for path in paths)
        return {**figures, "p50": percentile(times, 50), "p99": percentile(times, 99)}

    def _flood(self, writer: zkc.Client, worker: WorkerProcess, paths: list[str]) -> dict[str, Any]:
        """Change znodes as fast as the server goes; all events must come, in order."""
        worker.run("clear", 1, 0)
        flying: deque[Any] = deque()
        begun = time.monotonic_ns()
        for start in range(0, len(paths), _BATCH):
            transaction = writer.submit.transaction()
            for path in paths[start : start + _BATCH]:
                transaction.set(path, _DATA)
            flying.append(transaction.commit())
            if len(flying) == _WINDOW:
                flying.popleft().result()
        for reply in flying:
            reply.result()
        figures = worker.run("changed", len(paths), 0)
        if figures.pop("paths") != paths:
            raise WorkerError(f"{worker.name}: the events did not come in the order of the changes")
        return {**figures, "rate": len(paths) / (figures.pop("times")[-1] - begun) * 1e9}


_ORDER = (READY, WHOLE, CHANGE, PACED, FLOOD)
_LABELS = ("zkc", "kazoo", "curator", TREE_CACHE, "java")


def _make_tree(client: zkc.Client, root: str, count: int) -> list[str]:
    """Make so many znodes; return the paths of the leaves, which are spread over their parents."""
    parents = -(-(count - 1) // (_LEAVES + 1))
    paths = [f"{root}/{number:03}" for number in range(parents)]
    leaves = [f"{paths[number % parents]}/{number:06}" for number in range(count - 1 - parents)]
    client.ensure_path(root)
    client.create_many([(path, b"") for path in paths], raise_errors=True)
    client.create_many([(path, _DATA) for path in leaves], raise_errors=True)
    return leaves


def _received(server: ZooKeeperServer) -> int:
    """Return the number of packets that the server has received. Pings are among them."""
    answer = server.four_letter_word("srvr")
    return next(int(line.split(": ")[1]) for line in answer.splitlines() if line.startswith("Received: "))
