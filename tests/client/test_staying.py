"""Watches that stay: the current state, and the last state after whatever happened."""

import asyncio
import contextlib
import gc
import inspect
import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import both
import pytest
from both import Events, mended

import zkc
from zkc import ACL, Perms
from zkc.testing import FaultProxy


class Data(Events):
    """A function for watch_data: keeps the data of each call."""

    def __call__(self, data, stat):
        assert (stat is None) is (data is None)
        self.put(data)

    async def until(self, data):
        """Wait until these data come; return those before."""
        before = []
        while True:
            before.append(await self.next())
            if before[-1] == data:
                return before[:-1]


class Names(Events):
    """A function for watch_children."""

    def __call__(self, names):
        self.put(names)


@pytest.fixture
def data():
    return Data()


@pytest.fixture
def names():
    return Names()


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def through(proxy, hosts):
    """Where a client connects that shall go through the proxy."""
    return proxy.hosts + hosts[hosts.index("/") :]


@pytest.fixture
def make_client_through(through):
    """Return a function that makes a synchronous client that connects through the proxy."""
    with contextlib.ExitStack() as made:
        yield lambda **settings: made.enter_context(zkc.Client(through, **settings))


async def unwatched(zk):
    await both.eventually(lambda: zk.session.watch_count == 0)


# ---- what is seen ---------------------------------------------------------------------------------------------------


async def test_data_from_before_the_znode_exists_until_it_does_again(zk, zk2, data):
    await zk.watch_data("/a", data)
    assert await data.next() is None
    await zk2.create("/a", b"1")
    assert await data.next() == b"1"
    await zk2.set("/a", b"2")
    assert await data.next() == b"2"
    await zk2.delete("/a")
    assert await data.next() is None
    await zk2.create("/a", b"3")
    assert await data.next() == b"3"


async def test_it_begins_with_the_current_value_and_its_stat(zk, told):
    await zk.create("/a", b"1")
    await zk.watch_data("/a", told)
    value, stat = await told.next()
    assert (value, stat) == await zk.get("/a")


async def test_a_znode_without_data_is_not_a_missing_one(zk, told):
    await zk.create("/a", None)
    await zk.watch_data("/a", told)
    value, stat = await told.next()
    assert value is None
    assert stat.version == 0


async def test_children_from_before_the_znode_exists_until_it_does_again(zk, zk2, names):
    await zk.watch_children("/a", names)
    assert await names.next() is None
    await zk2.create("/a")
    assert await names.next() == []
    await zk2.create("/a/y")
    assert await names.next() == ["y"]
    await zk2.create("/a/x")
    assert await names.next() == ["x", "y"]
    await zk2.delete("/a/x")
    assert await names.next() == ["y"]
    await zk2.delete("/a/y")
    assert await names.next() == []
    await zk2.delete("/a")
    assert await names.next() is None
    await zk2.create("/a")
    assert await names.next() == []


async def test_children_are_not_told_of_data_nor_data_of_children(zk, data, names):
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


async def test_the_last_of_many_quick_changes_is_seen_and_none_out_of_order(zk, zk2, data):
    await zk.create("/a", b"-1")
    await zk.watch_data("/a", data)
    for i in range(300):
        await zk2.set("/a", b"%d" % i)
    seen = [int(value) for value in await data.until(b"299")]
    assert seen == sorted(set(seen))
    assert data.empty()


async def test_many_watches_of_one_znode_and_of_many(zk, zk2):
    shared = [Data() for _ in range(20)]
    for one in shared:
        await zk.watch_data("/a", one)
    await zk2.create("/a", b"x")
    for one in shared:
        await one.until(b"x")
    many = {f"/many-{i}": Data() for i in range(200)}
    for path, one in many.items():
        await zk.watch_data(path, one)
    for path in many:
        await zk2.create(path, path.encode())
    for path, one in many.items():
        await one.until(path.encode())


async def test_a_znode_that_flickers(zk, zk2, data, names):
    """Created and deleted again and again: reading and asking for existence find different things."""
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    for i in range(150):
        await zk2.create("/a", b"%d" % i)
        await zk2.delete("/a")
    await zk2.create("/a", b"last")
    await data.until(b"last")
    await both.eventually(lambda: list(names.queue)[-1] == [])
    await zk.sync()
    assert zk.session.watch_count == 2, "one watch for each, none left over"


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


