"""A session's life: opening, states, identity, resuming, expiry."""

from __future__ import annotations

import pytest

from zkc import _zookeeper as core
from zkc import errors
from zkc.testing import FaultProxy

from ..build_support import needs_long_session_timeouts
from .core_support import ANYONE, CHANGED, CONNECTED, CREATOR_ALL, EPHEMERAL, EXPIRED, SESSION, WAIT, Recorder, paused


def next_error(call):
    """Return what a call raises, or None."""
    try:
        call()
    except errors.ZooKeeperError as error:
        return error
    return None


def test_a_connected_session(session, zookeeper_server):
    assert session.state == CONNECTED
    assert not session.closed
    assert not session.unrecoverable
    assert (session.in_flight, session.watch_count) == (0, 0)
    assert session.wait_connected(0) is None
    assert zookeeper_server.hosts in repr(session)


def test_the_timeout_is_what_the_server_grants(open_session, zookeeper_server):
    assert open_session(session_timeout=5.5).negotiated_timeout == 5.5
    assert open_session(session_timeout=0.3).negotiated_timeout == 0.4  # two ticks, at least
    assert open_session(session_timeout=1000).negotiated_timeout == 60.0


@needs_long_session_timeouts
@pytest.mark.parametrize("seconds", [2**30 / 1000, 2_000_000, 2**31 / 1000 - 0.001])
def test_the_longest_timeouts(open_session, seconds):
    """From 2^30 milliseconds on no connection was made."""
    assert open_session(session_timeout=seconds).negotiated_timeout == 60.0


def test_milliseconds_are_not_lost(open_session):
    """1.001 seconds are less than 1001 milliseconds as a float, and 1000 were asked for."""
    assert open_session(session_timeout=1.001).negotiated_timeout == 1.001


def test_the_identity(session, other):
    session_id, password = session.client_id
    assert isinstance(session_id, int)
    assert session_id != 0
    assert (type(password), len(password)) == (bytes, 16)
    assert session.client_id == (session_id, password)
    assert other.client_id[0] != session_id


def test_session_events_come_on_the_dispatcher_thread(open_session):
    events = Recorder()
    open_session(watcher=events)
    assert events.next() == (SESSION, CONNECTED, "")
    assert events.threads[0].startswith("zkc-dispatch-")


def test_the_watcher_can_be_replaced(open_session, own_server, eventually):
    first, second = Recorder(), Recorder()
    session = open_session(own_server.hosts, watcher=first)
    first.next()
    session.set_watcher(second)
    own_server.restart()
    second.until((SESSION, 1, ""))
    second.until((SESSION, CONNECTED, ""))
    session.set_watcher(None)
    session.close()
    assert len(first.calls) == 1
    with pytest.raises(TypeError):
        session.set_watcher("no callable")


def test_the_last_event_is_that_of_the_end(open_session):
    events = Recorder()
    session = open_session(watcher=events)
    session.close()
    assert events.calls == [(SESSION, CONNECTED, ""), (SESSION, 0, "")]


def test_resuming_a_session(open_session, zookeeper_server, session, eventually):
    # The first one loses its connection for good, as if its machine had; another takes the session over.
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        chroot = session.hosts[session.hosts.index("/") :]
        first = open_session(proxy.hosts + chroot, session_timeout=60.0)
        first.create("/mine", b"", ANYONE, EPHEMERAL).result(20)
        client_id = first.client_id
        proxy.refuse()
        proxy.drop_connections()
        second = open_session(client_id=client_id, session_timeout=60.0)
        assert second.client_id == client_id
        assert second.exists("/mine").result(20).ephemeral_owner == client_id[0]
        second.close()
        # Long before it would expire. A server that stood still may read another session's request first.
        eventually(lambda: session.exists("/mine").result(20) is None)
        first.close()


