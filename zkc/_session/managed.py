"""One session of a client, and who is told of its events."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Optional

from zkc._zookeeper import Request, Session

if TYPE_CHECKING:
    from zkc._session.manager import SessionManager

__all__ = ["ManagedSession", "SessionEvents"]

_FIRST_DELAY = 0.5  # Between two attempts to open a session that follows an expired one, in seconds.


class ManagedSession:
    """One session of a client, from its opening to its last event. The client holds it, and it holds the session."""

    __slots__ = ("__weakref__", "auth", "closing", "connected", "delay", "first", "session", "told", "unanswered")

    def __init__(self, *, first: bool) -> None:
        self.first = first  # Made by start(), and not after an expiry.
        self.session: Optional[Session] = None
        self.auth: list[Request[None]] = []  # Credentials sent and not answered yet.
        self.connected = False  # It was at least once, with everything made anew that was to be.
        self.closing = False
        self.delay = _FIRST_DELAY
        self.unanswered: Optional[float] = None  # Since when servers close connections without an answer.
        self.told = False  # Whether the log says that it cannot be opened.


class SessionEvents:
    """The watcher of a session's events. It holds nothing: a forgotten client ends, and its session with it."""

    __slots__ = ("client", "managed")

    def __init__(self, client: SessionManager, managed: ManagedSession) -> None:
        self.client = weakref.ref(client)
        self.managed = weakref.ref(managed)

    def __call__(self, type_: int, state: int, path: str) -> None:
        client, managed = self.client(), self.managed()
        if client is not None and managed is not None:
            client._session_event(managed, type_, state)
