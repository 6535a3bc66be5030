"""The lines of ``ls``: names in columns, and one line with the stat for each znode."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from zkc.cli._text import shown, size_text

if TYPE_CHECKING:
    from zkc.cli._out import Out

__all__ = ["LONG", "in_columns", "long_header", "long_line"]

LONG = ("type", "num_children", "data_length", "version", "mtime", "ephemeral_owner")
_TITLES = ("children", "size", "version", "modified")
_WIDTHS = (8, 9, 7, -19)  # Fixed, so that a line can be written before the next is known. A name has 29 of 80 places.


def _row(cells: Sequence[str]) -> str:
    return "  ".join(f"{cell:{'<' if width < 0 else '>'}{abs(width)}}" for cell, width in zip(cells, _WIDTHS))


def long_header(colors: bool) -> str:
    """Return the header for a person."""
    text = f"{_row(_TITLES)}  name"
    return click.style(text, bold=True) if colors else text


def long_line(record: dict[str, Any], name: str, colors: bool) -> str:
    """Return the line of a znode for a person."""
    cells = (
        f"{record['num_children']:,}",
        size_text(record["data_length"]),
        str(record["version"]),
        record["mtime"][:19].replace("T", " "),
    )
    text = shown(name, lines=False)
    if colors and (record["ephemeral_owner"] or record["num_children"]):
        text = click.style(text, fg="yellow" if record["ephemeral_owner"] else "blue", bold=True)
    owner = f"  ephemeral, of {record['ephemeral_owner']}" if record["ephemeral_owner"] else ""
    return f"{_row(cells)}  {text}{owner}"


def in_columns(out: Out, names: Sequence[str]) -> None:
    """Write names in as many columns as a terminal has room for, one below the other."""
    texts = [shown(name, lines=False) for name in names]
    width = shutil.get_terminal_size().columns
    # Other characters than ASCII may be wider than one place.
    longest = max(map(len, texts), default=0) + 2 if all(text.isascii() for text in texts) else width
    columns = max(1, width // max(1, longest))
    height = -(-len(texts) // columns)
    for row in range(height):
        print("".join(f"{text:<{longest}}" for text in texts[row::height]).rstrip() if columns > 1 else texts[row])
