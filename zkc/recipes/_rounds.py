"""The rounds of a double barrier: who is in a round, how it becomes ready, and how it ends or breaks.

The data of the barrier's path is the number of the round that can be joined. Each round is a child of the path, whose
data, the roll, names its members, those who have left, and its phase. Every change of a roll is one transaction that
checks the roll's version. The same transaction creates the member's znode, and increments the number when the round is
ready or broken. So a round has the right number of members, or it is not ready.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Optional

from zkc._args import check_identifier
from zkc._flow import Await, Flow, Pause, Signal, sub_result_of
from zkc.constants import CreateMode
from zkc.errors import (
    BadVersionError,
    ConnectionLossError,
    NodeExistsError,
    NoNodeError,
    SessionExpiredError,
    SessionLostError,
    ZooKeeperError,
)
from zkc.recipes._observing import OnceWatch
from zkc.recipes._parents import bases_of, make_bases
from zkc.recipes.errors import BarrierBrokenError, BarrierSizeError

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Request, Session

__all__ = ["Rounds", "Stand"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_OPEN, _READY, _DONE, _BROKEN = "open", "ready", "done", "broken"
_END = "end"  # The child of a round that its end creates: its watch wakes the members that wait to leave.
_CROSSED = (BadVersionError, NodeExistsError, NoNodeError)  # Another member was faster: read again.


@dataclass(frozen=True)
class _Roll:
    """The roll of a round."""

    size: int
    phase: str
    members: dict[str, str]  # The identifier by the name of the member's znode, in the order of their joins.
    left: tuple[str, ...] = ()
    reason: str = ""  # Why it is broken, and by which member.
    culprit: str = ""

    def encode(self) -> bytes:
        return json.dumps(self.__dict__).encode()

    @classmethod
    def decode(cls, data: Optional[bytes]) -> _Roll:
        fields = json.loads(data or b"{}")
        return cls(**{**fields, "left": tuple(fields["left"])})


@dataclass(frozen=True)
class Stand:
    """A member's stand in a round: its znode, and the session that owns it."""

    generation: int
    round: str  # The path of the round.
    name: str
    session: Session


class _Attempt:
    """The last attempt to join, which may have been carried out although its reply was lost."""

    stand: Optional[Stand] = None


