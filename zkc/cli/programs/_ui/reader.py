"""Readings that changes ask for: one for all changes of the same moment, and more seldom the longer a reading takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zkc.cli.programs._ui.age import Age

__all__ = ["Reader"]

_SHORTEST = 0.05  # Seconds between a change and the reading.
_SHARE = 4  # The pause between two readings of a znode, as a multiple of the time that the last one took.


class Reader:
    """The readings of one kind, by path: never two of a path at the same time.

    Args:
        read: The reading, which returns whether the screen now shows what it has read. It must not raise.
        age: The age of what the screen shows.
    """

    def __init__(self, read: Callable[[str], Awaitable[bool]], age: Age) -> None:
        self._read, self._age = read, age
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    @property
    def idle(self) -> bool:
        """Whether no reading is waiting or going on."""
        return not self._tasks

    def ask(self, path: str) -> None:
        """Read a path soon."""
        if path in self._tasks:
            self._again.add(path)
        else:
            self._tasks[path] = asyncio.create_task(self._run(path))

    def close(self) -> None:
        """End all readings."""
        for task in self._tasks.values():
            task.cancel()

    async def _run(self, path: str) -> None:
        try:
            pause = _SHORTEST
            self._again.add(path)
            while path in self._again:
                await asyncio.sleep(pause)
                self._again.discard(path)
                began, begun = time.monotonic(), self._age.begin(self, path)
                if await self._read(path):
                    self._age.end(self, path, begun)
                pause = max(_SHORTEST, _SHARE * (time.monotonic() - began))
        finally:
            self._tasks.pop(path, None)
            self._again.discard(path)
