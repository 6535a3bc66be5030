"""Holds: what a client holds, whether it still does, and how it proves it."""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Flow, Pause, Signal, result_of
from zkc._session.listeners import Listeners
from zkc._zookeeper import RLock
from zkc.constants import ClientState, EventType
from zkc.errors import ForkedError, NoNodeError, SessionLostError, ZooKeeperError
from zkc.recipes._places import HoldState, Place, delete_surely, stat_of
from zkc.recipes.errors import LockInDoubtError, LockLostError

if TYPE_CHECKING:
    from zkc._client.base import BaseClient

__all__ = ["REVOKE", "BaseHold", "HoldState", "Holds", "Place", "delete_surely", "holds_of", "stat_of"]

_log = logging.getLogger("zkc.recipes")
REVOKE = b"__REVOKE__"  # Curator's data of a contender that is asked to release.


def boot_time() -> float:
    """Return a clock in seconds that also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _OwnWatch:
    """The watch of a hold's znode. The session refers to it, and must keep neither the hold nor itself alive."""

    __slots__ = ("_hold",)

    def __init__(self, hold: BaseHold) -> None:
        self._hold = weakref.ref(hold)

    def __call__(self, type_: int, state: int, path: str) -> None:
        hold = self._hold()
        if hold is not None:
            hold._watch(type_, state, path)


