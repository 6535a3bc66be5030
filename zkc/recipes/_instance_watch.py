"""The memory of the znodes of a registry, which watches keep true.

A :class:`ChildrenMemory` remembers the names of the children of a znode, and for a service also their instances. No
flow runs while nothing changes. The event of a watch marks what it is about, and starts a flow that reads what is
marked and ends, so that a memory keeps no client alive. A lost connection ends that flow, and the next one starts it.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from collections.abc import Callable
from random import uniform
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Flow, Signal, sub_result_of
from zkc._session.listeners import Listeners
from zkc._zookeeper import RLock
from zkc.constants import ClientState, EventType, WatchType
from zkc.errors import ConnectionLossError, NoAuthError, NoNodeError, SessionLostError, ZooKeeperError
from zkc.recipes._instance import Instance, InstanceFormatError

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Request, Session

__all__ = ["ChildrenMemory"]

_log = logging.getLogger("zkc.recipes")
_WINDOW = 500  # The reads in flight at a time.
_SPREAD = 0.001  # The seconds for each remembered znode by which reads are spread in a new session, and their limit.
_LONGEST = 5.0
_OPERATION = "watch"


class _Watch:
    """A watch of the core's, which is called once. The core holds it, so it refers to no client."""

    __slots__ = ("memory", "name", "session")

    def __init__(self, memory: ChildrenMemory, name: Optional[str], session: Session) -> None:
        self.memory: Optional[ChildrenMemory] = memory
        self.name = name  # Of the child; None for the parent.
        self.session = weakref.ref(session)

    def __call__(self, type_: int, state: int, path: str) -> None:
        memory = self.memory
        if memory is not None:
            memory._event(self, type_)