async def test_a_slow_function_is_called_with_the_latest(zk, zk2):
    seen, go_on = Events(), threading.Event()

    def slow(data, stat):
        seen.put(data)
        if zk.kind == "sync":
            go_on.wait(20)
            return None
        return asyncio.get_running_loop().run_in_executor(None, go_on.wait, 20)

    await zk2.create("/a", b"1")
    await zk.watch_data("/a", slow)
    assert await seen.next() == b"1"
    for i in range(50):
        await zk2.set("/a", b"%d" % i)
    go_on.set()
    rest = [await seen.next()]
    while rest[-1] != b"49":
        rest.append(await seen.next())
    assert len(rest) <= 2, "calls piled up"


async def test_calls_on_the_client_can_be_made_in_it(zk, zk2):
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
    await zk2.create("/a", b"1")
    assert await seen.next() == (b"1", None)


@pytest.mark.parametrize("kind", ["async"])
async def test_calls_of_a_coroutine_function_do_not_overlap(zk, zk2):
    running, seen = [], Events()

    async def fn(data, stat):
        assert not running
        running.append(data)
        await zk2.sync()
        await asyncio.sleep(0.001)  # while others have their turn
        running.remove(data)
        seen.put(data)

    await zk2.create("/a", b"-1")
    await zk.watch_data("/a", fn)
    for i in range(100):
        await zk2.set("/a", b"%d" % i)
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
        handle.cancel()
        return fn(data, stat)

    handle = await zk.watch_data("/a", wrapped)
    await zk.create("/a")
    await zk.sync()
    assert begun == []


# ---- its end --------------------------------------------------------------------------------------------------------


async def test_a_cancelled_one_is_called_no_more_and_removed(zk, zk2, data):
    handle = await zk.watch_data("/a", data)
    assert await data.next() is None
    assert not handle.cancelled
    handle.cancel()
    handle.cancel()
    assert handle.cancelled
    await zk2.create("/a", b"1")
    await zk.sync()
    await unwatched(zk)
    assert data.empty()


async def test_it_can_be_cancelled_in_its_function(zk, zk2):
    seen = Events()

    def once(data, stat):
        seen.put(data)
        if data == b"2":
            handle.cancel()

    await zk2.create("/a", b"1")
    handle = await zk.watch_data("/a", once)
    assert await seen.next() == b"1"
    await zk2.set("/a", b"2")
    assert await seen.next() == b"2"
    await zk2.set("/a", b"3")
    await zk.sync()
    await unwatched(zk)
    assert seen.empty()


async def test_it_can_be_cancelled_by_another_thread(zk, zk2, data):
    handle = await zk.watch_data("/a", data)
    thread = threading.Thread(target=handle.cancel)
    thread.start()
    thread.join()
    await zk2.create("/a")
    await zk.sync()
    await unwatched(zk)
    assert b"" not in list(data.queue)


async def test_other_watches_of_the_path_are_left_alone(zk, zk2, data, told):
    await zk2.create("/a", b"1")
    await zk.get("/a", watch=told)
    other = await zk.watch_data("/a", data)
    handle = await zk.watch_data("/a", Data())
    handle.cancel()
    await zk.sync()
    await zk2.set("/a", b"2")
    assert (await told.next()).type is zkc.EventType.CHANGED
    await data.until(b"2")
    assert not other.cancelled


async def test_a_dropped_handle_changes_nothing(zk, zk2, data, expire_zk):
    await zk.watch_data("/a", data)
    assert await data.next() is None
    gc.collect()
    await expire_zk(zk)
    gc.collect()
    await zk2.create("/a", b"1")
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


async def test_a_client_can_be_closed_in_it(make_zk, zk2):
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
    await zk2.create("/a", b"1")
    assert await closed.next() is None
    await both.eventually(lambda: handle.cancelled)


async def test_remove_watches_does_not_end_it(zk, zk2, data):
    await zk2.create("/a", b"1")
    await zk.watch_data("/a", data)
    assert await data.next() == b"1"
    await zk.remove_watches("/a")
    await zk2.set("/a", b"2")
    assert await data.next() == b"2"


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


# ---- connections and sessions that end ------------------------------------------------------------------------------


