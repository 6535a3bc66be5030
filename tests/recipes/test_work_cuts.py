"""Queues, partitioners, leases and counters whose connection is lost at each request, and at each reply."""

from __future__ import annotations

import contextlib

import pytest

import zkc
from zkc.recipes._partition import share_of

from ..client.both import eventually, mended
from .cut_support import at_each_request, cutter  # noqa: F401 - pytest finds the fixtures here
from .lock_support import do
from .recipe_support import make_recipe

FATES = pytest.mark.parametrize("fate", ["drop", "lose"])  # The request is not carried out, or its reply is lost.


@pytest.fixture
def far_zk(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=30.0)


# ---- queues ---------------------------------------------------------------------------------------------------------


async def left(zk):
    """Return the numbers of items and claims."""
    return len(await zk.children("/q/items")), len(await zk.children("/q/claims"))


async def settles(zk, items, claims):
    async def look():
        return await left(zk) == (items, claims)

    await eventually(look)


@FATES
@pytest.mark.parametrize("count", [1, 2])
async def test_cut_put(zk, far_zk, proxy, fate, count):
    """Scenario 48: an item is there once, or the error says that it may be there."""
    theirs = make_recipe(far_zk, "queue", "/q")
    ours = make_recipe(zk, "queue", "/q")
    failed = []

    async def scenario(number):
        data = [b"%d-%d" % (number, one) for one in range(count)]
        paths = []
        try:
            paths = await theirs.put_many(data) if count > 1 else [await theirs.put(data[0])]
        except zkc.ConnectionLossError as error:
            assert error.maybe_applied
            failed.append(number)
        found = []
        while len(found) < len(paths):
            item = await ours.get(timeout=20)
            found.append((item.path, item.data))
            await item.ack() if zk.kind == "async" else item.ack()
        assert found == list(zip(paths, data))
        assert await ours.try_get() is None
        await zk.delete("/q", recursive=True)

    points = await at_each_request(proxy, far_zk, fate, scenario, ["multi" if count > 1 else "create"], least=3)
    # A put that was carried out shows in the queue, also without its reply. One whose parents were missing does not.
    assert len(failed) == (2 if fate == "drop" else 1) < len(points)


@FATES
@pytest.mark.parametrize("layout", ["zkc", "kazoo-locking", "curator"])
async def test_cut_get_and_ack(zk, far_zk, proxy, fate, layout):
    """Scenario 48: each item is delivered, once, and acked once, with the caller's operations."""
    options = {"layout": layout} if layout == "zkc" else {"layout": layout, "claims": "/claims"}
    queue, producer = far_zk.inner.queue("/q", **options), zk.inner.queue("/q", **options)
    await zk.create("/n", b"")
    acked = 0

    async def scenario(number):
        nonlocal acked
        await do(zk, producer.put, b"%d" % number)
        item = await do(far_zk, queue.get, timeout=30)
        assert (item.data, item.attempts) == (b"%d" % number, 1)
        transaction = far_zk.inner.transaction()
        transaction.create("/n/n-", b"", sequential=True)
        await do(far_zk, item.ack, transaction)
        acked += 1
        assert len(await zk.children("/n")) == acked

        async def empty():
            return (await do(zk, producer.size)) == 0 and await zk.children(queue._claims) == []

        await eventually(empty)

    await at_each_request(proxy, far_zk, fate, scenario, ["children", "multi", "get"])


@FATES
@pytest.mark.parametrize("delay", [0.0, 0.01])
async def test_cut_nack(zk, far_zk, proxy, fate, delay):
    """Scenario 48: the item is free again, once, and the attempts are counted."""
    queue = far_zk.inner.queue("/q")

    async def scenario(number):
        await do(zk, zk.inner.queue("/q").put, b"%d" % number)
        item = await do(far_zk, queue.get, timeout=30)
        await do(far_zk, item.nack, delay)
        await settles(zk, 1, 0)
        item = await do(far_zk, queue.get, timeout=30)
        assert (item.data, item.attempts) == (b"%d" % number, 2)
        await do(far_zk, item.ack)
        await settles(zk, 0, 0)

    await at_each_request(proxy, far_zk, fate, scenario, ["children", "multi", "get"])


@FATES
async def test_cut_burial(zk, far_zk, proxy, fate):
    """Scenario 48: an item with too many attempts is in the dead letter path, once."""
    queue = far_zk.inner.queue("/q", max_attempts=1, dead_letter="/dead")

    async def scenario(number):
        await do(zk, zk.inner.queue("/q").put, b"%d" % number)
        item = await do(far_zk, queue.get, timeout=30)
        await do(far_zk, item.nack)
        await settles(zk, 0, 0)
        [dead] = await zk.children("/dead")
        assert (await zk.get(f"/dead/{dead}"))[0] == b"%d" % number
        await zk.delete("/dead", recursive=True)

    await at_each_request(proxy, far_zk, fate, scenario, ["children", "multi", "get"])


# ---- partitioners ---------------------------------------------------------------------------------------------------

ITEMS = ["a", "y"]


