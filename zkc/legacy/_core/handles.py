"""Handles: small ints for sessions, the lowest free one first, as old code numbers them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Optional

from zkc import _zookeeper as core
from zkc._session.managed import SessionEvents
from zkc._zookeeper import OPENED, TLS_FAILED, UNANSWERED, Flag, RLock, Session
from zkc.legacy._core.constants import SESSION_EVENT
from zkc.legacy._core.exceptions import ZooKeeperException

__all__ = ["Entry", "Watcher", "entry_of", "find", "open_handle", "release", "sender", "session_of", "share"]

Watcher = Callable[[int, int, int, str], object]
_Events = Callable[[int, int, str], object]

_sessions: list[Optional[Session]] = []  # By handle; None where a handle is free, or its session is being made.
_entries: list[Optional[Entry]] = []
_lock = RLock()  # Guards both lists. No wait and no call of other code happens under it.


def _after_fork() -> None:
    """In a child another thread of the parent may have held the lock, or have been about to open a session."""
    global _lock
    _lock = RLock()
    del _entries[len(_sessions) :]
    for handle, session in enumerate(_sessions):
        if session is None:
            _entries[handle] = None


os.register_at_fork(after_in_child=_after_fork)


class Entry:
    """The state of a handle beside its session, and the session's watcher.

    Args:
        handle: The number.
        watcher: Called for session events, as by the old module, or None.
        owner: The watcher of the session's owner, if this handle does not own the session. It gets each event first.
    """

    __slots__ = ("auth", "handle", "hosts", "options", "others", "owner", "ready", "watcher")

    def __init__(self, handle: int, watcher: Optional[Watcher], owner: Optional[_Events] = None) -> None:
        self.handle = handle
        self.watcher = watcher
        self.owner = owner
        self.hosts = ""
        self.auth: list[
            tuple[str, bytes]
        ] = []  # Scheme and credential of each add_auth, for a client that opens another session.
        self.options: dict[str, Any] = {}  # The arguments of that client.
        self.ready: Optional[Flag] = None
        self.others: tuple[_Events, ...] = ()  # Clients that use the session: see zkc.legacy.client_of.

    def __call__(self, type_: int, state: int, path: str) -> None:
        ready = self.ready
        if ready is not None:  # The watcher may use the handle at once: it has to be one by then.
            ready.wait()
        if self.owner is not None:
            self.owner(type_, state, path)
        for other in self.others:
            other(type_, state, path)
        watcher = self.watcher
        # How opening ended, why TLS failed, that the session was closed: the old module reported none of them.
        if watcher is None or type_ in (OPENED, TLS_FAILED, UNANSWERED) or (type_ == SESSION_EVENT and state == 0):
            return
        core.call_printed(watcher, self.handle, type_, state, path)


def session_of(h: int) -> Session:
    """Return the session of a handle.

    Raises:
        ZooKeeperException: There is no such handle.
        TypeError: It is no int.
    """
    try:
        session = _sessions[h]
        if session is not None and h >= 0:
            return session
    except IndexError:
        pass
    except TypeError:
        raise TypeError(f"h must be a handle, an int, not {type(h).__name__}") from None
    raise ZooKeeperException("zhandle already freed" if 0 <= h < len(_sessions) else "zhandle out of range")


def entry_of(h: int) -> Entry:
    """Return what stands behind a handle; raises as :func:`session_of` does."""
    session_of(h)
    entry = _entries[h]
    if entry is None:  # Closed between the two lines above.
        raise ZooKeeperException("zhandle already freed")
    return entry


def sender(h: int, name: str, path: str, value: object = None) -> Callable[..., Any]:
    """Return a function that sends a change through a handle; a client on the session notes it for its kept ephemerals.

    Args:
        h: The handle.
        name: The call of the session: ``delete``, ``set`` or ``set_acl``.
        path: Of the znode.
        value: The data or the ACL.

    Raises:
        ZooKeeperException: There is no such handle.
    """
    session = session_of(h)
    send: Callable[..., Any] = getattr(session, name)
    entry = _entries[h]
    if entry is None or (entry.owner is None and not entry.others):
        return send
    for events in (entry.owner, *entry.others):
        client = events.client() if isinstance(events, SessionEvents) else None
        change = None if client is None else client._kept.changing(name, path, value, session)
        if change is not None:
            send = functools.partial(change.send, send)
    return send


def find(session: Session) -> Optional[int]:
    """Return the handle of a session, if it has one."""
    with _lock:
        for handle, other in enumerate(_sessions):
            if other is session:
                return handle
    return None


def _reserve() -> int:
    """Take the lowest free number; the entry's place says that it is taken."""
    with _lock:
        handle = _entries.index(None) if None in _entries else len(_entries)
        if handle == len(_entries):
            _entries.append(None)
            _sessions.append(None)
        _entries[handle] = Entry(handle, None)
        return handle


def open_handle(watcher: Optional[Watcher], make: Callable[[Entry], Session]) -> int:
    """Make a session and give it a number.

    Args:
        watcher: Called for session events, or None.
        make: Makes the session, of which the entry is the watcher.
    """
    handle = _reserve()
    entry = _entries[handle]
    assert entry is not None
    entry.watcher = watcher
    ready = entry.ready = Flag()
    try:
        _sessions[handle] = make(entry)
    except BaseException:
        entry.watcher = None
        _free(handle)
        raise
    finally:
        entry.ready = None
        ready.set()
    return handle


def share(session: Session, owner: _Events) -> int:
    """Give a number to a session that a client owns.

    Args:
        session: The session.
        owner: The watcher that it has; it gets every event as before.
    """
    handle = _reserve()
    entry = _entries[handle] = Entry(handle, None, owner)
    _sessions[handle] = session
    session.set_watcher(entry)
    return handle


def release(h: int) -> tuple[Session, bool]:
    """Free a handle.

    Returns:
        Its session, and whether the handle owned it, so that the caller closes it.
    """
    with _lock:
        session = session_of(h)
        entry = _entries[h]
        _sessions[h] = None
        _entries[h] = None
    owner = None if entry is None else entry.owner
    if owner is not None:
        session.set_watcher(owner)
    return session, owner is None


def _free(handle: int) -> None:
    with _lock:
        _sessions[handle] = _entries[handle] = None