class ChildrenMemory:
    """The children of a znode, as a client has read them last, and watches of what it has read.

    Args:
        client: The client; only a weak reference is held.
        path: Path of the znode, which need not exist.
        decode: A function that makes the instance of a child's data and name; None if only the names matter.
    """

    def __init__(self, client: BaseClient, path: str, decode: Optional[Callable[[bytes, str], Instance]]) -> None:
        self.path = path
        self.names: tuple[str, ...] = ()
        self.instances: dict[str, Instance] = {}  # By the name of the znode. Replaced as a whole, never changed.
        self.error: Optional[ZooKeeperError] = None  # Why it is not watched.
        self.over = False
        self.read = Signal()  # Set when everything was read, or could not be.
        self.changed = Signal()  # Set at the next change, and replaced.
        self.listeners: Listeners[list[Instance]] = Listeners(client._call_user)
        self._client = weakref.ref(client)
        self._decode = decode
        self._lock = RLock()
        self._session: Callable[[], Optional[Session]] = lambda: None  # The session whose watches are set.
        self._watches: dict[Optional[str], _Watch] = {}
        self._unread: dict[Optional[str], None] = {None: None}  # What is to be read: the parent is None.
        self._running = False
        self._told: Optional[list[Instance]] = None  # What the listeners were called with last.
        self._reported: set[str] = set()  # The children that cannot be read, or parsed.
        client._resumables.add(self)
        client._listeners.add(self)

    @property
    def is_current(self) -> bool:
        """Whether all that the servers have told is read, and the connection stands."""
        client = self._client()
        if client is None or self.over or self._running or self._unread or self.error is not None:
            return False
        return client._session is self._session() and client._state is ClientState.CONNECTED

    # ---- what happens -----------------------------------------------------------------------------------------------

    def _event(self, watch: _Watch, type_: int) -> None:
        """Hear of a change of a znode, or of the end of a session. Any thread may call it."""
        with self._lock:
            if self._watches.get(watch.name) is not watch:
                return
            del self._watches[watch.name]
            self._unread[watch.name] = None
        if type_ != EventType.SESSION:  # Otherwise the next session resumes it.
            self.refresh()

    def resume(self) -> None:
        """Read what is not watched: there is a connection, perhaps of a new session."""
        client = self._client()
        if client is None or self.over:
            return
        session, seen = client._session, self._session()
        with self._lock:
            if session is not seen:
                self._forget()
            elif self.error is not None:
                self._unread[None] = None
            known = len(self.names)
        if session is seen or not self.read.done():
            self.refresh()
        else:  # All clients of a fleet may have lost their sessions at the same moment.
            client._call_later(uniform(0.0, min(_LONGEST, known * _SPREAD)), self.refresh)

    def _forget(self) -> None:
        """Note that no watch is set any more. The caller holds the lock."""
        self._watches.clear()
        self._unread = {None: None, **dict.fromkeys(self.names if self._decode is not None else ())}

    def __call__(self, state: ClientState) -> None:
        """Listen to the client: when no session can follow, the memory ends."""
        client = self._client()
        failure = None if client is None else client._failure
        if state is ClientState.CLOSED or (state is ClientState.LOST and failure is not None):
            self._end()

    def _end(self) -> None:
        client = self._client()
        if client is not None:
            client._listeners.remove(self)
            client._resumables.discard(self)
        self.over = True
        self.read.set()
        self._publish()

    def close(self) -> None:
        """Forget everything, and remove the watches in the background."""
        if self.over:
            return
        self._end()
        client, session = self._client(), self._session()
        with self._lock:
            watches = list(self._watches.values())
            self._watches.clear()
        if client is not None and session is not None and watches:
            for watch in watches:
                watch.memory = None
            client._background(self._remove(session, watches))

    def _remove(self, session: Session, watches: list[_Watch]) -> Flow[None]:
        for start in range(0, len(watches), _WINDOW):
            requests = []
            for watch in watches[start : start + _WINDOW]:
                path = self.path if watch.name is None else f"{self.path}/{watch.name}"
                with contextlib.suppress(ZooKeeperError):
                    requests.append(session.remove_watches(path, watch, WatchType.ANY))
            for request in requests:
                with contextlib.suppress(ZooKeeperError):  # It has fired, or ended with its session.
                    yield from sub_result_of(request, _OPERATION, self.path)

    # ---- reading ----------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read what is marked, unless a flow does so."""
        client = self._client()
        with self._lock:
            if client is None or self._running or self.over or not self._unread:
                return
            self._running = True
        client._background(self._refresh(client))

    def _refresh(self, client: BaseClient) -> Flow[None]:
        lost = False
        try:
            while not self.over and not lost:
                with self._lock:
                    if not self._unread:
                        break
                try:
                    yield from self._read_marked(client.session)
                except (ConnectionLossError, SessionLostError):
                    lost = True
                except ZooKeeperError as error:
                    lost = True
                    self._note_error(error)
        finally:
            with self._lock:
                self._running = False
        if not lost:
            self.refresh()  # An event may have come after the last look at the marks.

    def _note_error(self, error: ZooKeeperError) -> None:
        known, self.error = self.error, error.with_traceback(None)  # Its frames refer to the session.
        if type(known) is not type(error):
            _log.warning("%s is not watched, will retry at the next connection: %s", self.path, str(error))
        self.read.set()
        self._publish()

    def _read_marked(self, session: Session) -> Flow[None]:
        """Read the parent if it is marked, and then a window of marked children."""
        with self._lock:
            if self._session() is not session:
                self._forget()
                self._session = weakref.ref(session)
            listing = None in self._unread
        if listing:
            yield from self._list(session)
        with self._lock:
            present = set(self.names)
            window: list[str] = []
            for name in list(self._unread):
                if name is None or (name in present and len(window) == _WINDOW):
                    continue
                del self._unread[name]
                if name in present:
                    window.append(name)
        yield from self._read_children(session, window)
        with self._lock:
            whole = not self._unread
        if whole and not self.over:
            self.error = None
            self.read.set()
            self._publish()

    def _list(self, session: Session) -> Flow[None]:
        with self._lock:
            del self._unread[None]
        names: list[str] = []
        request = session.get_children(self.path, self._arm(session, None))
        try:
            names = sorted((yield from sub_result_of(request, _OPERATION, self.path)))
        except NoNodeError:
            looking = session.exists(self.path, self._arm(session, None))
            try:
                made = (yield from sub_result_of(looking, _OPERATION, self.path)) is not None
            except BaseException:
                self._disarm(None)
                raise
            if made:  # Made just now. This watch would be one too many, and the children's is not set.
                self._drop(session, None)
                return
        except BaseException:
            self._disarm(None)
            raise
        with self._lock:
            gone = set(self.names) - set(names)
            if self._decode is not None:
                self._unread.update(dict.fromkeys(name for name in names if name not in self._watches))
            self.names = tuple(names)
            self._reported -= gone
            for name in gone:
                self._unread.pop(name, None)
        if gone:
            self.instances = {name: instance for name, instance in self.instances.items() if name not in gone}

    def _read_children(self, session: Session, names: list[str]) -> Flow[None]:
        requests: list[tuple[str, Request[Any]]] = []
        found: dict[str, Optional[Instance]] = {}
        try:
            requests.extend((name, session.get(f"{self.path}/{name}", self._arm(session, name))) for name in names)
            for name, request in requests:
                data: Optional[bytes] = None
                try:
                    data, _ = yield from sub_result_of(request, _OPERATION, self.path)
                except NoNodeError:  # It has gone in the meantime: the watch of the parent says so, too.
                    self._disarm(name, mark=False)
                except NoAuthError as error:
                    self._disarm(name, mark=False)
                    self._report(name, f"may not be read: {error}")
                found[name] = None if data is None else self._parse(name, data)
        except BaseException:
            for name in names:
                if name not in found:
                    self._disarm(name)
            raise
        finally:
            if found:
                merged: dict[str, Optional[Instance]] = {**self.instances, **found}
                self.instances = {name: each for name, each in merged.items() if each is not None}

    def _parse(self, name: str, data: bytes) -> Optional[Instance]:
        assert self._decode is not None
        try:
            instance = self._decode(data, name)
        except InstanceFormatError as error:
            self._report(name, f"is no instance and is skipped: {error}")
            return None
        self._reported.discard(name)
        return instance

    def _report(self, name: str, text: str) -> None:
        """Warn once of a child, until that is gone or can be parsed."""
        if name not in self._reported:
            self._reported.add(name)
            _log.warning("%s/%s %s", self.path, name, text)

    # ---- watches ----------------------------------------------------------------------------------------------------

    def _arm(self, session: Session, name: Optional[str]) -> _Watch:
        watch = _Watch(self, name, session)
        with self._lock:
            self._watches[name] = watch
        return watch

    def _disarm(self, name: Optional[str], *, mark: bool = True) -> None:
        """Note that a read has set no watch, or that its watch may be gone."""
        with self._lock:
            watch = self._watches.pop(name, None)
            if mark:
                self._unread[name] = None
        if watch is not None:
            watch.memory = None

    def _drop(self, session: Session, name: Optional[str]) -> None:
        """Remove a watch that is no longer needed, without waiting, and mark its znode."""
        with self._lock:
            watch = self._watches.get(name)
        self._disarm(name)
        if watch is not None:
            with contextlib.suppress(ZooKeeperError):
                session.remove_watches(self.path, watch, WatchType.ANY, callback=_ignore)

    def _publish(self) -> None:
        """Wake what waits for a change, and call the listeners."""
        with self._lock:
            changed, self.changed = self.changed, Signal()
        changed.set()
        if self.over or self.error is not None or self._decode is None:
            return
        with self._lock:
            found = self.listed()
            if found == self._told:
                return
            self._told = found
            self.listeners.enqueue(found)
        self.listeners.notify()

    def add_listener(self, listener: Callable[[list[Instance]], object]) -> None:
        """Add a listener, which is called with the present instances at first."""
        with self._lock:
            self.listeners.add(listener)
            if self._told is not None:
                self.listeners.enqueue(self._told, listener)
        self.listeners.notify()

    def listed(self) -> list[Instance]:
        """Return the instances in the order of the names of their znodes."""
        instances = self.instances
        return [instances[name] for name in sorted(instances)]


def _ignore(request: Request[None]) -> None:
    request.exception()
