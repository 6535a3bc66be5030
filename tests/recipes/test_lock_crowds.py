"""A lock with many contenders in several processes: each gets it once, in order, and each release wakes few of them."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys

import pytest

import zkc
from zkc.testing import ZooKeeperServer

from ..client.both import eventually
from .lock_support import do

# A process of contenders. It prints a line when all of them have their places, and ends when each had the lock.
SYNC = """
import sys, threading, zkc
hosts, count = sys.argv[1], int(sys.argv[2])
threading.stack_size(256 * 1024)
with zkc.Client(hosts, session_timeout=30.0) as client:
    tickets = [client.lock("/a").enqueue() for _ in range(count)]
    print("ready", flush=True)
    def use(ticket):
        hold = ticket.wait()
        with hold.transaction() as t:
            t.create("/grants/g-", b"%d %s" % (hold.token, hold.path.encode()), sequential=True)
        hold.release()
    threads = [threading.Thread(target=use, args=(ticket,)) for ticket in tickets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("done", flush=True)
    sys.stdin.readline()
"""
ASYNC = """
import asyncio, sys, zkc
hosts, count = sys.argv[1], int(sys.argv[2])
async def use(ticket):
    hold = await ticket.wait()
    async with hold.transaction() as t:
        t.create("/grants/g-", b"%d %s" % (hold.token, hold.path.encode()), sequential=True)
    await hold.release()
async def main():
    async with zkc.AsyncClient(hosts, session_timeout=30.0) as client:
        tickets = await asyncio.gather(*(client.lock("/a").enqueue() for _ in range(count)))
        print("ready", flush=True)
        await asyncio.gather(*map(use, tickets))
        print("done", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def crowd_server():
    """A server of its own, whose watches and fired watches are those of this file."""
    with ZooKeeperServer() as server:
        yield server


@pytest.fixture
def hosts(crowd_server):
    return crowd_server.new_chroot()


async def test_lock_with_a_crowd_of_contenders(zk, crowd_server, hosts):
    """Scenario 2, with fewer contenders."""
    await crowd(zk, crowd_server, hosts, processes=3, contenders=15)


@pytest.mark.full
@pytest.mark.timeout(1200)
async def test_lock_with_a_thousand_contenders(zk, crowd_server, hosts):
    """Scenario 2."""
    await crowd(zk, crowd_server, hosts, processes=20, contenders=50)


async def crowd(zk, server, hosts, *, processes, contenders):
    program = ASYNC if zk.kind == "async" else SYNC
    command = [sys.executable, "-c", program, hosts, str(contenders)]
    total = processes * contenders
    await zk.create("/grants")
    crowded = []
    try:
        first = await do(zk, zk.inner.lock("/a").acquire)
        crowded += [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(processes)
        ]
        for process in crowded:
            assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
        assert len(await zk.children("/a")) == total + 1
        # They have places, and begin to wait: a lock that is released before has no watches.
        most = await eventually(lambda: (found := watches(server)) > total and found)
        fired = deletions(server)
        assert await do(zk, first.release)
        while len(names := await zk.children("/grants")) < total:
            most = max(most, watches(server))
            await asyncio.sleep(0.05)  # Between two counts.
        for process in crowded:
            assert await asyncio.to_thread(process.stdout.readline) == "done\n"
        await eventually(lambda: is_empty(zk))
        # Each contender's znode is watched by itself and by the two behind it, and nothing else is watched.
        assert 0 < most <= 3 * (total + 1)
        assert total <= deletions(server) - fired <= 3 * (total + 1)
        await eventually(lambda: watches(server) == 0)  # While the clients are still connected.
    finally:
        for process in crowded:
            process.kill()
            process.communicate()
    grants = [(await zk.get(f"/grants/{name}"))[0].split() for name in sorted(names)]
    tokens = [int(token) for token, _ in grants]
    assert len(set(tokens)) == total
    assert tokens == sorted(tokens)
    counters = [int(path[-10:]) for _, path in grants]
    assert counters == sorted(counters)


async def is_empty(zk):
    try:
        return not await zk.children("/a")
    except zkc.NoNodeError:
        return True  # An empty container is deleted.


def deletions(server):
    """Return how many watches the server has fired for deleted znodes."""
    return figure(server, "zk_sum_node_deleted_watch_count")


def watches(server):
    return figure(server, "zk_watch_count")


def figure(server, name):
    found = re.search(rf"^{name}\s+(\d+)", server.four_letter_word("mntr", timeout=30.0), re.MULTILINE)
    assert found is not None
    return int(found[1])
