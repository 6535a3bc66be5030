"""Watches: called once, with an event, whatever ends them."""

import logging
import threading

import pytest

import zkc
from zkc import EventType, State, WatchedEvent

from . import both


async def test_a_watch_on_data_sees_a_change(zk, other_zk, events):
    await zk.create("/a", b"1")
    assert (await zk.get("/a", watch=events))[0] == b"1"
    await other_zk.set("/a", b"2")
    event = await events.next()
    assert event == WatchedEvent(EventType.CHANGED, State.CONNECTED, "/a")
    assert type(event) is WatchedEvent
    assert type(event.type) is EventType
    assert type(event.state) is State


async def test_a_watch_on_data_sees_a_deletion(zk, other_zk, events):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    await other_zk.delete("/a")
    assert (await events.next()).type is EventType.DELETED


@pytest.mark.parametrize("there", [True, False])
async def test_a_watch_on_existence(zk, other_zk, events, there):
    if there:
        await zk.create("/a")
    assert (await zk.exists("/a", watch=events) is not None) is there
    if there:
        await other_zk.delete("/a")
    else:
        await other_zk.create("/a")
    assert (await events.next()).type is (EventType.DELETED if there else EventType.CREATED)


@pytest.mark.parametrize("name", ["children", "children_with_stat"])
@pytest.mark.parametrize("change", ["create", "delete", "delete itself"])
async def test_a_watch_on_children(zk, other_zk, events, name, change):
    await zk.create("/a")
    if change == "delete":
        await zk.create("/a/b")
    await getattr(zk, name)("/a", watch=events)
    if change == "create":
        await other_zk.create("/a/b")
    elif change == "delete":
        await other_zk.delete("/a/b")
    else:
        await other_zk.delete("/a")
    expected = EventType.DELETED if change == "delete itself" else EventType.CHILD
    assert await events.next() == WatchedEvent(expected, State.CONNECTED, "/a")


async def test_a_watch_fires_once(zk, other_zk, events):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    for i in range(10):
        await other_zk.set("/a", b"%d" % i)
    await zk.sync()
    await zk.exists("/last", watch=events)
    await other_zk.create("/last")
    assert [(await events.next()).path, (await events.next()).path] == ["/a", "/last"]


async def test_each_watch_of_a_path_is_called(zk, other_zk):
    await zk.create("/a")
    events = [threading.Event() for _ in range(5)]
    for flag in events:
        await zk.get("/a", watch=lambda event, flag=flag: flag.set())
    await other_zk.set("/a", b"")
    await both.eventually(lambda: all(flag.is_set() for flag in events))


async def test_a_failed_call_sets_no_watch(zk, other_zk, events):
    with pytest.raises(zkc.NoNodeError):
        await zk.get("/a", watch=events)
    with pytest.raises(zkc.NoNodeError):
        await zk.children("/a", watch=events)
    assert zk.session.watch_count == 0
    await zk.create("/a")
    await zk.close()
    assert events.empty()


async def test_a_path_in_unicode_below_a_chroot(zk, other_zk, events):
    await zk.exists("/ä日", watch=events)
    await other_zk.create("/ä日")
    assert (await events.next()).path == "/ä日"


async def test_closing_is_a_watchs_last_event(make_zk, events):
    async with make_zk() as zk:
        await zk.exists("/a", watch=events)
    assert await events.next() == WatchedEvent(EventType.SESSION, State.CLOSED, "/a")
    assert events.empty()


async def test_expiry_is_a_watchs_last_event(zk, expire_zk, events):
    await zk.exists("/a", watch=events)
    await expire_zk(zk)
    assert await events.next() == WatchedEvent(EventType.SESSION, State.EXPIRED_SESSION, "/a")


async def test_a_watch_survives_a_restart_of_the_server(make_zk, zookeeper_server, events):
    zk, other_zk = make_zk(session_timeout=20.0), make_zk(session_timeout=20.0)  # They outlive the restart.
    await zk.start()
    await other_zk.start()
    await zk.create("/a")
    await zk.get("/a", watch=events)
    zookeeper_server.restart()
    await both.mended(lambda: zk.exists("/a"))
    await both.mended(lambda: other_zk.set("/a", b"2"))
    assert (await events.next()).type is EventType.CHANGED


async def test_a_watch_may_call_the_client(kind, zk, other_zk, events):
    await zk.create("/a", b"1")

    def again(event):
        events.put(zk.inner.get(event.path, watch=events)[0])

    async def await_again(event):
        events.put((await zk.get(event.path, watch=events))[0])

    await zk.get("/a", watch=await_again if kind == "async" else again)
    await other_zk.set("/a", b"2")
    assert await events.next() == b"2"
    await other_zk.set("/a", b"3")
    assert (await events.next()).type is EventType.CHANGED


async def test_a_watch_runs_in_the_loop_or_on_a_thread_of_pythons(kind, zk, other_zk, events):
    await zk.exists("/a", watch=lambda event: events.put(threading.current_thread()))
    await other_zk.create("/a")
    thread = await events.next()
    if kind == "async":
        assert thread is threading.current_thread()
        return
    assert isinstance(thread, threading.Thread)
    assert thread.daemon
    assert thread.name.startswith("zkc-dispatch")


async def test_a_watch_that_raises_is_logged_and_harms_nothing(zk, other_zk, events, caplog):
    def fail(event):
        raise ValueError("my own fault")

    with caplog.at_level(logging.ERROR, "zkc"):
        await zk.exists("/a", watch=fail)
        await zk.exists("/a", watch=events)
        await other_zk.create("/a")
        await events.next()
        await zk.close()
    assert "my own fault" in caplog.text
    caplog.clear()  # The traceback refers to what called the watch.


async def test_any_callable_is_a_watch(zk, other_zk):
    class Watch:
        def __init__(self):
            self.event = threading.Event()

        def __call__(self, event):
            self.event.set()

        def method(self, event):
            self.event.set()

    for number, make in enumerate((lambda: Watch(), lambda: Watch().method)):
        watch = make()
        await zk.exists(f"/{number}", watch=watch)
        await other_zk.create(f"/{number}")
        await both.eventually(getattr(watch, "__self__", watch).event.is_set)
