"""The data of a command: from an option, a file or stdin, as bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import click

from zkc.cli._completers import complete_file
from zkc.cli._exit import CommandError, ExitCode

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["Given", "data_options", "encode", "read_data", "read_file"]


class Given(NamedTuple):
    """Where the data of a command come from. At most one member is given."""

    text: Optional[str]
    file: Optional[str]
    null: bool


def data_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options ``-d``, ``-f``, ``--null`` and the argument ``-``. It gets them as ``given``."""

    def call(
        *arguments: Any, text: Optional[str], file: Optional[str], null: bool, source: tuple[str, ...], **more: Any
    ) -> Any:
        if source not in ((), ("-",)):
            # The message must not have the data: they may be secret.
            raise click.UsageError("the data have no option in front: give -d TEXT, -f FILE or -")
        if (text is not None) + (file is not None) + null + len(source) > 1:
            raise click.UsageError("give the data once: -d TEXT, -f FILE, - or --null")
        return function(*arguments, given=Given(text, "-" if source else file, null), **more)

    call.__doc__, call.__name__ = function.__doc__, function.__name__
    call.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
    for decorate in (
        click.option("--null", is_flag=True, help="Store no data at all, which differs from empty data."),
        click.option(
            "-f", "--file", metavar="FILE", shell_complete=complete_file, help="Take the data from FILE; - for stdin."
        ),
        click.option("-d", "--data", "text", metavar="TEXT", help="Take TEXT as the data, in UTF-8."),
        click.argument("source", nargs=-1, metavar="[-]"),
    ):
        call = decorate(call)
    return call


def encode(text: str) -> bytes:
    """Return an argument as the bytes that were given, also where they are no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def read_data(app: App, given: Given) -> tuple[bool, Optional[bytes]]:
    """Return whether data were given, and the data; None for ``--null``.

    Raises:
        CommandError: The file cannot be read.
    """
    if given.null:
        return True, None
    if given.text is not None:
        return True, encode(given.text)
    if given.file is None:
        return False, None
    return True, read_file(app, given.file)


def read_file(app: App, file: str) -> bytes:
    """Return what a file holds, or stdin for ``-``.

    Raises:
        CommandError: The file cannot be read.
    """
    if not file:
        raise CommandError("the name of the file to read is empty", ExitCode.USAGE, name="usage")
    try:
        if file != "-":
            with open(file, "rb") as opened:
                return opened.read()
        if sys.stdin is None:
            raise OSError(None, "there is no stdin")
        if sys.stdin.isatty():
            app.out.note("reading from the terminal: Ctrl-D ends the data")
        return sys.stdin.buffer.read()
    except OSError as error:
        where = "stdin" if file == "-" else file
        raise CommandError(f"{where} cannot be read: {error.strerror}", ExitCode.USAGE, name="file") from None
