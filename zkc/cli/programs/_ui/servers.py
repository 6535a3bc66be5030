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
_COLUMNS = ("server", "mode", "connections", "latency", "zxid")


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

        drawn = table(_COLUMNS, records, ["server", "mode", "conns", "latency ms", "zxid"])
        self.app.call_from_thread(self.query_one("#servers-text", Static).update, drawn)


def ask_servers(settings: Settings) -> list[dict[str, Any]]:
    """Ask each server for its state, by the word ``srvr``; a server without an answer has the reason."""
    from zkc.cli.servers._ask import Asker, AskError

    asker = Asker(settings, within=1.5)
    records: list[dict[str, Any]] = []
    for server, answer in asker.each(lambda server: asker.word(server, "srvr")):
        if isinstance(answer, AskError):
            records.append({"server": server.name, "mode": answer.reason})
            continue
        facts = dict(line.partition(": ")[::2] for line in answer.splitlines())
        records.append({"server": server.name, "mode": facts.get("Mode"), "connections": facts.get("Connections"),
                        "latency": facts.get("Latency min/avg/max"), "zxid": facts.get("Zxid")})  # fmt: skip
    return records
