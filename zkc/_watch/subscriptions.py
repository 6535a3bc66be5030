"""Recurring watches: the znode is read again, with the next watch, after each event and when the watch may be gone.

A :class:`ZnodeSubscription` follows one znode. It reads the znode (:meth:`ZnodeSubscription._read`) and delivers what
it found. It waits for the event of the watch that the read has set, and reads again. It never does two of these steps
at a time. A slow callback is called less often, and always with the latest data. Nothing here waits, apart from the
lock, and no lock is held while user code or a call of the session runs. Around an expiry two sessions deliver on two
threads: an event of an older watch is ignored, because that watch is not ``self._arming``.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, Protocol, Union

from zkc._flow import Await, Driver, Flow, Signal
from zkc._watch.persistent import ArmedEvents, EventSubscription, EventWatch
from zkc._zookeeper import Request, RLock, Session, Stat
from zkc.constants import ClientState, EventType, WatchType
from zkc.errors import (
    ConnectionLossError,
    NoNodeError,
    SessionLostError,
    UnimplementedError,
    ZooKeeperError,
    error_for,
)

if TYPE_CHECKING:
    from zkc._session.protocol import SessionClient

__all__ = ["CHILDREN", "DATA", "EXISTENCE", "ReadKind", "Subscriptions", "ZnodeSubscription"]

_log = logging.getLogger("zkc.client")
_RETRY_DELAY = 0.05  # Seconds between two attempts to remove a watch while no in-flight slot is free.
_NO_PERSISTENT_WATCHES = "a server of this session has no persistent watches: they need ZooKeeper 3.6 or later"
_NOTHING = object()  # The key before the first read.


@dataclass(frozen=True)
class ReadKind:
    """One kind of read: its request, its values, and the key that shows a change."""

    send: Callable[[Session, str, Optional[Callable[[int, int, str], object]]], Request[Any]]
    values: Callable[[Any], tuple[Any, ...]]  # The values for the user, from a reply.
    stat: Callable[[Any], Stat]  # The Stat of a reply.
    key: Callable[[Stat], object]  # The same key, the same values.
    missing: tuple[None, ...]  # The values for the user when there is no znode.


DATA = ReadKind(
    send=lambda session, path, watch: session.get(path, watch),
    values=lambda answer: answer,
    stat=lambda answer: answer[1],
    key=lambda stat: (stat.czxid, stat.mzxid),
    missing=(None, None),
)
CHILDREN = ReadKind(
    send=lambda session, path, watch: session.get_children_with_stat(path, watch),
    values=lambda answer: (sorted(answer[0]),),
    stat=lambda answer: answer[1],
    key=lambda stat: (stat.czxid, stat.cversion, stat.pzxid),
    missing=(None,),
)
EXISTENCE = ReadKind(
    send=lambda session, path, watch: session.exists(path, watch),
    values=lambda answer: (answer,),
    stat=lambda answer: answer,
    key=lambda stat: (stat.czxid, stat.mzxid),
    missing=(None,),
)


class ArmedWatch:
    """A watch of the core's, for one read. The core holds it while it is armed, and it must not hold the session."""

    __slots__ = ("__weakref__", "path", "session", "subscription")

    kind = WatchType.ANY

    def __init__(self, subscription: ZnodeSubscription, session: Session) -> None:
        self.subscription: Optional[ZnodeSubscription] = subscription
        self.path = subscription.path
        self.session = weakref.ref(session)

    def __call__(self, type_: int, state: int, path: str) -> None:
        subscription = self.subscription
        if subscription is not None:
            subscription._event(self, type_)


class Follower(Protocol):
    """A subscription as the registry sees it."""

    path: str

    def cancel(self) -> None:
        """Be over."""

    def _begin(self, session: Session) -> Flow[None]:
        """Set its first watch."""

    def _resume(self) -> None:
        """Set its watch if none is set: there is a connection, perhaps of a new session."""

    def _suspend(self) -> None:
        """Hear that the connection was lost; perhaps late, when there is another."""

    def _stop(self, error: Optional[ZooKeeperError]) -> None:
        """Be over, with the error that ended it."""


