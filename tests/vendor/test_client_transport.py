"""The transport: what libzookeeper sends and reads at once, what waits, what a connection leaves to the next one.

For our transport (src/adaptor/transport.c) and libzookeeper without it (ZKC_ADAPTOR=stock), under AddressSanitizer.
"""

from __future__ import annotations

import ssl
import struct
import threading
from collections.abc import Callable

import pytest

from zkc.testing.certificates import make_tls_files

from .adaptor_support import CONNECTED, CONNECTING, PATTERN, Serve, Start, answered, assert_rests
from .scripted_server import GET, NULL_DATA, Connection, SteeredClient, packet, reply

SET = 5
PATTERN_REPLY = struct.pack(">i", len(PATTERN)) + PATTERN + bytes(68)


# --- sending ----------------------------------------------------------------------------------------------------------


def reading_slowly(pieces: list[int], may_read: threading.Event) -> Callable[[Connection], None]:
    """Make a server that reads nothing until it may, and then takes whatever comes, checking what it is."""

    def script(connection: Connection) -> None:
        connection.begin(20000)
        may_read.wait(30)
        while True:
            xid, kind, body = connection.request()
            assert kind == SET
            (length,) = struct.unpack_from(">i", body, 6)
            assert body[10 : 10 + length] == PATTERN[:length]
            pieces.append(length)
            connection.send(reply(xid, bytes(68)))

    return script


@pytest.mark.parametrize(("count", "size"), [(20_000, 300), (64, 65_536), (8, 1 << 20)])
def test_what_a_server_does_not_read_waits(start: Start, serve: Serve, count: int, size: int) -> None:
    pieces: list[int] = []
    may_read = threading.Event()
    client = start(serve(reading_slowly(pieces, may_read)).hosts)
    client.tell(f"sets {count} {size}")
    client.hears("sent")
    assert_rests(client)
    may_read.set()
    client.tell(f"wait {count}")
    answered(client, count)
    assert pieces == [size] * count
    client.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, tuple[str, str]]:
    files = make_tls_files(tmp_path_factory.mktemp("tls") / "files")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.server_cert, files.server_key)
    return context, ("tls", f"{files.ca},{files.client_cert},{files.client_key}")


def test_what_a_server_does_not_read_waits_under_tls(
    steer: Callable[..., SteeredClient], serve: Serve, tls: tuple[ssl.SSLContext, tuple[str, str]]
) -> None:
    sizes: list[int] = []
    may_read = threading.Event()

    def script(connection: Connection) -> None:
        connection.begin(20000)
        may_read.wait(30)
        while True:
            xid, kind, body = connection.request()
            if kind == SET:
                sizes.append(struct.unpack_from(">i", body, 6)[0])
            connection.send(reply(xid, bytes(68) if kind == SET else PATTERN_REPLY))

    client = steer(serve(script, context=tls[0]).hosts, *tls[1], timeout=20000)
    client.hears(f"state {CONNECTED}")
    for size in (100, 4_000_000, 20_000, 70_000, 3_000_000):
        client.tell(f"set {size}")
    client.tell("get /a")
    assert_rests(client)
    may_read.set()
    for _ in range(5):
        assert client.hears("set") == "0"
    assert client.hears("get") == "0"
    assert sizes == [100, 4_000_000, 20_000, 70_000, 3_000_000]
    client.close()


def test_a_new_connection_gets_nothing_of_what_the_old_one_had(start: Start, serve: Serve) -> None:
    queued = threading.Event()
    first_packets: list[bytes] = []

    def script(connection: Connection) -> None:
        if server.accepted == 1:
            connection.begin(20000, more=reply(1, NULL_DATA)[:10])  # in the middle of a packet
            queued.wait(30)
            return
        first_packets.append(connection.receive())
        session = struct.pack(">iiqi", 0, 20000, 0x1234, 16) + bytes(17)
        connection.send(packet(session))
        connection.serve()

    server = serve(script)
    client = start(server.hosts)
    client.tell("sets 4000 10000")
    client.hears("sent")
    queued.set()
    client.hears(f"state {CONNECTING}")
    client.hears(f"state {CONNECTED}")
    client.tell("wait 4000")
    assert client.hears("answered") == "4000"
    assert client.hears("failed") == "4000"
    client.tell("calls 1 10")
    answered(client, 10)
    assert [len(first) for first in first_packets] == [45]  # the request for the session, and nothing before it
    client.close()


def test_descriptors_beyond_select(start: Start, serve: Serve) -> None:
    may_read = threading.Event()
    client = start(serve(reading_slowly([], may_read)).hosts, "1500")
    client.tell("sets 4 1048576")
    client.hears("sent")
    may_read.set()
    client.tell("wait 4")
    answered(client, 4)
    client.close()


# --- receiving --------------------------------------------------------------------------------------------------------


def answering(count: int, send: Callable[[Connection, bytes], None], body: bytes) -> Callable[[Connection], None]:
    """Make a server that waits for so many requests and answers them all together."""

    def script(connection: Connection) -> None:
        connection.begin(20000)
        replies = b""
        for _ in range(count):
            xid, kind, _ = connection.request()
            assert kind == GET
            replies += reply(xid, body)
        send(connection, replies)
        connection.serve()

    return script


def bytewise(connection: Connection, data: bytes) -> None:
    for at in range(len(data)):
        connection.send(data[at : at + 1])


def at_once(connection: Connection, data: bytes) -> None:
    connection.send(data)


def test_replies_in_pieces_of_a_byte(start: Start, serve: Serve) -> None:
    body = struct.pack(">i", 20) + PATTERN[:20] + bytes(68)
    client = start(serve(answering(10, bytewise, body)).hosts)
    client.tell("calls 1 10")
    answered(client, 10)
    client.close()


@pytest.mark.parametrize(("count", "size"), [(100, 10), (100, 3000), (3, 1 << 20)])
def test_replies_that_come_together(start: Start, serve: Serve, count: int, size: int) -> None:
    body = struct.pack(">i", size) + PATTERN[:size] + bytes(68)
    client = start(serve(answering(count, at_once, body)).hosts)
    client.tell(f"calls 1 {count}")
    answered(client, count)
    client.close()


@pytest.mark.parametrize("length", [1, 4, 30, 100_000])
def test_a_server_that_goes_in_the_middle_of_a_packet(start: Start, serve: Serve, length: int) -> None:
    def script(connection: Connection) -> None:
        connection.begin(20000)
        if server.accepted == 1:
            xid, _, _ = connection.request()
            connection.send(reply(xid, NULL_DATA))
            xid, _, _ = connection.request()
            connection.send(reply(xid, PATTERN_REPLY)[:length])
            return
        connection.serve()

    server = serve(script)
    client = start(server.hosts)
    client.tell("calls 1 2")
    assert client.hears("answered") == "2"
    assert client.hears("failed") == "1"
    client.tell("calls 1 10")  # they wait for the next connection, if it is not there by now
    answered(client, 10)
    client.close()
