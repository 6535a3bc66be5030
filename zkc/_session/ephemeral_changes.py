"""What a client's requests do to the ephemeral znodes that it keeps.

A request that may change a kept znode is noted before it is sent, and settled by its outcome. What the caller saw of
that outcome decides nothing: the caller may have stopped waiting.
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

__all__ = ["Change", "Creation", "Noted", "Znode"]

_T = TypeVar("_T")
_REFUSED = (ZooKeeperError, TypeError, ValueError, MemoryError)


class _Write(Generic[_T]):
    """A value that a request writes which has no outcome yet."""

    __slots__ = ("session", "value")

    def __init__(self, value: _T, session: Session) -> None:
        self.value = value
        self.session = session


class _Value(Generic[_T]):
    """What this client wrote last, or may have written."""

    __slots__ = ("_base", "_pending", "_zxid")

    def __init__(self, value: _T) -> None:
        self._base = value
        self._zxid = 0  # Of the change that wrote it, if that is known.
        self._pending: list[_Write[_T]] = []

    def latest(self, session: Session) -> _T:
        """Return what to create the znode with in a session.

        A write that is under way in that very session does not count. The server carries it out before the create, and
        finds no znode, or after it.
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
            applied: Whether it was carried out, or perhaps was.
            zxid: The change that it was; 0 if that is not known.
        """
        self._pending.remove(write)
        if applied:
            self.found(write.value, zxid)

    def found(self, value: _T, zxid: int) -> None:
        """Note what the servers have, unless something newer is known."""
        # Threads may send in another order than they note; the servers' numbers give the order.
        if zxid == 0 or zxid > self._zxid:
            self._base = value
            self._zxid = zxid or self._zxid


class Znode:
    """One znode that is kept, or is to be once it is created."""

    __slots__ = (
        "acl",
        "again",
        "busy",
        "data",
        "deletes",
        "dropped",
        "error",
        "losses",
        "path",
        "session",
        "state",
        "told",
        "watched",
    )

    def __init__(self, path: str, data: Optional[Data], acl: CoreACL) -> None:
        self.path = path
        self.data: _Value[Optional[Data]] = _Value(data)
        self.acl: _Value[CoreACL] = _Value(acl)
        self.deletes = 0  # Requests without an outcome that delete it.
        self.dropped = False  # This client has deleted it.
        self.state = KeptState.MISSING
        self.session = 0  # The id of the session that has it, in the state HELD.
        self.told = KeptState.HELD  # What the listeners know.
        self.error: Optional[Exception] = None
        self.watched: Optional[tuple[int, Any]] = None  # The id of a session, and the watch that it has on the path.
        self.losses = 0  # Connections of the present session that were lost with its create, which is large.
        self.busy = False  # A flow in the background creates it.
        self.again = False  # That flow has to look once more.

    def copy_data(self) -> None:
        """Copy the data that the znode is created with, once they were sent: the caller may change a bytearray."""
        self.data._base = copied(self.data._base)

    def is_held(self, session: int) -> bool:
        """Tell whether a session is known to have the znode."""
        return self.state is KeptState.HELD and self.session == session


class Change:
    """A request that may change kept znodes.

    Args:
        kept: The znodes of the client.
    """

    __slots__ = ("_deletes", "_kept", "_writes", "request")

    def __init__(self, kept: RecreatedEphemerals) -> None:
        self._kept = kept
        # The znode and the place of the operation in its transaction; and what is written.
        self._deletes: list[tuple[Znode, int]] = []
        self._writes: list[tuple[_Value[Any], _Write[Any], int]] = []
        self.request: Optional[Request[Any]] = None

    def add(self, znodes: list[Znode], name: str, value: Any, session: Session, index: int = 0) -> None:
        """Note one operation; the lock is held."""
        for znode in znodes:
            if name == "delete":
                znode.deletes += 1
                self._deletes.append((znode, index))
            else:
                values: _Value[Any] = znode.data if name == "set" else znode.acl
                self._writes.append((values, values.begin(value, session), index))

    def send(self, call: Callable[..., Request[_T]], *arguments: object) -> Request[_T]:
        """Send the request; whatever becomes of its caller, its outcome settles the change."""
        try:
            request = call(*arguments)
        except _REFUSED as error:  # It was not sent. Of anything else, as of Ctrl-C, that is not certain.
            self._settle(error, None)
            raise
        with self._kept.lock:
            for _, write, _ in self._writes:
                write.value = copied(write.value)  # Not before: what is too large is refused without a copy.
            self.request = request
        request.add_done_callback(self.look)
        return request

    def result_of(self, request: Request[_T]) -> Flow[_T]:
        """Wait for the request in a flow."""
        yield request
        self.look(request)  # The callback may come later, and the caller goes on now.
        return request.result()

    def look(self, request: Request[Any]) -> None:
        """Settle the change by the outcome of the request, which is done."""
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
            if znode.state is not KeptState.HELD:  # A session that followed has left it out.
                kept.pursue(znode)


class Noted:
    """A request that settles a change, for a window of requests: what comes of it is noted before it is taken."""

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
        self._change.look(self._request)
        return self._request.result()


def _of(error: BaseException, index: int, name: str) -> bool:
    """Return a flag of the error of one operation; False if the request was refused before it was one."""
    results = getattr(error, "results", None)
    return bool(getattr(error if results is None else results[index], name, False))


def _stays(error: BaseException, index: int) -> bool:
    """Whether a delete failed so that the znode is certainly there, if it was before."""
    results = getattr(error, "results", None)
    # With its session the znode goes as well.
    gone = isinstance(error if results is None else results[index], (NoNodeError, SessionLostError))
    return not gone and not _of(error, index, "maybe_applied")


def _zxid(result: Any, index: int) -> int:
    stat = result[index] if isinstance(result, list) else result
    return getattr(stat, "mzxid", 0)


def copied(value: Any) -> Any:
    """Return a copy of data; an ACL is never changed, and None is no data."""
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


class Creation:
    """A create of a znode to keep, from before it is sent."""

    def __init__(self, kept: RecreatedEphemerals, znode: Znode, known: bool) -> None:
        self._kept = kept
        self._znode = znode
        self._known = known  # The path, before the answer.
        self._session: Optional[Session] = None

    def sender(self, send: Callable[[Session], Request[_T]]) -> Callable[[Session], Request[_T]]:
        """Have what sends the create note where it was sent."""

        def noting(session: Session) -> Request[_T]:
            self._session = session
            request = send(session)
            self._znode.copy_data()
            return request

        return noting

    def made(self, path: str) -> None:
        """Keep the znode: it was created."""
        kept, znode, session = self._kept, self._znode, self._session
        assert session is not None
        with kept.lock:
            self.end()
            if znode.dropped:  # Deleted between the create and its answer.
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
        if not held:  # The session has ended meanwhile, and the next one did not know of it.
            kept.pursue(znode)

    def end(self) -> None:
        """Forget the create."""
        if self._known:
            self._known = False
            self._kept.uncome(self._znode)
