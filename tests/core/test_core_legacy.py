"""For the drop-ins for old packages: watches that get session events, callbacks whose errors are printed."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from zkc import _zookeeper as core
from zkc import errors
from zkc.testing import FaultProxy

from .core_support import (
    ANYONE,
    AUTH_FAILED,
    CHANGED,
    CLOSED,
    CONNECTED,
    CONNECTING,
    CREATED,
    DELETED,
    EXPIRED,
    SESSION,
    WAIT,
    Recorder,
    settle,
)

HANDLE = 7
STAT = {
    "czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion", "ephemeralOwner", "dataLength",
    "numChildren", "pzxid",
}  # fmt: skip


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


def legacy(function):
    return core.LegacyWatch(HANDLE, function)


def answered(call, *arguments):
    """Make a call with a legacy completion; return what that was called with after the handle."""
    seen = Recorder()
    call(*arguments, callback=core.LegacyCompletion(HANDLE, lambda *got: seen(got, None)))
    ((handle, *got), _) = seen.next()
    assert handle == HANDLE
    return tuple(got)


# ---- watches ---------------------------------------------------------------------------------------------------------


def test_a_legacy_watch_gets_session_events_where_others_do_not(through_proxy, proxy):
    events, old, new = Recorder(), Recorder(), Recorder()
    session = through_proxy(watcher=events)
    for path in ("/", "/missing"):
        session.exists(path, watch=legacy(old)).result(WAIT)
        session.exists(path, watch=new).result(WAIT)
    session.get_children("/", watch=new).result(WAIT)
    session.get_children("/", watch=legacy(old)).result(WAIT)
    proxy.drop_connections()
    for state in (CONNECTED, CONNECTING, CONNECTED):
        assert events.next() == (SESSION, state, "")
    settle(session)
    assert old.calls == [(HANDLE, SESSION, CONNECTING, "")] * 3 + [(HANDLE, SESSION, CONNECTED, "")] * 3
    assert new.calls == []
    assert session.watch_count == 6
    session.set("/", b"x").result(WAIT)
    session.create("/missing", b"", ANYONE).result(WAIT)
    settle(session)
    assert sorted(new.calls) == sorted(call[1:] for call in old.calls[6:])
    assert (HANDLE, CREATED, CONNECTED, "/missing") in old.calls
    assert session.watch_count == 0


def test_a_session_that_has_none_any_more(through_proxy, proxy):
    events, old, new = Recorder(), Recorder(), Recorder()
    session = through_proxy(watcher=events)
    session.get("/", watch=legacy(old)).result(WAIT)
    session.set("/", b"x").result(WAIT)
    session.exists("/missing", watch=new).result(WAIT)
    proxy.drop_connections()
    for state in (CONNECTED, CONNECTING, CONNECTED):
        assert events.next() == (SESSION, state, "")
    settle(session)
    assert (old.calls, new.calls) == ([(HANDLE, CHANGED, CONNECTED, "/")], [])


def test_where_all_watches_are_shown_session_events_each_is_once(through_proxy, proxy):
    events, old, new = Recorder(), Recorder(), Recorder()
    session = through_proxy(watcher=events, watches_see_session_events=True)
    session.get("/", watch=legacy(old)).result(WAIT)
    session.get("/", watch=new).result(WAIT)
    proxy.drop_connections()
    for state in (CONNECTED, CONNECTING, CONNECTED):
        assert events.next() == (SESSION, state, "")
    settle(session)
    assert old.calls == [(HANDLE, SESSION, CONNECTING, ""), (HANDLE, SESSION, CONNECTED, "")]
    assert new.calls == [(SESSION, CONNECTING, ""), (SESSION, CONNECTED, "")]


def test_many_legacy_watches_over_many_lost_connections(through_proxy, proxy):
    events, old = Recorder(), Recorder()
    session = through_proxy(watcher=events)
    for number in range(500):
        session.exists(f"/{number}", watch=legacy(old))
    settle(session)
    assert events.next() == (SESSION, CONNECTED, "")
    for _ in range(3):
        proxy.drop_connections()
        assert events.next() == (SESSION, CONNECTING, "")
        assert events.next() == (SESSION, CONNECTED, "")
    settle(session)
    assert len(old.calls) == 3000
    assert session.watch_count == 500


def test_an_expired_session_is_its_last_event(session, zookeeper_server):
    old = Recorder()
    session.get("/", watch=legacy(old)).result(WAIT)
    zookeeper_server.expire(*session.client_id)
    old.until((HANDLE, SESSION, EXPIRED, ""))
    session.close()
    assert old.calls.count((HANDLE, SESSION, EXPIRED, "")) == 1
    assert old.calls[-1] == (HANDLE, SESSION, EXPIRED, "")


def test_credentials_that_are_refused_are_its_last_event(session):
    old = Recorder()
    session.get("/", watch=legacy(old)).result(WAIT)
    session.add_auth("no-such-scheme", b"x")
    assert old.next() == (HANDLE, SESSION, AUTH_FAILED, "")
    session.close()
    assert len(old.calls) == 1


def test_a_session_that_is_closed_sends_it_nothing_and_releases_it(session):
    old, new = Recorder(), Recorder()
    watch = legacy(old)
    alive = weakref.ref(old)
    session.get("/", watch=watch).result(WAIT)
    session.get("/", watch=new).result(WAIT)
    session.close()
    assert new.calls == [(SESSION, CLOSED, "/")]
    assert old.calls == []
    assert core.live_counts()["watches"] == 0
    del watch, old
    gc.collect()
    assert alive() is None


def test_one_legacy_watch_on_many_paths(session):
    old = Recorder()
    watch = legacy(old)
    for path in ("/a", "/b"):
        session.create(path, b"", ANYONE)
        session.get(path, watch=watch)
    session.delete("/b")
    session.delete("/a").result(WAIT)
    settle(session)
    assert old.calls == [(HANDLE, DELETED, CONNECTED, "/b"), (HANDLE, DELETED, CONNECTED, "/a")]


@pytest.mark.parametrize("kind", [core.LegacyWatch, core.LegacyCompletion])
def test_what_cannot_be_called(kind):
    for function in (5, None, "print"):
        with pytest.raises(TypeError):
            kind(HANDLE, function)


# ---- completions -----------------------------------------------------------------------------------------------------


def test_the_values_of_each_kind_of_reply(session):
    assert answered(session.create, "/a", b"x", ANYONE) == (0, "/a")
    rc, data, stat = answered(session.get, "/a")
    assert (rc, data, set(stat)) == (0, "x", STAT)
    assert answered(session.exists, "/a") == (0, stat)
    assert answered(session.set, "/a", b"\xff")[1]["version"] == 1
    assert answered(session.get, "/a")[1] == "\udcff"
    assert answered(session.get_children, "/") == (0, ["a"])
    rc, acls, stat = answered(session.get_acl, "/a")
    assert (rc, acls, set(stat)) == (0, [{"perms": 31, "scheme": "world", "id": "anyone"}], STAT)
    assert answered(session.set_acl, "/a", ANYONE) == (0,)
    assert answered(session.sync, "/") == (0, "/")
    assert answered(session.add_auth, "digest", b"a:b") == (0,)
    assert answered(session.delete, "/a") == (0,)


def test_none_for_each_value_of_a_call_that_failed(session):
    nothing = errors.NoNodeError.code
    assert answered(session.create, "/a/b", b"", ANYONE) == (nothing, None)
    assert answered(session.get, "/a") == (nothing, None, None)
    assert answered(session.exists, "/a") == (nothing, None)
    assert answered(session.set, "/a", b"") == (nothing, None)
    assert answered(session.get_children, "/a") == (nothing, None)
    assert answered(session.get_acl, "/a") == (nothing, None, None)
    assert answered(session.set_acl, "/a", ANYONE) == (nothing,)
    assert answered(session.delete, "/a") == (nothing,)


def test_data_are_bytes_when_that_is_set(session):
    session.set("/", b"\xff").result(WAIT)
    core.set_legacy_bytes(True)
    try:
        assert answered(session.get, "/")[1] == b"\xff"
        assert core.legacy_result(session.get("/"))[0] == b"\xff"
    finally:
        core.set_legacy_bytes(False)
    assert answered(session.get, "/")[1] == "\udcff"


def test_a_znode_without_data_has_none_of_them(session):
    session.create("/a", None, ANYONE).result(WAIT)
    assert answered(session.get, "/a")[:2] == (0, "")
    assert core.legacy_result(session.get("/a"))[0] == ""


def test_legacy_result_waits_and_raises(session):
    data, stat = core.legacy_result(session.get("/"))
    assert (data, set(stat)) == ("", STAT)
    assert core.legacy_result(session.sync("/")) == ("/",)
    assert core.legacy_result(session.set_acl("/", ANYONE)) == ()
    with pytest.raises(errors.NoNodeError):
        core.legacy_result(session.get("/missing"))
    with pytest.raises(TypeError):
        core.legacy_result(None)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_what_they_raise_is_printed_and_ends_nothing(session, capfd, error):
    def fail(*_):
        raise error("of the callback")

    session.get("/", watch=legacy(fail), callback=core.LegacyCompletion(HANDLE, fail)).result(WAIT)
    session.set("/", b"x").result(WAIT)
    settle(session)
    core.call_printed(fail, 1, 2)
    assert capfd.readouterr().err.count("Traceback") == 3
    assert session.get("/").result(WAIT)[0] == b"x"


def test_a_hook_that_fails_ends_nothing(session, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", lambda *_: 1 / 0)
    core.call_printed(lambda: 1 / 0)
    monkeypatch.delattr(sys, "excepthook")
    core.call_printed(lambda: 1 / 0)
