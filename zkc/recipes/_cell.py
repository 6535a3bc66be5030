"""A znode with one value, and its changes by compare-and-set. Counters and values stand on it.

A change is sent with the version that it is based on. So the servers carry it out only if no other client has written
in between. After a lost reply the client reads, and decides by what it reads whether the change was carried out. Where
the znode does not show that, the error has ``maybe_applied`` set.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._flow import Flow, Pause, Undoable, sub_result_of
from zkc._session.losses import LossCounter
from zkc._zookeeper import Stat
from zkc.constants import CreateMode
from zkc.errors import (
    BadVersionError,
    ConnectionLossError,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    SessionExpiredError,
    ZooKeeperError,
    late_text,
)
from zkc.recipes._granting import LocalQueue
from zkc.recipes._holds import boot_time
from zkc.recipes._marker import Marker, Markers
from zkc.recipes._parents import bases_of, make_bases
from zkc.recipes._resolving import ANY, NOT_APPLIED, Base, Lost, NotAppliedError, Written, resolve, unknown
from zkc.recipes._versioned import Form, State, Versioned
from zkc.recipes.errors import ContentionError, OverwrittenError

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc._commands.transaction import CoreOp

__all__ = ["Cell"]

_T = TypeVar("_T")
_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_FRESH = 1.0  # The age in seconds up to which a change is based on what the client saw last.
_SHORT, _LONG = 0.001, 0.1  # The pauses in seconds after conflicts with other clients.


class _Change(Undoable):
    """The flow of a change, whose timeout says whether the change may still be carried out."""

    __slots__ = ("in_flight", "operation", "path")

    def __init__(self, operation: str, path: str, make: Callable[[Any], Flow[Any]]) -> None:
        self.operation = operation
        self.path = path
        self.in_flight = False
        super().__init__(make)

    def late(self, limit: Optional[float]) -> OperationTimeoutError:
        """Make the error of a change that took too long."""
        assert limit is not None
        text = late_text(limit, self.operation if self.in_flight else "get")
        return OperationTimeoutError(
            OperationTimeoutError.describe(self.operation, self.path, text),
            operation=self.operation,
            path=self.path,
            maybe_applied=self.in_flight,
        )


class Cell(Generic[_T]):
    """A znode with one value.

    Args:
        client: The client.
        path: Path of the znode.
        encode: Makes the data of a value.
        decode: Makes the value of the data.
        initial: The value without a znode.
        acl: The access control list of the znode if it is created.
        exact: Whether each change also writes a marker, by which a lost reply is always resolved.
    """

    def __init__(
        self,
        client: BaseClient,
        path: str,
        encode: Callable[[_T], bytes],
        decode: Callable[[bytes], _T],
        initial: _T,
        acl: CoreACL,
        *,
        exact: bool,
    ) -> None:
        self.client = client
        self.path = path
        self.form = Form(path, decode, initial)
        self._encode = encode
        self._acl = acl
        self._markers = Markers.of(client, path) if exact else None
        self._local = LocalQueue()  # Changes by the same object wait for each other instead of conflicting.
        self._changing: Optional[int] = None  # The thread that runs a function of the user's.
        self._known: Optional[tuple[float, State]] = None

    # ---- reading ----------------------------------------------------------------------------------------------------

    def get(self, client: CommandClient) -> Flow[Versioned[_T]]:
        """Read the value."""
        state = yield from self._read("get")
        return self.form.versioned(state)

    def _read(self, operation: str, marker: Optional[Marker] = None, *, settle: bool = False) -> Flow[State]:
        """Read the znode, and repeat that after lost connections.

        Args:
            operation: The operation that a timeout error names.
            marker: A marker to read with it.
            settle: Whether the server must first know all changes of this client's earlier connections.
        """
        while True:
            try:
                session = self.client.session
                synced = session.sync(self.path) if settle else None
                # In the flight of the sync, and behind it.
                looking = None if marker is None or marker.session is not session else session.exists(marker.path)
                reading = session.get(self.path)
                if synced is not None:
                    yield from sub_result_of(synced, operation, self.path)
                if marker is not None and looking is not None:
                    marker.seen = yield from sub_result_of(looking, operation, self.path)
                    marker.looked = True
                state = State(*(yield from sub_result_of(reading, operation, self.path)))
            except NoNodeError:
                state = State(None, None)
            except (ConnectionLossError, SessionExpiredError):
                self._raise_if_over()
                yield Pause(_PAUSE, operation, self.path)
                continue
            self._remember(state)
            return state

    def _raise_if_over(self) -> None:
        """Raise the error that is handled if the client opens no further session."""
        if self.client._failure is not None or self.client.closed:
            raise

    def _remember(self, state: State) -> None:
        self._known = (boot_time(), state)

    def _fresh(self) -> Optional[State]:
        """Return what the client saw last, unless that is too old.

        A version alone does not show that the znode was deleted and created again. So the time is short in which a
        change is based on an earlier look.
        """
        known = self._known
        return None if known is None or boot_time() - known[0] > _FRESH else known[1]

    # ---- changing by a function -------------------------------------------------------------------------------------

    def update(
        self, client: CommandClient, operation: str, change: Callable[[_T], _T], attempts: int
    ) -> Flow[Versioned[_T]]:
        """Replace the value by what a function makes of it.

        Args:
            operation: The operation that errors name.
            change: The function. It is called again with the new value if another client was faster.
            attempts: The number of conflicts with other clients after which the change is given up.
        """
        if self._changing == get_ident():
            raise RuntimeError(f"{operation} {self.path!r}: call it after the update, not in the update's function")

        def make(flow: _Change) -> Flow[Versioned[_T]]:
            return self._alone(self._update(flow, change, attempts))

        return cast("Flow[Versioned[_T]]", _Change(operation, self.path, make))

    def _alone(self, flow: Flow[Versioned[_T]]) -> Flow[Versioned[_T]]:
        """Drive a flow when no other change by this object is under way."""
        turn = self._local.turn()
        try:
            yield from turn.enter(self.path)
            return (yield from flow)
        finally:
            turn.leave()

    def _update(self, flow: _Change, change: Callable[[_T], _T], attempts: int) -> Flow[Versioned[_T]]:
        losses = LossCounter(self.client, flow.operation, self.path)
        state = self._fresh()
        old = state is not None
        conflicts = 0
        while True:
            if state is None:
                state = yield from self._read("get")
            value = self._call(change, self.form.value(state))
            data = self._encode(value)
            base = Base(None if state.stat is None else state.stat.version, state.stat)
            try:
                written = yield from self._write(flow, base, data, losses)
                return Versioned(value, written.version, written.stat)
            except NotAppliedError as error:
                state = error.state
                continue
            except NoNodeError as error:
                if base.version is None:
                    raise  # The chroot does not exist.
                conflict: ZooKeeperError = error
            except (BadVersionError, NodeExistsError) as error:
                conflict = error
            self._known = None
            state = None
            if old:  # What the client remembered was out of date: other clients change the znode, but not in a race.
                old = False
                continue
            conflicts += 1
            if conflicts >= attempts:
                text = f"{ContentionError.what} ({conflicts} attempts); {ContentionError.advice}"
                message = ContentionError.describe(flow.operation, self.path, text)
                raise ContentionError(
                    message, operation=flow.operation, path=self.path, maybe_applied=False
                ) from conflict
            yield Pause(random.random() * min(_SHORT * 2.0**conflicts, _LONG), flow.operation, self.path)

    def _call(self, change: Callable[[_T], _T], value: _T) -> _T:
        self._changing = get_ident()
        try:
            return change(value)
        finally:
            self._changing = None

    # ---- setting ----------------------------------------------------------------------------------------------------

    def set(self, client: CommandClient, value: _T, version: Optional[int]) -> Flow[Versioned[_T]]:
        """Replace the value.

        Args:
            value: The value.
            version: The version that the znode must have; -1 for any; None if the znode must not exist.
        """
        data = self._encode(value)

        def make(flow: _Change) -> Flow[Versioned[_T]]:
            return self._set(flow, value, data, version)

        return cast("Flow[Versioned[_T]]", _Change("set", self.path, make))

    def _set(self, flow: _Change, value: _T, data: bytes, version: Optional[int]) -> Flow[Versioned[_T]]:
        losses = LossCounter(self.client, flow.operation, self.path)
        create = version is None
        while True:
            try:
                written = yield from self._write(flow, Base(None if create else version, None), data, losses)
                return Versioned(value, written.version, written.stat)
            except NotAppliedError:
                continue
            except NoNodeError:
                if version != ANY or create:
                    raise
                create = True
            except NodeExistsError:
                if version != ANY:
                    raise
                create = False

    # ---- one write --------------------------------------------------------------------------------------------------

    def _write(self, flow: _Change, base: Base, data: bytes, losses: LossCounter) -> Flow[Written]:
        """Write the data if the znode has the version of a base.

        Raises:
            BadVersionError: The znode has another version.
            NodeExistsError: The znode exists, and the base has no znode.
            NoNodeError: There is no znode.
            NotAppliedError: The reply was lost, and the data were not written.
            ConnectionLossError: The reply was lost, and it is not known whether the data were written.
            SessionExpiredError: The same, and the session has ended.
        """
        while True:
            marker = None if self._markers is None else self._markers.take(self.client.session)
            try:
                return (yield from self._attempt(flow, base, data, losses, marker))
            except NoNodeError as error:
                if marker is not None and error.index == 1:
                    marker.pending = True  # Another client has deleted it. The next one is new.
                    continue
                if base.version is not None or self.path.count("/") == 1:
                    raise
            finally:
                if self._markers is not None and marker is not None:
                    self._markers.give(self.client, marker)
            yield from make_bases(self.client, bases_of(self.client, self.path)[:-1], flow.operation, self.path)

    def _attempt(
        self, flow: _Change, base: Base, data: bytes, losses: LossCounter, marker: Optional[Marker]
    ) -> Flow[Written]:
        try:
            flow.in_flight = True
            if marker is not None:
                marker.pending = True
            written = yield from self._send(flow.operation, base, data, marker)
        except (ConnectionLossError, SessionExpiredError) as error:
            self._known = None
            if not error.maybe_applied:
                self._settle(flow, marker, applied=False)
            self._raise_if_over()
            lost: Lost = error.with_traceback(None)  # Its frames refer to this frame.
        except ZooKeeperError:
            self._settle(flow, marker, applied=False)
            raise
        else:
            self._settle(flow, marker, applied=True)
            if written.stat is None:
                self._known = None
            elif base.stat is not None and base.stat.czxid != written.stat.czxid:
                raise OverwrittenError(operation=flow.operation, path=self.path, maybe_applied=True)
            else:
                self._remember(State(data, written.stat))
            return written
        state: Optional[State] = None
        if lost.maybe_applied:
            state = yield from self._read(flow.operation, marker, settle=True)
            resolved = resolve(base, data, state, marker)
            if resolved is None:
                raise unknown(lost, self.path, base, state)
            self._settle(flow, marker, applied=resolved is not NOT_APPLIED)
            if resolved is not NOT_APPLIED:
                return resolved
        if isinstance(lost, ConnectionLossError) and losses.note(lost):
            lost.maybe_applied = False
            raise lost
        yield losses.pause(_PAUSE)
        raise NotAppliedError(state)

    @staticmethod
    def _settle(flow: _Change, marker: Optional[Marker], *, applied: bool) -> None:
        flow.in_flight = False
        if marker is not None:
            marker.settle(applied=applied)

    def _send(self, operation: str, base: Base, data: bytes, marker: Optional[Marker]) -> Flow[Written]:
        session, path = self.client.session if marker is None else marker.session, self.path
        stat: Stat
        if marker is None and base.version is None:
            creating = session.create_with_stat(path, data, self._acl, CreateMode.PERSISTENT)
            _, stat = yield from sub_result_of(creating, operation, path)
            return Written(stat.version, stat)
        if marker is None and base.version is not None and not base.guarded:
            stat = yield from sub_result_of(session.set(path, data, base.version), operation, path)
            return Written(stat.version, stat)
        operations: list[CoreOp] = [
            ("create", path, data, self._acl, CreateMode.PERSISTENT)
            if base.version is None
            else ("set", path, data, base.version)
        ]
        if marker is not None:
            operations.append(marker.operation(self._acl))
        if base.guarded:  # Servers take -1 for any version. After a set on exactly that version, it is 0.
            operations.append(("check", path, 0))
        results = yield from sub_result_of(session.multi(operations), operation, path)
        if base.version is None:
            return Written(0, None)
        stat = results[0]
        return Written(stat.version, stat)