async def test_what_happened_while_the_connection_was_away_is_seen(make_zk, zk2, proxy, through, data, names):
    zk = make_zk(through)
    await zk.start()
    await zk2.create("/a", b"1")
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    proxy.refuse()
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.SUSPENDED)
    await zk2.delete("/a")
    await zk2.create("/a", b"2")
    await zk2.create("/a/b")
    proxy.accept()
    assert await data.until(b"2") == [b"1"]
    assert [await names.next(), await names.next()] == [[], ["b"]]


async def test_the_same_value_is_not_told_twice(make_zk, zk2, proxy, through, expire_zk, data, names, told):
    zk = make_zk(through)
    await zk.start()
    await zk2.create("/a", b"1")
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    await zk.watch_data("/missing", told)
    for _ in range(2):
        proxy.drop_connections()
        await zk.wait_for(zkc.ClientState.CONNECTED)
        await expire_zk(zk)
    await zk2.set("/a", b"2")
    await zk2.create("/a/b")
    await zk2.create("/missing")
    assert [await data.next(), await data.next()] == [b"1", b"2"]
    assert [await names.next(), await names.next()] == [[], ["b"]]
    assert [(await told.next())[0], (await told.next())[0]] == [None, b""]


async def test_what_happened_between_two_sessions_is_seen(make_zk, zk2, proxy, through, zookeeper_server, data, names):
    zk = make_zk(through)
    await zk.start()
    await zk2.create("/a", b"1")
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    proxy.refuse()
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.SUSPENDED)
    session_id = zk.session_id
    zookeeper_server.expire(session_id, zk.session_password)
    await zk2.set("/a", b"2")
    await zk2.create("/a/b")
    proxy.accept()
    assert await data.until(b"2") == [b"1"]
    assert [await names.next(), await names.next()] == [[], ["b"]]
    assert zk.session_id != session_id
    await zk2.set("/a", b"3")
    assert await data.next() == b"3"


async def test_the_last_of_a_thousand_sets_with_a_restart_and_an_expiry_between(
    make_zk, zk2, proxy, through, zookeeper_server, data
):
    zk = make_zk(through)
    await zk.start()
    await zk2.create("/a", b"-1")
    await zk.watch_data("/a", data)
    for i in range(1000):
        if i == 300:
            zookeeper_server.restart()
        if i == 600:
            await zk.wait_for(zkc.ClientState.CONNECTED)
            zookeeper_server.expire(zk.session_id, zk.session_password)
        await mended(lambda i=i: zk2.set("/a", b"%d" % i))
    seen = [int(value) for value in await data.until(b"999")]
    assert seen == sorted(set(seen))


async def test_hundreds_go_on_after_an_expiry(zk, zk2, expire_zk):
    many = {f"/many-{i}": Data() for i in range(400)}
    for path, one in many.items():
        await zk.watch_data(path, one)
    await expire_zk(zk)
    for path in many:
        await zk2.create(path, path.encode())
    for path, one in many.items():
        assert await one.until(path.encode()) == [None]
    assert zk.session.watch_count == 400


async def test_one_that_is_cancelled_while_the_connection_is_away_is_removed_when_it_is_back(
    make_zk, zk2, proxy, through, data
):
    zk = make_zk(through)
    await zk.start()
    handle = await zk.watch_data("/a", data)
    assert await data.next() is None
    proxy.refuse()
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.SUSPENDED)
    handle.cancel()
    proxy.accept()
    await zk.wait_for(zkc.ClientState.CONNECTED)
    await unwatched(zk)
    await zk2.create("/a")
    await zk.sync()
    assert data.empty()


async def test_one_that_is_cancelled_between_two_sessions_does_not_come_back(zk, zk2, expire_zk, data):
    handle = await zk.watch_data("/a", data)
    assert await data.next() is None
    zk.add_listener(lambda state: handle.cancel() if state is zkc.ClientState.LOST else None)
    await expire_zk(zk)
    assert handle.cancelled
    await zk2.create("/a")
    await zk.sync()
    assert zk.session.watch_count == 0
    assert data.empty()


# ---- errors ---------------------------------------------------------------------------------------------------------

_ANN = [ACL.digest("ann", "secret")]


async def test_a_znode_that_may_not_be_read(zk, make_zk, data):
    ann = make_zk(auth=[("digest", "ann:secret")])
    await ann.start()
    await ann.create("/a", b"1", acl=_ANN)
    for watch in (zk.watch_data, zk.watch_children):
        with pytest.raises(zkc.NoAuthError):
            await watch("/a", data)
    assert zk.session.watch_count == 0
    await ann.set("/a", b"2")
    await zk.sync()
    assert data.empty()


