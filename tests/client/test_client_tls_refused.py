"""Clients over TLS: whom they trust, and how a start fails. What comes after it is in test_client_tls_changes.py."""

import logging
import shutil
import socket
import time

import pytest

import zkc
from zkc import ClientState
from zkc import _zookeeper as core
from zkc.testing import ZooKeeperServer

from ..tls_support import TLSFront, below, mutual

pytestmark = pytest.mark.skipif(not core.build_info()["tls"], reason="this libzookeeper has no TLS")

BAD = {
    "wrong_host": ("hostname", r"is for elsewhere\.invalid, 192\.0\.2\.1, not for 127\.0\.0\.1\. "),
    "expired": ("expired", "expired at 2001-01-01 00:00:00 UTC"),
    "not_yet_valid": ("not_yet_valid", "is not valid before 2099-01-01 00:00:00 UTC"),
    "wrong_ca_signed": ("unknown_ca", "not trusted: CN = zkc other test CA"),
    "self_signed": ("self_signed", "is self-signed, and none of the trusted ones"),
}
AT_ONCE = 30.0  # Seconds that a refusal may take on a busy machine; waiting until a timeout takes longer.
PATIENCE = 60.0


@pytest.fixture(scope="module")
def server():
    with ZooKeeperServer(tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def one_way_server():
    with ZooKeeperServer(tls=True, tls_client_auth="none") as server:
        yield server


@pytest.fixture(scope="module", params=BAD)
def bad_server(request, server):
    """A ZooKeeper server that has to be refused, and for which cause."""
    with ZooKeeperServer(tls=server.tls.serving(getattr(server.tls, request.param))) as bad:
        yield bad, *BAD[request.param]


async def refused(zk, kind=zkc.CertificateError, limit=AT_ONCE):
    """Start a client that is refused, and return the error: it comes at once, and leaves the client closed."""
    states = []
    zk.add_listener(states.append)
    begun = time.monotonic()
    with pytest.raises(kind) as caught:
        await zk.start()
    assert time.monotonic() - begun < limit
    error = caught.value
    assert type(error) is kind
    assert (error.operation, error.maybe_applied) == ("start", False)
    assert str(error).startswith("start: ")
    assert zk.closed
    assert zk.state is ClientState.CLOSED
    assert states in ([], [ClientState.CONNECTING, ClientState.CLOSED])
    with pytest.raises(zkc.NotStartedError):
        await zk.exists("/")
    return error


# ---- connections that are made ---------------------------------------------------------------------------------------


async def test_both_show_a_certificate(make_zk, server, events):
    async with make_zk(below(server), tls=mutual(server.tls)) as zk:
        await zk.create("/a", bytes(1_000_000))
        assert (await zk.get("/a", watch=events))[0] == bytes(1_000_000)
        await zk.set("/a", b"x")
        assert (await events.next()).path == "/a"
        assert zk.server == server.tls_hosts
    assert zk.closed


async def test_the_server_alone_shows_one(make_zk, one_way_server):
    async with make_zk(below(one_way_server), tls=zkc.TLS(one_way_server.tls.ca)) as zk:
        assert await zk.children("/") == []


@pytest.mark.parametrize("which", ["wrong_host", "expired", "self_signed"])
async def test_without_verification_anything_goes(make_zk, server, which):
    files = server.tls.serving(getattr(server.tls, which))
    with TLSFront(files.server_context(client_auth="none"), server.port) as front:
        async with make_zk(front.hosts, tls=zkc.TLS(verify=False)) as zk:
            assert await zk.exists("/") is not None


async def test_a_server_name_stands_for_the_hosts(make_zk, server):
    files = server.tls.serving(server.tls.wrong_host)
    with TLSFront(files.server_context(client_auth="none"), server.port) as front:
        async with make_zk(front.hosts, tls=zkc.TLS(files.ca, server_name="elsewhere.invalid")) as zk:
            assert await zk.exists("/") is not None
        assert set(front.names) == {"elsewhere.invalid"}


async def test_one_good_server_is_enough(make_zk, server):
    files = server.tls.serving(server.tls.expired)
    with TLSFront(files.server_context()) as bad:
        for _ in range(4):  # the order of servers is random
            async with make_zk(f"{bad.hosts},{server.tls_hosts}", tls=mutual(server.tls)) as zk:
                assert zk.server == server.tls_hosts
        assert bad.received == b""


async def test_an_acl_for_a_certificate(make_zk, server):
    mine = zkc.ACL.x509("CN=client")
    hosts = below(server)
    async with make_zk(hosts, tls=mutual(server.tls)) as zk:
        await zk.create("/mine", b"x", acl=[mine])
        assert (await zk.get_acl("/mine"))[0] == [mine]
        await zk.create("/creators", b"x", acl=zkc.CREATOR_ALL_ACL)
        assert (await zk.get_acl("/creators"))[0] == [mine]
        plain = make_zk(hosts.replace(server.tls_hosts, server.hosts))
        async with plain, make_zk(hosts, tls=other_client(server.tls)) as other:
            for stranger in (plain, other):
                with pytest.raises(zkc.NoAuthError):
                    await stranger.get("/mine")
        assert (await zk.get("/mine"))[0] == b"x"


def other_client(files):
    """Make the settings of a client with a certificate for another subject."""
    return mutual(files, certificate=files.server_cert, key=files.server_key)


async def test_closed_and_started_again(make_zk, server):
    zk = make_zk(below(server), tls=mutual(server.tls))
    sessions = set()
    for _ in range(3):
        async with zk:
            sessions.add(zk.session_id)
    assert len(sessions) == 3


# ---- starts that fail ------------------------------------------------------------------------------------------------


async def test_a_zookeeper_server_with_a_bad_certificate(make_zk, bad_server):
    bad, reason, message = bad_server
    zk = make_zk(bad.tls_hosts, tls=mutual(bad.tls), connect_timeout=PATIENCE)
    error = await refused(zk)
    assert isinstance(error, (zkc.TLSError, zkc.SSLConnectionError, ConnectionError))
    assert (error.reason, error.session_lost) == (reason, False)
    with pytest.raises(zkc.CertificateError, match=message):  # And again, by the same client.
        await zk.start()
    assert bad.tls_hosts in str(error)


@pytest.mark.parametrize("which", BAD)
async def test_a_server_that_is_refused_gets_nothing(make_zk, server, which):
    files = server.tls.serving(getattr(server.tls, which))
    with TLSFront(files.server_context(client_auth="want")) as front:
        zk = make_zk(
            front.hosts,
            tls=mutual(files),
            client_id=(1, b"sixteen letters!"),
            auth=[("digest", "ann:secret")],
            connect_timeout=PATIENCE,
        )
        assert (await refused(zk)).reason == BAD[which][0]
    assert front.failures  # the handshake was never whole
    assert front.received == b""


@pytest.mark.parametrize("which", [None, "wrong_ca_signed", "expired"])
async def test_a_server_that_refuses_our_certificate(make_zk, server, which):
    ours = getattr(server.tls, which) if which else None
    tls = zkc.TLS(server.tls.ca, ours and ours.cert, ours and ours.key)
    error = await refused(make_zk(server.tls_hosts, tls=tls, connect_timeout=PATIENCE))
    assert error.reason == "client_certificate"
    assert ("refused our client certificate" if which else "demands a client certificate") in str(error)


async def test_it_starts_once_the_certificate_is_good(make_zk, server):
    context = server.tls.serving(server.tls.expired).server_context()
    with TLSFront(context, server.port) as front:
        zk = make_zk(front.hosts, tls=mutual(server.tls), connect_timeout=PATIENCE)
        assert (await refused(zk)).reason == "expired"
        context.load_cert_chain(server.tls.server_cert, server.tls.server_key)
        async with zk:
            assert await zk.exists("/") is not None


@pytest.mark.parametrize("password", ["close sesame", None])
async def test_a_key_with_another_password(make_zk, server, password):
    key = server.tls.encrypted_client_key("open sesame")
    zk = make_zk(server.tls_hosts, tls=mutual(server.tls, key=key, password=password), connect_timeout=PATIENCE)
    error = await refused(zk, zkc.TLSError)
    assert error.reason == "files"
    assert "client-encrypted.key: it is encrypted" in str(error)
    async with make_zk(server.tls_hosts, tls=mutual(server.tls, key=key, password="open sesame")) as zk:
        assert zk.connected


async def test_files_that_do_not_belong_together(make_zk, server):
    zk = make_zk(server.tls_hosts, tls=mutual(server.tls, key=server.tls.server_key), connect_timeout=PATIENCE)
    error = await refused(zk, zkc.TLSError)
    assert (error.reason, "key values mismatch" in str(error)) == ("files", True)


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
async def test_a_file_that_is_not_there_is_named(make_zk, server, tmp_path, which):
    missing = tmp_path / "no-such-file.pem"
    zk = make_zk(server.tls_hosts, tls=mutual(server.tls, **{which: missing}))
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match=r"no-such-file\.pem"):
            await zk.start()
        assert zk.closed
    shutil.copy(getattr(server.tls, {"ca": "ca", "certificate": "client_cert", "key": "client_key"}[which]), missing)
    async with zk:  # The files are read at each start.
        assert zk.connected


