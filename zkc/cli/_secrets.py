"""Passwords: from files that only their owner can read, or from a question on the terminal. Never from arguments."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._streams import is_terminal

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_private", "read_secret"]


def read_secret(file: str, question: str) -> str:
    """Return the password in the first line of a file, or ask for it.

    Args:
        file: The file; ``-`` for a question on the terminal.
        question: The question, without a colon.

    Raises:
        CommandError: The file cannot be read, others may read it, it is empty, or there is no terminal to ask on.
    """
    if file == "-":
        return _ask(question)
    from pathlib import Path

    path = Path(file)
    try:
        path = path.expanduser()
        check_private(path)
        with path.open(encoding="utf-8") as opened:
            secret = opened.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        raise _unreadable(file, path, error) from None
    if not secret:
        raise CommandError(f"the first line of the password file {file} is empty", ExitCode.USAGE, name="usage")
    return secret


def _unreadable(file: str, path: Path, error: Exception) -> CommandError:
    """Return the error of a file that cannot be read. It has no name that may be a password by mistake."""
    reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
    if isinstance(error, RuntimeError):
        reason = "there is no such home directory"
    if "/" in file and os.path.isdir(path.parent):
        text = f"the password file {file} cannot be read: {reason}"
    else:
        text = f"the password file cannot be read: {reason}. Give the name of a file with the password in its first"
        text += " line, never the password itself, or - for a question"
    return CommandError(text, ExitCode.USAGE, name="usage")


def check_private(path: Path) -> None:
    """Raise unless a file with secrets is a file that only its owner can read.

    Raises:
        CommandError: Others can read the file.
        OSError: There is no such file.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and mode & 0o077:
        raise CommandError(
            f"{path} has a password, and others can read it (mode {stat.S_IMODE(mode):04o}): chmod 600 {path}",
            ExitCode.REFUSED,
            name="secret_not_private",
        )


def _ask(question: str) -> str:
    if not (is_terminal(sys.stdin) and os.isatty(2)):
        raise CommandError(
            f"{question}: there is no terminal to ask on; give a file", ExitCode.REFUSED, name="no_terminal"
        )
    import getpass

    return getpass.getpass(f"{question}: ")
