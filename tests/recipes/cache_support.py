"""Helpers of the tests of caches: caches of both clients, and the picture that their events add up to."""

from __future__ import annotations

import functools
import threading
from typing import Any

import zkc
from zkc.recipes import CacheChange

from ..client import both
from .recipe_support import make_recipe


def cache_of(zk: Any, path: str = "/r", **options: Any) -> Any:
    """Make a cache of a client of either kind; its calls can be awaited."""
    return make_recipe(zk, "cache", path, **{"jitter": 0, **options})


def changes_of(cache: Any, **options: Any) -> Any:
    """Iterate over the changes of a cache with ``async for``."""
    changes = cache.inner.changes(**options)
    return changes if isinstance(cache, both.Direct) else both.Blocking(changes)


def picture_of(cache: Any) -> dict[str, Any]:
    """Return what a cache or a snapshot shows, as :func:`tree_of` does."""
    return {node.path: _state(node) for node in cache.walk()}


def _state(node: Any) -> Any:
    return (node.data, node.stat.czxid, node.stat.mzxid) if node.readable else None


async def tree_of(zk: Any, path: str = "/r") -> dict[str, Any]:
    """Read what a cache of everything has to show."""
    found: dict[str, Any] = {}
    waiting = [path]
    while waiting:
        path = waiting.pop()
        try:
            data, stat = await both.mended(functools.partial(zk.get, path))
            names = await both.mended(functools.partial(zk.children, path))
        except zkc.NoNodeError:
            continue
        found[path] = (data, stat.czxid, stat.mzxid)
        waiting += [f"{path}/{name}" for name in names]
    return found


class Fold:
    """A listener that applies the events of a cache, and checks that each is possible when it comes."""

    def __init__(self, cache: Any = None) -> None:
        self.nodes: dict[str, Any] = {}
        self.events: list[Any] = []
        self.faults: list[str] = []
        self._root = None if cache is None else cache.inner.path
        if cache is not None:
            cache.inner.add_listener(self)

    def __call__(self, event: Any) -> None:
        fault = self._apply(event)
        if fault is not None:
            self.faults.append(f"{fault}: {event} on {threading.current_thread()}")
        self.events.append(event)  # At last: who sees it there may look at the other two.

    def _apply(self, event: Any) -> Any:
        change, path, old, new = event.change, event.path, event.old, event.new
        if change in (CacheChange.READY, CacheChange.STALE):
            return None if old is new is None else "a state with znodes"
        held = self.nodes.get(path)
        if (old is None) is not (held is None) or (old is not None and _state(old) != _state(held)):
            return "the znode was another before"
        if change is CacheChange.REMOVED:
            del self.nodes[path]
            return "removed before its children" if any(each.startswith(path + "/") for each in self.nodes) else None
        if path != self._root and self._root is not None and path.rpartition("/")[0] not in self.nodes:
            return "there is no parent"
        self.nodes[path] = new
        return None if (change is CacheChange.ADDED) is (old is None) else "added or changed, the wrong way round"

    def picture(self) -> dict[str, Any]:
        """Return what the events add up to."""
        return {path: _state(node) for path, node in list(self.nodes.items())}

    def changes(self) -> list[tuple[CacheChange, str]]:
        """List the events so far as changes and paths."""
        return [(event.change, event.path) for event in list(self.events)]


def shows(cache: Any, path: str, data: Any) -> Any:
    """Return a predicate: whether a cache shows these data."""
    return lambda: path in cache.inner and cache.inner.data(path) == data
