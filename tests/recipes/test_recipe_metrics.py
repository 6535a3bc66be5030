"""Metrics of recipes by kind: waits, holds, losses, queue lengths, take-overs and items."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle

import pytest

import zkc
from zkc.recipes import LockLostError, LockTimeoutError, QueueTimeoutError

from ..client.both import eventually
from .lock_support import do, waits


def counted(zk, kind):
    return zk.metrics().recipes[kind]


async def test_metrics_of_a_lock(zk):
    assert counted(zk, "lock") == counted(zk, "queue")  # Nothing yet.
    assert dict(zk.metrics().recipes) == {}
    lock = zk.inner.lock("/a")
    for _ in range(3):
        hold = await do(zk, lock.acquire)
        await do(zk, hold.release)
    found = counted(zk, "lock")
    assert (found.grants, found.timeouts, found.losses) == (3, 0, {})
    assert (found.wait.count, found.hold.count, found.takeover.count) == (3, 3, 0)
    assert 0.0 < found.wait.mean < 60.0
    assert (found.queue_length.count, found.queue_length.sum, found.queue_length.percentile(99)) == (3, 0.0, 0.0)
    assert list(zk.metrics().recipes) == ["lock"]


async def test_metrics_of_waiting_contenders(zk, other_zk):
    hold = await do(other_zk, other_zk.inner.lock("/a").acquire)
    waiting = do(zk, zk.inner.lock("/a").acquire)
    await eventually(lambda: counted(zk, "lock").queue_length.count)  # It has looked at the queue.
    assert await waits(asyncio.shield(waiting))
    found = counted(zk, "lock")
    assert (found.grants, found.wait.count) == (0, 0)
    assert (found.queue_length.count, found.queue_length.sum) == (1, 1.0)
    await do(other_zk, hold.release)
    await do(zk, (await waiting).release)
    found = counted(zk, "lock")
    assert (found.grants, found.wait.count, found.takeover.count) == (1, 1, 1)
    assert found.wait.sum >= 0.1
    assert 0.0 <= found.takeover.sum < found.wait.sum


async def test_metrics_of_a_timeout(zk, other_zk):
    hold = await do(other_zk, other_zk.inner.lock("/a").acquire)
    with pytest.raises(LockTimeoutError):
        await do(zk, zk.inner.lock("/a").acquire, timeout=0.1)
    assert await do(zk, zk.inner.lock("/a").try_acquire) is None
    found = counted(zk, "lock")
    assert (found.grants, found.timeouts, found.wait.count, found.hold.count) == (0, 1, 0, 0)
    await do(other_zk, hold.release)


async def test_metrics_of_losses(zk, expire_zk):
    for number, path in enumerate(("/a", "/b")):
        hold = await do(zk, zk.inner.lock(path).acquire)
        if number:
            await expire_zk(zk)
        else:
            await zk.delete(hold.path)
        await eventually(hold.lost.done)
    found = counted(zk, "lock")
    assert found.losses == {"deleted": 1, "expired": 1}
    assert found.losses["closed"] == 0
    assert (found.grants, found.hold.count) == (2, 2)


async def test_metrics_by_kind_of_recipe(zk):
    client = zk.inner
    rwlock = client.rwlock("/rw")
    recipes = {
        "read_lock": rwlock.read,
        "write_lock": rwlock.write,
        "semaphore": client.semaphore("/semaphore", 2),
        "multilock": client.multilock(["/m1", "/m2"]),
        "lease": client.lease("/lease", owner="me", ttl=10.0),
    }
    for recipe in recipes.values():
        hold = await do(zk, recipe.acquire)
        await do(zk, hold.release)
    found = zk.metrics().recipes
    assert sorted(found) == sorted(recipes)
    for kind in recipes:
        assert (found[kind].grants, found[kind].wait.count, found[kind].hold.count) == (1, 1, 1)
    assert found["multilock"].queue_length.count == 2


async def test_metrics_of_a_downgrade_and_of_a_ticket(zk):
    rwlock = zk.inner.rwlock("/rw")
    hold = await do(zk, rwlock.write.acquire)
    reader = await do(zk, hold.downgrade)
    await do(zk, reader.release)
    found = zk.metrics().recipes
    assert (found["write_lock"].hold.count, found["read_lock"].hold.count) == (1, 1)
    assert (found["read_lock"].grants, found["read_lock"].wait.count) == (1, 0)
    ticket = await do(zk, zk.inner.lock("/a").enqueue)
    hold = await do(zk, ticket.wait)
    assert await do(zk, ticket.wait) is hold
    await do(zk, hold.release)
    found = counted(zk, "lock")
    assert (found.grants, found.wait.count, found.hold.count, found.queue_length.count) == (1, 1, 1, 1)


async def test_metrics_of_an_election(zk, other_zk):
    leader = other_zk.inner.election("/leader", identifier="other")
    own = zk.inner.election("/leader", identifier="own")
    hold = await do(other_zk, leader._lock.acquire)
    waiting = do(zk, own._lock.acquire)
    await eventually(lambda: counted(zk, "election").queue_length.count)  # It has looked at the queue.
    assert await waits(asyncio.shield(waiting))
    await do(other_zk, leader.resign)
    assert hold.reason == "resigned"
    await do(zk, (await waiting).release)
    assert counted(other_zk, "election").losses == {"resigned": 1}
    found = counted(zk, "election")
    assert (found.grants, found.takeover.count, found.queue_length.sum) == (1, 1, 1.0)
    hold = await do(other_zk, leader._lock.acquire)
    with pytest.raises(LockTimeoutError):
        await do(zk, own._lock.acquire, timeout=0.1)
    assert counted(zk, "election").timeouts == 1
    await do(other_zk, hold.release)


async def test_metrics_of_a_queue(zk):
    queue = zk.inner.queue("/jobs", max_attempts=2)
    await do(zk, queue.put, b"1")
    item = await do(zk, queue.get)
    await do(zk, item.ack)
    with pytest.raises(LockLostError):
        await do(zk, item.ack)  # It ended before: that is no loss.
    await do(zk, queue.put, b"2")
    for _ in range(2):
        item = await do(zk, queue.get)
        await do(zk, item.nack)
    await do(zk, queue.put_many, [b"3", b"4"])
    item = await do(zk, queue.get)
    await zk.delete(item._claim.claim_path)
    with pytest.raises(LockLostError):
        await do(zk, item.ack)
    found = counted(zk, "queue")
    assert (found.puts, found.gets, found.acks, found.nacks, found.dead_letters) == (4, 4, 1, 2, 1)
    assert (found.wait.count, found.hold.count, found.losses) == (4, 4, {"deleted": 1})
    assert (found.attempts.count, found.attempts.sum) == (4, 5.0)


async def test_metrics_of_a_get_that_times_out(zk):
    with pytest.raises(QueueTimeoutError):
        await do(zk, zk.inner.queue("/jobs").get, timeout=0.1)
    found = counted(zk, "queue")
    assert (found.timeouts, found.gets, found.wait.count) == (1, 0, 0)


async def test_metrics_of_recipes_add_up(zk):
    before = zk.metrics()
    await do(zk, (await do(zk, zk.inner.lock("/a").acquire)).release)
    middle = zk.metrics()
    await do(zk, (await do(zk, zk.inner.lock("/a").acquire)).release)
    after = zk.metrics()
    assert (after - middle).recipes["lock"].grants == (middle - before).recipes["lock"].grants == 1
    assert (after + middle).recipes["lock"].hold.count == 3
    assert (after - after).recipes["lock"].wait.count == 0
    for found in (pickle.loads(pickle.dumps(after)), copy.deepcopy(after)):
        assert found == after
        assert found.recipes["lease"].grants == 0
    written = json.loads(json.dumps(after.as_dict()))["recipes"]["lock"]
    assert (written["grants"], written["losses"], written["wait"]["count"]) == (2, {}, 2)


async def test_metrics_of_recipes_outlast_the_client_s_session(make_zk):
    zk = make_zk()
    for times in (1, 2):
        async with zk:
            hold = await do(zk, zk.inner.lock("/a").acquire)
        assert hold.reason == "closed"
        found = counted(zk, "lock")
        assert (found.grants, found.losses) == (times, {"closed": times})
    assert isinstance(found, zkc.RecipeMetrics)
