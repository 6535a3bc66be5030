"""The requests of the recipes with queues of contenders, rounds or memories, as their pages count them."""

from __future__ import annotations

import asyncio
from typing import Any

from zkc.recipes import HoldState

from ..client.both import begin, eventually
from .election_support import elect
from .lock_support import do
from .registry_support import changed, instance, registry_of, seeing
from .thread_support import recipe

# Nothing waits for these: reads that watch the own znode after a grant, and removals of watches.
_BACKGROUND = ("get", "remove_watches")
_REMOVALS = ("remove_watches",)


class Spent:
    """The requests of a client since some moment.

    Args:
        zk: The client.
        without: The kinds that are not counted.
    """

    def __init__(self, zk: Any, without: tuple[str, ...] = _BACKGROUND) -> None:
        self._zk, self._without, self._before = zk, without, zk.metrics()

    def kinds(self) -> dict[str, int]:
        """Return how many requests of each kind there were; nothing while some of them have no reply."""
        found = self._zk.metrics() - self._before
        if found.in_flight:
            return {"in_flight": found.in_flight}
        return {kind: number for kind, number in found.requests.items() if number and kind not in self._without}

    async def become(self, **kinds: int) -> None:
        """Wait until there were just these requests, and each has its reply."""

        def check() -> bool:
            assert self.kinds() == kinds
            return True

        await eventually(check)


async def test_requests_of_a_lock_and_its_tickets(zk):
    await zk.create("/a")  # The servers would delete an empty container.
    lock = zk.inner.lock("/a")
    spent = Spent(zk)
    ticket = await do(zk, lock.enqueue)
    await spent.become(create=1, children=1)
    spent = Spent(zk)
    assert await do(zk, ticket.position) == 0
    await spent.become(children=1)
    spent = Spent(zk)
    hold = await do(zk, ticket.wait)
    hold.check()
    await spent.become()
    await do(zk, hold.confirm)
    await spent.become(multi=1)
    transaction = hold.transaction()
    transaction.set("/a", b"1")
    await do(zk, transaction.commit)
    await spent.become(multi=2)
    await do(zk, ticket.cancel)
    await spent.become(multi=2, delete=1)


async def test_requests_of_a_downgrade(zk):
    await zk.create("/a")
    write = await do(zk, zk.inner.rwlock("/a").write.acquire)
    spent = Spent(zk)
    read = await do(zk, write.downgrade)
    await spent.become(multi=1, exists=1)
    await do(zk, read.release)


async def test_requests_of_a_semaphore_in_curators_layout(zk, other_zk):
    for name in ("leases", "locks"):
        await zk.create(f"/a/{name}", make_parents=True)
    semaphore, other = zk.inner.semaphore("/a", 1), other_zk.inner.semaphore("/a", 1)
    spent = Spent(zk)
    first = await do(zk, semaphore.acquire)
    await spent.become(create=1, children=2)
    spent = Spent(other_zk, without=())
    assert await do(other_zk, other.try_acquire) is None
    await spent.become(get=1, children=2)
    spent = Spent(other_zk)
    waiting = do(other_zk, other.acquire)
    await spent.become(create=3, children=5, delete=1)
    await do(zk, first.release)
    second = await waiting
    await spent.become(create=3, children=6, delete=2)
    await do(other_zk, second.release)
    await spent.become(create=3, children=6, delete=3)


async def test_requests_of_a_semaphore_in_kazoos_layout(zk):
    await zk.create("/a", b"2")
    await zk.create("/a-__lock__")
    semaphore = zk.inner.semaphore("/a", 2, layout="kazoo")
    spent = Spent(zk)
    holds = [await do(zk, semaphore.acquire)]
    await spent.become(create=1, children=2, multi=1, exists=1, delete=1)
    holds.append(await do(zk, semaphore.acquire))
    await spent.become(create=2, children=4, multi=2, exists=2, delete=2)
    spent = Spent(zk)
    assert await do(zk, semaphore.try_acquire) is None
    await spent.become(children=2)
    for hold in holds:
        await do(zk, hold.release)
    await spent.become(children=2, delete=2)


async def test_requests_of_an_election(zk, other_zk):
    await zk.create("/leader")
    one, two = elect(zk, "one"), elect(other_zk, "two")
    spent, behind = Spent(zk), Spent(other_zk)
    leading = one.lead()
    hold = await leading.__aenter__()
    await spent.become(create=1, children=1)
    following = two.lead()
    entering = asyncio.ensure_future(following.__aenter__())
    await behind.become(create=1, children=1, exists=1)
    spent = Spent(zk)
    await leading.__aexit__(None, None, None)
    await spent.become(delete=1)
    second = await entering
    await behind.become(create=1, children=1, exists=1)  # To take over costs nothing.
    assert (hold.state, second.state) == (HoldState.RELEASED, HoldState.HELD)
    await following.__aexit__(None, None, None)
    await behind.become(create=1, children=1, exists=1, delete=1)


async def test_requests_of_observers(zk, other_zk):
    await zk.create("/leader")
    leading = elect(zk, "one").lead()
    await leading.__aenter__()
    spent = Spent(other_zk, without=_REMOVALS)
    observer = elect(other_zk, "watcher").observe()
    assert (await observer.__anext__()).data == b"one"
    await spent.become(children=1, get=1)
    await leading.__aexit__(None, None, None)
    assert await observer.__anext__() is None
    await spent.become(children=3, get=1)
    await observer.aclose()


