"""The queue when requests and replies are lost, callers give up, and many consumers compete. Scenarios 48 and 49."""

from __future__ import annotations

import asyncio
import random

import pytest

import zkc
from zkc.recipes import LockLostError, QueueTimeoutError
from zkc.recipes._queue_claim import Claim
from zkc.testing import FaultProxy

from ..client.both import eventually
from ..client.proxy_support import MULTI, Meddler
from .lock_support import do

CREATE, CREATE2, GET, SYNC, CHILDREN = 1, 15, 4, 9, 8
FATES = pytest.mark.parametrize("fate", ["drop", "lose"])  # The request is lost, or its reply.


@pytest.fixture
def proxy(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def zk_behind(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=30.0)


@pytest.fixture
def direct(hosts):
    """A client that the proxy's thread may use."""
    with zkc.Client(hosts) as client:
        yield client


def left(direct):
    return len(direct.children("/q/items")), len(direct.children("/q/claims"))


@FATES
@pytest.mark.parametrize("opcode", [CHILDREN, MULTI, GET])
async def test_queue_get_survives_each_loss(zk_behind, proxy, direct, fate, opcode):
    queue = zk_behind.inner.queue("/q")
    await do(zk_behind, queue.put, b"x")
    proxy.before(opcode, lambda: fate)
    item = await do(zk_behind, queue.get, timeout=20)
    assert (item.data, item.attempts) == (b"x", 1)
    assert left(direct) == (1, 1)
    await do(zk_behind, item.ack)
    assert left(direct) == (0, 0)


@FATES
async def test_queue_ack_whose_request_or_reply_is_lost(zk_behind, proxy, direct, fate):
    queue = zk_behind.inner.queue("/q")
    direct.create("/n", b"")
    await do(zk_behind, queue.put, b"x")
    item = await do(zk_behind, queue.get)
    transaction = direct.transaction()
    made = transaction.create("/n/n-", b"", sequential=True)
    proxy.before(MULTI, lambda: fate)
    results = await do(zk_behind, item.ack, transaction)
    assert left(direct) == (0, 0)
    assert direct.children("/n") == ["n-0000000000"]
    if fate == "drop":
        assert results == [made.result()] == ["/n/n-0000000000"]
    else:
        assert results == []
        with pytest.raises(zkc.ConnectionLossError, match="was carried out"):
            made.result()


@FATES
async def test_queue_nack_whose_request_or_reply_is_lost(zk_behind, proxy, direct, fate):
    queue = zk_behind.inner.queue("/q")
    await do(zk_behind, queue.put, b"x")
    item = await do(zk_behind, queue.get)
    proxy.before(MULTI, lambda: fate)
    await do(zk_behind, item.nack, 0.01)
    assert left(direct) == (1, 0)
    item = await do(zk_behind, queue.get, timeout=20)
    assert item.attempts == 2
    await do(zk_behind, item.ack)


@FATES
async def test_queue_put_whose_request_or_reply_is_lost(zk_behind, proxy, direct, fate):
    queue = zk_behind.inner.queue("/q")
    await do(zk_behind, queue.put, b"0")
    proxy.before(CREATE, lambda: fate)
    if fate == "lose":
        path = await do(zk_behind, queue.put, b"1")
        assert direct.get(path)[0] == b"1"
    else:  # A consumer might have taken it: the client cannot know.
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await do(zk_behind, queue.put, b"1")
        assert caught.value.maybe_applied
    assert left(direct) == (2 if fate == "lose" else 1, 0)
    proxy.before(MULTI, lambda: "lose")
    paths = await do(zk_behind, queue.put_many, [b"2", b"3"])
    assert [direct.get(path)[0] for path in paths] == [b"2", b"3"]


async def test_queue_put_under_a_foreign_layout_reports_a_lost_reply(zk_behind, proxy, direct):
    queue = zk_behind.inner.queue("/q", layout="kazoo")
    await do(zk_behind, queue.put, b"0")
    proxy.before(CREATE, lambda: "lose")
    with pytest.raises(zkc.ConnectionLossError) as caught:
        await do(zk_behind, queue.put, b"1")
    assert caught.value.maybe_applied
    assert len(direct.children("/q")) == 2


@FATES
async def test_queue_ack_that_is_repeated_after_a_timeout(zk_behind, proxy, direct, fate):
    queue = zk_behind.inner.queue("/q")
    await do(zk_behind, queue.put, b"x")
    item = await do(zk_behind, queue.get)

    def silence():
        proxy.hold()
        return

    transaction = direct.transaction()
    transaction.create("/n", b"")
    if fate == "lose":
        proxy.pause()
    else:
        proxy.before(MULTI, silence)
    with pytest.raises(zkc.OperationTimeoutError):
        await do(zk_behind, item.ack, transaction, timeout=0.3)
    proxy.resume()
    await do(zk_behind, item.ack, transaction, timeout=20)
    assert left(direct) == (0, 0)
    assert direct.exists("/n")
    with pytest.raises(LockLostError):
        await do(zk_behind, item.ack)


@pytest.mark.parametrize("opcode", [CHILDREN, MULTI, GET])
async def test_queue_get_that_times_out_leaves_no_claim(zk_behind, proxy, direct, opcode):
    queue = zk_behind.inner.queue("/q")
    await do(zk_behind, queue.put, b"x")

    def silence():
        proxy.hold()
        return

    proxy.before(opcode, silence)
    with pytest.raises(QueueTimeoutError):
        await do(zk_behind, queue.get, timeout=2.0)
    proxy.resume()
    await eventually(lambda: left(direct) == (1, 0))
    item = await do(zk_behind, queue.get, timeout=20)  # It is free for this consumer, too.
    await do(zk_behind, item.ack)


@pytest.mark.parametrize("turns", range(12))
async def test_queue_get_that_is_cancelled_claims_nothing(hosts, direct, turns):
    """The same with prefetched items: an await that is cancelled at any turn of the loop loses none."""
    async with zkc.AsyncClient(hosts) as client:
        queue = client.queue("/q")
        await queue.put(b"x")
        task = asyncio.ensure_future(_get(queue))
        for _ in range(turns):
            await asyncio.sleep(0.0005 if turns > 6 else 0)
        task.cancel()
        try:
            item = await task
        except asyncio.CancelledError:
            await eventually(lambda: left(direct) == (1, 0))
            item = await queue.get(timeout=20)
        await item.ack()
        assert left(direct) == (0, 0)


def test_queue_get_that_a_signal_handler_interrupts_while_it_sends(client, direct, monkeypatch):
    """Scenario 20."""
    queue = client.queue("/q")
    queue.put(b"x")
    send = Claim.send

    def interrupted(claim):
        send(claim)
        claim._claiming = None  # As if the exception came before the request was noted.
        raise KeyboardInterrupt

    monkeypatch.setattr(Claim, "send", interrupted)
    with pytest.raises(KeyboardInterrupt):
        queue.get()
    monkeypatch.undo()
    with queue.get(timeout=20) as item:
        assert item.data == b"x"
    assert left(direct) == (0, 0)


async def _get(queue):
    return await queue.get()


async def test_queue_watches_are_bounded(hosts, zookeeper_server):
    """Scenario 49."""
    async with zkc.AsyncClient(hosts) as client:
        queue = client.queue("/q")
        for _ in range(20):
            with pytest.raises(QueueTimeoutError):
                await queue.get(timeout=0.005)
            await queue.put(b"x")
            async with await queue.get():
                pass
        root = hosts[hosts.index("/") :]
        text = zookeeper_server.four_letter_word("wchp", timeout=30.0)
        assert sum(line.startswith(root + "/q") for line in text.splitlines()) <= 2


@FATES
@pytest.mark.parametrize("layout", ["zkc", "kazoo", "kazoo-locking", "curator"])
async def test_queue_ack_whose_reply_is_lost_with_the_session(zk_behind, proxy, direct, zookeeper_server, fate, layout):
    queue = zk_behind.inner.queue("/q", layout=layout)
    await do(zk_behind, queue.put, b"x")
    item = await do(zk_behind, queue.get)
    session = (zk_behind.session_id, zk_behind.session_password)

    def expire():
        zookeeper_server.expire(*session)

    proxy.before(MULTI, lambda: fate)
    proxy.before(SYNC, expire)
    with pytest.raises(LockLostError) as caught:
        await do(zk_behind, item.ack, timeout=30)
    lost = caught.value
    assert (lost.reason, lost.session_lost, lost.operation, lost.path) == ("expired", True, "ack", item.path)
    assert lost.maybe_applied is (fate == "lose")
    assert (direct.exists(item.path) is None) is lost.maybe_applied
    assert ("either this ack was carried out" in str(lost)) is lost.maybe_applied
    assert ("Nothing was carried out" in str(lost)) is not lost.maybe_applied
    with pytest.raises(LockLostError, match=r"expired.*Nothing was carried out") as again:
        await do(zk_behind, item.ack)
    assert again.value.maybe_applied is False


async def test_queue_ack_across_an_expiry_says_that_nothing_was_carried_out(zk_behind, proxy, direct, zookeeper_server):
    queue = zk_behind.inner.queue("/q", max_attempts=1)
    for call, data in (("ack", b"x"), ("nack", b"y")):
        await do(zk_behind, queue.put, data)
        item = await do(zk_behind, queue.get, timeout=20)
        zookeeper_server.expire(zk_behind.session_id, zk_behind.session_password)
        with pytest.raises(LockLostError, match="Nothing was carried out") as caught:
            await do(zk_behind, getattr(item, call), timeout=30)
        assert (caught.value.reason, caught.value.maybe_applied) == ("expired", False)
        assert direct.exists(item.path)
        direct.delete("/q", recursive=True)


async def consume(client, queue, found, total, dice):
    """Ack items until all are acked. A counter in each ack's transaction shows an item that was acked twice."""
    while len(found) < total:
        try:
            item = await queue.get(timeout=0.5)
        except QueueTimeoutError:
            continue
        if dice.random() < 0.05:
            await item.nack()
            continue
        if dice.random() < 0.2:
            await asyncio.sleep(dice.random() * 0.005)
        number = int(item.data)
        transaction = client.transaction()
        transaction.create(f"/acked/{number}", b"")
        try:
            await item.ack(transaction)
        except LockLostError:  # With maybe_applied where the item is gone after an expiry.
            continue
        found.append((item.priority, number, item.attempts))


async def compete(hosts, zookeeper_server, consumers, total, clients, cuts):
    dice = random.Random(49)
    root = hosts[hosts.index("/") :]
    found = []
    proxies = [FaultProxy("127.0.0.1", zookeeper_server.port) for _ in range(clients)]
    made = []
    try:
        for proxy in proxies:
            proxy.start()
            made.append(zkc.AsyncClient(proxy.hosts + root, session_timeout=20.0))
            await made[-1].start()
        async with zkc.AsyncClient(hosts) as own:
            await own.create("/acked", b"")
            queue = own.queue("/q")
            for begin in range(0, total, 500):
                numbers = range(begin, min(total, begin + 500))
                await queue.put_many([b"%d" % n for n in numbers if n % 2], priority=5)
                await queue.put_many([b"%d" % n for n in numbers if n % 2 == 0], priority=6)

            async def cut():
                while len(found) < total:
                    await asyncio.sleep(dice.random() * 0.5)
                    dice.choice(proxies).drop_connections()

            queues = [(client, client.queue("/q")) for client in (made[n % clients] for n in range(consumers))]
            tasks = [consume(client, one, found, total, dice) for client, one in queues]
            await asyncio.gather(*tasks, *([cut()] if cuts else []))
            assert await own.children("/q/items") == await own.children("/q/claims") == []
            assert len(await own.children("/acked")) == total
        assert sorted(number for _, number, _ in found) == list(range(total))
        return found
    finally:
        for client in made:
            await client.close()
        for proxy in proxies:
            proxy.close()


def disorder(found, consumers):
    """Return by how many places items came late, at most, those that were given back aside."""
    latest = 0
    for priority in (5, 6):
        numbers = [number for one, number, attempts in found if one == priority and attempts == 1]
        places = {number: place for place, number in enumerate(sorted(numbers))}
        latest = max([latest, *(place - places[number] for place, number in enumerate(numbers))])
    return latest


async def test_queue_consumers_compete(hosts, zookeeper_server):
    """Scenario 49."""
    found = await compete(hosts, zookeeper_server, 10, 300, 3, cuts=False)
    assert disorder(found, 10) < 150


async def test_queue_consumers_compete_with_cuts(hosts, zookeeper_server):
    """Scenario 49."""
    await compete(hosts, zookeeper_server, 10, 300, 3, cuts=True)


@pytest.mark.full
@pytest.mark.timeout(1200)
async def test_queue_fifty_consumers_ten_thousand_items(hosts, zookeeper_server):
    """Scenario 49."""
    await compete(hosts, zookeeper_server, 50, 10_000, 10, cuts=True)


async def test_a_get_goes_on_when_the_session_of_its_claim_was_closed(zk, monkeypatch, expire_zk):
    """After an expiry the client closes the old session, also while a get looks there for the outcome of a claim."""
    queue = zk.inner.queue("/queue")
    await do(zk, queue.put, b"x")
    taken, closed, old = Claim.taken, [], zk.inner.session
    await expire_zk(zk)
    assert old.closed

    def taken_once_closed(claim):
        if not closed:
            closed.append(claim)
            present, claim.session = claim.session, old
            try:
                yield from claim._is_mine()
            finally:
                claim.session = present
        return (yield from taken(claim))

    monkeypatch.setattr(Claim, "taken", taken_once_closed)
    item = await do(zk, queue.get, timeout=20)
    assert (item.data, len(closed)) == (b"x", 1)
    await do(zk, item.ack)
