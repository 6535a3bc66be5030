"""Counters near their end: a transaction log, forged for a server, that has created and deleted a child."""

from __future__ import annotations

import re
import struct
import time
import zlib
from pathlib import Path

from zkc.testing import ZooKeeperServer

_CREATE, _DELETE = 1, 2
_OPEN = struct.pack(">iii", 1, 31, 5) + b"world" + struct.pack(">i", 6) + b"anyone"  # The open access control list.


def forge_counters(server: ZooKeeperServer, paths: list[str], counter: int) -> None:
    """Restart a server with another counter for the sequential children of some znodes.

    Args:
        server: A server that runs.
        paths: The parents of the children. They exist.
        counter: The next counter.
    """
    answer = re.search(r"Zxid: (0x[0-9a-f]+)", server.four_letter_word("srvr"))
    assert answer is not None
    first = zxid = int(answer[1], 16) + 1
    server.stop()
    entries = b""
    for path in paths:
        child = _buffer(f"{path}/forged".encode())
        # The last field of a create is the counter of the parent after it.
        entries += _entry(zxid, _CREATE, child + _buffer(b"") + _OPEN + b"\0" + struct.pack(">i", counter))
        entries += _entry(zxid + 1, _DELETE, child)
        zxid += 2
    log = Path(server.log_file).parent / "data" / "version-2" / f"log.{first:x}"
    assert not log.exists()
    log.write_bytes(struct.pack(">4siq", b"ZKLG", 2, 0) + entries)
    server.start()


def _entry(zxid: int, kind: int, body: bytes) -> bytes:
    txn = struct.pack(">qiqqi", 0, 0, zxid, int(time.time() * 1000), kind) + body
    return struct.pack(">qi", zlib.adler32(txn), len(txn)) + txn + b"B"


def _buffer(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content
