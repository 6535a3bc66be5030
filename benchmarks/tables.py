"""The comparison as tables for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Optional

import rich.table

from benchmarks.compare import Table
from benchmarks.outcome import Outcome
from benchmarks.processes import GOAL, LIMITS, best

COMPARED = ("c", "tuned", "kazoo")
"""The rows that every other row is compared with."""

_NOTHING = "-"


def _number(value: Optional[float], places: int = 0) -> str:
    return _NOTHING if value is None else f"{value:,.{places}f}"


def small(value: Optional[float]) -> str:
    """Format a value with three digits, or with all digits before the point if there are more."""
    if value is None:
        return _NOTHING
    return f"{value:,.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


Column = tuple[str, Callable[[Outcome], str]]


def _columns(table: Table) -> list[Column]:
    if table.workload.figure == "bytes":
        return [("KB each", lambda outcome: small((outcome.median("bytes") or 0) / 1024))]
    if table.workload.name == "beside":
        return [
            ("p50, µs", lambda outcome: small(outcome.median("p50"))),
            ("without it", lambda outcome: small(outcome.median("quiet_p50"))),
            ("p99, µs", lambda outcome: small(outcome.median("p99"))),
            ("a second", lambda outcome: _number(outcome.median("rate"))),
            ("without it", lambda outcome: _number(outcome.median("quiet_rate"))),
            ("its own speed", lambda outcome: small(outcome.median("busy"))),
        ]
    cpu: Column = ("CPU, µs each", lambda outcome: small(outcome.median("cpu")))
    if table.workload.figure == "p50":
        return [
            ("p50, µs", lambda outcome: small(outcome.median("p50"))),
            ("p99, µs", lambda outcome: small(outcome.median("p99"))),
            cpu,
        ]
    columns: list[Column] = [("a second", lambda outcome: _number(outcome.median("rate")))]
    if table.workload.size > 1000:
        size = table.workload.size
        columns.append(("MB/s", lambda outcome: _number((outcome.median("rate") or 0) * size / 1e6)))
    if table.workload.name == "gil":
        return [
            *columns,
            ("without it", lambda outcome: _number(outcome.median("quiet_rate"))),
            ("p99, ms", lambda outcome: small((outcome.median("p99") or 0) / 1e3)),
            ("without it", lambda outcome: small((outcome.median("quiet_p99") or 0) / 1e3)),
        ]
    return [*columns, cpu]


def comparison(table: Table) -> rich.table.Table:
    """Show one workload: a row for each client, with its ratios to the clients of :data:`COMPARED`."""
    workload = table.workload
    shown = rich.table.Table(title=f"{workload.title} ({table.server} server)", title_justify="left")
    shown.add_column("client")
    columns = _columns(table)
    others = [(label, other) for label in COMPARED for other in [table.find(label)] if other is not None]
    for header, _ in columns:
        shown.add_column(header, justify="right")
    for label, _ in others:
        shown.add_column(f"{'x' if workload.more_is_better else 'of'} {label}", justify="right")
    # Not with a second thread, whose CPU time would be included.
    with_cpu = workload.figure != "bytes" and workload.name not in ("gil", "beside")
    if with_cpu:
        for label, _ in others:
            shown.add_column(f"CPU, of {label}", justify="right")
    for outcome in table.outcomes:
        ratios = [outcome.ratio_to(other, workload.figure) for _, other in others]
        if with_cpu:
            ratios += [outcome.ratio_to(other, "cpu") for _, other in others]
        shown.add_row(outcome.client, *(show(outcome) for _, show in columns), *map(small, ratios))
    return shown


def targets(judged: Iterable[dict[str, Any]]) -> rich.table.Table:
    """Show the targets, and whether each was met."""
    shown = rich.table.Table(title="Targets", title_justify="left")
    for name in ("what", "server", "beside"):
        shown.add_column(name)
    for name in ("bound", "measured"):
        shown.add_column(name, justify="right")
    shown.add_column("")
    for target in judged:
        shown.add_row(
            target["what"],
            target["server"],
            target["against"] or "",
            f"{'≥' if target['at_least'] else '≤'} {target['bound']:g}",
            small(target["measured"]),
            "[green]met" if target["met"] else "[red]missing" if target["measured"] is None else "[red]not met",
        )
    shown.caption = "Medians of the rounds. A ratio is the median of the rounds' ratios."
    shown.caption_justify = "left"
    return shown


def processes(title: str, outcomes: list[Outcome], absent: dict[str, str], ratio: Optional[float]) -> rich.table.Table:
    """Show the times of whole processes, and the sides that are not available."""
    shown = rich.table.Table(title=title, title_justify="left")
    shown.add_column("process")
    for name in ("best, ms", "median, ms", "goal, ms"):
        shown.add_column(name, justify="right")
    for outcome in outcomes:
        goal = LIMITS.get(outcome.operation) if outcome.client == "zkc" else None
        figures = (best(outcome), outcome.median("seconds"), goal)
        shown.add_row(
            f"{outcome.client} {outcome.operation}",
            *(_NOTHING if each is None else f"{each * 1000:,.0f}" for each in figures),
        )
    for name, reason in absent.items():
        shown.add_row(name, _NOTHING, _NOTHING, _NOTHING)
        shown.caption = f"{shown.caption or ''}{name} is not there: {reason}\n"
    if ratio is not None:
        shown.caption = f"{shown.caption or ''}zkc ls / is {ratio:.1f} x as quick as zkCli.sh ls / (goal: {GOAL:g} x)"
    shown.caption_justify = "left"
    return shown
