"""Watchers: of a session and of znodes, what consumes one, and what does not."""

import gc
import threading
import weakref

import pytest

from zkc.legacy import zookeeper
from zkc.legacy.zookeeper import (
    CHANGED_EVENT,
    CHILD_EVENT,
    CONNECTED_STATE,
    CONNECTING_STATE,
    CREATED_EVENT,
    DELETED_EVENT,
    SESSION_EVENT,
)

from .legacy_support import OPEN, TIMEOUT, Watcher, completed, settle

# How to watch a znode, and which calls leave a watch.
WATCHING = {
    "get": lambda h, path, watcher: zookeeper.get(h, path, watcher),
    "exists": lambda h, path, watcher: zookeeper.exists(h, path, watcher),
    "get_children": lambda h, path, watcher: zookeeper.get_children(h, path, watcher),
    "aget": lambda h, path, watcher: completed(zookeeper.aget, h, path, watcher),
    "aexists": lambda h, path, watcher: completed(zookeeper.aexists, h, path, watcher),
    "aget_children": lambda h, path, watcher: completed(zookeeper.aget_children, h, path, watcher),
}
OF_CHILDREN = ("get_children", "aget_children")
OF_WHAT_IS_NOT = ("exists", "aexists")


def told(h, type_, path="", state=CONNECTED_STATE):
    return (h, type_, state, path)


def reconnect(h, proxy, events):
    """Cut the connection of a handle with this session watcher, and wait until there is another one."""
    before = len(events.calls)
    proxy.drop_connections()
    assert events.wait_calls(before + 2)[before:] == [
        told(h, SESSION_EVENT, state=CONNECTING_STATE),
        told(h, SESSION_EVENT, state=CONNECTED_STATE),
    ]


# ---- of znodes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [name for name in WATCHING if name not in OF_CHILDREN])
def test_a_watcher_of_data_gets_a_change_once(h, watcher, call):
    zookeeper.create(h, "/a", "", OPEN)
    WATCHING[call](h, "/a", watcher)
    zookeeper.create(h, "/a/b", "", OPEN)
    zookeeper.set(h, "/a", "x")
    zookeeper.set(h, "/a", "y")
    settle(h)
    assert watcher.calls == [told(h, CHANGED_EVENT, "/a")]


@pytest.mark.parametrize("call", WATCHING)
def test_every_watcher_is_called_when_the_znode_is_deleted(h, watcher, call):
    zookeeper.create(h, "/a", "", OPEN)
    WATCHING[call](h, "/a", watcher)
    zookeeper.delete(h, "/a")
    zookeeper.create(h, "/a", "", OPEN)
    settle(h)
    assert watcher.calls == [told(h, DELETED_EVENT, "/a")]


@pytest.mark.parametrize("call", OF_WHAT_IS_NOT)
def test_a_watcher_of_what_is_not_there_is_called_when_it_comes(h, watcher, call):
    WATCHING[call](h, "/a", watcher)
    zookeeper.create(h, "/a", "", OPEN)
    zookeeper.set(h, "/a", "x")
    settle(h)
    assert watcher.calls == [told(h, CREATED_EVENT, "/a")]


@pytest.mark.parametrize("call", OF_CHILDREN)
def test_a_watcher_of_children_gets_their_events_only(h, watcher, call):
    WATCHING[call](h, "/", watcher)
    zookeeper.set(h, "/", "x")
    zookeeper.create(h, "/a", "", OPEN)
    zookeeper.delete(h, "/a")
    settle(h)
    assert watcher.calls == [told(h, CHILD_EVENT, "/")]


@pytest.mark.parametrize("call", ["get", "get_children"])
def test_where_the_call_failed_nothing_is_watched(h, watcher, call):
    with pytest.raises(zookeeper.NoNodeException):
        WATCHING[call](h, "/a", watcher)
    zookeeper.create(h, "/a", "", OPEN)
    zookeeper.set(h, "/a", "x")
    zookeeper.delete(h, "/a")
    settle(h)
    assert watcher.calls == []


@pytest.mark.parametrize("call", ["aget", "aget_children"])
def test_where_a_call_without_waiting_failed_nothing_is_watched(h, watcher, call):
    assert WATCHING[call](h, "/a", watcher)[0] == zookeeper.NONODE
    zookeeper.create(h, "/a", "", OPEN)
    zookeeper.delete(h, "/a")
    settle(h)
    assert watcher.calls == []


