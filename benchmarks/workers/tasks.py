"""The operations of the asyncio clients' workers; each subclass has its connect, close, get and set."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Optional

import protocol
from protocol import PATHS, WINDOW, Stopwatch, clock, expect

Figures = Any  # a result of protocol.py, which has no annotations


class Worker:
    """A client on an event loop, which runs during operations and while the worker waits for the next line."""

    client: Any

    def __init__(self, hosts: str) -> None:
        self.hosts = hosts
        self.loop = asyncio.new_event_loop()
        self.client = self.run(self.connect())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run the loop until a coroutine ends."""
        return self.loop.run_until_complete(work)

    # ---- calls that depend on the client

    async def connect(self) -> Any:
        """Return a connected client."""
        raise NotImplementedError

    async def close(self, client: Any) -> None:
        """Close a client."""
        raise NotImplementedError

    async def get(self, path: str) -> tuple[bytes, int, int]:
        """Read a znode; return the data, their length from the stat, and the version."""
        raise NotImplementedError

    async def set(self, path: str, data: bytes) -> int:
        """Write a znode; return the version."""
        raise NotImplementedError

    # ---- operations

    def do_get(self, count: int, size: int) -> Figures:
        """Read repeatedly."""
        path = protocol.path_of(size)
        wanted = (protocol.data_of(path, size), size, 0)

        async def work() -> Figures:
            times = []
            with Stopwatch() as stopwatch:
                for _ in range(count):
                    begun = clock()
                    found = await self.get(path)
                    times.append(clock() - begun)
                    expect(found == wanted)
            return stopwatch.figures(count, **protocol.percentiles(times))

        return self.run(work())

    def do_set(self, count: int, size: int) -> Figures:
        """Write repeatedly."""
        data = protocol.data_of("", size)

        async def work() -> Figures:
            version, times = await self.set("/set", data), []
            with Stopwatch() as stopwatch:
                for number in range(count):
                    begun = clock()
                    found = await self.set("/set", data)
                    times.append(clock() - begun)
                    expect(found == version + number + 1)
            return stopwatch.figures(count, **protocol.percentiles(times))

        return self.run(work())

    def do_create(self, count: int, size: int) -> Figures:
        """Create and delete repeatedly."""
        data = protocol.data_of("", size)

        async def work() -> Figures:
            times = []
            with Stopwatch() as stopwatch:
                for _ in range(count):
                    begun = clock()
                    path = await self.client.create("/made", data)
                    await self.client.delete("/made")
                    times.append(clock() - begun)
                    expect(path == "/made")
            return stopwatch.figures(count, **protocol.percentiles(times))

        return self.run(work())

    def do_connect(self, count: int, _: int) -> Figures:
        """Connect and close repeatedly."""
        return protocol.timed_each(count, lambda: self.run(self._connect_and_close()), lambda _: None)

    async def _connect_and_close(self) -> None:
        await self.close(await self.connect())

    def do_pipelined(self, count: int, size: int) -> Figures:
        """Read with a thousand tasks."""
        return protocol.timed(count, lambda count: self.run(self._by_tasks(count, size, None)))

    def do_gil(self, count: int, size: int) -> Figures:
        """Read with a thousand tasks beside a thread of bytecode."""
        return protocol.beside_bytecode(count, lambda count, times: self.run(self._by_tasks(count, size, times)))

    def do_beside(self, count: int, size: int) -> Figures:
        """Read repeatedly beside a thread of bytecode."""
        path = protocol.path_of(size)
        wanted = (protocol.data_of(path, size), size, 0)

        async def work(count: int, times: list[float]) -> None:
            for _ in range(count):
                begun = clock()
                found = await self.get(path)
                times.append(clock() - begun)
                expect(found == wanted)

        return protocol.beside_bytecode(count, lambda count, times: self.run(work(count, times)))

    async def _by_tasks(self, count: int, size: int, times: Optional[list[float]]) -> None:
        paths, data = protocol.many(size)
        get = self.client.get
        numbers = iter(range(count))

        async def work() -> None:
            for number in numbers:  # all tasks share this iterator, and each takes the next number
                begun = clock() if times is not None else 0.0
                found = await get(paths[number % PATHS])
                expect(found[0] == data[number % PATHS])
                if times is not None:
                    times.append(clock() - begun)

        await asyncio.gather(*(work() for _ in range(min(count, WINDOW))))

    def do_bulk(self, count: int, size: int) -> Figures:
        """Read with one call."""
        paths, data = protocol.many(size)
        requested = (paths * (count // PATHS + 1))[:count]
        wanted = (data * (count // PATHS + 1))[:count]

        async def work() -> None:
            results = await self.client.get_many(requested, raise_errors=True)
            expect([result[0] for result in results] == wanted)

        return protocol.timed(count, lambda _: self.run(work()))

    def do_idle(self, count: int, _: int) -> Figures:
        """Hold idle sessions."""
        return protocol.idle(count, lambda: self.run(self.connect()), lambda client: self.run(self.close(client)))

    def do_outstanding(self, count: int, size: int) -> Figures:
        """Hold unanswered requests."""

        async def run_loop() -> None:
            for _ in range(3):  # so that the tasks send their requests
                await asyncio.sleep(0)

        async def get(path: str) -> Any:
            return await self.client.get(path)

        def submit(path: str) -> Any:
            return self.loop.create_task(get(path))

        def finish(task: Any) -> Any:
            return self.run(asyncio.wait_for(task, protocol.TIMEOUT))[0]

        return protocol.outstanding(count, self.hosts, submit, finish, size, sent=lambda: self.run(run_loop()))


def serve(worker: Worker) -> None:
    """Run the operations of standard input until it ends."""
    operations = {name[3:]: getattr(worker, name) for name in dir(worker) if name.startswith("do_")}

    async def wait_for_input() -> None:
        ready = worker.loop.create_future()
        worker.loop.add_reader(sys.stdin, ready.set_result, None)
        try:
            await ready
        finally:
            worker.loop.remove_reader(sys.stdin)

    def read() -> str:
        # The loop runs during the wait: some clients keep their sessions alive with it.
        worker.run(wait_for_input())
        return sys.stdin.readline()

    try:
        protocol.serve(operations, read)
    finally:
        worker.run(worker.close(worker.client))
        worker.loop.close()
