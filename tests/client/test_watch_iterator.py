"""Iterators over the events of a znode."""

import asyncio
import gc
import os
import signal
import threading

import pytest

import zkc
from zkc import ACL, EventType, Perms, State, WatchedEvent, WatchType
from zkc.testing import FaultProxy

from . import both

CREATED, CHANGED, DELETED, CHILD = EventType.CREATED, EventType.CHANGED, EventType.DELETED, EventType.CHILD


async def unwatched(zk):
    def gone():
        gc.collect()
        return zk.session.watch_count == 0

    await both.eventually(gone)


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def through(proxy, hosts):
    return proxy.hosts + hosts[hosts.index("/") :]


async def next_of(events):
    return await events.__anext__()


async def test_events_of_data(zk, other_zk):
    async with zk.watch("/a") as events:
        for change, expected in (
            (lambda: other_zk.create("/a"), CREATED),
            (lambda: other_zk.set("/a", b"1"), CHANGED),
            (lambda: other_zk.set("/a", b"1"), CHANGED),
            (lambda: other_zk.delete("/a"), DELETED),
            (lambda: other_zk.create("/a"), CREATED),
        ):
            await change()
            event = await next_of(events)
            assert event == WatchedEvent(expected, State.CONNECTED, "/a")
            assert type(event) is WatchedEvent


async def test_events_of_children(zk, other_zk):
    async with zk.watch("/a", watch_type=WatchType.CHILDREN) as events:
        for change, expected in (
            (lambda: other_zk.create("/a"), CREATED),
            (lambda: other_zk.create("/a/b"), CHILD),
            (lambda: other_zk.delete("/a/b"), CHILD),
            (lambda: other_zk.delete("/a"), DELETED),
        ):
            await change()
            assert (await next_of(events)).type is expected


async def test_events_of_both(zk, other_zk):
    async with zk.watch("/a", watch_type=WatchType.ANY) as events:
        for change, expected in (
            (lambda: other_zk.create("/a"), CREATED),
            (lambda: other_zk.create("/a/b"), CHILD),
            (lambda: other_zk.set("/a", b"1"), CHANGED),
            (lambda: other_zk.delete("/a/b"), CHILD),
            (lambda: other_zk.delete("/a"), DELETED),
        ):
            await change()
            assert (await next_of(events)).type is expected


async def test_children_that_come_with_the_znode_are_seen_by_who_looks(zk, other_zk):
    async with zk.watch("/a", watch_type=WatchType.ANY) as events:
        async with other_zk.transaction() as transaction:
            transaction.create("/a")
            transaction.create("/a/b")
        assert (await next_of(events)).type is CREATED
        assert await zk.children("/a") == ["b"]


async def test_a_znode_that_is_there_is_no_news(zk, other_zk):
    await other_zk.create("/a")
    async with zk.watch("/a") as events:
        await other_zk.set("/a", b"1")
        assert (await next_of(events)).type is CHANGED


async def test_it_sees_what_its_own_client_does_after_it(zk):
    events = zk.watch("/a")
    await zk.create("/a")
    async for event in events:
        assert event.type is CREATED
        break


async def test_a_reader_after_each_event_ends_with_the_last_state(zk, other_zk):
    await other_zk.create("/a", b"-1")
    session = other_zk.session

    def write():
        for i in range(500):
            session.set("/a", b"%d" % i).result(10)

    writing = threading.Thread(target=write)
    seen = []
    async with zk.watch("/a") as events:
        writing.start()
        async for event in events:
            assert event.type is CHANGED
            seen.append(int((await zk.get("/a"))[0]))
            if seen[-1] == 499:
                break
    writing.join()
    assert seen == sorted(seen)


async def test_breaking_out_removes_the_watch(zk):
    await zk.create("/a")
    events = zk.watch("/a", watch_type=WatchType.ANY)
    await zk.set("/a", b"1")
    async for _ in events:
        break
    assert zk.session.watch_count > 0
    del events
    await unwatched(zk)


