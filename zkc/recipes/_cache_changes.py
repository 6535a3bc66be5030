"""The changes of a cache as events, and the iterators over them.

The queue of an iterator is bounded. Where it is full the cache takes a snapshot and queues no further event. Once the
queue is empty, the difference between that snapshot and the present tree follows. So a slow program gets fewer events,
and they still add up to the tree.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Callable, Optional

from zkc._flow import Await, Flow, Signal
from zkc._frozen import Frozen
from zkc.recipes._cache_tree import CachedZnode, Snapshot
from zkc.recipes._observing import AsyncObserver, Observation, Observer, StopObservingError

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.sync import Client
    from zkc.recipes._cache import CacheCore

__all__ = ["AsyncCacheChanges", "CacheChange", "CacheChanges", "CacheEvent", "ChangeFeed"]


class CacheChange(Enum):
    """Kinds of the events of a cache.

    .. versionadded:: 0.1
    """

    ADDED = "added"
    """A znode was added: it was created, or it was there when the cache read the tree for the first time."""
    CHANGED = "changed"
    """The data of a znode were set, or the ACL hides or shows them now."""
    REMOVED = "removed"
    """A znode was removed, after those below it."""
    READY = "ready"
    """The cache equals the tree: at first, and after each gap, when it has read the tree again."""
    STALE = "stale"
    """The connection was lost, or events were: the cache shows the tree as it was, and reads it again."""


@dataclass(frozen=True)
class CacheEvent(Frozen):
    """A change of a cache.

    Args:
        change: What changed.
        path: Path of the znode; the root for READY and STALE.
        old: The znode before the change; None if it was not there.
        new: The znode after the change; None if it is not there.

    .. versionadded:: 0.1
    """

    __slots__ = ("change", "new", "old", "path")

    change: CacheChange
    path: str
    old: Optional[CachedZnode]
    new: Optional[CachedZnode]


class ChangeFeed(Observation[CacheEvent]):
    """The events that an iterator has not taken yet. The lock of the cache protects it.

    Args:
        core: The cache.
        limit: How many events wait at most. The znodes of a removed subtree count as one.
        initial: Whether to begin with the present znodes.
    """

    def __init__(self, core: CacheCore, limit: int, initial: bool) -> None:
        self._core = core
        self._limit = limit
        self._items: deque[CacheEvent] = deque()
        self._seen: Optional[Snapshot] = None  # What the program has seen with the last item; None: the present tree.
        self._from_nothing = False  # It has seen nothing, and no item waits.
        self._last: Optional[CacheEvent] = None  # The last READY or STALE since then.
        self._signal: Optional[Signal] = None
        self._over = False
        with core.guard:
            if core.over:
                self._over = True
            else:
                core.feeds.append(self)
            if initial:
                self._from_nothing = True
                if core.since is not None:
                    self._last = CacheEvent(CacheChange.READY, core.path, None, None)

    # ---- the cache's side -------------------------------------------------------------------------------------------

    def make_room(self) -> None:
        """Hear that the tree is about to change."""
        if self._seen is None and not self._from_nothing and len(self._items) >= self._limit:
            self._seen = self._core.tree.snapshot()

    def put(self, event: CacheEvent) -> None:
        """Take an event."""
        if self._seen is None and not self._from_nothing:
            self._items.append(event)
        elif event.old is None and event.new is None:
            self._last = event
        self.wake()

    def wake(self) -> None:
        """Wake the program that waits."""
        signal, self._signal = self._signal, None
        if signal is not None:
            self._core.signals.append(signal)  # Set without the lock.

    # ---- the program's side -----------------------------------------------------------------------------------------

    def take(self) -> Optional[CacheEvent]:
        """Return the next event, if there is one."""
        with self._core.guard:
            if not self._items and (self._from_nothing or self._seen is not None):
                self._catch_up()
            return self._items.popleft() if self._items else None

    def _catch_up(self) -> None:
        tree = self._core.tree
        if self._from_nothing:
            self._items.extend(CacheEvent(CacheChange.ADDED, node.path, None, node) for node in tree.below(tree.root))
        elif self._seen is not None:
            self._items.extend(difference(self._seen, tree.nodes))
        if self._last is not None:
            self._items.append(self._last)
        self._from_nothing, self._seen, self._last = False, None, None

    def next(self, find: Callable[[], Any]) -> Flow[CacheEvent]:
        """Wait for the next event.

        Raises:
            StopObservingError: The iterator, the cache or the client was closed.
        """
        while True:
            with self._core.guard:
                event = None if self._over else self.take()
                if event is not None:
                    return event
                if self._over:
                    raise StopObservingError
                if self._core.over:
                    self.close()
                    raise self._core.failure or StopObservingError
                signal = self._signal  # Shared by all threads and tasks that wait.
                if signal is None:  # One that is not set is false.
                    signal = self._signal = Signal()
            yield Await(signal, None, "changes", self._core.path)

    def close(self) -> None:
        """End it. A program that waits ends, too."""
        self._over = True
        with self._core.guard:
            if self in self._core.feeds:
                self._core.feeds.remove(self)
            self._items, self._seen, self._from_nothing = deque(), None, False
            self.wake()
        self._core.after()


def difference(old: Snapshot, new: dict[str, CachedZnode]) -> list[CacheEvent]:
    """List the events between a snapshot and a tree: removals from below, then the others from above."""
    removed: list[CacheEvent] = []
    added: list[CacheEvent] = []
    for path in sorted(old._changed(), key=lambda path: (path.count("/") if path != "/" else 0, path)):
        was, now = old.get(path), new.get(path)
        if was is not None and now is not None and not _is_another(was, now):
            if (was.stat and was.stat.mzxid) != (now.stat and now.stat.mzxid):
                added.append(CacheEvent(CacheChange.CHANGED, path, was, now))
            continue
        if was is not None:
            removed.append(CacheEvent(CacheChange.REMOVED, path, was, None))
        if now is not None:
            added.append(CacheEvent(CacheChange.ADDED, path, None, now))
    return removed[::-1] + added


def _is_another(old: CachedZnode, new: CachedZnode) -> bool:
    """Return whether the znode was deleted and created again."""
    return old.stat is not None and new.stat is not None and old.stat.czxid != new.stat.czxid


class CacheChanges(Observer[CacheEvent]):
    """An iterator over the changes of a cache, which :meth:`zkc.recipes.Cache.changes` returns.

    It ends with its cache or its client, or by :meth:`close`. It is a context manager, too, which closes it. Several
    threads may share it: each event goes to one of them.

    .. versionadded:: 0.1
    """

    def __init__(self, client: Client, cache: object, feed: ChangeFeed) -> None:
        self._cache = cache  # A dropped cache would be closed.
        self._feed = feed
        super().__init__(client, feed)

    def __next__(self) -> CacheEvent:
        event = self._feed.take()
        return super().__next__() if event is None else event

    def close(self) -> None:
        """End the iteration, also for every thread that waits. The cache goes on. Any thread may call it.

        .. versionadded:: 0.1
        """
        super().close()


class AsyncCacheChanges(AsyncObserver[CacheEvent]):
    """An asynchronous iterator over the changes of a cache, which :meth:`zkc.recipes.AsyncCache.changes` returns.

    It ends with its cache or its client, or by :meth:`aclose`. It is an asynchronous context manager, too, which closes
    it. It belongs to one task at a time.

    .. versionadded:: 0.1
    """

    def __init__(self, client: AsyncClient, cache: object, feed: ChangeFeed) -> None:
        self._cache = cache  # A dropped cache would be closed.
        super().__init__(client, feed)

    async def aclose(self) -> None:
        """End the iteration. The cache goes on.

        .. versionadded:: 0.1
        """
        await super().aclose()
