"""Holds: what a client holds, whether it still does, and how it proves it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Optional

from zkc._flow import Flow, Pause, result_of
from zkc._session.listeners import Listeners
from zkc._zookeeper import RLock
from zkc.constants import EventType
from zkc.errors import ForkedError, NoNodeError, SessionLostError, ZooKeeperError
from zkc.recipes._client_holds import Holds, holds_of
from zkc.recipes._functions import check_function
from zkc.recipes._guarding import find_reason
from zkc.recipes._measures import Measures
from zkc.recipes._owned import LossSignal, Owned
from zkc.recipes._places import HoldState, Place, boot_time, delete_surely, stat_of
from zkc.recipes.errors import LockInDoubtError, LockLostError

__all__ = ["BaseHold", "HoldState", "Holds", "Place", "boot_time", "delete_surely", "holds_of", "stat_of"]

_log = logging.getLogger("zkc.recipes")


class BaseHold(Owned):
    """A granted lock, lease or leadership.

    No thread and no task owns it: any of them may check and release it.

    .. versionadded:: 0.1
    """

    def __init__(self, holds: Holds, place: Place, on_suspend: str = "doubt") -> None:
        self._holds = holds
        self._place = place
        self._on_suspend = on_suspend
        self._lock = RLock()
        self._proved = place.proved
        self._suspensions = 0
        self._armed: set[str] = set()  # The own znodes whose watches are set.
        self._listeners: Listeners[HoldState] = Listeners(holds.call_user)
        self._revoked: list[Callable[[], object]] = []
        self._asked = False  # Whether another program has asked for a release.
        self._ended = LossSignal(place.path)
        self._at_end: list[Callable[[], object]] = []
        self._reason: Optional[str] = None
        self._acquired_at = time.time()
        self._woken = place.woken
        self._measured: Optional[tuple[Measures, float]] = None
        self._taker: object = None  # The mark of the thread or task that has acquired it: see _own_holds.
        self._state = HoldState.HELD

    # ---- what it says of itself -------------------------------------------------------------------------------------

    @property
    def token(self) -> int:
        """The fencing token: a number that is larger than that of every earlier hold of the same lock.

        It is the zxid of the transaction that created the contender's znode. A store that keeps the largest token it
        has seen, and refuses smaller ones, is safe from a holder that was paused.

        .. versionadded:: 0.1
        """
        return self._place.token

    @property
    def path(self) -> str:
        """The path of the contender's znode, which exists as long as the hold.

        .. versionadded:: 0.1
        """
        return self._place.path

    @property
    def session_id(self) -> int:
        """The id of the session that holds the lock.

        .. versionadded:: 0.1
        """
        return self._place.session_id

    @property
    def acquired_at(self) -> float:
        """When the lock was granted, in seconds since the epoch.

        .. versionadded:: 0.1
        """
        return self._acquired_at

    @property
    def state(self) -> HoldState:
        """The state of the hold, as far as this client knows.

        Raises:
            ForkedError: The process is a child of the one that holds the lock.

        .. versionadded:: 0.1
        """
        self._check_process("state")
        state = self._state
        if state is HoldState.HELD and self.valid_for() <= 0.0:
            return HoldState.IN_DOUBT
        return state

    @property
    def reason(self) -> Optional[str]:
        """The reason why the hold is LOST; None if it is not.

        It is ``expired``, ``deleted``, ``suspended``, ``deadline``, ``resigned`` or ``closed``.

        A server that ends a session reports the deletion of the znode first. The reason is ``deleted`` then, until the
        server says that the session has expired.

        .. versionadded:: 0.1
        """
        return self._reason

    def valid_for(self) -> float:
        """Return for how many seconds no other client can hold the lock.

        The servers keep a session for its timeout after the last message that they got from it. This counts from the
        sending of the last message that they have answered, by a clock that also runs while the machine sleeps. It is
        no proof: a server that is cut off from its leader may answer pings of a session that has expired. Use
        :meth:`confirm`, :meth:`transaction` or the :attr:`token` where a mistake is costly.

        .. versionadded:: 0.1
        """
        if self._state in (HoldState.LOST, HoldState.RELEASED):
            return 0.0
        self._check_process("valid_for")
        session = self._place.session
        try:
            sent = max(self._proved, session.last_answered)
            timeout = session.negotiated_timeout
        except ZooKeeperError:
            return 0.0
        return max(0.0, sent + timeout - boot_time())

    def check(self, margin: float = 0.0) -> None:
        """Raise unless the client holds the lock, as far as it knows. It sends nothing.

        Args:
            margin: For how many seconds the hold must still be valid.

        Raises:
            LockLostError: The hold has ended.
            LockInDoubtError: The servers have not answered for too long.
            ForkedError: The process is a child of the one that holds the lock.

        .. versionadded:: 0.1
        """
        self._check_process("check")
        state = self._state
        if state is HoldState.LOST or state is HoldState.RELEASED:
            raise self._lost_error("check")
        if state is HoldState.IN_DOUBT or self.valid_for() <= margin:
            raise self._in_doubt("check")

    def add_listener(self, listener: Callable[[HoldState], object]) -> None:
        """Add a listener for the states of the hold. It runs where callbacks run.

        Args:
            listener: A function of one :class:`HoldState`.

        .. versionadded:: 0.1
        """
        self._check_process("add_listener")
        self._listeners.add(listener)

    def on_revoke(self, callback: Callable[[], object]) -> None:
        """Call a function when another program asks the holder to release the lock; at once if it has asked.

        Args:
            callback: A function without arguments. It runs where callbacks run.

        .. versionadded:: 0.1
        """
        self._check_process("on_revoke")
        check_function(callback, "callback", "no arguments", 0, coroutines=self._holds.coroutines)
        with self._lock:
            self._revoked.append(callback)
            asked = self._asked
        if asked:
            self._holds.call_user(callback)

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path} {self._describe_state()} token={self.token}>"

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _confirm_flow(self) -> Flow[None]:
        self._check_process("confirm")
        if self._state in (HoldState.LOST, HoldState.RELEASED):
            raise self._lost_error("confirm")
        sent = boot_time()
        try:
            yield from result_of(self._place.session.multi([("check", path, -1) for path in self._place.paths]))
        except NoNodeError:
            self._change(HoldState.LOST, "deleted")
            raise self._lost_error("confirm") from None
        except SessionLostError:
            self._change(HoldState.LOST, self._holds.end_reason(self._place))
            raise self._lost_error("confirm") from None
        self._proved = max(self._proved, sent)

    def _release_flow(self) -> Flow[bool]:
        self._check_process("release")
        return bool((yield from self._end_flow(HoldState.RELEASED)))

    def _release_later(self) -> bool:
        """Release the lock without waiting. The request is sent at once."""
        self._check_process("release")
        return self._end_later(HoldState.RELEASED)

    def _end_flow(self, state: HoldState, reason: Optional[str] = None) -> Flow[Optional[bool]]:
        """End the hold and delete its znodes; return whether they existed, or None if it had ended before."""
        try:
            if not self._change(state, reason):
                return None
            return (yield from self._delete())
        except ZooKeeperError:
            raise
        except BaseException:  # Timed out, cancelled or interrupted: the deletion continues without a caller.
            self._end_anyway(state, reason)
            raise

    def _end_later(self, state: HoldState, reason: Optional[str] = None) -> bool:
        """Do the same without waiting. The requests are sent at once."""
        try:
            if not self._change(state, reason):
                return False
            self._holds.in_background(self._delete())
        except BaseException:  # A signal handler raised.
            self._end_anyway(state, reason)
            raise
        return True

    def _end_anyway(self, state: HoldState, reason: Optional[str]) -> None:
        """End the hold after an exception in the middle of that, whatever was done before it."""
        try:
            if not self._change(state, reason):
                self._conclude()
        finally:
            self._holds.in_background(self._delete())

    def _delete(self) -> Flow[bool]:
        return delete_surely(self._place.session, *self._place.paths)

    def _resign_flow(self) -> Flow[bool]:
        """End the hold under its user, who sees it as lost, and delete the znode."""
        self._check_process("resign")
        return (yield from self._end_flow(HoldState.LOST, "resigned")) is not None

    def _resign_later(self) -> bool:
        """End the hold under its user without waiting."""
        self._check_process("resign")
        return self._end_later(HoldState.LOST, "resigned")

    def _on_end(self, function: Callable[[], object]) -> None:
        """Call a function when the hold is released or lost; at once if it has ended. It may be called twice."""
        with self._lock:
            if self._state not in (HoldState.LOST, HoldState.RELEASED):
                self._at_end.append(function)
                return
        function()

    def _leave_block(self, kind: Optional[type[BaseException]]) -> bool:
        """Leave a block that has raised an error of this class, or none.

        Returns:
            Whether the hold is in doubt, so that the caller has to wait for :meth:`_settle_flow`.
        """
        if kind is None:
            return self._end_block()
        with contextlib.suppress(ForkedError):  # A child of the process leaves the block: its own error counts.
            self._release_later()
        return False

    def _end_block(self) -> bool:
        """End a block: release the lock, and raise if it was lost; return whether it is in doubt."""
        self._check_process("release")
        if self.state is HoldState.IN_DOUBT:
            return True
        if not self._release_later() and self._state is HoldState.LOST:
            raise self._lost_error("release")
        return False

    def _settle_flow(self) -> Flow[None]:
        """Release a hold that is in doubt, and raise unless it has lasted until then."""
        if (yield from self._release_flow()):
            return
        if self._reason is None:  # The reply shows that it ended before its release.
            self._reason = self._holds.end_reason(self._place)
        raise self._lost_error("release")

    def _patience(self) -> float:
        """Return for how many seconds the end of a block waits for the servers: the session timeout."""
        with contextlib.suppress(ZooKeeperError):
            return self._place.session.negotiated_timeout
        return 0.0

    def _in_doubt(self, operation: str) -> LockInDoubtError:
        if operation == "check":
            return LockInDoubtError(operation=operation, path=self.path)
        text = (
            "the servers did not answer within the session timeout, so the client does not know whether the hold "
            "lasted until the end of the block. Check what the block has written; the client goes on deleting the znode"
        )
        return LockInDoubtError(
            LockInDoubtError.describe(operation, self.path, text), operation=operation, path=self.path
        )

    # ---- what becomes of it -----------------------------------------------------------------------------------------

    def _lost_error(self, operation: str) -> LockLostError:
        reason = self._reason or ("released" if self._state is HoldState.RELEASED else "deleted")
        text = LockLostError._of_end(reason)
        error = LockLostError(LockLostError.describe(operation, self.path, text), operation=operation, path=self.path)
        error.reason, error.token = reason, self.token
        error.session_lost = reason in ("expired", "closed")
        return error

    def _change(self, state: HoldState, reason: Optional[str] = None) -> bool:
        """Note a state; return whether it is new. RELEASED and LOST are final."""
        with self._lock:
            if self._state in (state, HoldState.LOST, HoldState.RELEASED):
                return False
            self._state, self._reason = state, reason
            self._listeners.enqueue(state)
        self._conclude()
        if state is HoldState.LOST:
            level = logging.INFO if reason in ("resigned", "closed") else logging.WARNING
            _log.log(level, "the hold %s is lost: %s", self.path, reason)
            if self._place.extra and reason == "deleted":  # A deletion of one of several znodes: the others follow.
                self._holds.in_background(self._delete())
        return True

    def _conclude(self) -> None:
        """Do what follows a change of the state. A signal handler may raise in the middle, so it can be repeated."""
        if self._state in (HoldState.LOST, HoldState.RELEASED):
            self._holds.discard(self)
            for function in self._at_end:
                function()
            self._at_end = []  # Not before: each of them may be called twice.
            measured, self._measured = self._measured, None
            if measured is not None:
                measured[0].end(measured[1], self._reason)
        if self._state is HoldState.LOST:
            self._ended.set()
        self._listeners.notify()

    def _suspend(self) -> None:
        """Take the loss of the connection."""
        with self._lock:
            self._suspensions += 1
        if self._on_suspend == "lost":
            self._end_later(HoldState.LOST, "suspended")
        elif self._change(HoldState.IN_DOUBT) and self._on_suspend == "deadline":
            self._holds.in_background(self._wait_for_deadline())

    def _wait_for_deadline(self) -> Flow[None]:
        """End the hold when the servers may have ended the session, if they do not answer before."""
        while self._state is HoldState.IN_DOUBT:
            left = self.valid_for()
            if left <= 0.0:
                self._end_later(HoldState.LOST, "deadline")  # The znodes are deleted when the connection is back.
                return
            yield Pause(left)

    def _watch(self, type_: int, state: int, path: str) -> None:
        """Take the event of the own znode's watch."""
        self._armed.discard(path)
        if type_ == EventType.DELETED:
            if self._change(HoldState.LOST, "deleted"):
                self._holds.in_background(find_reason(self))
        elif type_ == EventType.CHANGED:
            self._holds.guard(self)
        elif type_ == EventType.SESSION and self._holds.forgotten():
            self._change(HoldState.LOST, "closed")  # No client is left that would tell of the end of its session.

    def _take_request(self) -> None:
        """Tell the callbacks once that another program asks for a release."""
        with self._lock:
            asked, self._asked = self._asked, True
            callbacks = [] if asked else list(self._revoked)
        for callback in callbacks:
            self._holds.call_user(callback)
