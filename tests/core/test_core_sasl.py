"""Sessions with SASL: success and refusal. SASL over TLS is in test_core_tls.py."""

from __future__ import annotations

import contextlib
import logging

import pytest

from zkc import _zookeeper as core
from zkc import errors
from zkc.testing import ZooKeeperServer

from .core_support import ANYONE, AUTH_FAILED, SESSION, WAIT, Recorder, settle

needs_sasl = pytest.mark.skipif(not core.build_info()["sasl"], reason="this libzookeeper has no SASL")


@pytest.fixture(scope="module")
def sasl_server():
    with ZooKeeperServer(sasl={"alice": "secret", "bob": 'with "quotes"'}, sasl_required=True) as server:
        yield server


def digest(user, password, **more):
    return {"mechanisms": "DIGEST-MD5", "user": user, "password": password, **more}


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
    # A request made before the server has refused ends too.
    ended = Recorder()
    early = None
    with contextlib.suppress(errors.AuthFailedError):  # the servers may be quicker
        early = session.get("/", watch=ended)
    with pytest.raises(errors.AuthFailedError) as caught:
        session.wait_connected(WAIT)
    assert caught.value.session_lost
    events.until((SESSION, AUTH_FAILED, ""))
    assert early is None or type(early.exception(WAIT)) in (errors.AuthFailedError, errors.ConnectionLossError)
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
def test_a_mechanism_that_is_unknown(open_session, sasl_server):
    with pytest.raises(errors.ZooKeeperError):
        open_session(sasl_server.hosts, connected=False, sasl={"mechanisms": "NO-SUCH"}).wait_connected(2.0)


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
