"""The synchronous client: how it starts, waits and ends. Its calls are in :mod:`zkc._api`."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import time
import weakref
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union

from zkc._api.admin import AdminCalls
from zkc._api.bulk import BulkCalls
from zkc._api.trees import TreeCalls
from zkc._api.watching import WatchCalls
from zkc._api.znodes import ZnodeCalls
from zkc._args import check_seconds, check_states, check_timeout
from zkc._client.base import ABORT_TIMEOUT, CLOSE_TIMEOUT, BaseClient, WaitTimeout
from zkc._client.retrying import SyncRetry
from zkc._client.submit import Submit
from zkc._client.timers import Timers
from zkc._client.transaction import Transaction
from zkc._client.walk import SyncWalk
from zkc._client.watch_events import SyncWatch
from zkc._flow import remaining, run, undo, with_slot_timeout
from zkc._session.managed import ManagedSession, SessionEvents
from zkc._zookeeper import Condition, Request, Session, hold, let_go, result_or_abandon
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
    except BaseException:  # noqa: BLE001 - whatever it is, it is the callback's and nobody else's
        _callback_log.exception("a callback raised: %r", function)


class _Waiter(concurrent.futures.Future[Any]):
    """What a thread, or a greenlet, waits for that is no answer."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = Condition()  # type: ignore[assignment]  # it has what a future needs of threading's


