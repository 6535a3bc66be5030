"""Watches over a lost connection: they survive it, and report changes made during it."""

from __future__ import annotations

import pytest

from zkc import errors
from zkc.testing import FaultProxy

from .core_support import (
    ANYONE,
    CHANGED,
    CHILD,
    CONNECTED,
    CONNECTING,
    CREATED,
    DELETED,
    SESSION,
    WAIT,
    Recorder,
    settle,
)


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as made:
        yield made


@pytest.fixture
def through_proxy(open_session, proxy, zookeeper_server):
    """Return a function that opens a session whose connection a test can cut, under a root of its own."""
    chroot = zookeeper_server.new_chroot()
    chroot = chroot[chroot.index("/") :]
    return lambda **options: open_session(proxy.hosts + chroot, session_timeout=20.0, **options)


@pytest.fixture
def own_proxy(own_server):
    with FaultProxy("127.0.0.1", own_server.port) as made:
        yield made


def restart(server, proxy):
    """Restart a server, and let clients come when it serves.

    A server that is half up may take a connection, and neither answer the first packet nor hang up. Its client gives
    up after two thirds of the session timeout, and comes again.
    """
    proxy.refuse()
    server.restart()
    proxy.accept()


def test_watches_survive_a_restart_of_the_server(open_session, own_server, own_proxy):
    events = Recorder()
    session = open_session(own_proxy.hosts, session_timeout=30.0, watcher=events)
    session.create("/a", b"", ANYONE).result(WAIT)
    on_data, on_children, on_missing = Recorder(), Recorder(), Recorder()
    session.get("/a", watch=on_data).result(WAIT)
    session.get_children("/a", watch=on_children).result(WAIT)
    session.exists("/missing", watch=on_missing).result(WAIT)
    assert events.next() == (SESSION, CONNECTED, "")
    restart(own_server, own_proxy)
    assert events.next() == (SESSION, CONNECTING, "")
    assert events.next() == (SESSION, CONNECTED, "")
    assert session.watch_count == 3
    session.create("/a/b", b"", ANYONE).result(WAIT)
    session.create("/missing", b"", ANYONE).result(WAIT)
    session.set("/a", b"x").result(WAIT)
    assert on_children.next() == (CHILD, CONNECTED, "/a")
    assert on_missing.next() == (CREATED, CONNECTED, "/missing")
    assert on_data.next() == (CHANGED, CONNECTED, "/a")
    settle(session)
    assert [len(seen.calls) for seen in (on_data, on_children, on_missing)] == [1, 1, 1]


def test_watches_see_what_happened_while_the_connection_was_lost(through_proxy, proxy, open_session, zookeeper_server):
    session = through_proxy()
    other = open_session(zookeeper_server.hosts + session.hosts[session.hosts.index("/") :])
    session.create("/a", b"", ANYONE).result(WAIT)
    session.create("/b", b"", ANYONE).result(WAIT)
    seen = {name: Recorder() for name in ("changed", "deleted", "created", "child", "untouched")}
    session.get("/a", watch=seen["changed"]).result(WAIT)
    session.get("/b", watch=seen["deleted"]).result(WAIT)
    session.exists("/c", watch=seen["created"]).result(WAIT)
    session.get_children("/", watch=seen["child"]).result(WAIT)
    session.exists("/d", watch=seen["untouched"]).result(WAIT)
    proxy.refuse()
    proxy.drop_connections()
    other.set("/a", b"x").result(WAIT)
    other.delete("/b").result(WAIT)
    other.create("/c", b"", ANYONE).result(WAIT)
    proxy.accept()
    session.wait_connected(WAIT)
    assert seen["changed"].next() == (CHANGED, CONNECTED, "/a")
    assert seen["deleted"].next() == (DELETED, CONNECTED, "/b")
    assert seen["created"].next() == (CREATED, CONNECTED, "/c")
    assert seen["child"].next() == (CHILD, CONNECTED, "/")
    settle(session)
    assert seen["untouched"].calls == []
    assert session.watch_count == 1


def test_an_armed_watch_sees_no_session_events_by_default(through_proxy, proxy):
    events, seen = Recorder(), Recorder()
    session = through_proxy(watcher=events)
    session.get("/", watch=seen).result(WAIT)
    proxy.drop_connections()
    for state in (CONNECTED, CONNECTING, CONNECTED):
        assert events.next() == (SESSION, state, "")
    settle(session)
    assert seen.calls == []
    assert session.watch_count == 1


def test_an_armed_watch_sees_session_events_when_asked_to(through_proxy, proxy):
    events, seen = Recorder(), Recorder()
    session = through_proxy(watcher=events, watches_see_session_events=True)
    session.get("/", watch=seen).result(WAIT)
    session.get("/", watch=seen).result(WAIT)
    proxy.drop_connections()
    for state in (CONNECTED, CONNECTING, CONNECTED):
        assert events.next() == (SESSION, state, "")
    settle(session)
    assert [call[:2] for call in seen.calls] == [(SESSION, CONNECTING)] * 2 + [(SESSION, CONNECTED)] * 2
    session.set("/", b"x").result(WAIT)
    settle(session)
    assert seen.calls[4:] == [(CHANGED, CONNECTED, "/")] * 2


def test_requests_without_an_answer_fail_when_the_connection_is_lost(through_proxy, proxy, eventually):
    session = through_proxy()
    seen = Recorder()
    proxy.pause()
    requests = [session.set("/", b"x"), session.get("/", watch=seen)]
    proxy.drop_connections()
    proxy.resume()
    for request, applied in zip(requests, (True, False)):
        error = request.exception(WAIT)
        assert type(error) is errors.ConnectionLossError
        assert error.maybe_applied is applied
        assert not error.session_lost
    session.wait_connected(WAIT)
    assert session.watch_count == 0
    session.set("/", b"x").result(WAIT)
    settle(session)
    assert seen.calls == []


def test_many_lost_connections(through_proxy, proxy):
    session = through_proxy()
    seen = Recorder()
    session.exists("/a", watch=seen).result(WAIT)
    for _ in range(10):
        proxy.drop_connections()
        while session.exists("/").exception(WAIT) is not None:
            session.wait_connected(WAIT)
    session.create("/a", b"", ANYONE).result(WAIT)
    assert seen.next() == (CREATED, CONNECTED, "/a")
    settle(session)
    assert len(seen.calls) == 1


def test_two_thousand_watches_survive_a_restart(open_session, own_server, own_proxy):
    # All of them go to the server again in one packet.
    events = Recorder()
    session = open_session(own_proxy.hosts, session_timeout=30.0, watcher=events)
    seen = Recorder()
    for number in range(2000):
        session.exists(f"/watched-{number:05d}", watch=seen)
    settle(session)
    assert session.watch_count == 2000
    restart(own_server, own_proxy)
    for state in (CONNECTED, CONNECTING, CONNECTED):
        assert events.next() == (SESSION, state, "")
    assert session.watch_count == 2000
    for number in range(2000):
        session.create(f"/watched-{number:05d}", b"", ANYONE)
    paths = [seen.next()[2] for _ in range(2000)]
    assert paths == [f"/watched-{number:05d}" for number in range(2000)]
    assert session.watch_count == 0
