"""``zkc touch``: a new version of the same data."""

from __future__ import annotations

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import stat_record
from zkc.cli.read._each import for_each
from zkc.cli.write._changes import create_or_keep, foretell, update, would_create, would_set

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...")
@click.option("--create", "create", is_flag=True, help="Create a znode that does not exist, without data in it.")
@pass_app
def command(app: App, paths: tuple[str, ...], create: bool) -> None:
    """Raise the version of znodes, and keep their data.

    The time of the last change is then now, and watches of the data fire. The data that are written back are checked:
    a change by another client in the meantime is never undone.

    \b
    Examples:
      zkc touch /app/config
      zkc touch --create /app/ready
    """
    app.check_writable()
    records: list[dict[str, object]] = []

    def touch(path: str) -> None:
        if app.dry_run:
            if create and app.read(app.client.exists, path) is None:
                records.extend({"action": action, "path": each} for action, each in would_create(app, path))
            else:
                would_set(app, path, operation="get")
                records.append({"action": "set", "path": path})
            return
        stat = create_or_keep(app, path) if create else None
        stat = stat or update(app, path, lambda data: data)
        records.append({"path": path, **stat_record(stat)})

    try:
        for_each(app, paths, touch)
    finally:
        if not records:
            pass  # An error, which is all there is to say.
        elif app.dry_run:
            foretell(app, [(str(each["action"]), str(each["path"])) for each in records])
        elif app.out.is_json:
            if len(paths) == 1:
                app.out.record(records[0])
            else:
                app.out.table(["path", "version"], records)
