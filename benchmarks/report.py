"""Output of results: tables for a person or JSON for a program, and a file with the JSON in either case."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

import zkc
from benchmarks.leaks import MEMORY_BOUND, Phase
from benchmarks.outcome import Outcome

RESULTS = Path(__file__).resolve().with_name("results")
MIB = 1024 * 1024


def make_progress() -> Progress:
    """Return a progress bar that shows on a terminal only."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def environment(server_version: str) -> dict[str, Any]:
    """Return the versions and the machine of a measurement."""
    return {
        "taken": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "zkc": zkc.__version__,
        "build": zkc.build_info(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cpus": os.cpu_count(),
        "load": os.getloadavg(),
        "server": server_version,
    }


def publish(verb: str, results: dict[str, Any], tables: Sequence[Table], folder: Path, *, as_json: bool) -> Path:
    """Write the results to a file, and print them.

    Args:
        verb: The benchmark's name, with which the file's name begins.
        results: The object for JSON.
        tables: The tables for a person.
        folder: The folder for the file; made if missing.
        as_json: Whether to print JSON instead of the tables.

    Returns:
        The file.
    """
    text = json.dumps(results, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{verb}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(text + "\n", encoding="utf-8")
    if as_json:
        print(text)
        return path
    # Without a terminal, the width is ours to choose.
    console = Console(width=None if sys.stdout.isatty() else 150)
    for table in tables:
        console.print(table)
    console.print(f"The figures as JSON: {relative(path)}", highlight=False)
    return path


def relative(path: Path) -> str:
    """Return a path relative to the working folder."""
    return os.path.relpath(path)


def leaks_table(phases: list[Phase]) -> Table:
    """Show the process before and after each phase."""
    table = Table(title="Objects left: before → after", title_justify="left")
    table.add_column("phase")
    for name in ("count", "seconds", "RSS, MiB", "private, MiB", "growth, KiB", "at most, MiB"):
        table.add_column(name, justify="right")
    for name in ("descriptors", "threads", "zkc objects", "verdict"):
        table.add_column(name)
    for phase in phases:
        before, after = phase.before, phase.after
        table.add_row(
            phase.name,
            f"{phase.count:,}",
            f"{phase.seconds:.1f}",
            f"{before.rss / MIB:.1f} → {after.rss / MIB:.1f}",
            f"{before.private / MIB:.1f} → {after.private / MIB:.1f}",
            f"{(after.private - before.private) / 1024:+,.0f}",
            f"{phase.peak / MIB:.1f}",
            f"{before.descriptors} → {after.descriptors}",
            f"{before.threads} → {after.threads}",
            f"{sum(before.counts.values())} → {sum(after.counts.values())}",
            "[red]" + "\n".join(phase.grown()) if phase.grown() else "[green]nothing grew",
        )
    table.caption = f"Bounds: private memory {MEMORY_BOUND / MIB:g} MiB a phase; everything else exactly as before."
    table.caption_justify = "left"
    return table


def speed_table(title: str, outcomes: list[Outcome]) -> Table:
    """Show each operation by client, with the ratio to the first client of the same operation."""
    table = Table(title=title, title_justify="left")
    table.add_column("operation")
    table.add_column("client")
    for name in ("a second", "CPU, µs each", "speed, ratio", "CPU, ratio"):
        table.add_column(name, justify="right")
    first: dict[str, Outcome] = {}
    for outcome in outcomes:
        base = first.setdefault(outcome.operation, outcome)
        if base is outcome and outcome is not outcomes[0]:
            table.add_section()
        table.add_row(
            outcome.operation,
            outcome.client,
            f"{outcome.median('rate') or 0:,.0f}",
            f"{outcome.median('cpu') or 0:,.1f}",
            f"{outcome.ratio_to(base, 'rate') or 0:.2f}",
            f"{outcome.ratio_to(base, 'cpu') or 0:.2f}",
        )
    table.caption = "Medians of the rounds. A ratio is the median of the rounds' ratios to the first client."
    table.caption_justify = "left"
    return table
