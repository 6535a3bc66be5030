"""All clients beside each other: each has its turn in every round, in a process of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Optional

import zkc
from benchmarks.absent import Absent
from benchmarks.canned import CannedServer
from benchmarks.clients import STARTS
from benchmarks.outcome import Outcome
from benchmarks.side import Side, SideError
from benchmarks.workloads import Row, Workload
from zkc.testing import ZooKeeperServer

SERVERS = ("canned", "real")
_MANY = 1_000
_LARGEST_MANY = 1 << 14

Advance = Callable[[str, int], None]


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    rounds: int
    seconds: float  # about so long is a turn
    fixed_rounds: int  # of workloads with a fixed count: a process each
    calls: Optional[int] = None  # so many are a turn, whatever they take
    part: float = 1.0  # of the counts that a workload has of its own

    def rounds_of(self, workload: Workload) -> int:
        """Return how many rounds a workload has."""
        return min(self.fixed_rounds, self.rounds) if workload.fixed else self.rounds


def amount(usual: Amount, rounds: Optional[int], calls: Optional[int]) -> Amount:
    """Return the usual amount with what somebody asks for instead."""
    return replace(usual, rounds=rounds or usual.rounds, calls=calls)


@dataclass
class Table:
    """What came out of one workload with one server."""

    workload: Workload
    server: str
    outcomes: list[Outcome] = field(default_factory=list)

    def find(self, label: str) -> Optional[Outcome]:
        """Return the row with this label; None if it has none."""
        return next((outcome for outcome in self.outcomes if outcome.client == label), None)


class _Team:
    """The workers that are connected to one server, each started when it is needed first."""

    def __init__(self, hosts: str, stack: ExitStack) -> None:
        self._hosts = hosts
        self._stack = stack
        self._sides: dict[str, Side] = {}

    def side(self, worker: str) -> Side:
        if worker not in self._sides:
            self._sides[worker] = self._stack.enter_context(self.another(worker))
        return self._sides[worker]

    def another(self, worker: str) -> Side:
        """Start one more, which is the caller's."""
        return STARTS[worker](self._hosts)

    def forget(self, worker: str) -> None:
        """Have the next who needs it start another one: this one has ended."""
        self._sides.pop(worker, None)


@dataclass
class _Entry:
    """A row of a workload while it is measured."""

    row: Row
    outcome: Outcome
    calls: int = 0


