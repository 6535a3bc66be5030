"""The goals of zkc's cache and recursive watch, and the table of their comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import rich.table

from benchmarks.caches import CHANGE, FLOOD, PACED, READY, TREE_CACHE, WHOLE
from benchmarks.outcome import Outcome
from benchmarks.tables import small

__all__ = ["GOALS", "caches_table", "judge_caches"]

_PEERS = ("kazoo", "curator")
# The operation, its figure, and the row of the peer. Less is better, but for a rate.
GOALS: tuple[tuple[str, str, str], ...] = (
    *((READY, figure, peer) for figure in ("seconds", "requests", "bytes") for peer in _PEERS),
    *((WHOLE, figure, peer) for figure in ("seconds", "requests", "bytes") for peer in ("kazoo", TREE_CACHE)),
    *((CHANGE, figure, peer) for figure in ("p50", "p99") for peer in _PEERS),
    (PACED, "p50", "java"),
    (PACED, "cpu", "java"),
    (FLOOD, "rate", "java"),
    (FLOOD, "cpu", "java"),
)
_FIGURES = {"seconds": "time", "requests": "requests", "bytes": "memory", "cpu": "CPU", "rate": "events a second"}


def judge_caches(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Compare the results with the goals.

    Returns:
        For each goal ``what``, ``server``, ``against``, ``bound``, ``at_least``, ``measured`` and ``met``. ``measured``
        is None, and ``met`` false, if a side is missing.
    """
    found = {(outcome.operation, outcome.client): outcome for outcome in outcomes}
    judged = []
    for operation, figure, peer in GOALS:
        mine, theirs = found.get((operation, "zkc")), found.get((operation, peer))
        measured = None if mine is None or theirs is None else mine.ratio_to(theirs, figure)
        at_least = figure == "rate"
        met = measured is not None and (measured >= 1 if at_least else measured <= 1)
        judged.append(
            {
                "what": f"{operation}: {_FIGURES.get(figure, figure)}",
                "server": "real",
                "against": peer,
                "bound": 1.0,
                "at_least": at_least,
                "measured": measured,
                "met": met,
            }
        )
    return judged


def caches_table(znodes: int, outcomes: Sequence[Outcome]) -> rich.table.Table:
    """Show each operation by side."""
    table = rich.table.Table(title=f"Caches of {znodes:,} znodes, and recursive watches", title_justify="left")
    for name in ("operation", "side"):
        table.add_column(name)
    for name in ("seconds", "a second", "p50, µs", "p99, µs", "CPU, µs each", "requests each", "bytes each"):
        table.add_column(name, justify="right")
    last: Optional[str] = None
    for outcome in outcomes:
        if last not in (None, outcome.operation):
            table.add_section()
        names = ("seconds", "rate", "p50", "p99", "cpu", "requests", "bytes")
        table.add_row(
            "" if last == outcome.operation else outcome.operation,
            outcome.client,
            *(small(outcome.median(name)) for name in names),
        )
        last = outcome.operation
    table.caption = (
        "Medians of the rounds. Memory: of Python the growth of the process, of Java that of the heap after a garbage "
        "collection. p50 and p99: from the writer's request to the event."
    )
    table.caption_justify = "left"
    return table
