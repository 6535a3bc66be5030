"""Acquiring: the calls that locks of all kinds share, and the local queue in front of the servers' one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._args import check_seconds
from zkc._client.submit import submits
from zkc._flow import Await, Flow, Pause, Signal, Undoable
from zkc._zookeeper import RLock
from zkc.errors import ClosingError, OperationTimeoutError, SessionExpiredError
from zkc.recipes._blocks import Guard, drop_hold, leave_block, pop_hold, push_hold
from zkc.recipes._claim import Claim
from zkc.recipes._contend import PlaceLostError, check_open
from zkc.recipes._holds import BaseHold, HoldState
from zkc.recipes._measures import Measured, Measures
from zkc.recipes._own_holds import OwnHolds
from zkc.recipes.errors import LockTimeoutError

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc.recipes.hold import AsyncHold, Hold

__all__ = [
    "Acquiring",
    "AsyncGranting",
    "Granting",
    "LocalQueue",
    "SyncGranting",
    "acquire_limit",
]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no session.
_NO_LIMIT = 1e9  # Thirty years, in seconds.
_HoldT = TypeVar("_HoldT", bound=BaseHold)
_SyncT = TypeVar("_SyncT", bound="Hold")
_AsyncT = TypeVar("_AsyncT", bound="AsyncHold")


class Acquiring(Undoable):
    """The flow of an acquire, whose timeout has an error of its own, and which is measured.

    Args:
        path: The path of the recipe.
        make: A function that makes the flow, which calls :meth:`grant` before it returns a hold.
        measures: The counters of the recipe.
        advice: What a caller can do after a timeout, if the recipe has no ``contenders()``.
        own: The holds of the same client that it may wait for.
    """

    __slots__ = ("advice", "begun", "measures", "own", "path")
    _operation = "acquire"
    _error: type[OperationTimeoutError] = LockTimeoutError

    def __init__(
        self,
        path: str,
        make: Callable[[Acquiring], Flow[Any]],
        measures: Measures,
        advice: Optional[str] = None,
        own: Optional[OwnHolds] = None,
    ) -> None:
        super().__init__(cast("Callable[[Undoable], Flow[Any]]", make))
        self.own = own
        self.advice = advice
        self.path = path
        self.measures = measures
        self.begun = time.monotonic()

    def grant(self, hold: Measured) -> None:
        """Count a grant, and measure the hold from now on."""
        if self.own is not None:
            hold._taker = self.own.taker
        self.measures.grant(hold, self.begun)

    def late(self, limit: Optional[float]) -> OperationTimeoutError:
        """Make the error of an acquire that took too long."""
        self.measures.count("timeouts")
        kind, operation = self._error, self._operation
        own = None if self.own is None else self.own.explain()
        text = f"{kind.what} ({limit:g} s)" + (f": it {own}" if own else f"; {self.advice or kind.advice}")
        return kind(kind.describe(operation, self.path, text), operation=operation, path=self.path)


class LocalQueue:
    """The local callers of one lock object: one of them at a time contends at the servers."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._turns: deque[LocalTurn] = deque()  # The first has the turn, the others wait.

    def turn(self) -> LocalTurn:
        """Return the turn of a caller, who does not wait yet."""
        return LocalTurn(self._lock, self._turns)


class LocalTurn:
    """The turn of one caller among the local callers."""

    __slots__ = ("_lock", "_signal", "_turns")

    def __init__(self, lock: RLock, turns: deque[LocalTurn]) -> None:
        self._lock = lock
        self._turns = turns
        self._signal = Signal()

    def enter(self, path: str, claim: Optional[Claim] = None) -> Flow[None]:
        """Wait for the turn. Whatever becomes of the wait, :meth:`leave` has to follow."""
        with self._lock:
            self._turns.append(self)
            waits = self._turns[0] is not self
        if waits:
            if claim is not None:
                claim.waits()
            yield Await(self._signal, None, "acquire", path)
            # In an event loop, the caller in front continues this one: in a turn of its own, they do not nest.
            yield Pause(0.0, "acquire", path)

    def try_enter(self) -> bool:
        """Take the turn if no caller has it; return whether that is so."""
        with self._lock:
            if self._turns:
                return False
            self._turns.append(self)
            return True

    def leave(self) -> None:
        """Give the turn to the next caller, or wait for it no longer. Another call does nothing."""
        with self._lock:
            if self in self._turns:
                self._turns.remove(self)
            first = self._turns[0] if self._turns else None
        if first is not None:
            first._signal.set()  # Perhaps once more: a signal handler may have raised before the last call was here.


