"""The questions to servers: each way to get no answer has a reason, and all are over by the deadline."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import threading

import pytest

from zkc import TLS
from zkc.cli._exit import CommandError
from zkc.cli._reach import look
from zkc.cli._settings import Settings
from zkc.cli.servers import _reach
from zkc.cli.servers._ask import Asker, AskError
from zkc.cli.servers._reach import parse_address
from zkc.testing import ZooKeeperServer
from zkc.testing.certificates import make_tls_files


def asker_of(servers, *, within=30.0, **settings):
    return Asker(Settings(servers, **settings), within=within)


def reason_of(asker, question):
    ((_, answer),) = asker.each(question)
    assert isinstance(answer, AskError), answer
    assert str(answer)
    return answer.reason


def srvr(asker):
    return lambda server: asker.word(server, "srvr")


@pytest.mark.parametrize("code", [errno.ECONNRESET, errno.ECONNABORTED])
def test_a_connection_that_is_lost_at_once_is_one_that_the_server_closes(monkeypatch, code):
    """A server at its limit of connections may be that quick, but not on demand. Linux has two codes for it."""

    def lose(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(socket, "create_connection", lose)
    asker = asker_of("127.0.0.1:2181", within=2.0)
    assert reason_of(asker, srvr(asker)) == "closed"
    assert look("127.0.0.1:2181").reason == "closed"


@contextlib.contextmanager
def canned(answer, *, read=4):
    """Serve one port that gives every connection the same bytes, and closes it. None: never an answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        kept = []

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if answer is None:
                    kept.append(connection)
                    continue
                with connection:
                    connection.recv(read)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in kept:
                connection.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("zk:2182", ("zk", 2182)), ("zk", ("zk", 2181)), ("[::1]:2181", ("::1", 2181)), ("[::1]", ("::1", 2181))],
)
def test_an_address_is_a_host_and_a_port(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize("text", ["", ":2181", "zk:", "zk:0", "zk:70000", "zk:port", "[]:1"])
def test_a_malformed_address_is_a_usage_error(text):
    with pytest.raises(CommandError, match="no address"):
        parse_address(text)


def test_a_word_and_a_command_are_answered(admin_ensemble):
    ports = tuple(member.admin_port for member in admin_ensemble.members)
    asker = asker_of(admin_ensemble.hosts, admin_ports=ports, within=60)
    words = [answer for _, answer in asker.each(srvr(asker))]
    assert sorted(word.count("Mode: leader") for word in words) == [0, 0, 1]
    stats = [answer for _, answer in asker.each(lambda server: asker.admin(server, "server_stats"))]
    assert sorted(each["server_stats"]["server_state"] for each in stats) == ["follower", "follower", "leader"]
    assert [server.name for server in asker.servers] == admin_ensemble.hosts.split(",")


def test_admin_ports_are_one_or_one_for_each():
    with pytest.raises(CommandError, match="2 ports for 3 servers"):
        asker_of("a:1,b:1,c:1", admin_ports=(1, 2))


def test_a_server_is_found_by_its_address_or_host():
    asker = asker_of("127.0.0.1:1,127.0.0.2:2")
    assert asker.find(None).port == 1
    assert asker.find("127.0.0.2").port == 2
    assert asker.find("127.0.0.2:2").port == 2
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:1, 127\.0\.0\.2:2"):
        asker.find("other")


def test_a_closed_port_refuses():
    asker = asker_of("127.0.0.1:1", admin_ports=(1,))
    assert reason_of(asker, srvr(asker)) == "refused"
    assert reason_of(asker, lambda server: asker.admin(server, "ruok")) == "refused"


def test_an_unknown_name_is_unresolved():
    asker = asker_of("no-such-host.invalid:2181,127.0.0.1:1")
    (_, unknown), (_, closed) = asker.each(srvr(asker))
    assert (unknown.reason, closed.reason) == ("unresolved", "refused")


def test_a_silent_server_is_a_timeout_and_the_deadline_holds():
    with canned(None) as port:
        asker = asker_of(f"127.0.0.1:{port}", within=0.3, admin_ports=(port,))
        assert reason_of(asker, srvr(asker)) == "timeout"
        asker.restart(0.3)
        assert reason_of(asker, lambda server: asker.admin(server, "ruok")) == "timeout"


def test_the_deadline_ends_a_resolver_that_hangs(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(_reach.socket, "getaddrinfo", lambda *_, **__: over.wait(30))
    asker = asker_of("slow.example:2181", within=0.2)
    try:
        assert reason_of(asker, srvr(asker)) == "timeout"
    finally:
        over.set()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "http"),
        (b"\x15\x03\x03\x00\x02\x02\x50", "wants_tls"),
        (b"srvr is not executed because it is not in the whitelist.\n", "not_whitelisted"),
        (b"This ZooKeeper instance is not currently serving requests\n", "not_serving"),
    ],
)
def test_an_answer_that_is_none_has_a_reason(answer, reason):
    with canned(answer) as port:
        asker = asker_of(f"127.0.0.1:{port}")
        assert reason_of(asker, srvr(asker)) == reason


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n<html>", "not_admin"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n<html>", "not_admin"),
        (b"HTTP/1.0 401 Unauthorized\r\n\r\n" + b'{"error": "Auth info is missing"}', "unauthorized"),
        (b"HTTP/1.0 403 Forbidden\r\n\r\n" + b'{"error": "Not authorized"}', "forbidden"),
        (b"HTTP/1.0 429 Too Many Requests\r\n\r\n{}", "rate_limited"),
        (b"HTTP/1.0 500 Server Error\r\n\r\n{}", "failed"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b'{"error": "Unknown command: ruok"}', "unknown_command"),
        (b"HTTP/1.0 200 OK\r\n\r\n" + b'{"error": "This ZooKeeper instance is not currently serving requests"}',
         "not_serving"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 100\r\n\r\n{}", "closed"),
        (b"no HTTP at all\r\n\r\n", "not_admin"),
    ],
)  # fmt: skip
def test_a_response_that_is_no_answer_has_a_reason(answer, reason):
    with canned(answer, read=65536) as port:
        asker = asker_of("127.0.0.1:1", admin_ports=(port,))
        assert reason_of(asker, lambda server: asker.admin(server, "ruok")) == reason