class Comparison:
    """Runs workloads with the clients that there are.

    Attributes:
        absent: By name of a worker, why there is none.
        failed: What ended with a wrong answer, or otherwise as it must not.
    """

    def __init__(self, amount: Amount, clients: Optional[Sequence[str]], advance: Advance) -> None:
        """Prepare.

        Args:
            amount: How much is measured.
            clients: Names of workers; None for all.
            advance: Told what was done, and how many turns it had.
        """
        self.absent: dict[str, str] = {}
        self.failed: list[str] = []
        self._amount = amount
        self._clients = clients
        self._advance = advance

    def run(self, server: str, workloads: Sequence[Workload]) -> tuple[str, list[Table]]:
        """Run workloads with a server of its own.

        Args:
            server: One of :data:`SERVERS`.
            workloads: What to run; those that this server has no part in are left out.

        Returns:
            What the server is, and the tables.
        """
        wanted = [one for one in workloads if server == "canned" or one.real]
        if not wanted:
            return server, []
        with _serving(server) as (hosts, version), ExitStack() as stack:
            seed(hosts, server, sorted({one.size for one in wanted}))
            team = _Team(hosts, stack)
            return version, [self._measure(one, server, team) for one in wanted]

    def rows(self, workload: Workload) -> list[Row]:
        """List the rows of a workload whose clients are asked for, and not known to be absent."""
        return [
            row
            for row in workload.rows
            if row.worker not in self.absent and (self._clients is None or row.worker in self._clients)
        ]

    def turns(self, workload: Workload, server: str) -> int:
        """Return how many turns a workload has with this server; each row is warmed up in one more."""
        if server != "canned" and not workload.real:
            return 0
        return len(self.rows(workload)) * (self._amount.rounds_of(workload) + 1)

    def _measure(self, workload: Workload, server: str, team: _Team) -> Table:
        rounds = self._amount.rounds_of(workload)
        entries = [_Entry(row, Outcome(workload.name, row.label)) for row in self.rows(workload)]
        entries = [entry for entry in entries if self._goes_well(self._prepare, entry, workload, server, team)]
        for _ in range(rounds):
            entries = [entry for entry in entries if self._goes_well(self._turn, entry, workload, server, team)]
            # Another one is first the next time: who comes after whom is to make no difference.
            shift = max(1, len(entries) // rounds)
            entries = entries[shift:] + entries[:shift]
        outcomes = {entry.row: entry.outcome for entry in entries}
        return Table(workload, server, [outcomes[row] for row in workload.rows if row in outcomes])

    def _goes_well(
        self,
        step: Callable[[_Entry, Workload, _Team], None],
        entry: _Entry,
        workload: Workload,
        server: str,
        team: _Team,
    ) -> bool:
        """Do a step of an entry; tell whether it can go on."""
        worker = entry.row.worker
        if worker in self.absent:
            return False
        self._advance(f"{workload.name}, {server}: {entry.row.label}", 1)
        try:
            step(entry, workload, team)
        except Absent as why:
            self.absent[worker] = str(why)
            print(f"./dev bench: without {worker}: {why}", file=sys.stderr)
            return False
        except SideError as why:
            team.forget(worker)
            self.failed.append(f"{workload.name}, {server}, {entry.row.label}: {why}")
            print(f"./dev bench: failed: {self.failed[-1]}", file=sys.stderr)
            return False
        return True

    def _prepare(self, entry: _Entry, workload: Workload, team: _Team) -> None:
        """Warm a client up, and find out how many calls make up a turn of it."""
        side = team.side(entry.row.worker)
        if workload.fixed:
            entry.calls = max(5, int(workload.fixed * self._amount.part))
        elif self._amount.calls is not None:
            entry.calls = self._amount.calls
            side.run(entry.row.operation, entry.calls, workload.size)
        else:
            entry.calls = self._calls(side, entry.row.operation, workload)

    def _calls(self, side: Side, operation: str, workload: Workload) -> int:
        least = calls = max(5, int(workload.least * self._amount.part))
        while True:
            seconds = side.run(operation, calls, workload.size)["seconds"]
            if seconds >= self._amount.seconds / 3:
                wanted = int(calls * self._amount.seconds / seconds)
                return max(least, min(workload.most, wanted))
            calls *= 4

    def _turn(self, entry: _Entry, workload: Workload, team: _Team) -> None:
        row = entry.row
        if workload.fixed:
            with team.another(row.worker) as side:
                figures = side.run(row.operation, entry.calls, workload.size)
        else:
            figures = team.side(row.worker).run(row.operation, entry.calls, workload.size)
        entry.outcome.rounds.append(figures)


def quick_server() -> ZooKeeperServer:
    """Prepare a real server that is as quick as it can be."""
    # Later arguments win over those for a short start: here peak speed counts. So many threads are its default.
    workers = 2 * (os.cpu_count() or 1)
    arguments = ["-XX:TieredStopAtLevel=4", f"-Dzookeeper.nio.numWorkerThreads={workers}"]
    return ZooKeeperServer(log_level="WARN", heap="1g", jvm_args=arguments)


@contextmanager
def _serving(kind: str) -> Iterator[tuple[str, str]]:
    """Start a server, and say where and what it is."""
    if kind == "canned":
        with CannedServer() as canned:
            yield canned.hosts, "canned"
        return
    with quick_server() as server:
        yield server.hosts, "ZooKeeper " + ".".join(map(str, server.version))


def seed(hosts: str, kind: str, sizes: Sequence[int]) -> None:
    """Make the znodes that the workers read and write; see workers/protocol.py."""
    znodes: list[tuple[str, bytes]] = [("/set", b""), ("/watched", b"")]
    if kind == "real":  # The canned one has them from the start.
        for size in sizes:
            numbers = range(_MANY) if size <= _LARGEST_MANY else ()
            paths = [f"/data-{size}", *(f"/data-{size}.{number:04}" for number in numbers)]
            znodes += [(path, (path + "x" * (size - len(path))).encode()) for path in paths]
    with zkc.Client(hosts) as client:
        client.create_many(znodes, raise_errors=True)


def as_dict(table: Table, others: Sequence[str]) -> dict[str, Any]:
    """Return a table as JSON can hold it.

    Args:
        table: The table.
        others: Labels that each row is compared with.
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
