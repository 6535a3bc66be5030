"""A short run of contenders while sessions, connections and the server are disturbed, read back from the server's log.

``./dev soak recipes`` is the long form, with an ensemble and several processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from pathlib import Path

import pytest

import zkc
from benchmarks.soak.overlaps import GRANTS, MANY, Intervals, grant
from benchmarks.soak.txnlog import read_changes
from zkc.recipes import HoldState
from zkc.testing import FaultProxy, ZooKeeperServer

from ..client.both import eventually
from .lock_support import do

CLIENTS = 4
PARENTS = ("/lock", "/rwlock", "/semaphore/leases", "/semaphore/locks")
PAUSE = 1.0  # Of the server, in seconds; less than the session timeout.


@pytest.fixture
def server():
    """A server of its own, because its log is read as a whole."""
    with ZooKeeperServer() as server:
        yield server


@pytest.fixture
def near(server):
    with FaultProxy("127.0.0.1", server.port) as proxy:
        yield proxy


@pytest.mark.parametrize(
    "rounds", [1, pytest.param(60, marks=[pytest.mark.full, pytest.mark.timeout(1800)])], ids=["short", "long"]
)
async def test_holds_never_overlap_while_all_is_disturbed(server, near, make_zk, rounds):
    """Scenario 60, in short."""
    dice = random.Random(60)
    with zkc.Client(server.hosts) as client:
        for kind in ("lock", "rwlock", "semaphore"):
            client.ensure_path(f"{GRANTS}/{kind}")
    clients = [make_zk(near.hosts, session_timeout=3.0) for _ in range(CLIENTS)]
    for client in clients:
        await client.start()
    kinds = ("lock", "rwlock", "semaphore")
    over, holds, written = asyncio.Event(), [], Counter()

    async def contend(client, kind):
        inner = client.inner
        locks = {"lock": inner.lock("/lock"), "semaphore": inner.semaphore("/semaphore", 3)}
        sides = inner.rwlock("/rwlock")
        while not over.is_set():
            weight = MANY if kind == "rwlock" and dice.random() < 0.5 else 1
            if kind == "rwlock":
                locks[kind] = sides.read if weight == 1 else sides.write
            try:
                hold = await do(client, locks[kind].acquire, timeout=10)
            except zkc.ZooKeeperError:
                await asyncio.sleep(0.05)  # Without a connection, a loop would only fail faster.
                continue
            holds.append(hold)
            with contextlib.suppress(zkc.ZooKeeperError):  # Lost, or in doubt: the log shows what was carried out.
                await write(client, kind, hold, weight)
                await asyncio.sleep(dice.random() * 0.02)  # It holds for a while.
                await write(client, kind, hold, weight)
                written[kind] += 1
            with contextlib.suppress(zkc.ZooKeeperError):
                await do(client, hold.release, timeout=10)

    async def write(client, kind, hold, weight):
        transaction = hold.transaction()
        transaction.set(f"{GRANTS}/{kind}", grant(kind, hold, weight))
        await do(client, transaction.commit, timeout=10)

    async def disturb():
        deeds = ["expire", "expire", "expire", "drop", "drop", "pause", "restart"] * rounds
        dice.shuffle(deeds)
        for deed in deeds:
            await asyncio.sleep(0.3 + dice.random() * 0.3)  # Holds come and go between two disturbances.
            if deed == "drop":
                near.drop_connections()
            elif deed == "restart":
                await asyncio.to_thread(server.restart)
            elif deed == "pause":
                server.pause()
                await asyncio.sleep(PAUSE)  # The length of the pause is the disturbance.
                server.resume()
            else:
                victim = dice.choice(clients)
                with contextlib.suppress(OSError, ValueError):  # It has no session at this moment.
                    await asyncio.to_thread(server.expire, victim.session_id, victim.session_password)
        await eventually(lambda: min(written[kind] for kind in kinds) >= 5, timeout=60.0)
        await asyncio.sleep(0.5)  # Some holds without a disturbance.
        over.set()

    await asyncio.gather(disturb(), *(contend(client, kind) for client in clients for kind in kinds))
    await eventually(lambda: all(client.connected for client in clients))
    await eventually(lambda: all(hold.state in (HoldState.RELEASED, HoldState.LOST) for hold in holds))
    await eventually(lambda: is_clean(clients[0], server), timeout=60.0)
    for client in clients:
        await client.close()
    server.stop()  # It writes out its log.
    intervals = Intervals(read_changes([Path(server.log_file).parent]))
    assert intervals.wrong == []
    assert intervals.left == []
    assert min(intervals.grants[kind] for kind in kinds) >= 5


async def is_clean(zk, server):
    """Return whether no contender and no watch is left, while all clients are connected."""
    for path in PARENTS:
        try:
            if await zk.children(path):
                return False
        except zkc.NoNodeError:
            continue  # An empty container is deleted.
    found = re.search(r"zk_watch_count\s+(\d+)", server.four_letter_word("mntr", timeout=30.0))
    return found is not None and int(found[1]) == 0
