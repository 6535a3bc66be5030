"""The ends of caches: no watch, thread, task, timer or object is left."""

import asyncio
import contextlib
import gc
import os
import re
import threading
import weakref

import pytest

import zkc
from zkc.recipes import CacheChange

from ..client.both import begin, eventually
from .cache_support import cache_of, changes_of


@pytest.fixture(params=["recursive", "znode"])
def watches(request):
    return request.param


@pytest.fixture
def watched(zookeeper_server):
    """Return a function that counts the watches of the server."""

    def count():
        listed = zookeeper_server.four_letter_word("mntr", timeout=30.0)
        return int(re.search(r"zk_watch_count\s+(\d+)", listed).group(1))

    return count


async def _fill(zk, number=20):
    await zk.create("/r")
    await zk.create_many([(f"/r/{each}", b"x") for each in range(number)], raise_errors=True)


async def test_no_watch_is_left(zk, watches, watched):
    await _fill(zk, 200)
    before = watched()
    for _ in range(3):
        async with cache_of(zk, watches=watches):
            # A recursive watch counts twice before 3.9.
            assert watched() - before in ([1, 2] if watches == "recursive" else [402])
        await eventually(lambda: watched() == before)
    missing = cache_of(zk, "/none", watches=watches)
    await missing.wait_ready()
    assert watched() > before
    missing.inner.close()
    missing.inner.close()
    await eventually(lambda: watched() == before)


async def test_a_close_while_it_reads(zk, watches, watched):
    await _fill(zk, 1000)
    before = watched()
    for number in range(12):
        cache = cache_of(zk, watches=watches)
        waiting = begin(cache, "wait_ready")
        await eventually(lambda cache=cache, number=number: len(cache.inner) >= number * 50)
        cache.inner.close()
        with contextlib.suppress(zkc.ClosingError):
            await waiting
    await eventually(lambda: watched() == before)


async def test_a_close_before_the_start(zk):
    cache = cache_of(zk)
    cache.inner.close()
    for call in ("start", "wait_ready"):
        with pytest.raises(zkc.ClosingError, match="the cache was closed"):
            await getattr(cache, call)()
    assert [event async for event in changes_of(cache)] == []


async def test_a_dropped_cache_is_closed(zk, watches, watched):
    await _fill(zk)
    before = watched()
    cache = cache_of(zk, watches=watches)
    await cache.wait_ready()
    core = weakref.ref(cache.inner._core)
    snapshot = cache.inner.snapshot()
    del cache
    await eventually(lambda: gc.collect() is not None and watched() == before)
    await eventually(lambda: gc.collect() is not None and core() is None)
    assert len(list(snapshot)) == 21


async def test_a_dropped_cache_and_client(make_zk, zk, watches):
    await _fill(zk)
    other = make_zk()
    await other.start()
    async with cache_of(other, watches=watches) as cache:
        changes = changes_of(cache)
        assert (await changes.__anext__()).change is CacheChange.ADDED
        await other.close()
    del cache


async def test_threads_that_close_and_ask(zk, other_zk, watches):
    await _fill(zk)
    faults = []
    over = threading.Event()
    caches = [cache_of(zk, watches=watches) for _ in range(4)]
    for cache in caches:
        await cache.wait_ready()

    def ask():
        while not over.wait(0.0005):  # Busy threads would keep the GIL from all others.
            for cache in caches:
                inner = cache.inner
                try:
                    snapshot = inner.snapshot()
                    names = snapshot.children("/r") or []
                    if any(f"/r/{name}" not in snapshot for name in names):
                        faults.append(names)
                    inner.get("/r/1")
                    inner.children("/r")
                    assert inner.size >= 0
                    repr(inner)
                except Exception as error:
                    faults.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(40):
        await other_zk.set(f"/r/{number % 20}", b"%d" % number)
        await other_zk.create(f"/r/new{number}")
        await other_zk.delete(f"/r/new{number}")
        if number % 10 == 9:
            caches[number // 10].inner.close()
    over.set()
    for thread in threads:
        thread.join()
    assert faults == []
    assert all(cache.inner.closed for cache in caches)


async def test_waits_that_are_cancelled(loop, hosts):
    async with zkc.AsyncClient(hosts) as client:
        await client.create("/r")
        cache = client.cache("/r")
        for call in (cache.start, cache.wait_ready):
            task = asyncio.ensure_future(call())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await cache.wait_ready()  # The cache went on.
        for _ in range(3):
            task = asyncio.ensure_future(cache.wait_for("/r/x"))
            await asyncio.sleep(0)  # The call begins.
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        changes = cache.changes()
        assert (await changes.__anext__()).change is CacheChange.ADDED
        assert (await changes.__anext__()).change is CacheChange.READY
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(changes.__anext__(), 0.01)
        await client.create("/r/x")
        assert (await changes.__anext__()).path == "/r/x"  # The next task gets it.
        gc.collect()
        assert len(cache._core.waiting) == 0
        cache.close()


async def test_a_start_that_is_cancelled_in_a_block(loop, hosts, watched):
    before = watched()
    async with zkc.AsyncClient(hosts) as client:
        await client.create("/r")

        async def use():
            async with client.cache("/r"):
                pass

        task = asyncio.ensure_future(use())
        await asyncio.sleep(0)  # The call begins.
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.sync("/r")
        await eventually(lambda: watched() == before)


def test_a_callback_does_not_wait_for_itself(client, hosts):
    client.create("/r")
    cache = client.cache("/r", jitter=0)
    caught = []

    def listener(event):
        if event.change is CacheChange.READY:
            try:
                cache.wait_for("/r/x")
            except RuntimeError as error:
                caught.append(str(error))

    cache.add_listener(listener)
    cache.wait_ready()
    while not caught:
        client.exists("/r")
    assert "deadlock" in caught[0]
    cache.close()


def test_a_forked_child_may_look_but_not_follow(client):
    client.create("/r", b"data")
    with client.cache("/r") as cache:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                assert cache.data("/r") == b"data"
                assert cache.fresh_since is None
                for call in (cache.snapshot, cache.wait_ready, lambda: cache.wait_for("/r"), cache.changes):
                    try:
                        call()
                    except zkc.ForkedError:
                        continue
                    raise AssertionError(call)
                cache.close()
                del cache
                gc.collect()
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        client.set("/r", b"later")
        assert cache.wait_for("/r", lambda node: node.data == b"later", timeout=20).data == b"later"