class BaseHold:
    """A granted lock, lease or leadership.

    No thread and no task owns it: any of them may check and release it.

    .. versionadded:: 0.1
    """

    def __init__(self, holds: Holds, place: Place, on_suspend: str = "doubt") -> None:
        self._holds = holds
        self._place = place
        self._on_suspend = on_suspend
        self._lock = RLock()
        self._state = HoldState.HELD
        self._proved = boot_time()
        self._armed: set[str] = set()  # The own znodes whose watches are set.
        self._listeners: Listeners[HoldState] = Listeners(holds.call_user)
        self._revoked: list[Callable[[], object]] = []
        self._asked = False  # Whether another program has asked for a release.
        self._ended = Signal()
        self._at_end: list[Callable[[], object]] = []
        self._reason: Optional[str] = None
        self._acquired_at = time.time()

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
        return self._place.session.client_id[0]

    @property
    def acquired_at(self) -> float:
        """When the lock was granted, in seconds since the epoch.

        .. versionadded:: 0.1
        """
        return self._acquired_at

    @property
    def state(self) -> HoldState:
        """The state of the hold, as far as this client knows.

        .. versionadded:: 0.1
        """
        state = self._state
        if state is HoldState.HELD and self.valid_for() <= 0.0:
            return HoldState.IN_DOUBT
        return state

    @property
    def reason(self) -> Optional[str]:
        """Why the hold is LOST: ``expired``, ``deleted``, ``suspended``, ``deadline``, ``resigned`` or ``closed``;
        else None.

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
        self._holds.check_process("check")
        state = self._state
        if state is HoldState.LOST or state is HoldState.RELEASED:
            raise self._lost_error("check")
        if state is HoldState.IN_DOUBT or self.valid_for() <= margin:
            raise LockInDoubtError(operation="check", path=self.path)

    @property
    def lost(self) -> Signal:
        """A signal that is set when the hold is LOST. ``lost.wait(seconds)`` waits for it in a thread.

        .. versionadded:: 0.1
        """
        return self._ended

    def add_listener(self, listener: Callable[[HoldState], object]) -> None:
        """Add a listener for the states of the hold. It runs where callbacks run.

        Args:
            listener: A function of one :class:`HoldState`.

        .. versionadded:: 0.1
        """
        self._listeners.add(listener)

    def on_revoke(self, callback: Callable[[], object]) -> None:
        """Call a function when another program asks the holder to release the lock; at once if it has asked.

        Args:
            callback: A function without arguments. It runs where callbacks run.

        .. versionadded:: 0.1
        """
        with self._lock:
            self._revoked.append(callback)
            asked = self._asked
        if asked:
            self._holds.call_user(callback)

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path} {self._state} token={self.token}>"

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _confirm_flow(self) -> Flow[None]:
        self._holds.check_process("confirm")
        if self._state in (HoldState.LOST, HoldState.RELEASED):
            raise self._lost_error("confirm")
        sent = boot_time()
        try:
            yield from result_of(self._place.session.multi([("check", path, -1) for path in self._place.paths]))
        except (NoNodeError, SessionLostError) as error:
            self._change(HoldState.LOST, "expired" if isinstance(error, SessionLostError) else "deleted")
            raise self._lost_error("confirm") from None
        self._proved = max(self._proved, sent)

    def _release_flow(self) -> Flow[bool]:
        self._holds.check_process("release")
        if not self._change(HoldState.RELEASED):
            return False
        try:
            released = yield from self._delete()
        except GeneratorExit:  # Timed out or cancelled: the deletion continues without a caller.
            self._holds.in_background(self._delete())
            raise
        return released

    def _release_later(self) -> bool:
        """Release the lock without waiting. The request is sent at once."""
        self._holds.check_process("release")
        if not self._change(HoldState.RELEASED):
            return False
        self._holds.in_background(self._delete())
        return True

    def _delete(self) -> Flow[bool]:
        return delete_surely(self._place.session, *self._place.paths)

    def _resign_flow(self) -> Flow[bool]:
        """End the hold under its user, who sees it as lost, and delete the znode."""
        if not self._resign_later(in_background=False):
            return False
        try:
            yield from self._delete()
        except GeneratorExit:  # Timed out or cancelled: the deletion continues without a caller.
            self._holds.in_background(self._delete())
            raise
        return True

    def _resign_later(self, in_background: bool = True) -> bool:
        """End the hold under its user without waiting."""
        self._holds.check_process("resign")
        if not self._change(HoldState.LOST, "resigned"):
            return False
        if in_background:
            self._holds.in_background(self._delete())
        return True

    def _on_end(self, function: Callable[[], object]) -> None:
        """Call a function once, when the hold is released or lost; at once if it has ended."""
        with self._lock:
            if self._state not in (HoldState.LOST, HoldState.RELEASED):
                self._at_end.append(function)
                return
        function()

    def _leave_block(self, kind: Optional[type[BaseException]]) -> None:
        """Leave a block that has raised an error of this class, or none."""
        if kind is None:
            self._end_block()
        else:
            self._release_later()

    def _end_block(self) -> None:
        """End a block: release the lock, and raise if it was lost."""
        lost = self._state is HoldState.LOST
        self._release_later()
        if lost:
            raise self._lost_error("release")

    # ---- what becomes of it -----------------------------------------------------------------------------------------

    def _lost_error(self, operation: str) -> LockLostError:
        reason = self._reason or ("released" if self._state is HoldState.RELEASED else "deleted")
        text = f"{LockLostError.what} ({reason}). {LockLostError.advice[0].upper()}{LockLostError.advice[1:]}"
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
        if state in (HoldState.LOST, HoldState.RELEASED):
            self._holds.discard(self)
            at_end, self._at_end = self._at_end, []
            for function in at_end:
                function()
        if state is HoldState.LOST:
            level = logging.INFO if reason == "resigned" else logging.WARNING
            _log.log(level, "the hold %s is lost: %s", self.path, reason)
            self._ended.set()
            if self._place.extra and reason == "deleted":  # A deletion of one of several znodes: the others follow.
                self._holds.in_background(self._delete())
        self._listeners.notify()
        return True

    def _suspend(self) -> None:
        """Take the loss of the connection."""
        if self._on_suspend == "lost":
            self._end("suspended")
        elif self._change(HoldState.IN_DOUBT) and self._on_suspend == "deadline":
            self._holds.in_background(self._wait_for_deadline())

    def _wait_for_deadline(self) -> Flow[None]:
        """End the hold when the servers may have ended the session, if they do not answer before."""
        while self._state is HoldState.IN_DOUBT:
            left = self.valid_for()
            if left <= 0.0:
                self._end("deadline")
                return
            yield Pause(left)

    def _end(self, reason: str) -> None:
        """End the hold without an answer of the servers. The znodes are deleted when the connection is back."""
        if self._change(HoldState.LOST, reason):
            self._holds.in_background(self._delete())

    def _watch(self, type_: int, state: int, path: str) -> None:
        """Take the event of the own znode's watch."""
        self._armed.discard(path)
        if type_ == EventType.DELETED:
            self._change(HoldState.LOST, "deleted")
        elif type_ == EventType.CHANGED:
            self._holds.guard(self)

    def _guard(self) -> Flow[None]:
        """Read the own znodes and watch them: they show a deletion, and a request to release."""
        sent = boot_time()
        for path in self._place.paths:
            try:
                data = yield from self._read(path)
            except NoNodeError:
                self._armed.discard(path)
                self._change(HoldState.LOST, "deleted")
                return
            except ZooKeeperError:
                self._armed.discard(path)  # The next connection reads it again; an event ends the session.
                return
            if data == REVOKE:
                self._take_request()
        self._proved = max(self._proved, sent)
        self._change(HoldState.HELD)

    def _take_request(self) -> None:
        """Tell the callbacks once that another program asks for a release."""
        with self._lock:
            asked, self._asked = self._asked, True
            callbacks = [] if asked else list(self._revoked)
        for callback in callbacks:
            self._holds.call_user(callback)

    def _read(self, path: str) -> Flow[Optional[bytes]]:
        """Return the data of an own znode and set its watch; None if the watch is set."""
        session = self._place.session
        if path not in self._armed:
            self._armed.add(path)
            return (yield from result_of(session.get(path, _OwnWatch(self))))[0]
        if (yield from result_of(session.exists(path))) is None:
            raise NoNodeError(path=path)
        return None


