"""``zkc json``: one member of the JSON in a znode."""

from __future__ import annotations

from typing import Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._paths import PATH
from zkc.cli._records import data_record, stat_record
from zkc.cli.write import _members
from zkc.cli.write._changes import set_version, update, would_set

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("path", type=PATH)
@click.argument("member")
@click.argument("value", required=False)
@click.option("--string", "as_text", is_flag=True, help="Take VALUE as a string, not as JSON.")
@click.option("--append", "append", is_flag=True, help="Append VALUE to the array that MEMBER is.")
@click.option("--remove", "remove", is_flag=True, help="Remove MEMBER.")
@click.option("-P", "--parents", is_flag=True, help="Add missing objects above MEMBER, and an array for --append.")
@click.option("--version", type=click.IntRange(min=0), metavar="N", help="Fail unless the znode has version N.")
@click.option("-r", "--raw", is_flag=True, help="Print a string as it is, without quotes, unless the form is JSON.")
@pass_app
def command(app: App, path: str, member: str, value: Optional[str], as_text: bool, append: bool, remove: bool,
            parents: bool, version: Optional[int], raw: bool) -> None:  # fmt: skip
    """Read or change one member of JSON data.

    MEMBER is .a.b, .a[0], ."x y" or . for all. Without a VALUE the member is printed; the exit code is 1 if there is
    none. A change keeps the indentation, and is repeated on the new data when another client was quicker.

    \b
    Examples:
      zkc json /app/config .log.level
      zkc json /app/config .log.level --string debug
      zkc json /app/config .hosts '"db2:5432"' --append
      zkc json /app/config .old --remove
    """
    if append and remove:
        raise click.UsageError("--append and --remove exclude each other")
    if remove and value is not None:
        raise click.UsageError("--remove takes no VALUE")
    if append and value is None:
        raise click.UsageError("--append needs a VALUE")
    try:
        steps = _members.parse_member(member)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="MEMBER") from None
    if value is None and not remove:
        _print(app, path, steps, raw)
        return
    if remove and not steps:
        raise click.UsageError("--remove needs a member: to delete the znode, see zkc rm")
    new = _value(value, as_text)
    app.check_writable()

    def make(data: Optional[bytes]) -> bytes:
        text, root = _document(path, data, empty=parents or not steps)
        if remove:
            root = _members.remove(root, steps)
        elif append:
            root = _members.append(root, steps, new, parents=parents)
        else:
            root = _members.assign(root, steps, new, parents=parents)
        return _members.layout(root, text).encode()

    if app.dry_run:
        _show_change(app, path, make, version)
        return
    if version is None:
        stat = update(app, path, make)
    else:
        stat = set_version(app, path, make(app.read(app.client.get, path)[0]), version)
    if app.out.is_json:
        app.out.record({"path": path, **stat_record(stat)})
    elif app.out.is_human:
        app.out.note(f"set {path}: version {stat.version}")


def _value(text: Optional[str], as_text: bool) -> Any:
    if text is None or as_text:
        return text
    try:
        return _members.document(text)
    except RecursionError:
        raise click.UsageError("the value is nested too deeply: give --string for text") from None
    except ValueError as error:
        raise click.UsageError(f"the value {text!r} is no JSON ({error}): give --string for text") from None


def _document(path: str, data: Optional[bytes], *, empty: bool = False) -> tuple[str, Any]:
    """Return the data as text and as a document.

    Raises:
        CommandError: The data are no JSON.
    """
    if empty and not data:
        return "", {}
    try:
        if not data:
            raise ValueError("it has no data")
        text = data.decode()
        return text, _members.document(text)
    except _members.DoubledMemberError as error:
        raise CommandError(f"the JSON in {path} is ambiguous: {error}", ExitCode.OTHER, name="not_json",
                           path=path) from None  # fmt: skip
    except RecursionError:
        raise CommandError(f"the JSON in {path} is nested too deeply", ExitCode.OTHER, name="not_json",
                           path=path) from None  # fmt: skip
    except ValueError as error:
        raise CommandError(f"{path} holds no JSON: {error}", ExitCode.OTHER, name="not_json", path=path) from None


def _print(app: App, path: str, steps: list[Any], raw: bool) -> None:
    data, _ = app.read(app.client.get, path)
    found = _members.find(_document(path, data)[1], steps)
    if raw and isinstance(found, str) and not app.out.is_json:
        app.out.line(found)
    else:
        indent = 2 if app.out.is_human else None
        app.out.line(_members.dumps(found, indent=indent, ensure_ascii=app.out.is_json))


def _show_change(app: App, path: str, make: Any, version: Optional[int]) -> None:
    """Show what a dry run would store, as a difference."""
    from zkc.cli.write._merge import difference
    from zkc.cli.write._requests import check_size

    data, _ = app.read(app.client.get, path)
    after = make(data)
    check_size(app, path, after)
    would_set(app, path, version)
    text = (
        f"the data of {path} stay as they are"
        if after == (data or b"")
        else difference(data or b"", after, f"{path} (now)", f"{path} (changed)")
    )
    app.out.would([{"action": "set", "path": path, **data_record(after), "message": text}])
