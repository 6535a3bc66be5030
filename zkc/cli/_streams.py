"""The standard streams of the process, made ready before a command runs, whatever the process was started with.

* A descriptor that is closed is opened to /dev/null: no file or socket gets the number of stdout or stderr.
* stdout and stderr are in UTF-8, whatever the locale. A terminal with another encoding gets escapes.
* Their buffers are those of :mod:`zkc.cli._descriptors`.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Optional, TextIO

from zkc.cli._descriptors import NoteBuffer, ResultBuffer
from zkc.cli._exit import CommandError, ExitCode

__all__ = ["FORMS", "check_stdout", "discard_stdout", "form_of", "is_terminal", "prepare", "settle_stdout"]

FORMS = ("human", "json", "jsonl", "plain")
"""The forms of a result."""

_SHORT = re.compile(r"-[qvyn]*o(.*)", re.DOTALL)  # -o, also behind short options without a value.

_closed = False  # Whether the process was started without stdout.


def prepare() -> None:
    """Open closed descriptors, and set the encodings of stdout and stderr."""
    global _closed
    _closed = sys.stdout is None
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest number that is free: this one.
    # sys.stdin stays None without stdin: a command that reads it says so.
    if sys.stdout is None:
        sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    else:
        _reencode(sys.stdout)
        if not sys.stdout.isatty():  # The stream of a terminal is taken as it is by what draws there.
            through = bool(getattr(sys.stdout, "write_through", False))  # PYTHONUNBUFFERED
            file = ResultBuffer(1, through=through)
            sys.stdout = io.TextIOWrapper(file, "utf-8", "backslashreplace", write_through=through)
    if sys.stderr is None:
        sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    else:
        _reencode(sys.stderr)
        sys.stderr = io.TextIOWrapper(NoteBuffer(2), sys.stderr.encoding, "backslashreplace", line_buffering=True)


def _reencode(stream: TextIO) -> None:
    """Let a stream take all characters."""
    encoding = stream.encoding if stream.isatty() else "utf-8"
    stream.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[attr-defined]


def discard_stdout() -> None:
    """Let the rest of stdout go nowhere: the interpreter must not flush to it again when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def settle_stdout() -> None:
    """Flush stdout at the end of the process. What it does not take was an error of the command before."""
    try:
        sys.stdout.flush()
    except (OSError, CommandError):
        discard_stdout()


def check_stdout() -> None:
    """Raise when the process was started without stdout: a command that has changed something could not say so.

    Raises:
        CommandError: stdout is closed.
    """
    if _closed:
        raise CommandError("stdout is closed: nothing was done. Give it a file, or /dev/null", ExitCode.OTHER,
                           name="stdout_closed")  # fmt: skip


def is_terminal(stream: Optional[TextIO]) -> bool:
    """Return whether a standard stream is there, and is a terminal."""
    return stream is not None and stream.isatty()


def form_of(arguments: Sequence[str]) -> Optional[str]:
    """Return the form that the options for it ask for, before the arguments are parsed; None without such an option.

    Of more than one the last counts. After ``--`` no options follow.
    """
    form, words = None, iter(arguments)
    for word in words:
        if word == "--":
            break
        short = _SHORT.fullmatch(word)
        if word == "--json":
            form = "json"
        elif word == "--output" or (short and not short[1]):
            form = next(words, None)
        elif word.startswith("--output="):
            form = word.partition("=")[2]
        elif short:
            form = short[1]
    return form if form in FORMS else None
