"""The pane with the state of each server, while it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import work
from textual.containers import VerticalScroll
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from zkc.cli._settings import Settings

__all__ = ["ServersPane"]

_PERIOD = 2.0  # Seconds between two questions.
_COLUMNS = ("server", "mode", "connections", "latency_avg", "lag", "zxid")


class ServersPane(VerticalScroll):
    """A table of the servers.

    Args:
        settings: How to connect.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

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
        records = ask_servers(self._settings)
        from zkc.cli._draw import table

        drawn = table(_COLUMNS, records, ["server", "mode", "conns", "latency", "lag", "zxid"])
        self.app.call_from_thread(self.query_one("#servers-text", Static).update, drawn)


def ask_servers(settings: Settings) -> list[dict[str, Any]]:
    """Ask each server for its state; the mode of one without an answer is the reason."""
    from zkc.cli.servers._ask import Asker, AskError
    from zkc.cli.servers._facts import add_lags, down_record, facts_of

    asker = Asker(settings, within=1.5)
    records = [
        {**down_record(server, answer), "mode": answer.reason} if isinstance(answer, AskError) else answer
        for server, answer in asker.each(lambda server: facts_of(asker, server))
    ]
    add_lags(records)
    return records
