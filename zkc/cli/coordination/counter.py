"""``zkc counter``: a number that several clients change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._app import App
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Group, pass_app
from zkc.cli._paths import PATH

if TYPE_CHECKING:
    from collections.abc import Callable

    from zkc.recipes import Counter

__all__ = ["command"]

_TYPE = click.option("--type", "kind", type=click.Choice(["int", "float", "int32", "int64"]), default="int",
                     show_default=True, help="The form of the data: text, or Curator's 4 or 8 bytes.")  # fmt: skip
_NEGATIVE = {"ignore_unknown_options": True}  # A number such as -3 is no option.


@click.group(cls=Group)
def command() -> None:
    """Read and change a shared counter.

    A counter is a number in the data of a znode. Several clients may add to it at the same time: no change is lost, and
    none counts twice.

    \b
    Examples:
      zkc counter add /app/jobs
      zkc counter add /app/jobs -3
      zkc counter get /app/jobs
      zkc counter set /app/jobs 0
    """


@command.command("get")
@click.argument("path", type=PATH)
@_TYPE
@pass_app
def get(app: App, path: str, kind: str) -> None:
    """Print the number.

    Without a znode that is 0, and the version in JSON is null.
    """
    counter = app.client.counter(path, type=kind)
    _print(app, path, app.call(lambda: _checked(path, counter.get)))


@command.command("add", context_settings=_NEGATIVE)
@click.argument("path", type=PATH)
@click.argument("number", default="1")
@_TYPE
@pass_app
def add(app: App, path: str, number: str, kind: str) -> None:
    """Add a number, or 1, and print the new one.

    The znode and its parents are created if they are missing.
    """
    amount = _number(number, kind)
    app.check_writable()
    counter = app.client.counter(path, type=kind, exact=not app.dry_run)
    if app.dry_run:
        value = app.call(lambda: _checked(path, counter.get)).value + amount
        _check_range(app, path, value, kind)
        _would(app, path, value)
    else:
        _print(app, path, _change(app, counter, lambda: counter.add(amount)))


@command.command("set", context_settings=_NEGATIVE)
@click.argument("path", type=PATH)
@click.argument("number")
@click.option("--version", type=click.IntRange(min=0), metavar="N", help="The version the znode must have.")
@_TYPE
@pass_app
def set_(app: App, path: str, number: str, version: Optional[int], kind: str) -> None:
    """Replace the number, and print it."""
    from zkc.cli.write._changes import would_set

    value = _number(number, kind)
    app.check_writable()
    counter = app.client.counter(path, type=kind)
    if app.dry_run:
        _check_range(app, path, value, kind)
        if version is not None:
            would_set(app, path, version)
        _would(app, path, value)
    else:
        _print(app, path, _change(app, counter, lambda: counter.set(value, version=-1 if version is None else version)))


def _number(text: str, kind: str) -> Any:
    try:
        number = float(text) if kind == "float" else int(text)
        if number != number or number in (math.inf, -math.inf):
            raise ValueError(number)
        return number
    except ValueError:
        raise click.UsageError(f"{text!r} is no number of the type {kind}") from None


def _change(app: App, counter: Counter, call: Callable[[], Any]) -> Any:
    """Make a change. It is repeated after a lost connection only if it was certainly not made."""
    return app.call(lambda: _checked(counter.path, call))


def _checked(path: str, call: Callable[[], Any]) -> Any:
    """Call, and turn an error of the number into one of the command."""
    from zkc.cli._errors import for_people
    from zkc.recipes import ContentionError, DecodeError

    try:
        return call()
    except DecodeError:
        text = f"{path}: the data are no number of this type: zkc get shows them"
        raise CommandError(text, ExitCode.CONFLICT, name="decode", path=path) from None
    except ContentionError as error:
        raise CommandError(for_people(error), ExitCode.CONFLICT, name="contention", path=path) from None
    except (OverflowError, ValueError) as error:
        from zkc import ZooKeeperError

        if isinstance(error, ZooKeeperError):
            raise
        raise CommandError(for_people(error), ExitCode.USAGE, name="usage", path=path) from None


def _print(app: App, path: str, found: Any) -> None:
    if app.out.is_json:
        app.out.json({"path": path, "value": found.value, "version": found.version})
    else:
        app.out.line(str(found.value))


def _check_range(app: App, path: str, value: Any, kind: str) -> None:
    """Raise what a change would for a number beyond the range of its type."""

    def check() -> None:
        if value in (math.inf, -math.inf):
            raise OverflowError(f"the counter would be {value}, beyond the range of a float")
        app.client.counter(path, type=kind, initial=value)

    _checked(path, check)


def _would(app: App, path: str, value: Any) -> None:
    app.out.would([{"action": "set", "path": path, "value": value, "message": f"would set {path} to {value}"}])
