"""Other programs that commands run: the words of ``--exec``, and the file of a program."""

from __future__ import annotations

import os

from zkc.cli._exit import CommandError, ExitCode

__all__ = ["find_program", "not_started", "split_program"]


def split_program(text: str, done: str) -> list[str]:
    """Return the words of the value of ``--exec``, split as a shell splits them, when the program exists.

    Args:
        text: The value.
        done: The end of the message: what was not done.

    Raises:
        CommandError: There are no words (2), the program does not exist (127) or cannot be executed (126).
    """
    import shlex

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CommandError(f"--exec {text!r}: {error}", ExitCode.USAGE, name="usage") from None
    if not words:
        raise CommandError("--exec needs a command", ExitCode.USAGE, name="usage")
    if "{}" not in words[0]:  # Else the program is known when the path is.
        find_program(words[0], done)
    return words


def find_program(name: str, done: str) -> str:
    """Return the file of a program.

    Args:
        name: The program, or a path of its file.
        done: The end of the message: what was not done.

    Raises:
        CommandError: The program does not exist (127) or cannot be executed (126).
    """
    import shutil

    found = shutil.which(name)
    if found is not None:
        return found
    places = [name] if "/" in name else [os.path.join(each, name) for each in os.get_exec_path()]
    if any(os.path.isfile(place) for place in places) or ("/" in name and os.path.isdir(name)):
        text, code, kind = f"{name} is not executable", ExitCode.NOT_EXECUTABLE, "not_executable"
    else:
        text, code, kind = f"there is no command {name or repr(name)}", ExitCode.COMMAND_NOT_FOUND, "command_not_found"
    raise CommandError(f"{text}: {done}", code, name=kind)


def not_started(name: str, error: OSError) -> CommandError:
    """Return the error of a program of ``--exec`` that the system did not start."""
    code = ExitCode.COMMAND_NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.NOT_EXECUTABLE
    return CommandError(f"--exec: {name}: {error.strerror or error}", code, name="not_started")
