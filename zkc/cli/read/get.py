"""``zkc get``: the data of znodes."""

from __future__ import annotations

from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._completers import complete_file
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import data_record, stat_record
from zkc.cli.read._each import for_each

__all__ = ["command", "show_data", "show_stat", "write_file"]


@click.command(cls=Command)
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...")
@click.option("-s", "--stat", "with_stat", is_flag=True, help="Print the stat after the data.")
@click.option("--raw", "shape", flag_value="raw", help="Print the bytes as they are: the default in a pipe.")
@click.option("--hex", "shape", flag_value="hex", help="Print a hex dump.")
@click.option("--base64", "shape", flag_value="base64", help="Print the data in base64, a line for each znode.")
@click.option(
    "--pretty",
    "shape",
    flag_value="pretty",
    help="Print JSON indented, text as it is, and a hex dump of the rest: the default on a terminal.",
)
@click.option(
    "-O",
    "--output-file",
    "file",
    metavar="FILE",
    shell_complete=complete_file,
    help="Write the bytes to FILE; - for stdout. It takes one path.",
)
@pass_app
def command(app: App, paths: tuple[str, ...], with_stat: bool, shape: Optional[str], file: Optional[str]) -> None:
    """Print the data of znodes.

    A pipe gets the bytes, and nothing else. A terminal gets indented JSON, text or a hex dump. A znode without data
    (null) prints nothing, as an empty one does: --stat and --json tell which it is.

    \b
    Examples:
      zkc get /app/config
      zkc get /app/blob > blob.bin
      zkc get /app/config --json | jq -r .data
      zkc get -s --hex /app/blob
    """
    if file is not None:
        if len(paths) != 1:
            raise click.UsageError("-O takes one path")
        write_file(app, file, app.read(app.client.get, paths[0])[0])
        return
    if app.out.is_json:
        if len(paths) == 1:
            app.out.record(_record(app, paths[0]))
        else:
            with app.out.rows([]) as rows:
                for_each(app, paths, lambda path: rows.add(_record(app, path)))
        return
    shape = shape or ("pretty" if app.out.is_human else "raw")

    def show(path: str) -> None:
        data, stat = app.read(app.client.get, path)
        if len(paths) > 1 and shape == "pretty" and app.out.is_human:
            app.out.line(f"{path}:")
        show_data(app, shape, data)
        if with_stat:
            show_stat(app, shape, path, data, stat_record(stat))

    for_each(app, paths, show)


def _record(app: App, path: str) -> dict[str, Any]:
    data, stat = app.read(app.client.get, path)
    return {"path": path, **data_record(data), **stat_record(stat)}


def write_file(app: App, file: str, data: Optional[bytes]) -> None:
    """Write data to a file, and note what was written. The file is as it was until the new one is complete."""
    from zkc.cli._files import check_output, naming, open_output

    what = "null, so the file is empty" if data is None else f"{len(data):,} bytes"
    place = "stdout" if file == "-" else file
    if app.dry_run:
        check_output(file)
        app.out.would([{"action": "write", "file": file, "message": f"would write {place}: {what}"}])
        return
    with open_output(file) as opened, naming(file, "written"):
        opened.write(data or b"")
    app.out.note(f"wrote {place}: {what}")


def show_data(app: App, shape: str, data: Optional[bytes]) -> None:
    """Print data as ``raw``, ``base64``, ``hex`` or ``pretty``."""
    if not data:
        return
    if shape == "raw":
        app.out.data(data)
    elif shape == "base64":
        import base64

        app.out.line(base64.b64encode(data).decode())
    elif shape == "hex":
        from zkc.cli.read._shapes import hex_dump

        for line in hex_dump(data):
            app.out.line(line)
    else:
        from zkc.cli.read._shapes import pretty

        kind, text = pretty(data)
        if kind == "json" and app.out.colors:
            from rich.highlighter import JSONHighlighter
            from rich.text import Text

            from zkc.cli._text import shown

            drawn = Text(shown(text))
            JSONHighlighter().highlight(drawn)
            app.out.draw(drawn)
        else:
            app.out.line(text)


def show_stat(app: App, shape: str, path: str, data: Optional[bytes], facts: dict[str, Any]) -> None:
    """Print a stat, as records have it, after the data."""
    if shape == "raw" and data and not data.endswith(b"\n"):
        app.out.line()
    # A pipe cannot tell null from empty by the data: the line `null` does.
    app.out.record({"path": path, "null": data is None, **facts})
