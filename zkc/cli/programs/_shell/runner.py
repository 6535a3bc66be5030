"""The runner of the shell's lines: commands of zkc, the shell's own words, and pipes to system commands."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._paths import resolve_path
from zkc.cli._run import report, run
from zkc.cli.programs._shell.lines import Line, parse

if TYPE_CHECKING:
    from zkc.cli._app import App
    from zkc.cli.programs._shell.watches import Watches

__all__ = ["Leave", "Runner", "brief"]

_UNLISTED = ("shell", "ui", "serve", "completion")  # The help leaves them out: they make little sense in a shell.


class Leave(Exception):  # noqa: N818 - no error
    """The wish to leave the shell.

    Args:
        code: The exit code that was wished; None for that of the commands before.
    """

    def __init__(self, code: Optional[int] = None) -> None:
        super().__init__()
        self.code = code


class Runner:
    """The runner of lines.

    Args:
        app: What all commands of the shell share.
        watches: The background watches; None where there are none, as in a script.
    """

    def __init__(self, app: App, watches: Optional[Watches] = None) -> None:
        self.app = app
        self._watches = watches
        self._before = "/"

    def check(self, text: str) -> int:
        """Return 0 for a statement that can be parsed, or report what is wrong and return the exit code."""
        try:
            if not text.lstrip().startswith("!"):
                parse(text)
        except ValueError as error:
            return self._malformed(text, error)
        return int(ExitCode.DONE)

    def _malformed(self, text: str, error: ValueError) -> int:
        return report(CommandError(f"{brief(text)!r}: {error}", ExitCode.USAGE, name="usage"), self.app)

    def run(self, text: str) -> int:
        """Run a statement, and return its exit code.

        Raises:
            Leave: The statement was ``exit``.
        """
        if text.lstrip().startswith("!"):
            return subprocess.run(text.lstrip()[1:], shell=True, check=False).returncode
        try:
            line = parse(text)
            if not line.words:
                if line.pipe is not None:
                    raise CommandError("a command is missing before the pipe", ExitCode.USAGE, name="usage")
                return int(ExitCode.DONE)
            if line.pipe is not None:
                return self._run_piped(line)
            return self._run_words(line)
        except ValueError as error:
            return self._malformed(text, error)
        except CommandError as error:
            return report(error, self.app)

    def _run_words(self, line: Line) -> int:
        name, *arguments = line.words
        own: dict[str, Callable[[list[str]], int]] = {
            "cd": self._cd, "pwd": self._pwd, "help": self._help, ".help": self._help, "?": self._help,
            "exit": self._exit, "quit": self._exit, "unwatch": self._unwatch, "auth": self._auth,
        }  # fmt: skip
        if name in own:
            return own[name](arguments)
        if line.background:
            return self._watch_in_background(line.words)
        if name == "shell":
            raise CommandError("this is a shell already", ExitCode.USAGE, name="usage")
        return run(line.words, self.app.child())

    def _run_piped(self, line: Line) -> int:
        """Run a command with its stdout in the pipe of a system command; its exit code wins, as with pipefail."""
        assert line.pipe is not None
        with subprocess.Popen(line.pipe, shell=True, stdin=subprocess.PIPE) as reader:
            assert reader.stdin is not None
            with _stdout_to(reader.stdin):
                code = self._run_words(line._replace(pipe=None))
            with contextlib.suppress(BrokenPipeError):
                reader.stdin.close()
            ended = reader.wait()
        return code if code not in (0, 141) else ended

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
        from zkc.cli._table import COMMANDS, SECTIONS, SHELL_WORDS

        if arguments and arguments[0] in SHELL_WORDS:
            self.app.out.line(SHELL_WORDS[arguments[0]])
            return int(ExitCode.DONE)
        if arguments:
            return run([*arguments, "--help"], self.app.child())

        for section, title in SECTIONS.items():
            names = [name for name, entry in COMMANDS.items() if entry.section == section and name not in _UNLISTED]
            if names:
                self.app.out.line(f"{title:32} {' '.join(names)}")
        self.app.out.line("")
        for name, text in SHELL_WORDS.items():
            self.app.out.line(f"{name:8} {text}")
        self.app.out.line(
            "watch … &  Watch in the background. COMMAND | …, COMMAND > FILE and !… reach the system's shell."
        )
        return int(ExitCode.DONE)

    def _exit(self, arguments: list[str]) -> int:
        if not arguments:
            raise Leave
        if len(arguments) > 1 or not (arguments[0].isascii() and arguments[0].isdigit()) or int(arguments[0]) > 255:
            raise CommandError("exit takes one exit code, 0 to 255", ExitCode.USAGE, name="usage")
        raise Leave(int(arguments[0]))

    def _watch_in_background(self, words: list[str]) -> int:
        if words[0] != "watch" or self._watches is None:
            raise CommandError(
                "only watch runs in the background, in an interactive shell", ExitCode.USAGE, name="usage"
            )
        recursive = any(word in ("-r", "-R", "--recursive") for word in words[1:])
        paths = [word for word in words[1:] if not word.startswith("-")]
        if not paths or any(word.startswith("-") and word not in ("-r", "-R", "--recursive") for word in words[1:]):
            raise CommandError("in the background it is: watch [-r] PATH… &", ExitCode.USAGE, name="usage")
        for path in paths:
            self._watches.add(resolve_path(path, self.app.folder), recursive)
        return int(ExitCode.DONE)

    def _unwatch(self, arguments: list[str]) -> int:
        if self._watches is None:
            raise CommandError("there are no background watches in a script", ExitCode.USAGE, name="usage")
        ended = self._watches.end([resolve_path(path, self.app.folder) for path in arguments])
        self.app.out.note(f"ended {ended} watches" if ended != 1 else "ended 1 watch")
        return int(ExitCode.DONE)


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
        with contextlib.suppress(BrokenPipeError):
            text.close()
