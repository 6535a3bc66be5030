"""The cache: a picture of a subtree in memory, kept true by a watch, for both clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Optional, cast

from zkc.recipes._cache_base import BaseCache, limit_of
from zkc.recipes._cache_changes import AsyncCacheChanges, CacheChange, CacheChanges, CacheEvent
from zkc.recipes._cache_tree import CachedZnode, Snapshot

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client

__all__ = [
    "AsyncCache",
    "AsyncCacheChanges",
    "Cache",
    "CacheChange",
    "CacheChanges",
    "CacheEvent",
    "CachedZnode",
    "Snapshot",
]


class Cache(BaseCache):
    """A cache of a synchronous client. :meth:`zkc.Client.cache` makes it.

    As a context manager it starts, waits until it is ready, and closes at the end. Dropping the last reference closes
    it too.

    >>> with client.cache("/app") as cache:
    ...     print(cache.data("/app/config"))

    .. versionadded:: 0.1
    """

    _client: Client

    def start(self, *, timeout: Optional[float] = None) -> None:
        """Set the watch and begin to read the subtree, whether its root exists or not. A further call does nothing.

        Without a connection the next one begins. After a timeout the cache goes on: close it if it is of no use.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            UnimplementedError: ``watches`` is ``"recursive"``, and the server has no such watches.
            ClosingError: The cache was closed.

        .. versionadded:: 0.1
        """
        self._client._run(self._start_flow, timeout)

    def wait_ready(self, timeout: Optional[float] = None) -> None:
        """Start, and wait until the subtree was read completely once.

        Args:
            timeout: Timeout in seconds; None for no limit.

        Raises:
            CacheTimeoutError: It was not ready in time. It goes on reading.
            CacheFullError: The subtree is too large for the limits.
            ClosingError: The cache or the client was closed.

        .. versionadded:: 0.1
        """
        self._client._run(self._ready_flow, limit_of(timeout))

    def wait_for(
        self,
        path: str,
        predicate: Optional[Callable[[Optional[CachedZnode]], object]] = None,
        timeout: Optional[float] = None,
    ) -> Optional[CachedZnode]:
        """Wait until a znode is as a function wants it, and return it. A cache that was not started starts.

        Args:
            path: Path of the znode.
            predicate: A function of the :class:`CachedZnode`, or of None if the cache holds none: true ends the wait.
                It is called at first and after changes; several quick changes may be one call. If None, the wait is
                for the existence of the znode.
            timeout: Timeout in seconds; None for no limit.

        Raises:
            ValueError: The path is not that of the root, nor below it.
            CacheTimeoutError: The function was never true in that time.
            ClosingError: The cache or the client was closed.

        .. versionadded:: 0.1
        """
        return self._client._run(self._wait_flow, limit_of(timeout), path, predicate)

    def changes(self, *, limit: int = 10_000, initial: bool = True) -> CacheChanges:
        """Iterate over the changes. Applied in their order, the events give the cache.

        The iterator keeps the cache alive. It may be made before the cache is started. For a program that falls behind,
        several changes of a znode become one event; none are lost.

        Args:
            limit: How many events wait for the program at most. Beyond it the iterator compares pictures instead.
            initial: Whether to begin with the present znodes, as ADDED. Otherwise only later changes follow.

        .. versionadded:: 0.1
        """
        return CacheChanges(self._client, self, self._feed(limit, initial))

    def __enter__(self) -> Self:
        try:
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


class AsyncCache(BaseCache):
    """A cache of a client for asyncio, as :class:`Cache`. :meth:`zkc.AsyncClient.cache` makes it.

    >>> async with client.cache("/app") as cache:
    ...     print(cache.data("/app/config"))

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def start(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Set the watch and begin to read the subtree, as :meth:`Cache.start` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._start_flow, timeout))

    def wait_ready(self, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Start, and wait until the subtree was read completely once, as :meth:`Cache.wait_ready` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._ready_flow, limit_of(timeout)))

    def wait_for(
        self,
        path: str,
        predicate: Optional[Callable[[Optional[CachedZnode]], object]] = None,
        timeout: Optional[float] = None,
    ) -> AsyncFuture[Optional[CachedZnode]]:
        """Wait until a znode is as a function wants it, as :meth:`Cache.wait_for` does.

        .. versionadded:: 0.1
        """
        waiting = self._client._run(self._wait_flow, limit_of(timeout), path, predicate)
        return cast("AsyncFuture[Optional[CachedZnode]]", waiting)

    def changes(self, *, limit: int = 10_000, initial: bool = True) -> AsyncCacheChanges:
        """Iterate over the changes, as :meth:`Cache.changes` does.

        .. versionadded:: 0.1
        """
        return AsyncCacheChanges(self._client, self, self._feed(limit, initial))

    async def __aenter__(self) -> Self:
        try:
            await self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
