"""The base of both clients: settings, properties, listeners and errors of a start."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from zkc._flow import Driver, Flow
from zkc._session.ephemerals import RecreatedEphemerals
from zkc._session.manager import SessionManager
from zkc._session.settings import Settings
from zkc._session.unanswered import explain
from zkc._watch.subscriptions import Subscriptions
from zkc._watch.wrappers import Watchers, call_watch
from zkc._zookeeper import ReadGroups, Session
from zkc.constants import ClientState, State
from zkc.errors import (
    MAX_BUFFER,
    ClosingError,
    ConnectionLossError,
    ConnectTimeoutError,
    ForkedError,
    NotStartedError,
    OperationTimeoutError,
    SessionLostError,
    ZooKeeperError,
)
from zkc.types import ACL, OPEN_ACL_UNSAFE, KeptZnode

if TYPE_CHECKING:
    from zkc.credentials import SASL, TLS

__all__ = ["ABORT_TIMEOUT", "CLOSE_TIMEOUT", "BaseClient", "WaitTimeout"]

# Timeout in seconds for closing a session that never connected; the server does not know it.
ABORT_TIMEOUT = 2.0
CLOSE_TIMEOUT = 10.0
_log = logging.getLogger("zkc.client")


class WaitTimeout(Exception):  # noqa: N818 - internal signal; the caller raises its own error
    """The end of a wait by its timeout."""


class LogFailures:
    """Result sink for background flows: logs a failure, drops a result."""

    def done(self) -> bool:
        return False

    def set_result(self, result: None, /) -> None:
        pass

    def set_exception(self, exception: BaseException, /) -> None:
        level = logging.DEBUG if isinstance(exception, SessionLostError) else logging.WARNING
        _log.log(level, "a background operation failed: %s", str(exception))  # The error's traceback keeps frames.


class BaseClient(SessionManager):
    """The base of both clients. The subclasses implement how to wait for a reply."""

    def __init__(
        self,
        hosts: str,
        *,
        session_timeout: float = 10.0,
        connect_timeout: Optional[float] = 15.0,
        request_timeout: Optional[float] = None,
        read_only: bool = False,
        auth: Iterable[tuple[str, Union[str, bytes]]] = (),
        tls: Optional[TLS] = None,
        sasl: Optional[SASL] = None,
        client_id: Optional[tuple[int, bytes]] = None,
        default_acl: Sequence[ACL] = OPEN_ACL_UNSAFE,
        max_in_flight: int = 16384,
        max_data: Optional[int] = MAX_BUFFER,
        max_queued_events: int = 100_000,
    ) -> None:
        self._settings = Settings(
            hosts,
            session_timeout=session_timeout,
            connect_timeout=connect_timeout,
            request_timeout=request_timeout,
            read_only=read_only,
            auth=auth,
            tls=tls,
            sasl=sasl,
            client_id=client_id,
            default_acl=default_acl,
            max_in_flight=max_in_flight,
            max_data=max_data,
            max_queued_events=max_queued_events,
        )
        super().__init__()
        self._kept = RecreatedEphemerals(self)
        self._watches = Watchers(self._call_watch)
        self._read_groups = ReadGroups()
        self._holds: Any = None  # What its recipes hold: see zkc.recipes._client_holds.
        self._shared: dict[tuple[object, ...], Any] = {}  # What the recipe objects of this client share.
        self._prepare_waiting()

    _takes_coroutines = False  # Whether callbacks may be coroutine functions.

    @functools.cached_property
    def _subscriptions(self) -> Subscriptions:
        return Subscriptions(self, coroutines=self._takes_coroutines)

    def _prepare_waiting(self) -> None:
        """Make the objects that this kind of client waits with."""

    # A function and no method: the session refers to an armed watch, which must not keep the client alive.
    _call_watch = staticmethod(call_watch)

    def _call_later_unless_closed(self, seconds: float, function: Callable[[], None]) -> None:
        """Call a function after some seconds, unless the client is closed by then."""
        raise NotImplementedError

    def _background(self, flow: Flow[None]) -> None:
        """Drive a flow without a waiting caller; a failure is logged."""
        try:
            Driver(flow, LogFailures(), self._call_later).start()
        except ZooKeeperError as error:
            LogFailures().set_exception(error)

    def _connect_error(self, reached: str, cause: Optional[BaseException], looks: str = "") -> ConnectTimeoutError:
        limit = self._settings.connect_timeout
        text = f"no session with {self._settings.hosts} within {limit:g} s (state: {reached}). "
        if cause is not None:
            text += f"The last attempt failed: {cause}"
        elif looks:
            text += looks[0].upper() + looks[1:]
        else:
            text += ConnectTimeoutError.advice[0].upper() + ConnectTimeoutError.advice[1:]
        error = ConnectTimeoutError(f"start: {text}", operation="start")
        error.__cause__ = cause
        return error

    def _too_late(self) -> ConnectTimeoutError:
        """Make the error of a start that took too long. It names the state that the session reached."""
        with self._lock:
            session = None if self._managed is None else self._managed.session
        if session is None:
            return self._connect_error("CONNECTING", None)
        try:
            reached = State(session.state).name
        except ConnectionLossError:
            reached = "resolving the host names"
        return self._connect_error(reached, session.tls_error, explain(session))

    def _never_was(self, states: Iterable[ClientState], limit: Optional[float]) -> OperationTimeoutError:
        """Make the error of a wait for states that the client did not reach in time."""
        names = " or ".join(sorted(wanted.name for wanted in states))
        text = f"the client is {self.state} and was not {names} within {limit:g} s"
        looks = explain(self._session)
        if looks:
            text += f"; {looks}"
        return OperationTimeoutError(text, operation="wait_for", maybe_applied=False)

    def __repr__(self) -> str:
        try:
            state = self.state.name
        except ForkedError:
            state = "of the parent process"
        return f"<zkc.{type(self).__name__} {self.hosts} {state}>"

    @property
    def session(self) -> Session:
        """The native session, for calls that have no method here.

        Its calls send at once and return a :class:`~zkc.Request`; ``request.result(timeout)`` waits for the reply. The
        session takes and returns plain numbers and tuples, and checks little. After an expiry the client has another
        session.

        Raises:
            NotStartedError: The client was not started.
            ClosingError: The client was closed.

        .. versionadded:: 0.1
        """
        session = self._session
        if session is None:
            raise self._no_session()
        return session

    def _no_session(self) -> Exception:
        if self._failure is not None:
            return self._failure()
        return ClosingError(maybe_applied=False) if self._was_closed else NotStartedError()

    @property
    def closed(self) -> bool:
        """Whether the client has no session and opens none: it was not started, or it was closed.

        .. versionadded:: 0.1
        """
        managed = self._managed  # Read once: another thread may close the client.
        if managed is None or managed.closing:
            return True
        return managed.session is not None and self._pid == os.getpid() and managed.session.closed

    @property
    def state(self) -> ClientState:
        """The state of the client.

        .. versionadded:: 0.1
        """
        self._check_process("state")
        return ClientState.CLOSED if self.closed else self._state

    @property
    def connected(self) -> bool:
        """Whether a server now answers all requests, or at least reads.

        .. versionadded:: 0.1
        """
        return self.state.connected

    @property
    def hosts(self) -> str:
        """The servers and the chroot, with an explicit port for each server.

        .. versionadded:: 0.1
        """
        return self._settings.hosts

    @property
    def session_id(self) -> int:
        """The id of the session, which is the owner of its ephemeral znodes; 0 without a session.

        .. versionadded:: 0.1
        """
        return self._get_client_id()[0]

    @property
    def session_password(self) -> bytes:
        """The password of the session (16 bytes), with which another client can resume it; empty without a session.

        .. versionadded:: 0.1
        """
        return self._get_client_id()[1]

    def _get_client_id(self) -> tuple[int, bytes]:
        session = self._session
        try:
            return (0, b"") if session is None else session.client_id
        except SessionLostError:
            return (0, b"")

    @property
    def negotiated_timeout(self) -> float:
        """The session timeout in seconds that the servers have agreed to; 0.0 without a session.

        .. versionadded:: 0.1
        """
        session = self._session
        try:
            return 0.0 if session is None else session.negotiated_timeout
        except SessionLostError:
            return 0.0

    @property
    def server(self) -> Optional[str]:
        """The server that the session is connected or connecting to, as ``address:port``; None if there is none.

        .. versionadded:: 0.1
        """
        session = self._session
        try:
            return None if session is None else session.current_server
        except SessionLostError:
            return None

    @property
    def kept(self) -> list[str]:
        """The paths of the ephemeral znodes that the client re-creates after an expiry (``keep=True``).

        A path that this client has asked to delete is not in the list, unless the reply says that the znode stays.

        .. versionadded:: 0.1
        """
        return self._kept.paths()

    @property
    def kept_znodes(self) -> list[KeptZnode]:
        """The kept ephemeral znodes, each with its state in the present session, or the error that keeps it away.

        .. versionadded:: 0.1
        """
        return self._kept.described()

    def add_kept_listener(self, listener: Callable[[KeptZnode], object]) -> None:
        """Add a listener for kept ephemeral znodes that the client cannot re-create in a new session.

        The client calls it where it calls those of :meth:`add_listener`: with the states ``TAKEN`` and ``FAILED``, and
        with ``HELD`` after one of these. It does not call it for a znode that the new session has at once.

        Args:
            listener: A function of one :class:`~zkc.KeptZnode`. The client adds the same function only once.

        Raises:
            TypeError: The listener cannot be called.

        .. versionadded:: 0.1
        """
        self._kept.listeners.add(listener)

    def remove_kept_listener(self, listener: Callable[[KeptZnode], object]) -> None:
        """Remove a listener. One that was never added is ignored.

        Args:
            listener: The function that was given to :meth:`add_kept_listener`.

        .. versionadded:: 0.1
        """
        self._kept.listeners.remove(listener)

    def add_listener(self, listener: Callable[[ClientState], object]) -> None:
        """Add a listener for the states of the client.

        The client calls its listeners one after the other, in the order of the states, where callbacks run: on a
        thread of the client, or for asyncio in the event loop, where a listener may be a coroutine function. The
        client logs an exception of a listener. In LOST, calls fail until CONNECTED: a listener should make calls in
        CONNECTED.

        Args:
            listener: A function of one :class:`~zkc.ClientState`. The client adds the same function only once.

        Raises:
            TypeError: The listener cannot be called.

        .. versionadded:: 0.1
        """
        self._listeners.add(listener)

    def remove_listener(self, listener: Callable[[ClientState], object]) -> None:
        """Remove a listener. One that was never added is ignored.

        Args:
            listener: The function that was given to :meth:`add_listener`.

        .. versionadded:: 0.1
        """
        self._listeners.remove(listener)
