"""The tree of a snapshot, in the order of a walk: a parent before its children, and children by name.

>>> with SnapshotFile("snapshot.1f") as snapshot:
...     for node in walk(snapshot, "/app", with_data=True):
...         node.path, node.data, node.acl, node.stat

A node is one of :func:`zkc.cli._walk.walk`, with its ACL. The stat is what a client would have got.

The file has the children of a znode in no order. They are sorted with a bounded memory: what does not fit into it waits
in temporary files, which take about the room of the snapshot, uncompressed.
"""

from __future__ import annotations

import heapq
import marshal
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from operator import itemgetter
from typing import IO, TYPE_CHECKING, Any, Optional

from zkc.cli._exit import CommandError, ExitCode
from zkc.cli._walk import Node
from zkc.cli.offline._reader import DamagedError
from zkc.cli.offline._snapshot import RawZnode, SnapshotFile, owner_of

if TYPE_CHECKING:
    from zkc import ACL

__all__ = ["SnapshotNode", "finished", "walk"]

_MEMORY = 64 << 20  # Bytes of znodes that are sorted at once.
_BATCH = 1 << 20  # Bytes that each temporary file has in memory while they are merged.
_EACH = 700  # Bytes that a znode takes in memory beside its path and data.
_LENGTH = struct.Struct(">I")

_Entry = tuple[Any, ...]  # The key, then the znode without its path, then the number of its children.
_key = itemgetter(0)


class SnapshotNode(Node):
    """A znode of a snapshot."""

    __slots__ = ("acl", "ttl", "type")

    acl: tuple[ACL, ...]
    type: str
    """``persistent``, ``ephemeral``, ``container`` or ``ttl``."""
    ttl: Optional[float]
    """The time to live in seconds, of a znode with the type ``ttl``."""

    def facts(self) -> dict[str, Any]:
        facts = {**super().facts(), "type": self.type}
        return facts if self.ttl is None else {**facts, "ttl": self.ttl}


def walk(
    snapshot: SnapshotFile,
    path: str = "/",
    *,
    depth: Optional[int] = None,
    with_data: bool = False,
    passing: Callable[[Iterable[RawZnode]], Iterator[RawZnode]] = iter,
) -> Iterator[SnapshotNode]:
    """Iterate over a znode of a snapshot and its descendants: a parent before its children, children by name.

    Args:
        snapshot: The open snapshot. It can be walked once.
        path: The root.
        depth: The levels below the root to walk; None for all.
        with_data: Whether to read data.
        passing: Gets the znodes while they are read, in the order of the file, for a progress.

    Raises:
        CommandError: There is no root.
        DamagedError: The snapshot is damaged. It is raised behind the last znode that could be read.
    """
    with _Sorter() as sorter:
        _read(snapshot, path, depth, with_data, passing, sorter)
        count = 0
        for node in _nodes(snapshot, sorter, path):
            count += 1
            yield node
    if snapshot.damage is not None:
        raise snapshot.damage
    if not count:
        raise CommandError(f"there is no {path} in {snapshot.file}", ExitCode.NO_NODE, name="no_node", path=path)


def _read(
    snapshot: SnapshotFile,
    path: str,
    depth: Optional[int],
    with_data: bool,
    passing: Callable[[Iterable[RawZnode]], Iterator[RawZnode]],
    sorter: _Sorter,
) -> None:
    """Give the znodes of a subtree to a sorter, as far as the file can be read."""
    root = "" if path == "/" else path
    below = f"{root}/"
    deepest = None if depth is None else root.count("/") + depth
    try:
        for raw, children in finished(snapshot, passing(snapshot.raw(with_data=with_data))):
            name = raw.path
            if (name == root or name.startswith(below)) and (deepest is None or name.count("/") <= deepest):
                sorter.add((name.replace("/", "\0"), *raw[1:], children), len(name) + len(raw.data or b""))
    except DamagedError as damage:
        snapshot.damage = damage