async def test_requests_of_a_double_barrier(zk, other_zk):
    await zk.create("/phase", b"0")
    early, late = Spent(zk, _REMOVALS), Spent(other_zk, _REMOVALS)
    one = recipe(zk, "double_barrier", "/phase", 2, identifier="one")
    two = recipe(other_zk, "double_barrier", "/phase", 2, identifier="two")
    entering = asyncio.ensure_future(one.enter())
    await early.become(get=3, children=3, exists=1, multi=1)  # It waits.
    await two.enter()
    await entering
    await late.become(get=3, children=3, exists=1, multi=1)
    await early.become(get=4, children=5, exists=2, multi=1)
    early, late = Spent(zk, _REMOVALS), Spent(other_zk, _REMOVALS)
    leaving = asyncio.ensure_future(one.leave())
    await early.become(get=2, children=3, exists=1, multi=1)
    await two.leave()
    await leaving
    await late.become(get=2, children=3, exists=1, multi=2, delete=1)
    await early.become(get=3, children=5, exists=2, multi=2, delete=1)


async def test_requests_of_an_optimistic_transaction(zk):
    for path in ("/a", "/b", "/list"):
        await zk.create(path, b"1")

    def one(txn: Any) -> None:
        txn.get("/a")

    async def one_async(txn: Any) -> None:
        await txn.get("/a")

    def several(txn: Any) -> None:
        txn.get("/a")
        txn.get("/b")
        txn.get("/a")  # Each path is read once.
        txn.children("/list")
        txn.set("/a", b"2")

    async def several_async(txn: Any) -> None:
        await txn.get("/a")
        await txn.get("/b")
        await txn.get("/a")
        await txn.children("/list")
        txn.set("/a", b"2")

    spent = Spent(zk, ())
    await begin(zk, "atomically", one_async if zk.kind == "async" else one)
    await spent.become(get=1)
    await begin(zk, "atomically", several_async if zk.kind == "async" else several)
    await spent.become(get=3, children=1, multi=1)


async def test_requests_of_a_registry(zk, other_zk):
    await zk.create("/app/services/web", make_parents=True)
    registry, other = registry_of(zk), registry_of(other_zk)
    spent = Spent(zk, ())
    registration = await registry.register(instance())
    await spent.become(exists=1, create=1)
    looking = Spent(other_zk, ())
    await eventually(seeing(other, "a"))
    await looking.become(add_watch=1, multi_read=3)
    await registration.update(changed(registration.instance, port=9090))
    await spent.become(exists=2, create=1, set=1)
    await looking.become(add_watch=1, multi_read=4)
    second = await registry.register(instance("b"))
    await spent.become(exists=3, create=2, set=1)
    await looking.become(add_watch=1, multi_read=5)
    await eventually(seeing(other, "a", "b"))
    assert [each.id for each in await other.instances("web")] == ["a", "b"]
    await looking.become(add_watch=1, multi_read=5)  # Look-ups are answered from memory.
    await registration.unregister()
    await spent.become(exists=4, create=2, set=1, delete=1)
    await eventually(seeing(other, "b"))
    await looking.become(add_watch=1, multi_read=5)  # The event says that it is gone.
    await registry.register(instance("b"), replace=True)
    await second.unregister()


async def test_requests_of_a_partitioner(zk):
    for name in ("members", "locks/x", "locks/y"):
        await zk.create(f"/p/{name}", make_parents=True)
    spent = Spent(zk, _REMOVALS)
    partitioner = zk.inner.partitioner("/p", ["x", "y"], identifier="one", settle=0.05)
    await do(zk, partitioner.start)
    # Exists and create of the member; a watch and reads of the members; for each item create, children, and a watch.
    await spent.become(exists=1, create=3, add_watch=1, multi_read=3, children=2, get=2)
    await do(zk, partitioner.stop)
    await eventually(lambda: spent.kinds().get("delete") == 3)  # A member and two locks.


async def test_requests_of_a_lease_that_another_owner_has(zk, other_zk):
    one = recipe(zk, "lease", "/a", owner="one", ttl=60.0)
    two = recipe(other_zk, "lease", "/a", owner="two", ttl=60.0)
    hold = await one.acquire()
    renewing = Spent(zk, ())
    await do(zk, hold.renew)
    await renewing.become(set=1)
    await do(zk, hold.confirm)
    await renewing.become(set=1, multi=1)
    spent = Spent(other_zk, ())
    assert await two.try_acquire() is None
    await spent.become(get=2, children=1, set=1)
    spent = Spent(other_zk, ())
    acquiring = asyncio.ensure_future(two.acquire())
    await spent.become(get=2, children=1, set=1)
    await do(zk, hold.release)
    await renewing.become(set=1, multi=1, delete=1)
    second = await acquiring
    await spent.become(get=3, children=2, set=1, exists=1, multi=1, sync=1)
    await do(other_zk, second.release)


async def test_requests_of_a_wait_at_a_barrier(zk, other_zk):
    await zk.create("/a")
    spent = Spent(zk, ())
    waiting = asyncio.ensure_future(recipe(zk, "barrier", "/a").wait())
    await spent.become(get=1)
    await other_zk.set("/a", b"1")
    await spent.become(get=2)
    await other_zk.delete("/a")
    assert await waiting is True
    await spent.become(get=3)
