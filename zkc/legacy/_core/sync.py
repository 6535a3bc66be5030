"""The calls that wait for the reply. The GIL is free during the wait, and callbacks run: the original held the GIL.

Each call is corked until the wait begins, inside the ``try`` whose end uncorks it: a signal can arrive anywhere.
"""

from __future__ import annotations

from typing import Any, Optional

from zkc._zookeeper import LegacyWatch, cork, legacy_result, result_or_abandon, uncork
from zkc.errors import ZooKeeperError
from zkc.legacy._core.exceptions import exception_for
from zkc.legacy._core.handles import Watcher, sender, session_of
from zkc.legacy._core.values import ACL, Stat, Text, encode_acls, encode_data, encode_flags, encode_path, shown_data


def create(h: int, path: Text, data: Text, acls: list[ACL], flags: int = 0) -> str:
    """Create a znode.

    Args:
        h: The handle.
        path: Its path; to a SEQUENCE one ten digits are appended.
        data: Its data.
        acls: Its ACL, a list of ``{"perms": int, "scheme": str, "id": str}``.
        flags: EPHEMERAL, SEQUENCE, both or 0.

    Returns:
        The path as created, whole: the original cut it at 256 bytes.

    Raises:
        NodeExistsException: There is one already.
        NoNodeException: Its parent does not exist.
        NoChildrenForEphemeralsException: Its parent is ephemeral.
        InvalidACLException: ``acls`` is not as above, or the servers refuse it.
        BadArgumentsException: The path or the flags are malformed.

    .. versionadded:: 0.1
    """
    session = session_of(h)
    core_acls, mode = encode_acls(acls), encode_flags(flags)
    try:
        cork()
        made: tuple[str] = legacy_result(session.create(encode_path(path), encode_data(data), core_acls, mode))
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()
    return made[0]


def delete(h: int, path: Text, version: int = -1) -> int:
    """Delete a znode.

    Args:
        h: The handle.
        path: Its path.
        version: The version that it must have; -1 for any.

    Returns:
        0.

    Raises:
        NoNodeException: There is no such znode.
        BadVersionException: The znode has another version.
        NotEmptyException: The znode has children.

    .. versionadded:: 0.1
    """
    name = encode_path(path)
    try:
        cork()
        sender(h, "delete", name)(name, version).result()
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()
    return 0


def exists(h: int, path: Text, watcher: Optional[Watcher] = None) -> Optional[Stat]:
    """Return the stat of a znode, or None where there is none.

    Args:
        h: The handle.
        path: Its path.
        watcher: Called once with ``(h, type, state, path)`` when it is created, changed or deleted, and for session
            events until then.

    Returns:
        A dict, or None.

    .. versionadded:: 0.1
    """
    watch = None if watcher is None else LegacyWatch(h, watcher)
    try:
        cork()
        request = session_of(h).exists(encode_path(path), watch)
        found: Optional[Any] = result_or_abandon(request)
        if found is None:
            return None
        stat: tuple[Stat] = legacy_result(request)
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()
    return stat[0]


def get(h: int, path: Text, watcher: Optional[Watcher] = None, bufferlen: Optional[int] = None) -> tuple[Any, Stat]:
    """Return the data of a znode and its stat.

    Args:
        h: The handle.
        path: Its path.
        watcher: Called once with ``(h, type, state, path)`` when it is changed or deleted, and for session events
            until then.
        bufferlen: Where to cut the data, in bytes; without it they come whole: the original cut them at 1 MiB.

    Returns:
        ``(data, stat)``: a str in which undecodable bytes survive (bytes after :func:`zkc.legacy.use_bytes`), a dict.

    Raises:
        NoNodeException: There is no such znode; nothing is watched then.

    .. versionadded:: 0.1
    """
    if bufferlen is not None and not isinstance(bufferlen, int):
        raise TypeError(f"bufferlen must be int or None, not {type(bufferlen).__name__}")
    watch = None if watcher is None else LegacyWatch(h, watcher)
    try:
        cork()
        request = session_of(h).get(encode_path(path), watch)
        reply: tuple[Any, Stat] = legacy_result(request)
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()
    if bufferlen is None or bufferlen < 0 or reply[1]["dataLength"] <= bufferlen:
        return reply
    data = request.result()[0]
    return shown_data(data and data[:bufferlen]), reply[1]


def set(h: int, path: Text, data: Text, version: int = -1) -> int:  # noqa: A001 - its name since ever
    """Set the data of a znode.

    Args:
        h: The handle.
        path: Its path.
        data: Its data.
        version: The version that it must have; -1 for any.

    Returns:
        0.

    Raises:
        NoNodeException: There is no such znode.
        BadVersionException: The znode has another version.

    .. versionadded:: 0.1
    """
    name, value = encode_path(path), encode_data(data)
    try:
        cork()
        sender(h, "set", name, value)(name, value, version).result()
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()
    return 0


def set2(h: int, path: Text, data: Text, version: int = -1) -> Stat:
    """Set the data of a znode and return its stat; else as :func:`set`.

    Args:
        h: The handle.
        path: Its path.
        data: Its data.
        version: The version that it must have; -1 for any.

    Returns:
        Its stat, a dict.

    .. versionadded:: 0.1
    """
    name, value = encode_path(path), encode_data(data)
    try:
        cork()
        stat: tuple[Stat] = legacy_result(sender(h, "set", name, value)(name, value, version))
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()
    return stat[0]


def get_children(h: int, path: Text, watcher: Optional[Watcher] = None) -> list[str]:
    """Return the names of the children of a znode, in no order.

    Args:
        h: The handle.
        path: Its path.
        watcher: Called once with ``(h, type, state, path)`` when a child is created or deleted, or the znode is
            deleted, and for session events until then.

    Raises:
        NoNodeException: There is no such znode; nothing is watched then.

    .. versionadded:: 0.1
    """
    watch = None if watcher is None else LegacyWatch(h, watcher)
    try:
        cork()
        return session_of(h).get_children(encode_path(path), watch).result()
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()


def get_acl(h: int, path: Text) -> tuple[Stat, list[ACL]]:
    """Return the stat of a znode and its ACL, in this order.

    Args:
        h: The handle.
        path: Its path.

    Raises:
        NoNodeException: There is no such znode.

    .. versionadded:: 0.1
    """
    try:
        cork()
        acls, stat = legacy_result(session_of(h).get_acl(encode_path(path)))
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()
    return stat, acls


def set_acl(h: int, path: Text, version: int, acls: list[ACL]) -> int:
    """Set the ACL of a znode.

    Args:
        h: The handle.
        path: Its path.
        version: The version that its ACL must have (``aversion``); -1 for any.
        acls: The ACL.

    Returns:
        0.

    Raises:
        NoNodeException: There is no such znode.
        BadVersionException: Its ACL has another version.
        InvalidACLException: The ACL is none, or the servers refuse it.

    .. versionadded:: 0.1
    """
    session_of(h)
    core_acls, name = encode_acls(acls), encode_path(path)
    try:
        cork()
        sender(h, "set_acl", name, core_acls)(name, core_acls, version).result()
    except ZooKeeperError as error:
        raise exception_for(error) from None
    finally:
        uncork()
    return 0
