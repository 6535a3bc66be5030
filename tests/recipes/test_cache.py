"""Caches: what they show, what they tell, and in which order."""

import asyncio
import threading

import pytest

import zkc
from zkc.recipes import CacheChange, CachedZnode, CacheFullError, CacheTimeoutError, RecipeError

from ..client.both import Blocking, Events, begin, eventually
from .cache_support import Fold, cache_of, changes_of, picture_of, shows, tree_of

ADDED, CHANGED, REMOVED = CacheChange.ADDED, CacheChange.CHANGED, CacheChange.REMOVED
READY, STALE = CacheChange.READY, CacheChange.STALE


@pytest.fixture(params=["recursive", "znode"])
def watches(request):
    return request.param


async def _fill(zk):
    for path in ("/r", "/r/a", "/r/a/b", "/r/a/b/c", "/r/d"):
        await zk.create(path, path.encode())


async def test_a_cache_shows_the_tree(zk, watches):
    await _fill(zk)
    async with cache_of(zk, watches=watches) as cache:
        inner = cache.inner
        assert inner.is_ready
        assert len(inner) == 5
        assert inner
        assert inner.data("/r/a/b") == b"/r/a/b"
        assert inner.get("/r/a") == CachedZnode("/r/a", b"/r/a", (await zk.exists("/r/a")))
        assert inner.stat("/r/d").czxid == (await zk.exists("/r/d")).czxid
        assert inner.children("/r") == ["a", "d"]
        assert inner.children("/r/d") == []
        assert [inner.children("/r/no"), inner.data("/no"), inner.get("/r/no"), inner.stat("/r/no")] == [None] * 4
        assert list(inner) == ["/r", "/r/a", "/r/a/b", "/r/a/b/c", "/r/d"]
        assert [node.path for node in inner.walk("/r/a")] == ["/r/a", "/r/a/b", "/r/a/b/c"]
        assert "/r/a" in inner
        assert "/r/x" not in inner
        assert inner.size > 2000
        assert inner.fresh_since is not None
        assert "5 znodes fresh" in repr(inner)
        picture = inner.snapshot()
        assert (picture.root, len(picture), picture.zxid) == ("/r", 5, inner.stat("/r/d").mzxid)
        assert repr(picture) == f"<zkc.recipes.Snapshot /r 5 znodes zxid {picture.zxid:#x}>"
        stat = await zk.set("/r/a", b"x")
        await eventually(lambda: inner.data("/r/a") == b"x")
        assert inner.snapshot().zxid == stat.mzxid > picture.zxid
        await zk.set("/r/a", b"/r/a")
        await eventually(lambda: inner.data("/r/a") == b"/r/a")
    assert inner.closed
    assert inner.fresh_since is None
    assert inner.error is None
    assert inner.data("/r/d") == b"/r/d"
    with pytest.raises(zkc.ClosingError, match="the cache was closed"):
        await cache.start()


async def test_each_change_is_seen_and_told(zk, other_zk, watches):
    await _fill(zk)
    cache = cache_of(zk, watches=watches)
    fold = Fold(cache)
    await cache.wait_ready()
    await eventually(lambda: fold.changes()[-1:] == [(READY, "/r")])
    told = fold.changes()
    assert sorted(told[:-1], key=str) == [(ADDED, path) for path in ("/r", "/r/a", "/r/a/b", "/r/a/b/c", "/r/d")]
    fold.events.clear()
    await other_zk.set("/r/d", b"1")
    await eventually(shows(cache, "/r/d", b"1"))
    await other_zk.create("/r/d/e", b"2")
    await eventually(shows(cache, "/r/d/e", b"2"))
    await other_zk.delete_tree("/r/a")
    await eventually(lambda: "/r/a" not in cache.inner)
    await other_zk.delete("/r/d/e")
    await eventually(lambda: cache.inner.children("/r/d") == [])
    expected = [(CHANGED, "/r/d"), (ADDED, "/r/d/e"), (REMOVED, "/r/a/b/c"), (REMOVED, "/r/a/b"), (REMOVED, "/r/a")]
    await eventually(lambda: fold.changes() == [*expected, (REMOVED, "/r/d/e")])
    assert fold.events[0].old.data == b"/r/d"
    assert fold.events[0].new.data == b"1"
    assert fold.faults == []
    assert fold.picture() == picture_of(cache.inner) == await tree_of(zk)
    cache.inner.close()


