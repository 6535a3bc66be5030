"""A server that sends nonsense costs a connection or a request, never the process.

This is what our patches to libzookeeper are for; it runs a C program under AddressSanitizer, without Python.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

import pytest

CONNECTION_LOSS, MARSHALLING_ERROR = "rc=-4", "rc=-5"
STAT = bytes(68)
SESSION = struct.pack(">iiq", 0, 6000, 0x1234) + struct.pack(">i", 16) + bytes(16) + b"\0"
CLOSE = -11


def packet(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


def reply(xid: int, body: bytes = b"", err: int = 0) -> bytes:
    return packet(struct.pack(">iqi", xid, 1, err) + body)


class HostileServer:
    """Accepts sessions as a server does, then sends what the test chose: at once, or as the answer to each request."""

    def __init__(self, *, unasked: bytes = b"", answer: Optional[Callable[[int], bytes]] = None) -> None:
        self._unasked, self._answer = unasked, answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError, EOFError):
                connection.settimeout(10)
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        self._read(connection)
        connection.sendall(packet(SESSION) + self._unasked)
        while True:
            xid, kind = struct.unpack(">ii", self._read(connection)[:8])
            if kind == CLOSE:
                connection.sendall(reply(xid))
                return
            connection.sendall(self._answer(xid) if self._answer else b"")

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        def exactly(count: int) -> bytes:
            got = b""
            while len(got) < count:
                more = connection.recv(count - len(got))
                if not more:
                    raise EOFError
                got += more
            return got

        return exactly(struct.unpack(">i", exactly(4))[0])

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture(scope="module")
def client(link_program: Callable[..., Path]) -> Path:
    return link_program("hostile_client.c", "address")


@pytest.fixture
def ask(client: Path) -> Iterator[Callable[..., str]]:
    """Return a function that runs one call against a hostile server and gives back what the client printed."""
    servers = []

    def run(call: str, *, unasked: bytes = b"", answer: Optional[Callable[[int], bytes]] = None) -> str:
        server = HostileServer(unasked=unasked, answer=answer)
        servers.append(server)
        ended = subprocess.run(
            [client, str(server.port), call],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "ASAN_OPTIONS": "allocator_may_return_null=1"},
        )
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout.endswith("closed\n")
        return ended.stdout

    yield run
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        pytest.param(reply(77), id="a reply to no request"),
        pytest.param(packet(b""), id="an empty packet"),
        pytest.param(packet(b"\0\0"), id="a header that ends early"),
        pytest.param(struct.pack(">i", -1), id="a negative length"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
        pytest.param(reply(-1), id="a watch event without a body"),
        pytest.param(reply(-1, struct.pack(">iii", 3, 3, -1)), id="a watch event without a path"),
        pytest.param(reply(-1, struct.pack(">iii", 3, 3, 1 << 30)), id="a watch event with an endless path"),
        pytest.param(reply(-4), id="success of an authentication that was never sent"),
        pytest.param(reply(-4, err=-115), id="failure of an authentication that was never sent"),
        pytest.param(reply(-8), id="an answer to watches that were never set"),
        pytest.param(reply(-2), id="an answer to no ping"),
    ],
)
def test_what_was_not_asked_for(ask: Callable[..., str], nonsense: bytes) -> None:
    ask("idle", unasked=nonsense)


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("get", b""),
        ("get", struct.pack(">i", 1 << 30) + b"x"),
        ("get", struct.pack(">i", -7) + STAT),
        ("get", struct.pack(">i", 3) + b"abc" + STAT[:-1]),
        ("aget", b""),
        ("aget", struct.pack(">i", 1 << 30)),
        ("aget", struct.pack(">i", -7) + STAT),
        ("exists", STAT[:10]),
        ("children", struct.pack(">i", 0x7FFFFFFF)),
        ("children", struct.pack(">ii", 2, 1) + b"a"),
        ("children", struct.pack(">iii", 1, -1, 0)),
        ("acl", struct.pack(">i", 0x0FFFFFFF) + STAT),
        ("acl", struct.pack(">ii", 1, 31) + struct.pack(">i", 99)),
        ("create2", b""),
        ("create2", struct.pack(">i", 2) + b"/a" + STAT[:4]),
    ],
    ids=lambda value: value if isinstance(value, str) else value[:12].hex() or "nothing",
)
def test_replies_that_do_not_parse_fail_their_request(ask: Callable[..., str], call: str, body: bytes) -> None:
    assert MARSHALLING_ERROR in ask(call, answer=lambda xid: reply(xid, body))


def test_null_data_and_null_lists_are_no_nonsense(ask: Callable[..., str]) -> None:
    assert "rc=0 length=-1" in ask("aget", answer=lambda xid: reply(xid, struct.pack(">i", -1) + STAT))
    assert "rc=0 length=0" in ask("aget", answer=lambda xid: reply(xid, struct.pack(">i", 0) + STAT))
    assert "rc=0" in ask("children", answer=lambda xid: reply(xid, struct.pack(">i", -1)))


CREATED = struct.pack(">ibi", 1, 0, 0) + struct.pack(">i", 2) + b"/a"
DELETED = struct.pack(">ibi", 2, 0, 0)
END = struct.pack(">ibi", -1, 1, -1)


@pytest.mark.parametrize("call", ["multi", "amulti"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="no results"),
        pytest.param(END, id="an end without results"),
        pytest.param(CREATED + END, id="one result too few"),
        pytest.param(CREATED + DELETED + DELETED + END, id="one result too many"),
        pytest.param(CREATED + DELETED, id="no end"),
        pytest.param(CREATED + struct.pack(">ibi", -1, 0, -1), id="an error without a code"),
    ],
)
def test_multi_replies_that_disagree_with_the_request(ask: Callable[..., str], call: str, body: bytes) -> None:
    assert MARSHALLING_ERROR in ask(call, answer=lambda xid: reply(xid, body))


@pytest.mark.parametrize("call", ["multi", "amulti"])
def test_multi_replies_in_order(ask: Callable[..., str], call: str) -> None:
    assert "rc=0" in ask(call, answer=lambda xid: reply(xid, CREATED + DELETED + END))
    assert "rc=-111" in ask(call, answer=lambda xid: reply(xid, err=-111))


@pytest.mark.parametrize(("call", "version"), [("multi2", 7), ("multi3", 0)])
def test_multi_creations_that_are_answered_with_a_stat(ask: Callable[..., str], call: str, version: int) -> None:
    stat = struct.pack(">qqqqiiiqiiq", 1, 1, 1, 1, 7, 0, 0, 0, 1, 0, 1)
    created = struct.pack(">ibi", 15, 0, 0) + struct.pack(">i", 2) + b"/a" + stat
    assert f"rc=0 version={version}" in ask(call, answer=lambda xid: reply(xid, created + DELETED + END))


def test_a_multi_with_a_bad_path_is_refused_before_it_is_sent(ask: Callable[..., str]) -> None:
    assert "rc=-8" in ask("badmulti")


def test_a_reply_out_of_order_loses_the_connection(ask: Callable[..., str]) -> None:
    assert "rc=0" not in ask("get", answer=lambda xid: reply(xid + 1, struct.pack(">i", -1) + STAT))
