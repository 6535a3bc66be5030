"""Sessions over TLS and with SASL: success and refusal."""

from __future__ import annotations

import logging

import pytest
from core_support import ANYONE, AUTH_FAILED, CHANGED, CONNECTED, SESSION, WAIT, Recorder, settle

from zkc import _zookeeper as core
from zkc import errors
from zkc.testing import ZooKeeperServer

needs_tls = pytest.mark.skipif(not core.build_info()["tls"], reason="this libzookeeper has no TLS")
needs_sasl = pytest.mark.skipif(not core.build_info()["sasl"], reason="this libzookeeper has no SASL")


@pytest.fixture(scope="module")
def tls_server():
    with ZooKeeperServer(tls=True) as server:
        yield server


@pytest.fixture(scope="module")
def sasl_server():
    with ZooKeeperServer(sasl={"alice": "secret", "bob": 'with "quotes"'}, sasl_required=True) as server:
        yield server


def files(tls, *, ca=None, cert=None, key=None, password=""):
    return (str(ca or tls.ca), str(cert or tls.client_cert), str(key or tls.client_key), password)


def digest(user, password, **more):
    return {"mechanisms": "DIGEST-MD5", "user": user, "password": password, **more}


@needs_tls
def test_a_tls_session(open_session, tls_server):
    events, seen = Recorder(), Recorder()
    session = open_session(tls_server.tls_hosts, tls=files(tls_server.tls), watcher=events)
    assert events.next() == (SESSION, CONNECTED, "")
    session.create("/tls", bytes(1_000_000), ANYONE).result(WAIT)
    assert session.get("/tls", watch=seen).result(WAIT)[0] == bytes(1_000_000)
    session.set("/tls", b"x").result(WAIT)
    assert seen.next() == (CHANGED, CONNECTED, "/tls")
    session.delete("/tls").result(WAIT)


@needs_tls
def test_a_key_with_a_password(open_session, tls_server):
    encrypted = tls_server.tls.encrypted_client_key("open sesame")
    session = open_session(tls_server.tls_hosts, tls=files(tls_server.tls, key=encrypted, password="open sesame"))
    assert session.exists("/").result(WAIT) is not None


@needs_tls
@pytest.mark.parametrize("what", ["ca", "client"])
def test_certificates_that_do_not_match_are_refused(open_session, tls_server, what):
    tls = tls_server.tls
    stranger = tls.wrong_ca_signed
    chosen = files(tls, ca=tls.wrong_ca) if what == "ca" else files(tls, cert=stranger.cert, key=stranger.key)
    session = open_session(tls_server.tls_hosts, connected=False, tls=chosen)
    with pytest.raises(errors.ZooKeeperError):
        session.wait_connected(1.0)
    assert session.state != CONNECTED
    assert session.close(10)


@needs_tls
def test_files_that_are_not_there(tls_server):
    with pytest.raises((errors.ZooKeeperError, OSError, ValueError), match="no-ca"):
        core.Session(tls_server.tls_hosts, tls=("no-ca", "no-cert", "no-key", ""))


@needs_tls
def test_tls_to_a_port_without_tls(open_session, tls_server):
    session = open_session(tls_server.hosts, connected=False, tls=files(tls_server.tls), session_timeout=3.0)
    with pytest.raises(errors.ZooKeeperError):
        session.wait_connected(1.0)
    assert session.close(20)


@needs_tls
def test_no_tls_to_a_port_with_tls(open_session, tls_server):
    session = open_session(tls_server.tls_hosts, connected=False, session_timeout=3.0)
    with pytest.raises(errors.OperationTimeoutError):
        session.wait_connected(1.0)


@needs_tls
def test_tls_survives_a_restart(open_session, tls_server):
    session = open_session(tls_server.tls_hosts, tls=files(tls_server.tls), session_timeout=30.0)
    tls_server.restart()
    session.wait_connected(30)
    assert session.exists("/").result(WAIT) is not None


@needs_tls
def test_the_lines_of_a_tls_session_go_to_logging_and_not_to_stderr(run_script, tls_server):
    # zookeeper_init_ssl takes no log callback.
    result = run_script(
        """
        import logging
        logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(name)s %(levelname)s %(message)s")
        session = core.Session(hosts, tls=(*sys.argv[2:5], ""))
        session.wait_connected(20)
        assert session.exists("/").result(20) is not None
        session.close()
        """,
        *files(tls_server.tls)[:3],
        hosts=tls_server.tls_hosts,
    )
    assert "zkc.libzookeeper INFO Initiating client connection" in result.ended_in_silence()


@needs_sasl
@pytest.mark.parametrize(("user", "password"), [("alice", "secret"), ("bob", 'with "quotes"')])
def test_a_sasl_session(open_session, sasl_server, user, password):
    session = open_session(sasl_server.hosts, sasl=digest(user, password))
    acl = [(31, "sasl", user)]
    session.create(f"/{user}", b"x", acl).result(WAIT)
    assert session.get_acl(f"/{user}").result(WAIT)[0] == acl
    session.delete(f"/{user}").result(WAIT)
    settle(session)


@needs_sasl
def test_sasl_survives_a_restart(open_session, sasl_server):
    session = open_session(sasl_server.hosts, sasl=digest("alice", "secret"), session_timeout=30.0)
    sasl_server.restart()
    session.wait_connected(30)
    assert session.exists("/").result(WAIT) is not None


@needs_sasl
@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", "wrong"), ("alice", "")])
def test_wrong_credentials_end_the_session(open_session, sasl_server, user, password):
    events = Recorder()
    session = open_session(sasl_server.hosts, connected=False, sasl=digest(user, password), watcher=events)
    # What is asked before the server has refused has its end too.
    ended = Recorder()
    early = session.get("/", watch=ended)
    with pytest.raises(errors.AuthFailedError) as caught:
        session.wait_connected(WAIT)
    assert caught.value.session_lost
    events.until((SESSION, AUTH_FAILED, ""))
    assert type(early.exception(WAIT)) in (errors.AuthFailedError, errors.ConnectionLossError)
    assert ended.calls in ([], [(SESSION, AUTH_FAILED, "/")])
    with pytest.raises(errors.AuthFailedError):
        session.get("/").result(WAIT)
    assert session.unrecoverable


@needs_sasl
def test_without_sasl_where_it_is_required(open_session, sasl_server):
    session = open_session(sasl_server.hosts, connected=False, session_timeout=2.0)

    def use():
        # Some servers accept the session and end it at the first request.
        session.wait_connected(1.0)
        session.create("/a", b"", ANYONE).result(1.0)

    with pytest.raises(errors.ZooKeeperError):
        use()


@needs_sasl
def test_a_mechanism_that_nobody_knows(open_session, sasl_server):
    with pytest.raises(errors.ZooKeeperError):
        open_session(sasl_server.hosts, connected=False, sasl={"mechanisms": "NO-SUCH"}).wait_connected(2.0)


def test_tls_and_sasl_at_once(tls_server):
    with pytest.raises(errors.UnimplementedError):
        core.Session(tls_server.tls_hosts, tls=files(tls_server.tls), sasl=digest("alice", "secret"))


@needs_sasl
def test_the_password_is_not_logged(open_session, sasl_server, caplog):
    core.set_log_level(4)
    try:
        with caplog.at_level(logging.DEBUG, "zkc"):
            session = open_session(sasl_server.hosts, sasl=digest("alice", "secret"))
            session.close()
    finally:
        core.set_log_level(3)
    assert "secret" not in caplog.text
