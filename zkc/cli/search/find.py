"""``zkc find``: the znodes that pass tests, and what to do with them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import stat_record
from zkc.cli._text import encodable
from zkc.cli.read._long import LONG, long_header, long_line
from zkc.cli.search._tests import AGE, COUNT_TEST, OWNER, REGEX, SIZE_TEST, Comparison, all_of

if TYPE_CHECKING:
    from zkc.cli._walk import Node

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("path", type=PATH, required=False)
@click.option("--name", "names", multiple=True, metavar="GLOB", help="The name fits a pattern; several: one of them.")
@click.option("--regex", type=REGEX, metavar="R", help="The regular expression is found in the path.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["persistent", "ephemeral", "container", "ttl"]),
    help="The type. The servers show containers and TTLs to no client: see zkc snap.",
)
@click.option("--owner", type=OWNER, metavar="SID", help="Ephemeral znodes of this session, in hex.")
@click.option("--size", type=SIZE_TEST, metavar="[+-]SIZE", help="More (+), less (-) or exactly so many bytes: +1k.")
@click.option("--children", type=COUNT_TEST, metavar="[+-]N", help="More, less or exactly N children.")
@click.option("--mtime", type=AGE, metavar="[+-]AGE", help="Changed longer ago (+) or since (-): -1h, +7d.")
@click.option("--ctime", type=AGE, metavar="[+-]AGE", help="Created longer ago (+) or since (-).")
@click.option("--empty", is_flag=True, help="There are no data: null or no bytes.")
@click.option("--leaf", is_flag=True, help="There are no children.")
@click.option(
    "-L", "--depth", "--level", "depth", type=click.IntRange(min=0), metavar="N", help="Look N levels below PATH only."
)
@click.option("--prune", "prune", multiple=True, metavar="GLOB", help="Leave out znodes of this name, and all below.")
@click.option("-l", "--long", "long", is_flag=True, help="Print the stat, too.")
@click.option("-0", "--null", "null", is_flag=True, help="End each path with a NUL character, for xargs -0.")
@click.option("--exec", "program", metavar="CMD",
              help="Run a command for each znode, without a shell. {} in it is the path. With --json its output goes to"
              " stderr.")  # fmt: skip
@click.option("--delete", is_flag=True, help="Delete what is found. Asks first; --dry-run only lists.")
@click.option("--force", is_flag=True, help="Let --delete begin at / or a chroot's root.")
@pass_app
def command(app: App, path: Optional[str], names: tuple[str, ...], regex: Optional[re.Pattern[str]],
            kind: Optional[str], owner: Optional[int], size: Optional[Comparison], children: Optional[Comparison],
            mtime: Optional[Comparison], ctime: Optional[Comparison], empty: bool, leaf: bool, depth: Optional[int],
            prune: tuple[str, ...], long: bool, null: bool, program: Optional[str], delete: bool,
            force: bool) -> Optional[int]:  # fmt: skip
    """Find znodes by name, kind, owner, size or age.

    PATH and all below it is searched; a znode must pass all tests. A pipe gets a path on each line.

    \b
    Examples:
      zkc find /app --name 'job-*' --mtime +7d
      zkc find / --type ephemeral --owner 0x10000a2b3c40000
      zkc find / --size +100k -l
      zkc find /jobs --empty --leaf -0 | xargs -0 -n 10 echo
      zkc find /jobs --name 'done-*' --delete --dry-run
    """
    if kind in ("container", "ttl"):
        raise CommandError(
            f"the servers do not tell clients which znodes are of the type {kind}: they show them as persistent."
            " A snapshot file of a server tells: zkc snap ls FILE",
            ExitCode.USAGE,
            name="type_unknown",
        )
    if sum((delete, program is not None, null or long)) > 1:
        raise click.UsageError("--delete, --exec and the forms of the list (-l, -0) exclude each other")
    path = path or app.folder
    tests = all_of(names, regex, kind, owner, size, children, mtime, ctime, empty, leaf)
    if delete:
        from zkc.cli.search._delete import delete_found

        return delete_found(app, path, _found(app, path, tests, depth, prune, delete=True), bool(tests), force=force)
    found = _found(app, path, tests, depth, prune)
    if program is not None:
        from zkc.cli.search._exec import run_for_each

        return run_for_each(app, program, (node.path for node in found))
    _list(app, found, long=long, null=null)
    return None


def _found(
    app: App, path: str, tests: Any, depth: Optional[int], prune: tuple[str, ...], *, delete: bool = False
) -> Iterator[Node]:
    from zkc.cli._paths import glob_matcher
    from zkc.cli._progress import progress
    from zkc.cli._walk import Unreadable, walk

    globs = [glob_matcher(each) for each in prune]
    # What belongs to the servers is never deleted: it is not even looked at.
    guarded = "/zookeeper" if delete and app.settings.chroot == "/" else None

    def left_out(each: str) -> bool:
        return each == guarded or any(fits(each.rpartition("/")[2]) for fits in globs)

    prunes = left_out if globs or guarded else None
    with progress(app, "searching") as done, Unreadable(app, "what is below them is not searched") as unreadable:
        for node in unreadable.noted(done.passing(walk(app, path, depth=depth, prune=prunes))):
            if all(test(node) for test in tests):
                yield node


def _list(app: App, found: Iterator[Node], *, long: bool, null: bool) -> None:
    out = app.out
    if null:
        for node in found:
            sys.stdout.write(f"{encodable(node.path)}\0")
        return
    lines = long and out.is_human
    with out.rows(["path", *LONG] if long else ["path"]) as rows:
        for node in found:
            if not long and not out.is_json:
                out.line(node.path)
                continue
            record = {"path": node.path, **stat_record(node.stat)}
            if lines:
                if not rows.count:
                    out.styled(long_header(out.colors))
                rows.count += 1
                out.styled(long_line(record, node.path, out.colors))
            else:
                rows.add(record)
