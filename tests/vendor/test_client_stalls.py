"""Servers that stall, or are slow, and their cost for a session: an attempt to connect has a share of the time.

With our adaptor and with libzookeeper's own (ZKC_ADAPTOR=stock). Under AddressSanitizer.
"""

from __future__ import annotations

import ssl
import struct
import threading
import time
from collections.abc import Callable

import pytest

from zkc.testing.certificates import make_tls_files

from .scripted_server import Connection, ScriptedServer, SteeredClient, packet

CONNECTED, CONNECTING = "3", "1"
ANSWERS, SILENT = 0, 2  # of the resolver
TIMEOUT = 4500  # Its parts, which the tests are about, are longer than a busy machine stalls.
SILENCE = TIMEOUT * 2 / 3 / 1000

Steer = Callable[..., SteeredClient]
Serve = Callable[..., ScriptedServer]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, tuple[str, str]]:
    """The certificate that a server shows, and the authority that makes a client trust it."""
    files = make_tls_files(tmp_path_factory.mktemp("tls") / "files")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.server_cert, files.server_key)
    return context, ("tls", f"{files.ca},{files.client_cert},{files.client_key}")


def accept(connection: Connection, timeout: int = TIMEOUT) -> None:
    """Answer a request for a session that was read, and serve it."""
    connection.send(packet(struct.pack(">iiqi", 0, timeout, 0x1234, 16) + bytes(17)))
    connection.serve()


def hospitable(connection: Connection) -> None:
    connection.receive()
    accept(connection)


def test_a_connect_response_byte_by_byte_is_no_sign_of_life(steer: Steer, serve: Serve) -> None:
    whole: list[bool] = []

    def trickling(connection: Connection) -> None:
        connection.receive()
        session = packet(struct.pack(">iiqi", 0, TIMEOUT, 0x1234, 16) + bytes(17))
        for at in range(len(session)):
            time.sleep(4 * SILENCE / len(session))  # so slowly it sends it
            connection.send(session[at : at + 1])
        whole.append(True)

    second = serve(hospitable)
    client = steer(f"{serve(trickling).hosts},{second.hosts}", timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    assert second.accepted == 1
    assert whole == []
    client.close()


def accepting(connection: Connection) -> None:
    """Take the connection, and say nothing."""
    while connection.socket.recv(65536):
        pass


def test_a_server_that_stalls_costs_a_share(
    steer: Steer, serve: Serve, tls: tuple[ssl.SSLContext, tuple[str, str]]
) -> None:
    """Four servers that stall, at the connect response or within TLS, cost less than a session may be silent."""
    begun: list[float] = []
    reached: list[float] = []
    gone = threading.Event()

    def first(connection: Connection) -> None:
        if not begun:
            connection.begin(3 * TIMEOUT)
            assert gone.wait(30)
            begun.append(time.monotonic())
            return
        connection.receive()
        reached.append(time.monotonic())
        accept(connection, 3 * TIMEOUT)

    context, trust = tls
    # Two that say nothing within the handshake, and two that do nothing after it.
    stalled = [serve(accepting) for _ in range(2)] + [serve(accepting, context=context) for _ in range(2)]
    server = serve(first, context=context)
    client = steer(",".join(one.hosts for one in (server, *stalled)), *trust, timeout=3 * TIMEOUT)
    client.hears(f"state {CONNECTED}")
    gone.set()
    client.hears(f"state {CONNECTING}")
    client.hears(f"state {CONNECTED}")
    client.close()
    assert [one.accepted for one in stalled] == [1, 1, 1, 1]
    assert reached[0] - begun[0] < 3 * TIMEOUT / 1000


def test_a_slow_server_is_reached_in_the_end(steer: Steer, serve: Serve) -> None:
    """Slower than a share of the time, and quicker than all of it: the shares grow."""

    def slow(connection: Connection) -> None:
        connection.receive()
        time.sleep(0.6 * SILENCE)  # that long it takes
        accept(connection)

    servers = [serve(slow) for _ in range(3)]
    client = steer(",".join(one.hosts for one in servers), timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    assert sum(one.accepted for one in servers) > 3
    client.tell("get /a")
    assert client.hears("get") == "0"
    client.close()


def test_one_server_has_all_the_time(steer: Steer, serve: Serve) -> None:
    def slow(connection: Connection) -> None:
        time.sleep(0.6 * SILENCE)  # that long it takes
        hospitable(connection)

    server = serve(slow)
    client = steer(server.hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    assert server.accepted == 1
    client.close()


def test_a_look_up_takes_nothing_of_the_servers_time(steer: Steer, serve: Serve) -> None:
    gone = threading.Event()

    def first(connection: Connection) -> None:
        connection.begin(TIMEOUT)
        gone.wait(30)

    second = serve(hospitable)
    client = steer(",".join([serve(first).hosts, *[second.hosts] * 4]), timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    client.tell("delay -1")  # looks names up only when it connects
    client.tell(f"resolver {SILENT}")
    gone.set()
    client.hears(f"state {CONNECTING}")
    time.sleep(0.6 * SILENCE)  # so long a look-up takes: longer than a share
    client.tell(f"resolver {ANSWERS}")
    client.hears(f"state {CONNECTED}")
    assert second.accepted == 1
    client.close()
