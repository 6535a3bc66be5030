"""The checker of the soak of recipes: it reads the servers' logs, and finds what is planted there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import zkc
from benchmarks.soak import recipes
from benchmarks.soak.overlaps import CAPACITY, DONE, GRANTS, ITEMS, PLANTED, QUEUE, Intervals, grant, plant
from benchmarks.soak.txnlog import Change, read_changes
from zkc.testing import ZooKeeperServer


class Claim:
    """A hold as a contender claims it, rightly or not."""

    def __init__(self, path: str, session: int) -> None:
        self.path, self.session_id, self.token = path, session, 1


def claimed(zxid: int, path: str, kind: str = "lock", weight: int = 1, session: int = 7) -> Change:
    return Change(zxid, session, "set", f"{GRANTS}/{kind}", grant(kind, Claim(path, session), weight))


def test_a_planted_overlap_is_found_in_a_servers_log():
    with ZooKeeperServer() as server, zkc.Client(server.hosts) as client:
        client.ensure_path(f"{GRANTS}/lock")
        for name in ("first", "second", "third"):
            client.create(f"/{name}", ephemeral=True)
        for name, ended in (("first", None), ("second", "first"), ("third", "second")):
            transaction = client.transaction()
            transaction.check(f"/{name}")
            transaction.set(f"{GRANTS}/lock", grant("lock", Claim(f"/{name}", client.session_id)))
            if name == "second":
                transaction.commit()  # While the first is held.
                client.delete("/first")
            else:
                if ended is not None:
                    client.delete(f"/{ended}")
                transaction.commit()
        client.close()  # Ends the third.
        server.stop()
        intervals = Intervals(read_changes([Path(server.log_file).parent]))
    assert [overlap.paths for overlap in intervals.overlaps] == [["/first", "/second"]]
    assert intervals.wrong == []
    assert intervals.grants["lock"] == 3
    assert intervals.left == []


def test_the_overlap_that_the_soak_plants_is_found_for_each_recipe():
    with ZooKeeperServer() as server:
        with zkc.Client(server.hosts) as client:
            for kind in CAPACITY:
                client.ensure_path(f"{GRANTS}/{kind}")
            plant(client)
        server.stop()
        intervals = Intervals(read_changes([Path(server.log_file).parent]))
    assert [overlap.kind for overlap in intervals.overlaps] == ["lock", "election", "rwlock", "semaphore"]
    assert all(any(path.startswith(PLANTED) for path in overlap.paths) for overlap in intervals.overlaps)
    assert (intervals.wrong, intervals.left) == ([], [])


@pytest.mark.full
@pytest.mark.timeout(600)
def test_a_short_soak_finds_nothing_but_what_it_has_planted(tmp_path):
    """Scenario 60, in short."""
    file = tmp_path / "figures.json"
    assert recipes.main(["--minutes", "0.3", "--plant-overlap", "--json", str(file)]) == 0
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert figures["planted_overlaps_found"].keys() == CAPACITY.keys()
    assert all(figures["grants"][kind] > 10 for kind in CAPACITY)


@pytest.mark.parametrize("end", [Change(2, 7, "delete", "/a"), Change(2, 7, "close")])
def test_intervals_in_a_row_do_not_overlap(end):
    intervals = Intervals([claimed(1, "/a"), end, claimed(3, "/b", session=8)])
    assert (intervals.wrong, intervals.overlaps) == ([], [])


def test_a_write_after_the_end_of_its_hold_is_found():
    assert len(Intervals([claimed(1, "/a"), Change(2, 7, "delete", "/a"), claimed(3, "/a")]).wrong) == 1


def test_readers_share_and_a_writer_does_not():
    readers = [claimed(1, "/r1", "rwlock"), claimed(2, "/r2", "rwlock")]
    assert Intervals(readers).overlaps == []
    assert len(Intervals([*readers, claimed(3, "/w", "rwlock", 1000)]).overlaps) == 1


def test_a_lease_beyond_the_limit_is_found():
    leases = [claimed(number, f"/{number}", "semaphore") for number in range(1, 5)]
    assert Intervals(leases[:3]).overlaps == []
    assert len(Intervals(leases).overlaps) == 1


def test_an_item_that_was_acked_twice_is_found():
    put = Change(1, 7, "create", f"{ITEMS}item-100-a-0000000000", b"x")
    acks = [Change(2, 7, "set", DONE, b"x"), Change(3, 8, "set", DONE, b"x")]
    assert len(Intervals([put, *acks]).wrong) == 1
    assert Intervals([put, acks[0]]).wrong == []
    assert len(Intervals(acks[:1]).wrong) == 1  # It was never put.


def test_the_items_of_a_queue_are_read_from_a_servers_log():
    with ZooKeeperServer() as server, zkc.Client(server.hosts) as client:
        client.ensure_path(DONE)
        queue = client.queue(QUEUE)
        queue.put(b"one")
        queue.put_many([b"two", b"three"])
        for _ in range(2):
            item, transaction = queue.get(timeout=10.0), client.transaction()
            transaction.set(DONE, item.data)
            item.ack(transaction)
        client.close()
        server.stop()
        intervals = Intervals(read_changes([Path(server.log_file).parent]))
    assert (intervals.put, intervals.acked) == ({"one", "two", "three"}, {"one": 1, "two": 1})
    assert intervals.wrong == []
