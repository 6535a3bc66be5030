"""A process of contenders, threads and tasks. It obeys the lines of its input: ``sessions``, ``idle`` and ``close``."""

from __future__ import annotations

import asyncio
import inspect
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import zkc
from benchmarks.soak import blocking
from benchmarks.soak.overlaps import CAPACITY, DONE, GRANTS, MANY, grant
from zkc.recipes.errors import LockLostError

THREADS, TASKS = 3, 2  # Five contenders, one for each recipe; the process's number moves them.
LOG_THREAD = "zkc-log"  # One for a process: it outlives the clients.
TIMEOUT = 5.0  # Of an acquire, in seconds.


async def call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call a method of either client, and await its result if it is for asyncio."""
    result = function(*arguments, **options)
    return await result if inspect.isawaitable(result) else result


class Process:
    """The clients and the contenders of this process."""

    def __init__(self, hosts: str, name: str) -> None:
        self.hosts = hosts
        self.name = name
        self.stopping = threading.Event()
        self.closing = threading.Event()
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.put: list[str] = []
        self.clients: list[Any] = []
        self.tasks_left = 0
        self._lock = threading.Lock()
        self._idle = threading.Event()

    def count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    async def contend(self, client: Any, index: int, pause: Callable[[float], Any]) -> None:
        """Contend for a recipe until the process is stopping."""
        rng = random.Random(f"{self.name} {index}")
        number = int(self.name.split("-")[0])
        kind = (*CAPACITY, "queue")[(index + number) % 5]
        while not self.stopping.is_set():
            try:
                await (self._work(client, index, rng) if kind == "queue" else self._hold(client, kind, rng, pause))
            except zkc.ZooKeeperError as error:
                self.count(type(error).__name__)
                await pause(0.1)  # Without a connection, a loop would only fail faster.
            except BaseException as error:
                self.failures.append(f"{kind} of process {self.name}: {error!r}")
                raise

    async def _hold(self, client: Any, kind: str, rng: random.Random, pause: Callable[[float], Any]) -> None:
        weight = 1
        if kind == "lock":
            recipe = client.lock("/lock")
        elif kind == "semaphore":
            recipe = client.semaphore("/semaphore", CAPACITY[kind])
        elif kind == "rwlock":
            both = client.rwlock("/rwlock")
            recipe, weight = rng.choice([(both.read, 1), (both.write, MANY)])
        else:
            recipe = None
        if recipe is None:
            block = client.election("/election", identifier=self.name).lead(timeout=TIMEOUT)
            if hasattr(block, "__aenter__"):
                async with block as hold:
                    await self._use(client, kind, hold, weight, rng, pause)
            else:
                with block as hold:
                    await self._use(client, kind, hold, weight, rng, pause)
            return
        hold = await call(recipe.acquire, timeout=TIMEOUT)
        try:
            await self._use(client, kind, hold, weight, rng, pause)
        finally:
            await call(hold.release)

    async def _use(
        self, client: Any, kind: str, hold: Any, weight: int, rng: random.Random, pause: Callable[[float], Any]
    ) -> None:
        self.count(f"{kind} granted")
        for _ in range(2):  # At the beginning and at the end of the hold, with a pause in which it may be lost.
            try:
                transaction = client.transaction()
                transaction.check(hold.path)  # The name has a UUID: only this hold's own znode ever bears it.
                transaction.set(f"{GRANTS}/{kind}", grant(kind, hold, weight))
                await call(transaction.commit)
            except (LockLostError, zkc.NoNodeError):
                self.count(f"{kind} refused")
                return
            await pause(rng.uniform(0.0, 0.1))

    async def _work(self, client: Any, index: int, rng: random.Random) -> None:
        queue = client.queue("/queue")
        name = f"{self.name} {index} {self.counts['put']} {rng.random()}"
        await call(queue.put, name.encode())
        self.put.append(name)
        self.count("put")
        item = await call(queue.get, timeout=TIMEOUT)
        transaction = client.transaction()
        transaction.set(DONE, item.data)
        await call(item.ack, transaction)
        self.count("acked")

    # ---- the process ------------------------------------------------------------------------------------------------

    def _thread(self, client: zkc.Client, index: int) -> None:
        async def pause(seconds: float) -> None:
            self.stopping.wait(seconds)

        blocking.run(self.contend(client, index, pause))

    async def _loop(self) -> None:
        async with zkc.AsyncClient(self.hosts, session_timeout=8.0, connect_timeout=60.0) as client:
            self.clients.append(client)
            before = asyncio.all_tasks()
            await asyncio.gather(*[self.contend(client, THREADS + i, asyncio.sleep) for i in range(TASKS)])
            self._idle.set()
            while not self.closing.is_set():
                await asyncio.sleep(0.1)
            self.tasks_left = len(asyncio.all_tasks() - before)

    def run(self) -> None:
        before = set(threading.enumerate())
        loop = threading.Thread(target=lambda: asyncio.run(self._loop()), daemon=True)
        loop.start()
        with zkc.Client(self.hosts, session_timeout=8.0, connect_timeout=60.0) as client:
            self.clients.append(client)
            threads = [threading.Thread(target=self._thread, args=(client, i), daemon=True) for i in range(THREADS)]
            for thread in threads:
                thread.start()
            for line in map(str.strip, sys.stdin):
                if line == "sessions":
                    self._reply([[c.session_id, c.session_password.hex()] for c in self.clients])
                elif line == "idle":
                    self.stopping.set()
                    self._wait([thread.join for thread in threads] + [self._idle.wait])
                    self._reply("idle")
                else:
                    break
            self.closing.set()
        loop.join(60)
        left = [thread.name for thread in threading.enumerate() if thread not in before and thread.name != LOG_THREAD]
        report = {"counts": self.counts, "failures": self.failures, "put": self.put}
        self._reply({**report, "threads": left, "tasks": self.tasks_left})

    def _wait(self, waits: list[Callable[[float], object]]) -> None:
        for wait in waits:
            wait(60)

    def _reply(self, reply: object) -> None:
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    Process(sys.argv[1], sys.argv[2]).run()
