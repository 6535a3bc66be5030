"""Recurring watches: what they see, where they run, how they end."""

import asyncio
import gc
import threading

import pytest

import zkc

from . import both
from .both import Events
from .recurring_support import Data, unwatched

# ---- what is seen ---------------------------------------------------------------------------------------------------


async def test_data_from_before_the_znode_exists_until_it_does_again(zk, other_zk, data):
    await zk.watch_data("/a", data)
    assert await data.next() is None
    await other_zk.create("/a", b"1")
    assert await data.next() == b"1"
    await other_zk.set("/a", b"2")
    assert await data.next() == b"2"
    await other_zk.delete("/a")
    assert await data.next() is None
    await other_zk.create("/a", b"3")
    assert await data.next() == b"3"


async def test_it_begins_with_the_current_value_and_its_stat(zk, events):
    await zk.create("/a", b"1")
    await zk.watch_data("/a", events)
    value, stat = await events.next()
    assert (value, stat) == await zk.get("/a")


async def test_a_znode_without_data_is_not_a_missing_one(zk, events):
    await zk.create("/a", None)
    await zk.watch_data("/a", events)
    value, stat = await events.next()
    assert value is None
    assert stat.version == 0


async def test_children_from_before_the_znode_exists_until_it_does_again(zk, other_zk, names):
    await zk.watch_children("/a", names)
    assert await names.next() is None
    await other_zk.create("/a")
    assert await names.next() == []
    await other_zk.create("/a/y")
    assert await names.next() == ["y"]
    await other_zk.create("/a/x")
    assert await names.next() == ["x", "y"]
    await other_zk.delete("/a/x")
    assert await names.next() == ["y"]
    await other_zk.delete("/a/y")
    assert await names.next() == []
    await other_zk.delete("/a")
    assert await names.next() is None
    await other_zk.create("/a")
    assert await names.next() == []


async def test_watches_of_children_get_no_data_events_nor_the_reverse(zk, data, names):
    await zk.create("/a", b"1")
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    await zk.set("/a", b"2")
    await zk.create("/a/b")
    assert [await data.next(), await data.next()] == [b"1", b"2"]
    assert [await names.next(), await names.next()] == [[], ["b"]]
    await zk.set("/a", b"3")
    await zk.delete("/a/b")
    assert await data.next() == b"3"
    assert await names.next() == []
    assert data.empty()
    assert names.empty()


async def test_the_last_of_many_quick_changes_is_seen_and_none_out_of_order(zk, other_zk, data):
    await zk.create("/a", b"-1")
    await zk.watch_data("/a", data)
    for i in range(300):
        await other_zk.set("/a", b"%d" % i)
    seen = [int(value) for value in await data.until(b"299")]
    assert seen == sorted(set(seen))
    assert data.empty()


async def test_many_watches_of_one_znode_and_of_many(zk, other_zk):
    shared = [Data() for _ in range(20)]
    for one in shared:
        await zk.watch_data("/a", one)
    await other_zk.create("/a", b"x")
    for one in shared:
        await one.until(b"x")
    many = {f"/many-{i}": Data() for i in range(200)}
    for path, one in many.items():
        await zk.watch_data(path, one)
    for path in many:
        await other_zk.create(path, path.encode())
    for path, one in many.items():
        await one.until(path.encode())


async def test_a_znode_that_flickers(zk, other_zk, data, names):
    """Created and deleted again and again: reading and asking for existence find different things."""
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    for i in range(150):
        await other_zk.create("/a", b"%d" % i)
        await other_zk.delete("/a")
    await other_zk.create("/a", b"last")
    await data.until(b"last")
    await both.eventually(lambda: list(names.queue)[-1] == [])
    # One watch for each, none left over; it may still be looking.
    await both.eventually(lambda: zk.session.watch_count == 2)


# ---- where it runs --------------------------------------------------------------------------------------------------


async def test_it_is_called_where_callbacks_run(zk, loop):
    threads = Events()
    await zk.watch_data("/a", lambda data, stat: threads.put(threading.current_thread()))
    thread = await threads.next()
    assert (thread is threading.main_thread()) is (zk.kind == "async")
    assert zk.kind == "async" or thread.name.startswith("zkc-dispatch")


