"""The changes of a znode or a tree, from whatever watches the server has, in one queue.

The callbacks run on a thread of the client, and only put a :class:`Change` into the queue. The command takes them out
in the main thread, which Ctrl-C interrupts.
"""

from __future__ import annotations

import contextlib
import functools
import queue
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from zkc import Client, Stat, WatchedEvent
    from zkc.cli._app import App
    from zkc.recipes import CacheEvent

__all__ = ["Change", "Follower", "wait_until_watched"]


class Change(NamedTuple):
    """A change: ``created``, ``deleted``, ``changed``, ``child`` or ``gap``."""

    type: str
    path: str
    zxid: Optional[int] = None


def wait_until_watched(client: Client, path: str) -> None:
    """Wait until the server has the watches again: nothing may be missing behind the line of a gap.

    The client sends them before anything else, so the server has them when it answers a read.
    """
    from zkc.errors import ZooKeeperError

    with contextlib.suppress(ZooKeeperError):  # After the next lost connection follows another gap.
        client.exists(path)


class Follower:
    """The queue of changes of several znodes.

    Args:
        app: What the command works with.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._client: Client = app.client
        self._queue: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self._oneshot = self._listens = False

    def add(self, path: str, recursive: bool) -> None:
        """Follow a znode, which need not exist.

        Servers before 3.6 have no watches that stay. Then the client sets one-shot watches again and again, and a note
        says so once: of several quick changes such watches report only the last.
        """
        from zkc.errors import UnimplementedError

        if not recursive and self._app.borrows and self._app.part_of_tree is not None:
            # A second watch of another kind on the path would cost a gap at a server before 3.9.
            end = self._app.part_of_tree(path, self._event)
            if end is not None:
                self._app.at_end(end)
                return
        if not self._oneshot:
            try:
                made = self._app.read(self._client.watch_events, path, self._event, recursive=recursive)
                self._app.at_end(made.cancel)
                return
            except UnimplementedError:
                self._oneshot = True
                self._app.out.note(
                    "this server has no persistent watches (they came with ZooKeeper 3.6): one-shot watches follow"
                    " instead, and of several quick changes they may report only the last"
                )
        if recursive:
            self._follow_tree(path)
        else:
            self._follow_znode(path)
        if not self._listens:
            # Not before: the refusal itself has cost a connection.
            self._listens = True
            listener = _Reconnects(self._queue, path)
            self._client.add_listener(listener)
            self._app.at_end(functools.partial(self._client.remove_listener, listener))

    def take(self, timeout: Optional[float] = None) -> Optional[Change]:
        """Wait for the next change; None when there is none for so many seconds."""
        try:
            change = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        if change.type == "gap":
            wait_until_watched(self._client, change.path)
        return change

    def _event(self, event: WatchedEvent) -> None:
        self._queue.put(Change(event.type.name.lower(), event.path, event.zxid))

    # ---- servers without persistent watches ------------------------------------------------------------------------

    def _follow_znode(self, path: str) -> None:
        znode = _Znode(self._queue, path)
        for watch, fn in ((self._client.watch_data, znode.data), (self._client.watch_children, znode.children)):
            self._app.at_end(self._app.read(watch, path, fn).cancel)

    def _follow_tree(self, path: str) -> None:
        cache = self._client.cache(path, data=False, watches="znode")
        tree = _Tree(self._queue)
        cache.add_listener(tree.change)
        self._app.at_end(cache.close)
        cache.wait_ready(self._app.settings.timeout)
        tree.cache = cache  # A cache without a reference ends.
        self._app.keep(tree)


class _Reconnects:
    """The listener that reports a gap after each lost connection, as persistent watches do by themselves."""

    def __init__(self, changes: queue.SimpleQueue[Change], path: str) -> None:
        self._queue, self._path, self._lost = changes, path, False

    def __call__(self, state: object) -> None:
        from zkc import ClientState

        if state is ClientState.CONNECTED and self._lost:
            self._queue.put(Change("gap", self._path))
        self._lost = state is not ClientState.CONNECTED


class _Znode:
    """The changes of one znode, from the states that recurring watches give."""

    def __init__(self, changes: queue.SimpleQueue[Change], path: str) -> None:
        self._queue, self._path = changes, path
        self._stat: Optional[Stat] = None
        self._names: Optional[list[str]] = None
        self._began = False

    def data(self, _: Optional[bytes], stat: Optional[Stat]) -> None:
        before, self._stat = self._stat, stat
        if not self._began:
            self._began = True
            return
        again = before is not None and stat is not None and before.czxid != stat.czxid
        if before is not None and (stat is None or again):
            self._queue.put(Change("deleted", self._path))
        if stat is not None and (before is None or again):
            self._queue.put(Change("created", self._path, stat.czxid))
        elif before is not None and stat is not None and before.mzxid != stat.mzxid:
            self._queue.put(Change("changed", self._path, stat.mzxid))

    def children(self, names: Optional[list[str]]) -> None:
        before, self._names = self._names, names
        if before is not None and names is not None and before != names:
            self._queue.put(Change("child", self._path))


class _Tree:
    """The changes of a tree, from those of a cache."""

    def __init__(self, changes: queue.SimpleQueue[Change]) -> None:
        self._queue = changes
        self._ready = False
        self.cache: object = None

    def change(self, event: CacheEvent) -> None:
        kind = event.change.value
        if kind == "ready":
            self._ready = True
        elif self._ready and kind != "stale":
            stat = event.new.stat if event.new is not None else None
            name = {"added": "created", "changed": "changed", "removed": "deleted"}[kind]
            self._queue.put(Change(name, event.path, None if stat is None else stat.mzxid))
