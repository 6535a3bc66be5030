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
_DELETE, _SET, _MULTI, _DELETE_CONTAINER, _CLOSE = 2, 5, 14, 20, -11


class Change(NamedTuple):
    """A change of the tree: ``"set"`` and ``"delete"`` name a path, ``"close"`` the end of a session."""

    zxid: int
    session: int
    kind: str
    path: str = ""
    data: bytes = b""


def read_changes(folders: list[Path]) -> list[Change]:
    """Read what a majority of the members has logged; a proposal that only a minority has may be uncommitted."""
    found: dict[tuple[int, bytes], bytes] = {}
    logged: Counter[tuple[int, bytes]] = Counter()
    for folder in folders:
        entries: dict[tuple[int, bytes], bytes] = {}
        for file in folder.rglob("log.*"):
            for entry in _entries(file.read_bytes()):
                entries[_TXN.unpack_from(entry)[2], entry] = entry
        logged.update(entries.keys())
        found.update(entries)
    changes: list[Change] = []
    for key in sorted(found):
        if logged[key] * 2 > len(folders):
            session, _, zxid, _, kind = _TXN.unpack_from(found[key])
            changes.extend(_changes(zxid, session, kind, found[key][_TXN.size :]))
    return changes


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
    elif kind == _SET:
        path, place = _buffer(body, 0)
        yield Change(zxid, session, "set", path.decode(), _buffer(body, place)[0])
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
