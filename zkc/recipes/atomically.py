"""Functions that read and write several znodes as if no other client changed them at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Any, Optional, TypeVar, cast

from zkc._args import check_count, check_timeout
from zkc.recipes._optimistic import BaseAtomic, Deadline, contention, pause_of

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc.types import Stat

__all__ = ["AsyncAtomic", "Atomic", "run_async", "run_sync"]

_T = TypeVar("_T")


class Atomic(BaseAtomic):
    """The argument of the function of :meth:`zkc.Client.atomically`: its reads and its writes.

    Reads are sent at once, and each path is read once. Writes are collected, and sent in one transaction with checks
    of all that was read.

    .. versionadded:: 0.1
    """

    _client: Client

    def __init__(self, client: Client, deadline: Deadline) -> None:
        self._client = client
        super().__init__(client.transaction(), deadline)

    def get(self, path: str) -> tuple[Optional[bytes], Stat]:
        """Read the data of a znode. The commit fails if the znode has changed since.

        Args:
            path: Path of the znode.

        Returns:
            The data and the stat.

        Raises:
            NoNodeError: There is no such znode. The commit then fails if there is one.
            ValueError: The transaction has written the znode.

        .. versionadded:: 0.1
        """
        return self._client._run(self._get_flow, self._deadline.left(), path)

    def exists(self, path: str) -> Optional[Stat]:
        """Return the stat of a znode; None if it does not exist. The commit fails if that has changed since.

        Args:
            path: Path of the znode.

        Raises:
            ValueError: The transaction has written the znode.

        .. versionadded:: 0.1
        """
        return self._client._run(self._exists_flow, self._deadline.left(), path)

    def children(self, path: str) -> list[str]:
        """List the names of a znode's children. The commit fails if a child was created or deleted since.

        Args:
            path: Path of the znode.

        Raises:
            NoNodeError: There is no such znode. The commit then fails if there is one.

        .. versionadded:: 0.1
        """
        return self._client._run(self._children_flow, self._deadline.left(), path)


class AsyncAtomic(BaseAtomic):
    """The argument of the function of :meth:`zkc.AsyncClient.atomically`, with the methods of :class:`Atomic`.

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def __init__(self, client: AsyncClient, deadline: Deadline) -> None:
        self._client = client
        super().__init__(client.transaction(), deadline)

    def get(self, path: str) -> AsyncFuture[tuple[Optional[bytes], Stat]]:
        """Read the data of a znode, as :meth:`Atomic.get` does.

        .. versionadded:: 0.1
        """
        done = self._client._run(self._get_flow, self._deadline.left(), path)
        return cast("AsyncFuture[tuple[Optional[bytes], Stat]]", done)

    def exists(self, path: str) -> AsyncFuture[Optional[Stat]]:
        """Return the stat of a znode, as :meth:`Atomic.exists` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[Stat]]", self._client._run(self._exists_flow, self._deadline.left(), path))

    def children(self, path: str) -> AsyncFuture[list[str]]:
        """List the names of a znode's children, as :meth:`Atomic.children` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[str]]", self._client._run(self._children_flow, self._deadline.left(), path))


def _check(fn: object, attempts: int, timeout: Optional[float]) -> Deadline:
    if not callable(fn):
        raise TypeError(f"fn must be callable with a transaction, not {type(fn).__name__}")
    check_count(attempts, "attempts")
    return Deadline(check_timeout(timeout))


def run_sync(client: Client, fn: Callable[[Atomic], _T], attempts: int, timeout: Optional[float]) -> _T:
    """Call a function until its transaction is committed."""
    deadline = _check(fn, attempts, timeout)
    conflict = None
    for number in range(attempts):
        if number:
            time.sleep(pause_of(number))
        txn = Atomic(client, deadline)
        try:
            result: Any = fn(txn)
        except Exception:
            if txn._conflict is None:
                raise
        else:
            if isawaitable(result):
                if iscoroutine(result):
                    result.close()
                raise TypeError("fn must be a plain function: coroutine functions are for zkc.AsyncClient")
            if client._run(txn._commit_flow, deadline.left()):
                return cast("_T", result)
        conflict = txn._conflict
    raise contention(attempts, conflict)


async def run_async(
    client: AsyncClient, fn: Callable[[AsyncAtomic], Awaitable[_T]], attempts: int, timeout: Optional[float]
) -> _T:
    """Await a coroutine function until its transaction is committed."""
    deadline = _check(fn, attempts, timeout)
    conflict = None
    for number in range(attempts):
        if number:
            await asyncio.sleep(pause_of(number))
        txn = AsyncAtomic(client, deadline)
        try:
            awaited: object = fn(txn)
            if not isawaitable(awaited):
                raise TypeError("fn must be a coroutine function")
            result: _T = await awaited
        except Exception:
            if txn._conflict is None:
                raise
        else:
            if await cast("AsyncFuture[bool]", client._run(txn._commit_flow, deadline.left())):
                return result
        conflict = txn._conflict
    raise contention(attempts, conflict)
