"""The queue: order, acks that are one transaction with the caller's, redelivery, dead letters, layouts."""

from __future__ import annotations

import asyncio
import logging
import struct
import threading
import time

import pytest

import zkc
from zkc.recipes import LockLostError, QueueTimeoutError

from ..client.both import eventually
from .lock_support import do, waits

PATH = "/q"


def queue_of(zk, path=PATH, **options):
    return zk.inner.queue(path, **options)


async def put(zk, queue, *data, **options):
    for one in data:
        await do(zk, queue.put, one, **options)


async def drain(zk, queue):
    """Return the data of all items, and ack them."""
    found = []
    while True:
        item = await do(zk, queue.try_get)
        if item is None:
            return found
        found.append(item.data)
        await do(zk, item.ack)


async def left(zk, path=PATH):
    """Return the number of items and of claims."""
    return len(await zk.children(path + "/items")), len(await zk.children(path + "/claims"))


async def test_queue_order_by_priority(zk):
    queue = queue_of(zk)
    assert await do(zk, queue.try_get) is None
    await put(zk, queue, b"a", b"b")
    await put(zk, queue, b"first", priority=0)
    await put(zk, queue, b"last", priority=999)
    await do(zk, queue.put_many, [b"c", b"d"])
    assert await do(zk, queue.put_many, []) == []
    assert await do(zk, queue.size) == 6
    if zk.kind == "sync":
        assert len(queue) == 6
    assert queue
    assert await drain(zk, queue) == [b"first", b"a", b"b", b"c", b"d", b"last"]
    assert await left(zk) == (0, 0)
    assert await do(zk, queue.size) == 0


async def test_queue_get_waits_for_an_item(zk, other_zk):
    getting = do(zk, queue_of(zk).get)
    assert await waits(getting)
    path = await do(other_zk, queue_of(other_zk).put, b"x", priority=7)
    item = await getting
    assert (item.data, item.path, item.priority, item.attempts) == (b"x", path, 7, 1)
    stat = await zk.exists(PATH + "/claims/" + path.rpartition("/")[2])
    assert stat.czxid == item.token
    assert stat.ephemeral_owner == zk.session_id
    assert await do(zk, item.ack) == []
    assert await left(zk) == (0, 0)


async def test_queue_timeout_claims_nothing(zk):
    queue = queue_of(zk)
    begun = time.monotonic()
    with pytest.raises(QueueTimeoutError, match=r"/q.*0.3 s"):
        await do(zk, queue.get, timeout=0.3)
    assert time.monotonic() - begun > 0.25
    await put(zk, queue, b"x")
    assert await drain(zk, queue) == [b"x"]


async def test_queue_ack_is_one_transaction(zk):
    queue = queue_of(zk)
    await put(zk, queue, b"a")
    await zk.create("/done", b"")
    item = await do(zk, queue.get)
    failing = zk.transaction()
    failing.set("/done", b"1")
    missing = failing.delete("/missing")
    with pytest.raises(zkc.NoNodeError) as caught:
        await do(zk, item.ack, getattr(failing, "inner", failing))
    assert caught.value.index == 1
    with pytest.raises(zkc.NoNodeError):
        missing.result()
    assert (await zk.get("/done"))[0] == b""
    assert await left(zk) == (1, 1)
    good = zk.transaction()
    written = good.set("/done", b"2")
    made = good.create("/done/item-", b"", sequential=True)
    assert await do(zk, item.ack, getattr(good, "inner", good)) == [written.result(), made.result()]
    assert made.result() == "/done/item-0000000000"
    assert await left(zk) == (0, 0)
    with pytest.raises(LockLostError, match="acked already"):
        await do(zk, item.ack)
    with pytest.raises(LockLostError):
        await do(zk, item.nack)


async def test_queue_nack_delivers_again_at_the_same_place(zk, other_zk):
    queue, other = queue_of(zk), queue_of(other_zk)
    await put(zk, queue, b"a", b"b")
    item = await do(zk, queue.get)
    second = await do(other_zk, other.get)
    assert second.data == b"b"
    getting = do(other_zk, other.get)
    assert await waits(getting)
    await do(zk, item.nack)
    again = await getting
    assert (again.data, again.attempts) == (b"a", 2)
    assert again.path == item.path
    assert again.token > item.token
    with pytest.raises(LockLostError):
        await do(zk, item.ack)
    await do(other_zk, again.ack)
    await do(other_zk, second.ack)
    assert await left(zk) == (0, 0)


