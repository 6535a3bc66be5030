"""One session for old code and new: a client over a handle, and a handle over a client's session."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from zkc._session.managed import SessionEvents
from zkc._zookeeper import RLock
from zkc.constants import State
from zkc.legacy._core.constants import SESSION_EVENT
from zkc.legacy._core.handles import entry_of, find, lend, session_of

if TYPE_CHECKING:
    from zkc._client.sync import Client

    _C = TypeVar("_C", bound=Client)

_lock = RLock()  # So that a session is lent one number. It is held for nothing that waits.


def _after_fork() -> None:
    global _lock
    _lock = RLock()  # Another thread of the parent may have held it.


os.register_at_fork(after_in_child=_after_fork)


def client_of(cls: type[_C], handle: int, request_timeout: Optional[float]) -> _C:
    """Make a client over the session of a handle."""
    session, entry = session_of(handle), entry_of(handle)
    client = cls(entry.hosts, auth=tuple(entry.auth), request_timeout=request_timeout, max_data=None, **entry.options)
    client._timers.open()
    told = client._borrow(session)
    entry.others = (*(other for other in entry.others if _is_used(other)), told)
    # What the session came to before that: an event that comes meanwhile says the same again.
    state = session.state
    if state in (State.CONNECTED, State.READ_ONLY) or state < 0:
        told(SESSION_EVENT, state, "")
    return client


def _is_used(other: Any) -> bool:
    return not isinstance(other, SessionEvents) or (other.client() is not None and other.tenure() is not None)


def handle_of(client: Client) -> int:
    """Return the handle of a client's session; give it one if it has none."""
    session = client.session
    client._check_process("legacy_handle")
    with _lock:
        handle = find(session)
        if handle is None:
            settings = client._settings
            handle = lend(session, client._events_of(session))
            entry = entry_of(handle)
            entry.hosts, entry.auth = settings.hosts, list(settings.auth)
            entry.options = {"session_timeout": settings.session_timeout, "tls": settings.tls, "sasl": settings.sasl}
    return handle
