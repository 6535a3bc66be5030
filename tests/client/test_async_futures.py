"""Futures of AsyncClient: the request is sent at the call, and they may be waited for in every way."""

import asyncio
import gc
import inspect
import sys
import threading

import pytest

import zkc
from zkc import AsyncClient, ClientState

from . import both


async def test_a_call_returns_a_future(hosts):
    async with AsyncClient(hosts) as client:
        future = client.exists("/")
        assert type(future) is zkc.AsyncFuture
        assert isinstance(future, asyncio.Future)
        assert asyncio.isfuture(future)
        assert inspect.isawaitable(future)
        assert not future.done()
        stat = await future
        assert future.done()
        assert future.result() == stat == await future
        failed = client.get("/none")
        with pytest.raises(zkc.NoNodeError):
            await failed
        assert isinstance(failed.exception(), zkc.NoNodeError)


async def test_a_call_of_several_requests_gives_the_other_tasks_their_turn(hosts):
    """Even when the reply to its first one is there before the call returns."""
    async with AsyncClient(hosts) as client:
        for _ in range(200):
            future = client.create("/p-", ephemeral=True, sequential=True, protected=True)
            assert not future.done()
            await future


async def test_every_call_gives_a_future(hosts):
    async with AsyncClient(hosts) as client:
        calls = [
            client.create("/a"),
            client.create("/b/c", make_parents=True),
            client.ensure_path("/d/e"),
            client.set("/", b""),
            client.delete("/none", missing_ok=True),
            client.delete("/none-2", recursive=True, missing_ok=True),
            client.exists("/"),
            client.children("/"),
            client.children_with_stat("/"),
            client.get("/"),
            client.get_acl("/"),
            client.set_acl("/", [zkc.ACL.world()]),
            client.sync(),
            client.add_auth("digest", "a:b"),
            client.get_config(),
            client.transaction().commit(),
        ]
        assert {type(call) for call in calls} == {zkc.AsyncFuture}
        await asyncio.gather(*calls)


async def test_calls_are_sent_when_they_are_made_and_not_when_they_are_awaited(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/a", b"0")
        futures = [client.set("/a", b"%d" % i) for i in range(1, 10)]
        read = client.get("/a")
        later = client.set("/a", b"last")
        # Awaited from the last to the first, and carried out in the order of the calls.
        await later
        assert (await read)[0] == b"9"
        assert [(await future).version for future in reversed(futures)] == list(range(9, 0, -1))


async def test_a_call_without_an_await_is_carried_out(hosts):
    async with AsyncClient(hosts) as client:
        client.create("/a")
        await client.sync()
        assert await client.exists("/a") is not None


async def test_gather(hosts):
    async with AsyncClient(hosts) as client:
        await asyncio.gather(*(client.create(f"/n{i}", b"%d" % i) for i in range(200)))
        contents = await asyncio.gather(*(client.get(f"/n{i}") for i in range(200)))
        assert [data for data, _ in contents] == [b"%d" % i for i in range(200)]
        mixed = await asyncio.gather(client.get("/n0"), client.get("/none"), return_exceptions=True)
        assert isinstance(mixed[1], zkc.NoNodeError)


async def test_create_task(hosts):
    async with AsyncClient(hosts) as client:
        await client.create("/a", b"x")
        task = asyncio.create_task(client.get("/a"))
        assert isinstance(task, asyncio.Task)
        assert (await task)[0] == b"x"
        with pytest.raises(zkc.NoNodeError):
            await asyncio.create_task(client.get("/none"))
        future = client.get("/a")
        await future
        assert (await asyncio.create_task(future))[0] == b"x", "one that is done already"


async def test_a_task_of_a_future_is_cancelled(hosts, zookeeper_server):
    async with AsyncClient(hosts, session_timeout=30) as client:
        zookeeper_server.pause()
        task = asyncio.create_task(client.get("/"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        zookeeper_server.resume()
        assert await client.exists("/") is not None


@pytest.mark.skipif(sys.version_info < (3, 11), reason="task groups came with Python 3.11")
async def test_task_groups(hosts):
    async with AsyncClient(hosts) as client:
        async with asyncio.TaskGroup() as group:
            made = [group.create_task(client.create(f"/n{i}")) for i in range(50)]
        assert [task.result() for task in made] == [f"/n{i}" for i in range(50)]
        with pytest.raises(BaseExceptionGroup) as caught:  # noqa: F821, PT012 - since 3.11; the group raises
            async with asyncio.TaskGroup() as group:
                group.create_task(client.get("/none"))
                group.create_task(client.get("/n0"))
        assert [type(error) for error in caught.value.exceptions] == [zkc.NoNodeError]


async def test_wait_for_and_shield(hosts, zookeeper_server):
    async with AsyncClient(hosts, session_timeout=30) as client:
        assert await asyncio.wait_for(client.exists("/"), 20) is not None
        zookeeper_server.pause()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.get("/"), 0.05)
        future = client.create("/shielded")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(future), 0.05)
        assert not future.done()
        zookeeper_server.resume()
        assert await future == "/shielded"


async def test_wait_and_as_completed(hosts):
    async with AsyncClient(hosts) as client:
        futures = {asyncio.create_task(client.exists("/")) for _ in range(10)}
        done, pending = await asyncio.wait(futures)
        assert (done, pending) == (futures, set())
        found = [await one for one in asyncio.as_completed([client.create(f"/n{i}") for i in range(10)])]
        assert sorted(found) == [f"/n{i}" for i in range(10)]


async def test_many_may_wait_for_one_future(hosts):
    async with AsyncClient(hosts) as client:
        future = client.create("/a")

        async def wait():
            return await future

        assert await asyncio.gather(*(wait() for _ in range(10))) == ["/a"] * 10


async def test_done_callbacks_run_in_the_loop(hosts):
    async with AsyncClient(hosts) as client:
        threads = []
        future = client.exists("/")
        future.add_done_callback(lambda _: threads.append(threading.current_thread()))
        await future
        await asyncio.sleep(0)
        assert threads == [threading.current_thread()]


async def test_cancelling_abandons_the_request_and_leaks_nothing(hosts, zookeeper_server):
    live = zkc._zookeeper.live_counts
    async with AsyncClient(hosts, session_timeout=30) as client:
        await client.create("/a")
        before = live()["requests"]
        zookeeper_server.pause()
        futures = [client.get("/a") for _ in range(100)]
        futures += [client.ensure_path(f"/b/{i}") for i in range(50)]
        futures += [client.create(f"/p{i}-", sequential=True, protected=True) for i in range(5)]
        for future in futures:
            future.cancel()
        for future in futures:
            with pytest.raises(asyncio.CancelledError):
                await future
        zookeeper_server.resume()
        await client.sync()

        async def only_what_was_asked():
            return all("p" not in name for name in await client.children("/"))

        await both.eventually(only_what_was_asked)
        del futures, future
        gc.collect()
        await both.eventually(lambda: live()["requests"] <= before)
        assert client.session.in_flight == 0


async def test_a_limit_is_over_for_what_is_done(hosts):
    async with AsyncClient(hosts, request_timeout=60) as client:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(client.exists("/") for _ in range(100)))
        await asyncio.sleep(0)
        left = [handle for handle in getattr(loop, "_scheduled", []) if not handle.cancelled()]
        assert len(left) < 10


