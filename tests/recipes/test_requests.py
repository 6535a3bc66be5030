"""The requests of the recipes' operations, as their pages count them."""

from __future__ import annotations

from typing import Any

import pytest

from ..client import both
from .recipe_support import make_recipe

# Reads that watch the own znode follow a grant, and nothing waits for them: they are not counted for locks.
_GRANTS = ("get",)


async def spent(zk: Any, call: Any, *arguments: Any, without: tuple[str, ...] = (), **options: Any) -> tuple[Any, Any]:
    """Await a call; return its value, and how many requests of each kind it took."""
    before = zk.metrics()
    value = await call(*arguments, **options)
    kinds = (zk.metrics() - before).requests
    return value, {kind: number for kind, number in kinds.items() if number and kind not in without}


async def release(zk: Any, hold: Any) -> None:
    """Release a hold of either kind of client, in one request for each znode."""
    released = hold.release()
    if zk.kind == "async":
        await released


async def test_requests_of_a_read_write_lock(zk):
    lock = make_recipe(zk, "rwlock", "/a").inner
    await zk.create("/a/stays", make_parents=True)  # The servers delete an empty container.
    for side in (lock.read, lock.write):
        before = zk.metrics()
        hold = side.acquire()
        hold = await hold if zk.kind == "async" else hold
        await release(zk, hold)
        kinds = (zk.metrics() - before).requests
        assert (kinds["create"], kinds["children"], kinds["delete"]) == (1, 1, 1)
        assert kinds["get"] <= 1


async def test_requests_of_a_multilock(zk):
    for name in ("a", "b"):
        await zk.create(f"/{name}/stays", make_parents=True)
    hold, kinds = await spent(zk, make_recipe(zk, "multilock", ["/a", "/b"]).acquire, without=_GRANTS)
    assert kinds == {"create": 2, "children": 2, "multi": 1}
    await release(zk, hold)


async def test_requests_of_a_barrier(zk):
    barrier = make_recipe(zk, "barrier", "/a")
    assert await spent(zk, barrier.set) == (True, {"create": 1})
    assert await spent(zk, barrier.remove) == (True, {"delete": 1})


async def test_requests_of_a_group(zk):
    await zk.create("/a")
    group = make_recipe(zk, "group", "/a", identifier="one")
    assert (await spent(zk, group.join))[1] == {"exists": 1, "create": 1}
    assert (await spent(zk, group.members))[1] == {"children": 1, "get": 1}
    assert await spent(zk, group.leave) == (True, {"exists": 1, "delete": 1})


async def test_requests_of_a_lease(zk):
    lease = make_recipe(zk, "lease", "/a", owner="one", ttl=60.0)
    first = await lease.acquire()
    await release(zk, first)
    hold, kinds = await spent(zk, lease.acquire)
    assert kinds == {"exists": 1, "children": 1, "multi": 1, "sync": 1, "get": 1}
    await release(zk, hold)


async def test_requests_of_a_queue(zk):
    queue = make_recipe(zk, "queue", "/a")
    await queue.put(b"1")  # It makes the parents.
    assert (await spent(zk, queue.put, b"2"))[1] == {"create": 1}
    assert (await spent(zk, queue.put_many, [b"3", b"4"]))[1] == {"multi": 1}
    item, kinds = await spent(zk, queue.get)
    assert (kinds.pop("multi"), kinds.pop("get")) == (1, 1)  # The claim and the read.
    assert kinds == {"children": 2}  # Items and claims; a consumer without a listing reads both.
    before = zk.metrics()
    ended = item.ack()
    if zk.kind == "async":
        await ended
    assert (zk.metrics() - before).requests["multi"] == 1


async def test_requests_of_a_value(zk):
    value = make_recipe(zk, "value", "/a")
    await value.set(b"0")
    assert (await spent(zk, value.get))[1] == {"get": 1}
    assert (await spent(zk, value.set, b"1"))[1] == {"set": 1}


async def test_requests_of_a_counter(zk):
    counter = make_recipe(zk, "counter", "/a")
    await counter.set(0)
    assert (await spent(zk, make_recipe(zk, "counter", "/a").add))[1] == {"get": 1, "set": 1}
    assert (await spent(zk, counter.get))[1] == {"get": 1}
    assert (await spent(zk, counter.add))[1] == {"set": 1}
    assert (await spent(zk, counter.set, 1))[1] == {"set": 1}


@pytest.mark.parametrize("watches", ["recursive", "znode"])
async def test_requests_of_a_cache(zk, watches):
    await zk.create("/r")
    await zk.create_many([(f"/r/{each}", b"x") for each in range(9)], raise_errors=True)
    cache = make_recipe(zk, "cache", "/r", watches=watches)
    before = zk.metrics()
    await cache.wait_ready()
    begun = _kinds(zk, before)
    if watches == "recursive":
        # The root, then the two levels: each request reads data and names.
        assert begun.pop("multi_read") <= 3
        assert begun == {"add_watch": 1}
    else:
        assert begun == {"get": 10, "children": 10}
    before = zk.metrics()
    assert (cache.inner.data("/r/1"), len(cache.inner)) == (b"x", 10)
    assert _kinds(zk, before) == {}
    await zk.set("/r/1", b"y")
    await cache.wait_for("/r/1", lambda node: node.data == b"y", timeout=30.0)
    await zk.delete("/r/2")
    await cache.wait_for("/r/2", lambda node: node is None, timeout=30.0)
    read = {"multi_read": 1} if watches == "recursive" else {"get": 1, "children": 1}
    # The event of the znode may come before that of its parent's list, which is read after it.
    await both.eventually(lambda: _kinds(zk, before) == {"set": 1, "delete": 1, **read})
    before = zk.metrics()
    cache.inner.close()
    ended = {"remove_watches": 1 if watches == "recursive" else 9}
    await both.eventually(lambda: _kinds(zk, before) == ended)


def _kinds(zk: Any, before: Any) -> dict[str, int]:
    return {kind: number for kind, number in (zk.metrics() - before).requests.items() if number}
