"""The interactive shell: prompt, hints, highlighting and the bottom bar."""

from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Optional

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.output import create_output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from zkc.cli._ending import Ended, ended_by
from zkc.cli._exit import ExitCode
from zkc.cli._records import hex_text
from zkc.cli._streams import is_terminal, settle_stdout
from zkc.cli._table import COMMANDS, SHELL_WORDS
from zkc.cli.programs._shell.completer import ShellCompleter
from zkc.cli.programs._shell.history import history_of
from zkc.cli.programs._shell.interrupts import Interrupts
from zkc.cli.programs._shell.output import Output
from zkc.cli.programs._shell.runner import Interactive, Leave, Runner
from zkc.cli.programs._shell.watches import Notices, Watches

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["interact"]

_STYLE = Style.from_dict({"command": "bold", "option": "ansicyan", "path": "ansigreen", "unknown": "ansired",
                          "bottom-toolbar": "noreverse ansibrightblack", "notice": "ansiyellow"})  # fmt: skip


def interact(app: App) -> int:
    """Run the interactive shell until Ctrl-D; return the exit code."""
    try:
        return _interact(app)
    except OSError:
        number = ended_by()
        if number is None:
            raise
        return 128 + number  # The terminal is gone.
    finally:
        settle_stdout()


def _interact(app: App) -> int:
    client = app.client
    history = history_of(app)
    session: PromptSession[str] = PromptSession(
        history=history,
        auto_suggest=AutoSuggestFromHistory(),
        completer=ShellCompleter(app),
        complete_while_typing=False,
        enable_suspend=True,
        lexer=_Lexer(),
        # Results may go to a file, and the prompt does not. Left to prompt_toolkit, a dumb terminal gets no escapes.
        output=None if is_terminal(sys.stdout) else create_output(always_prefer_tty=True),
        style=_STYLE if app.out.colors else Style([]),
        refresh_interval=1.0,
    )
    output = Output(functools.partial(_above, session))
    watches = Watches(app, output.notify)
    notices = Notices(client, output.notify)
    runner = Runner(app, Interactive(watches, history, output))
    session.bottom_toolbar = lambda: _bar(app, watches)
    app.out.note(f"connected to {client.server}; help lists the commands, Ctrl-D leaves")
    interrupts = Interrupts()
    left: Optional[int] = None
    with interrupts.taken(), patch_stdout(raw=True):
        while left is None:
            try:
                text = session.prompt(lambda: _prompt(app), pre_run=functools.partial(_catch_up, output))
            except KeyboardInterrupt as error:
                if isinstance(error, Ended):
                    raise
                continue
            except EOFError:
                break
            try:
                if _run(runner, text, output, interrupts):
                    # The keys that were read before Ctrl-C, as the rest of a paste. The terminal has dropped its own.
                    clear_typeahead(session.input)
            except Leave as leave:
                left = leave.code or 0
            number = ended_by()
            if number is not None:
                return 128 + number
    del notices
    return 0 if left is None else left


def _run(runner: Runner, text: str, output: Output, interrupts: Interrupts) -> bool:
    """Run what was typed or pasted, outside of prompt_toolkit's stdout; return whether Ctrl-C has ended it."""
    try:
        with output.command(), interrupts.line():
            code = runner.run_all(text, interrupts.seen)
    except KeyboardInterrupt:
        return True
    return code == ExitCode.INTERRUPTED or interrupts.seen()


def _catch_up(output: Output) -> None:
    """Write the notices that have come since the last command ended, above the new prompt."""
    if output.has_notices():
        run_in_terminal(output.write_notices)


def _above(session: PromptSession[str], write: Callable[[], None]) -> None:
    """Let a function write above the prompt, if there is one. Any thread may call this."""
    loop = session.app.loop
    if session.app.is_running and loop is not None:
        with contextlib.suppress(RuntimeError):  # The prompt has ended just now.
            loop.call_soon_threadsafe(run_in_terminal, write)


def _prompt(app: App) -> StyleAndTextTuples:
    settings = app.settings
    color = settings.prompt_color if settings.ensemble else None
    style = f"ansi{color}" if color and app.out.colors else ""
    mark = " (read-only)" if settings.read_only else ""
    return [(f"bold {style}", settings.ensemble or "zkc"), ("", f"{mark} "), ("class:path", app.folder), ("", "> ")]


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
