"""The re-entrant form of a lock: a thread or task that has it may acquire it again."""

from __future__ import annotations

import asyncio
import threading
import weakref
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar

from zkc.recipes._holds import BaseHold, HoldState

if TYPE_CHECKING:
    from zkc.recipes.hold import AsyncHold, Hold
    from zkc.recipes.lock import AsyncLock, Lock

__all__ = ["AsyncReentrantLock", "ReentrantLock"]

_HoldT = TypeVar("_HoldT", bound=BaseHold)


@dataclass
class _Entry(Generic[_HoldT]):
    """The hold of a thread or task, and how often it was acquired."""

    hold: _HoldT
    depth: int = 1

    def count(self) -> int:
        self.hold._check_process("depth")
        return self.depth

    def enter(self) -> _HoldT:
        self.hold._check_process("acquire")
        if self.hold._state is HoldState.LOST:
            raise self.hold._lost_error("acquire")  # Another token must not replace that of the outer block.
        self.depth += 1
        return self.hold


class ReentrantLock:
    """A lock that a thread may acquire again while it has it. :meth:`Lock.reentrant` makes it.

    All acquires of a thread return the same hold, with the same token. The last release of the thread releases the
    lock. Other threads, and other objects for the same path, wait.

    >>> lock = client.lock("/locks/report").reentrant()
    >>> with lock as outer, lock as inner:
    ...     assert inner is outer

    .. versionadded:: 0.1
    """

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._local = threading.local()

    def _entry(self) -> Optional[_Entry[Hold]]:
        entry: Optional[_Entry[Hold]] = getattr(self._local, "entry", None)
        return None if entry is None or entry.hold._state is HoldState.RELEASED else entry

    @property
    def path(self) -> str:
        """The path of the lock.

        .. versionadded:: 0.1
        """
        return self._lock.path

    @property
    def depth(self) -> int:
        """How often the calling thread has acquired the lock and not released it.

        .. versionadded:: 0.1
        """
        entry = self._entry()
        return 0 if entry is None else entry.count()

    def acquire(self, *, timeout: Optional[float] = None) -> Hold:
        """Acquire the lock; return at once if the calling thread has it.

        Args:
            timeout: Timeout in seconds of the whole call; None for no limit.

        Returns:
            The hold, which is the same for all acquires of the thread.

        Raises:
            LockTimeoutError: The lock was not granted in time.
            LockLostError: The thread has lost the lock, and has not left its outer block yet.

        .. versionadded:: 0.1
        """
        entry = self._entry()
        if entry is not None:
            return entry.enter()
        hold = self._lock.acquire(timeout=timeout)
        try:
            self._local.entry = _Entry(hold)
        except BaseException:  # A signal handler raised.
            hold._release_later()
            raise
        return hold

    def release(self, *, wait: bool = True, timeout: Optional[float] = None) -> bool:
        """Undo one acquire of the calling thread. The last release of the thread releases the lock.

        Args:
            wait: Whether to wait for the reply of the last release.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether this call has released the lock.

        Raises:
            RuntimeError: The calling thread does not have the lock.

        .. versionadded:: 0.1
        """
        hold = self._leave()
        return False if hold is None else hold.release(wait=wait, timeout=timeout)

    def _leave(self) -> Optional[Hold]:
        """Undo one acquire; return the hold if it was the last."""
        entry = self._entry()
        if entry is None:
            raise _not_held(self.path, "thread")
        entry.hold._check_process("release")
        entry.depth -= 1
        if entry.depth:
            return None
        del self._local.entry
        return entry.hold

    def __enter__(self) -> Hold:
        return self.acquire()

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        interrupt: Optional[BaseException] = None
        try:
            entry = self._entry()
        except BaseException as caught:  # noqa: BLE001 - a signal handler raised, and it is raised again below
            entry, kind, interrupt = self._entry(), type(caught), caught
        if entry is not None:  # Its hold may have been released in the block.
            if entry.depth > 1:
                entry.depth -= 1
            else:
                try:
                    entry.hold._leave(kind)
                except BaseException:
                    entry.hold._leave_block(BaseException)
                    raise
                finally:
                    self._local.entry = None
        if interrupt is not None:
            raise interrupt

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path}>"


class AsyncReentrantLock:
    """A lock that a task may acquire again while it has it, as :class:`ReentrantLock`.

    :meth:`AsyncLock.reentrant` makes it.

    .. versionadded:: 0.1
    """

    def __init__(self, lock: AsyncLock) -> None:
        self._lock = lock
        self._entries: weakref.WeakKeyDictionary[asyncio.Task[Any], _Entry[AsyncHold]] = weakref.WeakKeyDictionary()

    def _entry(self) -> Optional[_Entry[AsyncHold]]:
        entry = self._entries.get(_task())
        return None if entry is None or entry.hold._state is HoldState.RELEASED else entry

    @property
    def path(self) -> str:
        """The path of the lock.

        .. versionadded:: 0.1
        """
        return self._lock.path

    @property
    def depth(self) -> int:
        """How often the current task has acquired the lock and not released it.

        .. versionadded:: 0.1
        """
        entry = self._entry()
        return 0 if entry is None else entry.count()

    async def acquire(self, *, timeout: Optional[float] = None) -> AsyncHold:
        """Acquire the lock, as :meth:`ReentrantLock.acquire` does.

        .. versionadded:: 0.1
        """
        entry = self._entry()
        if entry is not None:
            return entry.enter()
        hold = await self._lock.acquire(timeout=timeout)
        self._entries[_task()] = _Entry(hold)
        return hold

    async def release(self, *, timeout: Optional[float] = None) -> bool:
        """Undo one acquire of the current task, as :meth:`ReentrantLock.release` does.

        .. versionadded:: 0.1
        """
        hold = self._leave()
        return False if hold is None else await hold.release(timeout=timeout)

    def _leave(self) -> Optional[AsyncHold]:
        """Undo one acquire; return the hold if it was the last."""
        entry = self._entry()
        if entry is None:
            raise _not_held(self.path, "task")
        entry.hold._check_process("release")
        entry.depth -= 1
        if entry.depth:
            return None
        del self._entries[_task()]
        return entry.hold

    async def __aenter__(self) -> AsyncHold:
        return await self.acquire()

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._entry() is not None:  # Its hold may have been released in the block.
            hold = self._leave()
            if hold is not None:
                await hold._leave(kind)

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path}>"


def _task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a re-entrant lock belongs to a task: call it in a coroutine that a task runs")
    return task


def _not_held(path: str, owner: str) -> RuntimeError:
    return RuntimeError(f"this {owner} does not have the lock {path!r}: release it where it was acquired")
