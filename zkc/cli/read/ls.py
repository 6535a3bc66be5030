"""``zkc ls``: the children of a znode, or all that is below it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import stat_record
from zkc.cli._text import encodable
from zkc.cli.read._long import LONG, in_columns, long_header, long_line

__all__ = ["command", "list_records"]

_IN_COLUMNS = 1000  # More names than these are written one below the other.


@click.command(cls=Command)
@click.argument("path", type=PATH, required=False)
@click.option("-l", "--long", "long", is_flag=True, help="Print the stat of each child, too.")
@click.option("-R", "-r", "--recursive", is_flag=True, help="List the znode and all its descendants, with their paths.")
@click.option(
    "-L",
    "--depth",
    "--level",
    "depth",
    type=click.IntRange(min=0),
    metavar="N",
    help="List N levels below the znode; implies -R.",
)
@click.option(
    "--sort",
    type=click.Choice(["name", "size", "mtime", "children"]),
    default="name",
    help="The order: by name, or the largest, newest or widest first. With -R it needs --limit.",
)
@click.option("--reverse", is_flag=True, help="Reverse the order.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="List the first N only.")
@click.option("-0", "--null", "null", is_flag=True, help="End each name with a NUL character, for xargs -0.")
@pass_app
def command(app: App, path: Optional[str], long: bool, recursive: bool, depth: Optional[int], sort: str,
            reverse: bool, limit: Optional[int], null: bool) -> None:  # fmt: skip
    """List the children of a znode.

    A pipe gets a name on each line; -l adds columns after tabs: type, children, size, version, mtime and owner. A znode
    with very many children is listed as fast as the servers send it.

    \b
    Examples:
      zkc ls /
      zkc ls -l --sort children --limit 10 /brokers
      zkc ls -R /app --depth 2
      zkc ls -0 /jobs | xargs -0 -n1 echo
    """
    path = path or app.folder
    recursive = recursive or depth is not None
    if recursive and sort != "name" and limit is None:
        raise click.UsageError("--sort with -R needs --limit: a whole tree is not held in memory")
    if recursive and reverse and sort == "name":
        raise click.UsageError("-R lists a tree by name: --reverse needs --sort size, mtime or children")
    if null and app.out.is_json:
        raise click.UsageError("-0 and JSON exclude each other")
    # The stat makes most of the work: without -l only JSON and --sort want it, and of children not even JSON.
    records: Iterable[dict[str, Any]] = _children(app, path, long or sort != "name")
    if recursive:
        records = _below(app, path, depth, long or sort != "name" or app.out.is_json)
    list_records(app, records, recursive, long=long, sort=sort, reverse=reverse, limit=limit, null=null)


def list_records(
    app: App,
    records: Iterable[dict[str, Any]],
    recursive: bool,
    *,
    long: bool = False,
    sort: str = "name",
    reverse: bool = False,
    limit: Optional[int] = None,
    null: bool = False,
) -> None:
    """List the records of znodes, which come by name: their names, or with `recursive` their paths."""
    if sort != "name" or reverse:
        records = _sorted(records, sort, reverse, limit)
    more = 0
    with _Lines(app, "path" if recursive else "name", long, null) as lines:
        for record in records:
            if limit is not None and lines.count == limit:
                more += 1
                break
            lines.add(record)
    if more and not app.out.is_json:
        app.out.note(f"there are more than {limit:,}: --limit")


def _children(app: App, path: str, with_stat: bool) -> Iterator[dict[str, Any]]:
    from zkc.cli._bulk import Stats, list_children

    names = list_children(app, path)
    parent = "" if path == "/" else path
    if not with_stat:
        for name in names:
            yield {"name": name, "path": f"{parent}/{name}"}
        return
    stats = Stats(app, app.client).read_all([f"{parent}/{name}" for name in names])
    for name, stat in zip(names, stats):
        if stat is not None:  # Deleted in the meantime.
            yield {"name": name, "path": f"{parent}/{name}", **stat_record(stat)}


def _below(app: App, path: str, depth: Optional[int], with_stat: bool) -> Iterator[dict[str, Any]]:
    from zkc.cli._walk import Unreadable, walk

    with Unreadable(app, "what is below them is not listed") as unreadable:
        for node in unreadable.noted(walk(app, path, depth=depth)):
            yield {"path": node.path, **stat_record(node.stat)} if with_stat else {"path": node.path}


def _sorted(
    records: Iterable[dict[str, Any]], sort: str, reverse: bool, limit: Optional[int]
) -> Iterable[dict[str, Any]]:
    import heapq

    member = {"size": "data_length", "mtime": "mtime", "children": "num_children"}.get(sort)
    if member is None:
        found = list(records)
        return found[::-1]
    if limit is None:
        return sorted(records, key=lambda record: record[member], reverse=not reverse)
    choose = heapq.nsmallest if reverse else heapq.nlargest
    return choose(limit + 1, records, key=lambda record: record[member])


class _Lines:
    """The writer of the list: JSON by the output, and lines at once."""

    def __init__(self, app: App, member: str, long: bool, null: bool) -> None:
        self._out, self._member, self._long, self._null = app.out, member, long, null
        self._rows = app.out.rows([member, *LONG] if long else [member])
        self._names: list[str] = []
        self._columns = app.out.is_human and member == "name" and not long and not null
        self.count = 0

    def __enter__(self) -> _Lines:
        self._writer = self._rows.__enter__()
        return self

    def add(self, record: dict[str, Any]) -> None:
        """Write a record."""
        out = self._out
        self.count += 1
        if self._null:
            sys.stdout.write(f"{encodable(record[self._member])}\0")
        elif self._columns:
            self._names.append(record[self._member])
            if len(self._names) > _IN_COLUMNS:
                self._columns = False
                self._flush()
        elif out.is_human and self._long:
            if self.count == 1:
                out.styled(long_header(out.colors))
            out.styled(long_line(record, record[self._member], out.colors))
        else:
            self._writer.add(record)

    def _flush(self) -> None:
        if self._columns:
            in_columns(self._out, self._names)
        else:
            for name in self._names:
                self._out.line(name)
        self._names.clear()

    def __exit__(self, *error: Any) -> None:
        self._flush()
        self._rows.__exit__(*error)
