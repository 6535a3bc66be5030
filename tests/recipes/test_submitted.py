"""Calls of recipes through ``client.submit``: their futures, and what a cancelled one leaves."""

from __future__ import annotations

import concurrent.futures

import pytest

import zkc
from zkc.recipes import HoldState, LockTimeoutError, QueueTimeoutError


def znodes(client, path):
    try:
        return client.children(path)
    except zkc.NoNodeError:
        return []  # An empty container is deleted.


def test_submitted_calls_of_a_lock(client):
    lock = client.lock("/a")
    acquiring = client.submit(lock.acquire, timeout=20)
    assert type(acquiring) is zkc.Future
    hold = acquiring.result(20)
    assert hold.state is HoldState.HELD
    assert client.submit(hold.confirm).result(20) is None
    assert [one.token for one in client.submit(lock.contenders).result(20)] == [hold.token]
    assert client.submit(lock.try_acquire).result(20) is None
    assert client.submit(hold.release).result(20) is True
    assert client.submit(hold.release, wait=False).result(0) is False
    ticket = client.submit(lock.enqueue).result(20)
    assert client.submit(ticket.position).result(20) == 0
    hold = client.submit(ticket.wait).result(20)
    assert client.submit(ticket.cancel).result(20) is True
    assert hold.state is HoldState.RELEASED


def test_submitted_acquires_are_granted_one_after_the_other(client, other_client):
    other = other_client.lock("/a").acquire()
    lock = client.lock("/a")
    waiting = [client.submit(lock.acquire) for _ in range(20)]
    assert not concurrent.futures.wait(waiting, timeout=0.2).done
    other.release()
    served = 0
    for future in concurrent.futures.as_completed(waiting, timeout=20):
        future.result().release(wait=False)
        served += 1
    assert served == 20


def test_submitted_calls_of_other_recipes(client):
    rwlock, semaphore = client.rwlock("/rw"), client.semaphore("/semaphore", 3)
    lease = client.lease("/lease", owner="me", ttl=10.0)
    both = client.multilock(["/m1", "/m2"])
    calls = [rwlock.read.acquire, rwlock.read.acquire, both.acquire, lease.acquire]
    holds = [future.result(20) for future in [client.submit(call) for call in calls]]
    assert client.submit(lease.try_acquire).result(20) is None
    holds.append(client.submit(semaphore.acquire, 2).result(20))
    assert client.submit(holds[3].renew).result(20) is None
    assert [future.result(20) for future in [client.submit(hold.release) for hold in holds]] == [True] * 5
    hold = client.submit(rwlock.write.acquire).result(20)
    hold.release()
    counter, value = client.counter("/counter"), client.value("/value")
    assert max(future.result(20).value for future in [client.submit(counter.add) for _ in range(20)]) == 20
    assert client.submit(counter.set, 7).result(20).value == 7
    assert client.submit(value.set, b"x").result(20).value == b"x"


def test_submitted_calls_of_a_queue(client):
    queue = client.queue("/jobs")
    getting = client.submit(queue.get)
    putting = [client.submit(queue.put, b"%d" % number, priority=number) for number in range(3)]
    client.submit(queue.put_many, [b"x", b"y"]).result(20)
    items = [getting.result(20), *(client.submit(queue.get).result(20) for _ in range(4))]
    assert {item.path for item in items} > {future.result(20) for future in putting}
    assert client.submit(items[0].nack).result(20) is None
    assert [client.submit(item.ack).result(20) for item in items[1:]] == [[]] * 4
    with pytest.raises(zkc.recipes.LockLostError):
        client.submit(items[1].ack).result(20)
    assert client.submit(client.submit(queue.try_get).result(20).ack, wait=False).result(20) == []


def test_cancelled_acquire_leaves_nothing(client, other_client, eventually):
    """Scenario 7."""
    hold = other_client.lock("/a").acquire()
    lock = client.lock("/a")
    first, second = client.submit(lock.acquire), client.submit(lock.acquire)
    eventually(lambda: len(znodes(client, "/a")) == 2)
    assert first.cancel()
    assert second.cancel()
    eventually(lambda: len(znodes(client, "/a")) == 1)
    hold.release()
    with lock as held:
        assert held.state is HoldState.HELD
    eventually(lambda: znodes(client, "/a") == [])


@pytest.mark.parametrize("paused", [False, True])
def test_acquire_that_is_cancelled_at_once_leaves_nothing(client, zookeeper_server, eventually, paused):
    client.ensure_path("/a")
    lock = client.lock("/a")
    for _ in range(20):
        if paused:
            zookeeper_server.pause()
        future = client.submit(lock.acquire)
        cancelled = future.cancel()
        if paused:
            assert cancelled
            zookeeper_server.resume()
        elif not cancelled:  # It was granted at this moment.
            future.result(20).release()
        eventually(lambda: znodes(client, "/a") == [])
    with lock as hold:
        assert hold.state is HoldState.HELD


def test_acquire_that_times_out_leaves_nothing(client, other_client, eventually):
    with other_client.lock("/a"):
        future = client.submit(client.lock("/a").acquire, timeout=0.1)
        with pytest.raises(LockTimeoutError):
            future.result(20)
        eventually(lambda: len(znodes(client, "/a")) == 1)
    assert client.metrics().recipes["lock"].timeouts == 1


def test_cancelled_get_claims_nothing(client, other_client):
    queue = client.queue("/jobs")
    future = client.submit(queue.get)
    with pytest.raises(QueueTimeoutError):
        client.submit(queue.get, timeout=0.1).result(20)
    assert future.cancel()
    queue.put(b"x")
    assert other_client.queue("/jobs").get(timeout=20).data == b"x"


def test_cancelled_future_of_a_closed_client(client, other_client):
    with other_client.lock("/a"):
        future = client.submit(client.lock("/a").acquire)
        client.close()
        with pytest.raises(zkc.ClosingError):
            future.result(20)
        assert not future.cancel()


def test_other_methods_cannot_be_submitted(client, other_client):
    lock = client.lock("/a")
    for method in (lock.held, lock.reentrant, client.get, len, client.queue("/jobs").size):
        with pytest.raises(TypeError, match="cannot be submitted"):
            client.submit(method)
    with pytest.raises(ValueError, match="another client"):
        client.submit(other_client.lock("/a").acquire)
    with pytest.raises(TypeError, match="seconds"):
        client.submit(lock.acquire, timeout="long")
    with lock:  # The thread's next call waits again.
        assert znodes(client, "/a")