def finished(snapshot: SnapshotFile, raw: Iterable[RawZnode]) -> Iterator[tuple[RawZnode, int]]:
    """Yield each znode with the number of its children, when the last of its descendants was read.

    Damage ends the file: the znodes whose descendants are not complete are given too, before it is raised.
    """
    branch: list[list[Any]] = []  # The znodes whose descendants are read, each with its path and number of children.
    try:
        for znode in raw:
            path = znode.path
            parent = path.rpartition("/")[0]
            if path:
                while branch and branch[-1][0] != parent:
                    _, *ended = branch.pop()
                    yield tuple(ended)
                if not branch:
                    raise snapshot.damaged(f"the parent of {path} does not come before it")
                branch[-1][2] += 1
            elif branch:
                raise snapshot.damaged("it has a second root")
            branch.append([path, znode, 0])
    except DamagedError:
        for _, *ended in reversed(branch):
            yield tuple(ended)
        raise
    for _, *ended in reversed(branch):
        yield tuple(ended)


def _nodes(snapshot: SnapshotFile, sorter: _Sorter, root: str) -> Iterator[SnapshotNode]:
    from zkc import Stat

    above = 0 if root == "/" else root.count("/")
    left: list[int] = []  # For each level, how many children of the present znode are still to come.
    for entry in sorter:
        key, data, size, acl, czxid, mzxid, ctime, mtime, version, cversion, aversion, raw_owner, pzxid, children = (
            entry
        )
        path = key.replace("\0", "/") or "/"
        depth = key.count("\0") - above
        last = True
        if depth and len(left) >= depth:
            left[depth - 1] -= 1
            last = left[depth - 1] <= 0
        left[depth:] = [children]
        node = SnapshotNode(path, depth, last)
        node.data = data
        node.acl = snapshot.acl(acl)
        node.type, owner, node.ttl = owner_of(raw_owner)
        # Clients see the number of changes of the list: the creations, and the deletions, which are those of children
        # that are no longer there.
        changes = (2 * cversion - children + (1 << 31)) % (1 << 32) - (1 << 31)
        node.stat = Stat(czxid, mzxid, ctime, mtime, version, changes, aversion, owner, max(size, 0), children, pzxid)
        yield node


class _Sorter:
    """A sort of more than fits into memory: a context manager."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._bytes = 0
        self._files: list[IO[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> _Sorter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, entry: _Entry, size: int) -> None:
        """Add an entry; `size` is about what it has."""
        self._entries.append(entry)
        self._bytes += size + _EACH
        if self._bytes > _MEMORY:
            self._spill()

    def _spill(self) -> None:
        """Write what is in memory to a temporary file, sorted."""
        try:
            file = self._stack.enter_context(tempfile.TemporaryFile(prefix="zkc-"))  # noqa: SIM115 - the stack closes it
            self._entries.sort(key=_key)
            for batch in _batches(self._entries):
                packed = marshal.dumps(batch)
                file.write(_LENGTH.pack(len(packed)))
                file.write(packed)
            file.seek(0)
        except OSError as error:
            raise CommandError(
                f"the tree cannot be sorted in {tempfile.gettempdir()}: {error.strerror}. TMPDIR names another folder",
                name="file",
            ) from None
        self._files.append(file)
        self._entries, self._bytes = [], 0

    def __iter__(self) -> Iterator[_Entry]:
        self._entries.sort(key=_key)
        if not self._files:
            return iter(self._entries)
        runs: list[Iterable[_Entry]] = [_loaded(file) for file in self._files]
        return heapq.merge(*runs, self._entries, key=_key)


def _batches(entries: list[_Entry]) -> Iterator[list[_Entry]]:
    """Yield entries in lists of about a megabyte, or with one entry that is larger."""
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        batch.append(entry)
        size += _EACH + len(entry[1] or b"")
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def _loaded(file: IO[bytes]) -> Iterator[_Entry]:
    while True:
        length = file.read(_LENGTH.size)
        if not length:
            return
        yield from marshal.loads(file.read(*_LENGTH.unpack(length)))
