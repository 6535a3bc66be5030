"""``zkc set``: the data of a znode."""

from __future__ import annotations

from typing import Optional

import click

from zkc.cli._app import App
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import stat_record
from zkc.cli.write._changes import create_or_set, foretell, set_version, would_create, would_set
from zkc.cli.write._data import Given, data_options, read_data
from zkc.cli.write._requests import check_size

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("path", type=PATH)
@data_options
@click.option("--version", type=click.IntRange(min=0), metavar="N", help="Fail unless the znode has version N.")
@click.option("--create", "create", is_flag=True, help="Create the znode if it does not exist.")
@click.option("-P", "--parents", is_flag=True, help="Create missing parents, too; implies --create.")
@pass_app
def command(app: App, path: str, given: Given, version: Optional[int], create: bool, parents: bool) -> None:
    """Set the data of a znode.

    The data are bytes: those of TEXT, of a file, or of stdin. A pipe gets nothing; --json prints the stat. With
    --version the exit code is 4 when another client was quicker.

    \b
    Examples:
      zkc set /app/config -d 'level=debug'
      zkc set /app/blob -f blob.bin --version 3
      date | zkc set /app/started - --create
    """
    create = create or parents
    if create and version is not None:
        raise click.UsageError("--version and --create exclude each other: a missing znode has no version")
    there, data = read_data(app, given)
    if not there:
        raise click.UsageError("the data are missing: give -d TEXT, -f FILE, - for stdin, or --null")
    app.check_writable()
    if app.dry_run:
        check_size(app, path, data)
        if create and app.read(app.client.exists, path) is None:
            foretell(app, would_create(app, path, parents=parents))
        else:
            would_set(app, path, version)
            foretell(app, [("set", path)])
        return
    created = False
    if create:
        created, stat = create_or_set(app, path, data, parents=parents)
    elif version is not None:
        stat = set_version(app, path, data, version)
    else:
        stat = app.change(app.client.set, path, data, idempotent=True)
    if app.out.is_json:
        app.out.record({"path": path, "created": created, **stat_record(stat)})
    elif app.out.is_human:
        app.out.note(f"{'created' if created else 'set'} {path}: version {stat.version}")
