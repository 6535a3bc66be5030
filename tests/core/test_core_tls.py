"""Sessions over TLS: whom they trust, what they show, and how they begin."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from zkc import TLS, errors
from zkc import _zookeeper as core
from zkc.testing import ZooKeeperServer

from ..tls_support import TLSFront, has_ipv6, refusal, settings
from .core_support import ANYONE, CHANGED, CONNECTED, SESSION, WAIT, Recorder

pytestmark = pytest.mark.skipif(not core.build_info()["tls"], reason="this libzookeeper has no TLS")


@pytest.fixture(scope="module")
def tls_server():
    with ZooKeeperServer(tls=True, sasl={"alice": "secret"}) as server:
        yield server


@pytest.fixture(scope="module")
def one_way_server():
    with ZooKeeperServer(tls=True, tls_client_auth="none") as server:
        yield server


@pytest.fixture
def front(tls_server):
    """A TLS server of Python's in front of the plain port, which asks for no client certificate."""
    with TLSFront(tls_server.tls.server_context(client_auth="none"), tls_server.port) as running:
        yield running


def works(session):
    return session.exists("/").result(WAIT) is not None


def test_a_tls_session(open_session, tls_server):
    events, seen = Recorder(), Recorder()
    session = open_session(tls_server.tls_hosts, tls=settings(tls_server.tls), watcher=events)
    assert events.next() == (SESSION, CONNECTED, "")
    session.create("/tls", bytes(1_000_000), ANYONE).result(WAIT)
    assert session.get("/tls", watch=seen).result(WAIT)[0] == bytes(1_000_000)
    session.set("/tls", b"x").result(WAIT)
    assert seen.next() == (CHANGED, CONNECTED, "/tls")
    session.delete("/tls").result(WAIT)
    assert (session.tls_error, session.tls_futile) == (None, False)


def test_one_way_tls(open_session, one_way_server):
    tls = TLS(one_way_server.tls.ca)
    assert works(open_session(one_way_server.tls_hosts, tls=tls._core()))


def test_a_client_certificate_where_none_is_wanted(open_session, one_way_server):
    assert works(open_session(one_way_server.tls_hosts, tls=settings(one_way_server.tls)))


@pytest.mark.parametrize("where", ["127.0.0.1", "localhost"])
def test_the_certificate_is_for_what_the_list_says(open_session, tls_server, where):
    hosts = tls_server.tls_hosts.replace("127.0.0.1", where)
    assert works(open_session(hosts, tls=settings(tls_server.tls)))


@pytest.mark.parametrize(("where", "which"), [("127.0.0.1", "address_only"), ("localhost", "name_only")])
def test_each_is_enough_for_itself(open_session, tls_server, where, which):
    files = tls_server.tls.serving(getattr(tls_server.tls, which))
    with TLSFront(files.server_context(client_auth="none"), tls_server.port) as running:
        assert works(open_session(f"{where}:{running.port}", tls={"ca": str(files.ca)}))


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_address(open_session, tls_server):
    files = tls_server.tls
    with TLSFront(files.server_context(client_auth="none"), tls_server.port, "::1") as running:
        assert works(open_session(running.hosts, tls={"ca": str(files.ca)}))
        assert running.names == [None]
    wrong = files.serving(files.address_only)
    with TLSFront(wrong.server_context(client_auth="none"), tls_server.port, "::1") as running:
        error = refusal(open_session(running.hosts, connected=False, tls={"ca": str(files.ca)}))
        assert error.reason == "hostname"
        assert "is for 127.0.0.1, not for ::1" in str(error)


def test_the_server_gets_the_name_that_is_meant(open_session, front, tls_server):
    ca = str(tls_server.tls.ca)
    open_session(f"localhost:{front.port}", tls={"ca": ca})
    assert front.names == ["localhost"]


def test_an_address_is_no_name(open_session, front, tls_server):
    open_session(front.hosts, tls={"ca": str(tls_server.tls.ca)})
    assert front.names == [None]


def test_a_server_name_replaces_that_of_every_server(open_session, tls_server):
    files = tls_server.tls.serving(tls_server.tls.wrong_host)
    with TLSFront(files.server_context(client_auth="none"), tls_server.port) as running:
        tls = {"ca": str(files.ca), "server_name": "elsewhere.invalid"}
        assert works(open_session(running.hosts, tls=tls))
        assert running.names == ["elsewhere.invalid"]
        error = refusal(open_session(running.hosts, connected=False, tls={**tls, "server_name": "nowhere.invalid"}))
        assert (error.reason, running.names[-1]) == ("hostname", "nowhere.invalid")


def test_any_host_of_a_trusted_authority(open_session, tls_server):
    files = tls_server.tls.serving(tls_server.tls.wrong_host)
    with TLSFront(files.server_context(client_auth="none"), tls_server.port) as running:
        tls = {"ca": str(files.ca), "check_hostname": False}
        assert works(open_session(running.hosts, tls=tls))
        error = refusal(open_session(running.hosts, connected=False, tls={**tls, "ca": str(files.wrong_ca)}))
        assert error.reason == "unknown_ca"


@pytest.mark.parametrize("which", ["wrong_host", "expired", "wrong_ca_signed", "self_signed"])
def test_without_verification_anything_goes(open_session, tls_server, which):
    files = tls_server.tls.serving(getattr(tls_server.tls, which))
    with TLSFront(files.server_context(client_auth="none"), tls_server.port) as running:
        assert works(open_session(running.hosts, tls={"verify": False}))


