"""The tree of a cache in memory, and pictures of it that stay as they are.

One thread writes. Any thread reads without a lock: each look-up is one look-up of a dict. A snapshot costs nothing when
it is taken: from then on the writer saves, for the newest snapshot, each entry that it replaces for the first time. An
older snapshot looks into its own entries, then into those of the newer ones, then into the tree.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from zkc._frozen import Frozen
from zkc._zookeeper import Stat

if TYPE_CHECKING:
    from zkc._zookeeper import RLock

__all__ = ["CacheTree", "CachedZnode", "Snapshot", "make_znode", "names_of", "parent_of"]

_OVERHEAD = 400  # Bytes that a znode takes beside its path and data: record, stat, entries of dicts.


@dataclass(frozen=True)
class CachedZnode(Frozen):
    """A znode as a cache holds it.

    Args:
        path: Its path.
        data: Its data; None if it has none, if the cache holds no data, or if the client may not read it.
        stat: Its stat when its data was last read; None if the client may not read it. A change of its children alone
            does not refresh it.

    .. versionadded:: 0.1
    """

    __slots__ = ("data", "path", "stat")

    path: str
    data: Optional[bytes]
    stat: Optional[Stat]

    @property
    def readable(self) -> bool:
        """Whether the ACL lets the client read it.

        .. versionadded:: 0.1
        """
        return self.stat is not None


# The setters of the slots: the constructor of a frozen dataclass takes four times as long.
_new = object.__new__
_set_path, _set_data, _set_stat = (getattr(CachedZnode, name).__set__ for name in ("path", "data", "stat"))


def make_znode(path: str, data: Optional[bytes], stat: Optional[Stat]) -> CachedZnode:
    """Make a record of a znode."""
    node = _new(CachedZnode)
    _set_path(node, path)
    _set_data(node, data)
    _set_stat(node, stat)
    return node


def _size_of(node: CachedZnode) -> int:
    data = node.data
    return _OVERHEAD + len(node.path) + (0 if data is None else len(data))


class _Saved:
    """The entries that were replaced since a snapshot, up to the next one."""

    __slots__ = ("__weakref__", "lists", "newer", "nodes")

    def __init__(self) -> None:
        self.nodes: dict[str, Optional[CachedZnode]] = {}
        self.lists: dict[str, Optional[frozenset[str]]] = {}
        self.newer: Optional[_Saved] = None


def names_of(paths: Iterable[str], parent: str) -> list[str]:
    """Return the sorted names of children."""
    cut = 1 if parent == "/" else len(parent) + 1
    return [path[cut:] for path in sorted(paths)]


def parent_of(path: str) -> str:
    """Return the path of the parent."""
    return path.rpartition("/")[0] or "/"


class CacheTree:
    """The znodes by path, and the paths of the children of each that has some.

    Args:
        root: Path of the root.
        lock: The lock of the cache. Its holder alone writes.
    """

    def __init__(self, root: str, lock: RLock) -> None:
        self.root = root
        self.nodes: dict[str, CachedZnode] = {}
        self.lists: dict[str, dict[str, None]] = {}  # The same str as in nodes: they take memory once.
        self.size = 0
        self.zxid = 0  # The largest mzxid of the znodes that were held.
        self._lock = lock
        self._newest: Optional[weakref.ref[_Saved]] = None

    # ---- reading ----------------------------------------------------------------------------------------------------

    def children(self, path: str) -> Optional[list[str]]:
        """Return the sorted names of the children; None if the znode is not held."""
        below = self.lists.get(path)
        if below is not None:
            return names_of(list(below), path)  # The list is made in one step, the names are not.
        return [] if path in self.nodes else None

    def snapshot(self) -> Snapshot:
        """Return a picture of the tree as it is."""
        with self._lock:
            newest = None if self._newest is None else self._newest()
            if newest is None or newest.nodes:
                saved = _Saved()
                if newest is not None:
                    newest.newer = saved
                self._newest, newest = weakref.ref(saved), saved
            return Snapshot(self, newest)

    # ---- writing: under the lock ------------------------------------------------------------------------------------

    def add(self, path: str, data: Optional[bytes], stat: Optional[Stat]) -> Optional[CachedZnode]:
        """Hold another znode, and return it; None if its parent is not held."""
        nodes = self.nodes
        if path != self.root:
            parent = path[: path.rfind("/")] or "/"
            below = self.lists.get(parent)
            if below is None and parent not in nodes:
                return None
            if self._newest is not None:
                self._save_list(parent, below)
            if below is None:
                self.lists[parent] = {path: None}
            else:
                below[path] = None
        if self._newest is not None:
            self._save(path, None)
        nodes[path] = node = _new(CachedZnode)
        _set_path(node, path)
        _set_data(node, data)
        _set_stat(node, stat)
        self.size += _OVERHEAD + len(path) + (0 if data is None else len(data))
        if stat is not None and stat.mzxid > self.zxid:
            self.zxid = stat.mzxid
        return node

    def replace(self, old: CachedZnode, node: CachedZnode) -> None:
        """Hold a newer state of a znode."""
        if self._newest is not None:
            self._save(node.path, old)
        self.nodes[node.path] = node
        self.size += _size_of(node) - _size_of(old)
        if node.stat is not None and node.stat.mzxid > self.zxid:
            self.zxid = node.stat.mzxid

    def below(self, path: str) -> list[CachedZnode]:
        """List a znode and those below it, parents first; nothing if it is not held."""
        if path not in self.nodes:
            return []
        order, waiting = [], [path]
        while waiting:
            path = waiting.pop()
            order.append(self.nodes[path])
            waiting += self.lists.get(path, ())
        return order

    def remove(self, order: list[CachedZnode]) -> None:
        """Hold a znode and those below it no longer, as :meth:`below` lists them."""
        for node in reversed(order):
            path = node.path
            if self._newest is not None:
                self._save(path, node)
                if path in self.lists:
                    self._save_list(path, self.lists[path])
            self.lists.pop(path, None)
            del self.nodes[path]
            self.size -= _size_of(node)
        path = order[0].path
        if path != self.root:
            parent = parent_of(path)
            below = self.lists[parent]
            if self._newest is not None:
                self._save_list(parent, below)
            if len(below) == 1:
                del self.lists[parent]
            else:
                del below[path]

    def _save(self, path: str, old: Optional[CachedZnode]) -> None:
        saved = None if self._newest is None else self._newest()
        if saved is None:
            self._newest = None  # The program has dropped the snapshot.
        else:
            saved.nodes.setdefault(path, old)

    def _save_list(self, path: str, below: Optional[dict[str, None]]) -> None:
        saved = None if self._newest is None else self._newest()
        if saved is not None and path not in saved.lists:
            saved.lists[path] = None if below is None else frozenset(below)


class Snapshot:
    """A picture of a cache's tree, which later changes do not touch. Taking one costs nothing but its look-ups later.

    Any thread may read it. :meth:`zkc.recipes.Cache.snapshot` returns it. While it exists, the cache keeps what changes
    replace.

    .. versionadded:: 0.1
    """

    root: str
    """Path of the root of the cache."""
    zxid: int
    """The latest change of a znode's data that the cache had read: the largest ``mzxid``; 0 if it had read none.

    Deletions do not raise it."""

    def __init__(self, tree: CacheTree, saved: _Saved) -> None:
        self.root = tree.root
        self.zxid = tree.zxid
        self._count = len(tree.nodes)
        self._tree = tree
        self._saved = saved

    def get(self, path: str) -> Optional[CachedZnode]:
        """Return a znode; None if it is not in the picture.

        Args:
            path: Its path.

        .. versionadded:: 0.1
        """
        found: Optional[CachedZnode] = self._find("nodes", self._tree.nodes, path)
        return found

    def children(self, path: str) -> Optional[list[str]]:
        """Return the sorted names of the children of a znode; None if it is not in the picture.

        Args:
            path: Path of the parent.

        .. versionadded:: 0.1
        """
        below = self._find("lists", self._tree.lists, path)
        if below is not None:
            return names_of(below, path)
        return [] if path in self else None

    def walk(self, path: Optional[str] = None) -> Iterator[CachedZnode]:
        """Iterate over a znode and all below it, parents first, in the order of their names.

        Args:
            path: Path of the znode; the root of the cache if None.

        .. versionadded:: 0.1
        """
        waiting = [self._tree.root if path is None else path]
        while waiting:
            node = self.get(waiting.pop())
            if node is not None:
                yield node
                waiting += sorted(self._find("lists", self._tree.lists, node.path) or (), reverse=True)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.get(path) is not None

    def __iter__(self) -> Iterator[str]:
        for node in self.walk():
            yield node.path

    def __len__(self) -> int:
        return self._count

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<zkc.recipes.Snapshot {self.root} {self._count} znodes zxid {self.zxid:#x}>"

    def _changed(self) -> set[str]:
        """Return the paths of what may have changed since. The caller holds the lock of the cache."""
        paths: set[str] = set()
        saved: Optional[_Saved] = self._saved
        while saved is not None:
            paths.update(saved.nodes)
            saved = saved.newer
        return paths

    def _find(self, kind: str, live: dict[str, Any], path: str) -> Any:
        found, value = self._find_saved(kind, path)
        if found:
            return value
        value = live.get(path)
        if kind == "lists" and value is not None:
            value = list(value)
        found, older = self._find_saved(kind, path)  # The writer saves an entry before it replaces it.
        return older if found else value

    def _find_saved(self, kind: str, path: str) -> tuple[bool, Any]:
        saved: Optional[_Saved] = self._saved
        while saved is not None:
            entries: dict[str, Any] = getattr(saved, kind)
            if path in entries:
                return True, entries[path]
            saved = saved.newer
        return False, None
