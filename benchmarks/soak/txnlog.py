"""The transactions that the members of an ensemble have written to their disks, in the order of their zxids."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FILE_HEADER = 16  # Magic, version and database id.
_ENTRY = struct.Struct(">qi")  # Checksum and length.
_TXN = struct.Struct(">qiqqi")  # Session, cxid, zxid, time and type.
_CREATE, _DELETE, _SET, _MULTI, _CREATE2, _DELETE_CONTAINER, _CLOSE = 1, 2, 5, 14, 15, 20, -11


class Change(NamedTuple):
    """A change: ``"create"``, ``"set"`` and ``"delete"`` name a path, ``"close"`` is the end of a session."""

    zxid: int
    session: int
    kind: str
    path: str = ""
    data: bytes = b""


def read_changes(folders: list[Path]) -> Iterator[Change]:
    """Read what a majority of the members has logged; a proposal that only a minority has may be uncommitted."""
    logged: Counter[bytes] = Counter()
    for folder in folders:
        entries: set[bytes] = set()  # A member may have logged a proposal twice, before and after a restart.
        for file in folder.rglob("log.*"):
            entries.update(_entries(file.read_bytes()))
        logged.update(entries)
    for entry in sorted(logged, key=_zxid_of):
        if logged[entry] * 2 > len(folders):
            session, _, zxid, _, kind = _TXN.unpack_from(entry)
            yield from _changes(zxid, session, kind, entry[_TXN.size :])


def _zxid_of(entry: bytes) -> int:
    zxid: int = _TXN.unpack_from(entry)[2]
    return zxid


def _entries(content: bytes) -> Iterator[bytes]:
    place = _FILE_HEADER
    while place + _ENTRY.size <= len(content):
        _, size = _ENTRY.unpack_from(content, place)
        place += _ENTRY.size
        # A length of zero is the preallocated end; a killed server may have cut off the last entry.
        if size < _TXN.size or place + size >= len(content) or content[place + size] != 0x42:
            return
        yield content[place : place + size]
        place += size + 1


def _changes(zxid: int, session: int, kind: int, body: bytes) -> Iterator[Change]:
    if kind == _CLOSE:
        yield Change(zxid, session, "close")
    elif kind in (_DELETE, _DELETE_CONTAINER):
        yield Change(zxid, session, "delete", _buffer(body, 0)[0].decode())
    elif kind in (_SET, _CREATE, _CREATE2):
        path, place = _buffer(body, 0)
        yield Change(zxid, session, "set" if kind == _SET else "create", path.decode(), _buffer(body, place)[0])
    elif kind == _MULTI:
        place = 4
        for _ in range(int.from_bytes(body[:4], "big")):
            (part,) = struct.unpack_from(">i", body, place)
            data, place = _buffer(body, place + 4)
            yield from _changes(zxid, session, part, data)


def _buffer(body: bytes, place: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from(">i", body, place)
    end = place + 4 + max(size, 0)
    return body[place + 4 : end], end
