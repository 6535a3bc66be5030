"""Finding znodes on the screen: by a part of a name, and by a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zkc.cli._text import shown
from zkc.cli.programs._ui.dialogs import Ask

if TYPE_CHECKING:
    from zkc.cli.programs._ui.app import Browser
    from zkc.cli.programs._ui.talk import Talk

__all__ = ["Finding"]


class Finding:
    """The searches of the screen.

    Args:
        browser: The screen.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pattern = ""

    async def search(self, talk: Talk) -> None:
        """Ask for a part of a name, and choose the next line that has it."""
        pattern = await talk.ask(Ask("Search for a part of a name, among the znodes that are shown:"))
        if pattern:
            self._pattern = pattern.lower()
            self.next_match()

    def next_match(self) -> None:
        """Choose the next line whose name has the pattern."""
        if not self._pattern:
            self._browser.tell("there is no search: / begins one")
            return
        view = self._browser.tree_view
        lines = view.all_lines()
        cursor = view.cursor_node
        begin = lines.index(cursor) + 1 if cursor in lines else 0
        for line in lines[begin:] + lines[:begin]:
            if line.data and not line.data.more and self._pattern in line.data.name.lower():
                view.choose_line(line)
                return
        self._browser.tell(f"no name has {self._pattern!r}")

    async def go(self, talk: Talk) -> None:
        """Ask for a path, and choose its znode."""
        if not self._browser.is_connected():
            return
        view = self._browser.tree_view
        chosen = view.target or self._browser.chosen or "/"
        prefilled = shown(chosen, lines=False)
        given = await talk.ask(Ask("Go to the path:", prefilled))
        if not given:
            return
        path = chosen if given == prefilled else "/" + "/".join(part for part in given.split("/") if part)
        if not await view.go_to(path):
            root = view.root.data.path if view.root.data else "/"
            talk.tell(f"there is no znode {path}" + (f" below {root}" if root != "/" else ""), "warning")
