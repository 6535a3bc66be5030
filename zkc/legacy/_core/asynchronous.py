"""The calls that return at once. Their callbacks run one after the other on a thread of the session.

Each returns 0. An error that shows at once (an unknown handle, a malformed path) is raised. The callback may be None.
It gets the handle and a code first, and None in place of each value when the code is not OK. An exception of
the callback is printed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Optional

from zkc._zookeeper import LegacyCompletion, LegacyWatch, Session
from zkc.errors import ZooKeeperError
from zkc.legacy._core.exceptions import exception_for
from zkc.legacy._core.handles import Watcher, entry_of, sender, session_of
from zkc.legacy._core.values import ACL, Text, encode_acls, encode_data, encode_flags, encode_path

Completion = Callable[..., object]
_Watch = Optional[LegacyWatch]
_Done = Optional[LegacyCompletion]


def _done(h: int, cb: Optional[Completion]) -> _Done:
    return None if cb is None else LegacyCompletion(h, cb)


def _watch(h: int, watcher: Optional[Watcher]) -> _Watch:
    return None if watcher is None else LegacyWatch(h, watcher)


def _send(call: Callable[..., Any], *arguments: Any) -> int:
    try:
        call(*arguments)
    except ZooKeeperError as error:
        raise exception_for(error) from None
    return 0


def acreate(h: int, path: Text, data: Text, acls: list[ACL], flags: int = 0, cb: Optional[Completion] = None) -> int:
    """Create a znode without waiting: ``cb(h, rc, path)``.

    Args:
        h: The handle.
        path: As for :func:`create`, like the next three.
        data: Its data.
        acls: Its ACL.
        flags: EPHEMERAL, SEQUENCE, both or 0.
        cb: Called with the path as created.

    .. versionadded:: 0.1
    """
    session: Session = session_of(h)
    return _send(
        session.create, encode_path(path), encode_data(data), encode_acls(acls), encode_flags(flags), None, _done(h, cb)
    )


def adelete(h: int, path: Text, version: int = -1, cb: Optional[Completion] = None) -> int:
    """Delete a znode without waiting: ``cb(h, rc)``.

    Args:
        h: The handle.
        path: Its path.
        version: The version that it must have; -1 for any.
        cb: Called when it is done.

    .. versionadded:: 0.1
    """
    name = encode_path(path)
    return _send(sender(h, "delete", name), name, version, _done(h, cb))


def aexists(h: int, path: Text, watcher: Optional[Watcher] = None, cb: Optional[Completion] = None) -> int:
    """Ask for the stat of a znode without waiting: ``cb(h, rc, stat)``, where ``rc`` may be NONODE.

    Args:
        h: The handle.
        path: Its path.
        watcher: As for :func:`exists`.
        cb: Called with the stat.

    .. versionadded:: 0.1
    """
    return _send(session_of(h).exists, encode_path(path), _watch(h, watcher), _done(h, cb))


def aget(h: int, path: Text, watcher: Optional[Watcher] = None, cb: Optional[Completion] = None) -> int:
    """Read a znode without waiting: ``cb(h, rc, data, stat)``.

    Args:
        h: The handle.
        path: Its path.
        watcher: As for :func:`get`.
        cb: Called with the data and the stat.

    .. versionadded:: 0.1
    """
    try:
        session_of(h).get(
            path if type(path) is str else encode_path(path),
            None if watcher is None else LegacyWatch(h, watcher),
            None if cb is None else LegacyCompletion(h, cb),
        )
    except ZooKeeperError as error:
        raise exception_for(error) from None
    return 0


def aset(h: int, path: Text, data: Text, version: int = -1, cb: Optional[Completion] = None) -> int:
    """Set the data of a znode without waiting: ``cb(h, rc, stat)``.

    Args:
        h: The handle.
        path: Its path.
        data: Its data.
        version: The version that it must have; -1 for any.
        cb: Called with the stat.

    .. versionadded:: 0.1
    """
    name, value = encode_path(path), encode_data(data)
    return _send(sender(h, "set", name, value), name, value, version, _done(h, cb))


def aget_children(h: int, path: Text, watcher: Optional[Watcher] = None, cb: Optional[Completion] = None) -> int:
    """List the children of a znode without waiting: ``cb(h, rc, names)``.

    Args:
        h: The handle.
        path: Its path.
        watcher: As for :func:`get_children`.
        cb: Called with the list of names.

    .. versionadded:: 0.1
    """
    return _send(session_of(h).get_children, encode_path(path), _watch(h, watcher), _done(h, cb))


def aget_acl(h: int, path: Text, cb: Optional[Completion] = None) -> int:
    """Read the ACL of a znode without waiting: ``cb(h, rc, acls, stat)``, in another order than :func:`get_acl`.

    Args:
        h: The handle.
        path: Its path.
        cb: Called with the ACL and the stat.

    .. versionadded:: 0.1
    """
    return _send(session_of(h).get_acl, encode_path(path), _done(h, cb))


def aset_acl(h: int, path: Text, version: int, acls: list[ACL], cb: Optional[Completion] = None) -> int:
    """Set the ACL of a znode without waiting: ``cb(h, rc)``.

    Args:
        h: The handle.
        path: Its path.
        version: The version that its ACL must have; -1 for any.
        acls: The ACL.
        cb: Called when it is done.

    .. versionadded:: 0.1
    """
    name, entries = encode_path(path), encode_acls(acls)
    return _send(sender(h, "set_acl", name, entries), name, entries, version, _done(h, cb))


def async_(h: int, path: Text, cb: Optional[Completion] = None) -> int:
    """Have the server catch up with the leader without waiting: ``cb(h, rc, path)``.

    Its first name, ``async``, became a word of the language: ``getattr(zookeeper, "async")`` gives it still.

    Args:
        h: The handle.
        path: Any path.
        cb: Called with the path.

    .. versionadded:: 0.1
    """
    return _send(session_of(h).sync, encode_path(path), _done(h, cb))


def add_auth(h: int, scheme: Text, cert: Text, cb: Optional[Completion]) -> int:
    """Present credentials without waiting: ``cb(h, rc)``. They are presented again at every reconnect.

    Args:
        h: The handle.
        scheme: For example ``"digest"``.
        cert: For example ``"user:password"``.
        cb: Called when the servers have answered; it has to be given, and may be None.

    .. versionadded:: 0.1
    """
    session, auth = session_of(h), entry_of(h).auth
    credentials = (encode_path(scheme), encode_data(cert, "cert"))
    _send(session.add_auth, *credentials, _done(h, cb))
    if credentials not in auth:
        auth.append(credentials)
    return 0
