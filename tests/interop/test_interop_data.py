"""Queues, counters, barriers and groups of zkc beside those of kazoo and Curator."""

from __future__ import annotations

import itertools

import pytest

from .interop_support import peers

EACH = peers(kazoo=["kazoo"], curator=["curator"])
QUEUES = peers(kazoo=["kazoo", "kazoo-locking"], curator=["curator"])
CLAIMED = peers(kazoo=["kazoo-locking"], curator=["curator"])  # Consumers of kazoo's Queue know no claims.
NUMBERS = peers(kazoo=["int", "float", "int32"], curator=["int32", "int64", "shared"])


def texts(lines):
    """Return the texts of a consumer's items."""
    return [line.split()[2] for line in lines]


@pytest.mark.parametrize("consumer", ["zkc", "peer"])
@pytest.mark.parametrize("peer", QUEUES)
def test_items_arrive_in_order(worker, peer, consumer):
    sides = [worker("zkc"), worker(peer.name)]
    producer, consumer = reversed(sides) if consumer == "zkc" else sides
    consumer.begin("take", "/queue", peer.form, peer.cycles)
    producer.run("put", "/queue", peer.form, peer.cycles, "item-")
    assert texts(consumer.finish()) == [f"item-{number}" for number in range(peer.cycles)]


@pytest.mark.parametrize("peer", CLAIMED)
def test_producers_and_consumers_of_both_lose_and_repeat_no_item(worker, peer, client):
    producers, consumers = [[worker("zkc"), worker(peer.name)] for _ in range(2)]
    for each in consumers:
        each.begin("drain", "/queue", peer.form)
    for each in producers:
        each.begin("put", "/queue", peer.form, peer.cycles, each.kind)
    for each in producers:
        each.finish()
    client.create("/queue-end")
    found = list(itertools.chain.from_iterable(texts(each.finish()) for each in consumers))
    assert sorted(found) == sorted(f"{each.kind}{number}" for each in producers for number in range(peer.cycles))


@pytest.mark.parametrize("peer", NUMBERS)
def test_counters_count_once(worker, peer):
    """Scenario 50, the last part."""
    ours = "int32" if peer.form == "shared" else peer.form  # A SharedCount.
    workers = [worker("zkc"), worker(peer.name)]
    for each, own in zip(workers, (ours, peer.form)):
        each.begin("add", "/counter", own, 2, peer.cycles // 2)
    for each in workers:
        each.finish()
    total = [str(2 * (peer.cycles // 2) * 2)]
    assert workers[0].run("read", "/counter", ours) == total
    assert workers[1].run("read", "/counter", peer.form) == total


@pytest.mark.parametrize("waiter", ["zkc", "peer"])
@pytest.mark.parametrize("peer", EACH)
def test_a_barrier_of_either_holds_the_other(worker, peer, waiter):
    sides = [worker("zkc"), worker(peer.name)]
    waiting, setting = sides if waiter == "zkc" else reversed(sides)
    for _ in range(peer.cycles):
        setting.run("barrier-set", "/barrier")
        waiting.begin("barrier-wait", "/barrier")
        waiting.expect("waits")
        setting.run("barrier-remove", "/barrier")
        assert waiting.finish() == []


@pytest.mark.parametrize("peer", EACH)
def test_interop_members_of_a_group_see_each_other(worker, peer, eventually):
    workers = [worker("zkc"), worker(peer.name)]
    for _ in range(max(1, peer.cycles // 20)):
        for each in workers:
            each.run("join", "/group", peer.name, each.kind)
        for each in workers:
            everyone = sorted({"zkc", peer.name})
            eventually(lambda each=each, everyone=everyone: members(each, peer) == everyone)
        for each in workers:
            each.run("leave", "/group", peer.name, each.kind)
        for each in workers:
            eventually(lambda each=each: members(each, peer) == [])


def members(worker, peer):
    """Return the identifiers that a worker sees."""
    return " ".join(worker.run("members", "/group", peer.name)).split()
