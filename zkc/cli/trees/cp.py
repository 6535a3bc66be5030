"""``zkc cp``: a copy of a znode or a tree, also to another ensemble."""

from __future__ import annotations

from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._completers import complete_target
from zkc.cli._options import Command, pass_app
from zkc.cli.trees._choices import (
    COPIED_ACL,
    ephemerals_option,
    exclude_option,
    on_conflict_option,
    parents_option,
)

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("source", metavar="SRC", shell_complete=complete_target)
@click.argument("target", metavar="DST", shell_complete=complete_target)
@click.option("-r", "-R", "--recursive", is_flag=True, help="Copy the descendants, too.")
@click.option(
    "--acl",
    type=COPIED_ACL,
    default="keep",
    metavar="keep|drop|SPEC",
    help="Keep the ACLs of the source, drop them for the open one, or give all the ACL SPEC, such as world:anyone:r"
    " (keep).",
)
@on_conflict_option
@exclude_option
@ephemerals_option
@parents_option
@pass_app
def command(app: App, source: str, target: str, recursive: bool, acl: Any, on_conflict: str, exclude: tuple[str, ...],
            ephemerals: str, parents: bool) -> Optional[int]:  # fmt: skip
    """Copy a znode, a tree, or one ensemble's tree to another.

    SRC and DST are paths, or PROFILE:/path for other ensembles; SRC may be a dump or a snapshot, too. DST is the path
    of the copy itself, also when it exists. ACLs are set from the leaves up, so they may forbid to create children. One
    in which the servers hide the hash of a password cannot be copied: it is named. --dry-run lists all changes.

    \b
    Examples:
      zkc cp /app/config /app/config.old
      zkc cp -r /app /backup/app
      zkc cp -r prod:/app test:/app --on-conflict replace
      zkc cp -r /app /copy --acl drop --exclude locks
    """
    from zkc.cli.trees._copying import Wishes, copy
    from zkc.cli.trees._filter import Filter
    from zkc.cli.trees._source import TreeSource, open_source, open_target

    chosen = Filter(exclude, ephemerals=ephemerals != "skip")
    read = open_source(app, source, chosen)
    if not recursive:
        if not isinstance(read, TreeSource):
            raise click.UsageError("a file is a tree: give -r, too")
        read.depth = 0
    result = copy(app, read, open_target(app, target), Wishes("copying", on_conflict, acl, parents))
    if not recursive and isinstance(read, TreeSource) and read.children:
        app.out.note(f"{source} has {read.children:,} children: -r copies them, too")
    return result
