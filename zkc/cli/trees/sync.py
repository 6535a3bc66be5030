"""``zkc sync``: a tree made equal to another."""

from __future__ import annotations

from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._completers import complete_target
from zkc.cli._options import Command, pass_app
from zkc.cli.trees._choices import COPIED_ACL, exclude_option, parents_option

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("source", metavar="SRC", shell_complete=complete_target)
@click.argument("target", metavar="DST", shell_complete=complete_target, required=False)
@click.option("--delete", is_flag=True, help="Delete what DST has and SRC has not.")
@click.option(
    "--acl",
    type=COPIED_ACL,
    default="keep",
    metavar="keep|drop|SPEC",
    help="Make the ACLs equal, leave them alone, or give all the ACL SPEC (keep).",
)
@exclude_option
@parents_option
@click.option("--force", is_flag=True, help="Delete even below the root.")
@pass_app
def command(app: App, source: str, target: Optional[str], delete: bool, acl: Any, exclude: tuple[str, ...],
            parents: bool, force: bool) -> Optional[int]:  # fmt: skip
    """Make a tree equal to another, and write only differences.

    SRC and DST are paths, or PROFILE:/path for other ensembles; SRC may be a dump or a snapshot, too. Both are read,
    and what is equal is left alone: a second run writes nothing. Before it replaces or deletes znodes it says how many,
    and asks; without a terminal --yes is the answer. Ephemeral znodes are left out on both sides, and so is what fits
    --exclude: it is not deleted either. --dry-run lists all changes.

    \b
    Examples:
      zkc sync --dry-run --delete prod:/app test:/app
      zkc sync --yes --delete prod:/app test:/app
      zkc sync /app /standby --exclude locks
    """
    if target is None:
        from zkc.cli._zkcli import ONE_PATH_SYNC

        raise click.UsageError(f"DST is missing: {ONE_PATH_SYNC}")
    from zkc.cli.trees._copying import Wishes, copy
    from zkc.cli.trees._filter import Filter
    from zkc.cli.trees._source import open_source, open_target

    read = open_source(app, source, Filter(exclude, ephemerals=False))
    wishes = Wishes("comparing", "replace", acl, parents, delete, side_by_side=True, force=force)
    return copy(app, read, open_target(app, target, Filter(exclude)), wishes)