async def test_a_znode_that_may_be_read_no_longer(make_zk, proxy, through, expire_zk, data, caplog):
    zk, ann = make_zk(through), make_zk(auth=[("digest", "ann:secret")])
    await zk.start()
    await ann.start()
    await ann.create("/a", b"1", acl=[ACL.world(Perms.READ), *_ANN])
    handle = await zk.watch_data("/a", data)
    assert await data.next() == b"1"
    assert handle.error is None
    await ann.set_acl("/a", _ANN)
    await ann.set("/a", b"2")
    await expire_zk(zk)  # The servers tell nobody of changes in what he may not read.
    await both.eventually(lambda: handle.error is not None)
    assert isinstance(handle.error, zkc.NoAuthError)
    assert "failing" in repr(handle)
    assert not handle.cancelled
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.CONNECTED)
    await zk.sync()
    assert sum("/a is not watched" in record.getMessage() for record in caplog.records) == 1
    await ann.set_acl("/a", [ACL.world(Perms.READ), *_ANN])
    proxy.drop_connections()
    assert await data.next() == b"2"
    assert handle.error is None
    await ann.set("/a", b"3")
    assert await data.next() == b"3"


async def test_a_session_that_is_lost_for_good_ends_it(zk, data):
    handle = await zk.watch_data("/a", data)
    with pytest.raises(zkc.AuthFailedError):
        await zk.add_auth("nonsense", "credentials")
    await both.eventually(lambda: handle.cancelled)
    assert isinstance(handle.error, zkc.AuthFailedError)
    with pytest.raises(zkc.AuthFailedError):
        await zk.watch_data("/a", data)


async def test_a_lost_connection_is_raised_and_leaves_nothing(make_zk, proxy, through, data):
    zk = make_zk(through, session_timeout=4.0)
    await zk.start()
    proxy.pause()
    proxy.refuse()
    with pytest.raises(zkc.ConnectionLossError):
        await zk.watch_data("/a", data)
    proxy.drop_connections()
    proxy.resume()
    proxy.accept()
    await mended(lambda: zk.create("/a"))
    await mended(zk.sync)
    assert data.empty()
    assert zk.session.watch_count == 0


async def test_a_first_answer_that_takes_too_long_leaves_nothing(make_zk, proxy, through, data):
    zk = make_zk(through)
    await zk.start()
    proxy.pause()
    with pytest.raises(zkc.OperationTimeoutError):
        await zk.watch_data("/a", data, timeout=0.1)
    proxy.resume()
    await zk.sync()
    await unwatched(zk)
    await zk.create("/a")
    await zk.sync()
    assert data.empty()


@pytest.mark.parametrize("kind", ["async"])
async def test_a_cancelled_call_leaves_nothing(make_zk, proxy, through, data):
    zk = make_zk(through)
    await zk.start()
    proxy.pause()
    call = zk.watch_data("/a", data)
    call.cancel()
    proxy.resume()
    await zk.sync()
    await unwatched(zk)
    assert data.empty()


async def test_arguments(zk, data):
    for name in ("watch_data", "watch_children"):
        watch = getattr(zk, name)
        with pytest.raises(ValueError, match="path must start with '/'"):
            await watch("a", data)
        with pytest.raises(TypeError, match=r"fn must be callable with .*, not str"):
            await watch("/a", "fn")
        with pytest.raises(ValueError, match="timeout"):
            await watch("/a", data, timeout=-1)
    assert zk.session.watch_count == 0


class AsyncCallable:
    async def __call__(self, data, stat):
        pass


async def coroutine_function(data, stat):
    pass


@pytest.mark.parametrize("fn", [coroutine_function, AsyncCallable()])
def test_a_synchronous_client_refuses_coroutine_functions(client, fn):
    with pytest.raises(TypeError, match=r"coroutine functions are for zkc\.AsyncClient"):
        client.watch_data("/a", fn)


async def test_a_client_that_is_not_started_or_closed(make_zk, data):
    zk = make_zk()
    with pytest.raises(zkc.NotStartedError):
        await zk.watch_data("/a", data)
    await zk.start()
    await zk.close()
    with pytest.raises(zkc.ClosingError):
        await zk.watch_data("/a", data)


