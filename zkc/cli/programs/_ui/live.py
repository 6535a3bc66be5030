"""The watches of the screen: on the znodes that are open in the tree, and on the chosen one.

Nothing else is watched, so that a large tree with many changes costs the screen nothing. Servers before 3.6 have no
watches that stay: there the client sets one-shot watches again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from zkc import EventType, UnimplementedError, ZooKeeperError

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
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._wanted: dict[str, int] = {}
        self.one_shot = False

    async def want(self, path: str) -> None:
        """Watch a path. Each call needs a :meth:`leave`, also one that was cancelled.

        A watch that cannot be set now is set by :meth:`retry`.
        """
        self._wanted[path] = self._wanted.get(path, 0) + 1
        if path in self._active:
            return
        if path not in self._starting:
            self._starting[path] = asyncio.create_task(self._start(path))
        await self.started(path)

    async def started(self, path: str) -> None:
        """Wait until the watch of a wanted path is set, or cannot be set now."""
        if path in self._starting:
            # Several callers wait for one task. It goes on when one of them, as by the next key, is cancelled.
            await asyncio.shield(self._starting[path])

    def leave(self, path: str) -> None:
        """Watch a path no longer."""
        left = self._wanted.get(path, 0) - 1
        if left > 0:
            self._wanted[path] = left
            return
        self._wanted.pop(path, None)
        _cancel(self._active.pop(path, []))

    def retry(self) -> None:
        """Set the watches that could not be set, now that there is a connection."""
        for path in self._wanted:
            if path not in self._active and path not in self._starting:
                self._starting[path] = asyncio.create_task(self._start(path))

    async def _start(self, path: str) -> None:
        try:
            made = await self._watch(path)
        except (ZooKeeperError, RuntimeError):  # No connection, or the client is closed.
            return
        finally:
            self._starting.pop(path, None)
        if path in self._wanted:
            self._active[path] = made
        else:  # It was left in the meantime.
            _cancel(made)

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
