"""The goals of zkc's recipes, and the tables of their comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import rich.table

from benchmarks.outcome import Outcome
from benchmarks.recipes import OPERATIONS
from benchmarks.tables import small

__all__ = ["GOALS", "Goal", "judge", "requests_table", "times_table"]

_ZKC, _BULK, _CURATOR = "zkc", "zkc, in bulk", "curator (at most once)"
_FIGURES = {operation.title: operation.figure for operation in OPERATIONS}


@dataclass(frozen=True)
class Goal:
    """A bound of a row of zkc.

    Args:
        operation: The title of the operation.
        against: The row to compare with; "" for the figure itself.
        bound: The bound of the ratio of times, or of rates, or of the figure.
        figure: The figure; "" for that of the operation.
        label: The row of zkc.
        server: The server; "" for each.
    """

    operation: str
    against: str
    bound: float
    figure: str = ""
    label: str = _ZKC
    server: str = ""

    @property
    def measure(self) -> str:
        """The figure that it bounds."""
        return self.figure or _FIGURES[self.operation]

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.measure == "rate"


def _not_slower() -> list[Goal]:
    found = []
    for operation in OPERATIONS:
        if operation.name == "election":
            # The real server ends sessions at ticks of 0.2 s: a difference of two turns within a tick says nothing.
            found += [
                Goal(operation.title, "curator", 1.2, server="real"),
                Goal(operation.title, "curator", 1.0, server="canned"),
            ]
        else:
            found.append(Goal(operation.title, _CURATOR if operation.name == "queue" else "curator", 1.0))
    return found


_LOCK, _TWO, _SIXTEEN, _MANY = (operation.title for operation in OPERATIONS[:4])
_ONE_CONSUMER, _EIGHT_CONSUMERS = (operation.title for operation in OPERATIONS[-2:])

GOALS = (
    Goal(_LOCK, "", 3.0, "requests"),
    Goal(_LOCK, "", 1.0, "round_trips"),
    *(Goal(title, "kazoo", 0.5) for title in (_TWO, _SIXTEEN, _MANY)),
    *(
        goal
        for title in (_ONE_CONSUMER, _EIGHT_CONSUMERS)
        for goal in (
            Goal(title, "kazoo LockingQueue", 5.0),
            Goal(title, "kazoo LockingQueue, put_all", 5.0, label=_BULK),
            Goal(title, "kazoo Queue (at most once)", 5.0, label=_BULK),
        )
    ),
    *_not_slower(),
)


def judge(server: str, outcomes: Sequence[Outcome], counts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare the results on a server with the goals.

    Returns:
        For each goal ``what``, ``server``, ``against``, ``bound``, ``at_least``, ``measured`` and ``met``. ``measured``
        is None, and ``met`` false, if a side is missing.
    """
    judged = []
    for goal in GOALS:
        if goal.server not in ("", server):
            continue
        measured = _measured(goal, outcomes, counts)
        # Round trips are derived from a time, which includes that of the processes.
        rounded = (
            measured if measured is None or goal.against else round(measured, 1 if goal.figure == "requests" else 0)
        )
        met = rounded is not None and (rounded >= goal.bound if goal.at_least else rounded <= goal.bound)
        judged.append(
            {
                "what": f"{goal.operation}{_named(goal)}",
                "server": server,
                "against": goal.against or None,
                "bound": goal.bound,
                "at_least": goal.at_least,
                "measured": measured,
                "met": met,
            }
        )
    return judged


def _named(goal: Goal) -> str:
    if goal.figure:
        return f": {goal.figure.replace('_', ' ')}"
    return "" if goal.label == _ZKC else f" ({goal.label[5:]})"


def _measured(goal: Goal, outcomes: Sequence[Outcome], counts: Sequence[dict[str, Any]]) -> Optional[float]:
    if not goal.against:
        rows = [row for row in counts if (row["operation"], row["client"]) == (goal.operation, goal.label)]
        return rows[0][goal.figure] if rows else None
    found = {outcome.client: outcome for outcome in outcomes if outcome.operation == goal.operation}
    if goal.label not in found or goal.against not in found:
        return None
    return found[goal.label].ratio_to(found[goal.against], goal.measure)


def times_table(server: str, outcomes: Sequence[Outcome]) -> rich.table.Table:
    """Show each operation by row, with the speed of zkc as a multiple of the row's."""
    table = rich.table.Table(title=f"Recipes ({server} server)", title_justify="left")
    for name in ("operation", "side"):
        table.add_column(name)
    for name in ("p50, µs", "p99, µs", "a second", "CPU, µs each", "zkc is x times as quick"):
        table.add_column(name, justify="right")
    base: Optional[Outcome] = None
    for outcome in outcomes:
        if base is None or base.operation != outcome.operation:
            if base is not None:
                table.add_section()
            base = outcome
        figure = _FIGURES[outcome.operation]
        ratio = outcome.ratio_to(base, "p50") if figure == "p50" else base.ratio_to(outcome, "rate")
        table.add_row(
            outcome.operation if outcome is base else "",
            outcome.client,
            *(small(outcome.median(name)) for name in ("p50", "p99", "rate", "cpu")),
            small(ratio),
        )
    table.caption = (
        "Medians of the rounds. A hand-over is from the call of a release to the end of the next acquire, while each "
        "holds the lock for 2 ms. The canned server ends a session with its connection, the real one after 1 s."
    )
    table.caption_justify = "left"
    return table


def requests_table(counts: Sequence[dict[str, Any]]) -> rich.table.Table:
    """Show the requests and round trips of a call."""
    table = rich.table.Table(title="Requests, and round trips that the caller waits for", title_justify="left")
    for name in ("operation", "side", "server"):
        table.add_column(name)
    for name in ("requests", "round trips"):
        table.add_column(name, justify="right")
    for row in counts:
        table.add_row(
            row["operation"], row["client"], row["server"], f"{row['requests']:.1f}", f"{row['round_trips']:.1f}"
        )
    table.caption = "Counted on a link between the processes and the server, which delays each direction by 10 ms."
    table.caption_justify = "left"
    return table
