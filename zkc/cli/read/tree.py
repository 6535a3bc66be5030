"""``zkc tree``: a znode and its descendants, drawn."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import data_record
from zkc.cli._text import encodable, shown, size_text

if TYPE_CHECKING:
    from zkc.cli._walk import Node

__all__ = ["begin_of_data", "command", "draw_tree"]

_LINE, _LAST, _SKIP, _EMPTY = "├── ", "└── ", "│   ", "    "
_DATA = 60  # Characters of data that a line has.


@click.command(cls=Command)
@click.argument("path", type=PATH, required=False)
@click.option(
    "-L", "--level", "--depth", "level", type=click.IntRange(min=0), metavar="N", help="Draw N levels below PATH."
)
@click.option("--size", is_flag=True, help="Show the bytes of data of each znode.")
@click.option("--data", is_flag=True, help="Show the begin of the data of each znode.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N znodes.")
@pass_app
def command(app: App, path: Optional[str], level: Optional[int], size: bool, data: bool, limit: Optional[int]) -> None:
    """Draw a znode and its descendants as a tree.

    The lines are written while the tree is read, so a large tree begins at once: `zkc tree / | head` is fine. Ephemeral
    znodes have a mark. A znode at the last level shows the number of its children.

    \b
    Examples:
      zkc tree /app
      zkc tree -L 2 --size /
      zkc tree --data /app/config
    """
    from zkc.cli._walk import Unreadable, walk

    path = path or app.folder
    with Unreadable(app, "they are drawn without what is below them") as unreadable:
        nodes = unreadable.noted(walk(app, path, depth=level, with_data=data))
        draw_tree(app, path, nodes, level=level, size=size, data=data, limit=limit)


def draw_tree(
    app: App, path: str, nodes: Iterable[Node], *, level: Optional[int], size: bool, data: bool, limit: Optional[int]
) -> None:
    """Draw a walk as a tree, each znode when it comes.

    Args:
        app: What the command works with.
        path: The root of the walk.
        nodes: The walk.
        level: The levels below the root that it has; None for all.
        size: Whether to show the bytes of data.
        data: Whether to show the begin of the data.
        limit: The number of znodes to draw; None for all.
    """
    branch: list[str] = []
    count = 0
    with app.out.rows([]) as rows:
        for node in nodes:
            if count == limit:
                app.out.note(f"there are more than {limit:,} znodes: --limit")
                break
            count += 1
            if app.out.is_json:
                content = data_record(node.data) if data else {}
                rows.add({"path": node.path, "depth": node.depth, **content, **node.facts()})
                continue
            del branch[max(0, node.depth - 1) :]
            start = "".join(branch)
            if node.depth:
                start += _LAST if node.last else _LINE
                branch.append(_EMPTY if node.last else _SKIP)
            name = path if not node.depth else node.name
            app.out.styled(start + _name(app, name, node) + _more(node, level, size, data))


def _name(app: App, name: str, node: Node) -> str:
    if not app.out.is_human:
        return encodable(name)
    name = shown(name, lines=False)
    if app.out.colors and (node.stat.ephemeral_owner or node.stat.num_children):
        return click.style(name, fg="yellow" if node.stat.ephemeral_owner else "blue", bold=True)
    return name


def _more(node: Node, level: Optional[int], size: bool, data: bool) -> str:
    parts = []
    if node.stat.ephemeral_owner:
        parts.append("(ephemeral)")
    if size:
        parts.append(f"[{size_text(node.stat.data_length)}]")
    if node.error is not None:
        parts.append("(may not be read)")
    if node.depth == level and node.stat.num_children:
        many = node.stat.num_children
        parts.append("… 1 child" if many == 1 else f"… {many:,} children")
    if data and node.data:
        parts.append("= " + begin_of_data(node.data))
    return "".join(f" {part}" for part in parts)


def begin_of_data(data: bytes) -> str:
    """Return the begin of data on one line."""
    from zkc.cli.read._shapes import as_text

    text = as_text(data[: _DATA * 4], cut=len(data) > _DATA * 4)
    if text is None:
        more = "…" if len(data) > _DATA // 3 else ""
        return f"{data[: _DATA // 3].hex(' ')}{more} ({size_text(len(data))})"
    more = "…" if len(text) > _DATA or len(data) > _DATA * 4 else ""
    return shown(text[:_DATA], lines=False).replace("\r", "\\r") + more
