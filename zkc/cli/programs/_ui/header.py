"""The line above the tree: the server and the session, and the path of the chosen znode, in the width that there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from zkc.cli._records import hex_text
from zkc.cli._text import shown

if TYPE_CHECKING:
    from zkc import AsyncClient
    from zkc.cli._settings import Settings

__all__ = ["header", "session_parts", "shortened"]


def shortened(text: str, width: int) -> str:
    """Return text that fits: a long one loses its begin, because the name of a znode is at the end of its path."""
    if cell_len(text) <= width:
        return text
    used, kept = 1, 0
    for letter in reversed(text):
        used += cell_len(letter)
        if used > width:
            break
        kept += 1
    return "…" + text[len(text) - kept :] if kept else "…"[:width]


def session_parts(client: AsyncClient, settings: Settings, *, one_shot: bool, age: str) -> list[tuple[str, int]]:
    """Return what the line says of the session, each with a rank as :func:`header` takes it.

    Args:
        client: The screen's client.
        settings: How it connects.
        one_shot: Whether it has only one-shot watches.
        age: The mark for what is shown; empty if that is current.
    """
    parts = [(settings.ensemble or "zkc", 2), (client.server or settings.servers, 1), (client.state.name.lower(), 0)]
    if age:
        parts.append((age, 0))
    if client.connected:
        parts.append((f"session {hex_text(client.session_id)}", 4))
    if settings.read_only:
        parts.append(("READ-ONLY", 0))
    if one_shot:
        parts.append(("one-shot watches", 3))
    return [(shown(text, lines=False), rank) for text, rank in parts]


def header(width: int, parts: Sequence[tuple[str, int]], path: str) -> Text:
    """Return the line.

    Args:
        width: The columns of the screen.
        parts: What is said of the session, each with a rank: those with the highest rank are left out first, until the
            path has its room. Parts of rank 0 stay.
        path: The path.
    """
    kept = list(parts)
    wanted = min(cell_len(path), max(width // 2, width - 40))

    def rest() -> int:
        return width - cell_len(" · ".join(text for text, _ in kept)) - 3

    while rest() < wanted and any(rank for _, rank in kept):
        kept.remove(max(kept, key=lambda part: part[1]))
    line = Text(" " + " · ".join(text for text, _ in kept), no_wrap=True)
    line.append("  " + shortened(path, max(rest(), 1)), "bold")
    return line
