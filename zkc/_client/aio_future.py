"""The futures that the calls of :class:`zkc.AsyncClient` return."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union

if TYPE_CHECKING:
    from zkc._flow import PendingRef

__all__ = ["AsyncFuture"]

_T = TypeVar("_T")

if TYPE_CHECKING:

    class _FutureBase(asyncio.Future[_T], Coroutine[Any, Any, _T]): ...

else:
    _FutureBase = asyncio.Future


class AsyncFuture(_FutureBase[_T]):
    """The future of a call of :class:`zkc.AsyncClient`, whose request is sent already.

    It is an :class:`asyncio.Future`: several tasks may await it, and :func:`asyncio.wait_for` and
    :func:`asyncio.gather` take it. :func:`asyncio.create_task` and task groups take it as they take a coroutine. Only
    :func:`asyncio.wait` refuses it, because it refuses coroutines. Cancelling does not recall the request; its reply is
    discarded.

    .. versionadded:: 0.1
    """

    _course: PendingRef = None  # The request or the driver that the timeout's error names.
    _unsent = False  # It waits for a slot in flight.
    _undo: Optional[Callable[[], object]] = None  # Undoes what the call does, or has done.
    _steps: Optional[Generator[Any, None, _T]] = None

    # These methods make it a coroutine for asyncio.create_task().
    def send(self, value: Any, /) -> Any:
        """Continue, for the task that drives this object."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error at the await, for the task that drives this object."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.throw(*error)

    def close(self) -> None:
        """Stop waiting."""
        if self._steps is not None:
            self._steps.close()

    def _abandon(self) -> None:
        """Undo what the call does or has done, if that is possible: no caller gets its outcome."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


class UndoableFuture(AsyncFuture[_T]):
    """The future of a call that can be cancelled until a caller has taken its outcome, by an await or by result().

    It is for calls that can be undone. An asyncio.Future cannot be cancelled once it has its result. But when the task
    that awaits it is cancelled before it runs again, no caller gets that result. This future then counts as cancelled
    for every caller: no caller gets the path of a znode that is being deleted.

    A task that awaits it waits for a plain future in its place. asyncio itself reads the future that a task waits for,
    and such a read must not count as taking the outcome.
    """

    _revoked = False  # It was cancelled after it had its result.
    _taken = False
    _sleepers: tuple[asyncio.Future[None], ...] = ()  # The plain futures of the tasks that await it.

    def _can_be_undone(self, undo: Optional[Callable[[], object]]) -> None:
        self._undo = undo

    def __await__(self) -> Generator[Any, None, _T]:
        if not self.done():
            sleeper: asyncio.Future[None] = self.get_loop().create_future()
            self._sleepers = (*self._sleepers, sleeper)
            try:
                yield from sleeper
            except asyncio.CancelledError:
                self.cancel()
                raise
        return self.result()

    __iter__ = __await__  # As asyncio.Future has it.

    def result(self) -> _T:
        """Return the outcome, which then counts as taken."""
        if self._revoked:
            raise asyncio.CancelledError
        result = super().result()
        self._taken, self._undo = True, None
        return result

    def exception(self) -> Optional[BaseException]:
        """Return the error, or None if there is none."""
        if self._revoked:
            raise asyncio.CancelledError
        return super().exception()

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self._revoked or super().cancelled()

    def cancel(self, msg: Optional[Any] = None) -> bool:
        """Cancel the call unless its outcome was taken; return whether it was cancelled."""
        if super().cancel() if msg is None else super().cancel(msg):
            self._wake()
        elif self.cancelled() or self._taken or self._undo is None:
            return False
        else:
            self._revoked = True
        self._abandon()
        return True

    def set_result(self, result: _T, /) -> None:
        """Set the outcome."""
        super().set_result(result)
        self._wake()

    def set_exception(self, exception: Union[type, BaseException], /) -> None:
        """Set the error."""
        self._undo = None
        super().set_exception(exception)
        self._wake()

    def _wake(self) -> None:
        sleepers, self._sleepers = self._sleepers, ()
        for sleeper in sleepers:
            if sleeper.done():
                continue
            if super().cancelled():
                sleeper.cancel()
            else:
                sleeper.set_result(None)
