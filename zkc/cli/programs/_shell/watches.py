"""The background watches of the shell, and the notices above the prompt."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._paths import resolve_path
from zkc.cli._records import hex_text
from zkc.cli.programs._words import escaped
from zkc.cli.watching._follow import wait_until_watched

if TYPE_CHECKING:
    from zkc import Client, ClientState, WatchedEvent
    from zkc.cli._app import App

__all__ = ["Notices", "Watches"]


class _Active(NamedTuple):
    """A watch that runs."""

    number: int
    end: Callable[[], None]


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
        self._active: dict[tuple[str, bool], _Active] = {}
        self._parts: dict[str, tuple[Callable[[WatchedEvent], None], ...]] = {}
        app.part_of_tree = self.part_of_tree

    def __len__(self) -> int:
        return len(self._active)

    def add(self, path: str, recursive: bool) -> None:
        """Watch a znode, or a tree."""
        if (path, recursive) in self._active:
            return
        self._active[path, recursive] = _Active(self._next_number(), self._begin(path, recursive))

    def _next_number(self) -> int:
        return 1 + max((each.number for each in self._active.values()), default=0)

    def _begin(self, path: str, recursive: bool) -> Callable[[], None]:
        """Watch, and return what ends that."""
        watch = self._app.client.watch_events
        end: Optional[Callable[[], None]]
        if recursive:
            end = self._app.read(watch, path, functools.partial(self._event_of_tree, path), recursive=True).cancel
        else:
            end = self.part_of_tree(path, self._event) or self._app.read(watch, path, self._event).cancel
        return end

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
        """Return a line for each watch: its number, and what was typed, with an absolute path."""
        return [f"{active.number}  {_command(*key)} &" for key, active in self._active.items()]

    def end(self, wanted: Sequence[str]) -> int:
        """End watches, and return how many.

        Args:
            wanted: Their paths and numbers; nothing ends all.

        Raises:
            CommandError: One of them is not watched. Then none is ended.
        """
        ended = list(self._active)
        if wanted:
            ended = list(dict.fromkeys(key for each in wanted for key in self._of(each)))
        for key in ended:
            self._active.pop(key).end()
        return len(ended)

    def _of(self, wanted: str) -> list[tuple[str, bool]]:
        """Return the watches of a path, or that of a number."""
        is_number = wanted.isascii() and wanted.isdigit()
        path = "" if is_number else resolve_path(wanted, self._app.folder)
        found = [key for key, active in self._active.items() if key[0] == path or str(active.number) == wanted]
        if not found:
            watched = "; ".join(f"{active.number} is {_command(*key)}" for key, active in self._active.items())
            what = f"there is no watch {wanted}" if is_number else f"{path} is not watched"
            raise CommandError(f"{what}: {watched or 'nothing is watched'}", ExitCode.USAGE, name="not_watched")
        return found

    def _event_of_tree(self, path: str, event: WatchedEvent) -> None:
        self._event(event)
        parts = self._parts.get(path, ())
        for part in _of_znode(path, event) if parts else ():
            for fn in parts:
                fn(part)

    def _event(self, event: WatchedEvent) -> None:
        kind = event.type.name.lower()
        if kind == "gap":
            wait_until_watched(self._app.client, event.path)
            what = f"gap at {event.path}: changes may be missing"
        else:
            zxid = "" if event.zxid is None else f"  {hex_text(event.zxid)}"
            what = f"{kind} {event.path}{zxid}"
        now = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
        self._notify(f"{now} {what}")


def _command(path: str, recursive: bool) -> str:
    return f"watch {'-r ' if recursive else ''}{escaped(path)}"


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