async def test_an_error_that_is_not_retrieved_is_logged_by_asyncio(hosts):
    loop = asyncio.get_running_loop()
    events = []
    loop.set_exception_handler(lambda _, context: events.append(context["message"]))
    async with AsyncClient(hosts) as client:
        client.get("/none")
        await client.sync()
    gc.collect()
    assert len(events) == 1
    assert "exception was never retrieved" in events[0]


# ---- callbacks ------------------------------------------------------------------------------------------------------


async def test_a_watch_may_be_a_coroutine_function(hosts):
    seen = []
    async with AsyncClient(hosts) as client, AsyncClient(hosts) as other:

        async def watch(event):
            await asyncio.sleep(0)
            if event.type is zkc.EventType.SESSION:
                return  # The client is closed.
            seen.append((event.type, await client.get(event.path, watch=watch)))

        await client.create("/a", b"1")
        await client.get("/a", watch=watch)
        for data in (b"2", b"3"):
            before = len(seen)
            await other.set("/a", data)
            await both.eventually(lambda count=before: len(seen) > count)
        assert [(type_, data) for type_, (data, _) in seen] == [
            (zkc.EventType.CHANGED, b"2"),
            (zkc.EventType.CHANGED, b"3"),
        ]


async def test_a_coroutine_of_a_watch_or_a_listener_that_raises_is_logged(hosts, caplog):
    async with AsyncClient(hosts) as client, AsyncClient(hosts) as other:

        async def watch(event):
            await asyncio.sleep(0)
            raise ValueError("the watch's own fault")

        async def listener(state):
            await asyncio.sleep(0)
            raise ValueError("the listener's own fault")

        client.add_listener(listener)
        await client.exists("/a", watch=watch)
        await other.create("/a")
        await both.eventually(lambda: "the watch's own fault" in caplog.text)
        await client.close()
        await both.eventually(lambda: "the listener's own fault" in caplog.text)
    caplog.clear()  # The tracebacks refer to the clients.


async def test_a_listener_may_be_a_coroutine_function(hosts, zookeeper_server):
    client = AsyncClient(hosts)
    states = []

    async def listener(state):
        await asyncio.sleep(0)
        states.append(state)

    client.add_listener(listener)
    async with client:
        await both.eventually(lambda: states == [ClientState.CONNECTING, ClientState.CONNECTED])
    await both.eventually(lambda: states[2:] == [ClientState.CLOSED])


async def test_a_watch_never_overtakes_the_reply_that_set_it(hosts):
    order = []
    async with AsyncClient(hosts) as client:
        await client.create("/a")
        for i in range(50):
            future = client.get("/a", watch=lambda event: order.append("event"))
            future.add_done_callback(lambda _: order.append("reply"))
            await client.set("/a", b"%d" % i)
            await both.eventually(lambda: len(order) % 2 == 0)
        assert order == ["reply", "event"] * 50


async def test_the_loop_goes_on_while_the_client_starts_and_closes(hosts, zookeeper_server):
    turns = 0

    async def count():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)  # A turn, however late the machine gives this process its next one.

    counting = asyncio.create_task(count())
    zookeeper_server.pause()
    client = AsyncClient(hosts, connect_timeout=0.5)
    with pytest.raises(zkc.ConnectTimeoutError):
        await client.start()
    zookeeper_server.resume()
    counting.cancel()
    assert turns > 10


@pytest.mark.parametrize("kind", ["async"])
async def test_who_awaits_gives_others_their_turn(zk):
    turns = 0

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    for number in range(200):
        await zk.sync()
        assert turns > number
    task.cancel()