@FATES
async def test_cut_partitioner(zk, far_zk, proxy, fate):
    """Scenario 52: a member takes its items, hands some over, takes them back, and leaves; none is with two members."""
    told = []

    def member(client, name):
        return client.inner.partitioner(
            "/p",
            ITEMS,
            identifier=name,
            settle=0.01,
            on_assign=lambda item, hold: told.append(("+", name, item, hold.token)),
            on_revoke=lambda item: told.append(("-", name, item, 0)),
        )

    def share(name, *members):
        return share_of(name, dict.fromkeys(members, 1.0), ITEMS)

    async def scenario(number):
        one, two = member(far_zk, "one"), member(zk, "two")
        await do(far_zk, one.start, timeout=30)
        await eventually(lambda: one.mine == set(ITEMS))
        await do(zk, two.start, timeout=30)
        await eventually(lambda: one.mine == share("one", "one", "two") and two.mine == share("two", "one", "two"))
        await do(zk, two.stop, timeout=30)
        await eventually(lambda: one.mine == set(ITEMS))
        await do(far_zk, one.stop, timeout=30)
        for item in ITEMS:

            async def free(item=item):
                with contextlib.suppress(zkc.NoNodeError):
                    return await zk.children(f"/p/locks/{item}") == []
                return True

            await eventually(free)
        assert await zk.children("/p/members") == []
        await zk.delete("/p", recursive=True)

    assert share("one", "one", "two")
    assert share("two", "one", "two")
    expected = ["create", "children", "get", "exists", "delete"]
    await at_each_request(proxy, far_zk, fate, scenario, expected, least=15)
    where, tokens = {}, {}
    for sign, name, item, token in told:
        if sign == "+":
            assert item not in where, (item, where[item], name)
            where[item] = name
            assert token > tokens.get(item, 0)
            tokens[item] = token
        else:
            assert where.pop(item) == name
    assert where == {}


# ---- leases ---------------------------------------------------------------------------------------------------------


@FATES
async def test_cut_lease(zk, far_zk, proxy, fate):
    """Scenario 57: a lease is taken, renewed, proved, taken back and released; each grant is one znode."""
    lease = far_zk.inner.lease("/lease", owner="a", ttl=60.0, renew=False)
    tokens = [0]

    async def grants():
        return [name for name in await zk.children("/lease") if name.startswith("grant-")]

    async def scenario(number):
        hold = await do(far_zk, lease.acquire, timeout=30)
        assert hold.token > tokens[-1]
        before = await do(far_zk, _repeated, lease.holder)
        await do(far_zk, _repeated, hold.renew)
        after = await do(zk, zk.inner.lease("/lease", owner="b", ttl=60.0).holder)
        assert (after.token, after.owner) == (hold.token, "a")
        assert after.version > before.version
        await do(far_zk, _repeated, hold.confirm)
        adopted = await do(far_zk, lease.adopt, timeout=30)
        tokens.append(adopted.token)
        assert adopted.token > hold.token
        assert len(await grants()) == 1
        with pytest.raises(zkc.recipes.LockLostError):
            await do(far_zk, _repeated, hold.confirm)
        assert await do(far_zk, adopted.release, timeout=30) is True
        assert await grants() == []
        assert await do(far_zk, hold.release, timeout=30) is False
        await zk.delete("/lease", recursive=True)

    await at_each_request(proxy, far_zk, fate, scenario, ["get", "children", "multi", "set", "exists", "delete"])


@FATES
async def test_cut_lease_that_is_taken_over(zk, far_zk, proxy, fate):
    """The lease of another owner has expired."""
    ours = zk.inner.lease("/lease", owner="a", ttl=0.05, renew=False)
    theirs = far_zk.inner.lease("/lease", owner="b", ttl=60.0, renew=False)

    async def scenario(number):
        first = await do(zk, ours.acquire, timeout=30)

        async def expired():
            now = (await zk.set("/lease/clock", b"")).mtime / 1000
            grant = await do(zk, ours.holder)
            return now > grant.renewed + grant.ttl

        await eventually(expired)
        second = await do(far_zk, theirs.acquire, timeout=30)
        assert second.token > first.token
        [name] = [name for name in await zk.children("/lease") if name.startswith("grant-")]
        assert second.path == f"/lease/{name}"
        assert await do(far_zk, second.release, timeout=30) is True

    await at_each_request(proxy, far_zk, fate, scenario, ["get", "children", "multi", "set", "exists", "delete"])


def _repeated(call):
    """Make a call of either client again while its connection is lost."""
    try:
        answer = call()
    except zkc.ConnectionLossError:
        return _repeated(call)
    return mended(lambda first=[answer]: first.pop() if first else call()) if hasattr(answer, "__await__") else answer


# ---- counters -------------------------------------------------------------------------------------------------------


@FATES
@pytest.mark.parametrize("exact", [False, True])
async def test_cut_counter(zk, far_zk, proxy, fate, exact):
    """Scenario 50: an add is counted once, or the error says that it may be counted."""
    unsure = []

    async def scenario(number):
        counter = make_recipe(far_zk, "counter", "/counters/n", exact=exact)
        value = 0
        for _ in range(3):
            try:
                added = await counter.add(2)
            except zkc.ConnectionLossError as error:
                assert error.maybe_applied
                unsure.append(number)
                found = (await _number(zk))[0]
                assert found in (value, value + 2)
                assert value == 0 or not exact
                assert found == value + 2 or fate == "drop" or value == 0, "a create may be refused without parents"
                value = found
            else:
                value += 2
                assert added.value == value
            assert (await _number(zk))[0] == value
        await zk.delete("/counters", recursive=True)

    await at_each_request(proxy, far_zk, fate, scenario, ["multi" if exact else "set", "create"])
    if not exact:
        assert unsure


async def _number(zk):
    try:
        return int((await zk.get("/counters/n"))[0]), True
    except zkc.NoNodeError:
        return 0, False
