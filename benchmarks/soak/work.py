"""The workers: each repeats an operation, knows the possible answers, and notes any other answer.

They are written once, with ``await``: they run as tasks with an AsyncClient, and blocking, on threads, with a Client.
A worker owns its znodes, so it knows their contents. A change whose answer was lost may have been made or not: both are
possible until a read after a sync shows which.
"""

from __future__ import annotations

import contextlib
import functools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import zkc

LOST = (zkc.ConnectionLossError, zkc.SessionExpiredError, zkc.SessionMovedError)


class WorkerLog:
    """The calls, errors and wrong answers of one worker."""

    def __init__(self, name: str, clock: Callable[[], float], rest: Callable[[], Awaitable[None]]) -> None:
        self.name = name
        self.rest = rest
        self.clock = clock
        self.beat = clock()
        self.longest = (0.0, "")
        self.calls: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def call(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call after a pause, and count it; raise its error. The pause leaves the ensemble time to work."""
        self.beat = self.clock()
        await self.rest()
        begun = self.beat = self.clock()
        try:
            return await call()
        except zkc.ZooKeeperError as error:
            self.errors[type(error).__name__] += 1
            raise
        finally:
            self.beat = self.clock()
            self.longest = max(self.longest, (self.beat - begun, f"{self.name}: {name}"))
            self.calls[name] += 1

    def expect(self, truth: bool, what: str) -> None:
        """Note a wrong answer."""
        if not truth:
            self.wrong.append(f"{self.name}: {what}")


async def read_after_sync(client: Any, log: WorkerLog, path: str) -> Any:
    """Read a znode's data after a sync, within one session; return None if that was not possible."""
    session = client.session_id
    try:
        await log.call("sync", lambda: client.sync(path))
        data, _ = await log.call("get", lambda: client.get(path))
    except LOST:
        return None
    return data if client.session_id == session else None


async def retry(call: Callable[[], Awaitable[Any]], pause: Callable[[], Awaitable[None]]) -> Any:
    """Repeat a call until it succeeds."""
    while True:
        try:
            return await call()
        except LOST:
            await pause()


async def register(
    client: Any, log: WorkerLog, root: str, rng: random.Random, running: Callable[[], bool], pause: Any
) -> None:
    """Set a counter, and read it back."""
    path = f"{root}/register"
    await retry(lambda: client.ensure_path(path), pause)
    possible = {b""}
    number = 0
    while running():
        number += 1
        data = b"%d" % number
        try:
            await log.call("set", functools.partial(client.set, path, data))
            possible = {data}
        except LOST as error:
            if error.maybe_applied:
                possible.add(data)
            await pause()
        if rng.random() < 0.3 or len(possible) > 1:
            found = await read_after_sync(client, log, path)
            if found is not None:
                log.expect(found in possible, f"{path} holds {found!r}, not one of {sorted(possible)[-5:]}")
                possible = {found}


async def bank(
    client: Any, log: WorkerLog, root: str, rng: random.Random, running: Callable[[], bool], pause: Any
) -> None:
    """Move money between two accounts in transactions; the sum must not change."""
    left, right = f"{root}/left", f"{root}/right"
    await retry(lambda: client.ensure_path(root), pause)
    for path in (left, right):
        await retry(functools.partial(_ensure, client, path, b"1000"), pause)
    while running():
        try:
            (a, stat_a), (b, stat_b) = [await log.call("get", functools.partial(client.get, p)) for p in (left, right)]
            amount = rng.randint(1, 9)
            transaction = client.transaction()
            transaction.set(left, b"%d" % (int(a) - amount), version=stat_a.version)
            transaction.set(right, b"%d" % (int(b) + amount), version=stat_b.version)
            await log.call("transaction", transaction.commit)
        except (zkc.BadVersionError, *LOST):
            await pause()
        session = client.session_id
        try:
            await log.call("sync", lambda: client.sync(root))
            both = [int((await log.call("get", functools.partial(client.get, p)))[0]) for p in (left, right)]
        except LOST:
            continue
        if session == client.session_id:
            log.expect(sum(both) == 2000, f"{left} and {right} hold {both}")


async def _ensure(client: Any, path: str, data: bytes) -> None:
    with contextlib.suppress(zkc.NodeExistsError):
        await client.create(path, data)


async def queue(
    client: Any, log: WorkerLog, root: str, rng: random.Random, running: Callable[[], bool], pause: Any
) -> None:
    """Create protected sequential znodes: each once, none left over."""
    parent = f"{root}/queue"
    await retry(lambda: client.ensure_path(parent), pause)
    last = -1
    while running():
        ephemeral = rng.random() < 0.5
        try:
            path = await log.call(
                "create protected",
                functools.partial(
                    client.create, f"{parent}/i-", b"x", sequential=True, protected=True, ephemeral=ephemeral
                ),
            )
        except LOST:
            await pause()
            continue
        number = int(path[-10:])
        log.expect(number > last, f"{path} comes after number {last}")
        last = number
        marker = path.rpartition("/")[2][:39]
        session = client.session_id
        try:
            names = await log.call("children", lambda: client.children(parent))
            same = [name for name in names if name.startswith(marker)]
            if session == client.session_id:
                log.expect(len(same) <= 1, f"{same} were made by one call")
        except LOST:
            await pause()
        await retry(
            functools.partial(log.call, "delete", functools.partial(client.delete, path, missing_ok=True)), pause
        )


async def bulk(
    client: Any, log: WorkerLog, root: str, rng: random.Random, running: Callable[[], bool], pause: Any
) -> None:
    """Read many znodes at once, in order."""
    paths = [f"{root}/bulk/{i:04}" for i in range(500)]
    await retry(lambda: client.ensure_path(f"{root}/bulk"), pause)
    for path in paths:
        await retry(functools.partial(_ensure, client, path, path.encode()), pause)
    while running():
        chosen = rng.sample(paths, rng.randint(1, len(paths)))
        try:
            results = await log.call("get_many", functools.partial(client.get_many, chosen, window=200))
        except LOST:
            await pause()
            continue
        log.expect(len(results) == len(chosen), f"get_many returned {len(results)} results for {len(chosen)} paths")
        for path, result in zip(chosen, results):
            if not isinstance(result, LOST):
                right = isinstance(result, tuple) and result[0] == path.encode()
                log.expect(right, f"get_many returned {result!r} for {path}")
        if any(isinstance(result, LOST) for result in results):
            await pause()


async def churn(
    client: Any, log: WorkerLog, root: str, rng: random.Random, running: Callable[[], bool], pause: Any
) -> None:
    """Create and delete znodes; after a lost answer both outcomes are possible."""
    parent = f"{root}/churn"
    await retry(lambda: client.ensure_path(parent), pause)
    states: dict[str, set[bool]] = {f"{parent}/{i}": {False} for i in range(20)}
    while running():
        path = rng.choice(list(states))
        make = rng.random() < 0.5
        try:
            if make:
                await log.call("create", functools.partial(client.create, path, b"c" * rng.randint(0, 2000)))
            else:
                await log.call("delete", functools.partial(client.delete, path))
            log.expect((not make) in states[path], f"{path} was {'made' if make else 'deleted'} from {states[path]}")
            states[path] = {make}
        except (zkc.NodeExistsError, zkc.NoNodeError) as error:
            is_there = isinstance(error, zkc.NodeExistsError)
            log.expect(is_there in states[path], f"{path}: {error}, but its possible states are {states[path]}")
            states[path] = {is_there}
        except LOST as error:
            if error.maybe_applied:
                states[path] = {make} | states[path]
            await pause()


WORKERS = (register, bank, queue, bulk, churn, register, bank, queue)