def test_each_watch_is_one_call_of_its_watcher(h, watcher):
    for _ in range(3):
        zookeeper.get(h, "/", watcher)
    zookeeper.get_children(h, "/", watcher)
    zookeeper.set(h, "/", "x")
    settle(h)
    assert watcher.calls == [told(h, CHANGED_EVENT, "/")] * 3
    zookeeper.create(h, "/a", "", OPEN)
    settle(h)
    assert watcher.calls[3:] == [told(h, CHILD_EVENT, "/")]


def test_a_watcher_arms_itself_again(h):
    seen, done = [], threading.Event()

    def watcher(handle, type_, state, path):
        seen.append(zookeeper.get(handle, path, watcher)[0])
        if seen[-1] == "4":
            done.set()

    zookeeper.get(h, "/", watcher)
    for number in range(5):
        zookeeper.set(h, "/", str(number))
    assert done.wait(TIMEOUT)
    assert sorted(set(seen)) == seen[: len(set(seen))]


def test_the_path_is_that_below_the_chroot_and_a_str(h, watcher):
    zookeeper.create(h, "/ä", "", OPEN)
    zookeeper.get(h, "/ä".encode(), watcher)
    zookeeper.set(h, "/ä", "x")
    settle(h)
    assert watcher.calls == [told(h, CHANGED_EVENT, "/ä")]


def test_watchers_survive_garbage_collection(h):
    seen = Watcher()

    def arm():
        class Owner:
            def watch(self, *arguments):
                seen(*arguments)

        owner = Owner()
        zookeeper.get(h, "/", owner.watch)
        zookeeper.get(h, "/", lambda *arguments: seen(*arguments))
        return weakref.ref(owner)

    owner = arm()
    for _ in range(3):
        gc.collect()
    assert owner() is not None
    zookeeper.set(h, "/", "x")
    assert seen.wait_calls(2) == [told(h, CHANGED_EVENT, "/")] * 2


def test_a_watcher_is_released_when_it_is_consumed(h, eventually):
    watcher = Watcher()
    alive = weakref.ref(watcher)
    zookeeper.get(h, "/", watcher)
    zookeeper.aget(h, "/", None, watcher)
    zookeeper.set(h, "/", "x")
    watcher.wait_calls(2)
    del watcher
    eventually(lambda: gc.collect() is not None and alive() is None)


def test_a_watcher_is_released_when_its_session_is_closed(make_handle, eventually):
    h, watcher = make_handle(), Watcher()
    alive = weakref.ref(watcher)
    zookeeper.get(h, "/", watcher)
    zookeeper.close(h)
    assert watcher.calls == []
    del watcher
    eventually(lambda: gc.collect() is not None and alive() is None)


# ---- session events --------------------------------------------------------------------------------------------------


def test_the_first_event_is_connected(hosts):
    events = Watcher()
    h = zookeeper.init(hosts, events)
    try:
        zookeeper.get(h, "/")
        settle(h)
        assert events.calls == [told(h, SESSION_EVENT)]
    finally:
        zookeeper.close(h)
    assert events.calls == [told(h, SESSION_EVENT)]


@pytest.mark.parametrize("call", WATCHING)
def test_session_events_reach_every_watch_once_and_consume_none(make_handle, proxy, proxied, call):
    events, first, second = Watcher(), Watcher(), Watcher()
    h = make_handle(proxied, watcher=events, recv_timeout_ms=30000)
    zookeeper.create(h, "/a", "", OPEN)
    WATCHING[call](h, "/a", first)
    WATCHING[call](h, "/", second)
    lost = [told(h, SESSION_EVENT, state=CONNECTING_STATE), told(h, SESSION_EVENT, state=CONNECTED_STATE)]
    for times in (1, 2):
        reconnect(h, proxy, events)
        settle(h)
        assert first.calls == second.calls == lost * times
    zookeeper.delete(h, "/a")
    zookeeper.set(h, "/", "x")
    settle(h)
    assert first.calls == [*lost * 2, told(h, DELETED_EVENT, "/a")]
    of_root = CHILD_EVENT if call in OF_CHILDREN else CHANGED_EVENT
    assert second.calls == [*lost * 2, told(h, of_root, "/")]
    reconnect(h, proxy, events)
    settle(h)
    assert (len(first.calls), len(second.calls)) == (5, 5)


