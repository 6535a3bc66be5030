"""TLS connections of the C client that fail, and what they leave. Under AddressSanitizer, which finds leaks too."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from zkc.testing.certificates import Certificate, CertificateAuthority, TLSFiles, make_tls_files

from .scripted_server import NULL_DATA, Connection, ScriptedServer, SteeredClient, reply

CONNECTED = "3"
ESTABLISHED, ELSEWHERE, FILES, TIMEOUT, CLOSED, PROTOCOL, HANDSHAKE = map(str, range(7))
CERTIFICATE, HOSTNAME, EXPIRED, NOT_YET_VALID, UNKNOWN_CA, SELF_SIGNED, CLIENT_CERTIFICATE = map(str, range(7, 14))

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
    connection.begin(20000)
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


@pytest.mark.parametrize("wrong", ["ca", "certificate", "key", "key of another"])
def test_a_file_that_cannot_be_used_fails_the_opening(
    steer: Steer, files: TLSFiles, tmp_path: Path, wrong: str
) -> None:
    parts = {"ca": files.ca, "certificate": files.client_cert, "key": files.client_key}
    if wrong == "key of another":
        parts["key"] = files.server_key
    else:
        parts[wrong] = tmp_path / "missing.pem"
    client = steer("127.0.0.1:1", "tls", ",".join(map(str, parts.values())))
    assert client.hears("opened") == "0"
    assert ("key values mismatch" if wrong == "key of another" else "missing.pem") in client.close()


@pytest.mark.parametrize("how", ["tls", "tls-at-once"])
@pytest.mark.parametrize("wrong", ["ca", "certificate", "key"])
def test_a_file_that_goes_is_a_failed_attempt(
    steer: Steer, serve: Serve, files: TLSFiles, tmp_path: Path, wrong: str, how: str, eventually: Callable[..., Any]
) -> None:
    parts = {"ca": files.ca, "certificate": files.client_cert, "key": files.client_key}
    parts[wrong] = Path(shutil.copy(parts[wrong], tmp_path / "missing.pem"))
    goes, closed = threading.Event(), threading.Semaphore(0)

    def script(connection: Connection) -> None:
        if goes.wait(30):  # the first attempt: it has read the files
            parts[wrong].unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            while connection.socket.recv(65536) and goes.is_set() and server.accepted > 1:
                pass
        closed.release()

    server = serve(script)
    client = steer(server.hosts, how, ",".join(map(str, parts.values())), timeout=3000)
    assert client.hears("opened") == "1"
    goes.set()
    for _ in range(4):  # it closes each, and tries again
        assert closed.acquire(timeout=30)
    log = client.close()
    # One report for an attempt, and a pause between two: no loop at full speed.
    assert "missing.pem" in log
    eventually(lambda: log.count("missing.pem") <= server.accepted)  # The last connection may not be accepted yet.
    assert "Delaying connection" in log


def test_an_encrypted_key_without_a_password_does_not_prompt(steer: Steer, files: TLSFiles) -> None:
    key = files.encrypted_client_key("secret")
    client = steer("127.0.0.1:1", "tls", f"{files.ca},{files.client_cert},{key}")
    assert client.hears("opened") == "0"
    assert "no password was given" in client.close()


def test_an_encrypted_key(steer: Steer, serve: Serve, files: TLSFiles, context: ssl.SSLContext) -> None:
    key = files.encrypted_client_key("secret")
    client = steer(serve(hospitable, context=context).hosts, "tls", f"{files.ca},{files.client_cert},{key},secret")
    client.hears(f"state {CONNECTED}")
    client.close()


def test_a_server_that_is_not_trusted(steer: Steer, serve: Serve, files: TLSFiles, context: ssl.SSLContext) -> None:
    server = serve(hospitable, context=context)
    client = steer(server.hosts, "tls", f"{files.wrong_ca},{files.client_cert},{files.client_key}")
    while "Delaying connection" not in "".join(client.log):
        threading.Event().wait(0.01)
    log = client.close()
    assert "error in ssl connect" in log
    assert "an authority that is not trusted: CN = zkc test CA" in log


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


def shown_by(files: TLSFiles, certificate: Certificate) -> ssl.SSLContext:
    return files.serving(certificate).server_context(client_auth="none")


@pytest.mark.parametrize(("host", "which"), [("localhost", "name_only"), ("127.0.0.1", "address_only")])
def test_a_certificate_is_for_the_name_in_the_list(
    steer: Steer, serve: Serve, files: TLSFiles, host: str, which: str
) -> None:
    server = serve(hospitable, context=shown_by(files, getattr(files, which)))
    client = steer(f"{host}:{server.port}", "tls-reports", str(files.ca))
    while client.hears("report") != f"{ESTABLISHED} 0":
        pass  # of localhost's addresses, one may be IPv6 and without a listener
    client.close()


@pytest.mark.parametrize(("host", "which"), [("127.0.0.1", "name_only"), ("localhost", "address_only")])
def test_a_certificate_for_another_name(steer: Steer, serve: Serve, files: TLSFiles, host: str, which: str) -> None:
    server = serve(hospitable, context=shown_by(files, getattr(files, which)))
    client = steer(f"{host}:{server.port}", "tls-reports", str(files.ca))
    while (told := client.hears("report").split(" ", 2))[0] == ELSEWHERE:
        pass
    assert told[0] == HOSTNAME
    assert told[2].endswith(f", not for {host}")
    client.close()


def test_two_names_at_one_address_are_two_servers(steer: Steer, serve: Serve, files: TLSFiles) -> None:
    server = serve(hospitable, context=shown_by(files, files.address_only))
    client = steer(f"localhost:{server.port},127.0.0.1:{server.port}", "tls-reports", str(files.ca))
    while client.hears("report") != f"{ESTABLISHED} 0":
        pass
    client.close()


@pytest.mark.parametrize("name", ["elsewhere.invalid", "elsewhere.invalid.", "192.0.2.1"])
def test_a_name_that_is_given(steer: Steer, serve: Serve, files: TLSFiles, name: str) -> None:
    server = serve(hospitable, context=shown_by(files, files.wrong_host))
    client = steer(server.hosts, "tls-reports", str(files.ca), name)
    assert client.hears("report") == f"{ESTABLISHED} 0"
    client.close()


def test_a_name_that_no_certificate_has(steer: Steer, serve: Serve, files: TLSFiles, context: ssl.SSLContext) -> None:
    client = steer(serve(hospitable, context=context).hosts, "tls-reports", str(files.ca), "x" * 300)
    assert client.hears(f"report {FILES} 0 no certificate can be for a host named")
    client.close()


@pytest.mark.parametrize(
    ("which", "cause"),
    [
        ("expired", EXPIRED),
        ("not_yet_valid", NOT_YET_VALID),
        ("self_signed", SELF_SIGNED),
        ("wrong_ca_signed", UNKNOWN_CA),
        ("wrong_host", HOSTNAME),
    ],
)
def test_the_program_gets_the_cause(steer: Steer, serve: Serve, files: TLSFiles, which: str, cause: str) -> None:
    server = serve(hospitable, context=shown_by(files, getattr(files, which)))
    client = steer(server.hosts, "tls-reports", str(files.ca))
    for _ in range(3):
        assert client.hears("report").startswith(f"{cause} 1 the certificate of {server.hosts} ")
    client.close()


def test_the_server_wants_a_certificate(steer: Steer, serve: Serve, files: TLSFiles, context: ssl.SSLContext) -> None:
    server = serve(hospitable, context=context)
    client = steer(server.hosts, "tls-reports", str(files.ca))
    # The server closes with our request unread: that resets the connection, and may overtake its alert. We try again.
    while (report := client.hears("report")) == f"{ELSEWHERE} 0":
        pass
    assert report.startswith(f"{CLIENT_CERTIFICATE} 1 {server.hosts} demands a client certificate")
    client.close()


def test_not_all_servers_refused(steer: Steer, serve: Serve, files: TLSFiles) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        server = serve(hospitable, context=shown_by(files, files.expired))
        hosts = f"{server.hosts},127.0.0.1:{nobody.getsockname()[1]}"
        client = steer(hosts, "tls-reports", str(files.ca))
        told = [client.hears("report").split(" ")[:2] for _ in range(6)]
        assert told == [[EXPIRED, "0"], [ELSEWHERE, "0"]] * 3
        client.tell(f"servers {server.hosts}")
        while client.hears("report").split(" ")[:2] != [EXPIRED, "1"]:
            pass
        client.close()


def test_a_certificate_that_says_anything(steer: Steer, serve: Serve, files: TLSFiles, tmp_path: Path) -> None:
    """Long names, many names, and none of them for this host."""
    hosts = tuple(f"DNS:{'x' * 60}.{'y' * 60}.{number}.invalid" for number in range(40))
    certificate = CertificateAuthority(tmp_path / "another").issue("many", hosts)
    server = serve(hospitable, context=shown_by(files, certificate))
    client = steer(server.hosts, "tls-reports", str(tmp_path / "another" / "ca.crt"))
    said = client.hears(f"report {HOSTNAME} 1")
    assert said.endswith(", ..., not for 127.0.0.1")
    client.close()


def test_a_handshake_that_does_not_end(steer: Steer, serve: Serve, files: TLSFiles) -> None:
    def script(connection: Connection) -> None:
        while connection.socket.recv(65536):
            pass

    server = serve(script)
    client = steer(server.hosts, "tls-reports", str(files.ca), timeout=600)
    assert "said nothing in the TLS handshake, for 0.4 s" in client.hears(f"report {TIMEOUT} 0")
    client.close()
