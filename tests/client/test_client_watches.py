"""Watches: called once, with an event, whatever ends them."""

import logging
import threading

import pytest

import zkc
from zkc import Client, EventType, State, WatchedEvent


def test_a_watch_on_data_sees_a_change(client, other, events):
    client.create("/a", b"1")
    assert client.get("/a", watch=events)[0] == b"1"
    other.set("/a", b"2")
    event = events.next()
    assert event == WatchedEvent(EventType.CHANGED, State.CONNECTED, "/a")
    assert type(event) is WatchedEvent
    assert type(event.type) is EventType
    assert type(event.state) is State


def test_a_watch_on_data_sees_a_deletion(client, other, events):
    client.create("/a")
    client.get("/a", watch=events)
    other.delete("/a")
    assert events.next().type is EventType.DELETED


@pytest.mark.parametrize("there", [True, False])
def test_a_watch_on_existence(client, other, events, there):
    if there:
        client.create("/a")
    assert (client.exists("/a", watch=events) is not None) is there
    if there:
        other.delete("/a")
    else:
        other.create("/a")
    assert events.next().type is (EventType.DELETED if there else EventType.CREATED)


@pytest.mark.parametrize("name", ["children", "children_with_stat"])
@pytest.mark.parametrize("change", ["create", "delete", "delete itself"])
def test_a_watch_on_children(client, other, events, name, change):
    client.create("/a")
    if change == "delete":
        client.create("/a/b")
    getattr(client, name)("/a", watch=events)
    if change == "create":
        other.create("/a/b")
    elif change == "delete":
        other.delete("/a/b")
    else:
        other.delete("/a")
    expected = EventType.DELETED if change == "delete itself" else EventType.CHILD
    assert events.next() == WatchedEvent(expected, State.CONNECTED, "/a")


def test_a_watch_fires_once(client, other, events):
    client.create("/a")
    client.get("/a", watch=events)
    for i in range(10):
        other.set("/a", b"%d" % i)
    client.sync()
    client.exists("/last", watch=events)
    other.create("/last")
    assert [events.next().path, events.next().path] == ["/a", "/last"]


def test_each_watch_of_a_path_is_told(client, other):
    client.create("/a")
    told = [threading.Event() for _ in range(5)]
    for flag in told:
        client.get("/a", watch=lambda event, flag=flag: flag.set())
    other.set("/a", b"")
    assert all(flag.wait(10) for flag in told)


def test_a_failed_call_sets_no_watch(client, other, events):
    with pytest.raises(zkc.NoNodeError):
        client.get("/a", watch=events)
    with pytest.raises(zkc.NoNodeError):
        client.children("/a", watch=events)
    assert client.session.watch_count == 0
    client.create("/a")
    client.close()
    assert events.empty()


def test_a_path_in_unicode_below_a_chroot(client, other, events):
    client.exists("/ä日", watch=events)
    other.create("/ä日")
    assert events.next().path == "/ä日"


def test_closing_is_a_watchs_last_event(hosts, events):
    with Client(hosts) as client:
        client.exists("/a", watch=events)
    assert events.next() == WatchedEvent(EventType.SESSION, State.CLOSED, "/a")
    assert events.empty()


def test_expiry_is_a_watchs_last_event(client, expire, events):
    client.exists("/a", watch=events)
    expire(client)
    assert events.next() == WatchedEvent(EventType.SESSION, State.EXPIRED_SESSION, "/a")


def test_a_watch_survives_a_restart_of_the_server(client, other, zookeeper_server, events, mended):
    client.create("/a")
    client.get("/a", watch=events)
    zookeeper_server.restart()
    mended(lambda: client.exists("/a"))
    mended(lambda: other.set("/a", b"2"))
    assert events.next().type is EventType.CHANGED


def test_a_watch_may_call_the_client(client, other, events):
    client.create("/a", b"1")
    client.get("/a", watch=lambda event: events.put(client.get(event.path, watch=events)[0]))
    other.set("/a", b"2")
    assert events.next() == b"2"
    other.set("/a", b"3")
    assert events.next().type is EventType.CHANGED


def test_a_watch_runs_on_a_thread_of_pythons(client, other, events):
    client.exists("/a", watch=lambda event: events.put(threading.current_thread()))
    other.create("/a")
    thread = events.next()
    assert type(thread) is threading.Thread
    assert thread.daemon
    assert thread.name.startswith("zkc-dispatch")


def test_a_watch_that_raises_is_logged_and_harms_nothing(client, other, events, caplog):
    def fail(event):
        raise ValueError("my own fault")

    with caplog.at_level(logging.ERROR, "zkc"):
        client.exists("/a", watch=fail)
        client.exists("/a", watch=events)
        other.create("/a")
        events.next()
        client.close()
    assert "my own fault" in caplog.text


def test_any_callable_is_a_watch(client, other):
    class Watch:
        def __init__(self):
            self.event = threading.Event()

        def __call__(self, event):
            self.event.set()

        def method(self, event):
            self.event.set()

    for number, make in enumerate((lambda: Watch(), lambda: Watch().method)):
        watch = make()
        client.exists(f"/{number}", watch=watch)
        other.create(f"/{number}")
        assert getattr(watch, "__self__", watch).event.wait(10)