def test_resuming_with_a_wrong_password(open_session, session, eventually):
    session_id, _ = session.client_id
    stranger = open_session(connected=False, client_id=(session_id, bytes(16)))
    with pytest.raises(errors.SessionExpiredError):
        stranger.wait_connected(20)
    assert stranger.state == EXPIRED
    assert stranger.unrecoverable

    def owner_is_served():
        # A server may drop the owner's connection together with the stranger's; never the session.
        try:
            return session.exists("/").result(20) is not None
        except errors.ConnectionLossError:
            return False

    eventually(owner_is_served)
    assert session.client_id[0] == session_id


def test_resuming_a_session_that_has_ended(open_session, session, other, eventually):
    session.create("/mine", b"", ANYONE, EPHEMERAL).result(20)
    client_id = session.client_id
    session.close()
    eventually(lambda: other.exists("/mine").result(20) is None)  # It waits for the server, but not for long.
    late = open_session(connected=False, client_id=client_id)
    with pytest.raises(errors.SessionExpiredError):
        late.wait_connected(20)


def test_a_password_with_nul_bytes_is_given_back_whole(open_session, eventually):
    # One in sixteen passwords has a NUL: open sessions until one has, and resume it.
    def resumed():
        first = open_session()
        if b"\0" not in first.client_id[1]:
            first.close()
            return False
        second = open_session(client_id=first.client_id)
        return second.client_id == first.client_id

    eventually(resumed, timeout=60)


def test_expiry(open_session, zookeeper_server, session):
    events, on_data, on_children, on_missing = Recorder(), Recorder(), Recorder(), Recorder()
    victim = open_session(watcher=events)
    victim.create("/mine", b"", ANYONE, EPHEMERAL).result(20)
    victim.get("/", watch=on_data).result(20)
    victim.get_children("/mine", watch=on_children).result(20)
    victim.exists("/missing", watch=on_missing).result(20)
    assert victim.watch_count == 3
    zookeeper_server.expire(*victim.client_id)
    events.until((SESSION, EXPIRED, ""))
    assert on_data.next() == (SESSION, EXPIRED, "/")
    assert on_children.next() == (SESSION, EXPIRED, "/mine")
    assert on_missing.next() == (SESSION, EXPIRED, "/missing")
    assert victim.watch_count == 0
    assert (victim.state, victim.unrecoverable, victim.closed) == (EXPIRED, True, False)
    for call in (
        lambda: victim.get("/"),
        lambda: victim.create("/a", b"", ANYONE),
        lambda: victim.multi([("check", "/", -1)]),
        lambda: victim.sync("/"),
        lambda: victim.add_auth("digest", b"u:p"),
        lambda: victim.wait_connected(20),
    ):
        with pytest.raises(errors.SessionExpiredError) as caught:
            getattr(call(), "result", lambda: None)()
        assert caught.value.session_lost
        assert not caught.value.maybe_applied
    assert session.exists("/mine").result(20) is None
    victim.close()
    for call in (
        lambda: victim.get("/"),
        lambda: victim.multi([("check", "/", -1)]),
        lambda: victim.client_id,
        lambda: victim.wait_connected(20),
    ):  # It was lost by its expiry, and not by the close that followed.
        with pytest.raises(errors.SessionExpiredError) as caught:
            call()
        assert not caught.value.maybe_applied
    assert [len(seen.calls) for seen in (on_data, on_children, on_missing)] == [1, 1, 1]


def test_a_watch_of_a_call_that_the_expiry_overtakes(open_session, zookeeper_server):
    # Watches that are set while the session ends: each ends too, or its call fails; none is forgotten.
    victim = open_session()
    zookeeper_server.expire(*victim.client_id)
    calls, failed = [], 0
    for _ in range(2000):
        seen = Recorder()
        try:
            request = victim.get("/", watch=seen)
        except errors.ZooKeeperError:
            failed += 1
            continue
        calls.append((request, seen))
    for request, seen in calls:
        if request.exception(20) is None:
            kind, state, path = seen.next()
            assert (kind, path) == (SESSION, "/")
            assert state == EXPIRED
    victim.close()
    for request, seen in calls:
        assert len(seen.calls) == (1 if request.exception() is None else 0)


