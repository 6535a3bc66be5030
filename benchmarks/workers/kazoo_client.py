"""A worker with kazoo."""

from __future__ import annotations

import logging
import sys
from collections import deque
from typing import Any

import protocol
from kazoo.client import KazooClient
from protocol import PATHS, WINDOW, clock, expect

Figures = Any  # a result of protocol.py, which has no annotations


def connect(hosts: str) -> Any:
    client = KazooClient(hosts=hosts, timeout=30.0)
    client.start(timeout=30)
    return client


def close(client: Any) -> None:
    client.stop()
    client.close()


class Worker:
    """A client of kazoo, with the timed operations."""

    def __init__(self, hosts: str) -> None:
        self.hosts = hosts
        self.client = connect(hosts)

    def get(self, count: int, size: int) -> Figures:
        path, get = protocol.path_of(size), self.client.get
        return protocol.timed_each(count, lambda: get(path), self._checker(size))

    def beside(self, count: int, size: int) -> Figures:
        path, get = protocol.path_of(size), self.client.get
        return protocol.each_beside_bytecode(count, lambda: get(path), self._checker(size))

    def _checker(self, size: int) -> Any:
        data = protocol.data_of(protocol.path_of(size), size)

        def check(found: Any) -> None:
            expect(found[0] == data and found[1].dataLength == size and found[1].version == 0)

        return check

    def set(self, count: int, size: int) -> Figures:
        data, client = protocol.data_of("", size), self.client
        version = client.exists("/set").version

        def check(stat: Any) -> None:
            nonlocal version
            version += 1
            expect(stat.version == version and stat.dataLength == size)

        return protocol.timed_each(count, lambda: client.set("/set", data), check)

    def create(self, count: int, size: int) -> Figures:
        data, client = protocol.data_of("", size), self.client

        def pair() -> str:
            path: str = client.create("/made", data)
            client.delete("/made")
            return path

        return protocol.timed_each(count, pair, lambda path: expect(path == "/made"))

    def connect(self, count: int, _: int) -> Figures:
        return protocol.timed_each(count, lambda: close(connect(self.hosts)), lambda _: None)

    def threads(self, count: int, size: int) -> Figures:
        path, check = protocol.path_of(size), self._checker(size)
        return protocol.in_threads(count, lambda: check(self.client.get(path)))

    def pipelined(self, count: int, size: int) -> Figures:
        return protocol.timed(count, self._by_window, size, None)

    def gil(self, count: int, size: int) -> Figures:
        return protocol.beside_bytecode(count, lambda count, times: self._by_window(count, size, times))

    def _by_window(self, count: int, size: int, times: Any) -> None:
        paths, data = protocol.many(size)
        get = self.client.get_async
        waiting: deque[tuple[Any, float]] = deque()

        def finish(number: int) -> None:
            request, begun = waiting.popleft()
            expect(request.get()[0] == data[number % PATHS])
            if times is not None:
                times.append(clock() - begun)

        for number in range(count):
            if len(waiting) == WINDOW:
                finish(number - WINDOW)
            begun = 0.0 if times is None else clock()
            waiting.append((get(paths[number % PATHS]), begun))
        for number in range(count - len(waiting), count):
            finish(number)

    def watch(self, count: int, size: int) -> Figures:
        data, client, setter = protocol.data_of("", size), self.client, connect(self.hosts)
        try:
            return protocol.watched(
                count, lambda callback: client.get("/watched", watch=callback), lambda: setter.set("/watched", data)
            )
        finally:
            close(setter)

    def idle(self, count: int, _: int) -> Figures:
        return protocol.idle(count, lambda: connect(self.hosts), close)

    def outstanding(self, count: int, size: int) -> Figures:
        return protocol.outstanding(count, self.hosts, self.client.get_async, lambda one: one.get()[0], size)


def main() -> None:
    logging.getLogger("kazoo").setLevel(logging.ERROR)
    worker = Worker(sys.argv[1])
    names = (name for name in dir(worker) if not name.startswith("_") and name not in ("client", "hosts"))
    protocol.serve({name: getattr(worker, name) for name in names})
    close(worker.client)


if __name__ == "__main__":
    main()
