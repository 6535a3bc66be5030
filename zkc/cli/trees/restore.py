"""``zkc restore``: the znodes of a dump, created."""

from __future__ import annotations

from typing import Optional

import click

from zkc.cli._app import App
from zkc.cli._completers import complete_file, complete_target
from zkc.cli._options import Command, pass_app
from zkc.cli.trees._choices import (
    ephemerals_option,
    exclude_option,
    on_conflict_option,
    parents_option,
    system_option,
)

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("file", metavar="FILE", shell_complete=complete_file)
@click.argument("target", metavar="PATH", shell_complete=complete_target)
@on_conflict_option
@click.option("--with-acl/--without-acl", default=True, help="Whether the znodes get the ACLs of the dump (they do).")
@exclude_option
@ephemerals_option
@system_option
@parents_option
@pass_app
def command(app: App, file: str, target: str, on_conflict: str, with_acl: bool, exclude: tuple[str, ...],
            ephemerals: str, system: bool, parents: bool) -> Optional[int]:  # fmt: skip
    """Create the znodes that a dump holds.

    FILE is a dump, compressed or not, or a server's snapshot; - is a dump on stdin, and FILE:/sub is a part of it. PATH
    is the path of the dump's root, which may be another than before. Ephemeral znodes are left out and counted: their
    sessions are over. ACLs are set from the leaves up, so they may forbid to create children. --dry-run tells for each
    znode what would happen.

    \b
    Examples:
      zkc restore app.jsonl.gz /app
      zkc restore app.jsonl:/config /app/config --on-conflict replace
      zkc dump /app -O - | zkc -p test restore - /app
    """
    from zkc.cli.trees._copying import Wishes, copy
    from zkc.cli.trees._filter import Filter
    from zkc.cli.trees._source import open_file, open_target

    source = open_file(app, file, Filter(exclude, system=system, ephemerals=ephemerals != "skip"))
    wishes = Wishes("restoring", on_conflict, "keep" if with_acl else "drop", parents)
    return copy(app, source, open_target(app, target), wishes)
