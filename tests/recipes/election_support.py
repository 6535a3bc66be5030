"""The helpers of the tests of elections."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import zkc

from ..client.both import eventually
from .thread_support import recipe


def elect(zk: Any, identifier: str, **options: Any) -> Any:
    return recipe(zk, "election", "/leader", identifier=identifier, **options)


async def until_lost(hold: Any) -> None:
    """The work of a leader: wait until the hold is lost."""
    while not hold.lost.done():
        await asyncio.sleep(0.002)


async def queued(zk: Any, number: int) -> None:
    """Wait until an election has a number of contenders."""

    async def enough() -> bool:
        with contextlib.suppress(zkc.NoNodeError):
            return len(await zk.children("/leader")) == number
        return False

    await eventually(enough)


class Once:
    """An event of all loops."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True

    async def wait(self) -> None:
        await eventually(lambda: self._set)


class Term:
    """A contender that leads in a task until it is ended."""

    def __init__(self, election: Any) -> None:
        self.election = election
        self.leads = asyncio.Event()
        self.hold: Any = None
        self._end = asyncio.Event()
        self.task = asyncio.ensure_future(self._lead())

    async def _lead(self) -> None:
        async with self.election.lead() as self.hold:
            self.leads.set()
            await self._end.wait()

    async def end(self) -> None:
        self._end.set()
        await self.task


async def is_empty(zk: Any) -> bool:
    with contextlib.suppress(zkc.NoNodeError):
        return len(await zk.children("/leader")) == 0
    return True