def test_requests_to_a_silent_server_fail_without_a_timeout_of_their_own(open_session, zookeeper_server):
    session = open_session(session_timeout=3.0)
    with paused(zookeeper_server):
        requests = [session.set("/", b"x") for _ in range(10)]
        # The library gives the server up after two thirds of the timeout, and fails what was sent.
        failures = [request.exception(WAIT) for request in requests]
    for failure in failures:
        assert type(failure) is errors.ConnectionLossError
        assert failure.maybe_applied


def test_an_answer_before_the_expiry_stays(open_session, zookeeper_server, eventually):
    victim = open_session()
    request = victim.get("/")
    data = request.result(20)
    zookeeper_server.expire(*victim.client_id)
    eventually(lambda: type(next_error(lambda: victim.exists("/").result(20))) is errors.SessionExpiredError)
    assert request.result() is data


def test_connection_loss_is_distinguished_from_expiry(open_session, own_server):
    events = Recorder()
    session = open_session(own_server.hosts, session_timeout=20.0, watcher=events)
    session.create("/a", b"", ANYONE).result(20)
    watch = Recorder()
    session.get("/a", watch=watch).result(20)
    events.until((SESSION, CONNECTED, ""))
    own_server.kill()
    events.until((SESSION, 1, ""))
    assert session.state in (1, 2, 999)
    assert not session.unrecoverable
    with pytest.raises((errors.ConnectionLossError, errors.OperationTimeoutError)) as caught:
        session.set("/a", b"x").result(1)
    assert caught.value.maybe_applied
    own_server.start()
    events.until((SESSION, CONNECTED, ""))
    session.set("/a", b"y").result(20)
    assert watch.next()[::2] == (CHANGED, "/a")


@pytest.mark.skipif(core.build_info()["linkage"] == "system", reason="libzookeeper takes no credentials then")
def test_add_auth_without_a_server_is_sent_when_there_is_one_again(open_session, own_server, eventually):
    session = open_session(own_server.hosts, session_timeout=20.0)
    session.add_auth("digest", b"u:p").result(WAIT)
    session.create("/mine", b"x", CREATOR_ALL).result(WAIT)
    late = open_session(own_server.hosts, session_timeout=20.0)
    assert type(late.get("/mine").exception(WAIT)) is errors.NoAuthError
    own_server.kill()
    late.add_auth("digest", b"u:p")  # accepted whatever state the connection is in
    eventually(lambda: type(late.add_auth("digest", b"u:p").exception(WAIT)) is errors.ConnectionLossError)
    own_server.start()

    def read():
        error = (request := late.get("/mine")).exception(WAIT)
        assert error is None or type(error) is errors.ConnectionLossError, "sent before the credential"
        return error is None and request.result()[0] == b"x"

    eventually(read)


@pytest.mark.skipif(core.build_info()["linkage"] == "system", reason="libzookeeper takes no credentials then")
def test_add_auth_between_two_connections_ends_with_the_session(open_session, own_server):
    session = open_session(own_server.hosts, session_timeout=20.0)
    own_server.kill()
    requests = [session.add_auth("digest", b"u:p") for _ in range(20)]
    session.close(WAIT)
    assert {type(request.exception(0)) for request in requests} <= {errors.ConnectionLossError, errors.ClosingError}


def test_wait_connected_where_no_server_listens(open_session):
    session = open_session("127.0.0.1:1", connected=False)
    with pytest.raises(errors.OperationTimeoutError, match="check that the addresses"):
        session.wait_connected(0.3)
    assert session.close(WAIT) is True


@pytest.mark.parametrize("hosts", ["no-such-name.invalid:2181", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", ":2181x"])
def test_hosts_that_cannot_be_resolved(hosts):
    with pytest.raises(errors.ZooKeeperError):
        core.Session(hosts, open_timeout=20)


def test_a_second_init_is_refused(session):
    with pytest.raises(TypeError):
        session.__init__("127.0.0.1:1")
    assert session.exists("/").result(20) is not None