async def test_closing_ends_the_iteration(zk):
    events = zk.watch("/a")
    await zk.create("/a")
    assert (await next_of(events)).type is CREATED
    await zk.set("/a", b"1")
    await events.aclose()
    await events.aclose()
    assert [event async for event in events] == []
    await unwatched(zk)


async def test_one_that_was_never_asked_for_an_event(zk):
    zk.watch("/a")
    await zk.sync()
    await unwatched(zk)


async def test_it_ends_when_the_client_is_closed(zk):
    events = zk.watch("/a")
    await zk.create("/a")
    assert (await next_of(events)).type is CREATED
    await zk.close()
    assert [event async for event in events] == []
    assert [event async for event in events] == []


async def test_it_raises_when_there_will_be_no_session_any_more(zk):
    events = zk.watch("/a")
    await zk.sync()  # The watch is armed: what it was set with is answered before.
    with pytest.raises(zkc.AuthFailedError):
        # The refusal may be lost with the connection.
        await both.mended(lambda: zk.add_auth("nonsense", "credentials"))
    with pytest.raises(zkc.AuthFailedError):
        await next_of(events)
    assert [event async for event in events] == []


def test_closing_the_client_wakes_who_waits(client):
    events = client.watch("/a")
    closing = threading.Timer(0.1, client.close)  # while the main thread waits
    closing.start()
    assert list(events) == []
    closing.join()


def test_another_thread_can_close_it(client):
    events = client.watch("/a")
    closing = threading.Timer(0.1, events.close)
    closing.start()
    assert list(events) == []
    closing.join()


def test_ctrl_c_interrupts_who_waits(client):
    events = client.watch("/a")
    interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - on a busy machine it may come before the call
        interrupt.start()
        next(events)
    interrupt.join()
    client.create("/a")
    assert next(events).type is CREATED


@pytest.mark.parametrize("kind", ["async"])
async def test_closing_the_client_wakes_the_task_that_waits(zk):
    async def follow():
        return [event async for event in zk.watch("/a")]

    task = asyncio.create_task(follow())
    await zk.sync()
    await zk.close()
    assert await task == []


@pytest.mark.parametrize("kind", ["async"])
async def test_a_cancelled_task_leaves_no_watch(zk):
    async def follow():
        async for _ in zk.watch("/a"):
            pass

    task = asyncio.create_task(follow())
    await both.eventually(lambda: zk.session.watch_count == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await unwatched(zk)


@pytest.mark.parametrize("kind", ["async"])
async def test_who_stops_waiting_may_come_back(zk, other_zk):
    events = zk.watch("/a")
    for _ in range(2):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(next_of(events), 0.05)
    await other_zk.create("/a")
    assert (await asyncio.wait_for(next_of(events), 10)).type is CREATED


@pytest.mark.parametrize("kind", ["async"])
async def test_who_stops_waiting_before_the_first_answer_may_come_back(make_zk, other_zk, proxy, through):
    zk = make_zk(through)
    await zk.start()
    proxy.pause()
    events = zk.watch("/a")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(next_of(events), 0.05)
    proxy.resume()
    await zk.sync()
    await other_zk.create("/a")
    assert (await asyncio.wait_for(next_of(events), 10)).type is CREATED


@pytest.mark.parametrize("kind", ["async"])
async def test_one_that_is_dropped_before_the_first_answer_leaves_no_watch(make_zk, proxy, through):
    zk = make_zk(through)
    await zk.start()
    proxy.pause()
    events = zk.watch("/a", watch_type=WatchType.ANY)
    await asyncio.sleep(0)
    del events
    proxy.resume()
    await zk.sync()
    await unwatched(zk)


async def test_events_of_the_time_without_a_connection(make_zk, other_zk, proxy, through):
    zk = make_zk(through)
    await zk.start()
    await other_zk.create("/a")
    async with zk.watch("/a", watch_type=WatchType.ANY) as events:
        proxy.refuse()
        proxy.drop_connections()
        await zk.wait_for(zkc.ClientState.SUSPENDED)
        await other_zk.delete("/a")
        await other_zk.create("/a")
        proxy.accept()
        assert [(await next_of(events)).type, (await next_of(events)).type] == [DELETED, CREATED]


async def test_events_of_the_time_between_two_sessions(make_zk, other_zk, proxy, through, zookeeper_server):
    zk = make_zk(through)
    await zk.start()
    await other_zk.create("/changed")
    await other_zk.create("/deleted")
    await other_zk.create("/same")
    watched = {path: zk.watch(path) for path in ("/changed", "/deleted", "/created", "/same")}
    parent = zk.watch("/changed", watch_type=WatchType.CHILDREN)
    await zk.sync()
    proxy.refuse()
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.SUSPENDED)
    zookeeper_server.expire(zk.session_id, zk.session_password)
    await other_zk.set("/changed", b"1")
    await other_zk.create("/changed/child")
    await other_zk.delete("/deleted")
    await other_zk.create("/created")
    proxy.accept()
    assert (await next_of(watched["/changed"])).type is CHANGED
    assert (await next_of(watched["/deleted"])).type is DELETED
    assert (await next_of(watched["/created"])).type is CREATED
    assert (await next_of(parent)).type is CHILD
    await other_zk.set("/same", b"1")
    assert (await next_of(watched["/same"])).type is CHANGED


