"""The main workloads as a picture: horizontal bars, a panel for each workload."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from benchmarks import peers
from benchmarks.compare import Table
from benchmarks.unavailable import Unavailable

# (workload, server, title, figure, factor): a panel shows the figure times the factor.
_PANELS = (
    ("pipelined", "canned", "Gets with 1,000 under way, a second", "rate", 1.0),
    ("get", "canned", "One get after the other, p50 in µs", "p50", 1.0),
    ("pipelined", "canned", "CPU of a get with 1,000 under way in µs", "cpu", 1.0),
    ("create", "canned", "Create and delete, p50 in µs", "p50", 1.0),
    ("threads", "canned", "Gets from 8 threads, a second", "rate", 1.0),
    ("watch", "canned", "From a set to the watch, p50 in µs", "p50", 1.0),
    ("gil", "canned", "Gets a second beside a thread of bytecode", "rate", 1.0),
    ("outstanding", "canned", "Memory of an unanswered request, KB", "bytes", 1 / 1024),
)
_C_COLOUR, _OURS_COLOUR, _OTHERS_COLOUR = "#7a8793", "#1f77b4", "#d9a441"
_LEGEND = {"C and a raw socket": _C_COLOUR, "zkc": _OURS_COLOUR, "others": _OTHERS_COLOUR}
_C_LABELS = ("floor", "c", "c (Debian)", "tuned")
_OTHERS = ("java", "zc-zookeeper-static", "aiozk", "kazoo")
_SHORT, _LONG = 1_000_000, 10_000


def draw(tables: Sequence[Table], path: Path) -> Optional[Path]:
    """Draw the results.

    Args:
        tables: The results.
        path: The PNG file to write.

    Returns:
        The path; None if none of the main workloads was measured.

    Raises:
        Unavailable: matplotlib cannot be installed or imported.
    """
    by_name = {(table.workload.name, table.server): table for table in tables if table.outcomes}
    panels = [(by_name[panel[:2]], *panel[2:]) for panel in _PANELS if panel[:2] in by_name]
    if not panels:
        return None
    pyplot = _pyplot()
    rows = (len(panels) + 1) // 2
    longest = max(len(table.outcomes) for table, *_ in panels)
    figure, axes = pyplot.subplots(
        rows, min(2, len(panels)), figsize=(15, rows * (1.1 + 0.27 * longest)), squeeze=False
    )
    for place in axes.flat[len(panels) :]:
        place.remove()
    for place, (table, title, name, factor) in zip(axes.flat, panels):
        _bars(place, table, title, name, factor)
    figure.legend(
        handles=[pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in _LEGEND.values()],
        labels=list(_LEGEND),
        loc="upper right",
        ncols=len(_LEGEND),
        frameon=False,
    )
    figure.tight_layout(h_pad=2.0, w_pad=3.0, rect=(0, 0, 1, 0.97))
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
    return path


def _bars(place: Any, table: Table, title: str, name: str, factor: float) -> None:
    rows = [(outcome.client, value * factor) for outcome in table.outcomes for value in [outcome.median(name)] if value]
    labels, values = [label for label, _ in rows], [value for _, value in rows]
    bars = place.barh(range(len(rows)), values, color=[_colour(label) for label in labels])
    place.bar_label(bars, labels=[_written(value) for value in values], padding=3, fontsize=9)
    place.set_yticks(range(len(rows)), labels)
    place.invert_yaxis()
    if max(values) > 30 * min(values):
        place.set_xscale("log")
        place.set_xlim(min(values) / 2, max(values) * 3)
    else:
        place.set_xlim(0, max(values) * 1.12)
    better = "longer is better" if name == "rate" else "shorter is better"
    scale = ", log scale" if place.get_xscale() == "log" else ""
    place.set_title(f"{title} ({better}{scale})", loc="left", fontsize=11)
    place.spines[["top", "right"]].set_visible(False)
    place.set_xticks([])
    place.minorticks_off()


def _colour(label: str) -> str:
    return _C_COLOUR if label in _C_LABELS else _OTHERS_COLOUR if label in _OTHERS else _OURS_COLOUR


def _written(value: float) -> str:
    if value >= _SHORT:
        return f"{value / 1e6:.2f} M"
    if value >= _LONG:
        return f"{value / 1e3:.0f} k"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _pyplot() -> Any:
    folder = str(peers.folder("matplotlib"))
    if folder not in sys.path:
        sys.path.append(folder)
    # matplotlib keeps a cache of fonts, which belongs into the build folder, not into the user's home.
    os.environ.setdefault("MPLCONFIGDIR", str(peers.PEERS / "matplotlib-cache"))
    try:
        matplotlib = importlib.import_module("matplotlib")
        matplotlib.use("Agg")
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise Unavailable(f"matplotlib does not import: {error}") from error
