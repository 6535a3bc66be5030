"""The background watches of the shell, and the notices above the prompt."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Optional

from zkc.cli._records import hex_text
from zkc.cli.programs._words import escaped

if TYPE_CHECKING:
    from zkc import Client, ClientState, WatchedEvent
    from zkc.cli._app import App

__all__ = ["Notices", "Watches"]


class Watches:
    """The watches that run in the background.

    A watch of a znode alone takes its events from that of the tree below, if there is one: at a server before 3.9 two
    kinds of watches on one path would cost a gap.

    Args:
        app: What the shell works with.
        notify: Prints a line above the prompt. Any thread may call it.
    """

    def __init__(self, app: App, notify: Callable[[str], None]) -> None:
        self._app, self._notify = app, notify
        self._active: dict[tuple[str, bool], Callable[[], None]] = {}
        self._parts: dict[str, tuple[Callable[[WatchedEvent], None], ...]] = {}
        app.part_of_tree = self.part_of_tree

    def __len__(self) -> int:
        return len(self._active)

    def add(self, path: str, recursive: bool) -> None:
        """Watch a znode, or a tree."""
        if (path, recursive) in self._active:
            return
        watch = self._app.client.watch_events
        if recursive:
            tree = functools.partial(self._event_of_tree, path)
            self._active[path, recursive] = self._app.read(watch, path, tree, recursive=True).cancel
            return
        end = self.part_of_tree(path, self._event)
        self._active[path, recursive] = end or self._app.read(watch, path, self._event).cancel

    def part_of_tree(self, path: str, fn: Callable[[WatchedEvent], None]) -> Optional[Callable[[], None]]:
        """Call a function with the events of a znode whose tree is watched.

        Returns:
            What ends that; None if the tree is not watched.
        """
        if (path, True) not in self._active:
            return None
        self._parts[path] = (*self._parts.get(path, ()), fn)
        return functools.partial(self._end_part, path, fn)

    def _end_part(self, path: str, fn: Callable[[WatchedEvent], None]) -> None:
        self._parts[path] = tuple(each for each in self._parts[path] if each is not fn)

    def lines(self) -> list[str]:
        """Return a line for each watch, as it was typed with an absolute path."""
        return [f"watch {'-r ' if recursive else ''}{escaped(path)} &" for path, recursive in self._active]

    def end(self, paths: list[str]) -> int:
        """End the watches of some paths, or all; return how many."""
        ended = [key for key in self._active if not paths or key[0] in paths]
        for key in ended:
            self._active.pop(key)()
        return len(ended)

    def _event_of_tree(self, path: str, event: WatchedEvent) -> None:
        self._event(event)
        parts = self._parts.get(path, ())
        for part in _of_znode(path, event) if parts else ():
            for fn in parts:
                fn(part)

    def _event(self, event: WatchedEvent) -> None:
        now = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
        kind = event.type.name.lower()
        if kind == "gap":
            self._notify(f"{now} gap at {event.path}: changes may be missing")
        else:
            zxid = "" if event.zxid is None else f"  {hex_text(event.zxid)}"
            self._notify(f"{now} {kind} {event.path}{zxid}")


def _of_znode(path: str, event: WatchedEvent) -> Iterator[WatchedEvent]:
    """Yield what a watch of a znode alone reports when that of its tree has reported an event."""
    from zkc import EventType, WatchedEvent

    if event.path == path:
        yield event
    elif event.type in (EventType.CREATED, EventType.DELETED) and (event.path.rpartition("/")[0] or "/") == path:
        yield WatchedEvent(EventType.CHILD, event.state, path, event.zxid)


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