class Holds:
    """The holds of a client: it follows the client's states, and reads the own znodes after each reconnect.

    The client refers to it, and it refers to the client weakly.
    """

    def __init__(self, client: BaseClient) -> None:
        self._client = weakref.ref(client)
        self.call_user: Callable[..., None] = client._call_user
        self._all: set[BaseHold] = set()
        client.add_listener(self)

    def client(self, operation: str, path: str) -> BaseClient:
        """Return the client; it exists while a caller has a recipe of it."""
        client = self._client()
        assert client is not None, (operation, path)
        return client

    def check_process(self, operation: str) -> None:
        """Raise ForkedError in a child of the process that started the client."""
        client = self._client()
        if client is not None:
            client._check_process(operation)

    def add(self, hold: BaseHold) -> None:
        """Follow a hold, and set the watch of its znode without waiting."""
        self._all.add(hold)
        client = self._client()
        if client is not None and client._session is not hold._place.session:
            hold._change(HoldState.LOST, "expired")  # The listener was called before.
        elif client is not None and client._state is ClientState.SUSPENDED:
            hold._suspend()
        else:
            self.guard(hold)

    def discard(self, hold: BaseHold) -> None:
        """Follow a hold no longer."""
        self._all.discard(hold)

    def guard(self, hold: BaseHold) -> None:
        """Read the znode of a hold in the background."""
        client = self._client()
        if client is not None:
            with contextlib.suppress(ForkedError):
                client._background(hold._guard())

    def in_background(self, flow: Flow[Any]) -> None:
        """Drive a flow without a waiting caller."""
        client = self._client()
        if client is not None:
            client._background(flow)

    def __call__(self, state: ClientState) -> None:
        """Listen to the client."""
        client = self._client()
        session = None if client is None else client._session
        for hold in list(self._all):
            if state is ClientState.CLOSED:
                hold._change(HoldState.LOST, "closed")
            elif state is ClientState.LOST or hold._place.session is not session:
                hold._change(HoldState.LOST, "expired")
            elif state is ClientState.SUSPENDED:
                hold._suspend()
            elif state is ClientState.CONNECTED:
                self.guard(hold)


_registries: weakref.WeakKeyDictionary[Any, Holds] = weakref.WeakKeyDictionary()
_registries_lock = RLock()


def holds_of(client: BaseClient) -> Holds:
    """Return the holds of a client, made at the first call."""
    with _registries_lock:
        holds = _registries.get(client)
        if holds is None:
            holds = _registries[client] = Holds(client)
        return holds
