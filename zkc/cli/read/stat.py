"""``zkc stat`` and ``zkc exists``: what the servers tell about znodes, without their data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zkc.cli._app import App
from zkc.cli._exit import ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import stat_record
from zkc.cli.read._each import for_each

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["exists", "stat"]

_COLUMNS = ["path", "type", "data_length", "num_children", "version", "cversion", "aversion", "ctime", "mtime", "czxid",
            "mzxid", "pzxid", "ephemeral_owner"]  # fmt: skip


@click.command(cls=Command)
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...")
@pass_app
def stat(app: App, paths: tuple[str, ...]) -> None:
    """Print the stat of znodes.

    In a pipe one znode is a line "name, tab, value" for each member, and several are a line each. The servers tell
    clients no difference between a persistent znode, a container and a znode with a TTL.

    \b
    Examples:
      zkc stat /app/config
      zkc stat /app/config --json | jq .version
    """
    if len(paths) == 1:
        app.out.record(_read(app, paths[0]), _drawn)
        return
    with app.out.rows(_COLUMNS, _drawn_all) as rows:
        for_each(app, paths, lambda path: rows.add(_read(app, path)))


def _read(app: App, path: str) -> dict[str, Any]:
    found = app.read(app.client.exists, path)
    if found is None:
        from zkc.errors import NoNodeError

        raise NoNodeError(path=path, operation="exists")
    return {"path": path, **stat_record(found)}


def _drawn(record: dict[str, Any]) -> RenderableType:
    from zkc.cli._draw import pairs
    from zkc.cli._text import size_text

    words = dict(record)
    if record["data_length"] >= 1000:
        words["data_length"] = f"{record['data_length']:,} ({size_text(record['data_length'])})"
    return pairs(words)


def _drawn_all(records: list[dict[str, Any]]) -> RenderableType:
    from zkc.cli._draw import table

    columns = ["path", "type", "data_length", "num_children", "version", "mtime", "ephemeral_owner"]
    return table(columns, records, ["path", "type", "bytes", "children", "version", "modified", "owner"])


@click.command(cls=Command)
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...")
@pass_app
def exists(app: App, paths: tuple[str, ...]) -> int:
    """Tell by the exit code whether znodes exist.

    The exit code is 0 when all of them exist, and 1 when one does not. Only --json prints which.

    \b
    Examples:
      zkc exists /app/ready && echo ready
      zkc exists /a /b --json
    """
    found = [app.read(app.client.exists, path) is not None for path in paths]
    if app.out.is_json:
        records = [{"path": path, "exists": there} for path, there in zip(paths, found)]
        if len(paths) == 1:
            app.out.record(records[0])
        else:
            app.out.table(["path", "exists"], records)
    return int(ExitCode.DONE if all(found) else ExitCode.NO)
