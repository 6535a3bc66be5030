"""How a client lives: from session to session, from connection to connection, and what it tells of that.

Everything here is driven by the session's events, on the thread that delivers them (the dispatcher, or the event
loop), and waits for nothing. How a caller waits is left to the subclasses.
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
_log.addHandler(logging.NullHandler())  # A program that sets up no logging hears of it by its listeners.
_LONGEST_DELAY = 10.0
CONNECTED_STATES = frozenset({ClientState.CONNECTED, ClientState.READ_ONLY})


class SessionManager:
    """The session of a client and what becomes of it. The base of :class:`zkc._client.base.BaseClient`."""

    _settings: Settings
    _kept: RecreatedEphemerals

    def __init__(self) -> None:
        # Guards the change from one session to the next. Nothing is waited for under it. It is taken again by the
        # thread that has it when a signal handler closes the client there.
        self._lock = RLock()
        self._session: Optional[Session] = None  # What calls are made on.
        self._managed: Optional[ManagedSession] = None
        self._borrowed: Optional[Session] = None  # Its owner closes it: see zkc.legacy.client_of.
        self._expired_sessions: weakref.WeakSet[Session] = weakref.WeakSet()  # Expired ones, until they are closed.
        self._ended_metrics: Optional[Metrics] = None  # What was measured in sessions that are over.
        self._expirations = 0
        self._connections = 0  # How often a server has answered, in all sessions: to tell one outage from many losses.
        self._was_closed = False
        self._pid = 0
        self._failure: Optional[Callable[[], ZooKeeperError]] = None  # Why there will be no session any more.
        self._state = ClientState.CLOSED
        self._waiters: list[tuple[frozenset[ClientState], Any]] = []
        self._listeners: Listeners[ClientState] = Listeners(self._call_user)
        self._resumables: weakref.WeakSet[Any] = weakref.WeakSet()  # Staying watches: resume() at each connection.

    # ---- what each kind of client does in its own way ---------------------------------------------------------------

    def _make_session(self, managed: ManagedSession, resume: bool) -> Session:
        """Make a session whose events go to ``managed``, without waiting."""
        raise NotImplementedError

    def _new_waiter(self) -> Any:
        """Make a future that somebody can wait for in the way of this client."""
        raise NotImplementedError

    def _call_later(self, seconds: float, function: Callable[[], None]) -> object:
        """Call a function after some time, or when the client is closed."""
        raise NotImplementedError

    def _call_user(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a callback of the user's; what it raises is logged."""
        raise NotImplementedError

    # ---- beginning --------------------------------------------------------------------------------------------------

    def _open(self) -> tuple[Optional[ManagedSession], Any]:
        """Begin a session unless there is one.

        Returns:
            The managed session begun here, or None; and what to wait for until there is a connection.
        """
        self._check_process("start")
        begun = None
        with self._lock:
            managed = self._managed
            if managed is None or managed.closing or (managed.session is not None and managed.session.closed):
                if managed is not None:
                    self._retire(self._session, managed.session)
                begun = ManagedSession(first=True)
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
        """Use a session that somebody else has; return what is to be told its events from now on."""
        managed = ManagedSession(first=True)
        managed.session = session
        with self._lock:
            self._pid = os.getpid()
            self._managed, self._session, self._borrowed = managed, session, session
            self._set_state(ClientState.CONNECTING)
        return SessionEvents(self, managed)

    def _events_of(self, session: Session) -> SessionEvents:
        """Make another watcher for the events of a session of this client."""
        managed = self._managed
        # One that is over is told of nothing any more.
        return SessionEvents(
            self, managed if managed is not None and managed.session is session else ManagedSession(first=True)
        )

    def _detach(self, managed: Optional[ManagedSession], was_closed: bool) -> None:
        """Have no session any more: after closing it, so that a closed client may be kept for long."""
        with self._lock:
            if self._managed is not managed or managed is None:
                return
            self._retire(self._session, managed.session)
            self._managed = self._session = None
            self._failure = None  # The start that failed has told of it.
            self._was_closed = was_closed
            self._set_state(ClientState.CLOSED)
            self._fail_waiters(lambda: ClosingError("start: the client was closed meanwhile", operation="start"))
        self._notify()

    def _sessions(self) -> list[Session]:
        """Return all sessions that are not closed; no other follows. For closing."""
        with self._lock:
            sessions = list(self._expired_sessions)
            if self._managed is not None:
                self._managed.closing = True
                sessions += [session for session in (self._session, self._managed.session) if session is not None]
            return [session for session in sessions if session is not self._borrowed]

    # ---- events -----------------------------------------------------------------------------------------------------

    def _session_event(self, managed: ManagedSession, type_: int, state: int) -> None:
        with self._lock:  # Until its maker has noted the session.
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
            if not managed.connected and managed.first and session.tls_futile:
                self._fail(managed, session.tls_error)
        elif type_ == UNANSWERED:
            if managed.unanswered is None:
                managed.unanswered = time.monotonic()
            elif time.monotonic() - managed.unanswered >= WARN_AFTER:
                managed.unanswered = math.inf  # Once is enough, until there is a connection.
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
        """Take a session into use. Its credentials go first, so that no request of the user's is before them."""
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
                managed.auth.append(session.add_auth(scheme, credentials))
            except ConnectionLossError:  # A libzookeeper of the system takes none between two connections.
                self._call_later(0.01, lambda a=(scheme, credentials): self._send_auth(managed, session, [a]))  # type: ignore[misc]
            except ZooKeeperError:
                return  # Closed, or lost: an event says so.

    def _opening_failed(self, managed: ManagedSession, session: Session) -> None:
        error = session.open_error() or ConnectionLossError(operation="start", maybe_applied=False)
        if managed.first:
            self._fail(managed, error)
            return
        self._log_failed_opening(managed, str(error))
        session.begin_close()
        managed.session = None
        self._call_later(managed.delay, lambda: self._open_next(managed))

    def _expired(self, managed: ManagedSession) -> None:
        self._settings.client_id = None
        if managed.first and not managed.connected:
            text = "the session to resume (client_id) has ended. Call start() again to make a new one"
            self._fail(
                managed, SessionExpiredError(SessionExpiredError.describe("start", None, text), operation="start")
            )
            return
        with self._lock:
            if managed is not self._managed or managed.closing:
                return
            self._expirations += 1
            self._kept.expired(managed.session)
            following = self._managed = ManagedSession(first=False)
            self._set_state(ClientState.LOST)
        _log.warning("the session with %s has expired; a new one is made", self._settings.hosts)
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
                # As text: a record that is kept would keep the frames of the error, and all they refer to.
                self._log_failed_opening(managed, repr(error))
        self._call_later(managed.delay, lambda: self._open_next(managed))

    def _log_failed_opening(self, managed: ManagedSession, reason: str) -> None:
        level = logging.DEBUG if managed.told else logging.WARNING
        managed.told = True
        _log.log(level, "no new session could be opened, other attempts resolve_into: %s", reason)

    def _on_connected(self, managed: ManagedSession, session: Session, state: int) -> None:
        """Do what a new connection needs before anybody is told of it."""
        reached = ClientState.READ_ONLY if state == State.READ_ONLY else ClientState.CONNECTED
        result = _RestoreResult(self, managed, reached)
        try:
            Driver(self._restore_state(managed, session), result, self._call_later).start()
        except ZooKeeperError as error:
            result.set_exception(error)

    def _restore_state(self, managed: ManagedSession, session: Session) -> Flow[None]:
        while managed.auth:
            yield from result_of(managed.auth[0])
            managed.auth.pop(0)
        if not managed.first and not managed.connected:
            yield from self._kept.recover(session)

    def _on_restored(self, managed: ManagedSession, reached: ClientState) -> None:
        if managed.connected:
            self._kept.connected()
        managed.connected = True
        self._settings.client_id = None  # It is this client's now: another start() makes a new session.
        for staying in list(self._resumables):
            staying.resume()
        self._change(managed, reached)

    def _fail(self, managed: ManagedSession, error: Optional[ZooKeeperError]) -> None:
        """Note that this session is of no use, and no other will be made."""
        cause = _report_as_start(error or ConnectionLossError(operation="start", maybe_applied=False))
        with self._lock:
            if managed is not self._managed or managed.closing:
                return
            # Another each time: who raises an error changes its traceback.
            self._failure = lambda: copy.copy(cause).with_traceback(None)
            if managed.connected or not managed.first:
                self._set_state(ClientState.LOST)
            self._fail_waiters(self._failure)
        # Of a first session, start() says it.
        level = logging.ERROR if managed.connected or not managed.first else logging.INFO
        _log.log(level, "there is no session with %s: %s", self._settings.hosts, cause)
        self._notify()

    # ---- states -----------------------------------------------------------------------------------------------------

    def _change(self, managed: ManagedSession, state: ClientState) -> None:
        with self._lock:
            if managed is not self._managed or (managed.closing and state is not ClientState.CLOSED):
                return
            self._set_state(state)
        self._notify()

    def _set_state(self, state: ClientState) -> None:
        """Note a state and wake who waits for it; the lock is held. The listeners are told later, without it."""
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
        """Return what to wait for until the client is in one of these states."""
        waiter = self._new_waiter()
        with self._lock:
            if self._state in states and not self._is_outdated():
                waiter.set_result(self._state)
            elif self._failure is not None and self._managed is not None and ClientState.CLOSED not in states:
                waiter.set_exception(self._failure())  # None of them will come.
            else:
                self._waiters.append((states, waiter))
        return waiter

    def _is_outdated(self) -> bool:
        """Whether the connection is lost and the event that says so still on its way.

        An answer can overtake it: who waits for the next connection after an error means the next one.
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

    # ---- the rest ---------------------------------------------------------------------------------------------------

    def _retire(self, *sessions: Optional[Session]) -> None:
        """Keep what was measured in sessions that are over; the lock is held."""
        for session in {session for session in sessions if session is not None}:
            measured = Metrics._of_session(session.metrics(), over=True)
            self._ended_metrics = measured if self._ended_metrics is None else self._ended_metrics + measured

    def metrics(self) -> Metrics:
        """Return what the client has measured so far, in all of its sessions.

        Measuring is always on; it takes less than a tenth of a microsecond per request.

        Returns:
            A snapshot: :class:`~zkc.Metrics`.

        .. versionadded:: 0.1
        """
        self._check_process("metrics")
        with self._lock:  # So that no session is counted twice, or left out, while the next session follows it.
            ended, expirations = self._ended_metrics, self._expirations
            following = None if self._managed is None else self._managed.session
            present = [session.metrics() for session in {self._session, following} if session is not None]
        found = Metrics._none(expirations)
        if ended is not None:
            found += ended
        for measured in present:
            found += Metrics._of_session(measured, over=False)
        return found

    def _check_process(self, operation: str) -> None:
        if self._managed is not None and self._pid != os.getpid():
            raise ForkedError(operation=operation)


def _report_as_start(error: ZooKeeperError) -> ZooKeeperError:
    """Name the call that fails: what the core calls opening and connecting is start() to its caller."""
    if error.operation in ("open", "connect"):
        error.args = ("start" + str(error)[len(error.operation) :],)
        error.operation = "start"
    return error


class _RestoreResult:
    """What a driver puts the outcome of the preparations in, when there is a connection again."""

    def __init__(self, client: SessionManager, managed: ManagedSession, reached: ClientState) -> None:
        self.client = client
        self.managed = managed
        self.reached = reached

    def done(self) -> bool:
        return self.managed is not self.client._managed

    def set_result(self, result: None, /) -> None:
        self.client._on_restored(self.managed, self.reached)

    def set_exception(self, exception: BaseException, /) -> None:
        # Lost again meanwhile: an event follows, and the next connection does it anew.
        level = logging.DEBUG if isinstance(exception, ZooKeeperError) else logging.ERROR
        _log.log(level, "the connection could not be made ready", exc_info=exception)
