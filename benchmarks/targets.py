"""The targets of zkc beside other clients, and whether a run meets them.

A bound is for a ratio of two rows of one table, which is the median of the rounds' ratios, or for a figure itself. A
bound is missing if its rows were requested and one of them could not be measured. Then the run fails.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from benchmarks.compare import Table
from benchmarks.measure import median
from benchmarks.outcome import Outcome
from benchmarks.workloads import WINDOW


@dataclass(frozen=True)
class Target:
    """One bound."""

    what: str
    workload: str
    label: str  # the row of the bound
    figure: str
    bound: float
    against: str = ""  # the row to compare with; "" for the figure itself
    at_least: bool = False  # else at most
    server: str = "canned"


def _gets(label: str, **bounds: float) -> Iterator[Target]:
    """Make targets of pipelined gets: at least *bound* times as quick as each of these."""
    for against, bound in bounds.items():
        yield Target(f"{label}: gets a second", "pipelined", label, "rate", bound, against, at_least=True)


_BUSY = "beside bytecode: the other thread's speed, of its own"
_TWO_SWITCHES = 2e3 * sys.getswitchinterval()  # in ms
_CALLBACKS, _TASKS, _OWN = "Session, callbacks", "AsyncClient, 1,000 tasks", "c on zkc's adaptor"

TARGETS = (
    Target("Client: get, p50", "get", "Client", "p50", 0.42, "c"),
    Target("Client: get, p50", "get", "Client", "p50", 0.85, "tuned"),
    Target("Client: get, p50", "get", "Client", "p50", 0.33, "kazoo"),
    Target("Client: get, CPU", "get", "Client", "cpu", 1.0, "tuned"),
    Target("Client: get, p50, as far as one could go", "get", "Client", "p50", 1.5, "floor"),
    *_gets(_CALLBACKS, c=6, tuned=1.5, kazoo=10),
    *_gets("get_many", c=15, tuned=4, kazoo=10),
    *_gets(_TASKS, c=4, aiozk=10, kazoo=10),
    *_gets(_OWN, c=20),
    Target(f"{_OWN}: get, p50", "get", _OWN, "p50", 0.38, "c"),
    Target("beside bytecode: gets a second, of those without", "gil", _CALLBACKS, "kept", 0.5, at_least=True),
    Target("beside bytecode: p99 beyond a window's time then, ms", "gil", _CALLBACKS, "late", _TWO_SWITCHES),
    Target("beside bytecode: p99 beyond a window's time without, ms", "gil", _CALLBACKS, "later", _TWO_SWITCHES),
    Target("beside bytecode: a get's p50, of that without", "beside", "Client", "slower", 2),
    Target("beside bytecode: a get's p50, of that without", "beside", "Client", "slower", 2, server="real"),
    Target("beside bytecode: zkc.legacy's get, p50, of that without", "beside", "zkc.legacy", "slower", 2),
    Target("beside bytecode: a get's p50", "beside", "Client", "p50", 1.0, "zc-zookeeper-static"),
    Target("beside bytecode: a get's p50", "beside", "Client", "p50", 0.33, "kazoo"),
    Target(_BUSY, "beside", "Client", "busy", 0.4, at_least=True),
    Target(_BUSY, "beside", "Client", "busy", 0.4, at_least=True, server="real"),
    Target("Client: watch, p50", "watch", "Client", "p50", 0.8, "c"),
    Target("Client: gets a second from 8 threads", "threads", "Client", "rate", 3, "c", at_least=True),
    Target("Client: connect and close, p50", "connect", "Client", "p50", 1.0, "c"),
    Target("Client: 1 MB gets, bandwidth", "1mb", "Client", "rate", 0.9, "c", at_least=True),
    Target(f"{_CALLBACKS}: CPU of a get", "pipelined", _CALLBACKS, "cpu", 0.35, "c", server="real"),
    Target("Client: memory of an idle one, KB", "idle", "Client", "kilobytes", 300),
    Target("Session: memory of a request, KB", "outstanding", "Session", "kilobytes", 1),
    Target("client.submit: memory of a request, KB", "outstanding", "client.submit", "kilobytes", 1),
)
"""With the real server each row of zkc has one more target: no worse than ``tuned``; see :func:`judge`."""

_WORSE = 1.0  # no row worse than tuned
_OURS = ("Client", "AsyncClient", "Session", "client.submit", "get_many", "zkc.legacy", _OWN)


def judge(tables: Sequence[Table], clients: Optional[Sequence[str]] = None) -> list[dict[str, Any]]:
    """Compare the results with the bounds; leave a bound out if a row that it needs was not requested.

    Args:
        tables: The results.
        clients: The names of the requested workers; None for all.

    Returns:
        For each bound ``what``, ``server``, ``against``, ``bound``, ``at_least``, ``measured`` and ``met``.
        ``measured`` is None, and ``met`` false, if a requested row is missing.
    """
    judged = []
    by_name = {(table.workload.name, table.server): table for table in tables}
    for target in [*TARGETS, *_no_row_worse(tables)]:
        table = by_name.get((target.workload, target.server))
        if table is None or not _requested(target, table, clients):
            continue
        measured = _measured(target, table)
        met = measured is not None and (measured >= target.bound if target.at_least else measured <= target.bound)
        judged.append(
            {
                "what": target.what,
                "server": target.server,
                "against": target.against or None,
                "bound": target.bound,
                "at_least": target.at_least,
                "measured": measured,
                "met": met,
            }
        )
    return judged


def missing(judged: Iterable[dict[str, Any]]) -> list[str]:
    """Name the bounds that have no measurement, with the row that they compare with."""
    return [
        f"{target['what']}, {target['server']}" + (f", beside {target['against']}" if target["against"] else "")
        for target in judged
        if target["measured"] is None
    ]


def _requested(target: Target, table: Table, clients: Optional[Sequence[str]]) -> bool:
    """Return whether the workers of all rows of a bound were requested."""
    workers = {row.label: row.worker for row in table.workload.rows}
    labels = [label for label in (target.label, target.against) if label]
    return clients is None or all(workers[label] in clients for label in labels)


def _no_row_worse(tables: Sequence[Table]) -> Iterator[Target]:
    for table in tables:
        if table.server != "real" or all(row.label != "tuned" for row in table.workload.rows):
            continue
        for row in table.workload.rows:
            if row.label.startswith(_OURS):
                workload, better = table.workload, table.workload.more_is_better
                what = f"{row.label}: {workload.name}, {workload.figure}"
                yield Target(what, workload.name, row.label, workload.figure, _WORSE, "tuned", better, "real")


def _measured(target: Target, table: Table) -> Optional[float]:
    outcome = table.find(target.label)
    if outcome is None:
        return None
    if target.against:
        other = table.find(target.against)
        return None if other is None else outcome.ratio_to(other, target.figure)
    return _derived(outcome, target.figure)


def _derived(outcome: Outcome, figure: str) -> Optional[float]:
    """Return a figure of a target, derived from the figures of the rounds."""
    if figure == "kept" and outcome.has("quiet_rate"):
        return median([figures["rate"] / figures["quiet_rate"] for figures in outcome.rounds])
    if figure == "slower" and outcome.has("quiet_p50"):
        return median([figures["p50"] / figures["quiet_p50"] for figures in outcome.rounds])
    if figure in ("late", "later") and outcome.has("quiet_rate"):
        # A window's own time is that of its requests at the speed with that thread, or without it.
        speed = "rate" if figure == "late" else "quiet_rate"
        return median([figures["p99"] / 1e3 - WINDOW / figures[speed] * 1e3 for figures in outcome.rounds])
    if figure == "kilobytes" and outcome.has("bytes"):
        return median([figures["bytes"] / 1024 for figures in outcome.rounds])
    return outcome.median(figure)
