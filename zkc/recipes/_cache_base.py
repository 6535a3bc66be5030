"""The common part of the caches of both clients: the answers from memory, and the flows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._args import check_count, check_flag, check_path, check_seconds
from zkc._flow import Await, Flow, Signal, Undoable
from zkc.recipes._cache import CacheCore
from zkc.recipes._cache_changes import CacheEvent, ChangeFeed
from zkc.recipes._cache_picture import CacheOptions
from zkc.recipes._cache_tree import CachedZnode, Snapshot
from zkc.recipes.errors import CacheTimeoutError

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Stat
    from zkc.errors import OperationTimeoutError

__all__ = ["BaseCache", "limit_of"]

_NO_LIMIT = 1e9  # Thirty years, in seconds.
_WATCHES = ("auto", "recursive", "znode")


class _Waiting(Undoable):
    """A wait for a cache, with a timeout error of its own."""

    def __init__(self, flow: Flow[Any], operation: str, path: str, state: str) -> None:
        super().__init__(lambda _: flow)
        self._names = operation, path, state

    def late(self, limit: float) -> OperationTimeoutError:
        """Make the error of a wait that took too long."""
        operation, path, state = self._names
        text = CacheTimeoutError.describe(operation, path, f"{state} within {limit:g} s")
        return CacheTimeoutError(text, operation=operation, path=path)


def limit_of(timeout: Optional[float]) -> float:
    """Return a timeout in seconds; a very long one for None."""
    return _NO_LIMIT if timeout is None else check_seconds(timeout)


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
        return self._core.tree.nodes.get(path)

    def data(self, path: str) -> Optional[bytes]:
        """Return the data of a znode; None if the cache holds none.

        Args:
            path: Its path.

        .. versionadded:: 0.1
        """
        node = self._core.tree.nodes.get(path)
        return None if node is None else node.data

    def stat(self, path: str) -> Optional[Stat]:
        """Return the stat of a znode, as it was when its data were last read; None if the cache holds none.

        Args:
            path: Its path.

        .. versionadded:: 0.1
        """
        node = self._core.tree.nodes.get(path)
        return None if node is None else node.stat

    def children(self, path: str) -> Optional[list[str]]:
        """Return the sorted names of the children of a znode; None if the cache does not hold the znode.

        Args:
            path: Path of the parent.

        .. versionadded:: 0.1
        """
        return self._core.tree.children(path)

    def snapshot(self) -> Snapshot:
        """Return a picture of the whole cache as it is now, which later changes do not touch.

        Raises:
            ForkedError: This process is a child of the one that started the client.

        .. versionadded:: 0.1
        """
        self._client._check_process("cache")  # In a forked child the lock may stay locked.
        return self._core.tree.snapshot()

    def walk(self, path: Optional[str] = None) -> Iterator[CachedZnode]:
        """Iterate over a znode and all below it, parents first, as they are at the call.

        Args:
            path: Path of the znode; the root of the cache if None.

        .. versionadded:: 0.1
        """
        return self.snapshot().walk(path)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._core.tree.nodes.get(path) is not None

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
        return self._core.began

    @property
    def closed(self) -> bool:
        """Whether the cache was closed, or has ended with :attr:`error`. It still shows what it held.

        .. versionadded:: 0.1
        """
        return self._core.over

    @property
    def error(self) -> Optional[Exception]:
        """The error that ended the cache; None if there is none.

        .. versionadded:: 0.1
        """
        return self._core.failure

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
            listener: A function that is called with a :class:`CacheEvent`, where callbacks run. The cache adds the
                same function only once. The client logs an exception of the function, and goes on.

        .. versionadded:: 0.1
        """
        if not callable(listener):
            raise TypeError(f"listener must be callable with a CacheEvent, not {type(listener).__name__}")
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

        Any thread may call it, and more than once. In a forked child it does nothing.

        .. versionadded:: 0.1
        """
        if self._core._pid == os.getpid():
            self._core.cancel()

    def _start_flow(self, client: CommandClient) -> Flow[None]:
        self._client._check_process("cache")
        client.session  # noqa: B018 - raises at once if there is none
        if self._core.over:
            self._core.check()
        if self._started:
            return self._core.wait_begun()
        self._started = True
        return self._core.start()

    def _ready_flow(self, client: CommandClient) -> Flow[None]:
        flow = self._wait_ready(self._start_flow(client))
        return cast("Flow[None]", _Waiting(flow, "wait_ready", self.path, "the cache was not ready"))

    def _wait_ready(self, start: Flow[None]) -> Flow[None]:
        yield from start
        yield Await(self._core.ready, None, "wait_ready", self.path)
        self._core.check()

    def _wait_flow(
        self, client: CommandClient, path: str, predicate: Optional[Callable[[Optional[CachedZnode]], object]]
    ) -> Flow[Optional[CachedZnode]]:
        check_path(path)
        root = self.path
        if not (path == root or root == "/" or path.startswith(f"{root}/")):
            raise ValueError(f"path must be {root!r}, the root of the cache, or below it, not {path!r}")
        if predicate is not None and not callable(predicate):
            raise TypeError(f"predicate must be callable with a CachedZnode, not {type(predicate).__name__}")
        flow = self._wait_until(self._start_flow(client), path, predicate)
        waiting = _Waiting(flow, "wait_for", path, "the znode was not as expected")
        return cast("Flow[Optional[CachedZnode]]", waiting)

    def _wait_until(
        self, start: Flow[None], path: str, predicate: Optional[Callable[[Optional[CachedZnode]], object]]
    ) -> Flow[Optional[CachedZnode]]:
        yield from self._wait_ready(start)
        core = self._core
        while True:
            signal = Signal()
            with core.guard:
                node = core.tree.nodes.get(path)
                core.waiting.setdefault(path, set()).add(signal)
            try:
                core.check()
                if node is not None if predicate is None else predicate(node):
                    return node
                yield Await(signal, None, "wait_for", path)
            finally:
                with core.guard:
                    signals = core.waiting.get(path)
                    if signals is not None and signal in signals:
                        signals.discard(signal)
                        if not signals:
                            del core.waiting[path]

    def _feed(self, limit: int, initial: bool) -> ChangeFeed:
        self._client._check_process("cache")
        self._client.session  # noqa: B018 - raises at once if there is none
        return ChangeFeed(self._core, check_count(limit, "limit"), check_flag(initial, "initial"))

    def __del__(self) -> None:
        core = self.__dict__.get("_core")
        if core is not None and not core.over:
            self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "fresh" if self.fresh_since is not None else "stale"
        return f"<zkc.recipes.{type(self).__name__} {self.path} {len(self)} znodes {state}>"