class Granting(Generic[_HoldT]):
    """The base of recipes that are acquired: the flows around the contention at the servers."""

    def __init__(self, client: BaseClient, path: str) -> None:
        self._client = client
        self._path = path
        self._local = LocalQueue()
        self._entered: dict[Any, list[_HoldT]] = {}  # The holds of with blocks, by thread or task.

    @property
    def path(self) -> str:
        """The path of the recipe.

        .. versionadded:: 0.1
        """
        return self._path

    def _try_once(self, claim: Claim) -> Flow[Optional[_HoldT]]:
        """Acquire without waiting for other contenders."""
        raise NotImplementedError

    def _contend_once(self, claim: Claim) -> Flow[_HoldT]:
        """Contend in the present session."""
        raise NotImplementedError

    def _contend(self, claim: Claim) -> Flow[_HoldT]:
        client = self._client
        while True:
            try:
                hold = yield from self._contend_once(claim)
                if hold._state is not HoldState.LOST or hold._reason != "expired":
                    return hold  # Else its session has ended at this moment.
            except PlaceLostError:
                pass
            except (SessionExpiredError, ClosingError):
                check_open(client, self.path)
                yield Pause(_PAUSE, "acquire", self.path)
            claim.forget()

    @property
    def _measures(self) -> Measures:
        """The counters of this kind of recipe in the client."""
        raise NotImplementedError

    def _own_holds(self, endless: bool = False) -> OwnHolds:
        """Return the holds of the same client that an acquire waits for."""
        return OwnHolds(self._client, self._path, (self._path,), self._remedy, endless=endless)

    def _remedy(self, hold: BaseHold) -> str:
        """Return what a caller can do about a hold of the same client."""
        return "Release it first"

    def _acquire_flow(self, client: CommandClient, endless: bool = False) -> Flow[_HoldT]:
        self._client._check_process("acquire")
        own = self._own_holds(endless)
        return cast("Flow[_HoldT]", Acquiring(self.path, self._acquire, self._measures, own=own))

    def _acquire(self, acquiring: Acquiring) -> Flow[_HoldT]:
        turn = self._local.turn()
        claim = Claim(turn, acquiring.own)
        acquiring.undo = claim.give_back
        try:
            yield from turn.enter(self.path, claim)
            hold = yield from self._contend(claim)
            hold._on_end(turn.leave)
            acquiring.grant(hold)
            return hold
        except BaseException:  # Perhaps of a signal handler.
            claim.give_back()
            raise

    def _try_flow(self, client: CommandClient) -> Flow[Optional[_HoldT]]:
        self._client._check_process("acquire")
        return cast("Flow[Optional[_HoldT]]", Acquiring(self.path, self._try, self._measures, own=self._own_holds()))

    def _try(self, acquiring: Acquiring) -> Flow[Optional[_HoldT]]:
        turn = self._local.turn()
        claim = Claim(turn)
        acquiring.undo = claim.give_back
        try:
            if turn.try_enter():
                hold = yield from self._try_once(claim)
                if hold is not None:
                    hold._on_end(turn.leave)
                    acquiring.grant(hold)
                    return hold
                claim.give_back()
        except BaseException:
            claim.give_back()
            raise
        return None


