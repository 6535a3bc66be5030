"""Locks, read-write locks, semaphores and elections of zkc beside those of kazoo and Curator."""

from __future__ import annotations

import pytest

from zkc.recipes import LayoutError

from .interop_support import CYCLES, LONG, check_exclusion, check_order, contend, peers

EACH = peers(kazoo=["kazoo"], curator=["curator"])
LEADERS = peers(kazoo=["kazoo"], curator=["curator", "curator-selector"])


QUEUE_OF_SEMAPHORE = {"kazoo": "/sem-__lock__", "curator": "/sem/locks"}


def waiting(client, path, holding=1):
    """Return a function that counts the contenders below a path, without those of the test that hold."""
    return lambda: len(client.children(path)) - holding if client.exists(path) else 0


def contenders_of(peer):
    """Return how many contenders each side has: 20 of both in a long run."""
    return 10 if peer.cycles >= 50 else 4


@pytest.mark.parametrize("peer", EACH)
def test_locks_exclude_each_other(worker, peer, client):
    """Scenarios 33 and 34."""
    contenders = contenders_of(peer)
    cycles = peer.share(contenders)
    hold, queued = client.lock("/lock", layout=peer.form).held(), waiting(client, "/lock")
    workers = [worker("zkc"), worker(peer.name)]
    found = contend(workers, hold, queued, "lock", "/lock", peer.form, contenders, cycles)
    assert len(found) == 2 * contenders * cycles
    assert check_exclusion(found) == 1
    check_order(found)


@pytest.mark.parametrize("peer", EACH)
def test_read_write_locks_exclude_each_other(worker, peer, client):
    """Scenario 37, with readers and writers of another client."""
    contenders = contenders_of(peer)
    cycles = peer.share(contenders)
    hold, queued = client.rwlock("/rwlock", layout=peer.form).write.held(), waiting(client, "/rwlock")
    workers = [worker("zkc"), worker(peer.name)]
    found = contend(workers, hold, queued, "rwlock", "/rwlock", peer.form, contenders, cycles)
    assert len(found) == 2 * contenders * cycles
    assert check_exclusion(found) > 1
    check_order(found)


@pytest.mark.parametrize("peer", EACH)
def test_semaphores_share_their_leases(worker, peer, client):
    """Scenarios 39 and 41, with leases of another client."""
    contenders = contenders_of(peer)
    cycles = peer.share(contenders)
    hold, queued = (
        client.semaphore("/sem", 3, layout=peer.form).acquire(3),
        waiting(client, QUEUE_OF_SEMAPHORE[peer.form], 0),
    )
    workers = [worker("zkc"), worker(peer.name)]
    found = contend(workers, hold, queued, "semaphore", "/sem", peer.form, contenders, cycles, 3)
    assert len(found) == 2 * contenders * cycles
    assert check_exclusion(found, limit=3) == 3


@pytest.mark.parametrize("peer", LEADERS)
def test_leaders_exclude_each_other(worker, peer, client):
    contenders = contenders_of(peer)
    cycles = peer.share(contenders)
    hold, queued = client.election("/leader", identifier="test", layout=peer.form).lead(), waiting(client, "/leader")
    workers = [worker("zkc"), worker(peer.name)]
    found = contend(workers, hold, queued, "lead", "/leader", peer.form, contenders, cycles)
    assert len(found) == 2 * contenders * cycles
    assert check_exclusion(found) == 1
    check_order(found)


@pytest.mark.parametrize("holder", [pytest.param("zkc", marks=LONG), pytest.param("curator", marks=LONG)])
def test_a_revocation_reaches_the_holder(worker, holder):
    """Scenario 34."""
    holding, asking = worker(holder), worker("curator" if holder == "zkc" else "zkc")
    holding.begin("hold", "/lock", "curator", 60)
    holding.expect("holds")
    asking.run("revoke", "/lock", "curator")
    assert holding.finish() == ["revoked"]


@pytest.mark.interop
@pytest.mark.timeout(300)
def test_a_path_with_contenders_of_both_layouts_is_refused(worker, client, eventually):
    """Scenario 35."""
    workers = [worker("kazoo"), worker("curator")]
    for each in workers:
        each.begin("hold", "/lock", each.kind, 60)
        each.expect("holds")  # Neither knows the names of the other, so both hold.
    for layout in ("kazoo", "curator"):
        lock = client.lock("/lock", layout=layout)
        with pytest.raises(LayoutError):
            lock.acquire(timeout=10)
        with pytest.raises(LayoutError):
            lock.try_acquire()
    eventually(lambda: len(client.children("/lock")) == 2)  # Refused contenders are deleted in the background.
    client.create("/lock-end")
    for each in workers:
        each.finish()


@pytest.mark.interop
@pytest.mark.timeout(900)
def test_locks_of_all_three_exclude_each_other(worker, client):
    """Scenario 36."""
    contenders = 7
    cycles = max(1, CYCLES // contenders)
    workers = [worker("zkc"), worker("curator"), worker("kazoo")]
    hold, queued = client.lock("/lock").held(), waiting(client, "/lock")
    found = contend(workers, hold, queued, "lock", "/lock", "curator", contenders, cycles)
    assert len(found) == 3 * contenders * cycles
    assert check_exclusion(found) == 1
    check_order(found)
