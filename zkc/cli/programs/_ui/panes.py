"""The texts of a znode in the panes: its data, stat and ACL as text that is safe on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from zkc.cli._draw import pairs
from zkc.cli._records import stat_record
from zkc.cli._text import shown, size_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from zkc import ACL, Stat

__all__ = ["acl_pane", "data_pane", "stat_pane"]

_MOST = 64 * 1024  # Bytes of data that the pane shows.
_HEX_WIDTH, _HALF_WIDTH = 79, 42  # Columns of a hex dump with 16 bytes in a line, and with 8.


def data_pane(data: Optional[bytes], colors: bool, width: int) -> RenderableType:
    """Return the data: JSON indented, text as it is, and a hex dump of the rest.

    Args:
        data: The data.
        colors: Whether JSON has colours.
        width: The columns of the pane, for the hex dump.
    """
    if data is None:
        return Text("null: the znode has no data", style="dim italic")
    if not data:
        return Text("empty: the data have 0 bytes", style="dim italic")
    from zkc.cli.read._shapes import pretty

    kind, text = pretty(data[:_MOST])
    if kind == "hex" and width < _HEX_WIDTH:
        text = "\n".join(_narrow_dump(data[:_MOST], 8 if width >= _HALF_WIDTH else 4))
    rest = f"\n… {size_text(len(data) - _MOST)} more" if len(data) > _MOST else ""
    text = shown(text)  # JSON may have marks of direction and C1 controls in its strings.
    if kind == "json" and colors:
        return Syntax(text + rest, "json", background_color="default", word_wrap=True)
    return Text(text + rest)


def _narrow_dump(data: bytes, count: int) -> Iterator[str]:
    for offset in range(0, len(data), count):
        row = data[offset : offset + count]
        characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{offset:05x}  {row.hex(' '):<{3 * count - 1}}  |{characters}|"


def stat_pane(stat: Stat) -> RenderableType:
    """Return the stat, a line for each member."""
    record = stat_record(stat)
    record["data_length"] = f"{stat.data_length:,}"
    return pairs(record)


def acl_pane(acl: Sequence[ACL]) -> RenderableType:
    """Return the ACL, a line for each entry."""
    from zkc.cli.security._access import letters_of

    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    drawn.add_column(no_wrap=True)
    for entry in acl:
        drawn.add_row(shown(entry.scheme, lines=False), shown(entry.id, lines=False), letters_of(entry.perms))
    return drawn