async def test_what_it_raises_is_logged_and_it_goes_on(zk, caplog):
    seen = Events()

    def unhappy(data, stat):
        seen.put(data)
        raise RuntimeError("no such luck")

    await zk.watch_data("/a", unhappy)
    assert await seen.next() is None
    await zk.create("/a", b"1")
    assert await seen.next() == b"1"
    await zk.set("/a", b"2")
    assert await seen.next() == b"2"
    await both.eventually(lambda: sum(record.name == "zkc.callback" for record in caplog.records) == 3)
    records = [record for record in caplog.records if record.name == "zkc.callback"]
    assert "unhappy" in records[0].getMessage()
    assert "no such luck" in str(records[0].exc_info[1])
    caplog.clear()  # the tracebacks refer to requests


async def test_a_slow_function_is_called_with_the_latest(zk, other_zk):
    seen, go_on = Events(), threading.Event()

    def slow(data, stat):
        seen.put(data)
        if zk.kind == "sync":
            go_on.wait(20)
            return None
        return asyncio.get_running_loop().run_in_executor(None, go_on.wait, 20)

    await other_zk.create("/a", b"1")
    await zk.watch_data("/a", slow)
    assert await seen.next() == b"1"
    for i in range(50):
        await other_zk.set("/a", b"%d" % i)
    for _ in range(3):  # What it reads behind an event has come as well.
        await zk.sync()
    go_on.set()
    rest = [await seen.next()]
    while rest[-1] != b"49":
        rest.append(await seen.next())
    assert len(rest) <= 2, "calls piled up"


async def test_calls_on_the_client_can_be_made_in_it(zk, other_zk):
    seen = Events()

    def nested(data, stat):
        if zk.kind == "sync":
            seen.put((data, zk.inner.exists("/b")))
            return None

        async def ask():
            seen.put((data, await zk.exists("/b")))

        return ask()

    await zk.watch_data("/a", nested)
    assert await seen.next() == (None, None)
    await other_zk.create("/a", b"1")
    assert await seen.next() == (b"1", None)


@pytest.mark.parametrize("kind", ["async"])
async def test_calls_of_a_coroutine_function_do_not_overlap(zk, other_zk):
    running, seen = [], Events()

    async def fn(data, stat):
        assert not running
        running.append(data)
        await other_zk.sync()
        await asyncio.sleep(0.001)  # while others have their turn
        running.remove(data)
        seen.put(data)

    await other_zk.create("/a", b"-1")
    await zk.watch_data("/a", fn)
    for i in range(100):
        await other_zk.set("/a", b"%d" % i)
    values = [await seen.next()]
    while values[-1] != b"99":
        values.append(await seen.next())
    assert values == sorted(set(values), key=int)


@pytest.mark.parametrize("kind", ["async"])
async def test_a_coroutine_function_that_raises_is_logged_and_goes_on(zk, caplog):
    seen = Events()

    async def unhappy(data, stat):
        seen.put(data)
        raise RuntimeError("no such luck")

    await zk.watch_data("/a", unhappy)
    assert await seen.next() is None
    await zk.create("/a", b"1")
    assert await seen.next() == b"1"
    await both.eventually(lambda: sum(record.name == "zkc.callback" for record in caplog.records) == 2)
    assert "no such luck" in caplog.text
    caplog.clear()


@pytest.mark.parametrize("kind", ["async"])
async def test_a_coroutine_that_has_not_begun_when_it_is_cancelled_never_does(zk):
    begun = []

    async def fn(data, stat):
        begun.append(data)

    def wrapped(data, stat):
        if not handles:  # It may be called before this test has the handle.
            return None
        handles[0].cancel()
        return fn(data, stat)

    handles = []
    handles.append(await zk.watch_data("/a", wrapped))
    await zk.create("/a")
    await both.eventually(lambda: handles[0].cancelled)
    await zk.sync()
    assert begun == []


# ---- its end --------------------------------------------------------------------------------------------------------