def test_one_watcher_of_many_watches_is_called_for_each(make_handle, proxy, proxied):
    events, seen = Watcher(), Watcher()
    h = make_handle(proxied, watcher=events, recv_timeout_ms=30000)
    for path in ("/x", "/y", "/z"):
        zookeeper.exists(h, path, seen)
    zookeeper.get(h, "/", seen)
    zookeeper.get_children(h, "/", seen)
    reconnect(h, proxy, events)
    settle(h)
    assert seen.calls == [told(h, SESSION_EVENT, state=CONNECTING_STATE)] * 5 + [told(h, SESSION_EVENT)] * 5


def test_what_changed_while_the_connection_was_lost(make_handle, h, proxy, proxied):
    events, seen = Watcher(), Watcher()
    cut = make_handle(proxied, watcher=events, recv_timeout_ms=30000)
    zookeeper.get(cut, "/", seen)
    proxy.refuse()
    proxy.drop_connections()
    zookeeper.set(h, "/", "x")
    proxy.accept()
    events.wait_calls(3)
    settle(cut)
    assert seen.calls == [
        told(cut, SESSION_EVENT, state=CONNECTING_STATE),
        told(cut, SESSION_EVENT),
        told(cut, CHANGED_EVENT, "/"),
    ]


def test_a_handle_without_a_watcher(proxied, proxy, eventually):
    h, seen = zookeeper.init(proxied, None, 30000), Watcher()
    try:
        zookeeper.get(h, "/", seen)
        proxy.drop_connections()
        seen.wait_calls(2)
        assert zookeeper.get(h, "/")[0] == ""
    finally:
        zookeeper.close(h)


def test_credentials_that_are_refused_end_every_watch(make_handle):
    events, seen, refused = Watcher(), Watcher(), Watcher()
    h = make_handle(watcher=events)
    zookeeper.get(h, "/", seen)
    zookeeper.exists(h, "/x", seen)
    zookeeper.add_auth(h, "no-such-scheme", "x", refused)
    ended = told(h, SESSION_EVENT, state=zookeeper.AUTH_FAILED_STATE)
    events.wait_for(ended)
    assert seen.wait_calls(2) == [ended, ended]
    assert refused.wait_calls(1) == [(h, zookeeper.AUTHFAILED)]
    assert events.calls == [told(h, SESSION_EVENT), ended]
    assert zookeeper.state(h) == zookeeper.AUTH_FAILED_STATE
    assert zookeeper.is_unrecoverable(h) is True
    with pytest.raises(zookeeper.AuthFailedException) as caught:
        zookeeper.get(h, "/")
    assert isinstance(caught.value, zookeeper.InvalidStateException)  # As the original raised.
    assert zookeeper.close(h) == 0
    assert len(seen.calls) == 2


# ---- set_watcher -----------------------------------------------------------------------------------------------------


def test_set_watcher_replaces_the_one_before(make_handle, proxy, proxied):
    first, second = Watcher(), Watcher()
    h = make_handle(proxied, watcher=first, recv_timeout_ms=30000)
    assert zookeeper.set_watcher(h, second) is None
    proxy.drop_connections()
    second.wait_for(told(h, SESSION_EVENT))
    assert len(first.calls) == 1
    assert zookeeper.set_watcher(h, None) is None
    seen = Watcher()
    zookeeper.exists(h, "/x", seen)
    proxy.drop_connections()
    seen.wait_for(told(h, SESSION_EVENT))
    settle(h)
    assert (len(first.calls), len(second.calls)) == (1, 2)


def test_set_watcher_inside_a_watcher(hosts, proxy, proxied):
    # As old code does: the first watcher waits for the connection, and puts the one that stays in its place.
    stays, connected = Watcher(), threading.Event()

    def first(h, type_, state, path):
        zookeeper.set_watcher(h, stays)
        connected.set()

    h = zookeeper.init(proxied, first, 30000)
    try:
        assert connected.wait(TIMEOUT)
        settle(h)
        assert stays.calls == []
        reconnect(h, proxy, stays)
    finally:
        zookeeper.close(h)


@pytest.mark.parametrize("fn", [5, "watcher", ()])
def test_set_watcher_takes_what_can_be_called(h, fn):
    with pytest.raises(TypeError, match="fn must be callable or None"):
        zookeeper.set_watcher(h, fn)
