"""Walks of trees that survive a lost connection, in the order of ``ls -R``.

``for node in walk(app, "/app"):`` gives each znode of a tree, a parent before its children, and children by name. It
runs at the speed of the bulk calls: each step asks for thousands of znodes, near the next one to give. It holds a few
ten thousand znodes, and the names of the widest znode, however large the tree is.

* ``node.path``, ``node.depth`` (0 for the root), ``node.stat``, ``node.last`` (the last of its parent's children).
* ``with_data=True`` gives ``node.data`` too, and holds no more than some megabytes of it (and the largest znode).
* A znode that may not be listed or read is given with its ``node.error``; the walk goes on. :class:`Unreadable` counts
  such znodes for one warning. A znode that is deleted during the walk is left out.
* A lost connection, an expired session or a slow reply repeats only what has failed. The walk fails when nothing has
  succeeded for the time of ``--timeout``.
* The root must exist: NoNodeError. /zookeeper is walked as all others; ``prune`` leaves subtrees out.

:mod:`zkc.cli._bulk` has the reads that the walk is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Optional

from zkc.cli._bulk import FRONT, WIDE, Stats, list_children, read_many
from zkc.cli._records import stat_record

if TYPE_CHECKING:
    from zkc import Client, Stat, ZooKeeperError
    from zkc.cli._app import App

__all__ = ["Node", "Unreadable", "walk"]

_NAMES = 50_000  # Names that a step asks for, unless the next znode alone has more.
_MOST_NAMES = 200_000  # Names that wait: above that, only the next znode is listed.
_BYTES = 16 << 20  # Data that wait, and those of the call before.


class Node:
    """A znode of a walk."""

    __slots__ = ("_gone", "_listed", "data", "depth", "error", "last", "path", "stat")

    stat: Stat

    def __init__(self, path: str, depth: int, last: bool) -> None:
        self.path, self.depth, self.last = path, depth, last
        self.data: Optional[bytes] = None
        self.error: Optional[ZooKeeperError] = None
        self._listed = False  # Whether it was read, and its children are on the stack, or it has none.
        self._gone = False  # Whether it was deleted before it was read.

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2] or "/"

    def facts(self) -> dict[str, Any]:
        """Return the stat as records have it."""
        return stat_record(self.stat)


class Unreadable:
    """A count of the znodes that may not be read, and one warning at the end.

    >>> with Unreadable(app) as unreadable:
    ...     for node in unreadable.noted(walk(app, "/")):
    ...         ...

    Args:
        app: What the command works with.
        then: What the command does about them, for the warning.
    """

    def __init__(self, app: App, then: str = "they are left out") -> None:
        self._app, self._then = app, then
        self.count = 0
        self._first: Optional[Node] = None

    def note(self, node: Node) -> bool:
        """Count a znode if it could not be read; return whether it is so."""
        if node.error is None:
            return False
        self.count += 1
        self._first = self._first or node
        return True

    def noted(self, nodes: Iterable[Node]) -> Iterator[Node]:
        """Yield the znodes of a walk, and count those that could not be read."""
        for node in nodes:
            if node.error is not None:
                self.note(node)
            yield node

    def __enter__(self) -> Unreadable:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._first is not None and kind is None:
            what = "1 znode" if self.count == 1 else f"{self.count:,} znodes"
            self._app.out.warn(f"{what} may not be read: {self._then}. The first is {self._first.path}")


class _Names:
    """Children that have not been read: their names, the first one last."""

    __slots__ = ("depth", "names", "prefix")

    def __init__(self, parent: Node, names: list[str]) -> None:
        self.prefix = "/" if parent.path == "/" else f"{parent.path}/"
        self.depth = parent.depth + 1
        names.sort(reverse=True)
        self.names = names


def walk(
    app: App,
    path: str,
    *,
    depth: Optional[int] = None,
    with_data: bool = False,
    prune: Optional[Callable[[str], bool]] = None,
    client: Optional[Client] = None,
) -> Iterator[Node]:
    """Iterate over a znode and its descendants: a parent before its children, children by name.

    Args:
        app: What the command works with.
        path: The root.
        depth: The levels below the root to walk; None for all.
        with_data: Whether to give the data.
        prune: Returns True for the path of a znode that is left out, with all below it.
        client: The client of another ensemble; None for the command's own.

    Raises:
        NoNodeError: There is no root. The first step raises it.
        ZooKeeperError: Nothing has succeeded for the time of --timeout.
    """
    return iter(_Walk(app, client or app.client, path, depth, with_data, prune))


class _Walk:
    """A walk: a stack of what is still to come, the next item at its end."""

    def __init__(
        self,
        app: App,
        client: Client,
        root: str,
        depth: Optional[int],
        with_data: bool,
        prune: Optional[Callable[[str], bool]],
    ) -> None:
        self._app, self._client, self._root = app, client, root
        self._depth, self._with_data, self._prune = depth, with_data, prune
        self._stack: list[Any] = [Node(root, 0, last=True)]
        self._stats = Stats(app, client)
        self._names = 0  # Names that wait.
        self._bytes = 0  # Data that wait.

    def __iter__(self) -> Iterator[Node]:
        stack = self._stack
        while stack:
            front = self._take()
            self._read(front)
            self._list(front)
            while stack and isinstance(stack[-1], Node) and stack[-1]._listed:
                node: Node = stack.pop()
                self._bytes -= len(node.data or b"")
                yield node

    def _take(self) -> list[Node]:
        """Take the znodes that come next off the stack."""
        stack = self._stack
        front: list[Node] = []
        while stack and len(front) < FRONT:
            top = stack[-1]
            if isinstance(top, Node):
                front.append(stack.pop())
                continue
            names, prefix, depth = top.names, top.prefix, top.depth
            some = names[: -(FRONT - len(front)) - 1 : -1]
            del names[len(names) - len(some) :]
            self._names -= len(some)
            front += [Node(prefix + name, depth, False) for name in some]
            if not names:
                stack.pop()
                front[-1].last = True
        if self._prune is not None:
            front = [node for node in front if hasattr(node, "stat") or not self._prune(node.path)]
        return front

    def _read(self, front: list[Node]) -> None:
        """Read the next znodes, in any case the first; with data so many that not too much of it waits."""
        unknown = [node for node in front if not hasattr(node, "stat")]
        start, gone = 0, False
        while start < len(unknown) and (start == 0 or self._bytes <= _BYTES):
            part = unknown[start : start + self._stats.most]
            start += len(part)
            for node, found in zip(part, self._stats.read([node.path for node in part])):
                if found is None:
                    self._gone(node)
                    gone = node._gone = True
                    continue
                data, node.stat = found
                node._listed = node.stat.num_children == 0 or node.depth == self._depth
                if not self._with_data:
                    continue
                if isinstance(data, Exception):
                    node.error = data  # type: ignore[assignment]
                elif data is not None:
                    node.data = data
                    self._bytes += len(data)
        if gone:
            front[:] = [node for node in front if not node._gone]

    def _gone(self, node: Node) -> None:
        """Raise for a root that does not exist."""
        from zkc.errors import NoNodeError

        if node.depth == 0:
            raise NoNodeError(path=self._root, operation="get")

    def _list(self, front: list[Node]) -> None:
        """List the next znodes, as many as may wait, and put all back onto the stack with their children."""
        wanted: list[Node] = []
        count = 0
        for node in front:
            if not node._listed and hasattr(node, "stat"):
                count += node.stat.num_children
                if wanted and (count > _NAMES or self._names + count > _MOST_NAMES):
                    break
                wanted.append(node)
        found = self._names_of(wanted)
        for node in reversed(front):
            names = found.get(node.path)
            if isinstance(names, Exception):
                node.error = names  # type: ignore[assignment]
            elif names:
                self._stack.append(_Names(node, names))
                self._names += len(names)
            if node.path in found:
                if names is None:
                    self._gone(node)
                    self._bytes -= len(node.data or b"")
                    continue
                node._listed = True
            self._stack.append(node)

    def _names_of(self, nodes: list[Node]) -> dict[str, Any]:
        """Return for each path the names of its children, an error, or None if it is gone."""
        from zkc.errors import NoAuthError, NoNodeError

        many = [node.path for node in nodes if node.stat.num_children < WIDE]
        found = dict(zip(many, read_many(self._app, self._client.children_many, many))) if many else {}
        for node in nodes:
            if node.stat.num_children >= WIDE:
                try:
                    found[node.path] = list_children(self._app, node.path, self._client)
                except NoNodeError:
                    found[node.path] = None
                except NoAuthError as error:
                    found[node.path] = error
        return found