def test_a_script_may_end_without_closing_anything(hosts):
    script = """
import sys, zkc
client = zkc.Client(sys.argv[1])
client.start()
handle = client.watch_data("/a", print)
events = client.watch("/a")
client.create("/a", b"1")
print(next(events).type)
"""
    done = subprocess.run([sys.executable, "-c", script, hosts], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "CREATED" in done.stdout


def test_a_forked_child_leaves_the_watch_alone(hosts):
    script = """
import gc, os, sys, zkc
with zkc.Client(sys.argv[1]) as client:
    handle = client.watch_data("/a", lambda data, stat: None)
    events = client.watch("/a")
    pid = os.fork()
    if pid == 0:
        handle.cancel()
        del events
        gc.collect()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    client.create("/a", b"1")
    print(next(events).type)
"""
    done = subprocess.run([sys.executable, "-c", script, hosts], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "CREATED\n")


def test_watches_are_cancelled_while_no_place_in_flight_is_free(make_client_through, proxy, data):
    client = make_client_through(max_in_flight=3)
    handle = client.watch_data("/a", data)
    proxy.pause()
    requests = [client.session.sync("/") for _ in range(3)]
    handle.cancel()  # It does not wait.
    proxy.resume()
    for request in requests:
        request.result(10)
    deadline = time.monotonic() + 20
    while client.session.watch_count and time.monotonic() < deadline:
        client.sync()
    assert client.session.watch_count == 0


def test_by_submit(client, data):
    future = client.submit.watch_data("/a", data)
    assert isinstance(future, zkc.Future)
    handle = future.result(10)
    assert isinstance(handle, zkc.StayingWatch)
    assert data.get(timeout=10) is None


async def test_it_says_what_it_is(zk, data):
    handle = await zk.watch_data("/a", data)
    assert repr(handle) == "<zkc.StayingWatch /a watching>"
    assert handle.path == "/a"
    handle.cancel()
    assert repr(handle) == "<zkc.StayingWatch /a cancelled>"
    assert inspect.getdoc(type(handle).cancelled)


async def test_no_warning_is_logged_for_what_is_usual(zk, expire_zk, data, caplog):
    with caplog.at_level(logging.DEBUG, "zkc"):
        handle = await zk.watch_data("/a", data)
        await expire_zk(zk)
        await zk.close()
        await both.eventually(lambda: handle.cancelled)
    assert not [record for record in caplog.records if "not watched" in record.getMessage()]
    assert not [record for record in caplog.records if record.name == "zkc.callback"]


# ---- the examples ---------------------------------------------------------------------------------------------------


class Script:
    """An example that runs until Ctrl-C."""

    def __init__(self, name, *arguments):
        path = Path(__file__).parents[2] / "examples" / name
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", path, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self):
        return self.process.stdout.readline().strip()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(30) == 0
        assert self.process.stderr.read() == ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with self.process:
            self.process.kill()


def test_the_configuration_watcher(hosts, client):
    with Script("configuration_watcher.py", hosts) as script:
        assert script.line() == 'configuration (none): {"level": "info", "workers": 4}'
        client.create("/config", b'{"workers": 8}')
        assert script.line() == 'configuration (version 0): {"level": "info", "workers": 8}'
        client.set("/config", b"{")
        assert script.line().startswith("kept as it was")
        client.set("/config", b'{"level": "debug"}')
        assert script.line() == 'configuration (version 2): {"level": "debug", "workers": 4}'
        client.delete("/config")
        assert script.line() == 'configuration (none): {"level": "info", "workers": 4}'
        script.interrupt()


def test_the_service_registry(hosts, client, zookeeper_server):
    with Script("service_registry.py", hosts, "one", "10.0.0.1:80") as one:
        assert one.line() == "members: none"
        assert one.line() == "members: one"
        with Script("service_registry.py", hosts, "two", "10.0.0.2:80") as two:
            assert two.line() == "members: one"
            assert two.line() == "members: one, two"
            assert one.line() == "members: one, two"
            assert client.get("/services/workers/two")[0] == b"10.0.0.2:80"
            two.interrupt()
        assert one.line() == "members: one"
        with Script("service_registry.py", hosts, "one", "10.0.0.3:80") as again:
            assert again.process.wait(30) == 2
            assert "one is registered already, at 10.0.0.1:80" in again.process.stderr.read()
        one.interrupt()
    assert client.children("/services/workers") == []
