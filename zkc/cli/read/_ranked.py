"""The lines of ``du`` and ``wide``: numbers first, the path last."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from zkc.cli._text import shown, size_text

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["ranked"]

_WIDTH = 11  # Fixed, so that a line can be written before the next is known.


@contextlib.contextmanager
def ranked(app: App, columns: Sequence[str]) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Write records one after the other: a context manager that gives the function to call for each.

    Args:
        app: What the command works with.
        columns: The members of a record that are shown, numbers, and ``path`` as the last.
    """
    out = app.out
    if not out.is_human:
        with out.rows(columns) as rows:
            yield rows.add
        return
    titles = "  ".join(f"{column:>{_WIDTH}}" for column in columns[:-1]) + "  path"
    header = [click.style(titles, bold=True) if out.colors else titles]

    def add(record: dict[str, Any]) -> None:
        while header:
            print(header.pop())
        cells = [size_text(record[each]) if each == "bytes" else f"{record[each]:,}" for each in columns[:-1]]
        print("  ".join(f"{cell:>{_WIDTH}}" for cell in cells) + "  " + shown(record["path"], lines=False))

    yield add
