"""``zkc diff``: the differences of two trees."""

from __future__ import annotations

from typing import Optional

import click

from zkc.cli._app import App
from zkc.cli._completers import complete_target
from zkc.cli._exit import ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli.trees._choices import exclude_option, system_option

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("a", metavar="A", shell_complete=complete_target)
@click.argument("b", metavar="B", shell_complete=complete_target)
@click.option("--acl", "with_acl", is_flag=True, help="Compare the ACLs, too.")
@click.option("--data", "with_data", is_flag=True, help="Show the data that differ.")
@click.option("-U", "--unified", is_flag=True, help="Show the data that differ as a diff of their lines.")
@click.option("--ephemerals", is_flag=True, help="Compare ephemeral znodes, too.")
@exclude_option
@system_option
@pass_app
def command(app: App, a: str, b: str, with_acl: bool, with_data: bool, unified: bool, ephemerals: bool,
            exclude: tuple[str, ...], system: bool) -> Optional[int]:  # fmt: skip
    """Compare trees, dumps and snapshots.

    A and B are paths, PROFILE:/path for other ensembles, dumps, or snapshots of a server; FILE:/sub is a part of a
    file, and - a dump on stdin. What begins with / is a path: a file there is file:/path. Each line says how B differs
    from A: removed, added or changed; the paths are those below A and B. Ephemeral znodes are left out, unless
    --ephemerals is given. The exit code is 0 if all is equal, 1 if not, and another one if that could not be found out.

    \b
    Examples:
      zkc diff /app /app.old
      zkc diff -U prod:/app test:/app
      zkc diff --acl app.jsonl.gz /app
      zkc diff snapshot.1a2b:/app /app
    """
    from zkc.cli._progress import progress
    from zkc.cli.trees._differences import Comparison, show
    from zkc.cli.trees._filter import Filter
    from zkc.cli.trees._source import expect, open_source

    if a == b == "-":
        raise click.UsageError("only one of A and B can be stdin")
    first, second = (open_source(app, each, Filter(exclude, system=system, ephemerals=ephemerals)) for each in (a, b))
    comparison = Comparison(with_acl)
    with progress(app, "comparing") as bar:
        expect(app, first, bar)
        show(app, first, second, comparison.differences(first, second, bar), with_data=with_data, unified=unified)
    out = app.out
    left_out = 0 if ephemerals else first.passing.ephemerals + second.passing.ephemerals
    if left_out:
        out.note(f"left out {left_out:,} ephemeral znodes: --ephemerals compares them, too")
    for pattern in set(first.passing.unused) & set(second.passing.unused):
        out.warn(f"nothing fits --exclude {pattern}. A pattern with a slash is one for paths below the roots")
    if comparison.without_acl:
        out.warn(f"{comparison.without_acl:,} znodes have no ACL in a dump: they count as equal there")
    if comparison.hidden:
        out.warn(
            f"the servers hide password hashes in {comparison.hidden:,} of the ACLs: there, users count as equal"
            f" whatever their hashes. The first is that of {comparison.first_hidden}"
        )
    if comparison.unreadable:
        out.warn(
            f"{comparison.unreadable:,} znodes may not be read, and were not compared. The first is"
            f" {comparison.first_unreadable}"
        )
        message = f"{comparison.unreadable:,} znodes were not compared: they may not be read"
        return app.ends_with(ExitCode.PARTLY, message, unreadable=comparison.unreadable)
    return int(ExitCode.NO) if comparison.count else None
