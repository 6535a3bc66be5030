"""Caches when the connection, the session or events are lost: they read again, and tell the differences alone."""

import asyncio
import contextlib
import time

import pytest

import zkc
from zkc.recipes import CacheChange, CacheTimeoutError

from ..client.both import Events, begin, eventually, mended, reconnect
from .cache_support import Fold, cache_of, changes_of, picture_of, shows, tree_of

ADDED, CHANGED, REMOVED = CacheChange.ADDED, CacheChange.CHANGED, CacheChange.REMOVED
READY, STALE = CacheChange.READY, CacheChange.STALE


@pytest.fixture(params=["recursive", "znode"])
def watches(request):
    return request.param


@pytest.fixture
def behind(make_zk, through, loop):
    """A client that connects through the proxy."""
    client = make_zk(through, session_timeout=30.0)

    async def start():
        await client.start()

    loop.run_until_complete(start())
    return client


async def _fill(zk):
    for path in ("/r", "/r/a", "/r/a/b", "/r/d"):
        await zk.create(path, path.encode())


async def _cached(zk, watches, **options):
    cache = cache_of(zk, watches=watches, **options)
    fold = Fold(cache)
    await cache.wait_ready()
    await eventually(lambda: fold.changes()[-1:] == [(READY, "/r")])
    fold.events.clear()
    return cache, fold


async def _settled(zk, cache, fold):
    async def settled():
        tree = await tree_of(zk)
        if cache.inner.fresh_since is None or not picture_of(cache.inner) == tree == fold.picture():
            return False
        states = [change for change, _ in fold.changes() if change in (STALE, READY)]
        return states[-1:] != [STALE]  # The listeners are called a little later.

    await eventually(settled, 60.0)
    assert fold.faults == []


async def test_a_cut_link_is_a_gap(zk, behind, proxy, watches):
    await _fill(zk)
    cache, fold = await _cached(behind, watches)
    await reconnect(behind, proxy)
    await eventually(lambda: fold.changes() == [(STALE, "/r"), (READY, "/r")])
    await _settled(zk, cache, fold)
    assert fold.changes() == [(STALE, "/r"), (READY, "/r")]
    cache.inner.close()


async def test_only_differences_are_told_after_a_gap(zk, behind, proxy, watches):
    await _fill(zk)
    cache, fold = await _cached(behind, watches)
    proxy.refuse()
    proxy.drop_connections()
    await eventually(lambda: fold.changes() == [(STALE, "/r")])
    assert cache.inner.fresh_since is None
    assert cache.inner.data("/r/a/b") == b"/r/a/b"
    await zk.delete_tree("/r/a")
    await zk.create("/r/a", b"again")
    await zk.set("/r/d", b"1")
    await zk.create("/r/e")
    proxy.accept()
    await _settled(zk, cache, fold)
    expected = {(REMOVED, "/r/a/b"), (REMOVED, "/r/a"), (ADDED, "/r/a"), (CHANGED, "/r/d"), (ADDED, "/r/e")}
    told = fold.changes()
    assert told[0] == (STALE, "/r")
    assert told[-1] == (READY, "/r")
    assert expected == {each for each in told if each[0] not in (STALE, READY)}
    assert told.index((REMOVED, "/r/a/b")) < told.index((REMOVED, "/r/a")) < told.index((ADDED, "/r/a"))
    cache.inner.close()


async def test_the_first_read_may_be_cut(zk, behind, proxy, watches):
    await _fill(zk)
    await zk.create_many([(f"/r/d/{number}", bytes(50)) for number in range(500)], raise_errors=True)
    cache = cache_of(behind, watches=watches)
    fold = Fold(cache)
    proxy.pause()
    started = begin(cache, "start")
    proxy.drop_connections()
    proxy.resume()
    await started
    for _ in range(3):
        await asyncio.sleep(0.01)  # some way into the read, wherever that is
        proxy.drop_connections()
    await cache.wait_ready(timeout=60)
    await _settled(zk, cache, fold)
    cache.inner.close()


async def test_a_cache_that_starts_without_a_connection(zk, behind, proxy, watches):
    await _fill(zk)
    suspended = Events()
    behind.add_listener(suspended)
    proxy.refuse()
    proxy.drop_connections()
    assert await suspended.next() is zkc.ClientState.SUSPENDED
    cache = cache_of(behind, watches=watches)
    fold = Fold(cache)
    await cache.start()
    with pytest.raises(CacheTimeoutError, match=r"the cache was not ready within 0\.05 s"):
        await cache.wait_ready(timeout=0.05)
    proxy.accept()
    await cache.wait_ready(timeout=60)
    await _settled(zk, cache, fold)
    cache.inner.close()