async def test_a_znode_that_may_not_be_read(zk, make_zk, expire_zk):
    ann = make_zk(auth=[("digest", "ann:secret")])
    await ann.start()
    acl = [ACL.digest("ann", "secret")]
    await ann.create("/a", acl=acl)
    with pytest.raises(zkc.NoAuthError):
        async with zk.watch("/a", watch_type=WatchType.CHILDREN):
            pass
    assert zk.session.watch_count == 0
    if zk.kind == "async":
        failed = zk.watch("/a", watch_type=WatchType.CHILDREN)
        with pytest.raises(zkc.NoAuthError):
            await next_of(failed)
        assert [event async for event in failed] == []
    await ann.set_acl("/a", [ACL.world(Perms.READ), *acl])
    events = zk.watch("/a", watch_type=WatchType.CHILDREN)
    await zk.sync()
    await ann.set_acl("/a", acl)
    await expire_zk(zk)
    with pytest.raises(zkc.NoAuthError):
        await next_of(events)
    assert [event async for event in events] == []


@pytest.mark.parametrize("kind", ["async"])
async def test_an_error_that_no_task_retrieved(zk, make_zk, loop):
    complaints = []
    loop.set_exception_handler(lambda loop, context: complaints.append(context))
    ann = make_zk(auth=[("digest", "ann:secret")])
    await ann.start()
    await ann.create("/a", acl=[ACL.digest("ann", "secret")])
    events = zk.watch("/a", watch_type=WatchType.CHILDREN)
    await zk.sync()
    del events
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


async def test_arguments(make_zk, zk):
    with pytest.raises(ValueError, match="path must start with '/'"):
        zk.watch("a")
    with pytest.raises(TypeError, match="watch_type must be a WatchType"):
        zk.watch("/a", watch_type=2)
    with pytest.raises(ValueError, match="timeout"):
        zk.watch("/a", timeout=0)
    stranger = make_zk()
    with pytest.raises(zkc.NotStartedError):
        stranger.watch("/a")
    assert zk.session.watch_count == 0


async def test_it_says_what_it_is(zk):
    events = zk.watch("/a")
    name = "WatchEvents" if zk.kind == "sync" else "AsyncWatchEvents"
    assert repr(events) == f"<zkc.{name} /a data watching>"
    await events.aclose()
    assert repr(events) == f"<zkc.{name} /a data ended>"
