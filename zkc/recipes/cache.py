"""The cache: a picture of a subtree in memory, kept true by a watch, for both clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._args import check_count, check_flag, check_path, check_seconds
from zkc._flow import Await, Flow
from zkc.errors import ClosingError
from zkc.recipes._cache import CacheChange, CacheCore, CacheEvent, CacheOptions
from zkc.recipes._cache_tree import CachedZnode, Snapshot
from zkc.recipes.errors import CacheTimeoutError

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient

__all__ = ["AsyncCache", "Cache", "CacheChange", "CacheEvent", "CachedZnode", "Snapshot"]

_WATCHES = ("auto", "recursive", "znode")


class BaseCache:
    """The base of the caches of both clients: what is answered from memory. Any thread may call it."""

    def __init__(
        self,
        client: BaseClient,
        path: str,
        *,
        depth: Optional[int],
        select: Optional[Callable[[str], bool]],
        data: bool,
        max_znodes: Optional[int],
        max_bytes: Optional[int],
        jitter: float,
        watches: str,
    ) -> None:
        check_path(path)
        if select is not None and not callable(select):
            raise TypeError(f"select must be callable with a path, not {type(select).__name__}")
        if watches not in _WATCHES:
            raise ValueError(f"watches must be one of {', '.join(map(repr, _WATCHES))}, not {watches!r}")
        options = CacheOptions(
            None if depth is None else check_count(depth, "depth", 0),
            select,
            check_flag(data, "data"),
            None if max_znodes is None else check_count(max_znodes, "max_znodes"),
            None if max_bytes is None else check_count(max_bytes, "max_bytes"),
            0.0 if jitter == 0 else check_seconds(jitter, "jitter"),
            watches,
        )
        self.path = path
        self._client: Any = client
        self._core = CacheCore(client, path, options)
        self._started = False

    # ---- what is answered from memory -------------------------------------------------------------------------------

    def get(self, path: str) -> Optional[CachedZnode]:
        """Return a znode as the cache holds it; None if it holds none. Nothing is sent.

        Args:
            path: Its path.

        .. versionadded:: 0.1
        """
        return self._core.tree.get(path)

    def data(self, path: str) -> Optional[bytes]:
        """Return the data of a znode; None if the cache holds none.

        Args:
            path: Its path.

        .. versionadded:: 0.1
        """
        node = self._core.tree.get(path)
        return None if node is None else node.data

    def children(self, path: str) -> Optional[list[str]]:
        """Return the sorted names of the children of a znode; None if the cache does not hold the znode.

        Args:
            path: Path of the parent.

        .. versionadded:: 0.1
        """
        return self._core.tree.children(path)

    def snapshot(self) -> Snapshot:
        """Return a picture of the whole cache as it is now, which later changes do not touch.

        .. versionadded:: 0.1
        """
        return self._core.tree.snapshot()

    def walk(self, path: Optional[str] = None) -> Iterator[CachedZnode]:
        """Iterate over a znode and all below it, parents first, as they are at the call.

        Args:
            path: Path of the znode; the root of the cache if None.

        .. versionadded:: 0.1
        """
        return self.snapshot().walk(path)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._core.tree.get(path) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.snapshot())

    def __len__(self) -> int:
        return len(self._core.tree.nodes)

    def __bool__(self) -> bool:
        return True

    @property
    def fresh_since(self) -> Optional[float]:
        """Since when the cache has followed the tree without a gap, by :func:`time.monotonic`; None if it does not.

        It is None before the first read of the tree is complete, without a connection, and until the tree was read
        again after a gap. While it is not None, the cache lags behind the server by no more than the events that are
        on their way.

        .. versionadded:: 0.1
        """
        return self._core.fresh()

    @property
    def is_ready(self) -> bool:
        """Whether the tree was read completely at least once.

        .. versionadded:: 0.1
        """
        return self._core._began

    @property
    def closed(self) -> bool:
        """Whether the cache was closed, or has ended with :attr:`error`. It still shows what it held.

        .. versionadded:: 0.1
        """
        return self._core._over

    @property
    def error(self) -> Optional[Exception]:
        """The error that ended the cache; None if none did.

        .. versionadded:: 0.1
        """
        return self._core._error

    @property
    def size(self) -> int:
        """An estimate of the memory of the cache, in bytes.

        .. versionadded:: 0.1
        """
        return self._core.tree.size

    # ---- listeners --------------------------------------------------------------------------------------------------

    def add_listener(self, listener: Callable[[CacheEvent], object]) -> None:
        """Call a function with each change, from now on. Added before the start, it hears of each znode as ADDED.

        Each call comes after the cache shows the change. Applied in their order, the events give the cache.

        Args:
            listener: A function that is called with a :class:`CacheEvent`, where callbacks run. The client logs an
                exception of the function, and goes on.

        .. versionadded:: 0.1
        """
        self._core.listeners.add(listener)

    def remove_listener(self, listener: Callable[[CacheEvent], object]) -> None:
        """Call a function no more.

        Args:
            listener: The function.

        .. versionadded:: 0.1
        """
        self._core.listeners.remove(listener)

    # ---- beginning and end ------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Remove the watch, and follow the tree no longer. What the cache holds can still be read.

        .. versionadded:: 0.1
        """
        self._core.cancel()

    def _start_flow(self, client: CommandClient) -> Flow[None]:
        if self._core._over:
            raise ClosingError(ClosingError.describe("cache", self.path, "the cache was closed"), operation="cache")
        session = client.session  # Raises at once if there is none.
        return self._start(session)

    def _start(self, session: Any) -> Flow[None]:
        if not self._started:
            self._started = True
            yield from self._core.start(session)

    def _ready_flow(self, client: CommandClient) -> Flow[None]:
        client.session  # noqa: B018 - raises at once if there is none
        return self._wait_ready()

    def _wait_ready(self) -> Flow[None]:
        yield Await(self._core.ready, None, "wait_ready", self.path)
        if self._core._error is not None:
            raise self._core._error
        if not self._core._began:
            raise ClosingError(ClosingError.describe("cache", self.path, "the cache was closed"), operation="cache")

    def __del__(self) -> None:
        core = self.__dict__.get("_core")
        if core is not None and not core._over and self._client._pid == _pid():
            core.cancel()

    def __repr__(self) -> str:
        core = self._core
        state = "closed" if core._over else "fresh" if self.fresh_since is not None else "stale"
        return f"<zkc.recipes.{type(self).__name__} {self.path} {len(self)} znodes {state}>"


