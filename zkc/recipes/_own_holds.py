"""Acquires that wait for a hold of their own client: how they find it, and how errors and the log name it."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Optional

from zkc.recipes._client_holds import find_holds
from zkc.recipes._owned import LIVE

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc.recipes._holds import BaseHold

__all__ = ["OwnHolds", "taker_of"]

_log = logging.getLogger("zkc.recipes")


Remedy = Callable[["BaseHold"], str]


class _Thread(threading.local):
    """The mark of a thread. A number would serve a later thread, too."""

    def __init__(self) -> None:
        self.mark = object()


_thread = _Thread()


def taker_of(client: BaseClient) -> object:
    """Return a mark of the calling thread, or of the current task; None in an event loop without one.

    It keeps no task alive, and equals the other marks of the same thread or task only.
    """
    if not client._takes_coroutines:
        return _thread.mark
    try:
        task = asyncio.current_task()
    except RuntimeError:  # No event loop runs here.
        return None
    return None if task is None else weakref.ref(task)


class OwnHolds:
    """The holds of a client that an acquire of the same client waits for, if there are any.

    The calling thread or task makes it. It refers to no flow.

    Args:
        client: The client.
        path: The path of the recipe.
        parents: The paths whose children are the znodes of such holds.
        remedy: A function that returns what a caller can do about a hold.
        room: A function that returns how many leases may be held beside those of the acquire; None for a lock.
        endless: Whether the acquire has no timeout.
    """

    __slots__ = ("_client", "_endless", "_parents", "_path", "_remedy", "_room", "taker")

    def __init__(
        self,
        client: BaseClient,
        path: str,
        parents: Sequence[str],
        remedy: Remedy,
        room: Optional[Callable[[], int]] = None,
        *,
        endless: bool = False,
    ) -> None:
        self._client = client
        self._path = path
        self._parents = parents
        self._remedy = remedy
        self._room = room
        self._endless = endless
        self.taker = taker_of(client)

    def explain(self) -> Optional[str]:
        """Return a text that names the hold which a wait has not outlasted; None if it is that of another client."""
        found = self._find()
        same = [hold for hold in found if self._is_same(hold)]
        return self._text("waited", found, bool(same), (same or found)[-1]) if self._blocks(found) else None

    def waits(self) -> None:
        """Take the beginning of a wait. Log one without a limit for a hold that the same thread or task has acquired.

        It may be called again, and logs once.
        """
        if not self._endless:
            return
        same = [hold for hold in self._find() if self._is_same(hold)]
        if self._blocks(same):
            self._endless = False
            text = self._text("waits without a timeout", same, True, same[-1])
            _log.warning("the acquire of %r %s", self._path, text)

    def _find(self) -> list[BaseHold]:
        holds = find_holds(self._client)
        return [hold for hold in holds if hold._state in LIVE and self._count(hold)]

    def _count(self, hold: BaseHold) -> int:
        """Return how many znodes of a hold stand in the way."""
        return sum(path.rpartition("/")[0] in self._parents for path in hold._place.paths)

    def _blocks(self, holds: list[BaseHold]) -> bool:
        """Return whether these holds alone stand in the way: other holders of a semaphore may make room."""
        return bool(holds) and (self._room is None or sum(map(self._count, holds)) > self._room())

    def _text(self, waits: str, holds: list[BaseHold], same: bool, hold: BaseHold) -> str:
        unit = "task" if self._client._takes_coroutines else "thread"
        owner, remedy = f"another {unit}", f"Release {'it' if self._room is None else 'them'} there first"
        if same:
            owner, remedy = f"the same {unit}", self._remedy(hold)
        what = f"a hold of this client, {hold.path!r}"
        if self._room is not None:
            what = f"leases of this client, which holds {sum(map(self._count, holds))} of them, such as {hold.path!r}"
        return f"{waits} for {what}, which {owner} has acquired. {remedy}"

    def _is_same(self, hold: BaseHold) -> bool:
        return self.taker is not None and hold._taker == self.taker
