"""Watches: each type of event, order, one shot, several on a path, removal, what is given back."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import (
    ANYONE,
    CHANGED,
    CHILD,
    CONNECTED,
    CREATED,
    DELETED,
    EPHEMERAL,
    NOT_WATCHING,
    SESSION,
    WAIT,
    Recorder,
    settle,
)


@pytest.mark.parametrize("call", ["get", "exists", "get_children", "get_children_with_stat"])
def test_a_watch_sees_the_deletion(session, call):
    session.create("/a", b"", ANYONE).result(WAIT)
    seen = Recorder()
    getattr(session, call)("/a", watch=seen).result(WAIT)
    session.delete("/a").result(WAIT)
    assert seen.next() == (DELETED, CONNECTED, "/a")
    assert seen.threads[0].startswith("zkc-dispatch-")
    assert session.watch_count == 0


@pytest.mark.parametrize("call", ["get", "exists"])
def test_a_data_watch_sees_a_change_and_no_children(session, call):
    session.create("/a", b"", ANYONE).result(WAIT)
    seen = Recorder()
    getattr(session, call)("/a", watch=seen).result(WAIT)
    session.create("/a/b", b"", ANYONE).result(WAIT)
    settle(session)
    assert seen.calls == []
    session.set("/a", b"x").result(WAIT)
    assert seen.next() == (CHANGED, CONNECTED, "/a")


def test_exists_watches_a_missing_znode(session):
    seen = Recorder()
    assert session.exists("/a", watch=seen).result(WAIT) is None
    assert session.watch_count == 1
    session.create("/a", b"", ANYONE).result(WAIT)
    assert seen.next() == (CREATED, CONNECTED, "/a")


@pytest.mark.parametrize("call", ["get_children", "get_children_with_stat"])
def test_a_child_watch_sees_children_and_no_data(session, call):
    session.create("/a", b"", ANYONE).result(WAIT)
    seen = Recorder()
    getattr(session, call)("/a", watch=seen).result(WAIT)
    session.set("/a", b"x").result(WAIT)
    settle(session)
    assert seen.calls == []
    session.create("/a/b", b"", ANYONE).result(WAIT)
    assert seen.next() == (CHILD, CONNECTED, "/a")
    getattr(session, call)("/a", watch=seen).result(WAIT)
    session.delete("/a/b").result(WAIT)
    assert seen.next() == (CHILD, CONNECTED, "/a")


def test_a_watch_fires_once(session):
    session.create("/a", b"", ANYONE).result(WAIT)
    seen = Recorder()
    session.get("/a", watch=seen).result(WAIT)
    for _ in range(5):
        session.set("/a", b"x").result(WAIT)
    settle(session)
    assert seen.calls == [(CHANGED, CONNECTED, "/a")]


def test_the_watch_of_another_sessions_change(session, other):
    seen = Recorder()
    session.get_children("/", watch=seen).result(WAIT)
    other.create("/mine", b"", ANYONE, EPHEMERAL).result(WAIT)
    assert seen.next() == (CHILD, CONNECTED, "/")
    session.exists("/mine", watch=seen).result(WAIT)
    other.close()
    assert seen.next() == (DELETED, CONNECTED, "/mine")


def test_several_callables_and_kinds_on_one_path(session):
    session.create("/a", b"", ANYONE).result(WAIT)
    first, second, missing, children = Recorder(), Recorder(), Recorder(), Recorder()
    session.get("/a", watch=first).result(WAIT)
    session.get("/a", watch=second).result(WAIT)
    session.exists("/a", watch=missing).result(WAIT)
    session.get_children("/a", watch=children).result(WAIT)
    assert session.watch_count == 4
    session.set("/a", b"x").result(WAIT)
    assert [seen.next() for seen in (first, second, missing)] == [(CHANGED, CONNECTED, "/a")] * 3
    assert session.watch_count == 1
    session.delete("/a").result(WAIT)
    assert children.next() == (DELETED, CONNECTED, "/a")


def test_the_same_callable_twice_is_called_twice(session):
    # libzookeeper would keep the pair once; here each call of get arms a watch of its own.
    session.create("/a", b"", ANYONE).result(WAIT)
    seen = Recorder()
    for _ in range(2):
        session.get("/a", watch=seen).result(WAIT)
    session.set("/a", b"x").result(WAIT)
    settle(session)
    assert seen.calls == [(CHANGED, CONNECTED, "/a")] * 2


def test_an_event_never_overtakes_the_reply_that_set_the_watch(session, other):
    # Replies and events of one session come in one order: the callback of the call runs before its watch.
    session.create("/a", b"", ANYONE).result(WAIT)
    stop = threading.Event()

    def change():
        while not stop.is_set():
            other.set("/a", b"x").result(WAIT)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(300):
            order = []
            fired = threading.Event()

            def watch(*_, order=order, fired=fired):
                order.append("event")
                fired.set()

            session.get("/a", watch=watch, callback=lambda _, order=order: order.append("reply"))
            assert fired.wait(WAIT)
            assert order == ["reply", "event"]
    finally:
        stop.set()
        changing.join()


def test_events_come_in_the_order_of_the_changes(session, other):
    seen = Recorder()
    for number in range(300):
        session.exists(f"/{number}", watch=seen)
    settle(session)
    for number in range(300):
        other.create(f"/{number}", b"", ANYONE)
    assert [seen.next() for _ in range(300)] == [(CREATED, CONNECTED, f"/{number}") for number in range(300)]


def test_a_watch_of_a_call_that_failed_never_fires_and_is_given_back(session, eventually):
    for call in ("get", "get_children", "get_children_with_stat"):
        seen = Recorder()
        with pytest.raises(errors.NoNodeError):
            getattr(session, call)("/missing", watch=seen).result(WAIT)
        assert session.watch_count == 0
        session.create("/missing", b"", ANYONE).result(WAIT)
        session.delete("/missing").result(WAIT)
        settle(session)
        assert seen.calls == []
        gone = weakref.ref(seen)
        del seen
        eventually(lambda gone=gone: gc.collect() is not None and gone() is None)


def test_a_watch_of_a_call_that_was_refused_is_given_back(session):
    seen = Recorder()
    session.close()
    with pytest.raises(errors.ClosingError):
        session.get("/", watch=seen)
    with pytest.raises(errors.BadArgumentsError):
        session.get("x", watch=seen)
    gone = weakref.ref(seen)
    del seen
    gc.collect()
    assert gone() is None


def test_a_watch_is_given_back_when_it_has_fired(session, eventually):
    class Watch:
        def __call__(self, *_):
            pass

    watch = Watch()
    gone = weakref.ref(watch)
    session.get("/", watch=watch).result(WAIT)
    del watch
    assert gone() is not None
    session.set("/", b"x").result(WAIT)
    eventually(lambda: gone() is None)


def test_a_watch_may_set_itself_again(session):
    versions = Recorder()

    def watch(*_):
        versions(session.get("/", watch=watch).result(WAIT)[1].version)

    session.get("/", watch=watch).result(WAIT)
    for version in range(1, 21):
        session.set("/", b"x").result(WAIT)
        assert versions.next() == version


def test_bound_methods_are_watches(session):
    seen = []
    session.get("/", watch=lambda *event: seen.append(event)).result(WAIT)
    recorder = Recorder()
    session.get("/", watch=recorder.__call__).result(WAIT)
    session.set("/", b"x").result(WAIT)
    assert recorder.next() == (CHANGED, CONNECTED, "/")


# ---- removal


@pytest.mark.parametrize("watch_type", [2, 3])
def test_removing_one_watch(session, watch_type):
    seen = Recorder()
    session.get("/", watch=seen).result(WAIT)
    assert session.remove_watches("/", seen, watch_type).result(WAIT) is None
    assert seen.next()[::2] == (NOT_WATCHING, "/")
    assert session.watch_count == 0
    session.set("/", b"x").result(WAIT)
    settle(session)
    assert len(seen.calls) == 1


def test_removing_one_watch_of_several(session):
    one, two = Recorder(), Recorder()
    session.get("/", watch=one).result(WAIT)
    session.get("/", watch=two).result(WAIT)
    session.remove_watches("/", one).result(WAIT)
    assert one.next()[::2] == (NOT_WATCHING, "/")
    session.set("/", b"x").result(WAIT)
    assert two.next() == (CHANGED, CONNECTED, "/")
    settle(session)
    assert len(one.calls) == 1


def test_removing_one_kind_leaves_the_other(session):
    data, children = Recorder(), Recorder()
    session.get("/", watch=data).result(WAIT)
    session.get_children("/", watch=children).result(WAIT)
    session.remove_watches("/", data, 2).result(WAIT)
    session.create("/a", b"", ANYONE).result(WAIT)
    assert children.next() == (CHILD, CONNECTED, "/")
    session.set("/", b"x").result(WAIT)
    settle(session)
    assert [call[0] for call in data.calls] == [NOT_WATCHING]


def test_removing_a_callable_that_was_armed_several_times(session):
    # By get and by exists, and twice by each: it goes as often as it was armed, and the server gets the removal.
    seen, other = Recorder(), Recorder()
    for _ in range(2):
        session.get("/", watch=seen).result(WAIT)
        session.exists("/", watch=seen).result(WAIT)
    session.remove_watches("/", seen, 2).result(WAIT)
    assert [seen.next()[::2] for _ in range(4)] == [(NOT_WATCHING, "/")] * 4
    assert session.watch_count == 0
    with pytest.raises(errors.NoWatcherError):
        session.remove_all_watches("/").result(WAIT)
    session.set("/", b"x").result(WAIT)
    settle(session)
    assert len(seen.calls) == 4
    session.exists("/", watch=other).result(WAIT)
    for call in (session.get, session.exists, session.get_children):
        call("/", watch=seen).result(WAIT)
    session.remove_watches("/", seen, 3).result(WAIT)  # the other one stays
    assert [seen.next()[::2] for _ in range(3)] == [(NOT_WATCHING, "/")] * 3
    session.set("/", b"y").result(WAIT)
    assert other.next() == (CHANGED, CONNECTED, "/")
    settle(session)
    assert len(seen.calls) == 7


def test_removing_the_watch_of_exists_where_nothing_is(session):
    seen = Recorder()
    for _ in range(2):
        assert session.exists("/missing", watch=seen).result(WAIT) is None
    session.remove_watches("/missing", seen).result(WAIT)
    assert [seen.next()[::2] for _ in range(2)] == [(NOT_WATCHING, "/missing")] * 2
    session.create("/missing", b"", ANYONE).result(WAIT)
    settle(session)
    assert len(seen.calls) == 2


def test_removing_all_watches_of_a_path(session):
    watches = [Recorder() for _ in range(4)]
    for watch, call in zip(watches, (session.get, session.get, session.get_children, session.exists)):
        call("/", watch=watch).result(WAIT)
    elsewhere = Recorder()
    session.exists("/elsewhere", watch=elsewhere).result(WAIT)
    session.remove_all_watches("/").result(WAIT)
    assert [watch.next()[::2] for watch in watches] == [(NOT_WATCHING, "/")] * 4
    assert session.watch_count == 1
    session.create("/elsewhere", b"", ANYONE).result(WAIT)
    assert elsewhere.next() == (CREATED, CONNECTED, "/elsewhere")


def test_removing_what_is_not_there(session):
    seen = Recorder()
    with pytest.raises(errors.NoWatcherError):
        session.remove_watches("/", seen)
    with pytest.raises(errors.NoWatcherError):
        session.remove_all_watches("/").result(WAIT)
    session.get("/", watch=seen).result(WAIT)
    with pytest.raises(errors.NoWatcherError):
        session.remove_watches("/", Recorder())
    with pytest.raises(errors.NoWatcherError):
        session.remove_watches("/", seen, 1)
    with pytest.raises(errors.NoWatcherError):
        session.remove_watches("/other", seen)
    assert session.watch_count == 1


def test_a_removed_watch_is_given_back(session, eventually):
    seen = Recorder()
    gone = weakref.ref(seen)
    session.get("/", watch=seen).result(WAIT)
    session.remove_watches("/", seen).result(WAIT)
    del seen
    eventually(lambda: gone() is None)


def test_a_watch_set_again_after_its_removal(session):
    seen = Recorder()
    for _ in range(5):
        session.get("/", watch=seen).result(WAIT)
        session.remove_watches("/", seen).result(WAIT)
        assert seen.next()[0] == NOT_WATCHING
    session.get("/", watch=seen).result(WAIT)
    session.set("/", b"x").result(WAIT)
    assert seen.next() == (CHANGED, CONNECTED, "/")


# ---- the end


def test_close_ends_every_watch(session):
    on_data, on_children, on_missing, on_config = Recorder(), Recorder(), Recorder(), Recorder()
    session.get("/", watch=on_data).result(WAIT)
    session.get_children("/", watch=on_children).result(WAIT)
    session.exists("/missing", watch=on_missing).result(WAIT)
    session.get_config(watch=on_config).result(WAIT)
    session.close()
    assert [seen.calls for seen in (on_data, on_children, on_missing, on_config)] == [
        [(SESSION, 0, "/")],
        [(SESSION, 0, "/")],
        [(SESSION, 0, "/missing")],
        [(SESSION, 0, "/zookeeper/config")],
    ]
    assert core.live_counts()["watches"] == 0


def test_the_watches_on_a_path_are_listed_and_not_held(session):
    session.create("/a", b"", ANYONE).result(WAIT)
    data, children = Recorder(), Recorder()
    assert session.watches_on("/a") == []
    session.get("/a", watch=data).result(WAIT)
    session.exists("/a", watch=data).result(WAIT)
    session.get_children("/a", watch=children).result(WAIT)
    assert session.watches_on("/a", 2) == [data, data]
    assert session.watches_on("/a", 1) == [children]
    assert len(session.watches_on("/a")) == 3
    assert session.watches_on("/") == []
    counts = sys.getrefcount(data), sys.getrefcount(children)
    for _ in range(100):
        session.watches_on("/a")
    assert (sys.getrefcount(data), sys.getrefcount(children)) == counts
    session.delete("/a").result(WAIT)
    settle(session)
    assert session.watches_on("/a") == []