async def test_queue_delays(zk):
    queue = queue_of(zk)
    begun = time.time()
    await put(zk, queue, b"later", delay=5.0)
    await put(zk, queue, b"now")
    item = await do(zk, queue.get)
    assert item.data == b"now"
    await do(zk, item.nack, 3.0)
    assert await do(zk, queue.try_get) is None
    item = await do(zk, queue.get, timeout=10)
    assert (item.data, item.attempts) == (b"now", 2)
    assert time.time() - begun > 2.9
    await do(zk, item.ack)
    item = await do(zk, queue.get, timeout=10)
    assert (item.data, item.attempts) == (b"later", 1)
    assert time.time() - begun > 4.9
    await do(zk, item.nack, 0.05)
    assert (await do(zk, queue.get, timeout=10)).attempts == 2


async def test_queue_consumer_that_dies(zk, other_zk, expire_zk, make_zk):
    """Scenario 48."""
    options = {"max_attempts": 2, "dead_letter": "/dead/q"}
    queue, other = queue_of(zk, **options), queue_of(other_zk, **options)
    await put(zk, queue, b"poison", b"good")
    item = await do(zk, queue.get)
    getting = [do(other_zk, other.get) for _ in range(2)]
    await expire_zk(zk)
    found = {found.data: found for found in await asyncio.gather(*getting)}
    again = found[b"poison"]
    assert (again.attempts, again.path) == (2, item.path)
    with pytest.raises(LockLostError) as caught:
        await do(zk, item.ack)
    assert caught.value.session_lost
    assert not caught.value.maybe_applied
    assert await zk.exists(item.path)
    await do(other_zk, found[b"good"].ack)
    await expire_zk(other_zk)
    assert await do(zk, queue.try_get) is None  # This claims it, and moves it.
    [name] = await zk.children("/dead/q")
    assert name.startswith(item.path.rpartition("/")[2])
    assert (await zk.get("/dead/q/" + name))[0] == b"poison"
    assert await left(zk) == (0, 0)
    await put(zk, queue, b"after")  # Both go on in their new sessions.
    item = await do(other_zk, other.get, timeout=20)
    await do(other_zk, item.ack)


async def test_queue_ack_after_an_expiry_while_another_consumer_is_done(zk, other_zk, expire_zk):
    """Scenario 48."""
    queue, other = queue_of(zk), queue_of(other_zk)
    await put(zk, queue, b"x")
    item = await do(zk, queue.get)
    await expire_zk(zk)
    assert await drain(other_zk, other) == [b"x"]
    with pytest.raises(LockLostError) as caught:
        await do(zk, item.ack)
    assert caught.value.reason == "expired"


async def test_queue_claim_that_an_administrator_deletes(zk, other_zk):
    queue, other = queue_of(zk), queue_of(other_zk)
    await put(zk, queue, b"x")
    item = await do(zk, queue.get)
    [proof] = await zk.children(item.path)
    await zk.delete(f"{item.path}/{proof}")
    await zk.delete(PATH + "/claims/" + item.path.rpartition("/")[2])
    again = await do(other_zk, other.get, timeout=20)
    with pytest.raises(LockLostError) as caught:  # It cannot end the claim of the other consumer.
        await do(zk, item.ack)
    assert caught.value.reason == "deleted"
    assert again.attempts == 2
    await do(other_zk, again.ack)
    assert await left(zk) == (0, 0)


async def test_queue_nack_after_the_last_attempt(zk, caplog):
    queue = queue_of(zk, max_attempts=1)
    await put(zk, queue, b"x")
    item = await do(zk, queue.get)
    with caplog.at_level(logging.WARNING, "zkc.recipes"):
        await do(zk, item.nack)
    assert "it was delivered 1 times" in caplog.text
    assert len(await zk.children(PATH + "/dead")) == 1
    assert await left(zk) == (0, 0)


async def test_queue_blocks(zk):
    queue = queue_of(zk)
    await do(zk, queue.put_many, [b"a", b"b", b"c"])
    if zk.kind == "async":
        async for item in queue:
            async with item:
                if item.data == b"b":
                    break
        with pytest.raises(RuntimeError, match="of the consumer"):
            async with await queue.get():
                raise RuntimeError("of the consumer")
    else:
        for item in queue:
            with item:
                if item.data == b"b":
                    break
        with pytest.raises(RuntimeError, match="of the consumer"), queue.get():
            raise RuntimeError("of the consumer")
    item = await do(zk, queue.get, timeout=20)
    assert (item.data, item.attempts) == (b"c", 2)
    if zk.kind == "async":
        async with item:
            await item.ack()
    else:
        with item:
            item.ack()
    assert await left(zk) == (0, 0)


async def test_queue_prefetch(zk, other_zk):
    queue, other = queue_of(zk, prefetch=3), queue_of(other_zk)
    await do(zk, queue.put_many, [b"%d" % number for number in range(6)])
    item = await do(zk, queue.get)
    assert await left(zk) == (6, 4)
    assert await drain(other_zk, other) == [b"4", b"5"]
    await do(zk, item.ack)
    assert (await do(zk, queue.get)).data == b"1"
    queue.close()
    again = await do(other_zk, other.get, timeout=20)
    assert (again.data, again.attempts) == (b"2", 2)