class Subscriptions:
    """The registry of the subscriptions of a client.

    It holds every subscription that is not over: the core holds only those that are armed, and forgets them with the
    session. The client holds it, and it does not hold the client.

    Args:
        client: The client.
        coroutines: Whether what is called may be a coroutine function.
    """

    def __init__(self, client: SessionClient, *, coroutines: bool) -> None:
        self.client = weakref.ref(client)
        self.coroutines = coroutines
        self.call_user: Callable[..., None] = client._call_user
        self._active: set[Follower] = set()
        self._left_over: list[Union[ArmedWatch, ArmedEvents]] = []
        self.removals: dict[str, Signal] = {}  # Of persistent watches, by the path: set when the removal is done.
        self._turns: dict[str, list[tuple[WatchType, Signal]]] = {}  # Persistent watches that are being set, by path.
        self._lock = RLock()  # Of the turns and the counter. A finalizer may end a turn.
        self._refused: Optional[weakref.ref[Session]] = None  # The session whose server has no persistent watches.
        client._resumables.add(self)
        client._listeners.add(self)

    def add(self, subscription: Follower) -> None:
        """Hold a subscription until it is over."""
        self._active.add(subscription)

    def discard(self, subscription: Follower) -> None:
        """Hold a subscription no longer."""
        self._active.discard(subscription)

    def of(self, path: str, kind: WatchType, fn: Optional[Callable[..., object]]) -> list[EventSubscription]:
        """List the subscriptions to the events of a path, of one kind, and of one function unless that is None."""
        events = [each for each in list(self._active) if isinstance(each, EventSubscription)]
        return [each for each in events if (each.path, each.kind) == (path, kind) and (fn is None or each._fn == fn)]

    def note_dropped(self) -> None:
        """Count an event that found the queue of an iterator or of a coroutine function full."""
        client = self.client()
        if client is not None:
            with self._lock:
                client._dropped_events += 1

    def take_turn(self, path: str, kind: WatchType) -> tuple[Signal, list[Signal]]:
        """Note that a persistent watch is about to be set on a path, until :meth:`end_turn`.

        Returns:
            The turn, and the turns to wait for: those of the other kind. At a server before 3.9 requests of two kinds
            would cross, which costs a GAP.
        """
        turn = Signal()
        with self._lock:
            turns = self._turns.setdefault(path, [])
            earlier = [each for other, each in turns if other is not kind]
            turns.append((kind, turn))
        return turn, earlier

    def end_turn(self, path: str, turn: Signal) -> None:
        """Note that a persistent watch was set, or could not be."""
        with self._lock:
            turns = [each for each in self._turns[path] if each[1] is not turn]
            if turns:
                self._turns[path] = turns
            else:
                del self._turns[path]
        turn.set()

    def turns(self, path: str) -> list[Signal]:
        """List the turns of a path that have not ended: a one-shot watch that is set now would cross with them."""
        with self._lock:
            return [turn for _, turn in self._turns.get(path, ())]

    def note_refused(self, session: Session) -> None:
        """Note that a server of this session does not know persistent watches."""
        self._refused = weakref.ref(session)

    def check_persistent(self, session: Session) -> None:
        """Raise before a request that a server is known to refuse: it would cost the connection again.

        Raises:
            UnimplementedError: A server of this session does not know persistent watches.
        """
        if self._refused is not None and self._refused() is session:
            raise error_for(UnimplementedError.code, "add_watch", None, _NO_PERSISTENT_WATCHES)

    def resume(self) -> None:
        """Arm what is not armed: there is a connection, perhaps of a new session."""
        left_over, self._left_over = self._left_over, []
        for arming in left_over:
            self.remove(arming)
        for subscription in sorted(self._active, key=_place):
            subscription._resume()

    def __call__(self, state: ClientState) -> None:
        """Listen to the client: when no session can follow, every subscription ends."""
        client = self.client()
        failure = None if client is None else client._failure
        if state is ClientState.CLOSED or (state is ClientState.LOST and failure is not None):
            for subscription in list(self._active):
                subscription._stop(None if state is ClientState.CLOSED or failure is None else failure())
        elif state is ClientState.SUSPENDED or state is ClientState.LOST:
            for subscription in list(self._active):
                subscription._suspend()

    def remove(self, arming: Union[ArmedWatch, ArmedEvents]) -> None:
        """Remove a watch that is no longer needed, without waiting; without a connection, after the next connect."""
        arming.subscription = None
        client, session = self.client(), arming.session()
        if client is None or session is None:
            return
        done = Signal()
        try:
            if session.in_flight < client._settings.max_in_flight:
                if isinstance(arming, ArmedEvents):
                    self.removals[arming.path] = done
                session.remove_watches(
                    arming.path, arming, arming.kind, callback=lambda r: self._removed(r, arming, done)
                )
            else:  # The call would wait for a slot, and this may be a finalizer.
                client._call_later(_RETRY_DELAY, lambda: self.remove(arming))
        except ConnectionLossError:
            self._left_over.append(arming)
            self._note_removal(arming.path, done)
        except ZooKeeperError:  # It has fired, was never set, or ended with its session.
            self._note_removal(arming.path, done)

    def _note_removal(self, path: str, done: Signal) -> None:
        if self.removals.get(path) is done:
            del self.removals[path]
        done.set()

    def _removed(self, request: Request[None], arming: Union[ArmedWatch, ArmedEvents], done: Signal) -> None:
        self._note_removal(arming.path, done)
        if isinstance(request.exception(), ConnectionLossError):
            self._left_over.append(arming)


