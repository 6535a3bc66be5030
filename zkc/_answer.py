"""What the calls of :class:`zkc.AsyncClient` return."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any, Optional, TypeVar

if TYPE_CHECKING:
    from zkc._plans.flow import Course

__all__ = ["Answer"]

_T = TypeVar("_T")

if TYPE_CHECKING:

    class _AnswerBase(asyncio.Future[_T], Coroutine[Any, Any, _T]): ...

else:
    _AnswerBase = asyncio.Future


class Answer(_AnswerBase[_T]):
    """The answer to a call that was sent: await it.

    It is an :class:`asyncio.Future`, so it can be waited for by several, with :func:`asyncio.wait_for` or
    :func:`asyncio.gather`; and it can be given to :func:`asyncio.create_task` and task groups as a coroutine can.
    Only :func:`asyncio.wait` wants tasks, and refuses what a task could be made of. Cancelling it does not recall the
    request: nobody learns of its answer, that is all.

    .. versionadded:: 0.1
    """

    _course: Course = None  # What a limit concerns, if there is one: named when it is over.
    _unsent = False  # It waits for a place in flight.
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
