"""TLS connections that are refused: which cause is reported, where and when, and that nothing was sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time

import pytest

from zkc import _zookeeper as core
from zkc import errors
from zkc.testing import ZooKeeperServer

from ..tls_support import TLSFront, refusal, settings
from .core_support import CONNECTED, SESSION, WAIT, Recorder

pytestmark = pytest.mark.skipif(not core.build_info()["tls"], reason="this libzookeeper has no TLS")

BAD = {
    "wrong_host": ("hostname", r"is for elsewhere\.invalid, 192\.0\.2\.1, not for 127\.0\.0\.1\. "),
    "expired": ("expired", "expired at 2001-01-01 00:00:00 UTC"),
    "not_yet_valid": ("not_yet_valid", "is not valid before 2099-01-01 00:00:00 UTC"),
    "wrong_ca_signed": ("unknown_ca", "not trusted: CN = zkc other test CA"),
    "self_signed": ("self_signed", "is self-signed, and none of the trusted ones"),
}


@pytest.fixture(scope="module")
def server():
    with ZooKeeperServer(tls=True) as running:
        yield running


def check(error, reason, server_hosts):
    assert type(error) is errors.CertificateError
    assert isinstance(error, (errors.TLSError, errors.SSLConnectionError, ConnectionError))
    assert (error.reason, error.code, error.maybe_applied, error.session_lost) == (reason, -15, False, False)
    assert str(error).startswith("connect: the certificate of ")
    assert server_hosts in str(error)


@pytest.mark.parametrize("which", BAD)
def test_a_zookeeper_server_with_a_bad_certificate(open_session, server, which):
    reason, message = BAD[which]
    files = server.tls.serving(getattr(server.tls, which))
    with ZooKeeperServer(tls=files) as bad:
        session = open_session(bad.tls_hosts, connected=False, tls=settings(files))
        with pytest.raises(errors.CertificateError, match=message) as caught:
            session.wait_connected(WAIT)
        check(caught.value, reason, bad.tls_hosts)
        assert session.tls_futile
        check(session.tls_error, reason, bad.tls_hosts)
        assert session.close(10)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("which", BAD)
def test_a_server_that_is_refused_gets_nothing(open_session, server, which, version):
    files = server.tls.serving(getattr(server.tls, which))
    context = files.server_context(client_auth="want")
    context.maximum_version = version
    with TLSFront(context) as front:
        secret = (1, b"sixteen letters!")
        session = open_session(front.hosts, connected=False, tls=settings(files), client_id=secret)
        error = refusal(session)
        assert error.reason == BAD[which][0]
        session.close(10)
    assert front.failures  # the handshake was never whole
    assert front.received == b""


def test_the_authority_is_another(open_session, server):
    session = open_session(server.tls_hosts, connected=False, tls=settings(server.tls, ca=server.tls.wrong_ca))
    error = refusal(session)
    check(error, "unknown_ca", server.tls_hosts)
    assert "ca" in str(error)


def test_the_watcher_hears_of_each_failure(open_session, server):
    events = Recorder()
    tls = settings(server.tls, ca=server.tls.wrong_ca)
    session = open_session(server.tls_hosts, connected=False, tls=tls, watcher=events)
    assert [events.next() for _ in range(3)] == [(core.TLS_FAILED, number, "") for number in (1, 2, 3)]
    assert core.TLS_FAILED == -101
    assert (session.tls_futile, session.tls_error.reason) == (True, "unknown_ca")


def test_one_good_server_is_enough(open_session, server):
    files = server.tls.serving(server.tls.expired)
    with TLSFront(files.server_context()) as bad:
        for _ in range(4):  # the order of servers is random
            session = open_session(f"{bad.hosts},{server.tls_hosts}", tls=settings(server.tls))
            assert (session.tls_error, session.tls_futile) == (None, False)
            session.close()


def test_all_bad_servers_for_a_cause_each(open_session, server):
    tls = server.tls
    with (
        TLSFront(tls.serving(tls.expired).server_context()) as one,
        TLSFront(tls.serving(tls.wrong_host).server_context()) as other,
    ):
        session = open_session(f"{one.hosts},{other.hosts}", connected=False, tls=settings(tls))
        assert refusal(session).reason in ("expired", "hostname")


def test_a_server_that_is_away_may_come_back(open_session, server, free_port):
    """With one server refused and the other not to be reached, waiting goes on; the timeout names the cause."""
    files = server.tls.serving(server.tls.expired)
    events = Recorder()
    with TLSFront(files.server_context()) as bad:
        hosts = f"{bad.hosts},127.0.0.1:{free_port}"
        session = open_session(hosts, connected=False, tls=settings(server.tls), session_timeout=3.0, watcher=events)
        events.until((core.TLS_FAILED, 3, ""))
        assert not session.tls_futile
        with pytest.raises(
            errors.OperationTimeoutError, match=r"the last attempt failed in TLS: .* expired at"
        ) as caught:
            session.wait_connected(0.1)
        assert caught.value.__cause__.reason == "expired"


@pytest.fixture
def free_port():
    """A port that is taken, and not listened at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_certificate_that_is_replaced(open_session, server, eventually):
    """The session goes on trying, and what went wrong is forgotten."""
    tls = server.tls
    context = tls.serving(tls.expired).server_context()
    with TLSFront(context, server.port) as front:
        session = open_session(front.hosts, connected=False, tls=settings(tls), session_timeout=6.0)
        assert refusal(session).reason == "expired"
        context.load_cert_chain(tls.server_cert, tls.server_key)
        eventually(lambda: session.state == CONNECTED)
        assert (session.tls_error, session.tls_futile) == (None, False)


