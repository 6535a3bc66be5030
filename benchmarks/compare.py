"""Comparison of all clients: each has a turn in every round, in a separate process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Optional

import zkc
from benchmarks.canned import CannedServer
from benchmarks.clients import STARTS
from benchmarks.outcome import Outcome
from benchmarks.unavailable import Unavailable
from benchmarks.worker_process import WorkerError, WorkerProcess
from benchmarks.workloads import Row, Workload
from zkc.testing import ZooKeeperServer

SERVERS = ("canned", "real")
_MANY = 1_000
_LARGEST_MANY = 1 << 14

Advance = Callable[[str, int], None]


@dataclass(frozen=True)
class Amount:
    """The length of a measurement."""

    rounds: int
    seconds: float  # approximate length of a turn
    fixed_rounds: int  # rounds of workloads with a fixed count, which need a process for each turn
    calls: Optional[int] = None  # calls of a turn, instead of its length
    part: float = 1.0  # factor for the counts of a workload

    def rounds_of(self, workload: Workload) -> int:
        """Return the number of rounds of a workload."""
        return min(self.fixed_rounds, self.rounds) if workload.fixed else self.rounds


def amount(usual: Amount, rounds: Optional[int], calls: Optional[int]) -> Amount:
    """Return the usual amount, with the rounds and calls of the command line if given."""
    return replace(usual, rounds=rounds or usual.rounds, calls=calls)


@dataclass
class Table:
    """The results of one workload with one server."""

    workload: Workload
    server: str
    outcomes: list[Outcome] = field(default_factory=list)

    def find(self, label: str) -> Optional[Outcome]:
        """Return the row with this label; None if there is no such row."""
        return next((outcome for outcome in self.outcomes if outcome.client == label), None)


class _WorkerPool:
    """The workers that are connected to one server, each started at its first use."""

    def __init__(self, hosts: str, stack: ExitStack) -> None:
        self._hosts = hosts
        self._stack = stack
        self._processes: dict[str, WorkerProcess] = {}

    def process(self, worker: str) -> WorkerProcess:
        if worker not in self._processes:
            self._processes[worker] = self._stack.enter_context(self.start(worker))
        return self._processes[worker]

    def start(self, worker: str) -> WorkerProcess:
        """Start another process of a worker, which the caller owns."""
        return STARTS[worker](self._hosts)

    def forget(self, worker: str) -> None:
        """Forget a process that has ended; the next use starts another."""
        self._processes.pop(worker, None)


@dataclass
class _Entry:
    """A row of a workload while it is measured."""

    row: Row
    outcome: Outcome
    calls: int = 0


class Comparison:
    """A run of workloads with the available clients.

    Attributes:
        absent: By name of a worker, the reason why it is missing.
        failed: The rows that ended with a wrong answer or another failure.
    """

    def __init__(self, amount: Amount, clients: Optional[Sequence[str]], advance: Advance) -> None:
        """Prepare a run.

        Args:
            amount: The length of the measurement.
            clients: Names of workers; None for all.
            advance: Called with a description of each step and its number of turns.
        """
        self.absent: dict[str, str] = {}
        self.failed: list[str] = []
        self._amount = amount
        self._clients = clients
        self._advance = advance

    def run(self, server: str, workloads: Sequence[Workload]) -> tuple[str, list[Table]]:
        """Run workloads with a new server.

        Args:
            server: One of :data:`SERVERS`.
            workloads: The workloads; those that do not use this server are left out.

        Returns:
            The server's version, and the tables.
        """
        wanted = [workload for workload in workloads if server == "canned" or workload.real]
        if not wanted:
            return server, []
        with serving(server) as (hosts, version), ExitStack() as stack:
            seed(hosts, server, sorted({workload.size for workload in wanted}))
            pool = _WorkerPool(hosts, stack)
            return version, [self._measure(workload, server, pool) for workload in wanted]

    def rows(self, workload: Workload) -> list[Row]:
        """List the rows of a workload whose clients were requested, and are not known to be missing."""
        return [
            row
            for row in workload.rows
            if row.worker not in self.absent and (self._clients is None or row.worker in self._clients)
        ]

    def turns(self, workload: Workload, server: str) -> int:
        """Return the number of turns of a workload with this server, with a warm-up turn for each row."""
        if server != "canned" and not workload.real:
            return 0
        return len(self.rows(workload)) * (self._amount.rounds_of(workload) + 1)

    def _measure(self, workload: Workload, server: str, pool: _WorkerPool) -> Table:
        rounds = self._amount.rounds_of(workload)
        entries = [_Entry(row, Outcome(workload.name, row.label)) for row in self.rows(workload)]
        entries = [entry for entry in entries if self._goes_well(self._prepare, entry, workload, server, pool)]
        for _ in range(rounds):
            entries = [entry for entry in entries if self._goes_well(self._turn, entry, workload, server, pool)]
            # Another row is first in the next round, so that the order makes no difference.
            shift = max(1, len(entries) // rounds)
            entries = entries[shift:] + entries[:shift]
        outcomes = {entry.row: entry.outcome for entry in entries}
        return Table(workload, server, [outcomes[row] for row in workload.rows if row in outcomes])

    def _goes_well(
        self,
        step: Callable[[_Entry, Workload, _WorkerPool], None],
        entry: _Entry,
        workload: Workload,
        server: str,
        pool: _WorkerPool,
    ) -> bool:
        """Run a step of an entry; return whether the entry can continue."""
        worker = entry.row.worker
        if worker in self.absent:
            return False
        self._advance(f"{workload.name}, {server}: {entry.row.label}", 1)
        try:
            step(entry, workload, pool)
        except Unavailable as why:
            self.absent[worker] = str(why)
            print(f"./dev bench: without {worker}: {why}", file=sys.stderr)
            return False
        except WorkerError as error:
            pool.forget(worker)
            self.failed.append(f"{workload.name}, {server}, {entry.row.label}: {error}")
            print(f"./dev bench: failed: {self.failed[-1]}", file=sys.stderr)
            return False
        return True

    def _prepare(self, entry: _Entry, workload: Workload, pool: _WorkerPool) -> None:
        """Warm a client up, and find the number of calls that make up a turn."""
        process = pool.process(entry.row.worker)
        if workload.fixed:
            entry.calls = max(5, int(workload.fixed * self._amount.part))
        elif self._amount.calls is not None:
            entry.calls = self._amount.calls
            process.run(entry.row.operation, entry.calls, workload.size)
        else:
            entry.calls = self._calls(process, entry.row.operation, workload)

    def _calls(self, process: WorkerProcess, operation: str, workload: Workload) -> int:
        least = calls = max(5, int(workload.least * self._amount.part))
        while True:
            seconds = process.run(operation, calls, workload.size)["seconds"]
            if seconds >= self._amount.seconds / 3:
                wanted = int(calls * self._amount.seconds / seconds)
                return max(least, min(workload.most, wanted))
            calls *= 4

    def _turn(self, entry: _Entry, workload: Workload, pool: _WorkerPool) -> None:
        row = entry.row
        if workload.fixed:
            with pool.start(row.worker) as process:
                figures = process.run(row.operation, entry.calls, workload.size)
        else:
            figures = pool.process(row.worker).run(row.operation, entry.calls, workload.size)
        entry.outcome.rounds.append(figures)


def quick_server() -> ZooKeeperServer:
    """Prepare a real server that is configured for peak speed."""
    # Later arguments override those for a short start. The number of threads is ZooKeeper's default.
    workers = 2 * (os.cpu_count() or 1)
    arguments = ["-XX:TieredStopAtLevel=4", f"-Dzookeeper.nio.numWorkerThreads={workers}"]
    return ZooKeeperServer(log_level="WARN", heap="1g", jvm_args=arguments)


@contextmanager
def serving(kind: str) -> Iterator[tuple[str, str]]:
    """Start a server, and yield its connection string and version."""
    if kind == "canned":
        with CannedServer() as canned:
            yield canned.hosts, "canned"
        return
    with quick_server() as server:
        yield server.hosts, "ZooKeeper " + ".".join(map(str, server.version))


def seed(hosts: str, kind: str, sizes: Sequence[int]) -> None:
    """Create the znodes that the workers read and write; see workers/protocol.py."""
    znodes: list[tuple[str, bytes]] = [("/set", b""), ("/watched", b"")]
    if kind == "real":  # The canned server has them from the start.
        for size in sizes:
            numbers = range(_MANY) if size <= _LARGEST_MANY else ()
            paths = [f"/data-{size}", *(f"/data-{size}.{number:04}" for number in numbers)]
            znodes += [(path, (path + "x" * (size - len(path))).encode()) for path in paths]
    with zkc.Client(hosts) as client:
        client.create_many(znodes, raise_errors=True)


def as_dict(table: Table, others: Sequence[str]) -> dict[str, Any]:
    """Return a table as an object for JSON.

    Args:
        table: The table.
        others: Labels of the rows that each row is compared with.
    """
    rows = []
    for outcome in table.outcomes:
        ratios = {}
        for label in others:
            other = table.find(label)
            if other is not None:
                names = (table.workload.figure, "cpu")
                ratios[label] = {name: outcome.ratio_to(other, name) for name in names}
        rows.append({**outcome.as_dict(), "ratios": ratios})
    return {
        "workload": table.workload.name,
        "title": table.workload.title,
        "server": table.server,
        "figure": table.workload.figure,
        "rows": rows,
    }
