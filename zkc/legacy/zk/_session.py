"""A session that opens again after it has expired, and re-creates its ephemeral nodes and watches."""

from __future__ import annotations

import contextlib
import functools
import threading
import types
import weakref
from typing import Any, Optional

from zkc.legacy import zookeeper
from zkc.legacy.zk._data import Data, logger
from zkc.legacy.zk._errors import FailedConnect, LinkLoop, is_of_connection
from zkc.legacy.zk._logging import flush_log, logging_pipe
from zkc.legacy.zk._nodes import Children, NodeInfo, release_kept
from zkc.legacy.zk._properties import Properties
from zkc.legacy.zk._registration import Registration
from zkc.legacy.zk._trees import Trees
from zkc.legacy.zk._watches import Watched, WatchManager

__all__ = ["ZooKeeper"]

_READERS = {zookeeper.CHANGED_EVENT: "get", zookeeper.CHILD_EVENT: "get_children"}
_RETRY = 1.0  # Seconds until a session that could not be begun is tried again.


class ZooKeeper(Registration, Trees):
    """A session, with what zc.zk has above the module ``zookeeper``. ``ZK`` is the same.

    After the session has expired this object opens another, with a new handle. It re-creates the ephemeral nodes that
    were created through it, and the watches of its :class:`Children` and :class:`Properties`. A node that this object
    was asked to delete is not re-created. Each gets the data that this object may have set last, also when the reply
    was lost. If another session has the path, the node is re-created when that session's node is deleted. If the
    servers still have the node of the expired session, it is deleted and re-created.

    Callbacks run on a thread of the session. They may call everything here, and wait for whatever they like.

    Args:
        connection_string: The servers, ``host:port,host:port/chroot``.
        session_timeout: Session timeout to ask for, in milliseconds; None for the default of ``zookeeper.init``.
        wait: Wait for a server as long as it takes, and not for ``initial_connection_wait`` seconds.

    Raises:
        FailedConnect: No server could be reached in time.

    .. versionadded:: 0.1
    """

    __module__ = "zc.zk"

    initial_connection_wait: float = 9.0
    """How long the constructor waits for a server, in seconds."""

    def __init__(
        self, connection_string: Data = "127.0.0.1:2181", session_timeout: Optional[int] = None, wait: bool = False
    ) -> None:
        super().__init__()
        self.watches = WatchManager()
        self.handle = None
        self.connected = threading.Event()
        self._init_arguments: tuple[Any, ...] = (session_timeout,) if session_timeout else ()
        self._connection_string = connection_string
        self._opened: Optional[int] = None  # The handle that is not connected yet.
        self._connections = 0  # How often a connection was made.
        self._missing_paths: list[str] = []  # Ephemeral nodes that wait for a connection.
        self._expired_ids: set[int] = set()  # The ids of the sessions that have expired.
        self._other_owner: set[str] = set()  # Paths of ephemeral nodes that another session has.
        self._keepers: weakref.WeakSet[types.FunctionType] = weakref.WeakSet()
        logging_pipe()
        try:
            self._open()
        except BaseException:
            flush_log()  # The original has logged the client's environment, and why it failed, by then.
            raise
        try:
            self.connected.wait(self.initial_connection_wait)
            while wait and not self.connected.is_set():
                logger.critical("Can't connect to ZooKeeper at %r", connection_string)
                self.connected.wait(1)
            if not self.connected.is_set():
                raise FailedConnect(connection_string)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the session: ephemeral nodes are deleted, and callbacks end. The second time does nothing.

        It may be called in a callback.

        .. versionadded:: 0.1
        """
        with self._lock:
            self._closed = True
            handle = self._opened if self.handle is None else self.handle
            self.handle = self._opened = None
        self.connected.clear()
        for func in list(self._keepers):
            release_kept(func, self)
        if handle is not None:
            zookeeper.close(handle)

    # --- sessions, one after the other --------------------------------------------------------------------------------

    def _open(self) -> None:
        handle = zookeeper.init(self._connection_string, self._session_event, *self._init_arguments)
        with self._lock:
            unwanted = self._closed
            if self.handle is None and not unwanted:
                self._opened = handle
        if unwanted:
            zookeeper.close(handle)

    def _open_again(self) -> None:
        """Begin a new session; if that fails (names that cannot be resolved), try later."""
        if self._closed:
            return
        try:
            self._open()
        except zookeeper.ZooKeeperException:
            logger.critical("Can't connect to ZooKeeper at %r", self._connection_string, exc_info=True)
            timer = threading.Timer(_RETRY, self._open_again)
            timer.daemon = True
            timer.start()

    def _session_event(self, handle: int, event_type: int, state: int, path: str) -> None:
        """Handle a change of the session's state, on its thread."""
        if state == zookeeper.CONNECTED_STATE:
            self._on_connected(handle)
        elif state in (zookeeper.CONNECTING_STATE, zookeeper.ASSOCIATING_STATE):
            if self.handle in (None, handle):
                self.connected.clear()
        elif state == zookeeper.EXPIRED_SESSION_STATE:
            self._on_expired(handle)
        else:
            logger.critical("unexpected session event %s %s", handle, state)
        watcher = self._watcher
        if watcher is not None:
            watcher(handle, event_type, state, path)

    def _on_connected(self, handle: int) -> None:
        with self._lock:
            if self._closed or self.handle not in (None, handle):
                return
            new = self.handle is None
            self.handle, self._opened = handle, None
            self._connections += 1
            missing_paths, self._missing_paths = (list(self.ephemeral) if new else self._missing_paths), []
        if new:
            for scheme, cert in list(self._credentials):
                with contextlib.suppress(zookeeper.ZooKeeperException):  # The connection was lost again.
                    zookeeper.add_auth(handle, scheme, cert, None)
        # First the nodes that other clients look for: a callback may take long, and may wait for `connected`.
        self._recreate_ephemerals(handle, missing_paths)
        self.connected.set()
        logger.info("connected %s", handle)
        for watch in self.watches.clear() if new else self.watches.postponed():
            self._watch_again(watch)

    def _on_expired(self, handle: int) -> None:
        with self._lock:
            if self._closed or self.handle not in (None, handle):
                return
            self.handle = self._opened = None
        self.connected.clear()
        with contextlib.suppress(zookeeper.ZooKeeperException):
            self._expired_ids.add(zookeeper.client_id(handle)[0])
        with contextlib.suppress(zookeeper.ZooKeeperException):
            zookeeper.close(handle)
        self._open_again()

    # --- ephemeral nodes ----------------------------------------------------------------------------------------------

    def _recreate_ephemerals(self, handle: int, paths: list[str]) -> None:
        """Make ephemeral nodes again, those of a session that has expired."""
        for index, path in enumerate(paths):
            node = self.ephemeral.get(path)
            if node is None:
                continue  # Deleted by another thread.
            try:
                while not self._recreate_one(handle, path, node):
                    node = self.ephemeral.get(path)
                    if node is None:
                        break
            except zookeeper.ZooKeeperException as error:
                if is_of_connection(error):
                    with self._lock:
                        self._missing_paths = paths[index:]
                    return
                logger.exception("could not re-create ephemeral node %s", path)

    def _recreate_one(self, handle: int, path: str, node: dict[str, Any]) -> bool:
        """Make one attempt; return whether it settled the node."""
        try:
            zookeeper.create(handle, path, node["data"], node["acl"], node["flags"])
        except zookeeper.NodeExistsException:
            pass
        else:
            self._other_owner.discard(path)
            if path not in self.ephemeral:  # Another thread has deleted it while it was made.
                with contextlib.suppress(zookeeper.NoNodeException):
                    zookeeper.delete(handle, path)
            return True
        stat = zookeeper.exists(handle, path)
        if stat is None:
            return False
        owner = stat["ephemeralOwner"]
        if owner == zookeeper.client_id(handle)[0]:
            return True  # Another thread made it just now, or the reply to our own create was lost.
        if owner in self._expired_ids:
            # A server has called that session expired which the others still have: the node would go with it.
            with contextlib.suppress(zookeeper.NoNodeException, zookeeper.BadVersionException):
                node["data"], stat = zookeeper.get(handle, path)
                if stat["ephemeralOwner"] == owner and path in self.ephemeral:
                    zookeeper.delete(handle, path, stat["version"])
            return False
        if path not in self._other_owner:
            self._other_owner.add(path)
            logger.error(
                "could not re-create ephemeral node %s: another session owns it; retrying when it is deleted", path
            )
        return zookeeper.exists(handle, path, functools.partial(self._other_owner_event, path)) is not None

    def _other_owner_event(self, path: str, handle: int, event_type: int, state: int, _: str) -> None:
        """Make an ephemeral node again after an event of the other session's node at its path."""
        if event_type == zookeeper.SESSION_EVENT or self._closed or handle != self.handle:
            return
        self._recreate_ephemerals(handle, [path])

    # --- watches ------------------------------------------------------------------------------------------------------

    def children(self, path: Data) -> Children:
        """Return the names of the children of a node, as an object that is always current.

        Args:
            path: The path; links are resolved, and again when the node is deleted.

        Raises:
            zookeeper.NoNodeException: There is no such node.
            LinkLoop: A link leads back to itself.

        .. versionadded:: 0.1
        """
        return Children(self, path)

    def properties(self, path: Data) -> Properties:
        """Return the properties of a node, as an object that is always current.

        Args:
            path: The path; links are resolved, and again when the node is deleted.

        Raises:
            zookeeper.NoNodeException: There is no such node.
            LinkLoop: A link leads back to itself.

        .. versionadded:: 0.1
        """
        return Properties(self, path)

    def _watch(self, watch: NodeInfo) -> None:
        """Have an object look at its node, from now on, and take what is there."""
        while True:
            real_path = watch.real_path = self.resolve(watch.path)
            connections = self._connections
            entry, number, first = self.watches.add((watch.event_type, real_path), watch)
            try:
                if first:
                    self._arm(entry, number)
                else:
                    watch._notify(self._read(entry), entry, number, False)
                if self.watches.is_settled(entry, watch):
                    return
            except zookeeper.NoNodeException:
                # Deleted since it was resolved. The others, and this one, look for where it went.
                self._forget(entry, number, first, watch, connections)
            except BaseException:
                self._forget(entry, number, first, watch, connections)
                raise

    def _read(self, entry: Watched, *handler: Any) -> Any:
        event_type, real_path = entry.key
        return getattr(zookeeper, _READERS[event_type])(self._live(), real_path, *handler)

    def _arm(self, entry: Watched, number: int) -> None:
        """Read a node and arm its watch; give the result to the objects that look at it."""
        raw = self._read(entry, functools.partial(self._node_event, entry))
        for watch in self.watches.done(entry, number):
            watch._notify(raw, entry, number, True)

    def _forget(self, entry: Watched, number: int, first: bool, watch: NodeInfo, connections: int) -> None:
        """Have an object not look at a node, after a reading of it failed."""
        self.watches.remove(entry, watch)
        if first:
            self._postpone(self.watches.failed(entry, number), connections)

    def _node_event(self, entry: Watched, handle: int, event_type: int, state: int, path: str) -> None:
        """Handle a change of a node, on the session's thread."""
        if event_type == zookeeper.SESSION_EVENT:
            return
        connections = self._connections
        number = self.watches.begin(entry)
        if number is None:
            return
        try:
            if state != zookeeper.CONNECTED_STATE:
                logger.warning("Node watcher event %r with non-connected state, %r", event_type, state)
                self._postpone(self.watches.failed(entry, number), connections)
            elif event_type == zookeeper.DELETED_EVENT or not self._arm_if_there(entry, number):
                self._rewatch(entry)
        except Exception as error:  # noqa: BLE001 - it is logged, and tried again
            if not is_of_connection(error):
                logger.exception("%s(%s) handler failed", _READERS[entry.key[0]], entry.key[1])
            self._postpone(self.watches.failed(entry, number), connections)

    def _arm_if_there(self, entry: Watched, number: int) -> bool:
        try:
            self._arm(entry, number)
        except zookeeper.NoNodeException:
            return False
        return True

    def _rewatch(self, entry: Watched) -> None:
        """Have those who looked at a node that is gone look at what their paths lead to now."""
        for watch in self.watches.pop(entry):
            self._watch_again(watch)

    def _watch_again(self, watch: NodeInfo) -> None:
        connections = self._connections
        try:
            self._watch(watch)
        except (zookeeper.NoNodeException, LinkLoop):
            # As text: logging would take a mapping for the arguments by name.
            logger.exception("%s path went away", str(watch))
            watch._deleted()
        except zookeeper.ZooKeeperException as error:
            if not is_of_connection(error):
                logger.exception("cannot watch %s, retrying at the next connection", str(watch))
            self._postpone([watch], connections)

    def _postpone(self, watches: list[NodeInfo], connections: int) -> None:
        """Have objects look again when there is a connection.

        Args:
            watches: The objects.
            connections: How many connections there had been when the reading that failed began.
        """
        if not watches or self._closed:
            return
        self.watches.postpone(watches)
        if self._connections != connections:  # The connection is back already: no event would take them.
            for watch in self.watches.postponed():
                self._watch_again(watch)