async def test_the_root_may_come_and_go(zk, other_zk, watches):
    cache = cache_of(zk, watches=watches)
    fold = Fold(cache)
    await cache.wait_ready()
    assert len(cache.inner) == 0
    assert cache.inner.children("/r") is None
    for number in range(3):
        await other_zk.create("/r", b"%d" % number)
        await other_zk.create("/r/a")
        await eventually(lambda: len(cache.inner) == 2)
        await other_zk.delete_tree("/r")
        await eventually(lambda: len(cache.inner) == 0)
    await other_zk.create("/r", b"last")
    await eventually(shows(cache, "/r", b"last"))
    await eventually(lambda: fold.picture() == picture_of(cache.inner))
    assert fold.faults == []
    cache.inner.close()


async def test_a_znode_that_is_set_and_deleted_at_once_is_gone(zk, other_zk, watches):
    await zk.create("/r")
    async with cache_of(zk, watches=watches) as cache:
        for number in range(50):
            await asyncio.gather(
                begin(other_zk, "create", f"/r/{number}", b"1"),
                begin(other_zk, "set", "/r", b"%d" % number),
            )
            await other_zk.set(f"/r/{number}", b"2")
            await other_zk.delete(f"/r/{number}")
        await other_zk.create("/r/end")
        await eventually(lambda: cache.inner.children("/r") == ["end"])


async def test_depth_and_select(zk, other_zk, watches):
    await _fill(zk)
    options = {"watches": watches}
    some = cache_of(zk, select=lambda path: not path.endswith("b"), data=False, **options)
    async with some, cache_of(zk, depth=0, **options) as root, cache_of(zk, depth=1, **options) as flat:
        assert list(root.inner) == ["/r"]
        assert list(flat.inner) == ["/r", "/r/a", "/r/d"]
        assert list(some.inner) == ["/r", "/r/a", "/r/d"]
        assert some.inner.data("/r/a") is None
        await other_zk.create("/r/x")
        await other_zk.create("/r/x/y")
        await other_zk.create("/r/xb")
        await other_zk.create("/r/xb/z")
        await other_zk.set("/r", b"1")
        await eventually(lambda: list(some.inner) == ["/r", "/r/a", "/r/d", "/r/x", "/r/x/y"])
        await eventually(lambda: list(flat.inner) == ["/r", "/r/a", "/r/d", "/r/x", "/r/xb"])
        await eventually(shows(root, "/r", b"1"))
        assert list(root.inner) == ["/r"]


async def test_the_root_of_all(zk, watches):
    await zk.create("/x", b"1")
    async with cache_of(zk, "/", depth=1, select=lambda path: path != "/zookeeper", watches=watches) as cache:
        assert list(cache.inner) == ["/", "/x"]
        await zk.create("/y", b"1")
        await eventually(lambda: cache.inner.children("/") == ["x", "y"])
        await zk.delete("/x")
        await eventually(lambda: cache.inner.children("/") == ["y"])


async def test_what_the_acl_hides(zk, other_zk, watches):
    await _fill(zk)
    nothing = [zkc.ACL(zkc.Perms.ALL & ~zkc.Perms.READ, "world", "anyone")]
    await zk.set_acl("/r/a", nothing)
    cache = cache_of(zk, watches=watches)
    fold = Fold(cache)
    await cache.wait_ready()
    hidden = cache.inner.get("/r/a")
    assert not hidden.readable
    assert (hidden.data, hidden.stat) == (None, None)
    assert list(cache.inner) == ["/r", "/r/a", "/r/d"]
    await zk.set_acl("/r/a", zkc.OPEN_ACL_UNSAFE)
    await zk.set("/r/a/b", b"1")
    await zk.delete("/r/d")
    await eventually(lambda: "/r/d" not in cache.inner)
    if watches == "recursive":  # Without one, there is no watch on what is hidden.
        await zk.set("/r/a", b"shown")
        await eventually(shows(cache, "/r/a", b"shown"))
        await eventually(lambda: "/r/a/b/c" in cache.inner)
        await eventually(lambda: (CHANGED, "/r/a") in fold.changes())
    await eventually(lambda: fold.faults or fold.picture() == picture_of(cache.inner))
    assert fold.faults == []
    cache.inner.close()


