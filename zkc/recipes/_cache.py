"""How the cache of a subtree is made and kept true, for the caches of both clients.

One recursive watch reports each change; the znode is then read. After a gap (a lost connection, a new session, too many
events) the whole subtree is read again and compared, and only differences are reported. Removal rests on a read that
found no znode, or on the event of the deletion, never on a listing alone.
"""

from __future__ import annotations

import random
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Flow, Signal
from zkc._frozen import Frozen
from zkc._session.listeners import Listeners
from zkc._watch.persistent import EventWatch
from zkc.constants import ClientState, EventType
from zkc.errors import (
    ClosingError,
    ConnectionLossError,
    NoAuthError,
    NoNodeError,
    SessionLostError,
    UnimplementedError,
    ZooKeeperError,
)
from zkc.recipes._cache_reads import Reads
from zkc.recipes._cache_tree import CachedZnode, CacheTree, join, parent_of
from zkc.recipes._cache_watches import ZnodeWatches
from zkc.recipes.errors import CacheFullError

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Session
    from zkc.types import WatchedEvent

__all__ = ["CacheChange", "CacheCore", "CacheEvent", "CacheOptions"]


class CacheChange(Enum):
    """What a cache reports.

    .. versionadded:: 0.1
    """

    ADDED = "added"
    """A znode was added: it was created, or it was there when the cache read the tree for the first time."""
    CHANGED = "changed"
    """The data of a znode was set."""
    REMOVED = "removed"
    """A znode was removed, after those below it."""
    READY = "ready"
    """The cache equals the tree: at first, and after each gap, when it has read the tree again."""
    STALE = "stale"
    """The connection was lost, or events were: the cache shows the tree as it was, and will read it again."""


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