def _pid() -> int:
    import os

    return os.getpid()


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

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            UnimplementedError: ``watches`` is ``"recursive"``, and the server has no such watches.

        .. versionadded:: 0.1
        """
        self._client._run(self._start_flow, timeout)

    def wait_ready(self, timeout: Optional[float] = None) -> None:
        """Wait until the subtree was read completely once.

        Args:
            timeout: Timeout in seconds; None for no limit.

        Raises:
            CacheTimeoutError: It was not ready in time.
            CacheFullError: The subtree is too large for the limits.
            ClosingError: The cache or the client was closed.

        .. versionadded:: 0.1
        """
        self.start()
        if not self._core.ready.wait(None if timeout is None else check_seconds(timeout, "timeout")):
            raise CacheTimeoutError(
                CacheTimeoutError.describe("wait_ready", self.path, f"the cache was not ready within {timeout:g} s"),
                operation="wait_ready",
                path=self.path,
            )
        self._client._run(self._ready_flow, None)

    def __enter__(self) -> Self:
        self.wait_ready()
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

    async def wait_ready(self, timeout: Optional[float] = None) -> None:
        """Wait until the subtree was read completely once, as :meth:`Cache.wait_ready` does.

        .. versionadded:: 0.1
        """
        import asyncio

        await self.start()
        try:
            await asyncio.wait_for(self._client._run(self._ready_flow, None), timeout)
        except asyncio.TimeoutError:
            raise CacheTimeoutError(
                CacheTimeoutError.describe("wait_ready", self.path, f"the cache was not ready within {timeout:g} s"),
                operation="wait_ready",
                path=self.path,
            ) from None

    async def __aenter__(self) -> Self:
        await self.wait_ready()
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
