"""One session of a client, and the watcher of its events."""

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

    __slots__ = (
        "__weakref__",
        "auth",
        "closing",
        "connected",
        "delay",
        "from_start",
        "open_failure_logged",
        "session",
        "unanswered",
    )

    def __init__(self, *, from_start: bool) -> None:
        self.from_start = from_start  # Opened by start(), and not after an expiry.
        self.session: Optional[Session] = None
        # Credentials that were sent and have no reply yet: the scheme, the credentials, and the request.
        self.auth: list[tuple[str, bytes, Request[None]]] = []
        self.connected = False  # At least once, with the ephemerals and watches restored.
        self.closing = False
        self.delay = _FIRST_DELAY
        self.unanswered: Optional[float] = None  # Time of the first connection closed without an answer (monotonic).
        self.open_failure_logged = False  # At WARNING; further failures are logged at DEBUG.


class SessionEvents:
    """The watcher of a session's events. Its references are weak: a forgotten client ends, and its session with it."""

    __slots__ = ("client", "managed")

    def __init__(self, client: SessionManager, managed: ManagedSession) -> None:
        self.client = weakref.ref(client)
        self.managed = weakref.ref(managed)

    def __call__(self, type_: int, state: int, path: str) -> None:
        client, managed = self.client(), self.managed()
        if client is not None and managed is not None:
            client._session_event(managed, type_, state)
