"""The interactive shell: prompt, history, hints, completion, highlighting and the bottom bar."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from zkc.cli._ending import Ended, ended_by
from zkc.cli._exit import ExitCode
from zkc.cli._records import hex_text
from zkc.cli._root import root
from zkc.cli._table import COMMANDS, SHELL_WORDS
from zkc.cli._text import shown
from zkc.cli.programs._shell.lines import split_lines, statements
from zkc.cli.programs._shell.runner import Leave, Runner
from zkc.cli.programs._shell.watches import Notices, Watches

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["interact"]

_STYLE = Style.from_dict({"command": "bold", "option": "ansicyan", "path": "ansigreen", "unknown": "ansired",
                          "bottom-toolbar": "noreverse ansibrightblack", "notice": "ansiyellow"})  # fmt: skip

# The exit code of a command after Ctrl-C: that of zkc, or that of a system command as subprocess and as sh give it.
_INTERRUPTED = frozenset({ExitCode.INTERRUPTED, 128 + signal.SIGINT, -signal.SIGINT})


def interact(app: App) -> int:
    """Run the interactive shell until Ctrl-D; return the exit code."""
    client = app.client
    watches = Watches(app, _notify)
    runner = Runner(app, watches)
    notices = Notices(client, _notify)
    session: PromptSession[str] = PromptSession(
        history=_History(str(_history_file(app))),
        auto_suggest=AutoSuggestFromHistory(),
        completer=_Completer(app),
        complete_while_typing=False,
        lexer=_Lexer(),
        style=_STYLE if app.out.colors else Style([]),
        bottom_toolbar=lambda: _bar(app, watches),
        refresh_interval=1.0,
    )
    app.out.note(f"connected to {client.server}; help lists the commands, Ctrl-D leaves")
    streams = sys.stdout, sys.stderr
    left: Optional[int] = None
    with patch_stdout(raw=True):
        while True:
            try:
                text = session.prompt(lambda: _prompt(app))
            except KeyboardInterrupt as error:
                if isinstance(error, Ended):
                    raise
                continue
            except EOFError:
                break
            left = _run(runner, text, streams)
            if left is not None:
                break
            number = ended_by()
            if number is not None:
                return 128 + number
    del notices
    return 0 if left is None else left


def _run(runner: Runner, text: str, streams: tuple[TextIO, TextIO]) -> Optional[int]:
    """Run what was typed or pasted, outside of prompt_toolkit's stdout; return the exit code if it is to leave.

    Each line is a command of its own, as in other shells. Nothing runs if one of them is malformed.
    """
    patched = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = streams
    found = statements(text)
    try:
        if any(runner.check(each) for each in found):
            return None
        for each in found:
            if runner.run(each) in _INTERRUPTED or ended_by() is not None:
                break
    except Leave as leave:
        return leave.code or 0
    except KeyboardInterrupt:
        pass
    finally:
        sys.stdout, sys.stderr = patched
    return None


def _notify(text: str) -> None:
    # prompt_toolkit puts it above the prompt. While a command runs, it goes to the terminal as it is.
    print(f"[{shown(text)}]", file=sys.stderr)


def _prompt(app: App) -> StyleAndTextTuples:
    settings = app.settings
    color = settings.prompt_color
    style = f"ansi{color}" if color and app.out.colors else ""
    mark = " (read-only)" if settings.read_only else ""
    return [(f"bold {style}", settings.profile or "zkc"), ("", f"{mark} "), ("class:path", app.folder), ("", "> ")]


def _bar(app: App, watches: Watches) -> str:
    client = app.client
    state = client.state.name.lower()
    parts = [f" {client.server or app.settings.servers}", state]
    if client.connected:
        parts.append(f"session {hex_text(client.session_id)}")
        median = client.metrics().latency.percentile(50)
        if median:
            parts.append(f"{median * 1000:.1f} ms")
    if app.settings.read_only:
        parts.append("read-only")
    if len(watches):
        parts.append(f"{len(watches)} watching")
    return " · ".join(parts)


def _history_file(app: App) -> Path:
    """Return the file of the history of this profile, which only its owner can read."""
    base = os.environ.get("XDG_STATE_HOME")
    folder = (Path(base) if base else Path.home() / ".local" / "state") / "zkc"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / f"history-{(app.settings.profile or 'default').replace('/', '_')}"
    file.touch(mode=0o600)
    return file


class _History(FileHistory):
    """The file of the history, with an entry for each line. One that begins with a blank is left out.

    Lines with credentials stay in memory: a password may stand there by mistake.
    """

    def append_string(self, string: str) -> None:
        """Add what was typed or pasted."""
        for line in split_lines(string):
            if not line[0].isspace():
                super().append_string(line)

    def store_string(self, string: str) -> None:
        """Append a line to the file."""
        if not any(each.split(None, 1)[0] in ("auth", "addauth") for each in statements(string)):
            super().store_string(string)


class _Completer(Completer):
    """The completion by Tab: the shell's own words, and what the commands themselves complete."""

    def __init__(self, app: App) -> None:
        self._app = app

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the completions of the word before the cursor."""
        try:
            yield from self._completions(document.text_before_cursor)
        except Exception:  # noqa: BLE001 - a completion that fails offers nothing
            return

    def _completions(self, text: str) -> Iterable[Completion]:
        from click.shell_completion import ShellComplete

        words = text.split()
        incomplete = "" if not text or text[-1].isspace() else words.pop()
        if not words:
            for name, help_text in SHELL_WORDS.items():
                if name.startswith(incomplete):
                    yield Completion(name, -len(incomplete), display_meta=help_text)
        if words and words[0] == "cd":
            words = ["ls", *words[1:]]
        if words and words[0] == "unwatch":
            words = ["ls"]
        complete = ShellComplete(root, {"obj": self._app.child()}, "zkc", "_ZKC_COMPLETE")
        for item in complete.get_completions(words, incomplete):
            value = item.value
            yield Completion(value, -len(incomplete), display=_last(value), display_meta=item.help or "")


def _last(path: str) -> str:
    """Return what to show of a completion: of a path its last part."""
    name = path.rstrip("/").rpartition("/")[2] or path
    return f"{name}/" if path.endswith("/") and name != path else name


class _Lexer(Lexer):
    """The colours of a line: a known command, options, paths."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """Return a function that colours a line."""

        def line(number: int) -> StyleAndTextTuples:
            return list(_colored(document.lines[number]))

        return line


def _colored(text: str) -> Iterable[Any]:
    first = True
    for part in re.split(r"(\s+)", text):
        style = ""
        if part.strip():
            if first:
                style = "class:command" if part in COMMANDS or part in SHELL_WORDS else "class:unknown"
            elif part.startswith("-"):
                style = "class:option"
            elif part.startswith("/"):
                style = "class:path"
            first = False
        yield style, part
