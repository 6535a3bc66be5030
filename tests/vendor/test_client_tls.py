"""TLS connections of the C client that fail, and what they leave. Under AddressSanitizer, which finds leaks too."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_server import NULL_DATA, Connection, ScriptedServer, SteeredClient, reply

from zkc.testing.certificates import TLSFiles, make_tls_files

CONNECTED = "3"

Steer = Callable[..., SteeredClient]
Serve = Callable[..., ScriptedServer]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TLSFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls") / "files")


@pytest.fixture
def context(files: TLSFiles) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files.ca))
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(files.server_cert, files.server_key)
    return made


@pytest.fixture
def good(files: TLSFiles) -> tuple[str, str]:
    return "tls", f"{files.ca},{files.client_cert},{files.client_key}"


def hospitable(connection: Connection) -> None:
    connection.begin(6000)
    connection.serve()


def test_a_session_leaves_nothing_behind(
    steer: Steer, serve: Serve, context: ssl.SSLContext, good: tuple[str, str]
) -> None:
    client = steer(serve(hospitable, context=context).hosts, *good)
    client.hears(f"state {CONNECTED}")
    client.tell("get /a")
    assert client.hears("get") == "0"
    client.close()


def test_a_connection_that_is_made_at_once(
    steer: Steer, serve: Serve, context: ssl.SSLContext, good: tuple[str, str]
) -> None:
    client = steer(serve(hospitable, context=context).hosts, "tls-at-once", good[1])
    client.hears(f"state {CONNECTED}")
    client.close()


@pytest.mark.parametrize("hosts", ["no port", "/chroot-without-hosts"])
def test_a_session_that_cannot_be_begun_leaves_nothing_behind(steer: Steer, good: tuple[str, str], hosts: str) -> None:
    client = steer(hosts, *good)
    assert client.hears("opened") == "0"
    client.close()


@pytest.mark.parametrize("parts", ["", "ca.pem", "ca.pem,certificate.pem", ",,,"])
def test_too_few_files_are_refused(steer: Steer, parts: str) -> None:
    client = steer("127.0.0.1:1", "tls", parts)
    assert client.hears("opened") == "0"
    client.close()


@pytest.mark.parametrize("how", ["tls", "tls-at-once"])
@pytest.mark.parametrize("wrong", ["ca", "certificate", "key", "key of another"])
def test_a_file_that_cannot_be_used_is_a_failed_attempt(
    steer: Steer, serve: Serve, files: TLSFiles, tmp_path: Path, wrong: str, how: str
) -> None:
    parts = {"ca": files.ca, "certificate": files.client_cert, "key": files.client_key}
    if wrong == "key of another":
        parts["key"] = files.server_key
    else:
        parts[wrong] = tmp_path / "missing.pem"
    closed = threading.Semaphore(0)

    def script(connection: Connection) -> None:
        assert connection.socket.recv(1) == b""
        closed.release()

    server = serve(script)
    client = steer(server.hosts, how, ",".join(map(str, parts.values())), timeout=3000)
    for _ in range(3):  # it closes each, and tries again
        assert closed.acquire(timeout=30)
    log = client.close()
    reason = "key values mismatch" if wrong == "key of another" else "missing.pem"
    # One report for an attempt, and a pause between two: no loop at full speed.
    assert server.accepted <= log.count(reason) <= server.accepted + 1
    assert "Delaying connection" in log


def test_an_encrypted_key_without_a_password_asks_nobody(steer: Steer, serve: Serve, files: TLSFiles) -> None:
    closed = threading.Event()

    def script(connection: Connection) -> None:
        assert connection.socket.recv(1) == b""
        closed.set()

    key = files.encrypted_client_key("secret")
    client = steer(serve(script).hosts, "tls", f"{files.ca},{files.client_cert},{key}")
    assert closed.wait(30)
    assert "Failed to load client private key" in client.close()


def test_an_encrypted_key(steer: Steer, serve: Serve, files: TLSFiles, context: ssl.SSLContext) -> None:
    key = files.encrypted_client_key("secret")
    client = steer(serve(hospitable, context=context).hosts, "tls", f"{files.ca},{files.client_cert},{key},secret")
    client.hears(f"state {CONNECTED}")
    client.close()


def test_a_server_that_is_not_trusted(steer: Steer, serve: Serve, files: TLSFiles, context: ssl.SSLContext) -> None:
    server = serve(hospitable, context=context)
    client = steer(server.hosts, "tls", f"{files.wrong_ca},{files.client_cert},{files.client_key}", timeout=600)
    while "Delaying connection" not in "".join(client.log):
        threading.Event().wait(0.01)
    log = client.close()
    assert "error in ssl connect" in log
    assert "self-signed certificate" in log or "unable to get local issuer certificate" in log


def test_replies_in_one_record_are_read_at_once(
    steer: Steer, serve: Serve, context: ssl.SSLContext, good: tuple[str, str]
) -> None:
    def script(connection: Connection) -> None:
        connection.begin(60000)
        # Nothing else ever comes: a reply that stays in OpenSSL's buffer is lost.
        (first, _, _), (second, _, _) = connection.request(), connection.request()
        connection.send(reply(first, NULL_DATA) + reply(second, NULL_DATA))
        connection.socket.recv(1)

    client = steer(serve(script, context=context).hosts, *good, timeout=60000)
    client.hears(f"state {CONNECTED}")
    client.tell("get /a")
    client.tell("get /a")
    assert [client.hears("get"), client.hears("get")] == ["0", "0"]
    client.close()


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The address of a host that answers no connection, as behind a firewall: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        for filler in fillers:
            filler.close()


def test_a_server_that_does_not_accept_is_given_up(
    steer: Steer, serve: Serve, context: ssl.SSLContext, good: tuple[str, str], black_hole: str
) -> None:
    server = serve(hospitable, context=context)
    client = steer(f"{black_hole},{server.hosts}", *good, timeout=1500)
    client.hears(f"state {CONNECTED}")
    client.close()


def test_a_large_request_and_a_large_reply(
    steer: Steer, serve: Serve, context: ssl.SSLContext, good: tuple[str, str]
) -> None:
    size = 4_000_000

    def script(connection: Connection) -> None:
        connection.begin(20000)
        xid, _, body = connection.request()
        assert len(body) > size
        connection.send(reply(xid, bytes(68)))
        xid, _, _ = connection.request()
        connection.send(reply(xid, struct.pack(">i", size) + bytes(size) + bytes(68)))
        connection.serve()

    client = steer(serve(script, context=context).hosts, *good, timeout=20000)
    client.hears(f"state {CONNECTED}")
    client.tell(f"set {size}")
    assert client.hears("set") == "0"
    client.tell("get /a")
    assert client.hears("get") == "0"
    client.close()
