"""The pane with the state of each server, while it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from rich.text import Text
from textual import work
from textual.containers import VerticalScroll
from textual.widgets import Static

from zkc.cli.servers._ask import Asker
from zkc.cli.servers._top_model import Answers, TopModel, sample
from zkc.cli.servers._top_view import top_lines

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from zkc.cli._settings import Settings

__all__ = ["ServersPane"]

_PERIOD = 2.0  # Seconds between two questions.
_WITHIN = 1.5


class ServersPane(VerticalScroll):
    """The picture of ``zkc top``.

    Args:
        settings: How to connect.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._asker: Optional[Asker] = None
        self._model = TopModel()

    def compose(self) -> ComposeResult:
        yield Static("…", id="servers-text")

    def on_mount(self) -> None:
        self.set_interval(_PERIOD, self._refresh)

    def on_show(self) -> None:
        self._refresh()

    def _refresh(self) -> None:
        if self.is_on_screen:
            self._ask()

    @work(thread=True, exclusive=True, exit_on_error=False)
    def _ask(self) -> None:
        if self._asker is None:
            self._asker = Asker(self._settings, within=_WITHIN)
        self._asker.restart(_WITHIN)
        self.app.call_from_thread(self._show, *sample(self._asker))

    def _show(self, moment: float, answers: Answers) -> None:
        self._model.add(moment, answers)
        lines = top_lines(self._model, max(self.size.width, 20), self._height, title=self._settings.name, status="")
        self.query_one("#servers-text", Static).update(Text("\n").join(lines))

    @property
    def _height(self) -> int:
        """The lines of a picture that has all servers: the pane scrolls."""
        return max(self.size.height, len(self._model.rows) + 6)
