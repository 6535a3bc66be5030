"""``zkc du``: where the znodes and the bytes are."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli.read._ranked import ranked

if TYPE_CHECKING:
    from zkc.cli._walk import Node

__all__ = ["command", "show_sums"]


@click.command(cls=Command)
@click.argument("path", type=PATH, required=False)
@click.option(
    "-L",
    "--level",
    "--depth",
    "level",
    type=click.IntRange(min=0),
    metavar="N",
    help="Sum up each znode down to N levels below PATH (1; with --top all).",
)
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N largest, the largest first.")
@click.option("--by", type=click.Choice(["bytes", "znodes"]), default="bytes", help="What --top compares (bytes).")
@pass_app
def command(app: App, path: Optional[str], level: Optional[int], top: Optional[int], by: str) -> None:
    """Sum up znodes and bytes below a znode.

    Each line has the bytes of data, the number of znodes and of ephemeral ones, and the path: a znode together with all
    below it. Children come before their parents, as du(1) has it. Names, ACLs and stats are not counted, though they
    take memory on the servers, too.

    \b
    Examples:
      zkc du /
      zkc du --top 10 /
      zkc du -L 2 --top 5 --by znodes /app
    """
    from zkc.cli._progress import progress
    from zkc.cli._walk import Unreadable, walk

    path = path or app.folder
    with progress(app, "reading") as done, Unreadable(app, "what is below them is not counted") as unreadable:
        show_sums(app, unreadable.noted(done.passing(walk(app, path))), level=level, top=top, by=by)


def show_sums(app: App, nodes: Iterable[Node], *, level: Optional[int], top: Optional[int], by: str) -> None:
    """Sum up a walk.

    Args:
        app: What the command works with.
        nodes: The walk.
        level: The deepest level whose subtrees are shown; None for all with `top`, else for one.
        top: The number of the largest subtrees to show; None for all.
        by: What is compared, ``bytes`` or ``znodes``.
    """
    from zkc.cli.read._sums import Sum, sums

    if level is None and top is None:
        level = 1
    found: Iterable[Sum] = sums(nodes, level)
    if top is not None:
        if by == "bytes":
            found = heapq.nlargest(top, found, key=lambda each: (each.bytes, each.znodes))
        else:
            found = heapq.nlargest(top, found, key=lambda each: (each.znodes, each.bytes))
    with ranked(app, ["bytes", "znodes", "ephemerals", "path"]) as add:
        for each in found:
            add(each.record())
