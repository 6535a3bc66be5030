"""The run of a command: parse, call, and end with an exit code and at most one line of error."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import click

from zkc.cli._app import App
from zkc.cli._ending import ended_by, forget_interruption, raise_deferred
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._root import root
from zkc.cli._streams import FORMS, check_stdout, discard_stdout, is_terminal, settle_stdout

__all__ = ["run"]

_BROKEN_PIPE = 128 + signal.SIGPIPE
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
_VARIABLES: dict[str, tuple[str, ...] | None] = {  # The choices; None for a flag.
    "json": None, "output": FORMS, "color": ("auto", "always", "never"),
    "progress": ("auto", "never", "json"), "quiet": None, "verbose": None, "fresh": None, "yes": None, "dry_run": None,
}  # fmt: skip
_CLOSE_SECONDS = 0.3  # After Ctrl-C.


def run(arguments: Sequence[str], app: App | None = None, *, leaves: bool = False) -> int:
    """Run one command, and return the exit code.

    Args:
        arguments: The arguments after the program's name.
        app: What the command works with; None for one of its own. The shell gives its own, which keeps a connection.
        leaves: Whether the process ends with the command. After Ctrl-C it then waits for no server.
    """
    app = App() if app is None else app
    try:
        if leaves:
            check_stdout()
        if not app.in_shell:
            _take_variables(app)
        if app.in_shell and ended_by() is None:
            forget_interruption()
        raise_deferred()
        result = root.main(list(arguments), prog_name="zkc", standalone_mode=False, obj=app)
        sys.stdout.flush()
        return result if isinstance(result, int) else int(ExitCode.DONE)
    except click.exceptions.Exit as end:
        return end.exit_code
    except (BrokenPipeError, SystemExit):  # click makes an exit of a broken pipe, and of nothing else.
        discard_stdout()  # The reader of a pipe has left, as `head` does.
        return _BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - any error ends the command with one line
        if not app.is_parsed:
            app.take_form(arguments)
        app.has_failed = True
        code = report(error, app)
        if leaves and (code == ExitCode.INTERRUPTED or ended_by() is not None):
            _leave_soon(app, code)
        return code
    finally:
        app.close()
        if leaves:
            settle_stdout()


def _take_variables(app: App) -> None:
    """Take the variables ZKC_… of options that are no settings of a connection. An option replaces them."""
    for name, choices in _VARIABLES.items():
        text = os.environ.get(f"ZKC_{name.upper()}")
        if not text:
            continue
        value: object = text
        if choices is None:
            value = text.lower() in _TRUE
            choices = (*_TRUE, *_FALSE)
        if text.lower() not in choices:
            raise CommandError(f"ZKC_{name.upper()} must be one of {', '.join(choices)}, not {text!r}",
                               ExitCode.USAGE, name="usage")  # fmt: skip
        if value:
            app.give(name, value)


def _leave_soon(app: App, code: int) -> None:
    """End the process within a second, also when a server does not answer that a session ends."""
    import threading

    closing = threading.Thread(target=app.close, daemon=True)
    closing.start()
    closing.join(_CLOSE_SECONDS)
    if closing.is_alive():
        app.out.flush_quietly()
        os._exit(code)  # Without the interpreter's end, which waits for the session, too.


def report(error: BaseException, app: App) -> int:
    """Write an error to stderr, and return its exit code."""
    # Imported here: a command that succeeds needs none of the error classes.
    from zkc.cli._errors import describe, exit_code_of

    app.out.flush_quietly()
    if app.debug:
        import traceback

        traceback.print_exception(type(error), error, error.__traceback__)
    if isinstance(error, click.UsageError) and error.ctx is not None and not app.out.is_json:
        print(error.ctx.get_usage(), file=sys.stderr)
        print(f"Try '{error.ctx.command_path} --help'.\n", file=sys.stderr)
    code = exit_code_of(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)) and not app.out.is_json:
        app.out.interrupted()
    else:
        if code == ExitCode.INTERRUPTED and is_terminal(sys.stderr) and not app.out.is_json:
            print(file=sys.stderr)  # The terminal shows ^C in this line.
        print(describe(error, app.out.is_json, app.statement), file=sys.stderr, flush=True)
    return code
