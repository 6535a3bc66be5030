"""``zkc wide``: the znodes with the most children."""

from __future__ import annotations

import heapq
from typing import Optional

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli.read._ranked import ranked

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("path", type=PATH, required=False)
@click.option("--min", "least", type=click.IntRange(min=1), default=1, metavar="N", help="At least N children (1).")
@click.option(
    "--top", type=click.IntRange(min=1), metavar="N", help="The N widest only (20; with --min all that have so many)."
)
@pass_app
def command(app: App, path: Optional[str], least: int, top: Optional[int]) -> None:
    """List the znodes with the most children.

    The widest comes first. The list of the children of a znode is one reply: clients with a limit for replies, as Java
    clients have with jute.maxbuffer (1 MB), cannot list a znode of some ten thousand children.

    \b
    Examples:
      zkc wide /
      zkc wide --min 10000 /
    """
    from zkc.cli._progress import progress
    from zkc.cli._walk import Unreadable, walk

    path = path or app.folder
    if top is None and least == 1:
        top = 20
    with progress(app, "reading") as done, Unreadable(app, "what is below them is not listed") as unreadable:
        nodes = unreadable.noted(done.passing(walk(app, path)))
        wide = ((node.stat.num_children, node.path) for node in nodes if node.stat.num_children >= least)
        found = sorted(wide, key=_order) if top is None else heapq.nsmallest(top, wide, key=_order)
    with ranked(app, ["children", "path"]) as add:
        for children, each in found:
            add({"path": each, "children": children})


def _order(found: tuple[int, str]) -> tuple[int, str]:
    return -found[0], found[1]