def test_another_list_of_servers_is_verified_by_its_own_names(open_session, tls_server, eventually):
    files = tls_server.tls.serving(tls_server.tls.name_only)
    with TLSFront(files.server_context(client_auth="none"), tls_server.port) as running:
        session = open_session(f"localhost:{running.port}", tls={"ca": str(files.ca)})
        session.set_servers(running.hosts)  # the same server by its address
        eventually(lambda: session.tls_error is not None)
        assert session.tls_error.reason == "hostname"
        session.set_servers(f"localhost:{running.port}")
        session.wait_connected(WAIT)
        assert works(session)
        assert session.tls_error is None


def test_a_folder_of_authorities(open_session, tls_server, tmp_path):
    shutil.copy(tls_server.tls.ca, tmp_path / "ca.pem")
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)
    assert works(open_session(tls_server.tls_hosts, tls=settings(tls_server.tls, ca=tmp_path)))


def test_paths_with_commas_and_a_key_in_the_certificates_file(open_session, tls_server, tmp_path):
    files = tls_server.tls
    both = tmp_path / "a, b.pem"
    both.write_bytes(files.client_cert.read_bytes() + files.client_key.read_bytes())
    authority = shutil.copy(files.ca, tmp_path / "c, d, ä.pem")
    assert works(open_session(tls_server.tls_hosts, tls=settings(files, ca=authority, certificate=both, key=None)))


def test_a_key_with_a_password(open_session, tls_server):
    key = tls_server.tls.encrypted_client_key("open, sesame")
    assert works(open_session(tls_server.tls_hosts, tls=settings(tls_server.tls, key=key, password="open, sesame")))


@pytest.mark.parametrize("password", ["close sesame", None])
def test_a_key_with_another_password(tls_server, password):
    key = tls_server.tls.encrypted_client_key("open sesame")
    with pytest.raises(errors.TLSError, match=r"client-encrypted\.key: it is encrypted") as caught:
        core.Session(tls_server.tls_hosts, tls=settings(tls_server.tls, key=key, password=password))
    assert caught.value.reason == "files"
    assert "sesame" not in str(caught.value)


def test_files_that_do_not_belong_together(tls_server):
    with pytest.raises(errors.TLSError, match="key values mismatch"):
        core.Session(tls_server.tls_hosts, tls=settings(tls_server.tls, key=tls_server.tls.server_key))


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
def test_a_file_that_is_not_there_is_named(tls_server, which):
    with pytest.raises(FileNotFoundError, match="no-such-file"):
        core.Session(tls_server.tls_hosts, tls=settings(tls_server.tls, **{which: "no-such-file"}))


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
def test_a_file_that_is_something_else_is_named(tls_server, tmp_path, which):
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    with pytest.raises(errors.TLSError, match=r"junk\.pem"):
        core.Session(tls_server.tls_hosts, tls=settings(tls_server.tls, **{which: junk}))


SYSTEM_STORE = """
    tls = {"ca": sys.argv[2]} if sys.argv[2] else {}
    session = core.Session(hosts, tls=tls)
    try:
        session.wait_connected(20)
        print("connected")
    except errors.CertificateError as error:
        print(error.reason)
    session.close()
"""


@pytest.mark.parametrize(("ca", "outcome"), [("", "connected"), ("wrong_ca", "unknown_ca")])
def test_the_systems_authorities_are_trusted_only_without_others(run_script, one_way_server, monkeypatch, ca, outcome):
    files = one_way_server.tls
    monkeypatch.setenv("SSL_CERT_FILE", str(files.ca))
    given = str(getattr(files, ca)) if ca else ""
    result = run_script(SYSTEM_STORE, given, hosts=one_way_server.tls_hosts)
    assert result.ended_in_silence() == f"{outcome}\n"


def test_the_system_does_not_know_our_authority(open_session, one_way_server):
    error = refusal(open_session(one_way_server.tls_hosts, connected=False, tls={}))
    assert error.reason == "unknown_ca"


@pytest.mark.skipif(not core.build_info()["sasl"], reason="this libzookeeper has no SASL")
def test_sasl_over_tls(open_session, tls_server):
    sasl = {"mechanisms": "DIGEST-MD5", "user": "alice", "password": "secret"}
    session = open_session(tls_server.tls_hosts, tls=settings(tls_server.tls), sasl=sasl)
    acl = [(31, "sasl", "alice")]
    session.create("/alice", b"x", acl).result(WAIT)
    assert session.get_acl("/alice").result(WAIT)[0] == acl
    session.delete("/alice").result(WAIT)


@pytest.mark.skipif(not core.build_info()["sasl"], reason="this libzookeeper has no SASL")
def test_a_wrong_password_over_tls(open_session, tls_server):
    sasl = {"mechanisms": "DIGEST-MD5", "user": "alice", "password": "wrong"}
    session = open_session(tls_server.tls_hosts, connected=False, tls=settings(tls_server.tls), sasl=sasl)
    with pytest.raises(errors.AuthFailedError):
        session.wait_connected(WAIT)
    assert session.tls_error is None


def test_tls_survives_a_restart(open_session, tls_server):
    session = open_session(tls_server.tls_hosts, tls=settings(tls_server.tls), session_timeout=30.0)
    tls_server.restart()
    session.wait_connected(30)
    assert works(session)


def test_the_lines_of_a_tls_session_go_to_logging_and_not_to_stderr(run_script, tls_server):
    tls = settings(tls_server.tls)
    result = run_script(
        """
        import logging
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
        session = core.Session(hosts, tls=dict(ca=sys.argv[2], certificate=sys.argv[3], key=sys.argv[4]))
        session.wait_connected(20)
        assert session.exists("/").result(20) is not None
        session.close()
        """,
        *(tls[name] for name in ("ca", "certificate", "key")),
        hosts=tls_server.tls_hosts,
    )
    assert "zkc.libzookeeper INFO Initiating client connection" in result.ended_in_silence()
