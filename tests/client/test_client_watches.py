"""Watches: called once, with an event, whatever ends them."""

import logging
import threading

import both
import pytest

import zkc
from zkc import EventType, State, WatchedEvent


async def test_a_watch_on_data_sees_a_change(zk, zk2, told):
    await zk.create("/a", b"1")
    assert (await zk.get("/a", watch=told))[0] == b"1"
    await zk2.set("/a", b"2")
    event = await told.next()
    assert event == WatchedEvent(EventType.CHANGED, State.CONNECTED, "/a")
    assert type(event) is WatchedEvent
    assert type(event.type) is EventType
    assert type(event.state) is State


async def test_a_watch_on_data_sees_a_deletion(zk, zk2, told):
    await zk.create("/a")
    await zk.get("/a", watch=told)
    await zk2.delete("/a")
    assert (await told.next()).type is EventType.DELETED


@pytest.mark.parametrize("there", [True, False])
async def test_a_watch_on_existence(zk, zk2, told, there):
    if there:
        await zk.create("/a")
    assert (await zk.exists("/a", watch=told) is not None) is there
    if there:
        await zk2.delete("/a")
    else:
        await zk2.create("/a")
    assert (await told.next()).type is (EventType.DELETED if there else EventType.CREATED)


@pytest.mark.parametrize("name", ["children", "children_with_stat"])
@pytest.mark.parametrize("change", ["create", "delete", "delete itself"])
async def test_a_watch_on_children(zk, zk2, told, name, change):
    await zk.create("/a")
    if change == "delete":
        await zk.create("/a/b")
    await getattr(zk, name)("/a", watch=told)
    if change == "create":
        await zk2.create("/a/b")
    elif change == "delete":
        await zk2.delete("/a/b")
    else:
        await zk2.delete("/a")
    expected = EventType.DELETED if change == "delete itself" else EventType.CHILD
    assert await told.next() == WatchedEvent(expected, State.CONNECTED, "/a")


async def test_a_watch_fires_once(zk, zk2, told):
    await zk.create("/a")
    await zk.get("/a", watch=told)
    for i in range(10):
        await zk2.set("/a", b"%d" % i)
    await zk.sync()
    await zk.exists("/last", watch=told)
    await zk2.create("/last")
    assert [(await told.next()).path, (await told.next()).path] == ["/a", "/last"]


async def test_each_watch_of_a_path_is_told(zk, zk2):
    await zk.create("/a")
    told = [threading.Event() for _ in range(5)]
    for flag in told:
        await zk.get("/a", watch=lambda event, flag=flag: flag.set())
    await zk2.set("/a", b"")
    await both.eventually(lambda: all(flag.is_set() for flag in told))


async def test_a_failed_call_sets_no_watch(zk, zk2, told):
    with pytest.raises(zkc.NoNodeError):
        await zk.get("/a", watch=told)
    with pytest.raises(zkc.NoNodeError):
        await zk.children("/a", watch=told)
    assert zk.session.watch_count == 0
    await zk.create("/a")
    await zk.close()
    assert told.empty()


async def test_a_path_in_unicode_below_a_chroot(zk, zk2, told):
    await zk.exists("/ä日", watch=told)
    await zk2.create("/ä日")
    assert (await told.next()).path == "/ä日"


async def test_closing_is_a_watchs_last_event(make_zk, told):
    async with make_zk() as zk:
        await zk.exists("/a", watch=told)
    assert await told.next() == WatchedEvent(EventType.SESSION, State.CLOSED, "/a")
    assert told.empty()


async def test_expiry_is_a_watchs_last_event(zk, expire_zk, told):
    await zk.exists("/a", watch=told)
    await expire_zk(zk)
    assert await told.next() == WatchedEvent(EventType.SESSION, State.EXPIRED_SESSION, "/a")


async def test_a_watch_survives_a_restart_of_the_server(zk, zk2, zookeeper_server, told):
    await zk.create("/a")
    await zk.get("/a", watch=told)
    zookeeper_server.restart()
    await both.mended(lambda: zk.exists("/a"))
    await both.mended(lambda: zk2.set("/a", b"2"))
    assert (await told.next()).type is EventType.CHANGED


async def test_a_watch_may_call_the_client(kind, zk, zk2, told):
    await zk.create("/a", b"1")

    def again(event):
        told.put(zk.inner.get(event.path, watch=told)[0])

    async def await_again(event):
        told.put((await zk.get(event.path, watch=told))[0])

    await zk.get("/a", watch=await_again if kind == "async" else again)
    await zk2.set("/a", b"2")
    assert await told.next() == b"2"
    await zk2.set("/a", b"3")
    assert (await told.next()).type is EventType.CHANGED


async def test_a_watch_runs_in_the_loop_or_on_a_thread_of_pythons(kind, zk, zk2, told):
    await zk.exists("/a", watch=lambda event: told.put(threading.current_thread()))
    await zk2.create("/a")
    thread = await told.next()
    if kind == "async":
        assert thread is threading.current_thread()
        return
    assert isinstance(thread, threading.Thread)
    assert thread.daemon
    assert thread.name.startswith("zkc-dispatch")


async def test_a_watch_that_raises_is_logged_and_harms_nothing(zk, zk2, told, caplog):
    def fail(event):
        raise ValueError("my own fault")

    with caplog.at_level(logging.ERROR, "zkc"):
        await zk.exists("/a", watch=fail)
        await zk.exists("/a", watch=told)
        await zk2.create("/a")
        await told.next()
        await zk.close()
    assert "my own fault" in caplog.text
    caplog.clear()  # The traceback refers to what called the watch.


async def test_any_callable_is_a_watch(zk, zk2):
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
        await zk2.create(f"/{number}")
        await both.eventually(getattr(watch, "__self__", watch).event.is_set)
