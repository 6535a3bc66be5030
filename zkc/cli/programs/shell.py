"""``zkc shell``: commands with one connection, a folder, history and completion."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import click

from zkc.cli._app import App
from zkc.cli._ending import ended_by
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._options import Command, pass_app
from zkc.cli._streams import is_terminal

if TYPE_CHECKING:
    from zkc.cli.programs._shell.runner import Runner

__all__ = ["command"]


@click.command(cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), required=False)
@click.option("-c", "--command", "text", metavar="COMMANDS", help="Run these commands, separated by ; or newlines.")
@click.option("-k", "--keep-going", is_flag=True, help="In a script: go on after a command that fails.")
@pass_app
def command(app: App, file: Optional[Path], text: Optional[str], keep_going: bool) -> int:
    """Work in an interactive shell.

    All commands of zkc, with one connection, relative paths (cd, pwd), history, and completion of live paths by Tab.
    `COMMAND | less` reaches the system's commands, `watch PATH &` watches in the background, Ctrl-C ends a command,
    and Ctrl-D leaves. `help` lists more.

    With -c, a FILE, or commands on stdin it is no interactive shell: it runs them, and ends with the exit code of the
    first that fails. With --keep-going it runs all, and ends with 8 if one has failed.

    \b
    Examples:
      zkc shell
      zkc shell -c 'cd /app; ls; get config'
      zkc shell script.zkc
    """
    if file is not None and text is not None:
        raise click.UsageError("give -c or a FILE, not both")
    app.in_shell = True
    if text is None and file is None and is_terminal(sys.stdin):
        try:
            from zkc.cli.programs._shell.interactive import interact
        except ImportError:
            raise CommandError(
                "the shell needs prompt_toolkit: pip install 'zkc[cli]'", ExitCode.USAGE, name="not_installed"
            ) from None
        return interact(app)
    if text is None and file is None and sys.stdin is None:
        raise CommandError("there is no stdin: give -c or a FILE", ExitCode.USAGE, name="usage")
    if text is None:
        text = sys.stdin.read() if file is None or str(file) == "-" else file.read_text(encoding="utf-8")
    from zkc.cli.programs._shell.runner import Runner

    return _run_script(Runner(app), text, keep_going)


def _run_script(runner: Runner, text: str, keep_going: bool) -> int:
    from zkc.cli.programs._shell.lines import statements
    from zkc.cli.programs._shell.runner import Leave

    failed = False
    found = statements(text)
    for number, statement in enumerate(found if not keep_going else [], 1):
        runner.app.statement = number
        code = runner.check(statement)
        if code:
            _say(runner, statement, "is malformed; nothing was run", code)
            return code
    for number, statement in enumerate(found, 1):
        runner.app.statement = number
        rest = "; the rest was not run" if number < len(found) else ""
        try:
            code = runner.run(statement)
        except Leave as leave:
            if leave.code is not None:
                return leave.code
            break
        except KeyboardInterrupt:
            if not runner.app.out.is_json:  # Else the error says it.
                _say(runner, statement, _interrupted() + rest, int(ExitCode.INTERRUPTED))
            raise
        if code == ExitCode.INTERRUPTED or ended_by() is not None:
            _say(runner, statement, _interrupted() + rest, code)
            return code
        if code and not keep_going:
            _say(runner, statement, f"ended with {code}{rest}", code)
            return code
        if code and runner.app.out.is_json:
            _say(runner, statement, f"ended with {code}", code)
        failed = failed or code != 0
    return int(ExitCode.PARTLY if failed else ExitCode.DONE)


def _interrupted() -> str:
    number = ended_by()
    return "was interrupted" if number is None else f"was ended by {number.name}"


def _say(runner: Runner, statement: str, what: str, code: int) -> None:
    """Say which command has stopped a script: in a note, or in the only error as JSON that the command has."""
    from zkc.cli._run import report
    from zkc.cli.programs._shell.runner import brief

    message = f"command {runner.app.statement}, {brief(statement)!r}, {what}"
    if not runner.app.out.is_json:
        runner.app.out.note(message)
    elif code and not runner.has_reported:
        report(CommandError(message, code, name="script"), runner.app)
