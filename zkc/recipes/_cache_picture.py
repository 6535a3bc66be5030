"""The picture that a cache has of a subtree: reads and events change it, and listeners hear of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Signal
from zkc._session.listeners import Listeners
from zkc._zookeeper import RLock
from zkc.constants import EventType
from zkc.errors import NoAuthError, NoNodeError, ZooKeeperError
from zkc.recipes._cache_changes import CacheChange, CacheEvent, ChangeFeed
from zkc.recipes._cache_tree import CachedZnode, CacheTree, make_znode, parent_of
from zkc.recipes.errors import CacheFullError, RecipeError

if TYPE_CHECKING:
    from zkc._zookeeper import Stat
    from zkc.recipes._cache_reads import Reads

__all__ = ["CacheOptions", "Picture"]


@dataclass(frozen=True)
class CacheOptions:
    """The options of a cache, checked."""

    depth: Optional[int]
    select: Optional[Callable[[str], bool]]
    data: bool
    max_znodes: Optional[int]
    max_bytes: Optional[int]
    jitter: float
    watches: str


class Picture:
    """The picture of a subtree. The lock is held in all its calls.

    Args:
        path: Path of the root.
        options: The options of the cache.
        call_user: Calls a listener.
    """

    _reads: Reads

    def __init__(self, path: str, options: CacheOptions, call_user: Callable[..., None]) -> None:
        self.path = path
        self.options = options
        self.guard = RLock()  # A finalizer may close the cache in the middle of anything.
        self.tree = CacheTree(path, self.guard)
        self.lists_all = False  # The children of each znode are read, also if it has none, for the sake of a watch.
        self.listeners: Listeners[CacheEvent] = Listeners(call_user)
        self.feeds: list[ChangeFeed] = []
        self.waiting: dict[str, set[Signal]] = {}  # To be set at a change, by the path.
        self.signals: list[Signal] = []  # To be set as soon as the lock is free.
        self._top = 0 if path == "/" else path.count("/")
        self._filters = options.depth is not None or options.select is not None
        self._bounded = options.max_znodes is not None or options.max_bytes is not None
        self._reading = False  # The whole tree is being read.
        self._orphans: dict[str, list[str]] = {}  # What was read before its parent, by the parent.

    @property
    def over(self) -> bool:
        """Whether the cache was closed, or has ended with an error."""
        raise NotImplementedError

    def lost(self, error: ZooKeeperError) -> None:
        """Hear that a request has failed."""
        raise NotImplementedError

    def _stop(self, error: Optional[ZooKeeperError]) -> None:
        raise NotImplementedError

    # ---- what happens to the tree -----------------------------------------------------------------------------------

    def noticed(self, type_: int, path: str, zxid: Optional[int]) -> None:
        """Hear of a change of a znode."""
        if type_ == EventType.CHILD:
            return
        held = self.tree.nodes.get(path)
        if type_ == EventType.DELETED:
            self._reads.deleted(path, zxid)
            if held is not None:
                self._remove(path)
        elif held is None:
            if not self._filters or self._is_wanted(path):
                self._reads.want("get", path, zxid)
        elif zxid is None or held.stat is None or held.stat.mzxid < zxid:
            self._reads.want("get", path, zxid)

    def _is_wanted(self, path: str) -> bool:
        """Whether the cache is to hold a path of the subtree."""
        while path != self.path:
            if not self._is_chosen(path):
                return False
            path = parent_of(path)
            if path in self.tree.nodes:
                return True
        return True

    def _is_chosen(self, path: str) -> bool:
        """Whether the cache is to hold a path whose parent it holds."""
        if path == self.path:
            return True
        options = self.options
        if options.depth is not None and path.count("/") - self._top > options.depth:
            return False
        if options.select is None:
            return True
        try:
            return bool(options.select(path))
        except Exception as error:  # noqa: BLE001 - it is the program's
            text = RecipeError.describe("cache", path, f"select raised {error!r}: the cache has ended")
            failure = RecipeError(text, operation="cache", path=path)
            failure.__cause__ = error.with_traceback(None)  # Its frames refer to the session.
            self._stop(failure)
            return False

    def _may_have_children(self, path: str) -> bool:
        depth = self.options.depth
        return depth is None or (0 if path == self.path else path.count("/") - self._top) < depth

    def apply(self, operation: str, path: str, result: Any) -> None:
        """Take the result of a read."""
        if type(result) is tuple:
            data, stat = result
            held = self.tree.nodes.get(path)
            if held is None:
                self._add(path, data if self.options.data else None, stat)
            else:
                self._update(held, data if self.options.data else None, stat)
        elif type(result) is list:
            self._take_names(path, result)
        elif isinstance(result, NoNodeError):
            if operation == "get" and path in self.tree.nodes:
                self._remove(path)
        elif isinstance(result, NoAuthError):
            self._hide(operation, path)
        else:
            self.lost(result)

    def _add(self, path: str, data: Optional[bytes], stat: Optional[Stat]) -> None:
        for feed in self.feeds:
            feed.make_room()
        node = self.tree.add(path, data, stat)
        if node is None:
            parent = parent_of(path)
            self._orphans.setdefault(parent, []).append(path)
            self._reads.want("get", parent)
            return
        if self.feeds or self.waiting or self.listeners._all:
            self._tell(CacheChange.ADDED, path, None, node)
        if stat is not None and (stat.num_children or self.lists_all) and self._may_have_children(path):
            self._reads.want("get_children", path)
        if self._orphans:
            for orphan in self._orphans.pop(path, ()):
                self._reads.want("get", orphan)
        if self._bounded:
            self._check_limits()

    def _update(self, held: CachedZnode, data: Optional[bytes], stat: Stat) -> None:
        """Take a state of a znode that is held, unless a newer one is."""
        path, known = held.path, held.stat
        if known is None:
            self._replace(held, data, stat)
        elif known.mzxid == stat.mzxid:  # The same data; the ACL and the children may be others.
            if known.pzxid != stat.pzxid or known.aversion != stat.aversion or known.num_children != stat.num_children:
                self._replace(held, data, stat)
        elif known.czxid != stat.czxid:
            if known.czxid < stat.czxid:
                self._remove(path)
                self._add(path, data, stat)
            return
        elif known.mzxid < stat.mzxid:
            self._replace(held, data, stat)
        else:
            return
        if (known is not None and not self._reading) or not self._may_have_children(path):
            return
        if stat.num_children or self.lists_all:
            self._reads.want("get_children", path)
        else:
            self._take_names(path, ())

    def _replace(self, held: CachedZnode, data: Optional[bytes], stat: Optional[Stat]) -> None:
        node = make_znode(held.path, data, stat)
        differs = (held.stat and held.stat.mzxid) != (stat and stat.mzxid)
        if differs:
            for feed in self.feeds:
                feed.make_room()
        self.tree.replace(held, node)
        if differs:
            self._tell(CacheChange.CHANGED, held.path, held, node)
        if self._bounded:
            self._check_limits()

    def _hide(self, operation: str, path: str) -> None:
        """Hear that the ACL does not let the client read a znode. Those below it have ACLs of their own."""
        held = self.tree.nodes.get(path)
        if operation == "get":
            if held is None:
                self._add(path, None, None)
            elif held.stat is not None:
                self._replace(held, None, None)
        if held is not None and self._reading:
            self._take_names(path, ())

    def _take_names(self, path: str, names: Any) -> None:
        """Read the children that are listed and those that are held: a read decides whether one is there."""
        if path not in self.tree.nodes:
            return
        held = self.tree.lists.get(path)
        prefix = "/" if path == "/" else path + "/"
        paths = [prefix + name for name in names]
        if held is not None:
            listed = set(paths)
            if not self._reading:
                paths = [each for each in paths if each not in held]
            paths += [each for each in held if each not in listed]
        if self._filters:
            paths = [each for each in paths if each in self.tree.nodes or self._is_chosen(each)]
        self._reads.want_all([("get", each) for each in paths])

    def _remove(self, path: str) -> None:
        order = self.tree.below(path)
        for feed in self.feeds:
            feed.make_room()
        self.tree.remove(order)
        for node in reversed(order):
            self._tell(CacheChange.REMOVED, node.path, node, None)

    def _check_limits(self) -> None:
        options, tree = self.options, self.tree
        if options.max_znodes is not None and len(tree.nodes) > options.max_znodes:
            text = f"it has more than {options.max_znodes:,} znodes: raise max_znodes, or cache less of the tree"
        elif options.max_bytes is not None and tree.size > options.max_bytes:
            text = f"it takes more than {options.max_bytes:,} bytes: raise max_bytes, or cache less of the tree"
        else:
            return
        self._stop(CacheFullError(CacheFullError.describe("cache", self.path, text), operation="cache", path=self.path))

    # ---- telling ----------------------------------------------------------------------------------------------------

    def _tell(self, change: CacheChange, path: str, old: Optional[CachedZnode], new: Optional[CachedZnode]) -> None:
        if self.over:
            return
        if self.listeners._all or self.feeds:
            event = CacheEvent(change, path, old, new)
            for feed in self.feeds:
                feed.put(event)
            if self.listeners._all:
                self.listeners.enqueue(event)
        if self.waiting:
            self.signals += self.waiting.pop(path, ())