class SyncGranting(Granting[_SyncT]):
    """The calls of a synchronous client that acquire and release."""

    _client: Client

    @submits
    def acquire(self, *, timeout: Optional[float] = None) -> _SyncT:
        """Wait until the lock is granted.

        Args:
            timeout: Timeout in seconds of the whole call; None for no limit.

        Returns:
            The hold.

        Raises:
            LockTimeoutError: The lock was not granted in time.
            LayoutError: The path has contenders of another layout.
            TooManyWaitersError: More contenders wait than ``max_waiters``.
            ClosingError: The client was closed.

        .. versionadded:: 0.1
        """
        return self._client._run(self._acquire_flow, acquire_limit(timeout), timeout is None)

    @submits
    def try_acquire(self, *, timeout: Optional[float] = None) -> Optional[_SyncT]:
        """Acquire the lock if it is free. A busy lock costs one read and no write.

        Args:
            timeout: Timeout of the requests in seconds; the client's ``request_timeout`` if None.

        Returns:
            The hold, or None if another contender has the lock.

        Raises:
            LayoutError: The path has contenders of another layout.

        .. versionadded:: 0.1
        """
        return self._client._run(self._try_flow, timeout)

    @contextlib.contextmanager
    def held(self, *, timeout: Optional[float] = None) -> Iterator[_SyncT]:
        """Hold the lock for a ``with`` block, and raise at its end if the hold was lost.

        Args:
            timeout: Timeout in seconds of the acquire; None for no limit.

        Raises:
            LockTimeoutError: The lock was not granted in time.
            LockLostError: The hold was lost during the block, and the block raised nothing else.

        .. versionadded:: 0.1
        """
        hold = self.acquire(timeout=timeout)
        try:
            yield hold
            hold._leave(None)
        except BaseException as error:
            hold._leave_block(type(error))
            raise

    def __enter__(self) -> _SyncT:
        hold = self.acquire()
        try:
            push_hold(self._entered, threading.get_ident(), hold)
        except BaseException:  # A signal handler raised: the block is not entered, and not left.
            drop_hold(self._entered, hold)
            hold._release_later()
            raise
        return hold

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        leave_block(self._entered, kind)


class AsyncGranting(Granting[_AsyncT]):
    """The calls of a client for asyncio that acquire and release."""

    _client: AsyncClient

    def acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[_AsyncT]:
        """Wait until the lock is granted, as :meth:`Lock.acquire` does. A cancellation leaves the queue.

        .. versionadded:: 0.1
        """
        acquiring = self._client._run(self._acquire_flow, acquire_limit(timeout), timeout is None)
        return cast("AsyncFuture[_AsyncT]", acquiring)

    def try_acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[_AsyncT]]:
        """Acquire the lock if it is free, as :meth:`Lock.try_acquire` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[_AsyncT]]", self._client._run(self._try_flow, timeout))

    @contextlib.asynccontextmanager
    async def held(self, *, timeout: Optional[float] = None, cancel_on_loss: bool = False) -> AsyncIterator[_AsyncT]:
        """Hold the lock for an ``async with`` block, and raise at its end if the hold was lost.

        Args:
            timeout: Timeout in seconds of the acquire; None for no limit.
            cancel_on_loss: Whether to cancel the block when the hold is lost.

        Raises:
            LockTimeoutError: The lock was not granted in time.
            LockLostError: The hold was lost during the block, and the block raised nothing else.

        .. versionadded:: 0.1
        """
        hold = await self.acquire(timeout=timeout)
        guard = Guard(hold) if cancel_on_loss else None
        try:
            yield hold
        except asyncio.CancelledError:
            hold._release_later()
            if guard is not None and guard.close():
                raise hold._lost_error("held") from None
            raise
        except BaseException as error:
            hold._leave_block(type(error))
            raise
        finally:
            if guard is not None:
                guard.close()
        await hold._leave(None)

    async def __aenter__(self) -> _AsyncT:
        hold = await self.acquire()
        push_hold(self._entered, asyncio.current_task(), hold)
        return hold

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await pop_hold(self._entered, asyncio.current_task())._leave(kind)


def acquire_limit(timeout: Optional[float]) -> float:
    """Return the timeout of an acquire: it has no default, and no limit if None."""
    if timeout == 0 and not isinstance(timeout, bool):
        raise ValueError("timeout must be positive: try_acquire() does not wait")
    return _NO_LIMIT if timeout is None else check_seconds(timeout)
