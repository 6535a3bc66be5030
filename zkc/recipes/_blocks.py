"""The holds of ``with`` blocks: which block has which, and how a block ends."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Optional, TypeVar, cast

from zkc.recipes._holds import BaseHold

if TYPE_CHECKING:
    from zkc.recipes.hold import Hold

__all__ = ["Guard", "drop_hold", "leave_block", "pop_hold", "push_hold"]

_HoldT = TypeVar("_HoldT", bound=BaseHold)
_SyncT = TypeVar("_SyncT", bound="Hold")


class Guard:
    """Cancels the task of a block once, when its hold is lost."""

    def __init__(self, hold: BaseHold) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._hold = hold
        self._loop = asyncio.get_running_loop()
        self._task: Optional[asyncio.Task[Any]] = task
        self._fired = False
        # From Python 3.11 on a task counts its cancellations. Those of others are not this guard's.
        self._others: int = getattr(task, "cancelling", int)()
        hold.lost.add_done_callback(self._fire_soon)

    def _fire_soon(self, _: object) -> None:
        # In a turn of its own: the cancellation of a running task would hit it behind the block.
        self._loop.call_soon_threadsafe(self._fire)

    def _fire(self) -> None:
        if self._task is not None and not self._task.done():
            self._fired = True
            self._task.cancel()

    def close(self) -> bool:
        """Cancel the task no longer; return whether this guard alone has cancelled it."""
        task, self._task = self._task, None
        self._hold.lost.remove_done_callback(self._fire_soon)
        if task is None or not self._fired:
            return False
        return bool(getattr(task, "uncancel", int)() <= self._others)


def push_hold(entered: dict[Any, list[_HoldT]], key: object, hold: _HoldT) -> None:
    """Note the hold of a block that a thread or task enters."""
    entered.setdefault(key, []).append(hold)


def last_hold(entered: dict[Any, list[_HoldT]], key: object) -> _HoldT:
    """Return the hold of the block that a thread or task leaves.

    Raises:
        RuntimeError: The block was entered elsewhere, and it is not the only one.
    """
    if key not in entered and len(entered) == 1:
        [key] = entered  # It was entered in another task, as test fixtures are, or in another thread.
    holds = entered.get(key)
    if not holds:
        raise RuntimeError("the block was entered in another thread or task, and there are others: use held()")
    return holds[-1]


def drop_hold(entered: dict[Any, list[_HoldT]], hold: BaseHold) -> None:
    """Forget the hold of a block. Another call does nothing."""
    for key, holds in list(entered.items()):
        if hold in holds:
            holds.remove(cast("_HoldT", hold))
        if not holds:
            entered.pop(key, None)


def pop_hold(entered: dict[Any, list[_HoldT]], key: object) -> _HoldT:
    """Return the hold of the block that a task leaves, and forget it."""
    hold = last_hold(entered, key)
    drop_hold(entered, hold)
    return hold


def leave_block(entered: dict[Any, list[_SyncT]], kind: Optional[type[BaseException]]) -> None:
    """Leave the block of the calling thread, which has raised an error of this class, or none."""
    hold: Optional[_SyncT] = None
    try:
        hold = last_hold(entered, threading.get_ident())
        hold._leave(kind)
    except BaseException:  # Perhaps of a signal handler, and perhaps before anything was done.
        hold = last_hold(entered, threading.get_ident()) if hold is None else hold
        hold._leave_block(BaseException)
        raise
    finally:
        if hold is not None:
            try:
                drop_hold(entered, hold)
            except BaseException:
                drop_hold(entered, hold)
                raise
