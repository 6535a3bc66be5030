"""The calls of the module ``zookeeper``, as methods of a session.

Each function is looked up in the module at each call, and called with positional arguments only, no more than were
given: tests put functions of their own into the module.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Optional, Union

from zkc._zookeeper import RLock
from zkc.legacy import zookeeper
from zkc.legacy.zk._data import Acl, Data, Stat, text_of
from zkc.legacy.zk._errors import was_refused

__all__ = ["LowLevel"]

Completion = Callable[..., object]
Watcher = Callable[[int, int, int, str], object]
Settle = Callable[[Optional[int]], None]


class LowLevel:
    """The calls of the module ``zookeeper``, without the handle."""

    handle: Optional[int] = None
    test_sleep: float = 0  # Seconds to wait after a change, for tests against a real server.

    def __init__(self) -> None:
        self.ephemeral: dict[str, dict[str, Any]] = {}
        self._credentials: list[tuple[Data, Data]] = []
        self._watcher: Optional[Watcher] = None
        self._closed = False
        self._lock = RLock()  # See the rule for locks in _watches.py.

    def _live(self) -> int:
        """Return the handle. Raise if there is none: the object is closed, or its session has expired."""
        handle = self.handle
        if handle is None:
            if self._closed:
                raise zookeeper.ZooKeeperException("zhandle already freed")
            raise zookeeper.ConnectionLossException("connection loss: the session has expired, a new one begins")
        return handle

    # --- changes: waiting, or with a completion -----------------------------------------------------------------------

    def _change(self, name: str, noted: Callable[[], Settle], completion: Optional[Completion], *arguments: Any) -> Any:
        """Make a call that changes something.

        Args:
            name: Its name.
            noted: Called before the request is sent; what it returns is called with the code of its outcome, or with
                None if it was not sent. If neither is known, as after Ctrl-C, that is not called.
            completion: The program's completion function.
            arguments: Of the call, after the handle.
        """
        handle = self._live()
        settle = noted()
        try:
            if completion is None:
                result = getattr(zookeeper, name)(handle, *arguments)
            else:

                def completed(handle: int, status: int, *values: Any) -> None:
                    settle(status)
                    completion(handle, status, *values)

                result = getattr(zookeeper, "a" + name)(handle, *arguments, completed)
        except Exception as error:
            settle(getattr(error, "code", None))
            raise
        if completion is None:
            settle(zookeeper.OK)
            if self.test_sleep:
                time.sleep(self.test_sleep)
        return result

    def create(
        self, path: str, data: Data, acl: Acl, flags: int = 0, completion: Optional[Completion] = None
    ) -> Union[str, int]:
        """Create a node. An ephemeral node without SEQUENCE is re-created in the session that follows an expired one.

        Args:
            path: Its path; to that of a SEQUENCE node ten digits are appended.
            data: Its data.
            acl: Its ACL, a list of dicts: :data:`zc.zk.OPEN_ACL_UNSAFE`, for example.
            flags: ``zookeeper.EPHEMERAL``, ``zookeeper.SEQUENCE``, both or 0.
            completion: Called with ``(handle, code, path)`` when it is done; without one, this waits.

        Returns:
            The path as created, or 0 with a completion.

        Raises:
            zookeeper.ZooKeeperException: It failed; with a completion only for what is wrong at once.

        .. versionadded:: 0.1
        """

        def settle(code: Optional[int]) -> None:
            if code == zookeeper.OK and flags & zookeeper.EPHEMERAL and not flags & zookeeper.SEQUENCE:
                self.ephemeral[text_of(path)] = {"data": data, "acl": acl, "flags": flags}

        made: Union[str, int] = self._change("create", lambda: settle, completion, path, data, acl, flags)
        return made

    acreate = create

    def delete(self, path: str, version: int = -1, completion: Optional[Completion] = None) -> int:
        """Delete a node.

        Args:
            path: Its path.
            version: The version that it must have; -1 for any.
            completion: Called with ``(handle, code)`` when it is done; without one, this waits.

        Returns:
            0.

        Raises:
            zookeeper.ZooKeeperException: It failed; with a completion only for what is wrong at once.

        .. versionadded:: 0.1
        """
        result: int = self._change("delete", lambda: self._forget_ephemeral(path), completion, path, version)
        return result

    adelete = delete

    def set(self, path: str, data: Data, version: int = -1, completion: Optional[Completion] = None) -> int:
        """Set the data of a node. ``aset`` and ``set2`` are the same.

        Args:
            path: Its path.
            data: Its data.
            version: The version that it must have; -1 for any.
            completion: Called with ``(handle, code, stat)`` when it is done; without one, this waits.

        Returns:
            0.

        Raises:
            zookeeper.ZooKeeperException: It failed; with a completion only for what is wrong at once.

        .. versionadded:: 0.1
        """
        result: int = self._change(
            "set", lambda: self._change_ephemeral(path, "data", data), completion, path, data, version
        )
        return result

    aset = set2 = set  # noqa: A003 - its name since ever

    def set_acl(self, path: str, version: int, acl: Acl, completion: Optional[Completion] = None) -> int:
        """Set the ACL of a node.

        Args:
            path: Its path.
            version: The version that its ACL must have (``aversion``); -1 for any.
            acl: The ACL, a list of dicts.
            completion: Called with ``(handle, code)`` when it is done; without one, this waits.

        Returns:
            0.

        Raises:
            zookeeper.ZooKeeperException: It failed; with a completion only for what is wrong at once.

        .. versionadded:: 0.1
        """
        result: int = self._change(
            "set_acl", lambda: self._change_ephemeral(path, "acl", acl), completion, path, version, acl
        )
        return result

    aset_acl = set_acl

    def _forget_ephemeral(self, path: str) -> Settle:
        """Stop re-creating a node, unless the reply says that the node is still there."""
        name = text_of(path)
        node = self.ephemeral.pop(name, None)

        def settle(code: Optional[int]) -> None:
            if node is not None and code not in (zookeeper.OK, zookeeper.NONODE) and was_refused(code):
                self.ephemeral.setdefault(name, node)

        return settle

    def _change_ephemeral(self, path: str, what: str, value: Any) -> Settle:
        """Re-create a node with a new value from now on, unless the reply says that the server refused the value."""
        node = self.ephemeral.get(text_of(path))
        before = None if node is None else node[what]
        if node is not None:
            node[what] = value

        def settle(code: Optional[int]) -> None:
            if node is not None and code != zookeeper.OK and was_refused(code) and node[what] is value:
                node[what] = before

        return settle

    # --- reading ------------------------------------------------------------------------------------------------------

    def exists(self, path: str, watcher: Optional[Watcher] = None) -> Optional[Stat]:
        """Return the stat of a node, or None where there is none.

        Args:
            path: Its path.
            watcher: Called once with ``(handle, type, state, path)`` when it is created, changed or deleted.

        .. versionadded:: 0.1
        """
        return zookeeper.exists(self._live(), path, *given(watcher))

    def get(self, path: str, watcher: Optional[Watcher] = None, bufferlen: Optional[int] = None) -> tuple[Any, Stat]:
        """Return the data of a node and its stat.

        Args:
            path: Its path.
            watcher: Called once with ``(handle, type, state, path)`` when it is changed or deleted.
            bufferlen: Where to cut the data, in bytes; without it they come whole.

        Returns:
            The data, a str (bytes after :func:`zkc.legacy.use_bytes`), and the stat, a dict.

        .. versionadded:: 0.1
        """
        return zookeeper.get(self._live(), path, *given(watcher, bufferlen))

    def get_children(self, path: str, watcher: Optional[Watcher] = None) -> list[str]:
        """Return the names of the children of a node, in no order.

        Args:
            path: Its path.
            watcher: Called once with ``(handle, type, state, path)`` when a child comes or goes, or the node goes.

        .. versionadded:: 0.1
        """
        return zookeeper.get_children(self._live(), path, *given(watcher))

    def get_acl(self, path: str) -> tuple[Stat, Acl]:
        """Return the stat of a node and its ACL, in this order.

        Args:
            path: Its path.

        .. versionadded:: 0.1
        """
        return zookeeper.get_acl(self._live(), path)

    def aexists(self, path: str, watcher: Optional[Watcher] = None, cb: Optional[Completion] = None) -> int:
        """Ask for the stat of a node without waiting: ``cb(handle, code, stat)``, where the code may be NONODE.

        Args:
            path: Its path.
            watcher: As for :meth:`exists`.
            cb: Called with the stat.

        Returns:
            0.

        .. versionadded:: 0.1
        """
        return zookeeper.aexists(self._live(), path, *given(watcher, cb))

    def aget(self, path: str, watcher: Optional[Watcher] = None, cb: Optional[Completion] = None) -> int:
        """Read a node without waiting: ``cb(handle, code, data, stat)``.

        Args:
            path: Its path.
            watcher: As for :meth:`get`.
            cb: Called with the data and the stat.

        Returns:
            0.

        .. versionadded:: 0.1
        """
        return zookeeper.aget(self._live(), path, *given(watcher, cb))

    def aget_children(self, path: str, watcher: Optional[Watcher] = None, cb: Optional[Completion] = None) -> int:
        """List the children of a node without waiting: ``cb(handle, code, names)``.

        Args:
            path: Its path.
            watcher: As for :meth:`get_children`.
            cb: Called with the names.

        Returns:
            0.

        .. versionadded:: 0.1
        """
        return zookeeper.aget_children(self._live(), path, *given(watcher, cb))

    def aget_acl(self, path: str, cb: Optional[Completion] = None) -> int:
        """Read the ACL of a node without waiting: ``cb(handle, code, acl, stat)``: the other order.

        Args:
            path: Its path.
            cb: Called with the ACL and the stat.

        Returns:
            0.

        .. versionadded:: 0.1
        """
        return zookeeper.aget_acl(self._live(), path, *given(cb))

    def async_(self, path: str, cb: Optional[Completion] = None) -> int:
        """Have the server catch up with the leader without waiting: ``cb(handle, code, path)``.

        Its first name, ``async``, became a word of the language: ``getattr(zk, "async")`` gives it still.

        Args:
            path: Any path.
            cb: Called with the path.

        Returns:
            0.

        .. versionadded:: 0.1
        """
        return zookeeper.async_(self._live(), path, *given(cb))

    # --- the session --------------------------------------------------------------------------------------------------

    def add_auth(self, scheme: Data, cert: Data, cb: Optional[Completion] = None) -> int:
        """Present credentials without waiting. They are presented again in a new session, after one has expired.

        Args:
            scheme: For example ``"digest"``.
            cert: For example ``"user:password"``.
            cb: Called with ``(handle, code)`` when the servers have answered.

        Returns:
            0.

        .. versionadded:: 0.1
        """
        result = zookeeper.add_auth(self._live(), scheme, cert, cb)
        if (scheme, cert) not in self._credentials:
            self._credentials.append((scheme, cert))
        return result

    def client_id(self) -> tuple[int, str]:
        """Return the id and the password of the session, with which ``zookeeper.init`` resumes it.

        .. versionadded:: 0.1
        """
        return zookeeper.client_id(self._live())

    def is_unrecoverable(self) -> bool:
        """Return whether the session is over.

        .. versionadded:: 0.1
        """
        return zookeeper.is_unrecoverable(self._live())

    def recv_timeout(self) -> int:
        """Return the session timeout, in milliseconds.

        .. versionadded:: 0.1
        """
        return zookeeper.recv_timeout(self._live())

    def set_watcher(self, watcher: Optional[Watcher]) -> None:
        """Set a watcher for session events, besides this object.

        Args:
            watcher: Called with ``(handle, type, state, path)``, or None.

        .. versionadded:: 0.1
        """
        self._watcher = watcher

    @property
    def state(self) -> int:
        """The state of the session, one of the ``zookeeper._STATE`` numbers; CONNECTING_STATE when there is none."""
        handle = self.handle
        if handle is None:
            return zookeeper.CONNECTING_STATE
        return zookeeper.state(handle)


# The word cannot be written as a name any more.
setattr(LowLevel, "async", LowLevel.async_)


def given(*arguments: Any) -> tuple[Any, ...]:
    """Return the arguments up to the last one that is not None."""
    while arguments and arguments[-1] is None:
        arguments = arguments[:-1]
    return arguments
