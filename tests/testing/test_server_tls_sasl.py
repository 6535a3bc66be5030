"""A server's TLS port with the certificates made for it, and its SASL users."""

import contextlib
import socket
import ssl
import struct
import subprocess

import pytest

from zkc.testing import TestingError, ZooKeeperServer, make_tls_files
from zkc.testing._wire import WireConnection

_SASL = 102
_REQUIRES_SASL = -124


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return make_tls_files(tmp_path_factory.mktemp("tls") / "files")


@pytest.fixture(scope="module")
def server(files):
    with ZooKeeperServer(tls=files, sasl={"bob": 'se"c\\ret'}) as server:
        yield server


def session_over_tls(server, context):
    host, port = server.tls_hosts.split(":")
    with WireConnection((host, int(port)), tls=context) as connection:
        return connection.session_id


def test_a_client_with_a_certificate_gets_a_session(server, files):
    assert server.tls is files
    assert session_over_tls(server, files.client_context())


def test_the_certificate_is_for_localhost_and_both_loopback_addresses(server, files):
    host, port = server.tls_hosts.split(":")
    for name in ("localhost", "127.0.0.1", "::1"):
        plain = socket.create_connection((host, int(port)), 5)
        with plain, files.client_context().wrap_socket(plain, server_hostname=name) as connection:
            assert connection.version()


def test_a_client_that_trusts_another_authority_refuses_the_server(server, files):
    context = ssl.create_default_context(cafile=str(files.wrong_ca))
    context.load_cert_chain(files.client_cert, files.client_key)
    with pytest.raises(ssl.SSLCertVerificationError):
        session_over_tls(server, context)


@pytest.mark.parametrize("which", ["expired", "wrong_ca_signed", None])
def test_the_server_refuses_a_client_without_a_good_certificate(server, files, which):
    context = ssl.create_default_context(cafile=str(files.ca))
    if which:
        context.load_cert_chain(getattr(files, which).cert, getattr(files, which).key)
    # An alert or a reset, as the server likes.
    with pytest.raises(OSError, match=r".+"):
        session_over_tls(server, context)


def test_certificates_that_no_client_should_accept_are_refused(files):
    """Checked with the same code that checks a server's certificate, over a pair of sockets."""
    for made, message in (
        (files.expired, "expired"),
        (files.wrong_host, "not valid for"),
        (files.wrong_ca_signed, "unable to get local issuer"),
        (files.not_yet_valid, "not yet valid"),
        (files.self_signed, "self-signed"),
        (files.name_only, "not valid for '127.0.0.1'"),
    ):
        with pytest.raises(ssl.SSLCertVerificationError, match=message):
            _handshake(made, files.client_context())


def test_certificates_for_one_way_to_say_it_are_good_for_that(files):
    _handshake(files.address_only, files.client_context(), "127.0.0.1")
    _handshake(files.name_only, files.client_context(), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for 'localhost'"):
        _handshake(files.address_only, files.client_context(), "localhost")


def test_without_verification_every_certificate_is_taken(files):
    _handshake(files.self_signed, files.client_context(verify=False), "anywhere")


@pytest.mark.parametrize(("client_auth", "refused"), [("need", True), ("want", False), ("none", False)])
def test_the_stand_in_asks_for_a_certificate_like_a_server(files, client_auth, refused):
    bare = ssl.create_default_context(cafile=str(files.ca))
    if refused:
        with pytest.raises(ssl.SSLError, match="did not return a certificate"):
            _handshake(None, bare, server_context=files.server_context(client_auth=client_auth))
    else:
        _handshake(None, bare, server_context=files.server_context(client_auth=client_auth))


def test_a_server_shows_the_certificate_that_it_was_given(files):
    with ZooKeeperServer(tls=files.serving(files.self_signed)) as server:
        host, port = server.tls_hosts.split(":")
        with WireConnection((host, int(port)), tls=files.client_context(verify=False)) as connection:
            assert connection.session_id
        with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
            session_over_tls(server, files.client_context())


def _handshake(made, client_context, host="127.0.0.1", server_context=None):
    if server_context is None:
        server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        server_context.load_cert_chain(made.cert, made.key)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()


def test_the_clients_key_can_be_encrypted(files):
    path = files.encrypted_client_key("open sesame")
    assert "ENCRYPTED" in path.read_text()
    context = ssl.create_default_context()
    context.load_cert_chain(files.client_cert, path, password="open sesame")


def test_a_client_needs_no_certificate_where_none_is_asked_for():
    with ZooKeeperServer(tls=True, tls_client_auth="none") as server:
        assert session_over_tls(server, ssl.create_default_context(cafile=str(server.tls.ca)))


def test_without_tls_there_is_no_tls_port():
    server = ZooKeeperServer()
    with pytest.raises(TestingError, match="tls=True"):
        server.tls_hosts  # noqa: B018
    with pytest.raises(TestingError, match="tls=True"):
        server.tls  # noqa: B018
    server.close()


def test_the_server_offers_digest_md5(server):
    with WireConnection(("127.0.0.1", server.port)) as connection:
        connection._send(struct.pack(">iii", 1, _SASL, 0))
        challenge = connection._receive()[16:]
    assert b"algorithm=md5-sess" in challenge
    assert b'realm="zk-sasl-md5"' in challenge


def test_sasl_can_be_required():
    with ZooKeeperServer(sasl={"bob": "secret"}, sasl_required=True) as server:
        refused = pytest.raises(OSError, match=str(_REQUIRES_SASL))
        with refused, WireConnection(("127.0.0.1", server.port)) as connection:
            connection.create("/refused")


def test_the_files_are_valid_for_openssl(files):
    command = ["openssl", "verify", "-CAfile", str(files.ca), str(files.server_cert), str(files.client_cert)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
