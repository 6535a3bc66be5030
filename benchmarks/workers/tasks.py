"""What the asyncio clients are told to do; each says how it connects, reads and writes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, Optional

import protocol
from protocol import PATHS, WINDOW, Taken, clock, expect

Figures = Any  # as protocol.py makes them, which has no annotations


class Worker:
    """A client on an event loop that runs while something is to be done."""

    client: Any

    def __init__(self, hosts: str) -> None:
        self.hosts = hosts
        self.loop = asyncio.new_event_loop()
        self.client = self.run(self.connect())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run the loop until this is done."""
        return self.loop.run_until_complete(work)

    # ---- the client's own

    async def connect(self) -> Any:
        """Return a client that is connected."""
        raise NotImplementedError

    async def close(self, client: Any) -> None:
        """End it."""
        raise NotImplementedError

    async def get(self, path: str) -> tuple[bytes, int, int]:
        """Return the data, its length as the server tells it, and the version."""
        raise NotImplementedError

    async def set(self, path: str, data: bytes) -> int:
        """Return the version."""
        raise NotImplementedError

    # ---- operations

    def do_get(self, count: int, size: int) -> Figures:
        """Read again and again."""
        path = protocol.path_of(size)
        wanted = (protocol.data_of(path, size), size, 0)

        async def work() -> Figures:
            times = []
            with Taken() as taken:
                for _ in range(count):
                    begun = clock()
                    found = await self.get(path)
                    times.append(clock() - begun)
                    expect(found == wanted)
            return taken.figures(count, **protocol.percentiles(times))

        return self.run(work())

    def do_set(self, count: int, size: int) -> Figures:
        """Write again and again."""
        data = protocol.data_of("", size)

        async def work() -> Figures:
            version, times = await self.set("/set", data), []
            with Taken() as taken:
                for number in range(count):
                    begun = clock()
                    found = await self.set("/set", data)
                    times.append(clock() - begun)
                    expect(found == version + number + 1)
            return taken.figures(count, **protocol.percentiles(times))

        return self.run(work())

    def do_create(self, count: int, size: int) -> Figures:
        """Create and delete."""
        data = protocol.data_of("", size)

        async def work() -> Figures:
            times = []
            with Taken() as taken:
                for _ in range(count):
                    begun = clock()
                    path = await self.client.create("/made", data)
                    await self.client.delete("/made")
                    times.append(clock() - begun)
                    expect(path == "/made")
            return taken.figures(count, **protocol.percentiles(times))

        return self.run(work())

    def do_connect(self, count: int, _: int) -> Figures:
        """Connect and close."""
        return protocol.timed_each(count, lambda: self.run(self._connect_and_close()), lambda _: None)

    async def _connect_and_close(self) -> None:
        await self.close(await self.connect())

    def do_pipelined(self, count: int, size: int) -> Figures:
        """Read with a thousand tasks."""
        return protocol.timed(count, lambda count: self.run(self._by_tasks(count, size, None)))

    def do_gil(self, count: int, size: int) -> Figures:
        """Do the same beside a thread of bytecode."""
        return protocol.beside_bytecode(count, lambda count, times: self.run(self._by_tasks(count, size, times)))

    def do_beside(self, count: int, size: int) -> Figures:
        """Read again and again beside a thread of bytecode."""
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
            for number in numbers:  # one iterator for all: each takes the next one
                begun = clock() if times is not None else 0.0
                found = await get(paths[number % PATHS])
                expect(found[0] == data[number % PATHS])
                if times is not None:
                    times.append(clock() - begun)

        await asyncio.gather(*(work() for _ in range(min(count, WINDOW))))

    def do_bulk(self, count: int, size: int) -> Figures:
        """Read with one call."""
        paths, data = protocol.many(size)
        asked = (paths * (count // PATHS + 1))[:count]
        wanted = (data * (count // PATHS + 1))[:count]

        async def work() -> None:
            found = await self.client.get_many(asked, raise_errors=True)
            expect([one[0] for one in found] == wanted)

        return protocol.timed(count, lambda _: self.run(work()))

    def do_idle(self, count: int, _: int) -> Figures:
        """Hold sessions that do nothing."""
        return protocol.idle(count, lambda: self.run(self.connect()), lambda client: self.run(self.close(client)))

    def do_outstanding(self, count: int, size: int) -> Figures:
        """Hold requests without an answer."""

        async def turn() -> None:
            for _ in range(3):  # so that what was asked for is sent
                await asyncio.sleep(0)

        async def get(path: str) -> Any:
            return await self.client.get(path)

        def submit(path: str) -> Any:
            return self.loop.create_task(get(path))

        def finish(task: Any) -> Any:
            return self.run(asyncio.wait_for(task, protocol.PATIENCE))[0]

        return protocol.outstanding(count, self.hosts, submit, finish, size, sent=lambda: self.run(turn()))


def serve(worker: Worker) -> None:
    """Do what standard input says until it ends."""
    operations = {name[3:]: getattr(worker, name) for name in dir(worker) if name.startswith("do_")}

    async def something_to_read() -> None:
        ready = worker.loop.create_future()
        worker.loop.add_reader(sys.stdin, ready.set_result, None)
        try:
            await ready
        finally:
            worker.loop.remove_reader(sys.stdin)

    def read() -> str:
        # The loop runs meanwhile: some clients keep their sessions alive with it.
        worker.run(something_to_read())
        return sys.stdin.readline()

    try:
        protocol.serve(operations, read)
    finally:
        worker.run(worker.close(worker.client))
        worker.loop.close()
