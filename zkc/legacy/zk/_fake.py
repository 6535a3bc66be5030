"""A ZooKeeper in memory: what ``zc.zk.testing`` puts in the place of the functions of the module ``zookeeper``."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, Optional

from zkc.legacy import zookeeper
from zkc.legacy._core.values import encode_data, shown_data
from zkc.legacy.zk._data import Acl, Data, Stat, above, text_of
from zkc.legacy.zk._fake_nodes import Node, expand, identity, require
from zkc.legacy.zk._fake_sessions import Callbacks, Session, Watcher

__all__ = ["ZooKeeper", "badpath"]

Completion = Callable[..., object]

badpath = re.compile(r"(^([^/]|$))|(/\.\.?(/|$))|(./$)|(//)").search


class ZooKeeper:
    """A ZooKeeper in memory. Its public methods are the functions of the module ``zookeeper``.

    ``sessions`` has the sessions by handle: tests may disconnect and expire them.

    Args:
        connection_string: The one that can be connected to.
        tree: The node at the root.

    .. versionadded:: 0.1
    """

    def __init__(self, connection_string: str, tree: Node) -> None:
        self.connection_strings = {connection_string}
        self.root = tree
        self.sessions: dict[int, Session] = {}
        self.lock = threading.RLock()  # No call of a watcher and no wait happens under it.
        self.failed: dict[str, set[int]] = {}
        self.sequence_number = 0
        self.exists_watchers: dict[str, list[tuple[int, Watcher]]] = {}  # Of nodes that do not exist.
        self._zxid = 0
        self._session_id = 0
        self._callbacks = Callbacks()

    # --- for tests ----------------------------------------------------------------------------------------------------

    def _allow_connection(self, connection_string: str) -> None:
        """Let sessions connect that were made with this connection string."""
        with self.lock:
            self.connection_strings.add(connection_string)
            waiting = self.failed.pop(connection_string, set())
            sessions = [self.sessions[handle] for handle in waiting if handle in self.sessions]
        for session in sessions:
            session.connect()

    def _traverse(self, path: str) -> Node:
        """Return a node."""
        _check_path(path)
        node = self.root
        for name in path.split("/")[1:]:
            if name:
                if name not in node.children:
                    raise zookeeper.NoNodeException("no node")
                node = node.children[name]
        return node

    # --- within -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self, handle: int) -> Iterator[Session]:
        """Do something under the lock for a session that is connected."""
        with self.lock:
            session = self._check_handle(handle)
            session.check()
            yield session

    @contextlib.contextmanager
    def _changing(self, handle: int) -> Iterator[Session]:
        """Hold the lock for a change by a connected session; afterwards wait for the watchers that it calls."""
        try:
            with self._reading(handle) as session:
                yield session
        finally:
            self._callbacks.settle()

    def _check_handle(self, handle: int) -> Session:
        try:
            return self.sessions[handle]
        except KeyError:
            raise zookeeper.ZooKeeperException("zhandle out of range") from None

    def _async(
        self,
        handle: int,
        completion: Optional[Completion],
        values: int,
        call: Callable[[Session], Optional[tuple[Any, ...]]],
    ) -> int:
        """Carry out a call, and have the completion called with its result or error."""
        with self.lock:
            session = self._check_handle(handle)
            status: int = zookeeper.OK
            result: tuple[Any, ...] = ()
            try:
                session.check()
                result = call(session) or ()
            except zookeeper.BadArgumentsException:
                raise
            except zookeeper.ZooKeeperException as error:
                status, result = error.code or zookeeper.SYSTEMERROR, (None,) * values
            if completion is not None:
                self._callbacks.add(session, completion, handle, status, *result)
        return 0

    def _watchers_of(self, handle: int) -> list[Watcher]:
        found = [watcher for watchers in self.exists_watchers.values() for h, watcher in watchers if h == handle]
        return found + self.root.watchers_of(handle)

    def _tell(self, watchers: tuple[tuple[int, Watcher], ...], event_type: int, path: str) -> None:
        for handle, watcher in watchers:
            if handle in self.sessions:
                self.sessions[handle].tell(watcher, event_type, path)

    def _clear_session(self, session: Session) -> None:
        """Forget the watches of a session, and delete its ephemeral nodes."""
        self.root.clear_watchers(session.handle)
        for path, watchers in list(self.exists_watchers.items()):
            self.exists_watchers[path] = [each for each in watchers if each[0] != session.handle]
        for path in sorted(session.nodes):
            with contextlib.suppress(zookeeper.NoNodeException):  # Another session deleted it.
                self._delete(session, path, clear=True)
        session.nodes.clear()

    def _create(self, session: Session, path: str, data: Data, acl: Acl, flags: int) -> str:
        path, encoded = text_of(path), encode_data(data)
        sequence = bool(flags & zookeeper.SEQUENCE)
        _check_path(path + "0" if sequence else path)
        acl = expand(acl, session.identities)
        if path == "/":
            raise zookeeper.NodeExistsException("node exists")
        base, name = above(path)
        parent = self._traverse(base)
        require(parent, zookeeper.PERM_CREATE, session.identities)
        if parent.flags & zookeeper.EPHEMERAL:
            raise zookeeper.NoChildrenForEphemeralsException("ephemeral nodes may not have children")
        if sequence:
            self.sequence_number += 1
            name += f"{self.sequence_number:010}"
            path = f"{base if base != '/' else ''}/{name}"
        if name in parent.children:
            raise zookeeper.NodeExistsException("node exists")
        self._zxid += 1
        node = parent.children[name] = Node(text_of(encoded))
        node.acl, node.flags = acl, flags
        node.czxid = node.mzxid = node.pzxid = self._zxid
        if flags & zookeeper.EPHEMERAL:
            node.owner = session.id
            session.add(path)
        self._tell(tuple(self.exists_watchers.pop(path, ())), zookeeper.CREATED_EVENT, path)
        self._tell(parent.children_changed(self._zxid), zookeeper.CHILD_EVENT, base)
        return path

    def _delete(self, session: Session, path: str, version: int = -1, clear: bool = False) -> None:
        path = text_of(path)
        node = self._traverse(path)
        if path == "/":
            raise zookeeper.BadArgumentsException("bad argument")
        base, name = above(path)
        parent = self._traverse(base)
        if not clear:
            require(parent, zookeeper.PERM_DELETE, session.identities)
            if version not in (-1, node.version):
                raise zookeeper.BadVersionException("bad version")
            if node.children:
                raise zookeeper.NotEmptyException("not empty")
        self._zxid += 1
        del parent.children[name]
        for each in self.sessions.values():
            each.remove(path)
        self._tell(node.deleted(), zookeeper.DELETED_EVENT, path)
        self._tell(parent.children_changed(self._zxid), zookeeper.CHILD_EVENT, base)

    def _exists(self, session: Session, path: str, watch: Optional[Watcher]) -> Optional[Stat]:
        path = text_of(path)
        try:
            node = self._traverse(path)
        except zookeeper.NoNodeException:
            if watch:
                self.exists_watchers.setdefault(path, []).append((session.handle, watch))
            return None
        if watch:
            node.exists_watchers += ((session.handle, watch),)
        return node.meta()

    def _get(self, session: Session, path: str, watch: Optional[Watcher], size: Optional[int]) -> tuple[Any, Stat]:
        node = self._traverse(text_of(path))
        require(node, zookeeper.PERM_READ, session.identities)
        if watch:
            node.watchers += ((session.handle, watch),)
        data = encode_data(node.data)
        return shown_data(data if size is None or size < 0 else data[:size]), node.meta()

    def _get_children(self, session: Session, path: str, watch: Optional[Watcher]) -> list[str]:
        node = self._traverse(text_of(path))
        require(node, zookeeper.PERM_READ, session.identities)
        if watch:
            node.child_watchers += ((session.handle, watch),)
        return list(node.children)

    def _set(self, session: Session, path: str, data: Data, version: int) -> Stat:
        path, encoded = text_of(path), encode_data(data)
        node = self._traverse(path)
        require(node, zookeeper.PERM_WRITE, session.identities)
        if version not in (-1, node.version):
            raise zookeeper.BadVersionException("bad version")
        self._zxid += 1
        self._tell(node.changed(text_of(encoded), self._zxid), zookeeper.CHANGED_EVENT, path)
        return node.meta()

    def _set_acl(self, session: Session, path: str, version: int, acl: Acl) -> None:
        node = self._traverse(text_of(path))
        acl = expand(acl, session.identities)
        require(node, zookeeper.PERM_ADMIN, session.identities)
        if version not in (-1, node.aversion):
            raise zookeeper.BadVersionException("bad version")
        node.aversion += 1
        node.acl = acl

    # --- the functions of the module ----------------------------------------------------------------------------------

    def init(self, hosts: str, watcher: Any = None, recv_timeout_ms: int = 4000, clientid: Any = None) -> int:
        with self.lock:
            h = next(number for number in range(len(self.sessions) + 1) if number not in self.sessions)
            session = self.sessions[h] = Session(self, h, watcher, recv_timeout_ms)
            self._session_id += 1
            session.id = self._session_id
            known = hosts in self.connection_strings
            if not known:
                self.failed.setdefault(hosts, set()).add(h)
        if known:
            session.connect()
        return h

    def close(self, h: int) -> int:
        with self.lock:
            session = self._check_handle(h)
            session.closed = True
            self._clear_session(session)
            del self.sessions[h]
            session.state = zookeeper.CONNECTING_STATE
        self._callbacks.settle()
        return 0

    def state(self, h: int) -> int:
        return self._check_handle(h).state

    def recv_timeout(self, h: int) -> Optional[int]:
        return self._check_handle(h).session_timeout

    def client_id(self, h: int) -> tuple[int, str]:
        return self._check_handle(h).id, "\0" * 16

    def is_unrecoverable(self, h: int) -> bool:
        return self._check_handle(h).state < 0

    def set_watcher(self, h: int, fn: Any) -> None:
        self._check_handle(h).watch = fn

    def add_auth(self, h: int, scheme: str, cert: Data, cb: Any) -> int:
        shown = identity(text_of(scheme), text_of(cert))
        return self._async(h, cb, 0, lambda session: session.identities.add(shown))

    def create(self, h: int, path: str, data: Data, acls: Acl, flags: int = 0) -> str:
        with self._changing(h) as session:
            return self._create(session, path, data, acls, flags)

    def acreate(self, h: int, path: str, data: Data, acls: Acl, flags: int = 0, cb: Any = None) -> int:
        return self._async(h, cb, 1, lambda session: (self._create(session, path, data, acls, flags),))

    def delete(self, h: int, path: str, version: int = -1) -> int:
        with self._changing(h) as session:
            self._delete(session, path, version)
        return 0

    def adelete(self, h: int, path: str, version: int = -1, cb: Any = None) -> int:
        return self._async(h, cb, 0, lambda session: self._delete(session, path, version))

    def exists(self, h: int, path: str, watcher: Any = None) -> Optional[Stat]:
        with self._reading(h) as session:
            return self._exists(session, path, watcher)

    def aexists(self, h: int, path: str, watcher: Any = None, cb: Any = None) -> int:
        def call(session: Session) -> tuple[Stat]:
            stat = self._exists(session, path, watcher)
            if stat is None:
                raise zookeeper.NoNodeException("no node")
            return (stat,)

        return self._async(h, cb, 1, call)

    def get(self, h: int, path: str, watcher: Any = None, bufferlen: Optional[int] = None) -> tuple[Any, Stat]:
        with self._reading(h) as session:
            return self._get(session, path, watcher, bufferlen)

    def aget(self, h: int, path: str, watcher: Any = None, cb: Any = None) -> int:
        return self._async(h, cb, 2, lambda session: self._get(session, path, watcher, None))

    def get_children(self, h: int, path: str, watcher: Any = None) -> list[str]:
        with self._reading(h) as session:
            return self._get_children(session, path, watcher)

    def aget_children(self, h: int, path: str, watcher: Any = None, cb: Any = None) -> int:
        return self._async(h, cb, 1, lambda session: (self._get_children(session, path, watcher),))

    def set(self, h: int, path: str, data: Data, version: int = -1) -> int:
        with self._changing(h) as session:
            self._set(session, path, data, version)
        return 0

    def set2(self, h: int, path: str, data: Data, version: int = -1) -> Stat:
        with self._changing(h) as session:
            return self._set(session, path, data, version)

    def aset(self, h: int, path: str, data: Data, version: int = -1, cb: Any = None) -> int:
        return self._async(h, cb, 1, lambda session: (self._set(session, path, data, version),))

    def get_acl(self, h: int, path: str) -> tuple[Stat, Acl]:
        with self._reading(h):
            node = self._traverse(text_of(path))
            return node.meta(), node.acl

    def aget_acl(self, h: int, path: str, cb: Any = None) -> int:
        def call(session: Session) -> tuple[Acl, Stat]:
            node = self._traverse(text_of(path))
            return node.acl, node.meta()

        return self._async(h, cb, 2, call)

    def set_acl(self, h: int, path: str, version: int, acls: Acl) -> int:
        with self._changing(h) as session:
            self._set_acl(session, path, version, acls)
        return 0

    def aset_acl(self, h: int, path: str, version: int, acls: Acl, cb: Any = None) -> int:
        return self._async(h, cb, 0, lambda session: self._set_acl(session, path, version, acls))

    def async_(self, h: int, path: str, cb: Any = None) -> int:
        return self._async(h, cb, 1, lambda session: (path,))


setattr(ZooKeeper, "async", ZooKeeper.async_)


def _check_path(path: str) -> None:
    if badpath(path):
        raise zookeeper.BadArgumentsException("bad argument")
