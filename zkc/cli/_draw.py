"""rich, for people: the consoles, tables and pairs. Imported only when a person looks."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from zkc.cli._text import shown

__all__ = ["console", "pairs", "table"]


@functools.lru_cache
def console(colors: bool, *, error: bool) -> Console:
    """Return the console for stdout or stderr."""
    return Console(stderr=error, no_color=not colors, force_terminal=colors or None, highlight=False, markup=False)


def cell(value: object) -> Text:
    """Return a value as text that is safe on a terminal."""
    if value is None:
        return Text("-", style="dim")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, (list, tuple)):
        return Text(", ".join(shown(str(each), lines=False) for each in value))
    return Text(shown(str(value), lines=False))


def table(columns: Sequence[str], records: Sequence[dict[str, Any]], titles: Sequence[str]) -> Table:
    """Return records as a table with a header. Columns of numbers are aligned right."""
    drawn = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column, title in zip(columns, titles):
        numbers = all(isinstance(each.get(column), (int, float, type(None))) for each in records)
        drawn.add_column(title, justify="right" if numbers else "left", overflow="fold")
    for record in records:
        drawn.add_row(*(cell(record.get(column)) for column in columns))
    return drawn


def pairs(record: dict[str, Any]) -> Table:
    """Return a record as a line ``name  value`` for each member."""
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")  # A time or a zxid is not cut.
    for name, value in record.items():
        drawn.add_row(Text(name, style="bold"), cell(value))
    return drawn