@pytest.mark.parametrize("which", [None, "wrong_ca_signed", "expired"])
def test_a_server_that_refuses_our_certificate(open_session, server, which):
    """Of a ZooKeeper server, which says so after the handshake with TLS 1.3."""
    ours = getattr(server.tls, which) if which else None
    tls = settings(server.tls, certificate=ours and ours.cert, key=ours and ours.key)
    error = refusal(open_session(server.tls_hosts, connected=False, tls=tls))
    assert type(error) is errors.CertificateError
    assert error.reason == "client_certificate"
    assert ("refused our client certificate" if which else "demands a client certificate") in str(error)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("which", [None, "wrong_ca_signed"])
def test_our_certificate_is_refused_in_each_version(open_session, server, which, version):
    context = server.tls.server_context()
    context.minimum_version = context.maximum_version = version
    ours = getattr(server.tls, which) if which else None
    tls = settings(server.tls, certificate=ours and ours.cert, key=ours and ours.key)
    with TLSFront(context) as front:
        error = refusal(open_session(front.hosts, connected=False, tls=tls))
        assert error.reason == "client_certificate"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_versions_that_are_too_old(open_session, server, eventually):
    context = server.tls.server_context(client_auth="none")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with TLSFront(context) as front:
        session = open_session(front.hosts, connected=False, tls=settings(server.tls))
        eventually(lambda: session.tls_error)
        error = refusal(session, 0.1).__cause__
        assert (type(error), error.reason) == (errors.TLSError, "protocol")
        assert "1.2 and later" in str(error)


def test_a_zookeeper_server_without_tls(open_session, server, eventually):
    session = open_session(server.hosts, connected=False, tls=settings(server.tls), session_timeout=15.0)
    eventually(lambda: session.tls_error)
    with pytest.raises(errors.OperationTimeoutError, match="it may be a port for plain text") as caught:
        session.wait_connected(0.1)
    assert caught.value.__cause__.reason == "closed"
    assert not session.tls_futile
    assert session.close(20)


def test_a_server_that_says_something_else(open_session, server, eventually):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            while True:
                try:
                    sock = listener.accept()[0]
                except OSError:
                    return
                with sock, contextlib.suppress(OSError):  # the client hung up first
                    sock.recv(65536)
                    sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        session = open_session(f"127.0.0.1:{listener.getsockname()[1]}", connected=False, tls=settings(server.tls))
        eventually(lambda: session.tls_error)
        with pytest.raises(errors.OperationTimeoutError, match="does not speak TLS") as caught:
            session.wait_connected(0.1)
        assert caught.value.__cause__.reason == "protocol"
        session.close()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_no_tls_to_a_port_with_tls(open_session, server):
    session = open_session(server.tls_hosts, connected=False, session_timeout=3.0)
    with pytest.raises(errors.OperationTimeoutError):
        session.wait_connected(1.0)


def test_a_server_that_never_answers(open_session, server):
    """It holds up neither the start, nor the next server, nor the close."""
    events = Recorder()
    with TLSFront(None) as silent:
        begun = time.monotonic()
        session = open_session(
            silent.hosts, connected=False, tls=settings(server.tls), session_timeout=1.5, watcher=events
        )
        assert events.next() == (core.TLS_FAILED, 1, "")
        assert time.monotonic() - begun > 0.5
        error = session.tls_error
        assert (type(error), error.reason) == (errors.TLSError, "timeout")
        assert "said nothing in the TLS handshake" in str(error)
        assert session.close(10)
        session = open_session(f"{silent.hosts},{server.tls_hosts}", tls=settings(server.tls), session_timeout=6.0)
        assert session.exists("/").result(WAIT) is not None


def test_a_close_does_not_wait_for_a_handshake(open_session, server):
    with TLSFront(None) as silent:
        session = open_session(silent.hosts, connected=False, tls=settings(server.tls), session_timeout=60.0)
        time.sleep(0.2)  # so that the handshake is under way, most times
        assert session.close(10)  # The handshake has four times as long.


def test_descriptors_beyond_what_select_can_take(run_script, server):
    tls = settings(server.tls)
    result = run_script(
        """
        import resource
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1500)]
        session = core.Session(hosts, tls=dict(ca=sys.argv[2], certificate=sys.argv[3], key=sys.argv[4]))
        session.wait_connected(20)
        session.close()
        print("fine")
        """,
        *(tls[name] for name in ("ca", "certificate", "key")),
        hosts=server.tls_hosts,
    )
    assert result.ended_in_silence() == "fine\n"


def test_a_session_without_tls_has_no_tls_error(open_session):
    events = Recorder()
    session = open_session(watcher=events)
    assert events.next() == (SESSION, CONNECTED, "")
    assert (session.tls_error, session.tls_futile) == (None, False)