class CacheCore(EventWatch):
    """The cache without its public face. The client holds it until it is closed; it does not hold the client.

    Apart from reading, everything happens where the client runs its callbacks.
    """

    def __init__(self, client: BaseClient, path: str, options: CacheOptions) -> None:
        super().__init__(client._subscriptions, path, options.depth != 0)
        self.tree = CacheTree(path)
        self.options = options
        self.ready = Signal()
        self.listeners: Listeners[CacheEvent] = Listeners(client._call_user)
        self.since: Optional[float] = None
        self._top = 0 if path == "/" else path.count("/")
        self._reads = Reads(self._live_session, self._apply, self._read_all, self._lost)
        self._fallback: Optional[ZnodeWatches] = None
        self._reading = False  # The whole tree is being read.
        self._began = False
        self._round = 0
        self._client = weakref.ref(client)

    # ---- beginning and end ------------------------------------------------------------------------------------------

    def start(self, session: Session) -> Flow[None]:
        """Set the watch and begin to read."""
        self._registry.add(self)
        try:
            if self.options.watches == "znode":
                self._use_znode_watches()
            else:
                yield from self._set_or_fall_back(session)
        except (ConnectionLossError, SessionLostError):
            self._arming = None  # The next connection sets it.
            return
        except BaseException:
            self.cancel()
            raise
        self._read_tree()

    def _set_or_fall_back(self, session: Session) -> Flow[None]:
        try:
            yield from self._set(session)
        except UnimplementedError:
            if self.options.watches == "recursive":
                raise
            self._arming = None
            self._use_znode_watches()

    def _use_znode_watches(self) -> None:
        if self._fallback is None:
            self._fallback = ZnodeWatches(self._live_session, self._apply, self._read_all, self._lost, self._noticed)
            self._fallback.root = self.path
            self._reads.clear()
            self._reads = self._fallback

    def _live_session(self) -> Optional[Session]:
        client = self._client()
        return None if client is None or self._over else client._session

    def _on_stop(self, error: Optional[ZooKeeperError]) -> None:
        self.since = None
        self._reads.stop()
        self.ready.set()

    def _resume(self) -> None:
        if self._fallback is None:
            super()._resume()
        elif self._fallback.needs(self._live_session()):
            self._read_tree()

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, UnimplementedError) and self.options.watches == "auto":
            with self._lock:
                self._busy = False
                self._arming = None
            self._use_znode_watches()
            self._read_tree()
            return
        super()._failed(error)

    # ---- what happens to the tree -----------------------------------------------------------------------------------

    def _deliver(self, event: WatchedEvent) -> None:
        if event.type is EventType.GAP:
            self._stale()
            self._read_soon()
        else:
            self._noticed(event.type, event.path, event.zxid)

    def _noticed(self, type_: int, path: str, zxid: Optional[int]) -> None:
        """Hear of a change of a znode."""
        if type_ == EventType.CHILD or not self._is_held(path):
            return
        if type_ == EventType.DELETED:
            self._reads.deleted(path, zxid)
            self._remove(path)
        else:
            held = self.tree.get(path)
            if zxid is None or held is None or held.stat is None or held.stat.mzxid < zxid:
                self._reads.want("get", path, zxid)
                self._reads.send()

    def _is_held(self, path: str) -> bool:
        """Whether the cache is to hold a path of the subtree."""
        depth = self.options.depth
        if depth is not None and path != self.path and path.count("/") - self._top > depth:
            return False
        select = self.options.select
        if select is None:
            return True
        while path != self.path:
            if not select(path):
                return False
            path = parent_of(path)
        return True

    # ---- reading the whole tree -------------------------------------------------------------------------------------

    def _read_soon(self) -> None:
        """Read the tree again, after a pause that differs from that of other clients."""
        client = self._client()
        if client is None or self._over:
            return
        self._round += 1
        number = self._round
        pause = random.uniform(0, self.options.jitter) if self._began else 0.0
        if pause:
            client._call_later(pause, lambda: self._read_tree() if number == self._round else None)
        else:
            self._read_tree()

    def _read_tree(self) -> None:
        if self._over:
            return
        self._round += 1
        self._reads.clear()
        self._reading = True
        self._reads.want("get", self.path)
        self._reads.send()

    def _read_all(self) -> None:
        """Hear that nothing is left to read."""
        if not self._reading:
            return
        self._reading = False
        self._began = True
        self.since = time.monotonic()
        self.ready.set()
        self._tell(CacheChange.READY, self.path, None, None)

    def _stale(self) -> None:
        self._reads.clear()
        self._reading = False
        if self.since is not None:
            self.since = None
            self._tell(CacheChange.STALE, self.path, None, None)

    def _lost(self, error: ZooKeeperError) -> None:
        """Hear that a request failed: the next connection is a gap, and everything is read again."""
        self._stale()
        if isinstance(error, UnimplementedError):
            self._failed(error)
        elif not isinstance(error, (ConnectionLossError, SessionLostError, ClosingError)):
            self._stop(error)

    # ---- results of reads -------------------------------------------------------------------------------------------

    def _apply(self, operation: str, path: str, result: Any) -> None:
        if isinstance(result, NoNodeError):
            if operation == "get":
                self._remove(path)
        elif isinstance(result, NoAuthError):
            if operation == "get" and self._put(CachedZnode(path, None, None)) and self._reading:
                self._take_names(path, [])  # Those that are held are read: each has an ACL of its own.
        elif isinstance(result, ZooKeeperError):
            self._lost(result)
        elif operation == "get":
            data, stat = result
            self._take(CachedZnode(path, data if self.options.data else None, stat))
        else:
            self._take_names(path, result)

    def _take(self, node: CachedZnode) -> None:
        """Take a znode that was read, unless a newer state of it is held."""
        stat, held = node.stat, self.tree.get(node.path)
        assert stat is not None
        if held is not None and held.stat is not None:
            if (stat.czxid, stat.mzxid) < (held.stat.czxid, held.stat.mzxid):
                return
            if stat.czxid != held.stat.czxid:
                self._remove(node.path)
        if not self._put(node):
            return
        names = self.tree.names.get(node.path, ())
        if self._fallback is not None:
            if held is None or self._reading:  # Also a znode without children needs the watch.
                self._reads.want("get_children", node.path)
        elif self._reading or stat.num_children > len(names):
            if stat.num_children and self._may_have_children(node.path):
                self._reads.want("get_children", node.path)
            elif self._reading:
                self._take_names(node.path, [])

    def _may_have_children(self, path: str) -> bool:
        depth = self.options.depth
        return depth is None or (0 if path == self.path else path.count("/") - self._top) < depth

    def _take_names(self, path: str, names: list[str]) -> None:
        """Read the children that are listed and those that are held: a read decides whether one is there."""
        held = self.tree.names.get(path, {})
        if path not in self.tree.nodes:
            return
        for name in names:
            child = join(path, name)
            if (self._reading or name not in held) and self._is_held(child):
                self._reads.want("get", child)
        listed = set(names)
        for name in list(held):
            if name not in listed:
                self._reads.want("get", join(path, name))

    def _put(self, node: CachedZnode) -> bool:
        """Hold a znode and report it; False if its parent has to be read first."""
        held = self.tree.get(node.path)
        if held is None and node.path != self.path and parent_of(node.path) not in self.tree.nodes:
            self._reads.want("get", parent_of(node.path))
            return False
        self.tree.put(node)
        if held is None:
            self._tell(CacheChange.ADDED, node.path, None, node)
        elif (held.stat and held.stat.mzxid) != (node.stat and node.stat.mzxid):
            self._tell(CacheChange.CHANGED, node.path, held, node)
        self._check_limits()
        return True

    def _remove(self, path: str) -> None:
        for node in self.tree.remove(path):
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

    def _tell(self, change: CacheChange, path: str, old: Optional[CachedZnode], new: Optional[CachedZnode]) -> None:
        if self.listeners._all and not self._over:
            self.listeners.enqueue(CacheEvent(change, path, old, new))
            self.listeners.notify()

    def fresh(self) -> Optional[float]:
        """Return since when the cache has followed the tree without a gap, by time.monotonic; None if it does not."""
        client = self._client()
        if client is None or client._state not in (ClientState.CONNECTED, ClientState.READ_ONLY):
            return None
        return self.since
