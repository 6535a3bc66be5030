"""How results are shown: a table for a person, JSON for a machine, and a file with the JSON in either case."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

import zkc
from benchmarks.leaks import MEMORY_BOUND, Phase
from benchmarks.speed import Outcome

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
    """Say what was measured, and on what."""
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


def publish(verb: str, results: dict[str, Any], table: Table, folder: Path, *, as_json: bool) -> None:
    """Keep the results in a file, and print them.

    Args:
        verb: The benchmark's name, and the beginning of the file's.
        results: What JSON is to hold.
        table: What a person is to see.
        folder: Where the file goes; made if need be.
        as_json: Whether a machine reads what is printed.
    """
    text = json.dumps(results, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{verb}-{time.strftime('%Y%m%d-%H%M%S')}.json"
    path.write_text(text + "\n", encoding="utf-8")
    if as_json:
        print(text)
        return
    # Where nobody looks, there is no width to respect.
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(table)
    console.print(f"The figures as JSON: {os.path.relpath(path)}", highlight=False)


def leaks_table(phases: list[Phase]) -> Table:
    """Show what each phase left behind."""
    table = Table(title="What is left: before → after", title_justify="left")
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


def speed_table(title: str, unit: str, outcomes: list[Outcome]) -> Table:
    """Show each operation by client, with the ratio to the first client of the same operation."""
    table = Table(title=title, title_justify="left")
    table.add_column("operation")
    table.add_column("client")
    for name in ("p50, µs", "p99, µs") if unit == "latency" else ("a second",):
        table.add_column(name, justify="right")
    table.add_column("CPU, µs each", justify="right")
    table.add_column("time, ratio" if unit == "latency" else "speed, ratio", justify="right")
    table.add_column("CPU, ratio", justify="right")
    first: dict[str, Outcome] = {}
    for outcome in outcomes:
        base = first.setdefault(outcome.operation, outcome)
        if base is outcome and outcome is not outcomes[0]:
            table.add_section()
        shown = [f"{outcome.p50:,.0f}", f"{outcome.p99:,.0f}"] if unit == "latency" else [f"{outcome.rate:,.0f}"]
        ratio = outcome.ratio_to(base, "p50" if unit == "latency" else "rate")
        table.add_row(
            outcome.operation,
            outcome.client,
            *shown,
            f"{outcome.cpu:,.1f}",
            f"{ratio:.2f}",
            f"{outcome.ratio_to(base, 'cpu'):.2f}",
        )
    table.caption = "Medians of the rounds. A ratio is the median of the rounds' ratios to the first client."
    table.caption_justify = "left"
    return table
