"""Acquiring: the calls that locks of all kinds share, and the local queue in front of the servers' one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._args import check_seconds
from zkc._flow import Await, Flow, Pause, Signal, Undoable
from zkc._zookeeper import RLock
from zkc.errors import ClosingError, OperationTimeoutError, SessionExpiredError
from zkc.recipes._contend import PlaceLostError, check_open
from zkc.recipes._holds import BaseHold
from zkc.recipes.errors import LockTimeoutError

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient

__all__ = ["Acquiring", "AsyncGranting", "Granting", "LocalQueue", "SyncGranting", "acquire_limit", "pop_hold"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no session.
_NO_LIMIT = 1e9  # Thirty years, in seconds.
_HoldT = TypeVar("_HoldT", bound=BaseHold)


class Acquiring(Undoable):
    """The flow of an acquire, whose timeout has an error of its own."""

    __slots__ = ("path",)

    def __init__(self, path: str, make: Callable[[Undoable], Flow[Any]]) -> None:
        super().__init__(make)
        self.path = path

    def late(self, limit: Optional[float]) -> OperationTimeoutError:
        """Make the error of an acquire that took too long."""
        text = f"{LockTimeoutError.what} ({limit:g} s); {LockTimeoutError.advice}"
        return LockTimeoutError(
            LockTimeoutError.describe("acquire", self.path, text), operation="acquire", path=self.path
        )


class LocalQueue:
    """The local callers of one lock object: one of them at a time contends at the servers."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._waiting: deque[Signal] = deque()
        self._busy = False

    def enter(self, path: str) -> Flow[None]:
        """Wait for the turn among the local callers."""
        signal = Signal()
        with self._lock:
            if self.try_enter():
                return
            self._waiting.append(signal)
        try:
            yield Await(signal, None, "acquire", path)
        except BaseException:
            with self._lock:
                if signal in self._waiting:
                    self._waiting.remove(signal)
                    raise
            self.leave()  # The turn came at this moment: it is the next caller's.
            raise

    def try_enter(self) -> bool:
        """Take the turn if no local caller has it; return whether that is so."""
        with self._lock:
            busy, self._busy = self._busy, True
        return not busy

    def leave(self) -> None:
        """Give the turn to the next local caller."""
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            if following is None:
                self._busy = False
        if following is not None:
            following.set()


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

    def _try_once(self) -> Flow[Optional[_HoldT]]:
        """Acquire without waiting for other contenders."""
        raise NotImplementedError

    def _contend_once(self) -> Flow[_HoldT]:
        """Contend in the present session."""
        raise NotImplementedError

    def _contend(self) -> Flow[_HoldT]:
        client = self._client
        while True:
            try:
                return (yield from self._contend_once())
            except PlaceLostError:
                continue
            except (SessionExpiredError, ClosingError):
                check_open(client, self.path)
                yield Pause(_PAUSE, "acquire", self.path)

    def _acquire_flow(self, client: CommandClient) -> Flow[_HoldT]:
        return cast("Flow[_HoldT]", Acquiring(self.path, self._acquire))

    def _acquire(self, undoable: Undoable) -> Flow[_HoldT]:
        yield from self._local.enter(self.path)
        try:
            hold = yield from self._contend()
        except BaseException:
            self._local.leave()
            raise
        hold._on_end(self._local.leave)
        undoable.undo = hold._release_later
        return hold

    def _try_flow(self, client: CommandClient) -> Flow[Optional[_HoldT]]:
        return cast("Flow[Optional[_HoldT]]", Acquiring(self.path, self._try))

    def _try(self, undoable: Undoable) -> Flow[Optional[_HoldT]]:
        if not self._local.try_enter():
            return None
        hold: Optional[_HoldT] = None
        try:
            hold = yield from self._try_once()
        finally:
            if hold is None:
                self._local.leave()
        if hold is not None:
            hold._on_end(self._local.leave)
            undoable.undo = hold._release_later
        return hold


class SyncGranting(Granting[_HoldT]):
    """The calls of a synchronous client that acquire and release."""

    _client: Client

    def acquire(self, *, timeout: Optional[float] = None) -> _HoldT:
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
        return self._client._run(self._acquire_flow, acquire_limit(timeout))

    def try_acquire(self, *, timeout: Optional[float] = None) -> Optional[_HoldT]:
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
    def held(self, *, timeout: Optional[float] = None) -> Iterator[_HoldT]:
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
        except BaseException:
            hold._release_later()
            raise
        hold._end_block()

    def __enter__(self) -> _HoldT:
        hold = self.acquire()
        self._entered.setdefault(threading.get_ident(), []).append(hold)
        return hold

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        pop_hold(self._entered, threading.get_ident())._leave_block(kind)


class AsyncGranting(Granting[_HoldT]):
    """The calls of a client for asyncio that acquire and release."""

    _client: AsyncClient

    def acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[_HoldT]:
        """Wait until the lock is granted, as :meth:`Lock.acquire` does. A cancellation leaves the queue.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[_HoldT]", self._client._run(self._acquire_flow, acquire_limit(timeout)))

    def try_acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[_HoldT]]:
        """Acquire the lock if it is free, as :meth:`Lock.try_acquire` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[_HoldT]]", self._client._run(self._try_flow, timeout))

    @contextlib.asynccontextmanager
    async def held(self, *, timeout: Optional[float] = None, cancel_on_loss: bool = False) -> AsyncIterator[_HoldT]:
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
        guard = _Guard(hold) if cancel_on_loss else None
        try:
            yield hold
        except asyncio.CancelledError:
            hold._release_later()
            if guard is not None and guard.fired:
                raise hold._lost_error("held") from None
            raise
        except BaseException:
            hold._release_later()
            raise
        finally:
            if guard is not None:
                guard.close()
        hold._end_block()

    async def __aenter__(self) -> _HoldT:
        hold = await self.acquire()
        self._entered.setdefault(asyncio.current_task(), []).append(hold)
        return hold

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        pop_hold(self._entered, asyncio.current_task())._leave_block(kind)


class _Guard:
    """Cancels the task of a block once, when its hold is lost."""

    def __init__(self, hold: BaseHold) -> None:
        self.fired = False
        self._hold = hold
        self._task = asyncio.current_task()
        hold.lost.add_done_callback(self._fire)

    def _fire(self, _: object) -> None:
        task, self._task = self._task, None
        if task is not None and not task.done():
            self.fired = True
            task.cancel()

    def close(self) -> None:
        """Cancel the task no longer."""
        task, self._task = self._task, None
        self._hold.lost.remove_done_callback(self._fire)
        uncancel = getattr(asyncio.current_task(), "uncancel", None)
        if self.fired and task is None and uncancel is not None:
            uncancel()


def acquire_limit(timeout: Optional[float]) -> float:
    """Return the timeout of an acquire: it has no default, and no limit if None."""
    return _NO_LIMIT if timeout is None else check_seconds(timeout)


def pop_hold(entered: dict[Any, list[_HoldT]], key: object) -> _HoldT:
    holds = entered[key]
    hold = holds.pop()
    if not holds:
        del entered[key]
    return hold
