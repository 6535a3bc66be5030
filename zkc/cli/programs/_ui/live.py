"""The watches of the screen: on the znodes that are open in the tree, and on the chosen one.

Nothing else is watched, so that a large tree with many changes costs the screen nothing. Servers before 3.6 have no
watches that stay: there the client sets one-shot watches again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from zkc import EventType, UnimplementedError

if TYPE_CHECKING:
    from zkc import AsyncClient, Stat, WatchedEvent

__all__ = ["Live"]


class Live:
    """The watches by path, each for as long as it is wanted.

    Args:
        client: The screen's client.
        children: Called with a path when the children of the znode may have changed.
        data: Called with a path when its data may have changed, or the znode is gone.
    """

    def __init__(self, client: AsyncClient, children: Callable[[str], object], data: Callable[[str], object]) -> None:
        self._client = client
        self._children, self._data = children, data
        self._active: dict[str, list[Any]] = {}
        self._wanted: dict[str, int] = {}
        self.one_shot = False

    async def want(self, path: str) -> None:
        """Watch a path. Each call needs a :meth:`leave`."""
        self._wanted[path] = self._wanted.get(path, 0) + 1
        if path in self._active:
            return
        self._active[path] = []
        made = await self._watch(path)
        if path in self._active:
            self._active[path] = made
        else:  # It was left in the meantime.
            _cancel(made)

    def leave(self, path: str) -> None:
        """Watch a path no longer."""
        left = self._wanted.get(path, 0) - 1
        if left > 0:
            self._wanted[path] = left
            return
        self._wanted.pop(path, None)
        _cancel(self._active.pop(path, []))

    async def _watch(self, path: str) -> list[Any]:
        if not self.one_shot:
            try:
                return [await self._client.watch_events(path, self._event)]
            except UnimplementedError:
                self.one_shot = True

        def data(_: Optional[bytes], stat: Optional[Stat]) -> None:
            self._data(path)

        def children(_: Optional[list[str]]) -> None:
            self._children(path)

        return [await self._client.watch_data(path, data), await self._client.watch_children(path, children)]

    def _event(self, event: WatchedEvent) -> None:
        if event.type in (EventType.CHILD, EventType.GAP, EventType.CREATED):
            self._children(event.path)
        if event.type is not EventType.CHILD:
            self._data(event.path)


def _cancel(made: list[Any]) -> None:
    for each in made:
        each.cancel()
