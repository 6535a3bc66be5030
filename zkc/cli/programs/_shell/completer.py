"""The completion by Tab in the shell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem, ShellComplete
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from zkc.cli._root import root
from zkc.cli._table import COMMANDS, SHELL_WORDS
from zkc.cli.programs._complete import insertable, safe
from zkc.cli.programs._shell.lines import unfinished
from zkc.cli.programs._words import words_of

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["ShellCompleter"]


class ShellCompleter(Completer):
    """The completion of the shell's own words, and of what the commands themselves complete.

    What it inserts is quoted: the shell reads the name that it showed.

    Args:
        app: What the shell works with.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the completions of the word before the cursor."""
        try:
            yield from list(self._completions(document.text_before_cursor))
        except Exception:  # noqa: BLE001 - a completion that fails offers nothing
            return

    def _completions(self, text: str) -> Iterable[Completion]:
        line = unfinished(text)
        if line is None:
            return
        words, word = words_of(line)
        for item in insertable(safe(self._items(words, word.value)), word, history=False):
            shown = _last(getattr(item, "shown", None) or item.value)
            yield Completion(item.value, word.start - len(line), display=shown, display_meta=item.help or "")

    def _items(self, words: list[str], incomplete: str) -> list[CompletionItem]:
        """Return what fits, each with its value as it is."""
        if not words:
            own = [CompletionItem(name, help=text) for name, text in SHELL_WORDS.items() if name.startswith(incomplete)]
            return own + self._of_command([], incomplete)
        first = words[0]
        if first in ("cd", "unwatch"):
            # Paths, as `ls` has them, and no options.
            return [] if incomplete.startswith("-") or (first == "cd" and words[1:]) else self._paths(incomplete)
        if first in ("help", ".help", "?") and not words[1:]:
            return [CompletionItem(name) for name in [*COMMANDS, *SHELL_WORDS] if name.startswith(incomplete)]
        if first in SHELL_WORDS:
            return []
        return self._of_command(words, incomplete)

    def _paths(self, incomplete: str) -> list[CompletionItem]:
        return self._of_command(["ls"], incomplete)

    def _of_command(self, words: list[str], incomplete: str) -> list[CompletionItem]:
        complete = ShellComplete(root, {"obj": self._app.child()}, "zkc", "_ZKC_COMPLETE")
        found = []
        for item in complete.get_completions(words, incomplete):
            if item.type in ("file", "dir"):
                found += _files(item.value, only_folders=item.type == "dir")
            elif item.type == "plain":
                # A relative path such as -x would be read as an option.
                bare = item.value.startswith("-") and not incomplete.startswith("-")
                found.append(CompletionItem(f"./{item.value}", help=item.help) if bare else item)
        return found


def _files(incomplete: str, *, only_folders: bool) -> list[CompletionItem]:
    """Return the local files whose names begin so."""
    completer = PathCompleter(only_directories=only_folders)
    found = completer.get_completions(Document(incomplete), CompleteEvent())
    return [CompletionItem(incomplete + each.text + ("/" if each.display_text.endswith("/") else "")) for each in found]


def _last(path: str) -> str:
    """Return what to show of a completion: of a path its last part."""
    name = path.rstrip("/").rpartition("/")[2] or path
    return f"{name}/" if path.endswith("/") and name != path else name
