"""The lifecycle of a client: its sessions, their connections, and the states that its listeners get.

The session's events drive this code, on the thread that delivers them: the dispatcher, or the event loop's thread.
Nothing here waits. The subclasses define how a caller waits.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Optional

from zkc._flow import Driver, Flow, result_of
from zkc._session.ephemerals import RecreatedEphemerals
from zkc._session.listeners import Listeners
from zkc._session.managed import ManagedSession, SessionEvents
from zkc._session.settings import Settings
from zkc._session.unanswered import WARN_AFTER, explain
from zkc._zookeeper import OPENED, TLS_FAILED, UNANSWERED, RLock, Session
from zkc.constants import ClientState, State
from zkc.errors import (
    AuthFailedError,
    ClosingError,
    ConnectionLossError,
    ForkedError,
    SessionExpiredError,
    ZooKeeperError,
)
from zkc.metrics import Metrics

__all__ = ["CONNECTED_STATES", "SessionManager"]

_log = logging.getLogger("zkc.client")
_log.addHandler(logging.NullHandler())  # Without logging configured, only the listeners report.
_LONGEST_DELAY = 10.0
CONNECTED_STATES = frozenset({ClientState.CONNECTED, ClientState.READ_ONLY})


class SessionManager:
    """The manager of a client's sessions, one after the other. The base of :class:`zkc._client.base.BaseClient`."""

    _settings: Settings
    _kept: RecreatedEphemerals

    def __init__(self) -> None:
        # Guards the change from one session to the next. No thread waits under it. It is recursive: a signal handler
        # that closes the client takes it again on the thread that holds it.
        self._lock = RLock()
        self._session: Optional[Session] = None  # The session that sends the calls.
        self._managed: Optional[ManagedSession] = None
        self._borrowed: Optional[Session] = None  # Its owner closes it: see zkc.legacy.client_of.
        self._expired_sessions: weakref.WeakSet[Session] = weakref.WeakSet()  # Until they are closed.
        self._ended_metrics: Optional[Metrics] = None  # The sum over the ended sessions.
        self._dropped_events = 0  # By the queues of its iterators and coroutines; its sessions count their own.
        self._measures: dict[str, Any] = {}  # What its recipes count, by kind: see zkc.recipes._measures.
        self._expirations = 0
        self._connections = 0  # Established connections in all sessions; LossCounter counts a loss once for each.
        self._was_closed = False
        self._pid = 0
        self._failure: Optional[Callable[[], ZooKeeperError]] = None  # Makes the error why no session can follow.
        self._state = ClientState.CLOSED
        self._waiters: list[tuple[frozenset[ClientState], Any]] = []
        self._listeners: Listeners[ClientState] = Listeners(self._call_user)
        self._resumables: weakref.WeakSet[Any] = weakref.WeakSet()  # Subscriptions: resume() at each connection.

    # ---- defined by each kind of client -----------------------------------------------------------------------------

    def _make_session(self, managed: ManagedSession, resume: bool) -> Session:
        """Make a session whose events go to ``managed``, without waiting."""
        raise NotImplementedError

    def _new_waiter(self) -> Any:
        """Make a future that a caller of this kind of client can wait for."""
        raise NotImplementedError

    def _call_later(self, seconds: float, function: Callable[[], None]) -> object:
        """Call a function after some time, or when the client is closed."""
        raise NotImplementedError

    def _call_user(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a callback of the user's; what it raises is logged."""
        raise NotImplementedError

    # ---- beginning --------------------------------------------------------------------------------------------------

    def _open(self) -> tuple[Optional[ManagedSession], Any]:
        """Open a session unless there is one.

        Returns:
            The managed session opened here, or None; and a waiter for the first connection.
        """
        self._check_process("start")
        begun = None
        with self._lock:
            managed = self._managed
            if managed is None or managed.closing or (managed.session is not None and managed.session.closed):
                if managed is not None:
                    self._retire(self._session, managed.session)
                begun = ManagedSession(from_start=True)
                self._failure = None
                self._pid = os.getpid()
                self._managed = begun
                try:
                    begun.session = self._make_session(begun, resume=True)
                except BaseException as error:
                    self._managed = None
                    if isinstance(error, ZooKeeperError):
                        _report_as_start(error)
                    raise
                self._session = None
                self._set_state(ClientState.CONNECTING)
            elif self._failure is not None:
                raise self._failure()
            waiter = self._wait_states(CONNECTED_STATES)
        self._notify()
        return begun, waiter

    def _borrow(self, session: Session) -> SessionEvents:
        """Use a session of another owner; return the watcher that the owner has to pass its events to."""
        managed = ManagedSession(from_start=True)
        managed.session = session
        with self._lock:
            self._pid = os.getpid()
            self._managed, self._session, self._borrowed = managed, session, session
            self._set_state(ClientState.CONNECTING)
        return SessionEvents(self, managed)

    def _events_of(self, session: Session) -> SessionEvents:
        """Make another watcher for the events of a session of this client."""
        managed = self._managed
        # An ended session gets a detached ManagedSession, so its events are ignored.
        return SessionEvents(
            self, managed if managed is not None and managed.session is session else ManagedSession(from_start=True)
        )

    def _detach(self, managed: Optional[ManagedSession], was_closed: bool) -> None:
        """Drop the closed session, so that a closed client that stays referenced frees its memory."""
        with self._lock:
            if self._managed is not managed or managed is None:
                return
            self._retire(self._session, managed.session)
            self._managed = self._session = None
            self._failure = None  # The failed start() has raised it.
            self._was_closed = was_closed
            self._set_state(ClientState.CLOSED)
            self._fail_waiters(
                lambda: ClosingError("start: the client was closed while it was starting", operation="start")
            )
        self._notify()

    def _sessions(self) -> list[Session]:
        """Return all open sessions, to close them; no other session follows."""
        with self._lock:
            sessions = list(self._expired_sessions)
            if self._managed is not None:
                self._managed.closing = True
                sessions += [session for session in (self._session, self._managed.session) if session is not None]
            return [session for session in sessions if session is not self._borrowed]

    # ---- events -----------------------------------------------------------------------------------------------------

    def _session_event(self, managed: ManagedSession, type_: int, state: int) -> None:
        with self._lock:  # Wait until the thread that makes the session has stored it.
            session = managed.session
            stale = managed is not self._managed or session is None
        if stale or session is None:
            return
        if type_ == OPENED:
            if state == 0:
                self._opened(managed, session)
            else:
                self._opening_failed(managed, session)
        elif type_ == TLS_FAILED:
            if not managed.connected and managed.from_start and session.tls_futile:
                self._fail(managed, session.tls_error)
        elif type_ == UNANSWERED:
            if managed.unanswered is None:
                managed.unanswered = time.monotonic()
            elif time.monotonic() - managed.unanswered >= WARN_AFTER:
                managed.unanswered = math.inf  # Log it once until there is a connection.
                _log.warning("%s: %s", self._settings.hosts, explain(session))
        elif state in (State.CONNECTED, State.READ_ONLY):
            managed.unanswered = None
            self._connections += 1
            self._on_connected(managed, session, state)
        elif state == State.EXPIRED_SESSION:
            self._expired(managed)
        elif state == State.AUTH_FAILED:
            self._fail(managed, AuthFailedError(operation="start"))
        elif state == 0:
            self._change(managed, ClientState.CLOSED)
        elif self._state in CONNECTED_STATES:
            self._change(managed, ClientState.SUSPENDED)

    def _opened(self, managed: ManagedSession, session: Session) -> None:
        """Send the calls on this session from now on. The credentials go first, before each request of the user."""
        self._send_auth(managed, session, self._settings.auth)
        with self._lock:
            if managed.closing:
                return
            old, self._session = self._session, session
            if old is not None:
                self._retire(old)
                if old is self._borrowed:
                    old = None
                else:
                    self._expired_sessions.add(old)
        if old is not None:
            old.begin_close()

    def _send_auth(self, managed: ManagedSession, session: Session, auth: Iterable[tuple[str, bytes]]) -> None:
        for scheme, credentials in list(auth):
            try:
                managed.auth.append((scheme, credentials, session.add_auth(scheme, credentials)))
            except ConnectionLossError:  # A system libzookeeper takes no credentials between two connections.
                self._call_later(0.01, lambda a=(scheme, credentials): self._send_auth(managed, session, [a]))  # type: ignore[misc]
            except ZooKeeperError:
                return  # Closed, or lost: an event says so.

    def _opening_failed(self, managed: ManagedSession, session: Session) -> None:
        error = session.open_error() or ConnectionLossError(operation="start", maybe_applied=False)
        if managed.from_start:
            self._fail(managed, error)
            return
        self._log_failed_opening(managed, str(error))
        session.begin_close()
        managed.session = None
        self._call_later(managed.delay, lambda: self._open_next(managed))

    def _expired(self, managed: ManagedSession) -> None:
        self._settings.client_id = None
        if managed.from_start and not managed.connected:
            text = "the session to resume (client_id) has ended. Call start() again to open a new one"
            self._fail(
                managed, SessionExpiredError(SessionExpiredError.describe("start", None, text), operation="start")
            )
            return
        with self._lock:
            if managed is not self._managed or managed.closing:
                return
            self._expirations += 1
            self._kept.expired(managed.session)
            following = self._managed = ManagedSession(from_start=False)
            self._set_state(ClientState.LOST)
        _log.warning("the session with %s has expired; the client opens a new one", self._settings.hosts)
        self._open_next(following)
        self._notify()

    def _open_next(self, managed: ManagedSession) -> None:
        """Open the session that follows an expired one."""
        with self._lock:
            if managed is not self._managed or managed.closing:
                return
            managed.delay = min(managed.delay * 2, _LONGEST_DELAY)
            try:
                managed.session = self._make_session(managed, resume=False)
                return
            except (ZooKeeperError, OSError, RuntimeError, MemoryError) as error:
                # As text: a stored log record would keep the frames of the error, and all objects that they refer to.
                self._log_failed_opening(managed, repr(error))
        self._call_later(managed.delay, lambda: self._open_next(managed))

    def _log_failed_opening(self, managed: ManagedSession, reason: str) -> None:
        level = logging.DEBUG if managed.open_failure_logged else logging.WARNING
        managed.open_failure_logged = True
        _log.log(level, "could not open a new session, the client tries again: %s", reason)

    def _on_connected(self, managed: ManagedSession, session: Session, state: int) -> None:
        """Restore credentials and ephemerals at a new connection, before listeners and callers learn of it."""
        reached = ClientState.READ_ONLY if state == State.READ_ONLY else ClientState.CONNECTED
        result = _RestoreResult(self, managed, reached)
        try:
            Driver(self._restore_state(managed, session), result, self._call_later).start()
        except ZooKeeperError as error:
            result.set_exception(error)

    def _restore_state(self, managed: ManagedSession, session: Session) -> Flow[None]:
        while managed.auth:
            sent = scheme, credentials, request = managed.auth[0]
            is_of_before = request.done()
            try:
                yield from result_of(request)
            except ConnectionLossError:
                if not is_of_before:
                    raise  # This connection is lost: the next one begins again.
                # It was sent in an attempt to connect that failed. There will be no other reply to that request.
                managed.auth[0] = scheme, credentials, session.add_auth(scheme, credentials)
                continue
            if managed.auth[:1] == [sent]:  # Unless the flow of the next connection has done that.
                managed.auth.pop(0)
        if not managed.from_start and not managed.connected:
            yield from self._kept.recover(session)

    def _on_restored(self, managed: ManagedSession, reached: ClientState) -> None:
        if managed.connected:
            self._kept.connected()
        managed.connected = True
        self._settings.client_id = None  # The resumed session is established: another start() opens a new one.
        for subscriptions in list(self._resumables):
            subscriptions.resume()
        self._change(managed, reached)

    def _fail(self, managed: ManagedSession, error: Optional[ZooKeeperError]) -> None:
        """Note that this session is unusable and that no other follows."""
        cause = _report_as_start(error or ConnectionLossError(operation="start", maybe_applied=False))
        with self._lock:
            if managed is not self._managed or managed.closing:
                return
            # A copy for each caller: raising an error changes its traceback.
            self._failure = lambda: copy.copy(cause).with_traceback(None)
            if managed.connected or not managed.from_start:
                self._set_state(ClientState.LOST)
            self._fail_waiters(self._failure)
        # For the session of start(), that call raises the error.
        level = logging.ERROR if managed.connected or not managed.from_start else logging.INFO
        _log.log(level, "no session with %s: %s", self._settings.hosts, cause)
        self._notify()

    # ---- states -----------------------------------------------------------------------------------------------------

    def _change(self, managed: ManagedSession, state: ClientState) -> None:
        with self._lock:
            if managed is not self._managed or (managed.closing and state is not ClientState.CLOSED):
                return
            self._set_state(state)
        self._notify()

    def _set_state(self, state: ClientState) -> None:
        """Set the state and wake its waiters. The caller holds the lock; the listeners run later, without it."""
        if state is self._state:
            return
        _log.info("%s is %s", self._settings.hosts, state)
        self._state = state
        self._listeners.enqueue(state)
        for entry in [entry for entry in self._waiters if state in entry[0]]:
            self._waiters.remove(entry)
            if not entry[1].done():
                entry[1].set_result(state)

    def _notify(self) -> None:
        self._listeners.notify()

    def _wait_states(self, states: frozenset[ClientState]) -> Any:
        """Return a waiter that is done when the client is in one of these states."""
        waiter = self._new_waiter()
        with self._lock:
            if self._state in states and not self._is_outdated():
                waiter.set_result(self._state)
            elif self._failure is not None and self._managed is not None and ClientState.CLOSED not in states:
                waiter.set_exception(self._failure())  # No session follows, so none of these states does.
            else:
                self._waiters.append((states, waiter))
        return waiter

    def _is_outdated(self) -> bool:
        """Return whether the connection is lost while the event that reports it is not delivered yet.

        A reply may arrive before that event. A caller that waits after an error must get the next connection, not the
        lost one.
        """
        if self._state not in CONNECTED_STATES or self._session is None:
            return False
        return self._session.state not in (State.CONNECTED, State.READ_ONLY)

    def _stop_waiting(self, waiter: Any) -> None:
        with self._lock:
            self._waiters = [entry for entry in self._waiters if entry[1] is not waiter]

    def _fail_waiters(self, error: Callable[[], ZooKeeperError]) -> None:
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            if not waiter.done():
                waiter.set_exception(error())

    # ---- metrics and checks -----------------------------------------------------------------------------------------

    def _retire(self, *sessions: Optional[Session]) -> None:
        """Add the metrics of ended sessions to the sum. The caller holds the lock."""
        for session in {session for session in sessions if session is not None}:
            measured = Metrics._of_session(session.metrics(), over=True)
            self._ended_metrics = measured if self._ended_metrics is None else self._ended_metrics + measured

    def metrics(self) -> Metrics:
        """Return the metrics of the client so far, over all of its sessions.

        Measuring is always on; it takes less than a tenth of a microsecond per request.

        Returns:
            A snapshot: :class:`~zkc.Metrics`.

        .. versionadded:: 0.1
        """
        self._check_process("metrics")
        with self._lock:  # No session is counted twice or left out during a change of sessions.
            ended, expirations = self._ended_metrics, self._expirations
            following = None if self._managed is None else self._managed.session
            present = [session.metrics() for session in {self._session, following} if session is not None]
        recipes = {kind: measures.snapshot() for kind, measures in list(self._measures.items())}
        found = Metrics._none(expirations, recipes, self._dropped_events)
        if ended is not None:
            found += ended
        for measured in present:
            found += Metrics._of_session(measured, over=False)
        return found

    def _is_forked(self) -> bool:
        """Return whether this process is a child of the one that started the client."""
        return self._managed is not None and self._pid != os.getpid()

    def _check_process(self, operation: str) -> None:
        if self._is_forked():
            raise ForkedError(operation=operation)


def _report_as_start(error: ZooKeeperError) -> ZooKeeperError:
    """Name the failed call as the caller knows it: the core's "open" and "connect" are start()."""
    if error.operation in ("open", "connect"):
        error.args = ("start" + str(error)[len(error.operation) :],)
        error.operation = "start"
    return error


class _RestoreResult:
    """The result sink of the driver that restores the state at a new connection."""

    def __init__(self, client: SessionManager, managed: ManagedSession, reached: ClientState) -> None:
        self.client = client
        self.managed = managed
        self.reached = reached

    def done(self) -> bool:
        return self.managed is not self.client._managed

    def set_result(self, result: None, /) -> None:
        self.client._on_restored(self.managed, self.reached)

    def set_exception(self, exception: BaseException, /) -> None:
        # The connection was lost again: an event follows, and the next connection restores the state.
        level = logging.DEBUG if isinstance(exception, ZooKeeperError) else logging.ERROR
        _log.log(
            level,
            "could not restore credentials and ephemerals at a new connection; the next connection tries again",
            exc_info=exception,
        )
