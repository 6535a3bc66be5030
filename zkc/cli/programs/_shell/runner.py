"""The runner of the shell's lines: commands of zkc, the shell's own words, and pipes to system commands."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc import ZooKeeperError
from zkc.cli._ending import Ended, ended_by, leave_keys_to_child
from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._paths import resolve_path
from zkc.cli._run import report, run
from zkc.cli._text import shown
from zkc.cli.programs._shell.lines import Line, parse, statements

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli.programs._shell.history import LineHistory
    from zkc.cli.programs._shell.output import Output
    from zkc.cli.programs._shell.watches import Watches

__all__ = ["Interactive", "Leave", "Runner", "brief"]

_LENT = frozenset({"edit", "elect", "lock", "semaphore", "top", "ui"})  # A program, or a drawing, has the terminal.
_SHOWN_LINES = 20  # Of the history.
_BROKEN_PIPE = 128 + signal.SIGPIPE


class Leave(Exception):  # noqa: N818 - no error
    """The wish to leave the shell.

    Args:
        code: The exit code that was wished; None for that of the commands before.
    """

    def __init__(self, code: Optional[int] = None) -> None:
        super().__init__()
        self.code = code


class Interactive(NamedTuple):
    """The parts that only an interactive shell has."""

    watches: Watches
    history: LineHistory
    output: Output


class Runner:
    """The runner of lines.

    Args:
        app: What all commands of the shell share.
        interactive: The parts that only an interactive shell has; None in a script.
    """

    def __init__(self, app: App, interactive: Optional[Interactive] = None) -> None:
        self.app = app
        self._interactive = interactive
        self._before = "/"
        self.has_reported = False
        """Whether an error was reported for the last statement. A command may end with a code, and without an error."""

    def run_all(self, text: str, stopped: Callable[[], bool] = lambda: False) -> int:
        """Run what was typed or pasted, and return the exit code of the last command.

        Each line is a command of its own, as in other shells. Nothing runs if one of them is malformed, and nothing
        more after one that Ctrl-C has ended.

        Args:
            text: The lines.
            stopped: Tells whether Ctrl-C has ended a command, whatever its exit code is.

        Raises:
            Leave: A command was ``exit``.
        """
        found = statements(text)
        codes = [code for code in map(self.check, found) if code]
        if codes:
            return codes[0]
        code = int(ExitCode.DONE)
        for each in found:
            code = self.run(each)
            if code == ExitCode.INTERRUPTED or ended_by() is not None or stopped():
                break
        return code

    def check(self, text: str) -> int:
        """Return 0 for a statement that can be parsed, or report what is wrong and return the exit code."""
        try:
            if not text.lstrip().startswith("!"):
                parse(text)
        except ValueError as error:
            return self._malformed(text, error)
        return int(ExitCode.DONE)

    def _malformed(self, text: str, error: ValueError) -> int:
        return self._report(CommandError(f"{brief(text)!r}: {error}", ExitCode.USAGE, name="usage"))

    def _report(self, error: BaseException) -> int:
        self.has_reported = True
        return report(error, self.app)

    def run(self, text: str) -> int:
        """Run a statement, and return its exit code.

        Raises:
            Leave: The statement was ``exit``.
        """
        self.has_reported = False
        try:
            if text.lstrip().startswith("!"):
                return self._run_system(text.lstrip()[1:])
            line = parse(text)
            if not line.words:
                if line.pipe is not None:
                    raise CommandError("a command is missing before the pipe", ExitCode.USAGE, name="usage")
                return int(ExitCode.DONE)
            if line.pipe is not None:
                return self._run_piped(line)
            return self._run_words(line)
        except (CommandError, ZooKeeperError, OSError) as error:
            return self._report(error)
        except ValueError as error:
            return self._malformed(text, error)

    def _run_words(self, line: Line) -> int:
        name, *arguments = line.words
        own: dict[str, Callable[[list[str]], int]] = {
            "cd": self._cd, "pwd": self._pwd, "help": self._help, ".help": self._help, "?": self._help,
            "exit": self._exit, "quit": self._exit, "unwatch": self._unwatch, "jobs": self._jobs, "auth": self._auth,
            "history": self._history, "redo": self._redo, "clear": self._clear,
        }  # fmt: skip
        if line.background:
            return self._watch_in_background(line.words)
        if name in own:
            code = own[name](arguments)
            sys.stdout.flush()  # As run() does: an error of stdout is one of this command.
            return code
        if name == "shell":
            raise CommandError("this is a shell already", ExitCode.USAGE, name="usage")
        with self._lent() if name in _LENT else contextlib.nullcontext():
            return self._call(line.words)

    def _call(self, words: list[str]) -> int:
        """Run a command of zkc."""
        child = self.app.child()
        try:
            return run(words, child)
        finally:
            self.has_reported = self.has_reported or child.has_failed

    def _lent(self) -> contextlib.AbstractContextManager[None]:
        """Leave the terminal to a program: notices wait."""
        return contextlib.nullcontext() if self._interactive is None else self._interactive.output.lent()

    def _run_system(self, command: str) -> int:
        """Run a command of the system, which has the terminal, and Ctrl-C, until it ends."""
        with self._lent(), leave_keys_to_child():
            return _code_of(subprocess.run(command, shell=True, check=False).returncode)

    def _run_piped(self, line: Line) -> int:
        """Run a command with its stdout in the pipe of a system command; its exit code wins, as with pipefail.

        Ctrl-C ends the command. The system's command has the terminal until it ends, as `less` does.
        """
        assert line.pipe is not None
        with self._lent():
            reader = subprocess.Popen(line.pipe, shell=True, stdin=subprocess.PIPE)
            assert reader.stdin is not None
            try:
                with _stdout_to(reader.stdin):
                    code = self._run_words(line._replace(pipe=None))
            except Ended:
                reader.terminate()
                raise
            except KeyboardInterrupt:
                code = int(ExitCode.INTERRUPTED)
            except BrokenPipeError:
                code = _BROKEN_PIPE
            finally:
                with leave_keys_to_child():
                    with contextlib.suppress(OSError):
                        reader.stdin.close()
                    ended = _code_of(reader.wait())
        return code if code not in (0, _BROKEN_PIPE) else ended

    # ---- the shell's own words -------------------------------------------------------------------------------------

    def _cd(self, arguments: list[str]) -> int:
        if len(arguments) > 1:
            raise CommandError("cd takes one path", ExitCode.USAGE, name="usage")
        wanted = arguments[0] if arguments else "/"
        path = self._before if wanted == "-" else resolve_path(wanted, self.app.folder)
        if self.app.read(self.app.client.exists, path) is None:
            raise CommandError(f"there is no znode {path}", ExitCode.NO_NODE, name="no_node", path=path)
        self._before, self.app.folder = self.app.folder, path
        return int(ExitCode.DONE)

    def _pwd(self, arguments: list[str]) -> int:
        del arguments
        self.app.out.line(self.app.folder)
        return int(ExitCode.DONE)

    def _auth(self, arguments: list[str]) -> int:
        """Add credentials to the session of the shell, for all commands that follow."""
        if len(arguments) != 1:
            raise CommandError("it is: auth digest:USER:FILE, with the password in FILE (- for a question)",
                               ExitCode.USAGE, name="usage")  # fmt: skip
        self.app.authenticate(arguments[0])
        return int(ExitCode.DONE)

    def _help(self, arguments: list[str]) -> int:
        from zkc.cli._table import SHELL_WORDS
        from zkc.cli.programs._shell.helping import help_text, wrapped

        columns = shutil.get_terminal_size().columns
        if arguments and arguments[0] not in SHELL_WORDS:
            return self._call([*arguments, "--help"])
        text = wrapped(SHELL_WORDS[arguments[0]], columns) if arguments else help_text(columns)
        for line in text.splitlines():
            self.app.out.line(line)
        return int(ExitCode.DONE)

    def _exit(self, arguments: list[str]) -> int:
        if not arguments:
            raise Leave
        if len(arguments) > 1 or not (arguments[0].isascii() and arguments[0].isdigit()) or int(arguments[0]) > 255:
            raise CommandError("exit takes one exit code, 0 to 255", ExitCode.USAGE, name="usage")
        raise Leave(int(arguments[0]))

    def _watch_in_background(self, words: list[str]) -> int:
        if words[0] != "watch" or self._interactive is None:
            raise CommandError(
                "only watch runs in the background, in an interactive shell", ExitCode.USAGE, name="usage"
            )
        recursive = any(word in ("-r", "-R", "--recursive") for word in words[1:])
        paths = [word for word in words[1:] if not word.startswith("-")]
        if not paths or any(word.startswith("-") and word not in ("-r", "-R", "--recursive") for word in words[1:]):
            raise CommandError("in the background it is: watch [-r] PATH… &", ExitCode.USAGE, name="usage")
        for path in paths:
            self._interactive.watches.add(resolve_path(path, self.app.folder), recursive)
        return int(ExitCode.DONE)

    def _unwatch(self, arguments: list[str]) -> int:
        watches = self._only_interactive("background watches").watches
        ended = watches.end(arguments)
        self.app.out.note(f"ended {ended} watches" if ended != 1 else "ended 1 watch")
        return int(ExitCode.DONE)

    def _jobs(self, arguments: list[str]) -> int:
        _takes_nothing("jobs", arguments)
        for line in self._only_interactive("background watches").watches.lines():
            self.app.out.line(line)
        return int(ExitCode.DONE)

    def _history(self, arguments: list[str]) -> int:
        """Print the last lines, with their numbers. Lines with credentials have none."""
        lines = self._only_interactive("history").history.numbered()
        count = _number("it is: history [N], with a number of lines", arguments, default=_SHOWN_LINES)
        for number, line in list(enumerate(lines, 1))[-count:]:
            self.app.out.line(f"{number:5}  {shown(line, lines=False)}")
        return int(ExitCode.DONE)

    def _redo(self, arguments: list[str]) -> int:
        """Print a line of the history, and run it again."""
        history = self._only_interactive("history").history
        number = _number("it is: redo N, with a number that `history` shows", arguments)
        lines = history.numbered()
        if number > len(lines):
            raise CommandError(f"there is no line {number}: history shows the last ones", ExitCode.USAGE, name="usage")
        line = lines[number - 1]
        if any(each.split(None, 1)[0] == "redo" for each in statements(line)):
            raise CommandError(f"line {number} has a redo itself", ExitCode.USAGE, name="usage")
        print(shown(line), file=sys.stderr)
        history.append_string(line)
        return self.run_all(line)

    def _clear(self, arguments: list[str]) -> int:
        _takes_nothing("clear", arguments)
        if self.app.out.is_terminal and os.environ.get("TERM") != "dumb":
            sys.stdout.write("\x1b[H\x1b[2J\x1b[3J")
            sys.stdout.flush()
        return int(ExitCode.DONE)

    def _only_interactive(self, what: str) -> Interactive:
        if self._interactive is None:
            raise CommandError(f"a script has no {what}", ExitCode.USAGE, name="usage")
        return self._interactive


def _code_of(returncode: int) -> int:
    """Return the exit code of a system's command as a shell has it: 128 and the signal that has ended it."""
    return 128 - returncode if returncode < 0 else returncode


