"""The lines of a transaction: quoted as in a shell, an operation on each."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._paths import PATH, PREFIX
from zkc.cli._types import ACL_TYPE, DURATION

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["Operation", "read_operations"]


class Operation(NamedTuple):
    """An operation, as a line gives it."""

    line: int
    name: str
    path: str
    options: dict[str, Any]


def _version(**more: Any) -> click.Option:
    return click.Option(["--version"], type=click.IntRange(min=0), **more)


def _data() -> list[click.Parameter]:
    return [
        click.Option(["-d", "--data", "text"]),
        click.Option(["-f", "--file", "file"]),
        click.Option(["--null"], is_flag=True),
    ]


def _path(kind: click.ParamType = PATH) -> click.Argument:
    return click.Argument(["path"], type=kind)


def _commands() -> dict[str, click.Command]:
    """Return the parsers of the operations. They have the options of the commands of the same names."""
    parameters: dict[str, list[click.Parameter]] = {
        "create": [
            _path(PREFIX), click.Argument(["value"], required=False), *_data(),
            click.Option(["-e", "--ephemeral"], is_flag=True), click.Option(["-s", "--sequential"], is_flag=True),
            click.Option(["-c", "--container"], is_flag=True), click.Option(["--ttl"], type=DURATION),
            click.Option(["--acl"], type=ACL_TYPE),
        ],
        "set": [_path(), click.Argument(["value"], required=False), *_data(), _version()],
        "delete": [_path(), _version()],
        "check": [_path(), _version()],
    }  # fmt: skip
    return {name: click.Command(name, params=each, add_help_option=False) for name, each in parameters.items()}


def read_operations(app: App, text: str, file: str) -> list[Operation]:
    """Parse the lines of a transaction.

    A line that begins with ``#`` is a comment. A quoted text may go on on the next line.

    Raises:
        CommandError: A line is malformed; the message names it.
    """
    parsers = _commands()
    operations = []
    for line, words in _lines(text, file):
        name, arguments = words[0], words[1:]
        parser = parsers.get(name)
        if parser is None:
            raise _malformed(file, line, f"there is no operation {name!r}: create, set, delete or check")
        try:
            given = parser.make_context(name, list(arguments), obj=app).params
            path = given.pop("path")
            if not given.get("sequential") and path != "/":
                path = path.rstrip("/")
            operations.append(Operation(line, name, path, _options(app, name, given)))
        except CommandError as error:
            raise _malformed(file, line, error.message) from None
        except click.ClickException as error:
            raise _malformed(file, line, f"{name}: {error.format_message()}") from None
        except ValueError as error:
            raise _malformed(file, line, f"{name}: {error}") from None
    return operations


def _lines(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Iterate over the lines as words, each with the number of its first line."""
    waiting, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not waiting:
            first = number
        waiting = f"{waiting}\n{line}" if waiting else line
        try:
            words = shlex.split(waiting, comments=True)
        except ValueError:  # A quoted text, or a backslash, goes on on the next line.
            continue
        waiting = ""
        if words:
            yield first, words
    if waiting:
        raise _malformed(file, first, "a quotation does not end")


def _malformed(file: str, line: int, why: str) -> CommandError:
    where = "line" if file == "-" else f"{file}, line"
    return CommandError(f"{where} {line}: {why}", ExitCode.USAGE, name="usage", details={"line": line})


def _options(app: App, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of an operation as the client takes them."""
    from zkc._args import create_mode
    from zkc.cli.write._data import encode, read_file

    if name in ("create", "set"):
        text, file, null, value = given.pop("text"), given.pop("file"), given.pop("null"), given.pop("value")
        if (text is not None) + (file is not None) + null + (value is not None) > 1:
            raise click.UsageError("give the data once: as TEXT, or with -d, -f or --null")
        text = value if text is None else text
        if file == "-":
            raise click.UsageError("stdin cannot be the data of one line: give -f FILE")
        if file is not None:
            given["data"] = read_file(app, file)
        elif text is not None or null or name == "create":
            given["data"] = None if null else encode(text or "")
        else:
            raise click.UsageError("the data are missing: give TEXT, -d, -f or --null")
    if name == "create":
        create_mode(given["ephemeral"], given["sequential"], given["container"], given["ttl"])
    else:
        given["version"] = -1 if given["version"] is None else given["version"]
    return given