class Rounds:
    """The rounds of one double barrier.

    Args:
        client: The client.
        path: The path of the barrier.
        size: The number of members of each round.
        identifier: The identifier of this member.
        acl: The access control list of created znodes.
    """

    def __init__(self, client: BaseClient, path: str, size: int, identifier: str, acl: CoreACL) -> None:
        self._client = client
        self._path = path
        self._size = size
        self._identifier = check_identifier(identifier)
        self._acl = acl

    # ---- joining ----------------------------------------------------------------------------------------------------

    def join(self) -> Flow[Stand]:
        """Join the present round, or the next one if it is broken."""
        name, attempt, lost = uuid.uuid4().hex, _Attempt(), False
        while True:
            session = self._session(None, "enter")
            try:
                if lost and attempt.stand is not None and (yield from self._has_joined(attempt.stand, "enter")):
                    return attempt.stand
                lost = False
                if (yield from self._try_join(session, name, attempt)) and attempt.stand is not None:
                    return attempt.stand
            except ConnectionLossError as error:
                lost = lost or error.maybe_applied is not False
                yield Pause(_PAUSE, "enter", self._path)
            except SessionExpiredError:  # A member that was created has ended with it.
                if self._client._failure is not None or self._client.closed:
                    raise
                name, attempt, lost = uuid.uuid4().hex, _Attempt(), False
                yield Pause(_PAUSE, "enter", self._path)
            except BaseException:  # Timed out, cancelled, or another error: the join may be under way.
                if attempt.stand is not None:
                    self.in_background(self._withdraw(attempt.stand))
                raise

    def _has_joined(self, stand: Stand, operation: str) -> Flow[bool]:
        """Return whether an attempt was carried out, as the leader of the ensemble knows."""
        synced = stand.session.sync(self._path)
        yield from sub_result_of(synced, operation, self._path)
        roll, _, _ = yield from self._read(stand, operation, missing=True)
        return roll is not None and stand.name in roll.members

    def _try_join(self, session: Session, name: str, attempt: _Attempt) -> Flow[bool]:
        """Make one attempt; return False if another member was faster."""
        try:
            data, stat = yield from sub_result_of(session.get(self._path), "enter", self._path)
        except NoNodeError:
            yield from self._make_path()
            return False
        number = int(data) if data is not None and data.isdigit() else 0
        following = ("set", self._path, b"%d" % (number + 1), stat.version)
        stand = Stand(number, f"{self._path}/round-{number:010d}", name, session)
        roll, version, names = yield from self._read(stand, "enter", missing=True)
        begins = roll is None
        if roll is None:
            roll = _Roll(self._size, _OPEN, {})
        elif roll.phase != _OPEN:  # Or the number was read before it changed; then its version has changed, too.
            yield from self._commit(session, [following], "enter")
            return False
        dead = [member for member in roll.members if member not in names]
        if dead:
            yield from self._try_break(stand, roll, version, "died", dead[0])
            return False
        if roll.size != self._size:
            raise self._size_error(roll.size)
        roll = replace(roll, members={**roll.members, name: self._identifier})
        operations: list[tuple[Any, ...]] = [("check", self._path, stat.version)]
        if len(roll.members) == self._size:
            roll = replace(roll, phase=_READY)
            operations = [following]
        if begins:
            operations.append(("create", stand.round, roll.encode(), self._acl, CreateMode.CONTAINER))
        else:
            operations.append(("set", stand.round, roll.encode(), version))
        member = f"{stand.round}/{name}"
        operations.append(("create", member, self._identifier.encode(), self._acl, CreateMode.EPHEMERAL))
        attempt.stand = stand
        return (yield from self._commit(session, operations, "enter"))

    def _commit(self, session: Session, operations: Sequence[tuple[Any, ...]], operation: str) -> Flow[bool]:
        """Commit a transaction; return False if another member was faster."""
        try:
            yield from sub_result_of(session.multi(operations), operation, self._path)
        except _CROSSED:
            yield Pause(0.0)
            return False
        return True

    def _make_path(self) -> Flow[None]:
        bases = bases_of(self._client, self._path)
        bases[-1] = bases[-1]._replace(acl=self._acl, data=b"0")
        yield from make_bases(self._client, bases, "enter", self._path)

    # ---- waiting ----------------------------------------------------------------------------------------------------

    def wait(self, stand: Stand, operation: str, note: Optional[Callable[[int], object]] = None) -> Flow[_Roll]:
        """Wait until a round is ready (to enter), or done (to leave).

        Args:
            stand: The round.
            operation: ``enter`` or ``leave``.
            note: A function that takes the number of members at each look.

        Raises:
            BarrierBrokenError: A member has died or given up.
        """
        wanted = (_READY, _DONE) if operation == "enter" else (_DONE,)
        guardian = stand.name
        while True:
            signal = Signal()
            watches: list[tuple[OnceWatch, Request[Any]]] = []
            try:
                session = self._session(stand, operation)
                # In one flight: the watches come first, so that no change is missed.
                self._arm(session, stand, operation, guardian, signal, watches)
                roll: _Roll
                roll, version, names = yield from self._read(stand, operation)
                if note is not None:
                    note(len(roll.members))
                if roll.phase == _BROKEN:
                    raise self._broken(stand, operation, roll.reason, roll.culprit)
                if roll.phase in wanted:
                    return roll
                dead = [member for member in roll.members if member not in names and member not in roll.left]
                if dead:
                    yield from self._try_break(stand, roll, version, "died", dead[0])
                    continue
                present = [name for name in (roll.members if operation == "enter" else roll.left) if name in names]
                if present and present[0] != guardian:
                    guardian = present[0]
                    continue
                yield Await(signal, None, operation, self._path)
            except ConnectionLossError:
                yield Pause(_PAUSE, operation, self._path)
            except SessionExpiredError:
                if self._client._failure is not None or self._client.closed:
                    raise
                raise self._broken(stand, operation, "expired", self._identifier) from None
            except NoNodeError:
                raise self._broken(stand, operation, "deleted", "") from None
            finally:
                for watch, request in watches:
                    request.add_done_callback(watch.forget)

    def _arm(
        self,
        session: Session,
        stand: Stand,
        operation: str,
        guardian: str,
        signal: Signal,
        watches: list[tuple[OnceWatch, Request[Any]]],
    ) -> None:
        """Set the two watches of a waiting member.

        One shows the end of the wait. The other shows deaths: the first waiting member, the guardian, watches all
        members, and the others watch the guardian.
        """

        def watch(path: str) -> OnceWatch:
            return OnceWatch(signal).on(session, path)

        if operation == "enter":
            turn = watch(self._path)
            watches.append((turn, session.exists(self._path, turn)))
        else:
            turn = watch(f"{stand.round}/{_END}")
            watches.append((turn, session.exists(turn.path, turn)))
        if guardian == stand.name:
            deaths = watch(stand.round)
            watches.append((deaths, session.get_children(stand.round, deaths)))
        else:
            deaths = watch(f"{stand.round}/{guardian}")
            watches.append((deaths, session.exists(deaths.path, deaths)))

    def _read(self, stand: Stand, operation: str, *, missing: bool = False) -> Flow[tuple[Any, int, list[str]]]:
        """Return the roll of a round, its version, and the names of the znodes that are there.

        Args:
            stand: The round.
            operation: The operation that a timeout error names.
            missing: Whether the round may be missing; the roll is None then.
        """
        # The listing comes second: a member of the roll that is not in it has died.
        reading, listing = stand.session.get(stand.round), stand.session.get_children(stand.round)
        try:
            data, stat = yield from sub_result_of(reading, operation, self._path)
            names = yield from sub_result_of(listing, operation, self._path)
        except NoNodeError:
            if not missing:
                raise
            return None, 0, []
        return _Roll.decode(data), stat.version, names

    # ---- ending -----------------------------------------------------------------------------------------------------

    def mark_left(self, stand: Stand) -> Flow[None]:
        """Note that a member has left; the last one ends the round."""
        lost = False
        while True:
            try:
                session = self._session(stand, "leave")
                if lost:
                    yield from sub_result_of(session.sync(self._path), "leave", self._path)
                roll, version, _ = yield from self._read(stand, "leave")
                if roll.phase != _READY or stand.name in roll.left:
                    return  # wait() says what that means.
                roll = replace(roll, left=(*roll.left, stand.name))
                operations: list[tuple[Any, ...]] = [("check", f"{stand.round}/{stand.name}", -1)]
                if len(roll.left) == len(roll.members):
                    roll = replace(roll, phase=_DONE)
                    operations.append(self._make_end(stand))
                operations.append(("set", stand.round, roll.encode(), version))
                if (yield from self._commit(session, operations, "leave")):
                    return
            except ConnectionLossError:
                lost = True
                yield Pause(_PAUSE, "leave", self._path)
            except SessionExpiredError:
                if self._client._failure is not None or self._client.closed:
                    raise
                raise self._broken(stand, "leave", "expired", self._identifier) from None
            except NoNodeError:
                raise self._broken(stand, "leave", "deleted", "") from None

    def _make_end(self, stand: Stand) -> tuple[Any, ...]:
        # Ephemeral, so that it does not keep the container of a round whose members are all gone.
        return ("create", f"{stand.round}/{_END}", b"", self._acl, CreateMode.EPHEMERAL)

    def _try_break(self, stand: Stand, roll: _Roll, version: int, reason: str, member: str) -> Flow[None]:
        """Break a round for all its members, unless its roll has changed."""
        broken = replace(roll, phase=_BROKEN, reason=reason, culprit=roll.members.get(member, member))
        operations: list[tuple[Any, ...]] = [("set", stand.round, broken.encode(), version), self._make_end(stand)]
        if roll.phase == _OPEN:  # While it is open, its number is that of the path: nothing else changes it.
            operations.append(("set", self._path, b"%d" % (stand.generation + 1), -1))
        yield from self._commit(stand.session, operations, "enter")

    def give_up(self, stand: Stand) -> Flow[None]:
        """Break the round of a member that gives up, and delete its znode."""
        with contextlib.suppress(SessionLostError, NoNodeError):
            while True:
                try:
                    roll, version, _ = yield from self._read(stand, "abort")
                    if roll.phase not in (_OPEN, _READY) or stand.name in roll.left:
                        break
                    yield from self._try_break(stand, roll, version, "gave up", stand.name)
                except ConnectionLossError:
                    yield Pause(_PAUSE)
        yield from self.clean(stand)

    def _withdraw(self, stand: Stand) -> Flow[None]:
        """Give up a join that may be under way."""
        with contextlib.suppress(SessionLostError):
            while True:
                try:
                    if (yield from self._has_joined(stand, "enter")):
                        yield from self.give_up(stand)
                    return
                except ConnectionLossError:
                    yield Pause(_PAUSE)

    def clean(self, stand: Stand) -> Flow[None]:
        """Delete a member's znode, and the round with the last of them."""
        member = f"{stand.round}/{stand.name}"
        while True:
            try:
                with contextlib.suppress(NoNodeError):
                    yield from sub_result_of(stand.session.delete(member), "leave", self._path)
                operations = [("delete", f"{stand.round}/{_END}", -1), ("delete", stand.round, -1)]
                yield from sub_result_of(stand.session.multi(operations), "leave", self._path)
                return
            except ConnectionLossError:
                yield Pause(_PAUSE)
            except ZooKeeperError:
                return  # Members are left, another one was faster, or the session has ended.

    # ---- the rest ---------------------------------------------------------------------------------------------------

    def _session(self, stand: Optional[Stand], operation: str) -> Session:
        session = self._client.session
        if stand is not None and session is not stand.session:
            raise SessionExpiredError(operation=operation, path=self._path)
        return session

    def in_background(self, flow: Flow[None]) -> None:
        """Drive a flow without a waiting caller."""
        with contextlib.suppress(ZooKeeperError):
            self._client._background(flow)

    def _broken(self, stand: Stand, operation: str, reason: str, culprit: str) -> BarrierBrokenError:
        who = f"member {culprit!r} " if culprit else "its znodes were "
        text = f"{BarrierBrokenError.what}: {who}{reason} in round {stand.generation}; {BarrierBrokenError.advice}"
        error = BarrierBrokenError(
            BarrierBrokenError.describe(operation, self._path, text), operation=operation, path=self._path
        )
        error.generation, error.reason, error.member = stand.generation, reason, culprit or None
        return error

    def _size_error(self, size: int) -> BarrierSizeError:
        text = f"{BarrierSizeError.what}: its members wait for {size}, not {self._size}; {BarrierSizeError.advice}"
        return BarrierSizeError(
            BarrierSizeError.describe("enter", self._path, text), operation="enter", path=self._path
        )
