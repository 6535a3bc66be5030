"""The effects of a client's own requests on its re-created ephemeral znodes.

The client notes a request that may change such a znode before it sends it. The outcome of the request settles the
change. The caller's view of that outcome decides nothing: the caller may have stopped waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar

from zkc._args import CoreACL
from zkc._flow import Flow
from zkc._zookeeper import Request, Session
from zkc.constants import KeptState
from zkc.errors import NoNodeError, SessionLostError, ZooKeeperError
from zkc.types import Data

if TYPE_CHECKING:
    from zkc._session.ephemerals import RecreatedEphemerals

__all__ = ["Change", "Creation", "TrackedRequest", "Znode"]

_T = TypeVar("_T")
_REFUSED = (ZooKeeperError, TypeError, ValueError, MemoryError)


class _Write(Generic[_T]):
    """A value of a write request that has no outcome yet."""

    __slots__ = ("session", "value")

    def __init__(self, value: _T, session: Session) -> None:
        self.value = value
        self.session = session


class _Value(Generic[_T]):
    """The value that this client wrote last, or may have written."""

    __slots__ = ("_base", "_pending", "_zxid")

    def __init__(self, value: _T) -> None:
        self._base = value
        self._zxid = 0  # Zxid of the change that wrote the value; 0 if unknown.
        self._pending: list[_Write[_T]] = []

    def latest(self, session: Session) -> _T:
        """Return the value to create the znode with in a session.

        A write that is under way in that very session does not count. The server carries it out before the create, and
        then finds no znode, or after the create, and then changes the znode.
        """
        for write in reversed(self._pending):
            if write.session is not session:
                return write.value
        return self._base

    def begin(self, value: _T, session: Session) -> _Write[_T]:
        """Note a request before it is sent."""
        write = _Write(value, session)
        self._pending.append(write)
        return write

    def settle(self, write: _Write[_T], applied: bool, zxid: int) -> None:
        """Note the outcome of a request.

        Args:
            write: What :meth:`begin` returned.
            applied: Whether the servers carried it out, or may have.
            zxid: Zxid of the change; 0 if unknown.
        """
        self._pending.remove(write)
        if applied:
            self.found(write.value, zxid)

    def found(self, value: _T, zxid: int) -> None:
        """Note the value that the servers have, unless a newer one is known."""
        # Threads may send in another order than they note; the zxids of the servers give the order.
        if zxid == 0 or zxid > self._zxid:
            self._base = value
            self._zxid = zxid or self._zxid


class Znode:
    """One re-created ephemeral znode, from before its first create."""

    __slots__ = (
        "acl",
        "claim_again",
        "claiming",
        "data",
        "deletes",
        "dropped",
        "error",
        "losses",
        "path",
        "reported",
        "session",
        "state",
        "watched",
    )

    def __init__(self, path: str, data: Optional[Data], acl: CoreACL) -> None:
        self.path = path
        self.data: _Value[Optional[Data]] = _Value(data)
        self.acl: _Value[CoreACL] = _Value(acl)
        self.deletes = 0  # Number of delete requests without an outcome.
        self.dropped = False  # This client has deleted it.
        self.state = KeptState.MISSING
        self.session = 0  # Id of the session that owns the znode, in the state HELD.
        self.reported = KeptState.HELD  # The state that the listeners were called with last.
        self.error: Optional[Exception] = None
        self.watched: Optional[tuple[int, Any]] = None  # Id of a session, and its watch on the path.
        self.losses = 0  # Connections of the present session that were lost with its create, a large request.
        self.claiming = False  # A flow in the background runs claims.
        self.claim_again = False  # That flow has to run another claim.

    def copy_data(self) -> None:
        """Copy the data of the create, after it was sent: the caller may change a bytearray."""
        self.data._base = copied(self.data._base)

    def is_held(self, session: int) -> bool:
        """Return whether a session is known to own the znode."""
        return self.state is KeptState.HELD and self.session == session


class Change:
    """A request that may change re-created znodes.

    Args:
        kept: The re-created znodes of the client.
    """

    __slots__ = ("_deletes", "_kept", "_writes", "request")

    def __init__(self, kept: RecreatedEphemerals) -> None:
        self._kept = kept
        # The znode, the written value, and the index of the operation in its transaction.
        self._deletes: list[tuple[Znode, int]] = []
        self._writes: list[tuple[_Value[Any], _Write[Any], int]] = []
        self.request: Optional[Request[Any]] = None

    def add(self, znodes: list[Znode], name: str, value: Any, session: Session, index: int = 0) -> None:
        """Note one operation. The caller holds ``kept.lock``."""
        for znode in znodes:
            if name == "delete":
                znode.deletes += 1
                self._deletes.append((znode, index))
            else:
                values: _Value[Any] = znode.data if name == "set" else znode.acl
                self._writes.append((values, values.begin(value, session), index))

    def send(self, call: Callable[..., Request[_T]], *arguments: object) -> Request[_T]:
        """Send the request. Its outcome settles the change, also when the caller stops waiting."""
        try:
            request = call(*arguments)
        except (
            _REFUSED
        ) as error:  # The request was not sent. After any other exception, such as Ctrl-C, it may have been.
            self._settle(error, None)
            raise
        with self._kept.lock:
            for _, write, _ in self._writes:
                write.value = copied(
                    write.value
                )  # After the call: it refuses data that are too large, and these are never copied.
            self.request = request
        request.add_done_callback(self.settle_by)
        return request

    def result_of(self, request: Request[_T]) -> Flow[_T]:
        """Wait for the request in a flow."""
        yield request
        self.settle_by(request)  # The done callback may run later, and the caller goes on now.
        return request.result()

    def settle_by(self, request: Request[Any]) -> None:
        """Settle the change by the outcome of a request that is done."""
        error = request.exception()
        self._settle(error, request.result() if error is None else None)

    def _settle(self, error: Optional[BaseException], result: Any) -> None:
        kept = self._kept
        with kept.lock:
            kept.changes.discard(self)
            deletes, self._deletes = self._deletes, []
            writes, self._writes = self._writes, []
            self.request = None
            for values, write, index in writes:
                values.settle(write, error is None or _of(error, index, "maybe_applied"), _zxid(result, index))
            back = []
            for znode, index in deletes:
                znode.deletes -= 1
                if error is None or not _stays(error, index):
                    kept.drop(znode)
                elif not znode.deletes:
                    back.append(znode)
        for znode in back:
            if znode.state is not KeptState.HELD:  # A later session has not created it, because of this delete.
                kept.pursue(znode)


class TrackedRequest:
    """A request of a window that settles its change before the window takes the result."""

    __slots__ = ("_change", "_request", "add_done_callback", "done", "operation", "path", "wait")

    def __init__(self, request: Request[Any], change: Change) -> None:
        self._request = request
        self._change = change
        self.operation = request.operation
        self.path = request.path
        self.done = request.done
        self.wait = request.wait
        self.add_done_callback = request.add_done_callback

    def result(self) -> Any:
        """Return the reply, or raise its error."""
        self._change.settle_by(self._request)
        return self._request.result()


def _of(error: BaseException, index: int, name: str) -> bool:
    """Return a flag of the error of one operation; False if the request was refused before it was one."""
    results = getattr(error, "results", None)
    return bool(getattr(error if results is None else results[index], name, False))


def _stays(error: BaseException, index: int) -> bool:
    """Return whether a delete has certainly left the znode in place."""
    results = getattr(error, "results", None)
    # The servers delete an ephemeral znode with its session.
    gone = isinstance(error if results is None else results[index], (NoNodeError, SessionLostError))
    return not gone and not _of(error, index, "maybe_applied")


def _zxid(result: Any, index: int) -> int:
    stat = result[index] if isinstance(result, list) else result
    return getattr(stat, "mzxid", 0)


def copied(value: Any) -> Any:
    """Return a copy of mutable data. ACLs, bytes and None are never changed and need no copy."""
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


class Creation:
    """A create with ``keep=True``, from before it is sent until its outcome."""

    def __init__(self, kept: RecreatedEphemerals, znode: Znode, known: bool) -> None:
        self._kept = kept
        self._znode = znode
        self._known = known  # Whether the path is known before the reply.
        self._session: Optional[Session] = None

    def sender(self, send: Callable[[Session], Request[_T]]) -> Callable[[Session], Request[_T]]:
        """Wrap the function that sends the create, so that it notes the session."""

        def noting(session: Session) -> Request[_T]:
            self._session = session
            request = send(session)
            self._znode.copy_data()
            return request

        return noting

    def made(self, path: str) -> None:
        """Add the created znode to the re-created ones."""
        kept, znode, session = self._kept, self._znode, self._session
        assert session is not None
        with kept.lock:
            self.end()
            if znode.dropped:  # This client deleted it between the create and its reply.
                return
            znode.path = path
            kept.put(znode)
            try:
                znode.session = session.client_id[0]
            except SessionLostError:
                znode.session = 0
            held = znode.session != 0 and znode.session not in kept.former
            if held:
                znode.state = KeptState.HELD
        if not held:  # That session has ended, and the next one did not know of the znode.
            kept.pursue(znode)

    def end(self) -> None:
        """Forget the create; the caller need not hold the lock."""
        if self._known:
            self._known = False
            self._kept.forget_create(self._znode)
