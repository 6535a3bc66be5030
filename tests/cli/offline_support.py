"""Files of servers, made by hand: snapshots, logs, and snappy. They follow the format, not the reader."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Optional

NODE = struct.Struct(">qqqqqiiiqq")


def number(value: int) -> bytes:
    """Encode a number of four bytes."""
    return struct.pack(">i", value)


def long(value: int) -> bytes:
    """Encode a number of eight bytes."""
    return struct.pack(">q", value)


def field(content: Optional[bytes]) -> bytes:
    """Encode bytes with their length."""
    return number(-1) if content is None else number(len(content)) + content


def acl_bytes(acl: Sequence[tuple[int, str, str]]) -> bytes:
    """Encode an ACL."""
    return number(len(acl)) + b"".join(
        number(perms) + field(scheme.encode()) + field(name.encode()) for perms, scheme, name in acl
    )


def seal(content: bytes) -> bytes:
    """Add the checksum of what is there."""
    return content + long(zlib.adler32(content)) + field(b"/")


def znode(path: str, data: Optional[bytes] = b"", acl: int = -1, cversion: int = 0, owner: int = 0) -> bytes:
    """Encode a znode of a snapshot."""
    stat = NODE.pack(acl, 5, 6, 1_700_000_000_000, 1_700_000_000_001, 1, cversion, 2, owner, 7)
    return field(b"" if path == "/" else path.encode()) + field(data) + stat


def snapshot(
    znodes: Iterable[bytes],
    *,
    sessions: Sequence[tuple[int, int]] = ((0x10, 4000),),
    acls: Sequence[tuple[int, Sequence[tuple[int, str, str]]]] = ((1, ((31, "world", "anyone"),)),),
    digest: Optional[bytes] = long(7) + number(2) + long(99),
    last_zxid: Optional[int] = 7,
) -> bytes:
    """Encode a snapshot as 3.9 writes it, or without a digest or a zxid, as earlier servers do."""
    made = b"ZKSN" + number(2) + long(-1)
    made += number(len(sessions)) + b"".join(long(each) + number(timeout) for each, timeout in sessions)
    made += number(len(acls)) + b"".join(long(each) + acl_bytes(acl) for each, acl in acls)
    made = seal(made + b"".join(znodes) + field(b"/"))
    if digest is not None:
        made = seal(made + digest)
    if last_zxid is not None:
        made = seal(made + long(last_zxid))
    return made


def snappy(content: bytes, block: int = 100) -> bytes:
    """Compress as Java's SnappyOutputStream does: with literals, and with copies of runs of one byte."""
    made = b"\x82SNAPPY\0" + number(1) + number(1)
    for start in range(0, len(content), block):
        made += field(_block(content[start : start + block]))
    return made


def _block(content: bytes) -> bytes:
    size, made = len(content), b""
    while size > 127:
        made += bytes([size & 127 | 128])
        size >>= 7
    made += bytes([size])
    at = 0
    while at < len(content):
        end = at + 1
        while end < min(len(content), at + 50) and content[end] != content[end - 1]:
            end += 1
        made += bytes([(end - at - 1) << 2]) + content[at:end]
        run = end
        while run < min(len(content), end + 60) and content[run] == content[end - 1]:
            run += 1
        if 4 <= run - end <= 11:
            made += bytes([1 | (run - end - 4) << 2, 1])
            end = run
        elif run > end:
            made += bytes([2 | (run - end - 1) << 2]) + struct.pack("<H", 1)
            end = run
        at = end
    return made


COMPRESSIONS: dict[str, Any] = {
    "none": bytes,
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "snappy": snappy,
}


# ---- logs -----------------------------------------------------------------------------------------------------------

HEADER = b"ZKLG" + number(2) + long(0)


def record(content: bytes) -> bytes:
    """Encode a record of a log."""
    return long(zlib.adler32(content)) + field(content) + b"B"


def txn(kind: int, body: bytes = b"", *, session: int = 0x10, cxid: int = 1, zxid: int = 1,
        time: int = 1_700_000_000_000, digest: Optional[int] = 9) -> bytes:  # fmt: skip
    """Encode a transaction as a record of a log."""
    end = b"" if digest is None else number(2) + long(digest)
    return record(long(session) + number(cxid) + long(zxid) + long(time) + number(kind) + body + end)
