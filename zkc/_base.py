"""What every client has: its settings and its session."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Optional

from zkc import _operations as ops
from zkc._zookeeper import Session
from zkc.constants import State
from zkc.errors import ClosingError, ConnectTimeoutError, ForkedError, NotStartedError, OperationTimeoutError
from zkc.types import ACL, OPEN_ACL_UNSAFE

__all__ = ["BaseClient"]

# How long the end of a session that never came to be may take, in seconds: there is hardly anybody to tell.
_ABORT_TIMEOUT = 2.0


class BaseClient:
    """The settings of a client and its session; how to wait for a server is left to the subclass."""

    def __init__(
        self,
        hosts: str,
        *,
        session_timeout: float = 10.0,
        connect_timeout: Optional[float] = 15.0,
        request_timeout: Optional[float] = None,
        read_only: bool = False,
        client_id: Optional[tuple[int, bytes]] = None,
        default_acl: Sequence[ACL] = OPEN_ACL_UNSAFE,
    ) -> None:
        self._hosts, self._core_hosts = ops.check_hosts(hosts)
        self._session_timeout = ops.check_session_timeout(session_timeout)
        self._connect_timeout = ops.check_timeout(connect_timeout, "connect_timeout")
        self._request_timeout = ops.check_timeout(request_timeout, "request_timeout")
        self._read_only = ops.check_flag(read_only, "read_only")
        self._client_id = ops.check_client_id(client_id)
        self._default_acl = ops.encode_acl(default_acl, "default_acl")
        # Guards the change from one session to the next. Names are resolved under it, but no server is waited for.
        # It is taken again by the thread that has it when a signal handler closes the client there.
        self._lock = threading.RLock()
        self._closes = 0  # How often close() was called: it may be while another thread still resolves names.
        self._session: Optional[Session] = None
        self._was_closed = False
        self._pid = 0

    def _open(self) -> Optional[Session]:
        """Begin a session, or return None if there is one."""
        self._check_process("start")
        with self._lock:
            if self._session is not None and not self._session.closed:
                return None
            closes = self._closes
            try:
                session = Session(
                    self._core_hosts,
                    session_timeout=self._session_timeout,
                    client_id=self._client_id,
                    read_only=self._read_only,
                    open_timeout=self._connect_timeout,
                )
            except OperationTimeoutError:
                raise self._connect_error("resolving the host names") from None
            if self._closes != closes:
                session.close(_ABORT_TIMEOUT)
                raise ClosingError("start: the client was closed meanwhile", operation="start")
            self._session = session
            self._pid = os.getpid()
            return session

    def _abort(self, session: Optional[Session]) -> None:
        """End a session that never came to be, if it was begun here."""
        if session is None:
            return
        session.close(_ABORT_TIMEOUT)
        self._drop(session, was_closed=False)

    def _drop(self, session: Session, was_closed: bool) -> None:
        """Let go of a closed session, and with it of its memory: a closed client may be kept for long."""
        with self._lock:
            if self._session is session:
                self._session = None
                self._was_closed = was_closed

    def _connect_error(self, reached: str) -> ConnectTimeoutError:
        text = f"no session with {self._hosts} within {self._connect_timeout:g} s (state: {reached}). "
        advice = ConnectTimeoutError.advice
        return ConnectTimeoutError(f"start: {text}{advice[0].upper()}{advice[1:]}", operation="start")

    def _check_process(self, operation: str) -> None:
        if self._session is not None and self._pid != os.getpid():
            raise ForkedError(operation=operation)

    def __repr__(self) -> str:
        try:
            state = self.state.name
        except ForkedError:
            state = "of the parent process"
        return f"<zkc.{type(self).__name__} {self._hosts} {state}>"

    @property
    def session(self) -> Session:
        """The native session below, for what has no method here: pipelining, transactions.

        Its calls send at once and return a request; ``request.result(timeout)`` waits for the answer. It takes and
        gives plain numbers and tuples, and checks little.

        >>> requests = [client.session.get(path) for path in paths]
        >>> values = [request.result()[0] for request in requests]

        Raises:
            NotStartedError: There is none yet.
            ClosingError: It was closed.

        .. versionadded:: 0.1
        """
        session = self._session
        if session is None:
            if self._was_closed:
                raise ClosingError(maybe_applied=False)
            raise NotStartedError
        return session

    @property
    def closed(self) -> bool:
        """Whether the client has no session: not started, or closed.

        .. versionadded:: 0.1
        """
        session = self._session  # Read once: another thread may close the client meanwhile.
        return session is None or session.closed

    @property
    def state(self) -> State:
        """The state of the session; :attr:`State.CLOSED` without one.

        .. versionadded:: 0.1
        """
        session = self._session
        return State.CLOSED if session is None else State(session.state)

    @property
    def connected(self) -> bool:
        """Whether a server answers requests now, or reads at least.

        .. versionadded:: 0.1
        """
        return self.state.connected

    @property
    def hosts(self) -> str:
        """The servers and the chroot, with every port written out.

        .. versionadded:: 0.1
        """
        return self._hosts

    @property
    def session_id(self) -> int:
        """The id of the session; the owner of its ephemeral znodes has the same. 0 without a session.

        .. versionadded:: 0.1
        """
        return self._get_client_id()[0]

    @property
    def session_password(self) -> bytes:
        """The password of the session, 16 bytes, with which another client can resume it. Empty without a session.

        .. versionadded:: 0.1
        """
        return self._get_client_id()[1]

    def _get_client_id(self) -> tuple[int, bytes]:
        session = self._session
        try:
            return (0, b"") if session is None else session.client_id
        except ClosingError:
            return (0, b"")

    @property
    def negotiated_timeout(self) -> float:
        """For how long the servers keep the session when they hear nothing, in seconds. 0.0 without a session.

        .. versionadded:: 0.1
        """
        session = self._session
        try:
            return 0.0 if session is None else session.negotiated_timeout
        except ClosingError:
            return 0.0

    @property
    def server(self) -> Optional[str]:
        """The server that the session is connected to, or tries to reach, as ``address:port``; None if there is none.

        .. versionadded:: 0.1
        """
        session = self._session
        try:
            return None if session is None else session.current_server
        except ClosingError:
            return None
