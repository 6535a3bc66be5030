"""A client that the program forgets without a close: whatever its recipes do, its session ends. Scenario 55."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

import zkc
from zkc.recipes import HoldState, LockLostError
from zkc.recipes._client_holds import lasting_of
from zkc.recipes._partition import share_of

from ..client.both import eventually as until
from ..client.both import gone

pytestmark = [
    pytest.mark.filterwarnings("ignore:a zkc session:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:the hold:ResourceWarning"),  # Their holds are forgotten with them.
]


def _take(hosts, use):
    """Make a client and use it; return a reference to it, and what the program keeps."""
    forgotten = zkc.Client(hosts)
    forgotten.start()
    forgotten.create("/alive", b"", ephemeral=True)
    return weakref.ref(forgotten), use(forgotten)


def _forgets(eventually, client, hosts, use):
    reference, kept = _take(hosts, use)
    eventually(lambda: gc.collect() is not None and reference() is None)  # Replies may be on their way.
    eventually(lambda: client.exists("/alive") is None)  # Without another collection.
    return kept


def _partition(forgotten, **options):
    partitioner = forgotten.partitioner("/p", ["x", "y"], settle=0.01, **options)
    partitioner.start()
    return partitioner


def test_a_hold_outlives_its_forgotten_client(client, hosts, eventually):
    told = []

    def use(forgotten):
        hold = forgotten.lock("/l").acquire()
        hold.add_listener(told.append)
        eventually(lambda: hold._armed)
        return hold

    hold = _forgets(eventually, client, hosts, use)
    assert hold.lost.wait(10)
    assert (hold.state, hold.reason) == (HoldState.LOST, "closed")
    eventually(lambda: told == [HoldState.LOST])
    with pytest.raises(LockLostError):
        hold.check()
    with pytest.raises(zkc.ClosingError):
        hold.confirm()
    assert client.lock("/l").try_acquire() is not None


def test_a_listener_of_a_hold_that_refers_to_the_client(client, hosts, eventually):
    def use(forgotten):
        forgotten.lock("/l").acquire().add_listener(lambda _: forgotten.state)

    _forgets(eventually, client, hosts, use)


def test_a_partitioner_of_a_forgotten_client(client, hosts, eventually):
    def use(forgotten):
        partitioner = _partition(forgotten, identifier="a")
        eventually(lambda: partitioner.mine == {"x", "y"})

    _forgets(eventually, client, hosts, use)
    assert client.lock("/p/locks/x").try_acquire() is not None


def test_a_partitioner_of_a_forgotten_client_that_waits_for_items(client, hosts, eventually):
    client.create("/p/locks/x", b"", make_parents=True)
    held = [client.lock(f"/p/locks/{item}").acquire() for item in "xy"]

    def use(forgotten):
        _partition(forgotten, identifier="a")
        eventually(lambda: all(len(client.children(f"/p/locks/{item}")) == 2 for item in "xy"))

    _forgets(eventually, client, hosts, use)
    for item, hold in zip("xy", held):
        eventually(lambda item=item: len(client.children(f"/p/locks/{item}")) == 1)
        assert hold.release()


def test_a_partitioner_lives_as_long_as_its_client(client, hosts, eventually):
    """The program need not keep it."""
    assigned = []
    _partition(client, identifier="a", on_assign=lambda item, hold: assigned.append(item))
    gc.collect()
    eventually(lambda: sorted(assigned) == ["x", "y"])
    gc.collect()
    with zkc.Client(hosts) as other:
        b = _partition(other, identifier="b")
        share = share_of("b", {"a": 1.0, "b": 1.0}, ["x", "y"])
        eventually(lambda: b.mine == share)
        b.stop()
    assert lasting_of(client)
    client.close()
    eventually(lambda: not lasting_of(client))


def test_a_lease_of_a_forgotten_client_is_no_longer_renewed(client, hosts, eventually):
    def use(forgotten):
        hold = forgotten.lease("/lease", owner="a", ttl=0.6).acquire()
        renewed = hold._renewed
        eventually(lambda: hold._renewed > renewed)

    _forgets(eventually, client, hosts, use)
    assert client.lease("/lease", owner="b", ttl=1.0, renew=False).acquire(timeout=10).owner == "b"


def test_a_lease_is_renewed_as_long_as_its_client_lives(client, eventually):
    """The program need not keep the hold."""
    client.lease("/lease", owner="a", ttl=0.6).acquire()
    gc.collect()
    seen = client.lease("/lease", owner="b", ttl=0.6).holder()
    for _ in range(3):
        version = seen.version
        seen = eventually(lambda v=version: _newer(client, v))
        gc.collect()
    assert seen.owner == "a"
    assert client.lease("/lease", owner="a", ttl=0.6).adopt().release()
    eventually(lambda: not lasting_of(client))


def _newer(client, version):
    seen = client.lease("/lease", owner="b", ttl=0.6).holder()
    return seen if seen.version > version else None


def test_a_queue_of_a_forgotten_client(client, hosts, eventually):
    queue = client.queue("/q")
    queue.put(b"1")

    def use(forgotten):
        assert forgotten.queue("/q").get().data == b"1"

    _forgets(eventually, client, hosts, use)
    item = queue.get(timeout=20)
    assert (item.data, item.attempts) == (b"1", 2)
    item.ack()


def test_a_semaphore_and_a_multilock_of_a_forgotten_client(client, hosts, eventually):
    def use(forgotten):
        forgotten.semaphore("/s", 2).acquire(2)
        forgotten.multilock(["/a", "/b"]).acquire()
        forgotten.rwlock("/rw").write.acquire().downgrade()

    _forgets(eventually, client, hosts, use)
    assert client.semaphore("/s", 2).acquire(2, timeout=20)
    assert client.rwlock("/rw").write.acquire(timeout=20)


def test_a_ticket_of_a_forgotten_client(client, hosts, eventually):
    held = client.lock("/l").acquire()

    def use(forgotten):
        forgotten.lock("/l").enqueue()

    _forgets(eventually, client, hosts, use)
    assert held.release()


async def test_recipes_of_a_forgotten_async_client(hosts):
    """The event loop, too, leads to the recipes by weak references only."""

    async def use():
        forgotten = zkc.AsyncClient(hosts)
        await forgotten.start()
        await forgotten.create("/alive", b"", ephemeral=True)
        partitioner = forgotten.partitioner("/p", ["x"], settle=0.01, identifier="a")
        await partitioner.start()
        await until(lambda: partitioner.mine == {"x"})
        lease = await forgotten.lease("/lease", owner="a", ttl=0.6).acquire()
        renewed = lease._renewed
        await until(lambda: lease._renewed > renewed)
        await forgotten.lock("/l").acquire()
        return weakref.ref(forgotten)

    reference = await asyncio.ensure_future(use())
    await until(lambda: gc.collect() is not None and reference() is None)
    async with zkc.AsyncClient(hosts) as client:
        await until(lambda: gone(client, "/alive"))
        assert await client.lock("/l").try_acquire() is not None
        hold = await client.lease("/lease", owner="b", ttl=1.0, renew=False).acquire(timeout=10)
        assert hold.owner == "b"
