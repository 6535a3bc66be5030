"""``find --exec``: a command for each znode that was found."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from zkc.cli._ending import call
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._programs import not_started, split_program

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["run_for_each"]


def run_for_each(app: App, program: str, paths: Iterable[str]) -> int:
    """Run a command for each path, one after the other, and return the exit code.

    The command is split as a shell splits words, but no shell runs: a path cannot be a command.

    Raises:
        CommandError: The command does not exist (127) or cannot be executed (126), or it has failed for a part of the
            znodes (8), or all (10).
    """
    words = split_program(program, "nothing was done")
    if not any("{}" in word for word in words):
        words.append("{}")
    commands = ((path, [word.replace("{}", path) for word in words]) for path in paths)
    if app.dry_run:
        app.out.would({"action": "run", "path": path, "command": command, "message": shlex.join(command)}
                      for path, command in commands)  # fmt: skip
        return int(ExitCode.DONE)
    count = failed = 0
    try:
        for path, command in commands:
            sys.stdout.flush()
            try:
                # What it prints is no JSON: stdout has the result of zkc only.
                code = call(command, stdin=subprocess.DEVNULL, stdout=sys.stderr if app.out.is_json else None)
            except OSError as error:
                raise not_started(command[0], error) from None
            count += 1
            if code:
                failed += 1
                app.out.warn(f"{path}: {words[0]} ended with {code}")
    except KeyboardInterrupt:
        ended = f"{words[0]} has ended for {count:,} znodes" + (f", and failed for {failed:,} of them" * bool(failed))
        raise CommandError(f"interrupted: {ended}", ExitCode.INTERRUPTED,
                           details={"failed": failed, "count": count}) from None  # fmt: skip
    if failed:
        raise CommandError(
            f"{words[0]} failed for {failed:,} of {count:,} znodes",
            ExitCode.PARTLY if failed < count else ExitCode.OTHER,
            details={"failed": failed, "count": count},
        )
    return int(ExitCode.DONE)