async def test_a_port_for_plain_text(make_zk, server):
    zk = make_zk(server.hosts, tls=mutual(server.tls), session_timeout=3.0, connect_timeout=5.0)
    error = await refused(zk, zkc.ConnectTimeoutError)
    assert f"no session with {server.hosts} within 5 s" in str(error)
    assert "it may be a port for plain text" in str(error)
    assert error.__cause__.reason == "closed"


async def test_no_tls_to_a_port_with_tls(make_zk, server):
    error = await refused(make_zk(server.tls_hosts, connect_timeout=0.5), zkc.ConnectTimeoutError)
    assert "TLS settings" in str(error)
    assert error.__cause__ is None


async def test_a_server_that_says_nothing(make_zk, server):
    """The start ends when its time is over, and says how far it came; the close waits for no handshake."""
    with TLSFront(None) as silent:
        zk = make_zk(silent.hosts, tls=mutual(server.tls), session_timeout=1.5, connect_timeout=3.0)
        error = await refused(zk, zkc.ConnectTimeoutError)
        assert f"no session with {silent.hosts} within 3 s" in str(error)
        assert "said nothing in the TLS handshake" in str(error)
        assert (type(error.__cause__), error.__cause__.reason) == (zkc.TLSError, "timeout")
        zk = make_zk(silent.hosts, tls=mutual(server.tls), session_timeout=60.0, connect_timeout=0.3)
        await refused(zk, zkc.ConnectTimeoutError)


