"""The synchronous client: how it starts and how it ends. Its calls on znodes are in :mod:`zkc._calls`."""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from zkc._calls import SyncCalls
from zkc.errors import OperationTimeoutError, SessionExpiredError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Client"]


class Client(SyncCalls):
    """A client of a ZooKeeper ensemble, with one session.

    Used in a ``with`` statement, or with :meth:`start` and :meth:`close`. All methods may be called from any thread.
    While the connection is away the session goes on, and libzookeeper looks for another server; when the session has
    expired, :meth:`close` and :meth:`start` make a new one. A client belongs to the process that started it: in a
    child forked later, every call raises :class:`~zkc.ForkedError`, and the parent's session is left alone.

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
            :class:`~zkc.NotReadOnlyError`.
        client_id: Session to resume, as ``(session_id, session_password)`` of the client that had it, for the first
            :meth:`start`.
        default_acl: ACL of znodes created without one.

    Raises:
        TypeError: An argument has a wrong type.
        ValueError: An argument has a wrong value.

    .. versionadded:: 0.1
    """

    def start(self) -> None:
        """Make a session with the ensemble and wait until it is connected.

        If the client has a session already, this waits until that one is connected. A closed client may be started
        again, with a new session; one that could not connect, too, and then resumes ``client_id`` if it was given.

        Raises:
            ConnectTimeoutError: There was no session within ``connect_timeout``.
            ConnectionLossError: None of the host names could be resolved.
            SessionExpiredError: The session to resume (``client_id``) has ended, or that which the client has:
                :meth:`close` the client to start it anew.
            AuthFailedError: The servers refused the credentials.
            ClosingError: The client was closed meanwhile.
            ForkedError: The client was started by the parent process.

        .. versionadded:: 0.1
        """
        begun = time.monotonic()
        opened = self._open()
        session = opened or self.session
        try:
            limit = self._connect_timeout
            session.wait_connected(None if limit is None else max(0.0, begun + limit - time.monotonic()))
            self._client_id = None  # It is this client's now, or gone: another start() makes a new session.
        except OperationTimeoutError:
            reached = self.state.name
            self._abort(opened)
            raise self._connect_error(reached) from None
        except BaseException as error:  # Also Ctrl-C: no half-made session stays behind.
            if isinstance(error, SessionExpiredError):
                self._client_id = None
            self._abort(opened)
            raise

    def close(self) -> None:
        """End the session; its ephemeral znodes go.

        Calls in flight fail with :class:`~zkc.ClosingError`, and every watch gets a last event. Closing twice, or
        before :meth:`start`, does nothing. May be called from any thread, also in a watch.

        Raises:
            ForkedError: The client was started by the parent process.

        .. versionadded:: 0.1
        """
        self._check_process("close")
        self._closes += 1
        session = self._session
        if session is not None:
            session.close()
            self._drop(session, was_closed=True)

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
