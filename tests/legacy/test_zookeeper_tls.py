"""Sessions over TLS, with certificates on both sides."""

import subprocess

import pytest

import zkc
from zkc.legacy import zookeeper
from zkc.testing import FaultProxy, ZooKeeperServer

from ..tls_support import below
from .legacy_support import OPEN, Watcher

pytestmark = pytest.mark.skipif(not zkc.build_info()["tls"], reason="this libzookeeper has no TLS")


@pytest.fixture(scope="module")
def server():
    """A server that wants to see the certificate of each client."""
    with ZooKeeperServer(tls=True) as running:
        yield running


@pytest.fixture(scope="module")
def one_way():
    """A server that wants to see none."""
    with ZooKeeperServer(tls=True, tls_client_auth="none") as running:
        yield running


@pytest.fixture
def make_tls_handle():
    """Return a function that begins a session over TLS and waits for it: ``make_tls_handle(hosts, cert)``."""
    made = []

    def make(hosts, cert, *arguments):
        events = Watcher()
        h = zookeeper.init_ssl(hosts, cert, events, *arguments)
        made.append(h)
        events.wait_for((h, zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE, ""))
        return h

    yield make
    for h in made:
        zookeeper.close(h)


def cert_of(files, password=""):
    return f"{files.ca},{files.client_cert},{files.client_key},{password}"


def test_a_session_with_certificates_on_both_sides(server, make_tls_handle):
    h = make_tls_handle(below(server), cert_of(server.tls), 20000)
    assert zookeeper.recv_timeout(h) == 20000
    assert zookeeper.create(h, "/a", "x" * 100000, OPEN) == "/a"
    seen = Watcher()
    assert zookeeper.get(h, "/a", seen)[0] == "x" * 100000
    zookeeper.set(h, "/a", "y")
    assert seen.wait_calls(1) == [(h, zookeeper.CHANGED_EVENT, zookeeper.CONNECTED_STATE, "/a")]


def test_arguments_by_name_and_a_session_that_is_resumed(server):
    hosts, events = below(server), Watcher()
    with FaultProxy("127.0.0.1", int(server.tls_hosts.partition(":")[2])) as proxy:
        through = hosts.replace(server.tls_hosts, proxy.hosts)
        h = zookeeper.init_ssl(hosts=through, cert=cert_of(server.tls), recv_timeout_ms=20000, watcher=events)
        zookeeper.create(h, "/mine", "", OPEN, zookeeper.EPHEMERAL)
        client_id = zookeeper.client_id(h)
        proxy.refuse()  # Or it would come again, and take its session back.
        proxy.drop_connections()
        other = zookeeper.init_ssl(hosts, cert_of(server.tls), None, 20000, client_id)
        try:
            assert zookeeper.exists(other, "/mine")["ephemeralOwner"] == client_id[0]
            assert zookeeper.client_id(other) == client_id
        finally:
            zookeeper.close(other)
            zookeeper.close(h)


def test_a_key_with_a_password(server, make_tls_handle, tmp_path):
    locked = tmp_path / "locked.key"
    command = [
        "openssl",
        "ec",
        "-in",
        str(server.tls.client_key),
        "-aes256",
        "-passout",
        "pass:a,b",
        "-out",
        str(locked),
    ]
    subprocess.run(command, check=True, capture_output=True)
    files = f"{server.tls.ca},{server.tls.client_cert},{locked}"
    h = make_tls_handle(below(server), f"{files},a,b")
    assert zookeeper.exists(h, "/") is not None
    with pytest.raises(zookeeper.BadArgumentsException):
        zookeeper.init_ssl(server.tls_hosts, f"{files},wrong")


@pytest.mark.parametrize("end", ["", ",", ",,,"])
def test_a_server_that_wants_no_certificate(one_way, make_tls_handle, end):
    h = make_tls_handle(below(one_way), f"{one_way.tls.ca}{end}")
    assert zookeeper.exists(h, "/") is not None


def wrong_files(files, folder):
    """Return what is wrong, and the argument that has it."""
    junk = folder / "junk.pem"
    junk.write_text("this is no certificate\n")
    ca, cert, key = files.ca, files.client_cert, files.client_key
    return {
        "nothing": "",
        "no authority": f",{cert},{key},",
        "an authority that is not there": f"{folder / 'missing'},{cert},{key},",
        "a certificate that is not there": f"{ca},{folder / 'missing'},{key},",
        "a key that is not there": f"{ca},{cert},{folder / 'missing'},",
        "an authority that is junk": f"{junk},{cert},{key},",
        "a certificate that is junk": f"{ca},{junk},{key},",
        "a key that is junk": f"{ca},{cert},{junk},",
        "a key of another certificate": f"{ca},{cert},{files.server_key},",
        "a certificate without its key": f"{ca},{cert}",
        "a key without its certificate": f"{ca},,{key},",
        "a folder for a certificate": f"{ca},{folder},{key},",
    }


def test_wrong_files(server, tmp_path):
    for what, cert in wrong_files(server.tls, tmp_path).items():
        with pytest.raises(zookeeper.BadArgumentsException) as caught:
            pytest.fail(f"{what}: handle {zookeeper.init_ssl(server.tls_hosts, cert)}")
        assert str(caught.value).startswith(zookeeper.zerror(zookeeper.BADARGUMENTS)), what


@pytest.mark.parametrize("cert", [None, 5, b"ca,cert,key,", ("ca", "cert", "key", "")])
def test_a_wrong_type(server, cert):
    with pytest.raises(TypeError, match="cert must be str"):
        zookeeper.init_ssl(server.tls_hosts, cert)


def test_a_server_that_is_not_trusted(server):
    events = Watcher()
    files = cert_of(server.tls).replace(str(server.tls.ca), str(server.tls.wrong_ca))
    h = zookeeper.init_ssl(server.tls_hosts, files, events)
    try:
        with pytest.raises(zookeeper.ConnectionLossException):
            zookeeper.get(h, "/")
        assert zookeeper.state(h) != zookeeper.CONNECTED_STATE
        assert events.calls == []
    finally:
        zookeeper.close(h)


def test_plain_where_tls_is_wanted_and_a_session_without(server, make_handle):
    h = make_handle(below(server).replace(server.tls_hosts, server.hosts))
    assert zookeeper.get(h, "/")[0] == ""
