"""The sessions of the ZooKeeper in memory, and how they call back.

As with a real server, callbacks of a session run one after the other on a thread of the session: a test may hold a lock
that a callback wants. Old tests look for the effect of a callback right after the call that caused it, so a call waits
for the callbacks. It does not wait for a callback that takes long: that may wait for something itself.
"""

from __future__ import annotations

import collections
import threading
import time
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from zkc.legacy import zookeeper
from zkc.legacy._core.exceptions import ON_ENDED

if TYPE_CHECKING:
    from zkc.legacy.zk._fake import ZooKeeper

__all__ = ["Callbacks", "Session", "Watcher"]

Watcher = Callable[[int, int, int, str], object]

_LONG = 2.0  # Seconds after which a callback is not waited for.


class Callbacks:
    """The queues of calls of the sessions of a ZooKeeper in memory, and the wait for them."""

    def __init__(self) -> None:
        self.changed = threading.Condition()  # No callback runs under it.
        self._sessions: list[Session] = []
        self._local = threading.local()

    def add(self, session: Session, function: Callable[..., object], *arguments: Any) -> None:
        """Have something called on the thread of a session, which is begun if there is none."""
        with self.changed:
            session.queue.append((function, arguments))
            if session.running:
                return
            session.running = True
            self._sessions.append(session)
        threading.Thread(target=self._run, args=(session,), name=f"zc.zk.testing-{session.handle}", daemon=True).start()

    def _run(self, session: Session) -> None:
        self._local.calling = True
        while True:
            with self.changed:
                session.since = None
                self.changed.notify_all()
                if not session.queue:
                    session.running = False
                    self._sessions.remove(session)
                    return
                function, arguments = session.queue.popleft()
                session.since = time.monotonic()
            try:
                function(*arguments)
            except BaseException:  # noqa: BLE001 - it is a callback's error; the real module prints it too
                traceback.print_exc()

    def settle(self) -> None:
        """Wait until everything was called, but for what comes after a call that takes long."""
        if getattr(self._local, "calling", False):
            return  # It would wait for itself. The thread that made the change waits for both callbacks.
        with self.changed:
            while True:
                now = time.monotonic()
                due = [now + _LONG if session.since is None else session.since + _LONG for session in self._sessions]
                due = [moment for moment in due if moment > now]
                if not due:
                    return
                self.changed.wait(min(due) - now)


class Session:
    """A session with the ZooKeeper in memory.

    Tests may call :meth:`disconnect`, :meth:`connect` and :meth:`expire`.

    Args:
        zk: The ZooKeeper.
        handle: Its handle.
        watch: Called for each change of its state, or None.
        session_timeout: The session timeout in milliseconds.

    .. versionadded:: 0.1
    """

    def __init__(
        self, zk: ZooKeeper, handle: int, watch: Optional[Watcher] = None, session_timeout: Optional[int] = None
    ) -> None:
        self.zk = zk
        self.handle = handle
        self.nodes: set[str] = set()  # The paths of its ephemeral nodes.
        self.add = self.nodes.add
        self.remove = self.nodes.discard
        self.watch = watch
        self.state: int = zookeeper.CONNECTING_STATE
        self.session_timeout = session_timeout
        self.id = 0
        self.identities: set[tuple[str, str]] = set()  # (scheme, id): what add_auth showed it to be.
        self.closed = False
        self.missed: list[tuple[Watcher, int, str]] = []  # Events that wait until it is connected.
        self.queue: collections.deque[tuple[Callable[..., object], tuple[Any, ...]]] = collections.deque()
        self.running = False
        self.since: Optional[float] = None  # When what is being called was begun to be.

    def connect(self) -> None:
        """Connect the session, and call its watchers for the events that it missed.

        .. versionadded:: 0.1
        """
        self.newstate(zookeeper.CONNECTED_STATE)

    def disconnect(self) -> None:
        """Take the connection away; the session goes on.

        .. versionadded:: 0.1
        """
        self.newstate(zookeeper.CONNECTING_STATE)

    def expire(self) -> None:
        """Expire the session, as servers do after its timeout: its ephemeral nodes are deleted.

        .. versionadded:: 0.1
        """
        self.newstate(zookeeper.EXPIRED_SESSION_STATE)

    def newstate(self, state: int) -> None:
        """Change the state, and call the watchers for it.

        Args:
            state: One of the ``zookeeper._STATE`` numbers.

        .. versionadded:: 0.1
        """
        with self.zk.lock:
            self.state = state
            if self.watch is not None:
                self.post(self.watch, zookeeper.SESSION_EVENT, "")
            for watcher in self.zk._watchers_of(self.handle):
                self.post(watcher, zookeeper.SESSION_EVENT, "")
            if state == zookeeper.EXPIRED_SESSION_STATE:
                self.zk._clear_session(self)
            elif state == zookeeper.CONNECTED_STATE:
                missed, self.missed = self.missed, []
                for watcher, event_type, path in missed:
                    self.post(watcher, event_type, path)
        self.zk._callbacks.settle()

    def tell(self, watcher: Watcher, event_type: int, path: str) -> None:
        """Notify a watcher of an event of a node, now or when the session is connected again."""
        if self.state == zookeeper.CONNECTED_STATE:
            self.post(watcher, event_type, path)
        else:
            self.missed.append((watcher, event_type, path))

    def post(self, watcher: Watcher, event_type: int, path: str) -> None:
        """Have a watcher called, unless the session was closed by then."""
        self.zk._callbacks.add(self, self._call, watcher, event_type, self.state, path)

    def _call(self, watcher: Watcher, event_type: int, state: int, path: str) -> None:
        if not self.closed:
            watcher(self.handle, event_type, state, path)

    def check(self) -> None:
        """Raise what a call raises in a session that is not connected."""
        if self.state == zookeeper.EXPIRED_SESSION_STATE:
            raise ON_ENDED[zookeeper.SESSIONEXPIRED]("session expired")
        if self.state == zookeeper.AUTH_FAILED_STATE:
            raise ON_ENDED[zookeeper.AUTHFAILED]("authentication failed")
        if self.state != zookeeper.CONNECTED_STATE:
            raise zookeeper.ConnectionLossException("connection loss")
