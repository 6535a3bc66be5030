"""The children of a znode in memory, which a watch keeps true, for recipes that answer from it.

A :class:`Memory` is a cache of one level. It adds the signals that flows wait for, and it calls its kind when children
have changed: one thread at a time, and with several changes at once if they came together.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional, TypeVar

from zkc._flow import Await, Flow, Signal
from zkc.constants import EventType, WatchType
from zkc.errors import NoAuthError, ZooKeeperError, error_for
from zkc.recipes._cache import CacheCore, CacheOptions
from zkc.recipes._observing import Observation, StopObservingError

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Stat
    from zkc.recipes._cache_tree import CachedZnode

__all__ = ["Memory", "MemoryObservation"]

_T = TypeVar("_T")


class Memory(CacheCore):
    """The children of a znode, as a client has read them last.

    Args:
        client: The client; only a weak reference is held.
        path: Path of the znode, which need not exist.
        names_only: Whether only the names of the children matter. The servers then report no other changes of them.
        jitter: The longest pause in seconds between a reconnect and the next read.
    """

    def __init__(self, client: BaseClient, path: str, *, names_only: bool = False, jitter: float = 0.1) -> None:
        super().__init__(client, path, CacheOptions(1, None, not names_only, None, None, jitter, "auto"))
        if names_only:
            self.kind = WatchType.PERSISTENT
        self.read = Signal()  # Set when everything was read, or could not be.
        self.changed = Signal()  # Set at the next change, and replaced.
        self._marked: set[str] = set()  # The paths of what has changed. The lock protects it.
        self._publishing = False

    # ---- defined by each kind ---------------------------------------------------------------------------------------

    def _publish(self, paths: set[str]) -> None:
        """Take changes of znodes. No lock is held, and no other thread does the same."""

    def _announce(self) -> None:
        """Call those who listen: flows that wait have been woken."""

    # ---- what is known ----------------------------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """The names of the children, sorted."""
        return self.tree.children(self.path) or []

    def children(self) -> dict[str, CachedZnode]:
        """Return the children by their names."""
        nodes, cut = self.tree.nodes, 1 if self.path == "/" else len(self.path) + 1
        found = (nodes.get(path) for path in list(self.tree.lists.get(self.path, ())))
        return {node.path[cut:]: node for node in found if node is not None}

    @property
    def error(self) -> Optional[ZooKeeperError]:
        """Why the children are not known; None if they are."""
        root = self.tree.nodes.get(self.path)
        if root is not None and root.stat is None:
            return error_for(NoAuthError.code, "watch", self.path)
        return self.failure

    @property
    def is_current(self) -> bool:
        """Whether all that the servers have reported is read, and the connection stands."""
        return self.fresh() is not None and self.error is None and not self._reads.busy and not self._marked

    def known(self, operation: str) -> Flow[None]:
        """Wait until everything was read.

        Raises:
            ZooKeeperError: The children are not known.
        """
        if not self.read.done():
            yield Await(self.read, None, operation, self.path)
        error = self.error
        if error is not None:
            raise copy.copy(error)

    # ---- what happens -----------------------------------------------------------------------------------------------

    def noticed(self, type_: int, path: str, zxid: Optional[int]) -> None:
        """Hear of a change of a znode."""
        if type_ == EventType.CHILD:
            self._reads.want("get_children", path)
        else:
            super().noticed(type_, path, zxid)

    def _add(self, path: str, data: Optional[bytes], stat: Optional[Stat]) -> None:
        super()._add(path, data, stat)
        self._marked.add(path)

    def _replace(self, held: CachedZnode, data: Optional[bytes], stat: Optional[Stat]) -> None:
        super()._replace(held, data, stat)
        self._marked.add(held.path)

    def _remove(self, path: str) -> None:
        self._marked.update(node.path for node in self.tree.below(path))
        super()._remove(path)

    def idle(self) -> None:
        """Hear that nothing is left to read."""
        super().idle()
        self._marked.add(self.path)

    def _on_stop(self, error: Optional[ZooKeeperError]) -> None:
        self._marked.add(self.path)
        super()._on_stop(error)

    def after(self) -> None:
        """Send what is due, and publish what has changed; the outermost holder of the lock does it."""
        super().after()
        while self._marked and not self.guard.held():
            with self.guard:
                if self._publishing:
                    return  # The other thread looks at the marks once more.
                self._publishing = True
                paths, self._marked = self._marked, set()
            try:
                self._publish(paths)
            finally:
                self._publishing = False
            changed, self.changed = self.changed, Signal()
            if self.began or self.over:
                self.read.set()
            changed.set()
            self._announce()


class MemoryObservation(Observation[_T]):
    """The states of a memory that an observer has seen, and the next one."""

    def __init__(self) -> None:
        super().__init__()
        self._wake = Signal()

    # ---- defined by each kind ---------------------------------------------------------------------------------------

    def _memory(self, client: BaseClient) -> Memory:
        """Return the memory, which has begun."""
        raise NotImplementedError

    def _news(self, client: BaseClient) -> Flow[Optional[_T]]:
        """Return the present state; None if the observer has seen it."""
        raise NotImplementedError

    # ---- the flow ---------------------------------------------------------------------------------------------------

    def next(self, find: Callable[[], Optional[BaseClient]]) -> Flow[_T]:
        """Wait for the next state, as :meth:`Observation.next` does."""
        while True:
            wake = self._wake = Signal()
            client = find()
            if self._is_closed() or client is None or client.closed:
                raise StopObservingError
            memory = self._memory(client)
            changed = memory.changed
            error = memory.error
            if error is not None:
                raise copy.copy(error)
            if memory.read.done():
                found = yield from self._news(client)
                if found is not None:
                    return found

            def kick(_: object, wake: Signal = wake) -> None:
                wake.set()

            del client
            changed.add_done_callback(kick)
            try:
                yield Await(wake, None, self.operation, self.path)
            finally:
                changed.remove_done_callback(kick)

    def close(self) -> None:
        """End the observation. A flow that waits ends, too."""
        self._closed = True
        self._wake.set()