def _place(subscription: Follower) -> int:
    """Return the place among the subscriptions that are armed again: each waits for those before it, on its path.

    At a server before 3.9 a recursive watch covers a persistent one that was set before it. The other way round, the
    client has to set the recursive one again, which costs a GAP. Both serve the one-shot watches that follow.
    """
    if isinstance(subscription, EventWatch):
        return 0 if subscription.kind is WatchType.PERSISTENT else 1
    return 2


class ZnodeSubscription:
    """Reads a znode, again after each change, for as long as its client lives.

    Args:
        registry: The client's.
        path: Path of the znode.
        kind: What is read.
    """

    def __init__(self, registry: Subscriptions, path: str, kind: ReadKind) -> None:
        self.path = path
        self._registry = registry
        self._kind = kind
        self._lock = RLock()  # A finalizer may cancel in the middle of anything.
        self._arming: Optional[ArmedWatch] = None  # The latest watch; None when it has fired or the read failed.
        self._busy = True  # A read or a hand-over is under way.
        self._outdated = False  # Another read has to follow.
        self._over = False
        self._key: object = _NOTHING  # Of what was handed over last.
        self._error: Optional[ZooKeeperError] = None

    # ---- defined by each kind of subscription -----------------------------------------------------------------------

    def _hand_over(self, stat: Optional[Stat], values: tuple[Any, ...]) -> None:
        """Take what was read; call :meth:`_delivered` when there may be more."""
        raise NotImplementedError

    def _on_error(self, error: ZooKeeperError) -> None:
        """Hear that the servers do not let the znode be read; once for each kind of error, until it can be."""

    def _on_stop(self, error: Optional[ZooKeeperError]) -> None:
        """Hear that it is over, and why; None when it was cancelled or the client closed."""

    def _suspend(self) -> None:
        pass

    # ---- beginning and end ------------------------------------------------------------------------------------------

    def _begin(self, session: Session) -> Flow[None]:
        """Read for the first time; what was read is handed over where callbacks run."""
        if self._over:  # It waited for a slot and was cancelled there.
            return
        self._registry.add(self)
        try:
            request = yield from self._read(session)
        except BaseException:
            self.cancel()
            raise
        request.add_done_callback(self._begun)

    def _begun(self, request: Request[Any]) -> None:
        self._answered(request)

    def cancel(self) -> None:
        """Be over. Nothing is handed over any more.

        .. versionadded:: 0.1
        """
        self._stop(None)

    def _stop(self, error: Optional[ZooKeeperError]) -> None:
        with self._lock:
            if self._over:
                return
            if error is not None:
                self._error = error  # Before the line below: who reads that it is over, without the lock, reads why.
            self._over = True
            arming, self._arming = self._arming, None
        self._registry.discard(self)
        if arming is not None:
            self._registry.remove(arming)
        self._on_stop(error)

    # ---- reading ----------------------------------------------------------------------------------------------------

    def _read(self, session: Session) -> Flow[Request[Any]]:
        """Read with a new watch; return the request that has set it."""
        while True:
            for turn in self._registry.turns(self.path):
                yield Await(turn, None, "watch", self.path, optional=True)
            arming = self._arm(session)
            request = self._kind.send(session, self.path, arming)
            try:
                yield from self._wait(request, arming)
                return request
            except NoNodeError:
                request = session.exists(self.path, arming)
            if (yield from self._wait(request, arming)) is None:
                return request
            self._registry.remove(arming)  # The znode was made just now: this watch would be one too many.

    def _arm(self, session: Session) -> ArmedWatch:
        arming = ArmedWatch(self, session)
        with self._lock:
            self._arming = arming
        return arming

    def _wait(self, request: Request[Any], arming: ArmedWatch) -> Flow[Any]:
        try:
            yield request
        except GeneratorExit:  # Over: the watch that this request has set, or will set, has to go.
            request.add_done_callback(lambda _: self._registry.remove(arming))
            raise
        if self._over:
            self._registry.remove(arming)
        return request.result()

    def _refresh(self) -> None:
        """Read, now or as soon as what is under way is over."""
        with self._lock:
            if self._over:
                return
            if self._busy:
                self._outdated = True
                return
            self._busy, self._outdated = True, False
        client = self._registry.client()
        if client is None:
            return
        try:
            Driver(self._read(client.session), _Outcome(self), client._call_later).start()
        except ZooKeeperError as error:
            self._failed(error)

    def _answered(self, request: Request[Any]) -> None:
        answer = request.result()
        stat = None if answer is None else self._kind.stat(answer)
        key = None if stat is None else self._kind.key(stat)
        with self._lock:
            if self._over:
                return
            self._error = None
            news = key != self._key
            self._key = key
        if news:
            self._hand_over(stat, self._kind.missing if stat is None else self._kind.values(answer))
        else:
            self._delivered()

    def _delivered(self) -> None:
        with self._lock:
            self._busy = False
            outdated = self._outdated
        if outdated:
            self._refresh()

    def _failed(self, error: BaseException) -> None:
        """Note a failed read. The next connection starts another."""
        with self._lock:
            self._arming = None
            over = self._over
            known = type(self._error) is type(error)
            passing = isinstance(error, (ConnectionLossError, SessionLostError))
            if not passing and isinstance(error, ZooKeeperError):
                self._error = error.with_traceback(None)  # Its frames refer to the session.
        if not isinstance(error, ZooKeeperError):
            _log.error("%s could not be read", self.path, exc_info=error)
        elif not (over or passing or known):
            self._on_error(error)
        self._delivered()

    # ---- what happens -----------------------------------------------------------------------------------------------

    def _event(self, arming: ArmedWatch, type_: int) -> None:
        with self._lock:
            if arming is not self._arming:
                return
            self._arming = None
        if type_ != EventType.SESSION:
            self._refresh()
        elif self._registry.client() is None:
            self._stop(None)  # Otherwise the next session resumes it, or the listener ends it.

    def _resume(self) -> None:
        client = self._registry.client()
        session = None if client is None else client._session
        with self._lock:
            arming = self._arming
        # In the session that goes on, libzookeeper has given the watch to the new server.
        if arming is None or arming.session() is not session:
            self._refresh()


class _Outcome:
    """The result sink of the driver of a read."""

    __slots__ = ("subscription",)

    def __init__(self, subscription: ZnodeSubscription) -> None:
        self.subscription = subscription

    def done(self) -> bool:
        return self.subscription._over

    def set_result(self, result: Request[Any], /) -> None:
        self.subscription._answered(result)

    def set_exception(self, exception: BaseException, /) -> None:
        self.subscription._failed(exception)
