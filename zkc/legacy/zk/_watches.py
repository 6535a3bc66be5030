"""The watches of a session: which objects look at which node, and which reading of it they have.

**The rule for locks.** There are two kinds: the lock here and that of a session (``ZooKeeper._lock``). Both are held
for plain bookkeeping only: no call of ``zookeeper``, no callback, no log line, no wait, and not the other lock. So a
callback may make any call, take any time, and wait for another thread that does the same. The locks are RLocks because
the garbage collector may run a ``__del__`` of the program's in the middle.

**Readings.** The server reports one change for each watch, so there is at most one armed watch for a node, in a
:class:`Watched`. The session's thread reads after an event, while other threads begin to look at the same node and read
for themselves. The replies may come in another order than the requests. Each reading that arms the watch has a number,
taken before it is sent; an object takes no reading over one of a higher number. A reading that does not arm has the
number of the last that does, and loses against it: the armed watch reports each change that the reading missed.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Optional

from zkc._zookeeper import RLock
from zkc.legacy import zookeeper

if TYPE_CHECKING:
    from zkc.legacy.zk._nodes import NodeInfo

__all__ = ["Key", "WatchManager", "Watched"]

Key = tuple[int, str]  # The type of event, and the real path.


class Watched:
    """A node of which one kind of change is watched, and the objects to update.

    Args:
        key: The type of event and the path.
    """

    __slots__ = ("__weakref__", "armed", "key", "number", "reading", "refs")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.refs: list[weakref.ref[NodeInfo]] = []
        self.number = 0
        self.reading = False  # Whether the reading of that number is under way.
        self.armed = False  # Whether it was answered, so that the server will report the next change.

    def live(self) -> list[NodeInfo]:
        """Return the objects that are still alive."""
        # Never by ==: two Properties are compared by what is in them.
        return [watch for watch in [ref() for ref in self.refs] if watch is not None]


class WatchManager:
    """The nodes that a session watches. ``len()`` is the number of objects that watch them.

    Objects are held weakly: to keep getting callbacks, a program must hold a reference to the object or to its
    callback.
    """

    __module__ = "zc.zk"

    def __init__(self) -> None:
        self.data: dict[Key, Watched] = {}
        self.lock = RLock()
        self._later: list[weakref.ref[NodeInfo]] = []  # Waiting for a connection.

    def __len__(self) -> int:
        with self.lock:
            refs = [ref for entry in list(self.data.values()) for ref in list(entry.refs)] + list(self._later)
        watches = [ref() for ref in refs]
        if any(watch is not None and watch.callbacks for watch in watches):
            # A callback that keeps its object alive is kept by it: garbage, until it is collected, that does not count.
            del watches
            gc.collect()
            watches = [ref() for ref in refs]
        return sum(watch is not None for watch in watches)

    def __contains__(self, key: Key) -> bool:
        with self.lock:
            entry = self.data.get(key)
            return entry is not None and bool(entry.live())

    def add(self, key: Key, watch: NodeInfo) -> tuple[Watched, int, bool]:
        """Have an object look at a node.

        Returns:
            The entry, the number for the reading that the caller has to make now, and whether it has to arm the watch.
        """
        with self.lock:
            entry = self.data.get(key)
            if entry is None:
                entry = self.data[key] = Watched(key)
            entry.refs = [weakref.ref(other) for other in entry.live() if other is not watch]
            entry.refs.append(weakref.ref(watch))
            watch._entry, watch._number = entry, -1
            first = not (entry.armed or entry.reading)
            if first:
                self._begin(entry)
            return entry, entry.number, first

    def begin(self, entry: Watched) -> Optional[int]:
        """Begin the reading that follows an event.

        Returns:
            Its number; None if the entry is one of an old session, or no object looks at it any more.
        """
        with self.lock:
            if self.data.get(entry.key) is not entry:
                return None
            if not entry.live():
                del self.data[entry.key]
                return None
            return self._begin(entry)

    @staticmethod
    def _begin(entry: Watched) -> int:
        entry.number += 1
        entry.reading, entry.armed = True, False
        return entry.number

    def done(self, entry: Watched, number: int) -> list[NodeInfo]:
        """End a reading that armed the watch, and return the objects that it is for."""
        with self.lock:
            if entry.number == number:
                entry.reading, entry.armed = False, True
            return entry.live()

    def is_settled(self, entry: Watched, watch: NodeInfo) -> bool:
        """Return whether an object has a reading, and its watch is armed or about to be.

        It has no reading if another thread has just moved it to another node; and the reading that should arm the watch
        may have failed.
        """
        with self.lock:
            if watch._number < 0:
                return False
            moved = watch._entry is not entry
            return moved or (self.data.get(entry.key) is entry and (entry.armed or entry.reading))

    def failed(self, entry: Watched, number: int) -> list[NodeInfo]:
        """Forget a node after a reading that failed, and return the objects that now watch nothing."""
        with self.lock:
            if entry.number != number or self.data.get(entry.key) is not entry:
                return []  # A later one sees to them.
            return self.pop(entry)

    def pop(self, entry: Watched) -> list[NodeInfo]:
        """Forget a node, and return the objects that looked at it."""
        with self.lock:
            if self.data.get(entry.key) is entry:
                del self.data[entry.key]
            watches = entry.live()
            entry.refs, entry.armed, entry.reading = [], False, False
            return watches

    def remove(self, entry: Watched, watch: NodeInfo) -> None:
        """Have an object not look at a node any more."""
        with self.lock:
            entry.refs = [weakref.ref(other) for other in entry.live() if other is not watch]

    def postpone(self, watches: Iterable[NodeInfo]) -> None:
        """Keep objects that watch nothing until there is a connection."""
        with self.lock:
            self._later += [weakref.ref(watch) for watch in watches]

    def postponed(self) -> list[NodeInfo]:
        """Take the objects that wait for a connection."""
        with self.lock:
            later, self._later = self._later, []
        return [watch for watch in [ref() for ref in later] if watch is not None]

    def clear(self) -> list[NodeInfo]:
        """Forget all nodes, and return the objects that looked at them: first the Children, as zc.zk notified them."""
        with self.lock:
            old, self.data = self.data, {}
            watches = [watch for entry in list(old.values()) for watch in entry.live()]
            for entry in old.values():
                entry.refs = []
        watches += self.postponed()
        return sorted(watches, key=lambda watch: watch.event_type != zookeeper.CHILD_EVENT)
