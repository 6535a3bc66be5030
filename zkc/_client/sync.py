"""The synchronous client: its start, its waiting and its end. The calls are in :mod:`zkc._api`."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union, cast

from zkc._api.admin import AdminCalls
from zkc._api.bulk import BulkCalls
from zkc._api.runner import name_methods
from zkc._api.trees import TreeCalls
from zkc._api.watching import WatchCalls
from zkc._api.znodes import ZnodeCalls
from zkc._args import check_seconds, check_states, check_timeout
from zkc._client.base import ABORT_TIMEOUT, CLOSE_TIMEOUT, BaseClient, WaitTimeout
from zkc._client.recipes import SyncRecipes
from zkc._client.retrying import SyncRetry
from zkc._client.submit import Submit, diversions, divert
from zkc._client.timers import Timers
from zkc._client.transaction import Transaction
from zkc._client.walk import SyncWalk
from zkc._client.watch_events import SyncWatch
from zkc._flow import remaining, run, undo, with_slot_timeout
from zkc._session.managed import ManagedSession, SessionEvents
from zkc._zookeeper import Condition, Request, Session, cork, result_or_abandon, uncork
from zkc.constants import ClientState

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec, Self

    from zkc._commands.protocol import CommandClient
    from zkc._flow import Pending

    _P = ParamSpec("_P")

__all__ = ["Client"]

_T = TypeVar("_T")
_callback_log = logging.getLogger("zkc.callback")


def _call_logged(function: Callable[..., object], *arguments: object) -> None:
    try:
        function(*arguments)
    except BaseException:  # noqa: BLE001 - any exception belongs to the callback
        _callback_log.exception("a callback raised: %r", function)


class _Waiter(concurrent.futures.Future[Any]):
    """A future that a thread or a greenlet waits for, of something other than a reply."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = Condition()  # type: ignore[assignment]  # it has what a future needs of threading's


