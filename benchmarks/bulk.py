"""Reading many znodes: one by one, with get_many, with asyncio, and with kazoo if it is installed.

    python -m benchmarks bulk    on a server of its own, as all benchmarks
    python -m benchmarks.bulk    the same

Every client reads the same znodes in the same order, and every answer is looked at.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import zkc
from benchmarks import speed
from benchmarks.measure import cpu_seconds
from benchmarks.speed import WINDOW, Advance, Outcome

ZNODES = 1_000
ONE_BY_ONE = 10  # A part of the calls will do for what waits for each of them.

Paths = list[str]
Read = Callable[[Paths], list[bytes]]

OPERATION = f"gets of {ZNODES:,} znodes"


def measure_bulk(hosts: str, rounds: int, calls: int, advance: Advance) -> list[Outcome]:
    """Count gets in a second, and the CPU time of each.

    Args:
        hosts: Connection string of the server.
        rounds: How often each client gets its turn.
        calls: How many gets make up a turn; a tenth of it for who waits for each.
        advance: Told after each turn how many there were.

    Returns:
        For each client its rounds.
    """
    with ExitStack() as stack:
        reads = _clients(stack, hosts)
        paths = [_path(number % ZNODES) for number in range(calls)]
        outcomes = {name: Outcome(OPERATION, name) for name in reads}
        for read, part in reads.values():
            read(paths[: max(1, min(calls, 2 * WINDOW) // part)])  # warm up: caches, the server's compiler
        for _ in range(rounds):
            for name, (read, part) in reads.items():
                outcomes[name].rounds.append(_time(read, paths[: max(1, calls // part)]))
                advance(1)
    return list(outcomes.values())


def bulk_turns(rounds: int) -> int:
    """Return how many turns :func:`measure_bulk` reports."""
    return rounds * (6 if speed.has_kazoo() else 4)


def _path(number: int) -> str:
    return f"/bulk-{number:04}"


def _time(read: Read, paths: Paths) -> dict[str, float]:
    cpu, begun = cpu_seconds(), time.perf_counter()
    found = read(paths)
    seconds, cpu = time.perf_counter() - begun, cpu_seconds() - cpu
    if found != [path.encode() for path in paths]:
        raise RuntimeError("a client read something else than what is there")
    return {"rate": len(paths) / seconds, "cpu": cpu / len(paths) * 1e6}


def _clients(stack: ExitStack, hosts: str) -> dict[str, tuple[Read, int]]:
    """Open the clients, and return how each reads, and what part of the calls it makes."""
    client = stack.enter_context(zkc.Client(hosts))
    client.create_many(((_path(number), _path(number).encode()) for number in range(ZNODES)), raise_errors=True)
    loop, async_client = stack.enter_context(_asyncio(hosts))

    async def gather(paths: Paths) -> list[bytes]:
        found: list[bytes] = []
        for start in range(0, len(paths), WINDOW):
            answers = await asyncio.gather(*(async_client.get(path) for path in paths[start : start + WINDOW]))
            found += [data or b"" for data, _ in answers]
        return found

    async def bulk(paths: Paths) -> list[bytes]:
        return [data or b"" for data, _ in await async_client.get_many(paths, raise_errors=True)]

    reads: dict[str, tuple[Read, int]] = {
        "Client, get": (lambda paths: [client.get(path)[0] or b"" for path in paths], ONE_BY_ONE),
        "Client, get_many": (
            lambda paths: [data or b"" for data, _ in client.get_many(paths, raise_errors=True)],
            1,
        ),
        "AsyncClient, gather": (lambda paths: loop.run_until_complete(gather(paths)), 1),
        "AsyncClient, get_many": (lambda paths: loop.run_until_complete(bulk(paths)), 1),
    }
    if speed.has_kazoo():
        kazoo = stack.enter_context(speed._kazoo(hosts))
        reads["kazoo, get"] = (lambda paths: [kazoo.get(path)[0] for path in paths], ONE_BY_ONE)
        reads[f"kazoo, get_async, window {WINDOW:,}"] = (lambda paths: _by_kazoo(kazoo, paths), 1)
    return reads


@contextmanager
def _asyncio(hosts: str) -> Iterator[tuple[asyncio.AbstractEventLoop, zkc.AsyncClient]]:
    async def start() -> zkc.AsyncClient:
        client = zkc.AsyncClient(hosts)
        await client.start()
        return client

    loop = asyncio.new_event_loop()
    try:
        client = loop.run_until_complete(start())
        try:
            yield loop, client
        finally:
            loop.run_until_complete(client.close())
    finally:
        loop.close()


def _by_kazoo(kazoo: Any, paths: Paths) -> list[bytes]:
    waiting: deque[Any] = deque()
    found: list[bytes] = []
    for path in paths:
        if len(waiting) == WINDOW:
            found.append(waiting.popleft().get()[0])
        waiting.append(kazoo.get_async(path))
    found += [request.get()[0] for request in waiting]
    return found


if __name__ == "__main__":
    from benchmarks.run import main

    sys.exit(main(["bulk", *sys.argv[1:]]))