async def test_a_server_that_says_nothing_and_a_good_one(make_zk, server):
    with TLSFront(None) as silent:
        hosts = f"{silent.hosts},{server.tls_hosts}"
        async with make_zk(hosts, tls=mutual(server.tls), session_timeout=6.0) as zk:
            assert await zk.exists("/") is not None


async def test_one_bad_server_and_one_that_is_away(make_zk, server):
    """The one that is away may come back with a good certificate: the time is waited for, and the cause reported."""
    files = server.tls.serving(server.tls.expired)
    with TLSFront(files.server_context()) as bad, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listened at
        hosts = f"{bad.hosts},127.0.0.1:{taken.getsockname()[1]}"
        zk = make_zk(hosts, tls=mutual(server.tls), session_timeout=3.0, connect_timeout=5.0)
        error = await refused(zk, zkc.ConnectTimeoutError)
    assert "expired at 2001-01-01" in str(error)
    assert error.__cause__.reason == "expired"


# ---- what is secret --------------------------------------------------------------------------------------------------


@pytest.fixture
def everything_logged(caplog):
    """The log of zkc and libzookeeper at their most verbose levels."""
    core.set_log_level(4)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    core.set_log_level(3)


async def test_no_secret_is_shown(make_zk, server, everything_logged):
    key = server.tls.encrypted_client_key("open sesame")
    key_itself = server.tls.client_key.read_text().splitlines()[1]
    tls = mutual(server.tls, key=key, password="open sesame")
    settings = {"tls": tls, "auth": [("digest", "ann:hush hush")], "session_timeout": 9.0}
    shown = [repr(tls), str(tls)]
    async with make_zk(below(server), **settings) as zk:
        session_password = zk.session_password
        await zk.create("/a", acl=zkc.CREATOR_ALL_ACL)
        shown.append(repr(zk))
    for hosts, ca, password in (
        (server.tls_hosts, server.tls.wrong_ca, "open sesame"),
        (server.tls_hosts, server.tls.ca, "sesame, close"),
        (server.hosts, server.tls.ca, "open sesame"),
    ):
        wrong = {**settings, "tls": mutual(server.tls, ca=ca, key=key, password=password)}
        zk = make_zk(hosts, **wrong, connect_timeout=1.0)
        with pytest.raises(zkc.ZooKeeperError) as caught:
            await zk.start()
        shown += [repr(zk), str(caught.value), repr(caught.value), str(caught.value.__cause__)]
    shown.append(everything_logged.text)
    assert "zkc.libzookeeper" in {record.name for record in everything_logged.records}
    for text in shown:
        for secret in ("sesame", "hush", key_itself, session_password.hex(), repr(session_password)[2:-1]):
            assert secret not in text