async def test_queue_that_an_administrator_deletes(zk):
    queue = queue_of(zk)
    await put(zk, queue, b"x")
    assert await drain(zk, queue) == [b"x"]
    getting = do(zk, queue.get)
    assert await waits(getting)
    await zk.delete(PATH, recursive=True)
    await put(zk, queue, b"y")
    assert (await getting).data == b"y"


async def test_queue_names_of_kazoo(zk):
    queue = queue_of(zk, layout="kazoo")
    path = await do(zk, queue.put, b"a", priority=5)
    assert path == "/q/entry-005-0000000000"
    assert (await zk.get(path))[0] == b"a"
    await zk.create("/q/entry-004-", b"theirs", sequential=True)
    assert await drain(zk, queue) == [b"theirs", b"a"]
    assert await zk.children("/q") == []
    # kazoo's consumers know no claims: they take the item, and the ack says so.
    await put(zk, queue, b"b")
    item = await do(zk, queue.get)
    assert await zk.children("/q-taken") == [item.path.rpartition("/")[2]]
    await zk.delete(item.path)
    with pytest.raises(LockLostError):
        await do(zk, item.ack)
    with pytest.raises(ValueError, match="no delay"):
        await do(zk, queue.put, b"c", delay=1.0)


async def test_queue_names_of_kazoo_locking(zk):
    queue = queue_of(zk, layout="kazoo-locking")
    path = await do(zk, queue.put, b"a")
    assert path == "/q/entries/entry-100-0000000000"
    await zk.create("/q/taken/entry-100-0000000000", b"their id", ephemeral=True)
    getting = do(zk, queue.get)
    assert await waits(getting)
    await zk.delete("/q/taken/entry-100-0000000000")  # A kazoo consumer gives it back.
    item = await getting
    assert await zk.children("/q/taken") == ["entry-100-0000000000"]
    assert item.data == b"a"
    await do(zk, item.ack)
    assert await zk.children("/q/taken") == await zk.children("/q/entries") == []


def framed(*messages):
    body = b"".join(b"\x01" + struct.pack(">i", len(message)) + message for message in messages)
    return b"\x00\x01\x00\x01" + body + b"\x02"


async def test_queue_names_of_curator(zk):
    queue = queue_of(zk, layout="curator", claims="/locks")
    path = await do(zk, queue.put, b"a")
    assert path == "/q/queue-0000000000"
    assert (await zk.get(path))[0] == framed(b"a")
    assert (await do(zk, queue.put, b"low", priority=101)) == "/q/queue-1000000650000000001"
    assert (await do(zk, queue.put, b"high", priority=-1)) == "/q/queue-0FFFFFFFF0000000002"
    later = await do(zk, queue.put, b"later", delay=0.2)
    assert later.startswith("/q/queue-|1")
    await zk.create("/q/queue-|an id|", framed(b"with id"), sequential=True)
    await zk.create("/q/queue-", framed(b"one", b"two"), sequential=True)
    item = await do(zk, queue.get)
    assert await zk.children("/locks") == [item.path.rpartition("/")[2]]
    assert item.data == b"high"
    await do(zk, item.ack)
    found = []
    while len(found) < 5:
        item = await do(zk, queue.get, timeout=20)
        if len(item.messages) > 1:
            with pytest.raises(ValueError, match="2 messages"):
                item.data  # noqa: B018
        found.append(item.messages)
        await do(zk, item.ack)
    assert [b"later"] in found
    found.remove([b"later"])
    assert found == [[b"a"], [b"with id"], [b"one", b"two"], [b"low"]]


BROKEN = [
    b"",
    b"\x00\x01\x00\x02",
    framed(),
    framed(b"abc")[:-1],
    framed(b"abc")[:-3],
    framed(b"abc")[:7],
    b"\x00\x01\x00\x01\x01\xff\xff\xff\xff\x02",
]


async def test_queue_item_that_cannot_be_parsed_is_moved(zk, caplog):
    """Scenario 48."""
    queue = queue_of(zk, layout="curator", dead_letter="/dead")
    await put(zk, queue, b"good")
    for data in BROKEN:
        await zk.create("/q/queue-", data, sequential=True)
    with caplog.at_level(logging.WARNING, "zkc.recipes"):
        assert await drain(zk, queue) == [b"good"]
    assert "malformed" in caplog.text
    assert sorted([(await zk.get("/dead/" + name))[0] for name in await zk.children("/dead")]) == sorted(BROKEN)
    assert await zk.children("/q") == await zk.children("/q-locks") == []