class Client(
    BaseClient,
    ZnodeCalls,
    AdminCalls,
    BulkCalls,
    TreeCalls,
    WatchCalls,
    SyncWatch,
    SyncRetry,
    SyncWalk,
    SyncRecipes,
):
    """A client of a ZooKeeper ensemble.

    Used in a ``with`` statement, or with :meth:`start` and :meth:`close`. All methods may be called from any thread.
    While the connection is lost the session continues, and libzookeeper connects to another server. When the session
    has expired, the client opens a new one by itself: it authenticates again, re-creates the ephemeral znodes that were
    created with ``keep=True``, and continues the recurring watches. Calls in flight then fail with
    :class:`~zkc.SessionExpiredError`. A client belongs to the process that started it: in a child that was forked
    later, every call raises :class:`~zkc.ForkedError`, and the parent's session stays as it is.

    >>> with Client("zk1:2181,zk2:2181,zk3:2181/app", session_timeout=10.0) as client:
    ...     client.create("/config", b"a=1")
    ...     data, stat = client.get("/config")

    Every call may raise these errors, besides those that its documentation names:

    * TypeError or ValueError, before anything is sent, for an argument of a wrong type or value;
    * :class:`~zkc.OperationTimeoutError` when no reply came in time; the request is not recalled;
    * :class:`~zkc.ConnectionLossError` when the connection broke before the reply;
    * :class:`~zkc.SessionLostError`, as one of its subclasses, when the session has ended: expired, closed, refused;
    * :class:`~zkc.NoAuthError` when the znode's ACL does not allow it;
    * :class:`~zkc.NotStartedError` and :class:`~zkc.ForkedError`.

    Args:
        hosts: The servers: ``host:port,host:port/chroot``. A host is a name, an IPv4 address or an IPv6 address in
            brackets; the default port is 2181. With a chroot, all paths are below it; the chroot must exist.
        session_timeout: The seconds after which the servers end a session that they hear nothing from, 2147483.647 at
            most. The servers have their own limits: see :attr:`negotiated_timeout`.
        connect_timeout: How long :meth:`start` waits for a session, in seconds; None for no limit.
        request_timeout: The timeout of each call in seconds, unless the call gives another; None waits until the
            session ends.
        read_only: Whether the client may connect to a server without a quorum. Such a server answers reads, and refuses
            changes with :class:`~zkc.NotReadOnlyError`. It may refuse a session that a quorum established: that client
            then stays SUSPENDED.
        auth: Credentials, as a list of ``(scheme, credentials)`` such as ``("digest", "user:password")``. The client
            sends them first in each session.
        tls: The TLS settings; None for an unencrypted connection.
        sasl: The SASL settings; None for no SASL authentication.
        client_id: The session to resume with the first :meth:`start`, as ``(session_id, session_password)`` of the
            client that had it.
        default_acl: The ACL of znodes that are created without one.
        max_in_flight: The number of requests that may be in flight, from 1 to 32768. A call beyond that waits for a
            slot.
        max_data: The largest size of a request in bytes, its data, paths and ACLs together; None for no limit. A call
            that would send more raises ValueError, and sends nothing: the servers would close the connection, with all
            requests in flight. The default is that of the servers (``jute.maxbuffer``): give the value that they have.
        max_queued_events: The largest number of events of persistent watches (:meth:`watch_events`) that wait for their
            delivery. Beyond it the client drops events, and reports a GAP.

    Raises:
        TypeError: An argument has a wrong type.
        ValueError: An argument has a wrong value.

    .. versionadded:: 0.1
    """

    # Static, because an armed watch or a listener must not keep the client alive: see BaseClient.
    _call_user = staticmethod(_call_logged)
    _make_submit: Callable[[BaseClient], Submit] = Submit  # zkc.otel replaces it in a traced client.

    def _prepare_waiting(self) -> None:
        self._timers = Timers()
        # The timers' thread refers to the timers and not to the client, so that it ends with a forgotten client, too.
        weakref.finalize(self, self._timers.close).atexit = False  # type: ignore[misc]  # it is a property

    # ---- waiting ---------------------------------------------------------------------------------------------------

    def _run(
        self,
        command: Callable[Concatenate[CommandClient, _P], Pending[_T]],
        timeout: Optional[float],
        *arguments: _P.args,
        **options: _P.kwargs,
    ) -> _T:
        if diversions:
            future: Any = divert(self, command, timeout, arguments, options)
            if future is not None:
                return cast("_T", future)
        given = limit = self._settings.request_timeout if timeout is None else check_seconds(timeout)
        try:
            cork()  # Inside the try: a signal handler that raises in front of it would leave the thread corked.
            if limit is None:
                pending = command(self, *arguments, **options)
            else:
                begun = time.monotonic()
                pending = with_slot_timeout(limit, command, self, *arguments, **options)
                limit = remaining(limit, begun)
            if isinstance(pending, Request):
                return result_or_abandon(pending, limit, given)
        finally:
            uncork()
        try:
            return run(pending, limit, given, self._check_waiting)
        except BaseException:  # Perhaps of a signal handler after the last reply: it loses the outcome.
            undo(pending)
            raise

    def _check_waiting(self, operation: Optional[str]) -> None:
        """Raise in the thread that delivers events: it would wait for an event that it must deliver itself."""
        self._check_process(operation or "call")  # In a child of the process, the session names its own call.
        session = self._session
        if session is not None and session.delivers_here():
            raise RuntimeError(
                "deadlock: this callback thread would wait for an event that it delivers itself. Make the call in "
                "another thread, or make one that does not wait, such as try_acquire() of a lock"
            )

    def _make_session(self, managed: ManagedSession, resume: bool) -> Session:
        return Session(
            self._settings.core_hosts,
            watcher=SessionEvents(self, managed),
            wait=False,
            **self._settings.session_arguments(resume),
        )

    def _new_waiter(self) -> concurrent.futures.Future[Any]:
        return _Waiter()

    def _call_later(self, seconds: float, function: Callable[[], None]) -> None:
        self._timers.call_later(seconds, function)

    def _call_later_unless_closed(self, seconds: float, function: Callable[[], None]) -> None:
        self._timers.call_later(seconds, function, at_close=False)

    def _wait(self, waiter: concurrent.futures.Future[Any], limit: Optional[float]) -> Any:
        try:
            return waiter.result(limit)
        except concurrent.futures.TimeoutError:
            if waiter.done():
                raise
            raise WaitTimeout from None
        finally:
            self._stop_waiting(waiter)
            del waiter  # It refers to the error, whose traceback refers to this frame: a cycle would keep both.

    # ---- start and end ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open a session with the ensemble and wait until it is connected.

        If the client has a session, this waits until that session is connected. A closed client may be started again,
        with a new session. So may a client that could not connect; it then resumes ``client_id`` if that was given.

        Raises:
            ConnectTimeoutError: There was no session within ``connect_timeout``.
            ConnectionLossError: None of the host names could be resolved.
            SessionExpiredError: The session to resume (``client_id``) has ended.
            AuthFailedError: The servers refused the credentials.
            SSLConnectionError: No server has an acceptable certificate.
            ClosingError: The client was closed during the call.
            ForkedError: The client was started by the parent process.

        .. versionadded:: 0.1
        """
        self._timers.open()
        begun, waiter = self._open()
        try:
            self._wait(waiter, self._settings.connect_timeout)
        except WaitTimeout:
            error = self._too_late()
            self._abort(begun)
            try:
                raise error from error.__cause__
            finally:
                del error  # Its traceback refers to this frame: a cycle would keep both, and the session's descriptors.
        except BaseException:  # Also Ctrl-C: no half-open session stays behind.
            self._abort(begun)
            raise
        finally:
            del waiter  # It refers to the error, whose traceback refers to this frame.

    def _abort(self, managed: Optional[ManagedSession]) -> None:
        """End a session that never connected, if this call opened it."""
        if managed is None:
            return
        managed.closing = True
        if managed.session is not None:
            managed.session.close(ABORT_TIMEOUT)
        self._detach(managed, was_closed=False)

    def close(self) -> None:
        """End the session, and with it its ephemeral znodes.

        Calls in flight fail with :class:`~zkc.ClosingError`, and every watch gets a last event. Closing twice, or
        before :meth:`start`, does nothing. Any thread may call it, and a watch callback, too.

        Raises:
            ForkedError: The client was started by the parent process.

        .. versionadded:: 0.1
        """
        self._check_process("close")
        managed = self._managed
        deadline = time.monotonic() + CLOSE_TIMEOUT
        sessions = self._sessions()
        for session in sessions:
            session.begin_close()
        for session in sessions:
            session.close(max(0.001, deadline - time.monotonic()))
        self._timers.close()
        self._kept.clear()
        self._detach(managed, was_closed=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        # A forked child may leave the block as well. The session is the parent's, and the child's exception goes on.
        if self._pid == os.getpid():
            self.close()

    # ---- states, servers and transactions ----------------------------------------------------------------------------

    def wait_for(
        self, state: Union[ClientState, Iterable[ClientState]], *, timeout: Optional[float] = None
    ) -> ClientState:
        """Wait until the client is in a state.

        This also waits for a client that was not started, or was closed: another thread may start it.

        Args:
            state: The state, or several states of which one is enough.
            timeout: Timeout in seconds; None for no limit.

        Returns:
            The reached state. The client may have left it since.

        Raises:
            OperationTimeoutError: The client did not reach the state in time.
            ClosingError: The client was closed during the call.
            SessionLostError: The client opens no further session, as after refused credentials.

        .. versionadded:: 0.1
        """
        states = check_states(state)
        limit = check_timeout(timeout)
        self._check_process("wait_for")
        try:
            reached: ClientState = self._wait(self._wait_states(states), limit)
        except WaitTimeout:
            raise self._never_was(states, limit) from None
        return reached

    def set_hosts(self, hosts: str) -> None:
        """Replace the list of servers. The client moves to another server if that balances their load.

        Args:
            hosts: The servers, as for the client, without a chroot: the client keeps its chroot.

        Raises:
            ValueError: ``hosts`` is malformed or has a chroot.
            BadArgumentsError: None of the names could be resolved.

        .. versionadded:: 0.1
        """
        core = self._settings.check_new_hosts(hosts)
        self.session.set_servers(core)
        self._settings.change_hosts(hosts)

    def transaction(self) -> Transaction:
        """Begin a transaction: operations that the servers carry out all together, or not at all.

        Returns:
            An empty :class:`~zkc.Transaction`. Nothing is sent before its commit, or the end of its ``with``.

        .. versionadded:: 0.1
        """
        return Transaction(self, self._settings)

    @property
    def submit(self) -> Submit:
        """The same calls without waiting: each sends its request and returns a :class:`~zkc.Future` at once.

        >>> futures = [client.submit.get(path) for path in paths]
        >>> values = [future.result()[0] for future in futures]

        .. versionadded:: 0.1
        """
        return self._make_submit(self)


if not TYPE_CHECKING:
    name_methods(Client)
