"""One of several processes does the work, and stops in time when it may not any more. With asyncio.

python examples/leader.py                                       a server, two contenders, and a change of the leader
python examples/leader.py --hosts 127.0.0.1:2181 --name host-1  one contender, until Ctrl-C

The election cancels the work when the hold is lost, and campaigns again. What the work writes goes through a
transaction of the hold, so an old leader that was paused cannot write either.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys

import zkc
from zkc.recipes import AsyncHold
from zkc.testing import TestingError, ZooKeeperServer

PATH = "/leader"


async def work(client: zkc.AsyncClient, name: str, hold: AsyncHold) -> None:
    """Count, as the leader. It is cancelled when the hold is lost."""
    print(f"{name} leads, with the token {hold.token}", flush=True)
    try:
        while True:
            data, _ = await client.get(f"{PATH}/count")
            async with hold.transaction() as transaction:
                transaction.set(f"{PATH}/count", str(int(data or b"0") + 1).encode())
            await asyncio.sleep(0.05)  # The work.
    finally:
        print(f"{name} leads no longer", flush=True)


async def contend(hosts: str, name: str) -> None:
    """Campaign, and work as the leader, again and again."""
    async with zkc.AsyncClient(hosts, session_timeout=4) as client:
        await client.ensure_path(f"{PATH}/count")
        election = client.election(f"{PATH}/election", identifier=name)
        await election.run(lambda hold: work(client, name, hold))


async def watch(client: zkc.AsyncClient, changes: list[str]) -> None:
    """Note who leads."""
    election = client.election(f"{PATH}/election", identifier="observer")
    async for leader in election.observe():
        name = "none" if leader is None else (leader.data or b"").decode()
        changes.append(name)


async def show(hosts: str) -> None:
    changes: list[str] = []
    async with zkc.AsyncClient(hosts) as client:
        observer = asyncio.create_task(watch(client, changes))
        tasks = {name: asyncio.create_task(contend(hosts, name)) for name in ("ann", "bob")}
        while not {"ann", "bob"} & set(changes):
            await asyncio.sleep(0.05)  # Between two looks.
        await asyncio.sleep(0.5)  # It works for a while.
        first = next(name for name in changes if name in tasks)
        tasks.pop(first).cancel()  # The leader ends; its session does, too.
        while changes[-1] not in tasks:
            await asyncio.sleep(0.05)  # Between two looks.
        await asyncio.sleep(0.5)  # The second works for a while.
        data, _ = await client.get(f"{PATH}/count")
        for task in [observer, *tasks.values()]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    print(f"leaders: {', '.join(changes)}; they counted to {int(data or b'0')}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Let one of several processes do the work.")
    parser.add_argument("--hosts", help="servers to use, host:port[,host:port...] (default: start one)")
    parser.add_argument("--name", default="host-1", help="name of this contender (default: host-1)")
    options = parser.parse_args()
    try:
        if options.hosts is not None:
            asyncio.run(contend(options.hosts, options.name))
        else:
            with ZooKeeperServer() as server:
                asyncio.run(show(server.hosts))
    except (zkc.ZooKeeperError, TestingError, ValueError) as error:
        print(f"leader: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
