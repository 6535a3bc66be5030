"""The hold of a lease: it belongs to an owner and not to a session, and is renewed until it is released."""

from __future__ import annotations

import logging
import weakref
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Await, Flow, Pause, Signal, result_of
from zkc._zookeeper import RLock
from zkc.errors import (
    ConnectionLossError,
    ForkedError,
    NoNodeError,
    NotStartedError,
    SessionLostError,
    ZooKeeperError,
)
from zkc.recipes._holds import HoldState, boot_time
from zkc.recipes._lasting import end
from zkc.recipes._measures import Measures
from zkc.recipes._owned import PARENTS, LossSignal
from zkc.recipes.errors import LockInDoubtError, LockLostError

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient

__all__ = ["BaseLeaseHold", "keep"]

_log = logging.getLogger("zkc.recipes")
_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.


class BaseLeaseHold:
    """The base of the holds of leases: what they say of themselves, and their flows."""

    def __init__(
        self, client: BaseClient, path: str, owner: str, ttl: float, data: bytes, token: int, sent: float
    ) -> None:
        self._client = client
        self._path = path
        self._owner = owner
        self._ttl = ttl
        self._data = data
        self._token = token
        self._renewed = sent  # When the last write that the servers carried out was sent.
        self._lock = RLock()
        self._state = HoldState.HELD
        self._reason: Optional[str] = None
        self._lost = LossSignal(path)
        self._ended = Signal()
        self._woken = 0.0
        self._measured: Optional[tuple[Measures, float]] = None
        self._taker: object = None

    @property
    def path(self) -> str:
        """The path of the znode that exists as long as the hold.

        .. versionadded:: 0.1
        """
        return self._path

    @property
    def owner(self) -> str:
        """The owner.

        .. versionadded:: 0.1
        """
        return self._owner

    @property
    def token(self) -> int:
        """The fencing token: a number that is larger than that of every earlier hold of the lease.

        .. versionadded:: 0.1
        """
        return self._token

    @property
    def state(self) -> HoldState:
        """The state of the hold, as far as this client knows. IN_DOUBT: it was not renewed in time.

        .. versionadded:: 0.1
        """
        self._check_process("state")
        if self._state is HoldState.HELD and self.valid_for() <= 0.0:
            return HoldState.IN_DOUBT
        return self._state

    @property
    def reason(self) -> Optional[str]:
        """Why the hold is LOST: ``deleted``, by another owner or an administrator; else None.

        .. versionadded:: 0.1
        """
        return self._reason

    @property
    def lost(self) -> Signal:
        """A signal that is set when the hold is LOST.

        .. versionadded:: 0.1
        """
        self._check_process("lost")
        return self._lost

    def valid_for(self) -> float:
        """Return for how many seconds no other owner can have the lease, if the servers' clocks agree.

        .. versionadded:: 0.1
        """
        if self._state is not HoldState.HELD:
            return 0.0
        self._check_process("valid_for")
        return max(0.0, self._renewed + self._ttl - boot_time())

    def check(self, margin: float = 0.0) -> None:
        """Raise unless the owner has the lease, as far as the client knows. It sends nothing.

        Args:
            margin: For how many seconds the lease must still be valid.

        Raises:
            LockLostError: The hold has ended.
            LockInDoubtError: The lease was not renewed in time.

        .. versionadded:: 0.1
        """
        self._check_process("check")
        if self._state is not HoldState.HELD:
            raise self._lost_error("check")
        if self.valid_for() <= margin:
            raise LockInDoubtError(operation="check", path=self._path)

    def _check_process(self, operation: str) -> None:
        """Raise ForkedError in a child of the process that has acquired the lease, unless it had ended before."""
        if self._state is HoldState.HELD:
            self._lost.check_process(operation)

    def __repr__(self) -> str:
        try:
            state = str(self.state)
        except ForkedError:
            state = PARENTS
        return f"<zkc.{type(self).__name__} {self._path} {state} owner={self._owner!r} token={self._token}>"

    def _lost_error(self, operation: str) -> LockLostError:
        reason = self._reason or "released"
        text = LockLostError._of_end(reason)
        error = LockLostError(LockLostError.describe(operation, self._path, text), operation=operation, path=self._path)
        error.reason, error.token, error.maybe_applied = reason, self._token, False
        return error

    def _end(self, state: HoldState, reason: Optional[str] = None) -> bool:
        """Note the end; return whether it is new."""
        with self._lock:
            if self._state is not HoldState.HELD:
                return False
            self._state, self._reason = state, reason
        if self._measured is not None:
            self._measured[0].end(self._measured[1], reason)
        if state is HoldState.LOST:
            _log.warning("the lease %s is lost: %s", self._path, reason)
            self._lost.set()
        self._ended.set()
        return True

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _renew_flow(self, client: CommandClient) -> Flow[None]:
        self._check_process("renew")
        if self._state is not HoldState.HELD:
            raise self._lost_error("renew")
        sent = boot_time()
        try:
            yield from result_of(client.session.set(self._path, self._data))
        except NoNodeError:
            self._end(HoldState.LOST, "deleted")
            raise self._lost_error("renew") from None
        self._renewed = max(self._renewed, sent)

    def _confirm_flow(self, client: CommandClient) -> Flow[None]:
        self._check_process("confirm")
        if self._state is not HoldState.HELD:
            raise self._lost_error("confirm")
        try:
            yield from result_of(client.session.multi([("check", self._path, -1)]))
        except NoNodeError:
            self._end(HoldState.LOST, "deleted")
            raise self._lost_error("confirm") from None

    def _renew_once(self) -> Flow[Optional[float]]:
        """Renew the lease for :func:`keep`; return the seconds until the next renewal, or None at the end."""
        client: Any = self._client
        try:
            yield from self._renew_flow(client)
        except (ConnectionLossError, SessionLostError):
            if client.closed or client._failure is not None:
                return None  # The lease ends with its ttl, unless its owner takes it back.
            return min(_PAUSE, self._ttl / 10)
        except (LockLostError, NotStartedError, ForkedError):
            return None
        except ZooKeeperError as error:
            _log.warning("the lease %s could not be renewed: %s", self._path, str(error))
        return self._ttl / 3

    def _release_flow(self, client: CommandClient) -> Flow[bool]:
        self._check_process("release")
        if not self._end(HoldState.RELEASED):
            return False
        try:
            return (yield from delete_grant(self._client, self._path))
        except GeneratorExit:  # Timed out or cancelled: the deletion continues without a caller.
            self._client._background(self._delete())
            raise

    def _release_later(self) -> bool:
        """Release the lease without waiting."""
        if not self._end(HoldState.RELEASED):
            return False
        self._client._background(self._delete())
        return True

    def _delete(self) -> Flow[None]:
        yield from delete_grant(self._client, self._path)

    def _leave_block(self, kind: Optional[type[BaseException]]) -> None:
        """Leave a block that has raised an error of this class, or none."""
        lost = self._state is HoldState.LOST
        try:
            self._check_process("release")
        except ForkedError:
            if kind is None:
                raise
            return  # A child of the process leaves the block: its own error counts.
        self._release_later()
        if lost and kind is None:
            raise self._lost_error("release")


def keep(reference: weakref.ref[BaseLeaseHold]) -> Flow[None]:
    """Renew a lease until it ends, also in later sessions. While this waits, it does not keep the hold alive."""
    hold = reference()
    seconds = None if hold is None else hold._ttl / 3
    try:
        while hold is not None and seconds is not None and hold._state is HoldState.HELD:
            ended = hold._ended
            del hold
            yield Await(ended, seconds)
            hold = reference()
            if hold is not None and hold._state is HoldState.HELD:
                seconds = yield from hold._renew_once()
    finally:
        hold = reference()
        if hold is not None:
            end(hold._client, hold)


def delete_grant(client: BaseClient, path: str) -> Flow[bool]:
    """Delete the znode of a grant, in this session or a later one; return whether this call has deleted it."""
    lost = False
    while True:
        try:
            yield from result_of(client.session.delete(path))
            return True
        except NoNodeError:
            return lost
        except (ConnectionLossError, SessionLostError) as error:
            lost = lost or error.maybe_applied
            if client.closed or client._failure is not None:
                raise
            yield Pause(_PAUSE)
