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
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Driver, Flow, answer
from zkc._session.ephemerals import Kept
from zkc._session.listeners import Listeners
from zkc._session.managed import SessionEvents, Tenure
from zkc._session.settings import Settings
from zkc._session.unanswered import PATIENCE, explain
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

if TYPE_CHECKING:
    from zkc.metrics import Metrics

__all__ = ["Life", "SessionEvents", "Tenure"]

_log = logging.getLogger("zkc.client")
_log.addHandler(logging.NullHandler())  # A program that sets up no logging hears of it by its listeners.
_LONGEST_DELAY = 10.0
_UP = frozenset({ClientState.CONNECTED, ClientState.READ_ONLY})


class Life:
    """The session of a client and what becomes of it. The base of :class:`zkc._client.base.BaseClient`."""

    _settings: Settings
    _kept: Kept

    def __init__(self) -> None:
        # Guards the change from one session to the next. Nothing is waited for under it. It is taken again by the
        # thread that has it when a signal handler closes the client there.
        self._lock = RLock()
        self._session: Optional[Session] = None  # What calls are made on.
        self._tenure: Optional[Tenure] = None
        self._borrowed: Optional[Session] = None  # Its owner closes it: see zkc.legacy.client_of.
        self._fading: weakref.WeakSet[Session] = weakref.WeakSet()  # Expired ones, until they are closed.
        self._past: Optional[Metrics] = None  # What was measured in sessions that are over.
        self._expirations = 0
        self._connections = 0  # How often a server has answered, in all sessions: to tell one outage from many losses.
        self._was_closed = False
        self._pid = 0
        self._failure: Optional[Callable[[], ZooKeeperError]] = None  # Why there will be no session any more.
        self._state = ClientState.CLOSED
        self._waiters: list[tuple[frozenset[ClientState], Any]] = []
        self._listeners: Listeners[ClientState] = Listeners(self._call_user)
        self._resumers: weakref.WeakSet[Any] = weakref.WeakSet()  # Staying watches: resume() at each connection.

    # ---- what each kind of client does in its own way ---------------------------------------------------------------

    def _make_session(self, tenure: Tenure, resume: bool) -> Session:
        """Make a session whose events go to ``tenure``, without waiting."""
        raise NotImplementedError

    def _new_waiter(self) -> Any:
        """Make a future that somebody can wait for in the way of this client."""
        raise NotImplementedError

    def _later(self, seconds: float, function: Callable[[], None]) -> object:
        """Call a function after some time, or when the client is closed."""
        raise NotImplementedError

    def _call_user(self, function: Callable[..., object], *arguments: object) -> None:
        """Call a callback of the user's; what it raises is logged."""
        raise NotImplementedError

    # ---- beginning --------------------------------------------------------------------------------------------------

    def _begin(self) -> tuple[Optional[Tenure], Any]:
        """Begin a session unless there is one.

        Returns:
            The tenure begun here, or None; and what to wait for until there is a connection.
        """
        self._check_process("start")
        begun = None
        with self._lock:
            tenure = self._tenure
            if tenure is None or tenure.closing or (tenure.session is not None and tenure.session.closed):
                if tenure is not None:
                    self._retire(self._session, tenure.session)
                begun = Tenure(first=True)
                self._failure = None
                self._pid = os.getpid()
                self._tenure = begun
                try:
                    begun.session = self._make_session(begun, resume=True)
                except BaseException as error:
                    self._tenure = None
                    if isinstance(error, ZooKeeperError):
                        _blame_start(error)
                    raise
                self._session = None
                self._set_state(ClientState.CONNECTING)
            elif self._failure is not None:
                raise self._failure()
            waiter = self._wait_states(_UP)
        self._tell()
        return begun, waiter

    def _borrow(self, session: Session) -> SessionEvents:
        """Use a session that somebody else has; return what is to be told its events from now on."""
        tenure = Tenure(first=True)
        tenure.session = session
        with self._lock:
            self._pid = os.getpid()
            self._tenure, self._session, self._borrowed = tenure, session, session
            self._set_state(ClientState.CONNECTING)
        return SessionEvents(self, tenure)

    def _events_of(self, session: Session) -> SessionEvents:
        """Make another watcher for the events of a session of this client."""
        tenure = self._tenure
        # One that is over is told of nothing any more.
        return SessionEvents(self, tenure if tenure is not None and tenure.session is session else Tenure(first=True))

    def _let_go(self, tenure: Optional[Tenure], was_closed: bool) -> None:
        """Have no session any more: after closing it, so that a closed client may be kept for long."""
        with self._lock:
            if self._tenure is not tenure or tenure is None:
                return
            self._retire(self._session, tenure.session)
            self._tenure = self._session = None
            self._failure = None  # The start that failed has told of it.
            self._was_closed = was_closed
            self._set_state(ClientState.CLOSED)
            self._fail_waiters(lambda: ClosingError("start: the client was closed meanwhile", operation="start"))
        self._tell()

    def _sessions(self) -> list[Session]:
        """Return all sessions that are not closed; no other follows. For closing."""
        with self._lock:
            sessions = list(self._fading)
            if self._tenure is not None:
                self._tenure.closing = True
                sessions += [session for session in (self._session, self._tenure.session) if session is not None]
            return [session for session in sessions if session is not self._borrowed]

    # ---- events -----------------------------------------------------------------------------------------------------

    def _session_event(self, tenure: Tenure, type_: int, state: int) -> None:
        with self._lock:  # Until its maker has noted the session.
            session = tenure.session
            stale = tenure is not self._tenure or session is None
        if stale or session is None:
            return
        if type_ == OPENED:
            if state == 0:
                self._opened(tenure, session)
            else:
                self._opening_failed(tenure, session)
        elif type_ == TLS_FAILED:
            if not tenure.connected and tenure.first and session.tls_futile:
                self._fail(tenure, session.tls_error)
        elif type_ == UNANSWERED:
            if tenure.unanswered is None:
                tenure.unanswered = time.monotonic()
            elif time.monotonic() - tenure.unanswered >= PATIENCE:
                tenure.unanswered = math.inf  # Once is enough, until there is a connection.
                _log.warning("%s: %s", self._settings.hosts, explain(session))
        elif state in (State.CONNECTED, State.READ_ONLY):
            tenure.unanswered = None
            self._connections += 1
            self._arrive(tenure, session, state)
        elif state == State.EXPIRED_SESSION:
            self._expired(tenure)
        elif state == State.AUTH_FAILED:
            self._fail(tenure, AuthFailedError(operation="start"))
        elif state == 0:
            self._change(tenure, ClientState.CLOSED)
        elif self._state in _UP:
            self._change(tenure, ClientState.SUSPENDED)

    def _opened(self, tenure: Tenure, session: Session) -> None:
        """Take a session into use. Its credentials go first, so that no request of the user's is before them."""
        self._send_auth(tenure, session, self._settings.auth)
        with self._lock:
            if tenure.closing:
                return
            old, self._session = self._session, session
            if old is not None:
                self._retire(old)
                if old is self._borrowed:
                    old = None
                else:
                    self._fading.add(old)
        if old is not None:
            old.begin_close()

    def _send_auth(self, tenure: Tenure, session: Session, auth: Iterable[tuple[str, bytes]]) -> None:
        for scheme, credentials in list(auth):
            try:
                tenure.auth.append(session.add_auth(scheme, credentials))
            except ConnectionLossError:  # A libzookeeper of the system takes none between two connections.
                self._later(0.01, lambda a=(scheme, credentials): self._send_auth(tenure, session, [a]))  # type: ignore[misc]
            except ZooKeeperError:
                return  # Closed, or lost: an event says so.

    def _opening_failed(self, tenure: Tenure, session: Session) -> None:
        error = session.open_error() or ConnectionLossError(operation="start", maybe_applied=False)
        if tenure.first:
            self._fail(tenure, error)
            return
        self._log_failed_opening(tenure, str(error))
        session.begin_close()
        tenure.session = None
        self._later(tenure.delay, lambda: self._open_next(tenure))

    def _expired(self, tenure: Tenure) -> None:
        self._settings.client_id = None
        if tenure.first and not tenure.connected:
            text = "the session to resume (client_id) has ended. Call start() again to make a new one"
            self._fail(
                tenure, SessionExpiredError(SessionExpiredError.describe("start", None, text), operation="start")
            )
            return
        with self._lock:
            if tenure is not self._tenure or tenure.closing:
                return
            self._expirations += 1
            self._kept.expired(tenure.session)
            following = self._tenure = Tenure(first=False)
            self._set_state(ClientState.LOST)
        _log.warning("the session with %s has expired; a new one is made", self._settings.hosts)
        self._open_next(following)
        self._tell()

    def _open_next(self, tenure: Tenure) -> None:
        """Open the session that follows an expired one."""
        with self._lock:
            if tenure is not self._tenure or tenure.closing:
                return
            tenure.delay = min(tenure.delay * 2, _LONGEST_DELAY)
            try:
                tenure.session = self._make_session(tenure, resume=False)
                return
            except (ZooKeeperError, OSError, RuntimeError, MemoryError) as error:
                # As text: a record that is kept would keep the frames of the error, and all they refer to.
                self._log_failed_opening(tenure, repr(error))
        self._later(tenure.delay, lambda: self._open_next(tenure))

    def _log_failed_opening(self, tenure: Tenure, reason: str) -> None:
        level = logging.DEBUG if tenure.told else logging.WARNING
        tenure.told = True
        _log.log(level, "no new session could be opened, other attempts follow: %s", reason)

    def _arrive(self, tenure: Tenure, session: Session, state: int) -> None:
        """Do what a new connection needs before anybody is told of it."""
        reached = ClientState.READ_ONLY if state == State.READ_ONLY else ClientState.CONNECTED
        arrival = _Arrival(self, tenure, reached)
        try:
            Driver(self._prepare(tenure, session), arrival, self._later).start()
        except ZooKeeperError as error:
            arrival.set_exception(error)

    def _prepare(self, tenure: Tenure, session: Session) -> Flow[None]:
        while tenure.auth:
            yield from answer(tenure.auth[0])
            tenure.auth.pop(0)
        if not tenure.first and not tenure.connected:
            yield from self._kept.recover(session)

    def _arrived(self, tenure: Tenure, reached: ClientState) -> None:
        if tenure.connected:
            self._kept.connected()
        tenure.connected = True
        self._settings.client_id = None  # It is this client's now: another start() makes a new session.
        for staying in list(self._resumers):
            staying.resume()
        self._change(tenure, reached)

    def _fail(self, tenure: Tenure, error: Optional[ZooKeeperError]) -> None:
        """Note that this session is of no use, and no other will be made."""
        cause = _blame_start(error or ConnectionLossError(operation="start", maybe_applied=False))
        with self._lock:
            if tenure is not self._tenure or tenure.closing:
                return
            # Another each time: who raises an error changes its traceback.
            self._failure = lambda: copy.copy(cause).with_traceback(None)
            if tenure.connected or not tenure.first:
                self._set_state(ClientState.LOST)
            self._fail_waiters(self._failure)
        # Of a first session, start() says it.
        level = logging.ERROR if tenure.connected or not tenure.first else logging.INFO
        _log.log(level, "there is no session with %s: %s", self._settings.hosts, cause)
        self._tell()

    # ---- states -----------------------------------------------------------------------------------------------------

    def _change(self, tenure: Tenure, state: ClientState) -> None:
        with self._lock:
            if tenure is not self._tenure or (tenure.closing and state is not ClientState.CLOSED):
                return
            self._set_state(state)
        self._tell()

    def _set_state(self, state: ClientState) -> None:
        """Note a state and wake who waits for it; the lock is held. The listeners are told later, without it."""
        if state is self._state:
            return
        _log.info("%s is %s", self._settings.hosts, state)
        self._state = state
        self._listeners.note(state)
        for entry in [entry for entry in self._waiters if state in entry[0]]:
            self._waiters.remove(entry)
            if not entry[1].done():
                entry[1].set_result(state)

    def _tell(self) -> None:
        self._listeners.tell()

    def _wait_states(self, states: frozenset[ClientState]) -> Any:
        """Return what to wait for until the client is in one of these states."""
        waiter = self._new_waiter()
        with self._lock:
            if self._state in states and not self._is_outdated():
                waiter.set_result(self._state)
            elif self._failure is not None and self._tenure is not None and ClientState.CLOSED not in states:
                waiter.set_exception(self._failure())  # None of them will come.
            else:
                self._waiters.append((states, waiter))
        return waiter

    def _is_outdated(self) -> bool:
        """Whether the connection is lost and the event that says so still on its way.

        An answer can overtake it: who waits for the next connection after an error means the next one.
        """
        if self._state not in _UP or self._session is None:
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
        from zkc.metrics import Metrics

        for session in {session for session in sessions if session is not None}:
            measured = Metrics._of_session(session.metrics(), over=True)
            self._past = measured if self._past is None else self._past + measured

    def _check_process(self, operation: str) -> None:
        if self._tenure is not None and self._pid != os.getpid():
            raise ForkedError(operation=operation)


def _blame_start(error: ZooKeeperError) -> ZooKeeperError:
    """Name the call that fails: what the core calls opening and connecting is start() to its caller."""
    if error.operation in ("open", "connect"):
        error.args = ("start" + str(error)[len(error.operation) :],)
        error.operation = "start"
    return error


class _Arrival:
    """What a driver puts the outcome of the preparations in, when there is a connection again."""

    def __init__(self, client: Life, tenure: Tenure, reached: ClientState) -> None:
        self.client = client
        self.tenure = tenure
        self.reached = reached

    def done(self) -> bool:
        return self.tenure is not self.client._tenure

    def set_result(self, result: None, /) -> None:
        self.client._arrived(self.tenure, self.reached)

    def set_exception(self, exception: BaseException, /) -> None:
        # Lost again meanwhile: an event follows, and the next connection does it anew.
        level = logging.DEBUG if isinstance(exception, ZooKeeperError) else logging.ERROR
        _log.log(level, "the connection could not be made ready", exc_info=exception)
