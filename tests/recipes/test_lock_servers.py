"""Locks while a server or a holder's process ends, and while the holder's machine sleeps."""

from __future__ import annotations

import asyncio
import concurrent.futures
import subprocess
import sys
import time

import pytest

import zkc
from zkc.recipes import HoldState, LockInDoubtError, LockLostError

from ..client.both import eventually, gone, mended
from .lock_support import do, waits

TIMEOUT = 5.0
TICK = 0.2  # Of the servers of zkc.testing.
LATE = 10.0  # What a busy machine may add to an expiry.

HOLDER = """
import sys, time, zkc
client = zkc.Client(sys.argv[1], session_timeout=5.0)
client.start()
hold = client.lock("/a").acquire()
print(hold.path, flush=True)
while True:
    sent = time.monotonic()
    hold.confirm()
    print(sent, flush=True)  # The servers have heard of the session at that time or later.
    time.sleep(0.05)  # So often the test learns how late the servers have heard of the session.
"""


async def test_lock_of_a_process_that_is_killed(zk, hosts):
    """Scenario 4."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, hosts], stdout=subprocess.PIPE, text=True)
    try:
        path = holder.stdout.readline().strip()
        waiting = do(zk, zk.inner.lock("/a").acquire)
        assert await waits(asyncio.shield(waiting), TIMEOUT + TICK)  # Its session lives as long as the process.
        holder.kill()
        killed = time.monotonic()
        proofs = [float(line) for line in holder.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
        following = await waiting
        granted = time.monotonic()
        assert granted >= proofs[-1] + TIMEOUT
        assert granted <= killed + TIMEOUT + TICK + LATE
        assert await zk.exists(path) is None
        await do(zk, following.release)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


@pytest.fixture
def sleep_for(monkeypatch):
    """Return a function that has the machine sleep: CLOCK_BOOTTIME runs in that time, CLOCK_MONOTONIC does not."""
    slept = 0.0
    clock_gettime = time.clock_gettime

    def sleeping(clock):
        return clock_gettime(clock) + (slept if clock == time.CLOCK_BOOTTIME else 0.0)

    def sleep(seconds):
        nonlocal slept
        slept += seconds

    monkeypatch.setattr(time, "clock_gettime", sleeping)
    return sleep


async def test_lock_of_a_machine_that_slept(zk, make_zk, through, proxy, zookeeper_server, sleep_for):
    """Scenario 7."""
    async with make_zk(through, session_timeout=30.0) as far_zk:
        await zk.create("/data", b"0")
        hold = await do(far_zk, far_zk.inner.lock("/a").acquire)
        timeout = far_zk.negotiated_timeout
        late = hold.transaction()
        late.set("/data", b"late")
        proxy.pause()  # Nothing reaches the machine while it sleeps.
        before = hold.valid_for()
        sleep_for(timeout / 2)
        assert before - timeout / 2 - 5.0 <= hold.valid_for() <= before - timeout / 2
        hold.check()
        with pytest.raises(LockInDoubtError):
            hold.check(margin=timeout / 2)
        sleep_for(timeout / 2)
        # Before any message or event: the first statement after the sleep raises.
        with pytest.raises(LockInDoubtError):
            hold.check()
        assert (hold.valid_for(), hold.state) == (0.0, HoldState.IN_DOUBT)
        assert far_zk.connected
        await do(zk, zookeeper_server.expire, far_zk.session_id, far_zk.session_password)
        following = await do(zk, zk.inner.lock("/a").acquire)
        assert following.token > hold.token
        with pytest.raises(LockInDoubtError):
            hold.check()
        proxy.resume()
        with pytest.raises((LockLostError, zkc.ConnectionLossError, zkc.SessionLostError)):
            await do(far_zk, late.commit)
        await eventually(lambda: hold.state is HoldState.LOST)
        with pytest.raises(LockLostError):
            hold.check()
        assert (await zk.get("/data"))[0] == b"0"
        await do(zk, following.release)


async def test_lock_of_a_machine_that_slept_for_a_short_time(zk, sleep_for):
    """Scenario 7: an answer after the sleep ends the doubt."""
    hold = await do(zk, zk.inner.lock("/a").acquire)
    sleep_for(zk.negotiated_timeout)
    with pytest.raises(LockInDoubtError):
        hold.check()
    await do(zk, hold.confirm)
    hold.check()
    assert hold.state is HoldState.HELD
    await do(zk, hold.release)


WAITING, CLIENTS = 50, 10


async def test_lock_whose_leading_server_is_killed(zookeeper_ensemble, make_zk):
    """Scenario 13."""
    hosts = zookeeper_ensemble.new_chroot()
    loop = asyncio.get_running_loop()
    loop.zkc_threads = concurrent.futures.ThreadPoolExecutor(WAITING + CLIENTS)  # One for each wait of a Client.
    loop.set_default_executor(loop.zkc_threads)
    clients = [make_zk(hosts, session_timeout=40.0) for _ in range(CLIENTS)]
    for client in clients:
        await client.start()
    first = clients[0]
    await first.create("/data", b"")
    hold = await do(first, first.inner.lock("/a").acquire)
    tickets = [
        (client, await do(client, client.inner.lock("/a").enqueue))
        for _ in range(WAITING // CLIENTS)
        for client in clients
    ]
    holding, order = set(), []

    async def use(client, ticket):
        hold = await do(client, ticket.wait, timeout=120)
        holding.add(ticket.token)
        order.append(ticket.token)
        assert holding == {ticket.token}
        await mended(lambda: do(client, write, hold))
        assert holding == {ticket.token}
        holding.discard(ticket.token)
        assert await do(client, hold.release, timeout=120) is True

    def write(hold):
        transaction = hold.transaction()
        transaction.set("/data", b"%d" % hold.token)
        return transaction.commit()

    waiting = [asyncio.ensure_future(use(*entry)) for entry in tickets]
    killed = zookeeper_ensemble.leader
    killed.kill()  # While all of them wait.
    assert not order
    release = do(first, hold.release, timeout=120)
    await asyncio.gather(*waiting)
    assert await release is True
    assert order == [ticket.token for _, ticket in tickets]
    await mended(lambda: first.sync("/data"))  # Its server may be behind the one that took the last write.
    assert (await mended(lambda: first.get("/data")))[0] == b"%d" % order[-1]
    for client, ticket in tickets:
        await eventually(lambda client=client, ticket=ticket: mended(lambda: gone(client, ticket.path)))
    await do(first, killed.start)
