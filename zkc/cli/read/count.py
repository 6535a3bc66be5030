"""``zkc count``: the number of descendants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli.read._each import for_each

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("paths", type=PATH, nargs=-1, metavar="[PATH]...")
@click.option("--children", is_flag=True, help="Count the children only.")
@pass_app
def command(app: App, paths: tuple[str, ...], children: bool) -> None:
    """Count the descendants of a znode.

    The znode itself is not counted. The server counts, and answers with one number. Servers before 3.6 do not know this
    request: then the command walks the tree, and needs the permission to read it.

    \b
    Examples:
      zkc count /
      zkc count --children /brokers/ids
    """
    paths = paths or (app.folder,)
    number = _children if children else _descendants
    if len(paths) == 1 and not app.out.is_json:
        app.out.line(str(number(app, paths[0])))
        return
    if len(paths) == 1:
        app.out.record({"path": paths[0], "count": number(app, paths[0])})
        return
    with app.out.rows(["path", "count"], _drawn) as rows:
        for_each(app, paths, lambda path: rows.add({"path": path, "count": number(app, path)}))


def _drawn(records: list[dict[str, Any]]) -> RenderableType:
    from zkc.cli._draw import table

    return table(["path", "count"], records, ["path", "count"])


def _children(app: App, path: str) -> int:
    stat = app.read(app.client.exists, path)
    if stat is None:
        from zkc.errors import NoNodeError

        raise NoNodeError(path=path, operation="exists")
    return int(stat.num_children)


def _descendants(app: App, path: str) -> int:
    from zkc.errors import UnimplementedError

    try:
        return int(app.read(app.client.count_descendants, path))
    except UnimplementedError:
        return _walked(app, path)


def _walked(app: App, path: str) -> int:
    from zkc.cli._progress import progress
    from zkc.cli._walk import Unreadable, walk

    count = -1
    with progress(app, "counting") as done, Unreadable(app, "their descendants are not counted") as unreadable:
        for node in walk(app, path):
            unreadable.note(node)
            count += 1
            done.advance()
    return count