def test_one_name_with_both_families_is_one_server(monkeypatch):
    def found(addresses):
        stream = socket.SOCK_STREAM
        return lambda *_, **__: [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, stream, 6, "", (each, 0)) for each in addresses
        ]

    monkeypatch.setattr(_reach.socket, "getaddrinfo", found(["::1", "127.0.0.1"]))
    assert [(server.name, server.addresses) for server in asker_of("zk:1").servers] == [("zk:1", ("127.0.0.1", "::1"))]
    monkeypatch.setattr(_reach.socket, "getaddrinfo", found(["10.0.0.1", "10.0.0.2"]))
    assert [server.name for server in asker_of("zk:1").servers] == ["zk:1 (10.0.0.1)", "zk:1 (10.0.0.2)"]


@pytest.fixture(scope="module")
def tls_server():
    with ZooKeeperServer(tls=True, start_timeout=110) as server:
        yield server


def settings_of(files, **changes):
    return TLS(**{"ca": files.ca, "certificate": files.client_cert, "key": files.client_key, **changes})


def test_a_word_goes_over_tls(tls_server):
    asker = asker_of(tls_server.tls_hosts, tls=settings_of(tls_server.tls), within=60)
    ((_, answer),) = asker.each(srvr(asker))
    assert "Mode: standalone" in answer


def test_trouble_with_tls_has_a_reason(tls_server, tmp_path):
    files = tls_server.tls
    other = asker_of(tls_server.tls_hosts, tls=settings_of(files, server_name="other.example"))
    assert reason_of(other, srvr(other)) == "tls"
    plain_port = asker_of(tls_server.hosts, tls=settings_of(files))
    assert reason_of(plain_port, srvr(plain_port)) == "not_tls"
    plain_client = asker_of(tls_server.tls_hosts)
    assert reason_of(plain_client, srvr(plain_client)) == "wants_tls"
    nameless = asker_of(tls_server.tls_hosts, tls=settings_of(files, certificate=None, key=None))
    assert reason_of(nameless, srvr(nameless)) in ("tls", "closed")
    with pytest.raises(CommandError, match=r"none\.pem: no such file"):  # No server gets the blame.
        asker_of(tls_server.tls_hosts, tls=settings_of(files, ca=tmp_path / "none.pem"))


def test_an_admin_server_is_asked_by_https(tmp_path):
    files = make_tls_files(tmp_path)
    keystore = tmp_path / "keystore.pem"
    keystore.write_bytes(files.server_cert.read_bytes() + files.server_key.read_bytes())
    config = {
        "admin.forceHttps": "true",
        "ssl.quorum.keyStore.location": str(keystore),
        "ssl.quorum.keyStore.type": "PEM",
        "ssl.quorum.trustStore.location": str(files.ca),
        "ssl.quorum.trustStore.type": "PEM",
    }

    def ruok(asker):
        return lambda server: asker.admin(server, "ruok")

    with ZooKeeperServer(admin=True, config=config, start_timeout=110) as server:
        trusting = asker_of(server.hosts, admin_ports=(server.admin_port,), tls=TLS(ca=files.ca), within=60)
        ((_, answer),) = trusting.each(ruok(trusting))
        assert answer == {"command": "ruok", "error": None}
        # Without TLS settings http comes first, then https with the authorities of the system.
        plain = asker_of(server.hosts, admin_ports=(server.admin_port,), within=60)
        assert reason_of(plain, ruok(plain)) == "tls"
    with ZooKeeperServer(admin=True, start_timeout=110) as server:
        asker = asker_of(server.hosts, admin_ports=(server.admin_port,), tls=TLS(ca=files.ca), within=60)
        ((_, answer),) = asker.each(ruok(asker))
        assert answer["error"] is None
        # A password does not go where others can read it.
        ((_, answer),) = asker.each(lambda each: asker.request(each, "ruok", secure_only=True).__enter__())
        assert answer.reason == "not_tls"


# Python 3.9 with OpenSSL 3 raises the second one.
@pytest.mark.parametrize("kind", [None, ssl.SSLEOFError, ssl.SSLZeroReturnError])
def test_a_port_that_closes_the_connection_in_the_handshake_is_a_plain_one(kind, tmp_path, monkeypatch):
    def shake_hands(*_, **__):
        error = kind(6, "TLS/SSL connection has been closed (EOF)")
        error.reason = None
        raise error

    if kind is not None:
        monkeypatch.setattr(ssl.SSLContext, "wrap_socket", shake_hands)
    files = make_tls_files(tmp_path)
    with canned(b"", read=65536) as port:
        over_tls = asker_of(f"127.0.0.1:{port}", tls=settings_of(files))
        assert reason_of(over_tls, srvr(over_tls)) == "not_tls"
        plain = asker_of(f"127.0.0.1:{port}")
        assert reason_of(plain, srvr(plain)) == "closed"
