"""How long a session lives: what is sent to keep it, and what counts as a sign of life.

With our adaptor and with libzookeeper's own (ZKC_ADAPTOR=stock). Under AddressSanitizer.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from zkc.testing.certificates import make_tls_files

from .scripted_server import GET, NULL_DATA, PING, Connection, ScriptedServer, SteeredClient, reply

CONNECTED = "3"
TIMED_OUT = "-7"
TIMEOUT = 4500  # Its parts, which the tests are about, are longer than a busy machine stalls.
SILENCE = TIMEOUT * 2 / 3 / 1000
DATA = bytes(40_000)
REPLY = struct.pack(">i", len(DATA)) + DATA + bytes(68)

Steer = Callable[..., SteeredClient]
Serve = Callable[..., ScriptedServer]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, tuple[str, str]]:
    """The certificate that a server shows, and the authority that makes a client trust it."""
    files = make_tls_files(tmp_path_factory.mktemp("tls") / "files")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.server_cert, files.server_key)
    return context, ("tls", f"{files.ca},{files.client_cert},{files.client_key}")


def hospitable(connection: Connection) -> None:
    connection.begin(TIMEOUT)
    connection.serve()


def kind_of(request: bytes) -> int:
    return struct.unpack_from(">i", request, 4)[0]


# ---- pings -----------------------------------------------------------------------------------------------------------


def test_a_client_that_waits_for_a_reply_pings(steer: Steer, serve: Serve) -> None:
    """The reply comes after more pings than fit into the session timeout."""

    def script(connection: Connection) -> None:
        connection.begin(TIMEOUT)
        xid, kind, _ = connection.request()
        assert kind == GET
        for _ in range(5):
            assert kind_of(connection.receive()) == PING
            connection.send(reply(-2))
        connection.send(reply(xid, NULL_DATA))
        connection.serve()

    server = serve(script)
    client = steer(server.hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert server.accepted == 1
    client.close()


def test_pings_do_not_pile_up_behind_what_the_server_does_not_read(steer: Steer, serve: Serve) -> None:
    pings: list[int] = []

    def script(connection: Connection) -> None:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.begin(TIMEOUT)
        for _ in range(10):
            time.sleep(SILENCE / 4)  # alive, and not reading
            connection.send(reply(-2))
        sets = 0
        while sets < 4:
            request = connection.receive()
            if kind_of(request) == PING:
                pings.append(sets)
            else:
                sets += 1
                connection.send(reply(struct.unpack_from(">i", request)[0], bytes(68)))
        connection.serve()

    server = serve(script)
    client = steer(server.hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    for _ in range(4):
        client.tell("set 8000000")
    for _ in range(4):
        assert client.hears("set") == "0"
    assert server.accepted == 1
    assert len(pings) <= 2  # there was something to send all the time
    client.close()


# ---- signs of life ---------------------------------------------------------------------------------------------------


def in_pieces(connection: Connection, data: bytes, count: int, seconds: float) -> None:
    """Send bytes over so long a time."""
    size = -(-len(data) // count)
    for at in range(0, len(data), size):
        time.sleep(seconds / count)  # so slow is the link
        connection.send(data[at : at + size])


def test_a_reply_may_take_longer_than_a_silence(steer: Steer, serve: Serve) -> None:
    def script(connection: Connection) -> None:
        connection.begin(TIMEOUT)
        xid, kind, _ = connection.request()
        assert kind == GET
        in_pieces(connection, reply(xid, REPLY), 20, 2.5 * SILENCE)
        connection.serve()

    server = serve(script)
    client = steer(server.hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert server.accepted == 1
    client.close()


@pytest.fixture
def slow_link() -> Iterator[Callable[[int], tuple[int, threading.Event]]]:
    """Return a function that puts a link before a port: it becomes slow when its event is set."""
    threads: list[threading.Thread] = []
    sockets: list[socket.socket] = []

    def pump(source: socket.socket, target: socket.socket, slow: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(500):
                target.sendall(data)
                if slow.is_set():
                    time.sleep(len(data) / len(DATA) * 3 * SILENCE)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def forward(listener: socket.socket, port: int, slow: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(("127.0.0.1", port))
                sockets.extend((client, server))
                for pair in ((client, server, threading.Event()), (server, client, slow)):
                    threads.append(threading.Thread(target=pump, args=pair))
                    threads[-1].start()

    def before(port: int) -> tuple[int, threading.Event]:
        slow = threading.Event()
        sockets.append(socket.create_server(("127.0.0.1", 0)))
        threads.append(threading.Thread(target=forward, args=(sockets[-1], port, slow)))
        threads[-1].start()
        return sockets[-1].getsockname()[1], slow

    yield before
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for sock in sockets:
        sock.close()


def test_a_part_of_a_tls_record_is_a_sign_of_life(
    steer: Steer,
    serve: Serve,
    tls: tuple[ssl.SSLContext, tuple[str, str]],
    slow_link: Callable[[int], tuple[int, threading.Event]],
) -> None:
    """A record of 16 KiB takes longer than a silence; OpenSSL gives nothing of it before it is whole."""

    def script(connection: Connection) -> None:
        connection.begin(TIMEOUT)
        while True:
            xid, kind, _ = connection.request()
            assert kind == GET
            slow.set()
            connection.send(reply(xid, REPLY))

    server = serve(script, context=tls[0])
    port, slow = slow_link(server.port)
    client = steer(f"127.0.0.1:{port}", *tls[1], timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert server.accepted == 1
    client.close()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("after", [0, 20_000], ids=["at once", "within a reply"])
def test_a_silent_server_is_given_up(
    steer: Steer, serve: Serve, tls: tuple[ssl.SSLContext, tuple[str, str]], secure: bool, after: int
) -> None:
    heard: list[float] = []  # Not after the client heard the server the last time.
    noticed: list[float] = []

    def script(connection: Connection) -> None:
        if heard:
            hospitable(connection)
            return
        heard.append(time.monotonic())
        connection.begin(TIMEOUT)
        xid, _, _ = connection.request()
        connection.send(reply(xid, REPLY)[:after])
        with contextlib.suppress(OSError):
            while connection.socket.recv(65536):
                pass
        noticed.append(time.monotonic())

    client = steer(
        serve(script, context=tls[0] if secure else None).hosts, *(tls[1] if secure else ()), timeout=TIMEOUT
    )
    client.hears(f"state {CONNECTED}")
    client.tell("get /a")
    assert client.hears("get") == TIMED_OUT
    client.hears(f"state {CONNECTED}")
    client.close()
    # Not before its time; and not so late that only the server would have ended it. The pings go on.
    assert 0.8 * SILENCE < noticed[0] - heard[0] < 25


# ---- long timeouts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [2**30, 2**31 - 1])
def test_a_long_timeout_connects(steer: Steer, serve: Serve, timeout: int) -> None:
    """Two thirds of it were negative, so the first moment of an attempt was too late."""

    def script(connection: Connection) -> None:
        connection.begin(timeout)
        connection.serve()

    client = steer(serve(script).hosts, timeout=timeout)
    client.hears(f"state {CONNECTED}")
    client.tell("get /a")
    assert client.hears("get") == "0"
    client.close()


def test_the_pause_after_a_round_of_failures_is_short_whatever_the_timeout(steer: Steer, serve: Serve) -> None:
    """It was a sixtieth of what the client asked for: five hours here."""

    def script(connection: Connection) -> None:
        if server.accepted > 2:
            connection.begin(TIMEOUT)
            connection.serve()

    server = serve(script)
    client = steer(server.hosts, timeout=2**30 - 1)
    client.hears(f"state {CONNECTED}")
    assert server.accepted == 3
    assert "Delaying connection" in client.close()
