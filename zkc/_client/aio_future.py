"""What the calls of :class:`zkc.AsyncClient` return."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Optional, TypeVar, Union

if TYPE_CHECKING:
    from zkc._flow import PendingRef

__all__ = ["AsyncFuture"]

_T = TypeVar("_T")

if TYPE_CHECKING:

    class _AnswerBase(asyncio.Future[_T], Coroutine[Any, Any, _T]): ...

else:
    _AnswerBase = asyncio.Future


class AsyncFuture(_AnswerBase[_T]):
    """The answer to a call that was sent: await it.

    It is an :class:`asyncio.Future`, so it can be waited for by several, with :func:`asyncio.wait_for` or
    :func:`asyncio.gather`; and it can be given to :func:`asyncio.create_task` and task groups as a coroutine can.
    Only :func:`asyncio.wait` wants tasks, and refuses what a task could be made of. Cancelling it does not recall the
    request: nobody learns of its answer, that is all.

    .. versionadded:: 0.1
    """

    _course: PendingRef = None  # What a limit concerns, if there is one: named when it is over.
    _unsent = False  # It waits for a place in flight.
    _undo: Optional[Callable[[], object]] = None  # Takes back what the call does, or has done.
    _steps: Optional[Generator[Any, None, _T]] = None

    # What makes it a coroutine for asyncio.create_task().
    def send(self, value: Any, /) -> Any:
        """Go on, for the task that this was given to."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.send(value)

    def throw(self, *error: Any) -> Any:
        """Raise an error in who waits, for the task that this was given to."""
        if self._steps is None:
            self._steps = self.__await__()
        return self._steps.throw(*error)

    def close(self) -> None:
        """Wait no longer."""
        if self._steps is not None:
            self._steps.close()

    def _abandon(self) -> None:
        """Take back what the call does or has done, if it can be: its outcome reaches nobody."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()


class UndoableFuture(AsyncFuture[_T]):
    """The answer to a call that can be cancelled until its outcome was taken: by an await that returned, or result().

    It is for calls with something to take back. An asyncio.Future cannot be cancelled once it has its result; but when
    the task that awaits it is cancelled before it runs again, that result reaches nobody. So this one counts as
    cancelled then, for all who ask: nobody is given the path of a znode that is being deleted.

    A task waits for a plain future of its own in the place of this: asyncio asks what a task waits for, and so cannot
    be seen to take the outcome.
    """

    _revoked = False  # It was cancelled after it had its result.
    _taken = False
    _sleepers: tuple[asyncio.Future[None], ...] = ()  # What the tasks wait for that await it.

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
        """Return the outcome, which is taken then."""
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
        """Cancel it, unless its outcome was taken; return whether that is so."""
        if super().cancel() if msg is None else super().cancel(msg):
            self._wake()
        elif self.cancelled() or self._taken or self._undo is None:
            return False
        else:
            self._revoked = True
        self._abandon()
        return True

    def set_result(self, result: _T, /) -> None:
        """Give the outcome."""
        super().set_result(result)
        self._wake()

    def set_exception(self, exception: Union[type, BaseException], /) -> None:
        """Give the error."""
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
