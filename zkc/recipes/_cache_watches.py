"""The reads of a cache where no recursive watch can be set: one watch on each znode and on each list of children.

This is for servers before 3.6, and for the system's libzookeeper. It costs two requests and two watches for each znode.
"""

from __future__ import annotations

import functools
import weakref
from collections import deque
from typing import Any, Optional

from zkc._zookeeper import Request, Session
from zkc.constants import EventType, WatchType
from zkc.errors import ConnectionLossError, NoNodeError, SessionLostError, ZooKeeperError
from zkc.recipes._cache_reads import Reader, Reads

__all__ = ["ZnodeWatches"]

_WINDOW = 256  # Requests in flight.
_REMOVALS = 64  # Removals of watches in flight, at the end.
_Read = tuple[str, str]


class _Watch:
    """The callable of all watches of a cache in one session: the core holds it while one is armed."""

    def __init__(self, owner: ZnodeWatches) -> None:
        self.owner = weakref.ref(owner)

    def __call__(self, type_: int, state: int, path: str) -> None:
        owner = self.owner()
        if owner is not None:
            owner.fired(self, type_, path)


class ZnodeWatches(Reads):
    """Reads with watches: the same calls as :class:`Reads`.

    Args:
        owner: The cache.
        root: The path whose creation is awaited.
    """

    def __init__(self, owner: Reader, root: str) -> None:
        super().__init__(owner)
        self._root = root
        self._watch = _Watch(self)
        self._armed: dict[str, set[str]] = {"get": set(), "get_children": set()}
        self._watching: Optional[weakref.ref[Session]] = None
        self._paused = False  # A request was lost: the next connection continues.

    def continues(self, session: Optional[Session]) -> bool:
        """Go on with the reads after a reconnect; return False if another session has none of the watches.

        The servers report what was missed in the session: the events come before the replies to further requests.
        """
        self._paused = False
        return session is None or (self._watching is not None and self._watching() is session)

    def fired(self, watch: _Watch, type_: int, path: str) -> None:
        """Take an event."""
        with self._lock:
            if watch is not self._watch or self._stopped or type_ in (EventType.SESSION, EventType.NOT_WATCHING):
                return
            if type_ == EventType.CHILD:
                self._armed["get_children"].discard(path)
                self.want("get_children", path)
            else:
                self._armed["get"].discard(path)
                if type_ == EventType.DELETED:
                    self._armed["get_children"].discard(path)
                self._owner.noticed(type_, path, None)
                if type_ == EventType.DELETED and path == self._root:
                    self.want("get", path)  # Any other znode is seen through its parent when it is there again.
        self._owner.after()

    def _room(self) -> bool:
        return not self._paused and self._requests < _WINDOW

    def _prepare(self, session: Session) -> None:
        if self._watching is None or self._watching() is not session:
            self._watching = weakref.ref(session)
            self._watch = _Watch(self)  # Late events of the old session name the old one.
            self._armed = {"get": set(), "get_children": set()}

    def _take(self) -> list[_Read]:
        read = self._due.popleft()
        self._waiting.discard(read)
        return [read]

    def _send_one(self, session: Session, generation: int, reads: list[_Read]) -> None:
        [(operation, path)] = reads
        watch = None if path in self._armed[operation] else self._watch
        answered = functools.partial(self._replied, generation, reads, watch, session)
        if operation == "get":
            session.get(path, watch, callback=answered)
        else:
            session.get_children(path, watch, callback=answered)

    def _replied(
        self, generation: int, reads: list[_Read], watch: Optional[_Watch], session: Session, request: Request[Any]
    ) -> None:
        [(operation, path)] = reads
        error = request.exception()
        with self._lock:
            if error is None and watch is not None and watch is self._watch:
                if self._stopped:
                    _Removal(session, watch, {path}).go_on(None)
                self._armed[operation].add(path)
            if generation != self._generation:
                return
            if isinstance(error, (ConnectionLossError, SessionLostError)):
                self._broke(generation, reads, error)
            elif isinstance(error, NoNodeError) and operation == "get" and path == self._root:
                self._await_creation(session, generation, reads, error)
            elif isinstance(error, ZooKeeperError):
                self._result(reads[0], error)
            elif error is not None:
                raise error
            else:
                self._result(reads[0], request.result())
        self._owner.after()

    def _await_creation(self, session: Session, generation: int, reads: list[_Read], missing: NoNodeError) -> None:
        """Watch the root, which may be created."""
        watch = self._watch

        def answered(request: Request[Any]) -> None:
            error = request.exception()
            with self._lock:
                if error is None and watch is self._watch:
                    if self._stopped:
                        _Removal(session, watch, {self._root}).go_on(None)
                    self._armed["get"].add(self._root)
                if generation != self._generation:
                    return
                if isinstance(error, ZooKeeperError):
                    self._broke(generation, reads, error)
                elif request.result() is not None:
                    self.want("get", self._root)  # It was created between the two requests: read it once more.
                    self._result(reads[0], missing)
                else:
                    self._result(reads[0], missing)
            self._owner.after()

        try:
            session.exists(self._root, watch, callback=answered)
        except ZooKeeperError as error:
            self._broke(generation, reads, error)

    def _broke(self, generation: int, reads: list[_Read], error: ZooKeeperError) -> None:
        if generation == self._generation and isinstance(error, ConnectionLossError):
            self._paused = True
            self._requests -= 1
            for read in reads:
                self._under_way.pop(read, None)
                self.want(*read)
            self._owner.lost(error)
        else:
            super()._broke(generation, reads, error)

    def _result(self, read: _Read, result: Any) -> None:
        self._requests -= 1
        generation = self._generation
        self._finish(read, result)
        if generation == self._generation and not self.busy:
            self._owner.idle()

    def clear(self) -> None:
        """Forget all reads; replies that are still to come are not applied."""
        super().clear()
        self._paused = False

    def stop(self) -> None:
        """Remove the watches, some at a time and without waiting."""
        session = None if self._watching is None else self._watching()
        stopped = self._stopped
        super().stop()
        if session is not None and not stopped:
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
