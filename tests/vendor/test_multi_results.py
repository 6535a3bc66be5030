"""The results of a transaction, by the type that each was sent with."""

from __future__ import annotations

import struct

import pytest

from zkc import _zookeeper as core

from .scripted_server import MULTI, Connection, ScriptedServer

CREATE, SET, CREATE2 = 1, 5, 15
ANYONE = [(31, "world", "anyone")]

pytestmark = pytest.mark.skipif(
    not core.build_info()["multi_create_with_stat"],
    reason="this libzookeeper creates with stat only outside of transactions",
)


def stat(version: int) -> bytes:
    """A stat that is recognised by its zxid and its version."""
    return struct.pack(">qqqqiiiqiiq", 77, 78, 0, 0, version, 0, 0, 0, 4, 0, 79)


def header(kind: int, *, done: bool = False) -> bytes:
    """Return the header before each result, and after the last one."""
    return struct.pack(">ibi", kind, done, -1 if done else 0)


def text(path: bytes) -> bytes:
    return struct.pack(">i", len(path)) + path


@pytest.mark.parametrize(
    ("kind", "more", "version"), [(CREATE, b"", None), (CREATE2, stat(5), 5)], ids=["path alone", "path and stat"]
)
def test_the_type_that_came_says_how_to_read_a_create_with_stat(kind: int, more: bytes, version: object) -> None:
    """Servers before 3.7.2, 3.8.2 and 3.9.0 answer with the path alone (ZOOKEEPER-4026)."""

    def script(connection: Connection) -> None:
        connection.begin(10_000)
        while True:
            xid, asked, _ = connection.request()
            assert asked == MULTI
            body = header(kind) + text(b"/a") + more + header(SET) + stat(6) + header(CREATE) + text(b"/c")
            answer = struct.pack(">iqi", xid, 1, 0) + body + header(-1, done=True)
            connection.send(struct.pack(">i", len(answer)) + answer)

    server = ScriptedServer(script)
    try:
        session = core.Session(server.hosts)
        session.wait_connected(20)
        operations = [
            ("create_with_stat", "/a", b"", ANYONE, 0),
            ("set", "/b", b"", -1),
            ("create", "/c", b"", ANYONE, 0),
        ]
        (path, found), changed, plain = session.multi(operations).result(20)
        assert (path, changed.version, changed.czxid, plain) == ("/a", 6, 77, "/c")
        assert (found.version if found else None) == version
        session.close()
    finally:
        server.close()
