"""Subscriptions to the events of a persistent watch, which stays at the server.

The watch reports every change while the connection lasts. What may be missing is reported as an event of its own, of
type GAP: the core adds it after each lost connection and where its queue was full, and this module when a new session
follows an expired one.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Callable
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Await, Driver, Flow
from zkc._zookeeper import RLock, Session
from zkc.constants import ClientState, EventType, State, WatchType
from zkc.errors import ClosingError, ConnectionLossError, SessionLostError, UnimplementedError, ZooKeeperError
from zkc.types import WatchedEvent

if TYPE_CHECKING:
    from zkc._watch.subscriptions import Subscriptions

__all__ = ["EventSubscription", "EventWatch", "Gaps"]

_log = logging.getLogger("zkc.client")


class ArmedEvents:
    """The watch of a subscription at one session. The core holds it while it is armed; it does not hold the session."""

    __slots__ = ("__weakref__", "kind", "path", "session", "subscription")

    def __init__(self, subscription: EventWatch, session: Session) -> None:
        self.subscription: Optional[EventWatch] = subscription
        self.path = subscription.path
        self.kind = subscription.kind
        self.session = weakref.ref(session)

    def __call__(self, type_: int, state: int, path: str, zxid: Optional[int]) -> None:
        subscription = self.subscription
        if subscription is not None:
            subscription._event(self, type_, state, path, zxid)


class Gaps:
    """The rule of a bounded queue of events: a GAP where it was full, then nothing until that was taken.

    Another GAP drops nothing. One is enough until an event follows it.

    Args:
        path: Path of the watch, and so of each GAP.
        limit: Largest number of events in the queue.
    """

    __slots__ = ("_full", "_last", "_limit", "_path")

    def __init__(self, path: str, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._last: Optional[WatchedEvent] = None  # The GAP that is the last event in the queue.
        self._full = False  # Whether events are dropped until it is taken.

    def put(self, event: WatchedEvent, size: int) -> Optional[WatchedEvent]:
        """Return what to append to a queue of this size: the event, a GAP in its place, or None."""
        if self._full:
            return None
        self._full = size >= self._limit and event.type is not EventType.GAP
        if self._full:
            event = WatchedEvent(EventType.GAP, event.state, self._path)
        if event.type is not EventType.GAP:
            self._last = None
        elif self._last is not None:
            return None
        else:
            self._last = event
        return event

    def taken(self, event: WatchedEvent) -> None:
        """Note that an event left the queue: after the last GAP, events are appended again."""
        if event is self._last:
            self._last, self._full = None, False


class EventWatch:
    """Keeps a persistent watch set for as long as its client lives.

    Args:
        registry: The client's.
        path: Path of the znode.
        recursive: Whether to watch the znodes below it too.
    """

    def __init__(self, registry: Subscriptions, path: str, recursive: bool) -> None:
        self.path = path
        self.kind = WatchType.RECURSIVE if recursive else WatchType.PERSISTENT
        self._registry = registry
        self._lock = RLock()  # A finalizer may cancel in the middle of anything.
        self._arming: Optional[ArmedEvents] = None  # None when the session has ended, or setting it has failed.
        self._busy = False  # It is being set.
        self._outdated = False  # There was another connection in that time.
        self._over = False
        self._error: Optional[ZooKeeperError] = None

    # ---- defined by each kind ---------------------------------------------------------------------------------------

    def _deliver(self, event: WatchedEvent) -> None:
        """Take an event, where callbacks run."""
        raise NotImplementedError

    def _on_stop(self, error: Optional[ZooKeeperError]) -> None:
        """Hear that it is over, and why; None when it was cancelled or the client closed."""

    def _suspend(self) -> None:
        """Hear that the connection was lost; perhaps late, when there is another."""

    def _keep(self, event: WatchedEvent, size: int, gaps: Gaps) -> Optional[WatchedEvent]:
        """Return what to append to a queue of this size, and count the event if it is dropped."""
        kept = gaps.put(event, size)
        if kept is not event and event.type is not EventType.GAP:
            self._registry.note_dropped()
        return kept

    # ---- beginning and end ------------------------------------------------------------------------------------------

    def _begin(self, session: Session) -> Flow[None]:
        """Set the watch for the first time."""
        if self._over:  # It waited for a slot and was cancelled there.
            return
        self._busy = True
        self._registry.add(self)
        try:
            yield from self._set(session)
        except BaseException:
            self.cancel()
            raise
        self._settled()

    def cancel(self) -> None:
        """Be over. No event is delivered any more.

        .. versionadded:: 0.1
        """
        self._stop(None)

    def _stop(self, error: Optional[ZooKeeperError]) -> None:
        arming = self._release(error)
        if arming is not None:
            self._registry.remove(arming)

    def _release(self, error: Optional[ZooKeeperError] = None) -> Optional[ArmedEvents]:
        """Be over, and return the watch that the caller has to remove."""
        with self._lock:
            if self._over:
                return None
            self._error = error  # Before the line below: who reads that it is over, without the lock, reads why.
            self._over = True
            arming, self._arming = self._arming, None
        if arming is not None:
            arming.subscription = None
        self._registry.discard(self)
        self._on_stop(error)
        return arming

    # ---- setting the watch ------------------------------------------------------------------------------------------

    def _set(self, session: Session) -> Flow[None]:
        registry = self._registry
        registry.check_persistent(session)
        turn, earlier = registry.take_turn(self.path, self.kind)
        try:
            removal = registry.removals.get(self.path)
            if removal is not None:  # At a server before 3.9 the two requests would cross, which costs a GAP.
                earlier.append(removal)
            for each in earlier:
                yield Await(each, None, "add_watch", self.path, optional=True)
            yield from self._set_now(session)
        finally:
            registry.end_turn(self.path, turn)

    def _set_now(self, session: Session) -> Flow[None]:
        arming = ArmedEvents(self, session)
        with self._lock:
            self._arming = arming
        request = session.add_watch(self.path, arming, self.kind is WatchType.RECURSIVE)
        try:
            yield request
        except GeneratorExit:  # Over: the watch that this request sets has to go.
            request.add_done_callback(lambda _: self._registry.remove(arming))
            raise
        if self._over:
            self._registry.remove(arming)
        try:
            request.result()
        except UnimplementedError:
            self._registry.note_refused(session)
            raise

    def _resume(self) -> None:
        """Set the watch again if there is another session; in the same session libzookeeper has done that."""
        client = self._registry.client()
        session = None if client is None else client._session
        with self._lock:
            arming = self._arming
            current = arming is not None and arming.session() is session
            self._outdated = self._busy  # What is under way may fail with the session that it began in.
            if session is None or client is None or current or self._busy or self._over:
                return
            self._busy = True
        try:
            Driver(self._set(session), _Outcome(self), client._call_later).start()
        except ZooKeeperError as error:
            self._failed(error)

    def _set_again(self) -> None:
        client = self._registry.client()
        read_only = client is not None and client._state is ClientState.READ_ONLY
        if not self._over:
            state = State.READ_ONLY if read_only else State.CONNECTED
            self._deliver(WatchedEvent(EventType.GAP, state, self.path))
        self._settled()

    def _settled(self) -> None:
        """Note that no request is under way; begin another if there was another connection in that time."""
        with self._lock:
            self._busy = False
            outdated, self._outdated = self._outdated, False
        if outdated:
            self._resume()

    def _failed(self, error: BaseException) -> None:
        with self._lock:
            self._arming = None
        if isinstance(error, (ConnectionLossError, SessionLostError, ClosingError)):
            self._settled()  # The next connection starts another attempt, or has come.
            return
        with self._lock:
            self._busy = False
        if not isinstance(error, ZooKeeperError):
            _log.error("%s could not be watched", self.path, exc_info=error)
            return
        self._stop(error)

    # ---- what happens -----------------------------------------------------------------------------------------------

    def _event(self, arming: ArmedEvents, type_: int, state: int, path: str, zxid: Optional[int]) -> None:
        if type_ != EventType.SESSION and type_ != EventType.NOT_WATCHING:
            if arming is self._arming:  # Not of the session before: a GAP has reported what that one has missed.
                self._deliver(WatchedEvent(type_, state, path, zxid))
            return
        with self._lock:
            if arming is not self._arming:
                return
            self._arming = None
        if type_ == EventType.NOT_WATCHING:
            self._failed(UnimplementedError(UnimplementedError.describe("add_watch", self.path, _REFUSED)))
        elif self._registry.client() is None:
            self._stop(None)  # Otherwise the next session resumes it, or the listener ends it.


_REFUSED = "the client is now connected to a server that has no persistent watches: they need ZooKeeper 3.6 or later"


class _Outcome:
    """The result sink of the driver that sets a watch again."""

    __slots__ = ("subscription",)

    def __init__(self, subscription: EventWatch) -> None:
        self.subscription = subscription

    def done(self) -> bool:
        return self.subscription._over

    def set_result(self, result: None, /) -> None:
        self.subscription._set_again()

    def set_exception(self, exception: BaseException, /) -> None:
        self.subscription._failed(exception)


class EventSubscription(EventWatch):
    """A subscription to events, which lasts until it is cancelled or its client is closed.

    :meth:`zkc.Client.watch_events` returns it. It goes on when this object is dropped. When an error ends it, the
    function is called a last time, with an event of type NOT_WATCHING.

    .. versionadded:: 0.1
    """

    path: str
    """Path of the znode."""
    kind: WatchType
    """:attr:`WatchType.PERSISTENT <zkc.WatchType.PERSISTENT>`, or ``RECURSIVE``."""

    def __init__(
        self, registry: Subscriptions, path: str, recursive: bool, fn: Callable[[WatchedEvent], object], limit: int
    ) -> None:
        super().__init__(registry, path, recursive)
        self._fn = fn
        self._waiting: deque[WatchedEvent] = deque()  # While the function or its coroutine runs.
        self._gaps = Gaps(path, limit)
        self._running = False

    @property
    def cancelled(self) -> bool:
        """Whether it is over: it was cancelled, its client was closed, or it ended with :attr:`error`.

        .. versionadded:: 0.1
        """
        return self._over

    @property
    def error(self) -> Optional[ZooKeeperError]:
        """The error that ended it; None if none did.

        .. versionadded:: 0.1
        """
        return self._error

    def cancel(self) -> None:
        """Stop calling the function.

        May be called from any thread, from the function itself, and more than once. A call that is under way on another
        thread is not interrupted, and is the last.

        .. versionadded:: 0.1
        """
        super().cancel()

    def __repr__(self) -> str:
        state = "watching" if not self._over else "cancelled" if self._error is None else f"ended: {self._error}"
        return f"<zkc.EventSubscription {self.path} {self.kind.name.lower()} {state}>"

    def _on_stop(self, error: Optional[ZooKeeperError]) -> None:
        if error is not None:
            _log.error("%s is not watched any more: %s", self.path, error)
            self._deliver(WatchedEvent(EventType.NOT_WATCHING, State.CONNECTED, self.path))

    def _deliver(self, event: WatchedEvent) -> None:
        # Around an expiry two sessions deliver on two threads, and a coroutine may run for long.
        with self._lock:
            if self._running:
                kept = self._keep(event, len(self._waiting), self._gaps)
                if kept is not None:
                    self._waiting.append(kept)
                return
            self._running = True
        self._call(event)

    def _call(self, event: Optional[WatchedEvent]) -> None:
        while event is not None:
            call = _Call(self, event)
            self._registry.call_user(call)
            if call.goes_on:
                return
            event = self._next()

    def _next(self) -> Optional[WatchedEvent]:
        """Take the event that waits for the end of a call, if there is one."""
        with self._lock:
            while self._waiting:
                event = self._waiting.popleft()
                self._gaps.taken(event)
                if self._may_show(event):
                    return event
            self._running = False
        return None

    def _may_show(self, event: WatchedEvent) -> bool:
        return not self._over or event.type is EventType.NOT_WATCHING


class _Call:
    """One call of the user's function. A class of its own so that a log line shows whose function raised."""

    __slots__ = ("event", "goes_on", "subscription")

    def __init__(self, subscription: EventSubscription, event: WatchedEvent) -> None:
        self.subscription = subscription
        self.event = event
        self.goes_on = False  # A coroutine of the function runs as a task.

    def __call__(self) -> object:
        result = self.subscription._fn(self.event)
        if self.subscription._registry.coroutines and isawaitable(result):
            self.goes_on = True
            return self._finish(result)  # The client runs it as a task.
        return None

    async def _finish(self, result: Any) -> None:
        subscription = self.subscription
        try:
            if iscoroutine(result) and not subscription._may_show(self.event):
                result.close()  # Cancelled before it began.
            else:
                await result
        finally:
            subscription._call(subscription._next())

    def __repr__(self) -> str:
        return repr(self.subscription._fn)
