"""The checker of the soak of recipes: it reads the servers' logs, and finds what is planted there."""

from __future__ import annotations

from pathlib import Path

import pytest

import zkc
from benchmarks.soak.overlaps import DONE, GRANTS, Intervals, grant
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
    assert len(intervals.wrong) == 1
    assert "['/first', '/second']" in intervals.wrong[0]
    assert intervals.grants["lock"] == 3
    assert intervals.left == []


@pytest.mark.parametrize("end", [Change(2, 7, "delete", "/a"), Change(2, 7, "close")])
def test_intervals_in_a_row_do_not_overlap(end):
    assert Intervals([claimed(1, "/a"), end, claimed(3, "/b", session=8)]).wrong == []


def test_a_write_after_the_end_of_its_hold_is_found():
    assert len(Intervals([claimed(1, "/a"), Change(2, 7, "delete", "/a"), claimed(3, "/a")]).wrong) == 1


def test_readers_share_and_a_writer_does_not():
    readers = [claimed(1, "/r1", "rwlock"), claimed(2, "/r2", "rwlock")]
    assert Intervals(readers).wrong == []
    assert len(Intervals([*readers, claimed(3, "/w", "rwlock", 1000)]).wrong) == 1


def test_a_lease_beyond_the_limit_is_found():
    leases = [claimed(number, f"/{number}", "semaphore") for number in range(1, 5)]
    assert Intervals(leases[:3]).wrong == []
    assert len(Intervals(leases).wrong) == 1


def test_an_item_that_was_acked_twice_is_found():
    assert len(Intervals([Change(1, 7, "set", DONE, b"x"), Change(2, 8, "set", DONE, b"x")]).wrong) == 1
