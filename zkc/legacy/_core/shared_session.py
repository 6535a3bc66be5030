"""A session that old code and a client share: a client over a handle, and a handle over a client's session."""

from __future__ import annotations

import os
from typing import Any, Optional

from zkc._client.sync import Client
from zkc._session.managed import SessionEvents
from zkc._zookeeper import RLock
from zkc.constants import State
from zkc.legacy._core.constants import SESSION_EVENT
from zkc.legacy._core.handles import entry_of, find, session_of, share

__all__ = ["client_of", "handle_of"]

_lock = RLock()  # So that a client's session gets one handle. It is never held during a wait.


def _after_fork() -> None:
    global _lock
    _lock = RLock()  # Another thread of the parent may have held it.


os.register_at_fork(after_in_child=_after_fork)


def client_of(handle: int, *, request_timeout: Optional[float] = None) -> Client:
    """Make a client of the session behind a handle of the old module ``zookeeper``.

    Old code and the client use the session together. It stays the handle's session: closing the client leaves it open,
    and ``zookeeper.close`` ends it for both. When the session expires, the client opens a session of its own, as any
    client does. It uses the credentials that were given through the handle.

    >>> h = zookeeper.init("zk1:2181")
    >>> with zkc.legacy.client_of(h) as client:
    ...     client.get("/config")

    Args:
        handle: The result of ``zookeeper.init``.
        request_timeout: The timeout of each call in seconds, unless the call gives another.

    Returns:
        A :class:`zkc.Client`. Its :meth:`~zkc.Client.start`, or ``with``, waits until it is connected.

    Raises:
        ZooKeeperException: There is no such handle: :mod:`zkc.legacy.zookeeper` has this class.

    .. versionadded:: 0.1
    """
    session, entry = session_of(handle), entry_of(handle)
    client = Client(
        entry.hosts, auth=tuple(entry.auth), request_timeout=request_timeout, max_data=None, **entry.options
    )
    client._timers.open()
    events = client._borrow(session)
    entry.others = (*(other for other in entry.others if _is_used(other)), events)
    # The state that the session reached before that. An event that arrives in between repeats it.
    state = session.state
    if state in (State.CONNECTED, State.READ_ONLY) or state < 0:
        events(SESSION_EVENT, state, "")
    return client


def _is_used(other: Any) -> bool:
    return not isinstance(other, SessionEvents) or (other.client() is not None and other.managed() is not None)


def handle_of(client: Client) -> int:
    """Return a handle of the old module ``zookeeper`` for a client's session, so that old code can use it.

    It is the same handle each time, until the client has another session. ``zookeeper.close`` frees the number and
    leaves the session to the client. After an expiry the number stands for the expired session.

    >>> zookeeper.get(zkc.legacy.handle_of(client), "/config")

    Args:
        client: A client that was started.

    Returns:
        The handle.

    Raises:
        NotStartedError: The client has no session yet.
        ClosingError: The client was closed.

    .. versionadded:: 0.1
    """
    session = client.session
    client._check_process("handle_of")
    with _lock:
        handle = find(session)
        if handle is None:
            settings = client._settings
            handle = share(session, client._events_of(session))
            entry = entry_of(handle)
            entry.hosts, entry.auth = settings.hosts, list(settings.auth)
            entry.options = {"session_timeout": settings.session_timeout, "tls": settings.tls, "sasl": settings.sasl}
    return handle
