"""The background watches of the shell, and the notices above the prompt."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING

from zkc.cli._records import hex_text
from zkc.cli.programs._words import escaped

if TYPE_CHECKING:
    from zkc import Client, ClientState, EventSubscription, WatchedEvent
    from zkc.cli._app import App

__all__ = ["Notices", "Watches"]


class Watches:
    """The watches that run in the background.

    Args:
        app: What the shell works with.
        notify: Prints a line above the prompt. Any thread may call it.
    """

    def __init__(self, app: App, notify: Callable[[str], None]) -> None:
        self._app, self._notify = app, notify
        self._active: dict[tuple[str, bool], EventSubscription] = {}

    def __len__(self) -> int:
        return len(self._active)

    def add(self, path: str, recursive: bool) -> None:
        """Watch a znode, or a tree."""
        if (path, recursive) not in self._active:
            made = self._app.read(self._app.client.watch_events, path, self._event, recursive=recursive)
            self._active[path, recursive] = made

    def lines(self) -> list[str]:
        """Return a line for each watch, as it was typed with an absolute path."""
        return [f"watch {'-r ' if recursive else ''}{escaped(path)} &" for path, recursive in self._active]

    def end(self, paths: list[str]) -> int:
        """End the watches of some paths, or all; return how many."""
        ended = [key for key in self._active if not paths or key[0] in paths]
        for key in ended:
            self._active.pop(key).cancel()
        return len(ended)

    def _event(self, event: WatchedEvent) -> None:
        now = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
        kind = event.type.name.lower()
        if kind == "gap":
            self._notify(f"{now} gap at {event.path}: changes may be missing")
        else:
            zxid = "" if event.zxid is None else f"  {hex_text(event.zxid)}"
            self._notify(f"{now} {kind} {event.path}{zxid}")


class Notices:
    """The notices about the session: lost, found again, expired and replaced.

    Args:
        client: The shell's client.
        notify: Prints a line above the prompt.
    """

    def __init__(self, client: Client, notify: Callable[[str], None]) -> None:
        self._client, self._notify = client, notify
        self._session = client.session_id
        self._lost = False
        client.add_listener(self._changed)

    def _changed(self, state: ClientState) -> None:
        name = state.name
        if name == "SUSPENDED":
            self._lost = True
            self._notify("the connection is lost; the client looks for a server")
        elif name == "LOST":
            self._lost = True
            self._notify("the session has expired; its ephemeral znodes are gone")
        elif name == "CONNECTED" and self._lost:
            self._lost = False
            session = self._client.session_id
            same = session == self._session
            self._session = session
            what = "connected again" if same else f"connected with a new session, {hex_text(session)}"
            self._notify(f"{what}, to {self._client.server}")
