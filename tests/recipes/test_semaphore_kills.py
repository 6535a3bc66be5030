"""A semaphore whose clients lose their sessions at random: never more leases than the limit. Scenario 39."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

import zkc

from ..client.both import eventually
from .lock_support import do

LIMIT = 3
LAYOUTS = pytest.mark.parametrize(
    ("layout", "leases", "queue"), [("curator", "/sem/leases", "/sem/locks"), ("kazoo", "/sem", "/sem-__lock__")]
)


@LAYOUTS
async def test_semaphore_with_random_kills(make_zk, zk, zookeeper_server, layout, leases, queue):
    await _run(make_zk, zk, zookeeper_server, layout, leases, queue, clients=4, workers=3, cycles=12)


@pytest.mark.full
@pytest.mark.timeout(1200)
@LAYOUTS
async def test_semaphore_of_forty_workers_with_random_kills(make_zk, zk, zookeeper_server, layout, leases, queue):
    await _run(make_zk, zk, zookeeper_server, layout, leases, queue, clients=10, workers=4, cycles=60)


async def _run(make_zk, zk, server, layout, leases, queue, *, clients, workers, cycles):
    dice, granted, most, kills, over = random.Random(39), set(), 0, 0, False
    killed = [make_zk() for _ in range(clients)]
    for client in killed:
        await client.start()

    async def work(client, semaphore):
        for _ in range(cycles):
            hold = await do(client, semaphore.acquire, timeout=60)
            granted.add(hold.path)
            await asyncio.sleep(dice.random() * 0.01)
            granted.discard(hold.path)
            await do(client, hold.release, timeout=30)

    async def look():
        """Count the leases that are granted and exist: all of them are held at the time of the listing."""
        nonlocal most
        while not over:
            before = set(granted)
            try:
                names = await do(zk, zk.inner.children, leases)
            except zkc.NoNodeError:
                names = []
            most = max(most, len(before.intersection(f"{leases}/{name}" for name in names)))
            assert most <= LIMIT
            await asyncio.sleep(0)

    async def kill():
        nonlocal kills
        while not over:
            await asyncio.sleep(0.1)
            client = dice.choice(killed)
            if client.session_id and client.connected:
                with contextlib.suppress(OSError):  # It may not know of its last end yet.
                    await asyncio.get_running_loop().run_in_executor(
                        None, server.expire, client.session_id, client.session_password
                    )
                    kills += 1

    aside = [asyncio.ensure_future(look()), asyncio.ensure_future(kill())]
    semaphores = [(client, client.inner.semaphore("/sem", LIMIT, layout=layout)) for client in killed]
    await asyncio.gather(*(work(*entry) for entry in semaphores for _ in range(workers)))
    over = True
    await asyncio.gather(*aside)
    assert most == LIMIT
    assert kills

    async def empty():
        for path in (leases, queue):
            try:
                if await zk.children(path):
                    return False
            except zkc.NoNodeError:
                continue
        return True

    await eventually(empty)