async def test_limits(zk, watches):
    await _fill(zk)
    small = cache_of(zk, max_znodes=4, watches=watches)
    fold = Fold(small)
    with pytest.raises(CacheFullError, match="more than 4 znodes: raise max_znodes"):
        await small.wait_ready()
    assert small.inner.closed
    assert isinstance(small.inner.error, CacheFullError)
    with pytest.raises(CacheFullError):
        await small.wait_for("/r/x")
    assert fold.faults == []
    async with cache_of(zk, max_bytes=1_000_000, watches=watches) as cache:
        await zk.create("/r/large", bytes(999_000))
        await eventually(lambda: cache.inner.closed)
        assert "1,000,000 bytes" in str(cache.inner.error)


async def test_a_select_that_raises_ends_the_cache(zk, watches):
    await _fill(zk)
    cache = cache_of(zk, select=lambda path: 1 / 0, watches=watches)
    with pytest.raises(RecipeError, match="select raised ZeroDivisionError") as caught:
        await cache.wait_ready()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_arguments(zk):
    with pytest.raises(ValueError, match="path"):
        zk.inner.cache("r")
    with pytest.raises(ValueError, match="watches must be one of"):
        zk.inner.cache("/r", watches="all")
    with pytest.raises(TypeError, match="select must be callable"):
        zk.inner.cache("/r", select="x")
    for wrong in ({"depth": -1}, {"max_znodes": 0}, {"max_bytes": 0}, {"jitter": -1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            zk.inner.cache("/r", **wrong)
    with pytest.raises(TypeError, match="listener must be callable with a CacheEvent, not int"):
        zk.inner.cache("/r").add_listener(1)
    with pytest.raises(ValueError, match="limit"):
        zk.inner.cache("/r").changes(limit=0)
    with pytest.raises(TypeError, match="predicate"):
        await cache_of(zk).wait_for("/r", 1)
    for outside in ("/", "/rr", "/other"):
        with pytest.raises(ValueError, match="path must be '/r', the root of the cache, or below it, not '"):
            await cache_of(zk).wait_for(outside)


async def test_a_client_that_was_not_started(make_zk):
    cache = cache_of(make_zk())
    for call in ("start", "wait_ready"):
        with pytest.raises(zkc.NotStartedError):
            await getattr(cache, call)()
    with pytest.raises(zkc.NotStartedError):
        cache.inner.changes()
    assert cache.inner.fresh_since is None
    assert list(cache.inner) == []


async def test_a_listener_may_ask_the_cache_and_close_it(zk, watches):
    await _fill(zk)
    cache = cache_of(zk, watches=watches)
    seen = []

    def listener(event):
        if event.change is ADDED:
            seen.append(cache.inner.data(event.path) == event.path.encode())
            assert len(cache.inner.snapshot().children("/r")) <= 2
        if event.change is READY:
            cache.inner.close()
            seen.append(threading.get_ident())

    cache.inner.add_listener(listener)
    await cache.start()
    await eventually(lambda: len(seen) == 6)
    assert seen[:5] == [True] * 5
    assert (seen[5] == threading.get_ident()) is (zk.kind == "async")
    cache.inner.remove_listener(listener)


async def test_the_same_listener_is_added_only_once(zk):
    await _fill(zk)
    cache = cache_of(zk)
    events = Events()
    for _ in range(2):
        cache.inner.add_listener(events)
    await cache.wait_ready()
    seen = [(await events.next()).change for _ in range(6)]
    assert seen == [ADDED] * 5 + [READY]
    cache.inner.remove_listener(events)
    await zk.set("/r/a", b"x")
    await eventually(lambda: cache.inner.data("/r/a") == b"x")
    assert events.empty()
    cache.inner.close()


async def test_a_listener_that_raises_is_logged(zk, caplog):
    await _fill(zk)
    cache = cache_of(zk)
    events = Events()
    cache.inner.add_listener(lambda event: 1 / 0)
    cache.inner.add_listener(events)
    await cache.wait_ready()
    while (await events.next()).change is not READY:
        pass
    assert "ZeroDivisionError" in caplog.text
    caplog.clear()  # The records refer to the frames.
    cache.inner.close()


async def test_wait_for(zk, other_zk, watches):
    await zk.create("/r")
    cache = cache_of(zk, watches=watches)
    waiting = begin(cache, "wait_for", "/r/a", timeout=30)
    changed = begin(cache, "wait_for", "/r/a", lambda node: node is not None and node.data == b"2", timeout=30)
    gone = begin(cache, "wait_for", "/r", lambda node: node is None, timeout=30)
    await other_zk.create("/r/a", b"1")
    assert (await waiting).path == "/r/a"
    await other_zk.set("/r/a", b"2")
    assert (await changed).data == b"2"
    await other_zk.delete_tree("/r")
    assert await gone is None
    with pytest.raises(CacheTimeoutError, match=r"the znode was not as expected within 0\.05 s"):
        await cache.wait_for("/r", timeout=0.05)
    with pytest.raises(ZeroDivisionError):
        await cache.wait_for("/r", lambda node: 1 / 0)
    last = begin(cache, "wait_for", "/r", timeout=30)
    await eventually(lambda: len(cache.inner._core.waiting) == 1)
    cache.inner.close()
    with pytest.raises(zkc.ClosingError, match="the cache was closed"):
        await last


async def test_changes_begin_with_the_present_znodes(zk, other_zk, watches):
    await _fill(zk)
    cache = cache_of(zk, watches=watches)
    async with changes_of(cache) as before, cache, changes_of(cache) as after, changes_of(cache, initial=False) as few:
        await other_zk.set("/r/d", b"1")
        await other_zk.delete_tree("/r/a")
        tree = await tree_of(zk)
        for changes in (before, after):
            fold = Fold()
            while fold.picture() != tree:
                fold(await changes.__anext__())
            assert fold.faults == []
        # A deletion needs no read, and may overtake the change of another znode.
        event = await few.__anext__()
        while event.change is REMOVED:
            event = await few.__anext__()
        assert (event.change, event.old.data, event.new.data) == (CHANGED, b"/r/d", b"1")
    assert [event async for event in after] == []


async def test_slow_programs_get_fewer_changes_and_none_is_lost(zk, other_zk, watches):
    await _fill(zk)
    cache = cache_of(zk, watches=watches)
    async with cache:
        fold = Fold()
        changes = changes_of(cache, limit=3)
        while not fold.events or fold.events[-1].change is not READY:
            fold(await changes.__anext__())
        for number in range(40):
            await other_zk.set("/r/d", b"%d" % number)
            await eventually(shows(cache, "/r/d", b"%d" % number))
        await other_zk.delete_tree("/r/a")
        await other_zk.create("/r/a", b"again")
        await other_zk.create("/r/e", b"new")
        await eventually(shows(cache, "/r/e", b"new"))
        before = len(fold.events)
        while "/r/e" not in fold.nodes:
            fold(await changes.__anext__())
        assert fold.faults == []
        assert len(fold.events) - before < 15
        assert fold.picture() == picture_of(cache.inner)
        await changes.aclose()
        assert cache.inner._core.feeds == []


async def test_the_iteration_ends_with_the_cache(zk, watches):
    await _fill(zk)
    cache = cache_of(zk, watches=watches)
    changes = changes_of(cache)
    await cache.wait_ready()
    assert (await changes.__anext__()).change is ADDED
    cache.inner.close()
    rest = [event.change async for event in changes]
    assert set(rest) <= {ADDED, READY}
    full = cache_of(zk, max_znodes=2, watches=watches)
    changes = changes_of(full)
    with pytest.raises(CacheFullError):
        await full.wait_ready()
    with pytest.raises(CacheFullError):
        [event async for event in changes]
    assert [event async for event in changes] == []


async def test_several_consumers_of_one_iterator(zk, other_zk, watches):
    await _fill(zk)
    cache = cache_of(zk, watches=watches)
    await cache.wait_ready()
    changes = changes_of(cache, initial=False)
    seen = []
    consumers = [_consume(changes, seen) for _ in range(3)]
    for number in range(5):
        await other_zk.set("/r/d", b"%d" % number)
        await eventually(lambda number=number: len(seen) == number + 1)
    cache.inner.close()
    await asyncio.wait_for(asyncio.gather(*consumers), 20)
    assert [event.new.data for event in seen] == [b"%d" % number for number in range(5)]


async def test_an_iterator_keeps_its_cache(zk, watches):
    await _fill(zk)
    changes = changes_of(_started(zk, watches))
    fold = Fold()
    while len(fold.nodes) < 5:
        fold(await changes.__anext__())
    assert fold.faults == []
    await changes.aclose()


def _consume(changes, seen):
    """Take all events of an iterator, in a task or in a thread."""

    def block():
        for event in changes.inner:
            seen.append(event)

    async def take():
        async for event in changes:
            seen.append(event)

    if isinstance(changes, Blocking):
        return asyncio.get_running_loop().run_in_executor(None, block)
    return asyncio.ensure_future(take())


def _started(zk, watches):
    cache = cache_of(zk, watches=watches)
    cache.inner.start()
    return cache