class Client(BaseClient, ZnodeCalls, AdminCalls, BulkCalls, TreeCalls, WatchCalls, SyncWatch, SyncRetry, SyncWalk):
    """A client of a ZooKeeper ensemble.

    Used in a ``with`` statement, or with :meth:`start` and :meth:`close`. All methods may be called from any thread.
    While the connection is away the session goes on, and libzookeeper looks for another server. When the session has
    expired, the client makes a new one by itself: it authenticates again, makes the ephemeral znodes anew that were
    created with ``keep=True``, and goes on with the watches that stay; calls that were under way fail with
    :class:`~zkc.SessionExpiredError`. A client belongs to the process that started it: in a child forked later, every
    call raises :class:`~zkc.ForkedError`, and the parent's session is left alone.

    >>> with Client("zk1:2181,zk2:2181,zk3:2181/app", session_timeout=10.0) as client:
    ...     client.create("/config", b"a=1")
    ...     data, stat = client.get("/config")

    Every call raises what stands here, besides what it names itself:

    * TypeError or ValueError, before anything is sent, for an argument of a wrong type or value;
    * :class:`~zkc.OperationTimeoutError` when no answer came in time; the request is not recalled;
    * :class:`~zkc.ConnectionLossError` when the connection broke before the answer came;
    * :class:`~zkc.SessionLostError`, as one of its subclasses, when the session has ended: expired, closed, refused;
    * :class:`~zkc.NoAuthError` when the znode's ACL does not allow it;
    * :class:`~zkc.NotStartedError` and :class:`~zkc.ForkedError`.

    Args:
        hosts: The servers: ``host:port,host:port/chroot``. A host is a name, an IPv4 address or an IPv6 address in
            brackets; a port left out is 2181. With a chroot, all paths are below it; it must exist.
        session_timeout: For how long the servers keep the session when they hear nothing from it, in seconds. They
            have limits of their own: see :attr:`negotiated_timeout`.
        connect_timeout: How long :meth:`start` waits for a session, in seconds; None waits for ever.
        request_timeout: How long each call waits for its answer, in seconds, unless it says otherwise; None waits for
            as long as the session lives.
        read_only: Whether a server without a quorum will do: it answers reads, and refuses changes with
            :class:`~zkc.NotReadOnlyError`. Such a server may refuse a session that a quorum established: that client
            stays SUSPENDED meanwhile.
        auth: Credentials, as a list of ``(scheme, credentials)`` such as ``("digest", "user:password")``. They are
            sent before anything else, in each session.
        tls: How to use TLS; None for a connection that anybody on the way can read.
        sasl: How to authenticate by SASL; None for not.
        client_id: Session to resume, as ``(session_id, session_password)`` of the client that had it, for the first
            :meth:`start`.
        default_acl: ACL of znodes created without one.
        max_in_flight: How many requests may be without an answer, from 1 to 32768; a call beyond that waits for a
            place.
        max_data: How many bytes a request may have, its data, paths and ACLs together: a call that would send more
            raises ValueError, and sends nothing. The servers would close the connection, with all that is under way.
            The default is their own (``jute.maxbuffer``): give what is set there, or None for no limit.

    Raises:
        TypeError: An argument has a wrong type.
        ValueError: An argument has a wrong value.

    .. versionadded:: 0.1
    """

    # Assigned and not inherited, because what is armed or told must not hold the client: see BaseClient.
    _call_user = staticmethod(_call_logged)
    _make_submit: Callable[[BaseClient], Submit] = Submit  # A client that is traced has another: see zkc.otel.

    def _prepare_waiting(self) -> None:
        self._timers = Timers()
        # The timers' thread holds the timers and not the client: it is to end with one that is forgotten, too.
        weakref.finalize(self, self._timers.close).atexit = False  # type: ignore[misc]  # it is a property

    # ---- how it waits -----------------------------------------------------------------------------------------------

    def _run(
        self,
        command: Callable[Concatenate[CommandClient, _P], Pending[_T]],
        timeout: Optional[float],
        *arguments: _P.args,
        **options: _P.kwargs,
    ) -> _T:
        given = limit = self._settings.request_timeout if timeout is None else check_seconds(timeout)
        try:
            hold()  # Not before the try: a signal handler that raises between would leave it so.
            if limit is None:
                pending = command(self, *arguments, **options)
            else:
                begun = time.monotonic()
                pending = with_slot_timeout(limit, command, self, *arguments, **options)
                limit = remaining(limit, begun)
            if isinstance(pending, Request):
                return result_or_abandon(pending, limit, given)
        finally:
            let_go()
        try:
            return run(pending, limit, given)
        except BaseException:  # Of a signal handler after the last answer, perhaps: the outcome is lost with it.
            undo(pending)
            raise

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
            del waiter  # It has the error, whose traceback has this frame: they would keep each other.

    # ---- beginning and end ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make a session with the ensemble and wait until it is connected.

        If the client has a session already, this waits until that one is connected. A closed client may be started
        again, with a new session; one that could not connect, too, and then resumes ``client_id`` if it was given.

        Raises:
            ConnectTimeoutError: There was no session within ``connect_timeout``.
            ConnectionLossError: None of the host names could be resolved.
            SessionExpiredError: The session to resume (``client_id``) has ended.
            AuthFailedError: The servers refused the credentials.
            SSLConnectionError: No server has a certificate that will do.
            ClosingError: The client was closed meanwhile.
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
                del error  # Its traceback has this frame: they would keep each other, and the session's descriptors.
        except BaseException:  # Also Ctrl-C: no half-made session stays behind.
            self._abort(begun)
            raise
        finally:
            del waiter  # It has the error, whose traceback has this frame.

    def _abort(self, managed: Optional[ManagedSession]) -> None:
        """End a session that never came to be, if it was begun here."""
        if managed is None:
            return
        managed.closing = True
        if managed.session is not None:
            managed.session.close(ABORT_TIMEOUT)
        self._detach(managed, was_closed=False)

    def close(self) -> None:
        """End the session; its ephemeral znodes go.

        Calls in flight fail with :class:`~zkc.ClosingError`, and every watch gets a last event. Closing twice, or
        before :meth:`start`, does nothing. May be called from any thread, also in a watch.

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
        # A forked child may leave the block as well: the session is not its own to close, and what it raises stands.
        if self._pid == os.getpid():
            self.close()

    # ---- what waits for more than an answer --------------------------------------------------------------------------

    def wait_for(
        self, state: Union[ClientState, Iterable[ClientState]], *, timeout: Optional[float] = None
    ) -> ClientState:
        """Wait until the client is in a state.

        A client that is not started, or closed, is waited for as well: another thread may start it.

        Args:
            state: The state, or several of which one will do.
            timeout: How long to wait, in seconds; None for ever.

        Returns:
            The state that came. It may have changed again since.

        Raises:
            OperationTimeoutError: It did not come in time.
            ClosingError: The client was closed meanwhile.
            SessionLostError: There will be no session any more, as after refused credentials.

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
        """Replace the list of servers. The client moves to another one if that balances their load.

        Args:
            hosts: The servers, as for the client, without a chroot: that of the client stays.

        Raises:
            ValueError: ``hosts`` is malformed or has a chroot.
            BadArgumentsError: None of the names could be resolved.

        .. versionadded:: 0.1
        """
        core = self._settings.check_new_hosts(hosts)
        self.session.set_servers(core)
        self._settings.change_hosts(hosts)

    def transaction(self) -> Transaction:
        """Begin a transaction: operations of which all are carried out, or none.

        Returns:
            An empty :class:`~zkc.Transaction`. Nothing is sent before its commit, or the end of its ``with``.

        .. versionadded:: 0.1
        """
        return Transaction(self, self._settings)

    @property
    def submit(self) -> Submit:
        """The same calls, each of which sends, returns a :class:`~zkc.Future` at once, and waits for nothing.

        >>> futures = [client.submit.get(path) for path in paths]
        >>> values = [future.result()[0] for future in futures]

        .. versionadded:: 0.1
        """
        return self._make_submit(self)