def _takes_nothing(name: str, arguments: list[str]) -> None:
    if arguments:
        raise CommandError(f"{name} takes no arguments", ExitCode.USAGE, name="usage")


def _number(usage: str, arguments: list[str], default: Optional[int] = None) -> int:
    """Return the only argument as a number, at least 1."""
    if not arguments and default is not None:
        return default
    text = arguments[0] if len(arguments) == 1 else ""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise CommandError(usage, ExitCode.USAGE, name="usage")
    return int(text)


def brief(text: str) -> str:
    """Return the begin of a line for a message: the command and its path. What follows may be a secret."""
    words = text.split()
    kept = words[:1]
    if len(words) > 1 and not words[1].startswith(("-", "'", '"')) and words[0] not in ("addauth", "auth"):
        kept.append(words[1])
    return " ".join([*kept, "…"] if len(words) > len(kept) else kept)


@contextlib.contextmanager
def _stdout_to(stream: object) -> Iterator[None]:
    """Let what the process prints go to a stream."""
    raw = io.BufferedWriter(io.FileIO(os.dup(stream.fileno()), "wb"))  # type: ignore[attr-defined]
    text = io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
    before, sys.stdout = sys.stdout, text
    try:
        yield
    finally:
        sys.stdout = before
        with contextlib.suppress(OSError):
            text.close()