async def test_expiry(zk, make_zk, expire_zk, watches):
    await _fill(zk)
    other = make_zk()
    await other.start()
    cache, fold = await _cached(other, watches)
    await expire_zk(other)
    await zk.set("/r/d", b"1")
    await zk.delete_tree("/r/a")
    await eventually(shows(cache, "/r/d", b"1"))
    await _settled(zk, cache, fold)
    assert (STALE, "/r") in fold.changes()
    await zk.set("/r/d", b"2")  # The new session has the watch.
    await eventually(shows(cache, "/r/d", b"2"))
    cache.inner.close()


async def test_the_jitter_window(zk, behind, proxy):
    await _fill(zk)
    cache, fold = await _cached(behind, "recursive", jitter=1.0)
    await reconnect(behind, proxy)
    await zk.set("/r/d", b"1")  # Also events in the pause before the read are applied.
    await eventually(shows(cache, "/r/d", b"1"))
    await reconnect(behind, proxy)  # One read follows both.
    await _settled(zk, cache, fold)
    assert fold.changes().count((READY, "/r")) <= 2
    cache.inner.close()


async def test_a_close_in_the_jitter_window(zk, behind, proxy):
    await _fill(zk)
    cache, fold = await _cached(behind, "recursive", jitter=0.3)
    await reconnect(behind, proxy)
    cache.inner.close()
    begun = time.monotonic()
    while time.monotonic() - begun < 0.4:
        await behind.exists("/r")
    assert (READY, "/r") not in fold.changes() or cache.inner.closed
    assert cache.inner.fresh_since is None


async def test_too_many_events_are_a_gap(zk, make_zk):
    await _fill(zk)
    slow = make_zk(max_queued_events=3)
    await slow.start()
    cache = cache_of(slow)
    fold = Fold(cache)
    if slow.kind == "sync":
        cache.inner.add_listener(lambda event: time.sleep(0.001))  # Slower than the changes come.
    await cache.wait_ready()
    for _ in range(5):
        await asyncio.gather(*(begin(zk, "set", f"/r/{name}", b"1") for name in ("a", "d", "a/b") for _ in range(40)))
        await begin(zk, "create", "/r/last", b"", sequential=True)
    await _settled(zk, cache, fold)
    cache.inner.close()


async def test_changes_through_an_outage(zk, behind, proxy, watches):
    await _fill(zk)
    cache = cache_of(behind, watches=watches)
    fold = Fold()
    async with cache:
        changes = changes_of(cache, limit=2)
        await reconnect(behind, proxy)
        await zk.delete_tree("/r/a")
        await zk.set("/r/d", b"end")
        while "/r/a" in fold.nodes or fold.picture().get("/r/d", (b"",))[0] != b"end":
            fold(await changes.__anext__())
        await changes.aclose()
    assert fold.faults == []


async def test_a_closed_client_ends_its_caches(zk, make_zk, watches):
    await _fill(zk)
    other = make_zk()
    await other.start()
    cache, _ = await _cached(other, watches)
    waiting = begin(cache, "wait_for", "/r/x", timeout=30)
    await eventually(lambda: len(cache.inner._core.waiting) == 1)
    changes = changes_of(cache, initial=False)
    await other.close()
    with pytest.raises(zkc.ClosingError):
        await waiting
    assert [event.change async for event in changes] in ([], [STALE])
    assert cache.inner.closed
    assert cache.inner.data("/r/d") == b"/r/d"
    await other.start()
    with pytest.raises(zkc.ClosingError):
        await cache.wait_ready()


async def test_writes_and_cuts_at_once(zk, behind, proxy, watches):
    await _fill(zk)
    cache, fold = await _cached(behind, watches, jitter=0.01)
    for number in range(60):
        with contextlib.suppress(zkc.NodeExistsError, zkc.NoNodeError):
            await mended(lambda number=number: zk.create(f"/r/{number % 7}", b"%d" % number))
        with contextlib.suppress(zkc.NoNodeError):
            await mended(lambda number=number: zk.delete(f"/r/{(number * 3) % 7}"))
        if number % 10 == 5:
            proxy.drop_connections()
    await _settled(zk, cache, fold)
    cache.inner.close()