async def test_queue_item_that_cannot_be_parsed_is_skipped(zk, caplog):
    """Scenario 48."""
    queue = queue_of(zk, layout="curator")
    await zk.ensure_path("/q")
    for data in BROKEN:
        await zk.create("/q/queue-", data, sequential=True)
    await put(zk, queue, b"good")
    with caplog.at_level(logging.ERROR, "zkc.recipes"):
        assert await drain(zk, queue) == [b"good"]
        assert await do(zk, queue.try_get) is None
    assert len(caplog.records) == len(BROKEN)
    assert "skips an item" in caplog.text
    assert len(await zk.children("/q")) == len(BROKEN)
    assert await zk.children("/q-locks") == []


async def test_queue_counters_wrap(zk):
    """Scenario 30."""
    await zk.ensure_path("/q/claims")
    await zk.ensure_path("/q/items")
    for sequence in (-2147483647, 2147483646, -2147483648, 2147483647):
        await zk.create(f"/q/items/item-100-aaaaaaaaaaaa-{sequence:010d}", b"%d" % sequence)
    assert await drain(zk, queue_of(zk)) == [b"2147483646", b"2147483647", b"-2147483648", b"-2147483647"]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"path": "/"}, "root"),
        ({"layout": "other"}, "'curator'"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"dead_letter": "x"}, "dead_letter"),
        ({"claims": "x"}, "claims"),
        ({"prefetch": -1}, "prefetch"),
    ],
)
def test_queue_arguments(client, options, match):
    with pytest.raises(ValueError, match=match):
        client.queue(**{"path": "/q", **options})


def test_queue_put_arguments(client):
    queue = client.queue("/q")
    for options in ({"priority": 1000}, {"priority": -1}, {"delay": -1.0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            queue.put(b"", **options)
    with pytest.raises(TypeError):
        queue.put("text")
    with pytest.raises(TypeError):
        queue.put(None)
    with pytest.raises(TypeError):
        queue.put(b"", priority="1")
    assert client.exists("/q") is None


async def test_queue_of_a_client_that_is_closed(make_zk):
    zk = make_zk()
    await zk.start()
    queue = queue_of(zk)
    getting = do(zk, queue.get)
    assert await waits(getting)
    await zk.close()
    with pytest.raises(zkc.ClosingError):
        await getting
    with pytest.raises(zkc.ClosingError):
        await do(zk, queue.put, b"x")


async def test_queue_two_local_callers_wait(zk):
    queue = queue_of(zk)
    getting = [do(zk, queue.get) for _ in range(4)]
    assert await waits(getting[0])
    await do(zk, queue.put_many, [b"0", b"1", b"2", b"3"])
    found = await asyncio.gather(*getting)
    assert sorted(item.data for item in found) == [b"0", b"1", b"2", b"3"]
    await eventually(lambda: not queue._board._looking)


def _is_open(operation):
    try:
        operation.result()
    except RuntimeError:
        return True
    return False


def test_queue_acks_without_waiting(client, eventually):
    queue = client.queue(PATH, prefetch=8)
    queue.put_many([b"%d" % number for number in range(40)])
    made = []
    for number in range(40):
        item = queue.get(timeout=30)
        transaction = client.transaction()
        made.append(transaction.create("/done-", item.data, sequential=True))
        assert item.ack(transaction, wait=False) == []
        if number == 0:
            first = item
    assert queue.size() == 0
    # Another thread notes the results of a transaction when its reply is here.
    eventually(lambda: not any(_is_open(one) for one in made))
    assert [client.get(one.result())[0] for one in made] == [b"%d" % number for number in range(40)]
    assert client.children(PATH + "/claims") == []
    with pytest.raises(LockLostError, match="acked"):
        first.ack(wait=False)


class _Heard(logging.Handler):
    """A handler that notes the text of the first record, and keeps neither record nor error."""

    def __init__(self):
        super().__init__()
        self.happened, self.text = threading.Event(), ""

    def emit(self, record):
        self.text = record.getMessage()
        self.happened.set()


def test_queue_ack_that_fails_without_a_waiting_caller(client):
    """It is logged, and the item is delivered again."""
    queue = client.queue(PATH)
    queue.put(b"a")
    item = queue.get(timeout=30)
    transaction = client.transaction()
    transaction.delete("/missing")
    heard, log = _Heard(), logging.getLogger("zkc.client")
    log.addHandler(heard)
    try:
        item.ack(transaction, wait=False)
        assert heard.happened.wait(30)
    finally:
        log.removeHandler(heard)
    assert "a background operation failed" in heard.text
    assert queue.size() == 1
    item.nack()
    again = queue.get(timeout=30)
    assert again.attempts == 2
    again.ack(wait=False)
    assert queue.size() == 0
