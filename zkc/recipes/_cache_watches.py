"""The reads of a cache where no recursive watch can be set: one watch on each znode and on each list of children.

This is for servers before 3.6, and for the system's libzookeeper. It costs two requests and two watches for each znode.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Optional

from zkc._zookeeper import Request, Session
from zkc.constants import EventType, WatchType
from zkc.errors import ConnectionLossError, NoNodeError, ZooKeeperError
from zkc.recipes._cache_reads import Reads

__all__ = ["ZnodeWatches"]

_WINDOW = 256  # Requests in flight.
_REMOVALS = 64  # Removals of watches in flight, at the end.


class _Watch:
    """The callable of all watches of a cache: the core holds it while one is armed."""

    def __init__(self, owner: ZnodeWatches) -> None:
        self.owner = weakref.ref(owner)

    def __call__(self, type_: int, state: int, path: str) -> None:
        owner = self.owner()
        if owner is not None:
            owner.fired(self, type_, path)


class ZnodeWatches(Reads):
    """Reads with watches: the same calls as :class:`Reads`.

    Args:
        session: As for Reads, as are ``apply``, ``idle`` and ``failed``.
        noticed: ``noticed(type, path, None)`` takes an event of a znode.
    """

    def __init__(
        self,
        session: Callable[[], Optional[Session]],
        apply: Callable[[str, str, Any], None],
        idle: Callable[[], None],
        failed: Callable[[ZooKeeperError], None],
        noticed: Callable[[int, str, Optional[int]], None],
    ) -> None:
        super().__init__(session, apply, idle, failed)
        self._noticed = noticed
        self._watch = _Watch(self)
        self._armed: dict[str, set[str]] = {"get": set(), "get_children": set()}
        self._watching: Optional[weakref.ref[Session]] = None
        self._stopped = False

    def needs(self, session: Optional[Session]) -> bool:
        """Return whether everything has to be read again: there is another session, without the watches."""
        return session is not None and (self._watching is None or self._watching() is not session)

    def fired(self, watch: _Watch, type_: int, path: str) -> None:
        """Take an event."""
        if watch is not self._watch or self._stopped or type_ in (EventType.SESSION, EventType.NOT_WATCHING):
            return
        if type_ == EventType.CHILD:
            self._armed["get_children"].discard(path)
            self.want("get_children", path)
            self.send()
            return
        self._armed["get"].discard(path)
        if type_ == EventType.DELETED:
            self._armed["get_children"].discard(path)
            self.want("get", path)  # It may be there again, and has no watch.
        self._noticed(type_, path, None)
        self.send()

    def send(self) -> None:
        """Send what is due, as far as the window allows."""
        session = self._session()
        if self._stopped or session is None:
            return
        if self.needs(session):
            self._watching = weakref.ref(session)
            self._watch = _Watch(self)  # Late events of the old session name the old one.
            self._armed = {"get": set(), "get_children": set()}
        super().send()

    def _room(self) -> bool:
        return self._requests < _WINDOW

    def _send_one(self, session: Session) -> None:
        read = self._due.popleft()
        self._waiting.discard(read)
        self._flying(read)
        self._read(session, *read)

    def _read(self, session: Session, operation: str, path: str) -> None:
        generation = self._generation
        watch = None if path in self._armed[operation] else self._watch
        self._requests += 1

        def answered(request: Request[Any]) -> None:
            if generation != self._generation:
                return
            self._requests -= 1
            error = request.exception()
            if error is None:
                if watch is not None:
                    self._armed[operation].add(path)
                self._result(operation, path, request.result())
            elif isinstance(error, NoNodeError) and operation == "get":
                self._await_creation(session, path, error)
            elif isinstance(error, ZooKeeperError) and not isinstance(error, ConnectionLossError):
                self._result(operation, path, error)
            elif isinstance(error, ZooKeeperError):
                self._under_way.pop((operation, path), None)
                self._failed(error)

        if operation == "get":
            session.get(path, watch, callback=answered)
        else:
            session.get_children(path, watch, callback=answered)

    def _await_creation(self, session: Session, path: str, error: NoNodeError) -> None:
        """Watch the root, which may be created; any other znode is seen through its parent."""
        generation = self._generation
        if path != self.root:
            self._result("get", path, error)
            return

        def answered(request: Request[Any]) -> None:
            if generation != self._generation:
                return
            self._requests -= 1
            failure = request.exception()
            if isinstance(failure, ZooKeeperError):
                self._under_way.pop(("get", path), None)
                self._failed(failure)
            else:
                if request.result() is not None:
                    self.want("get", path)  # It was created in the meantime.
                self._result("get", path, error)

        self._requests += 1
        session.exists(path, self._watch, callback=answered)

    def _result(self, operation: str, path: str, result: Any) -> None:
        self._finish((operation, path), result)
        self.send()
        if not self.busy:
            self._idle()

    root = ""  # The path whose creation is awaited; set by the cache.

    def stop(self) -> None:
        """Remove the watches, some at a time and without waiting."""
        session = None if self._watching is None else self._watching()
        super().stop()
        self._stopped = True
        if session is not None:
            _Removal(session, self._watch, set().union(*self._armed.values())).go_on(None)


class _Removal:
    """The removal of the watches of a cache that is closed."""

    def __init__(self, session: Session, watch: _Watch, paths: set[str]) -> None:
        self._session = weakref.ref(session)
        self._watch = watch
        self._paths = deque(paths)
        self._flying = 0

    def go_on(self, request: Optional[Request[None]]) -> None:
        """Send some more."""
        session = self._session()
        self._flying -= request is not None
        while session is not None and self._paths and self._flying < _REMOVALS:
            path = self._paths.popleft()
            try:
                session.remove_watches(path, self._watch, WatchType.ANY, callback=self.go_on)
                self._flying += 1
            except ConnectionLossError:
                return
            except ZooKeeperError:
                continue  # It has fired.
