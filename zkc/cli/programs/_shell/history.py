"""The history of the shell: a file for each profile, and the numbers of its lines."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from prompt_toolkit.history import FileHistory

from zkc.cli.programs._shell.lines import has_credentials, split_lines, statements

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["LineHistory", "history_of"]


class LineHistory(FileHistory):
    """The history, with an entry for each line. One that begins with a blank is left out.

    Lines with credentials stay in memory, for the arrow keys alone. A line that is only ``redo N`` is left out: the
    line that it runs is added in its place.

    Args:
        file: The file; None keeps the lines in memory.
    """

    def __init__(self, file: Optional[Path]) -> None:
        super().__init__(os.devnull if file is None else str(file))
        self._stored = file is not None

    def load_history_strings(self) -> Iterable[str]:
        """Return the lines of the file, the newest first."""
        try:
            return super().load_history_strings() if self._stored else []
        except OSError:
            return []

    def append_string(self, string: str) -> None:
        """Add what was typed or pasted."""
        for line in split_lines(string):
            if not line[0].isspace() and not _is_redo(line):
                super().append_string(line)

    def store_string(self, string: str) -> None:
        """Append a line to the file. One that cannot be written is lost with the end of the shell."""
        if self._stored and not has_credentials(string):
            with contextlib.suppress(OSError):
                super().store_string(string.encode("utf-8", "backslashreplace").decode())

    def numbered(self) -> list[str]:
        """Return the lines that have a number, from 1. A line keeps its number while the shell runs."""
        return [line for line in self.get_strings() if not has_credentials(line)]


def _is_redo(line: str) -> bool:
    found = statements(line)
    return len(found) == 1 and found[0].split(None, 1)[0] == "redo"


def history_of(app: App) -> LineHistory:
    """Return the history of this profile, in a file that only its owner can read; in memory if there can be none."""
    base = os.environ.get("XDG_STATE_HOME")
    try:
        folder = (Path(base) if base else Path.home() / ".local" / "state") / "zkc"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / f"history-{(app.settings.profile or 'default').replace('/', '_')}"
        file.touch(mode=0o600)
        with file.open("ab"):
            pass
    except (OSError, RuntimeError) as error:  # Path.home() raises a RuntimeError.
        app.out.note(f"the history is not kept: {getattr(error, 'strerror', None) or error}")
        return LineHistory(None)
    return LineHistory(file)
