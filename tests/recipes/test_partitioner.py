"""The partitioner: disjoint shares, few moves, a hold for each item, and no end but its own."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

import zkc
from zkc.recipes import HoldState
from zkc.recipes._partition import decode_weight, share_of

from ..client.both import eventually
from .lock_support import do

ITEMS = [f"item-{number}" for number in range(12)]


class Told:
    """The callbacks of one member, in order."""

    def __init__(self, everything, name):
        self.everything = everything
        self.name = name

    def assign(self, item, hold):
        self.everything.append(("+", self.name, item, hold))

    def revoke(self, item):
        self.everything.append(("-", self.name, item, None))


def member(zk, name, told=(), items=ITEMS, settle=0.05, **options):
    if told != ():
        told = Told(told, name)
        options.update(on_assign=told.assign, on_revoke=told.revoke)
    return zk.inner.partitioner("/p", items, identifier=name, settle=settle, **options)


def check_told(told):
    """Check that no item was with two members at a time, and that tokens rise."""
    where, tokens = {}, {}
    for sign, name, item, hold in told:
        if sign == "+":
            assert item not in where, (item, where[item], name)
            where[item] = name
            assert hold.token > tokens.get(item, 0)
            tokens[item] = hold.token
        else:
            assert where.pop(item) == name
    return where


async def shared(*members, items=ITEMS):
    """Wait until the members have all items, by the hash."""

    def look():
        names = {one._identifier for one in members}
        assert all(one.members == names for one in members)
        assert sorted(item for one in members for item in one.mine) == sorted(items)
        return all(one.mine == share_of(one._identifier, one._members, items) for one in members)

    await eventually(look)


async def test_partitioner_shares_and_moves_few_items(zk, other_zk):
    told = []
    one, two = member(zk, "one", told), member(other_zk, "two", told)
    await do(zk, one.start)
    await do(zk, one.start)
    await shared(one)
    assert one.mine == frozenset(ITEMS)
    assert all(hold.state is HoldState.HELD for hold in one.holds.values())
    before = dict(one.holds)
    await do(other_zk, two.start)
    await shared(one, two)
    assert 0 < len(two.mine) < len(ITEMS)
    assert all(one.holds[item] is before[item] for item in one.mine)  # What stays is not touched.
    await do(other_zk, two.stop)
    assert two.mine == frozenset()
    await shared(one)
    await do(zk, one.stop)
    await do(zk, one.stop)
    assert check_told(told) == {}
    assert await zk.children("/p/members") == []
    await do(zk, one.start)
    await shared(one)
    await do(zk, one.stop)


async def test_partitioner_releases_after_the_callback(zk, other_zk):
    finish = []

    def slow(item):
        if zk.kind == "async":
            return asyncio.wait_for(pause(), 20)
        time.sleep(0.2)
        finish.append(item)
        return None

    async def pause():
        await asyncio.sleep(0.2)
        finish.append("only")

    one = zk.inner.partitioner("/p", ["only"], identifier="one", settle=0, on_revoke=slow)
    two = other_zk.inner.partitioner("/p", ["only"], identifier="two", settle=0)
    await do(zk, one.start)
    await shared(one, items=["only"])
    await do(other_zk, two.start)
    await do(zk, one.stop)
    assert finish == ["only"]
    await shared(two, items=["only"])
    await do(other_zk, two.stop)


async def test_partitioner_survives_an_expiry(zk, other_zk, expire_zk):
    told = []
    one, two = member(zk, "one", told), member(other_zk, "two", told)
    await do(zk, one.start)
    await do(other_zk, two.start)
    await shared(one, two)
    kept = dict(two.holds)
    await expire_zk(zk)
    await shared(one, two)
    assert all(two.holds[item] is hold for item, hold in kept.items())
    await do(zk, one.stop)
    await do(other_zk, two.stop)
    assert await zk.children("/p/members") == []


async def test_partitioner_takes_back_an_item_whose_lock_is_broken(zk):
    told = []
    one = member(zk, "one", told)
    await do(zk, one.start)
    await shared(one)
    await zk.delete(one.holds["item-3"].path)
    await eventually(lambda: ("-", "one", "item-3", None) in told)
    await shared(one)
    await do(zk, one.stop)
    assert check_told(told) == {}


async def test_partitioner_with_a_member_that_flaps(zk, other_zk, hosts):
    """Scenario 52."""
    await flap(zk, other_zk, hosts, rounds=4, period=0.1, settle=0.3)


@pytest.mark.full
async def test_partitioner_with_a_member_that_flaps_each_second(zk, other_zk, hosts):
    """Scenario 52."""
    await flap(zk, other_zk, hosts, rounds=20, period=1.0, settle=1.0)


async def flap(zk, other_zk, hosts, rounds, period, settle):
    told = []
    one, two = member(zk, "one", told, settle=settle), member(other_zk, "two", told, settle=settle)
    await do(zk, one.start)
    await do(other_zk, two.start)
    await shared(one, two)
    begun = len(told)
    names = {"one": 1.0, "two": 1.0, "flapping": 1.0}
    its = share_of("flapping", names, ITEMS)
    assert its
    for _ in range(rounds):
        async with zkc.AsyncClient(hosts) as client:
            flapping = client.partitioner("/p", ITEMS, identifier="flapping", settle=settle)
            await flapping.start()
            await asyncio.sleep(period)
            with contextlib.suppress(zkc.ZooKeeperError):
                await flapping.stop()
        await asyncio.sleep(period)
    await shared(one, two)
    assert {item for _, _, item, _ in told[begun:]} <= its
    await do(zk, one.stop)
    await do(other_zk, two.stop)
    assert check_told(told) == {}


async def test_partitioner_waits_until_members_settle(zk, other_zk):
    one = member(zk, "one", settle=2.0)
    begun = time.monotonic()
    await do(zk, one.start)
    await shared(one)
    assert time.monotonic() - begun > 1.9
    two = member(other_zk, "two", settle=2.0)
    await do(other_zk, two.start)
    await do(other_zk, two.stop)
    await asyncio.sleep(2.1)  # Longer than it waits before it moves anything.
    assert one.mine == frozenset(ITEMS)
    await do(zk, one.stop)


async def test_partitioner_block_and_client_that_is_closed(make_zk, zk):
    told = []
    own = make_zk()
    await own.start()
    one = member(own, "one", told)
    if zk.kind == "async":
        async with one:
            await shared(one)
    else:
        with one:
            await shared(one)
    assert check_told(told) == {}
    await do(own, one.start)
    await shared(one)
    await own.close()
    await eventually(lambda: not one._running)
    assert one.mine == frozenset()
    assert check_told(told) == {}
    with pytest.raises(zkc.ClosingError):
        await do(own, one.start)
    assert await zk.children("/p/members") == []


def test_partitioner_hash():
    items = [f"i{number}" for number in range(2000)]
    members = {"a": 1.0, "b": 1.0, "c": 2.0}
    shares = {name: share_of(name, members, items) for name in members}
    assert sum(map(len, shares.values())) == 2000
    assert set().union(*shares.values()) == set(items)
    assert 420 < len(shares["a"]) < 580
    assert 920 < len(shares["c"]) < 1080
    fewer = {name: weight for name, weight in members.items() if name != "c"}
    assert share_of("a", fewer, items) >= shares["a"]
    assert share_of("x", members, items) == share_of("x", {}, items) == set()
    assert [decode_weight(data) for data in (b'{"weight": 2}', b"", None, b"x", b"[]", b'{"weight": -1}')] == [
        2.0,
        *[1.0] * 5,
    ]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"path": "/"}, "root"),
        ({"items": [""]}, "item"),
        ({"items": [3]}, "item"),
        ({"weight": 0}, "weight"),
        ({"settle": -1}, "settle"),
        ({"identifier": ""}, "identifier"),
    ],
)
def test_partitioner_arguments(client, options, match):
    with pytest.raises(ValueError, match=match):
        client.partitioner(**{"path": "/p", "items": ["a"], "identifier": "x", **options})


def test_partitioner_items_with_any_characters(client):
    items = ["a/b", "..", ".", "ä", "a%2Fb", "x y"]
    with client.partitioner("/p", items, identifier="x", settle=0) as one:
        deadline = time.monotonic() + 20
        while one.mine != set(items):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert one.mine == frozenset()
