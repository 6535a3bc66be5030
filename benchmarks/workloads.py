"""The workloads: each with the rows of its table, and for each row the worker and its operation."""

from __future__ import annotations

from dataclasses import dataclass

KILO, MEGA = 10 * 1024, 1024 * 1024
WINDOW = 1_000  # requests under way in pipelined workloads; workers/protocol.py has the same constant


@dataclass(frozen=True)
class Row:
    """A client's row in the table of a workload."""

    label: str  # as the table shows it; other rows are compared with "c", "tuned" and "kazoo"
    worker: str  # of clients.STARTS
    operation: str


@dataclass(frozen=True)
class Workload:
    """A workload, with the rows of its table."""

    name: str
    title: str
    figure: str  # the compared figure: "p50" of single calls, "rate" of many at once, "bytes" of memory
    rows: tuple[Row, ...]
    real: bool = False  # also with a real server
    size: int = 100  # bytes of data
    least: int = 50  # smallest number of calls in a turn
    most: int = 1_000_000  # largest number of calls in a turn
    fixed: int = 0  # fixed number of calls, with a new process for each turn; 0: not fixed

    @property
    def more_is_better(self) -> bool:
        """Whether a larger figure is better."""
        return self.figure == "rate"


_LABELS = {
    "debian": "c (Debian)",
    "own": "c on zkc's adaptor",
    "zkc": "Client",
    "zkc-async": "AsyncClient",
    "zkc-legacy": "zkc.legacy",
    "zc": "zc-zookeeper-static",
}
_C = ("floor", "c", "debian", "tuned", "own")
_OTHERS = ("java", "zc", "aiozk", "kazoo")
_ZKC = ("zkc", "zkc-async", "zkc-legacy")


def _rows(operation: str, *workers: str) -> tuple[Row, ...]:
    """Make rows of workers that use the same name for the operation."""
    return tuple(Row(_LABELS.get(name, name), name, operation) for name in workers)


WORKLOADS = (
    Workload(
        "get",
        "One get after the other",
        "p50",
        (*_rows("get", *_C), Row("Session", "zkc", "core_get"), *_rows("get", *_ZKC, *_OTHERS)),
        real=True,
    ),
    Workload("set", "One set after the other", "p50", _rows("set", *_C, *_ZKC, *_OTHERS), real=True),
    Workload(
        "create",
        "Create and delete, one after the other",
        "p50",
        _rows("create", *_C, *_ZKC, *_OTHERS),
        real=True,
    ),
    Workload(
        "pipelined",
        "Gets with 1,000 under way",
        "rate",
        (
            *_rows("pipelined", *_C),
            Row("Session, callbacks", "zkc", "callback"),
            Row("Session, result()", "zkc", "result"),
            Row("client.submit", "zkc", "submit"),
            Row("get_many", "zkc", "bulk"),
            Row("get_many, a request each", "zkc", "bulk_alone"),
            Row("AsyncClient, 1,000 tasks", "zkc-async", "pipelined"),
            Row("AsyncClient.get_many", "zkc-async", "bulk"),
            *_rows("pipelined", "zkc-legacy", *_OTHERS),
        ),
        real=True,
        least=5_000,
    ),
    Workload(
        "threads",
        "Gets from 8 threads",
        "rate",
        _rows("threads", "c", "debian", "tuned", "own", "zkc", "zkc-legacy", "java", "zc", "kazoo"),
        real=True,
        least=200,
    ),
    Workload(
        "gil",
        "Gets with 1,000 under way, beside a thread of bytecode",
        "rate",
        (
            Row("Session, callbacks", "zkc", "gil"),
            Row("AsyncClient, 1,000 tasks", "zkc-async", "gil"),
            *_rows("gil", "aiozk", "kazoo"),
        ),
        least=2_500,
    ),
    Workload(
        "beside",
        "One get after the other, beside a thread of bytecode",
        "p50",
        (
            *_rows("beside", "zkc"),
            Row("Client, set_gil_hold(0)", "zkc", "beside_without"),
            *_rows("beside", "zkc-async", "zkc-legacy", "zc", "aiozk", "kazoo"),
        ),
        real=True,
    ),
    Workload(
        "watch",
        "From a set to the watch of another session",
        "p50",
        _rows("watch", "c", "debian", "tuned", "own", "zkc", "zkc-legacy", "java", "zc", "kazoo"),
    ),
    Workload(
        "connect",
        "Connect and close",
        "p50",
        _rows("connect", *_C, "zkc", "zkc-async", "java", "aiozk", "kazoo"),
        least=5,
    ),
    Workload(
        "10kb",
        "Gets of 10 KB, one after the other",
        "rate",
        _rows("get", *_C, "zkc", "zkc-async", *_OTHERS),
        size=KILO,
    ),
    Workload(
        "1mb",
        "Gets of 1 MB, one after the other",
        "rate",
        _rows("get", *_C, "zkc", "zkc-async", *_OTHERS),
        size=MEGA,
        least=5,
    ),
    Workload(
        "idle",
        "Memory of an idle session",
        "bytes",
        _rows("idle", "c", "debian", "own", "zkc", "zkc-async", "aiozk", "kazoo"),
        fixed=50,
    ),
    Workload(
        "outstanding",
        "Memory of an unanswered request",
        "bytes",
        (
            *_rows("outstanding", "c", "debian", "own"),
            Row("Session", "zkc", "outstanding"),
            Row("client.submit", "zkc", "outstanding_futures"),
            Row("AsyncClient, tasks", "zkc-async", "outstanding"),
            *_rows("outstanding", "aiozk", "kazoo"),
        ),
        fixed=10_000,
    ),
)