async def test_a_cancelled_one_is_called_no_more_and_removed(zk, other_zk, data):
    handle = await zk.watch_data("/a", data)
    assert await data.next() is None
    assert not handle.cancelled
    handle.cancel()
    handle.cancel()
    assert handle.cancelled
    await other_zk.create("/a", b"1")
    await zk.sync()
    await unwatched(zk)
    assert data.empty()


async def test_it_can_be_cancelled_in_its_function(zk, other_zk):
    seen = Events()

    def once(data, stat):
        seen.put(data)
        if data == b"2":
            handle.cancel()

    await other_zk.create("/a", b"1")
    handle = await zk.watch_data("/a", once)
    assert await seen.next() == b"1"
    await other_zk.set("/a", b"2")
    assert await seen.next() == b"2"
    await other_zk.set("/a", b"3")
    await zk.sync()
    await unwatched(zk)
    assert seen.empty()


async def test_it_can_be_cancelled_by_another_thread(zk, other_zk, data):
    handle = await zk.watch_data("/a", data)
    thread = threading.Thread(target=handle.cancel)
    thread.start()
    thread.join()
    await other_zk.create("/a")
    await zk.sync()
    await unwatched(zk)
    assert b"" not in list(data.queue)


async def test_other_watches_of_the_path_are_left_alone(zk, other_zk, data, events):
    await other_zk.create("/a", b"1")
    await zk.get("/a", watch=events)
    other = await zk.watch_data("/a", data)
    handle = await zk.watch_data("/a", Data())
    handle.cancel()
    await zk.sync()
    await other_zk.set("/a", b"2")
    assert (await events.next()).type is zkc.EventType.CHANGED
    await data.until(b"2")
    assert not other.cancelled


async def test_a_dropped_handle_changes_nothing(zk, other_zk, data, expire_zk):
    await zk.watch_data("/a", data)
    assert await data.next() is None
    gc.collect()
    await expire_zk(zk)
    gc.collect()
    await other_zk.create("/a", b"1")
    assert await data.next() == b"1"


async def test_closing_the_client_ends_it(zk, data):
    handle = await zk.watch_data("/a", data)
    assert await data.next() is None
    await zk.close()
    await both.eventually(lambda: handle.cancelled)
    assert handle.error is None
    handle.cancel()
    await zk.start()
    await zk.create("/a", b"1")
    await zk.sync()
    assert data.empty(), "it came back with the client"


async def test_a_client_can_be_closed_in_it(make_zk, other_zk):
    zk = make_zk()
    await zk.start()
    closed = Events()

    def fn(data, stat):
        if data is None:
            return None
        if zk.kind == "sync":
            closed.put(zk.inner.close())
            return None

        async def close():
            closed.put(await zk.close())

        return close()

    handle = await zk.watch_data("/a", fn)
    await other_zk.create("/a", b"1")
    assert await closed.next() is None
    await both.eventually(lambda: handle.cancelled)


async def test_remove_watches_does_not_end_it(zk, other_zk, data, events):
    await other_zk.create("/a", b"1")
    await zk.watch_data("/a", data)
    assert await data.next() == b"1"
    with pytest.raises(zkc.NoWatcherError):  # There is no one-shot watch.
        await zk.remove_watches("/a")
    await zk.get("/a", watch=events)
    reads = zk.metrics().requests["get"]
    await zk.remove_watches("/a")
    assert (await events.next()).type is zkc.EventType.NOT_WATCHING
    assert zk.session.watch_count == 1
    assert zk.metrics().requests["get"] == reads, "the recurring watch was not touched, so nothing is read again"
    await other_zk.set("/a", b"2")
    assert await data.next() == b"2"
    assert events.empty()


def test_a_forgotten_client_ends_although_something_is_watched(hosts, eventually):
    clients = [zkc.Client(hosts)]
    clients[0].start()
    handle = clients[0].watch_data("/a", lambda data, stat: None)

    def forget():
        clients.clear()
        eventually(lambda: len(warned))  # A callback on its dispatcher may go on.

    with pytest.warns(ResourceWarning, match="was not closed") as warned:
        forget()
    assert handle.error is None
