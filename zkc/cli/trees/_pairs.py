"""Znodes of two trees side by side."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc.cli.trees._source import Record, TreeSource, join, key_of

if TYPE_CHECKING:
    from zkc.cli._app import App

__all__ = ["Pair", "looked_up", "merged"]

_PART = 1024  # Znodes that are looked up at once.
_BYTES = 4 << 20  # Their data.


class Pair(NamedTuple):
    """A relative path, and the znode there in each of two trees, if it is there."""

    path: str
    a: Optional[Record]
    b: Optional[Record]


def merged(first: Iterator[Record], second: Iterator[Record]) -> Iterator[Pair]:
    """Yield the znodes of two trees, in the order of a walk."""
    a, b = next(first, None), next(second, None)
    while a is not None and b is not None:
        if a.path == b.path:
            yield Pair(a.path, a, b)
            a, b = next(first, None), next(second, None)
        elif key_of(a.path) < key_of(b.path):
            yield Pair(a.path, a, None)
            a = next(first, None)
        else:
            yield Pair(b.path, None, b)
            b = next(second, None)
    while a is not None:
        yield Pair(a.path, a, None)
        a = next(first, None)
    while b is not None:
        yield Pair(b.path, None, b)
        b = next(second, None)


def looked_up(app: App, records: Iterator[Record], target: TreeSource, *, with_acl: bool) -> Iterator[Pair]:
    """Yield the znodes of a tree, each with that of a target, which is looked up by its path.

    Nothing is looked up below a znode that the target does not have.

    Args:
        app: What the command works with.
        records: The znodes.
        target: The target.
        with_acl: Whether to read the ACLs of the target.
    """
    missing: Optional[str] = None  # What the keys begin with below a znode that the target does not have.
    while part := _part(records):
        wanted: dict[str, str] = {}
        for record in part:
            key = key_of(record.path)
            if missing is None or not key.startswith(missing):
                wanted[record.path] = join(target.target.path, record.path)
        found = _read(app, target, wanted, with_acl=with_acl) if wanted else {}
        for record in part:
            other = found.get(record.path)
            key = key_of(record.path)
            if other is None and (missing is None or not key.startswith(missing)):
                missing = f"{key}\0"
            yield Pair(record.path, record, other)


def _part(records: Iterator[Record]) -> list[Record]:
    part: list[Record] = []
    size = 0
    for record in islice(records, _PART):
        part.append(record)
        size += len(record.data or b"")
        if size > _BYTES:
            break
    return part


def _read(app: App, target: TreeSource, wanted: dict[str, str], *, with_acl: bool) -> dict[str, Record]:
    """Read znodes of the target; return those that exist."""
    from zkc.cli._bulk import Stats
    from zkc.cli.trees._acls import read_acls

    paths = list(wanted.values())
    stats = Stats(app, target.client)
    found: list[tuple[object, object] | None] = []
    while len(found) < len(paths):
        found += stats.read(paths[len(found) : len(found) + stats.most])
    acls = read_acls(app, target.client, paths) if with_acl else [None] * len(paths)
    records: dict[str, Record] = {}
    for path, each, acl in zip(wanted, found, acls):
        if each is None:
            continue
        data, stat = each
        error = data if isinstance(data, Exception) else acl if isinstance(acl, Exception) else None
        records[path] = Record(path, None if isinstance(data, Exception) else data,  # type: ignore[arg-type]
                               acl if isinstance(acl, tuple) else None, stat,  # type: ignore[arg-type]
                               stat.ephemeral_owner != 0, error)  # type: ignore[attr-defined, arg-type]  # fmt: skip
    return records
