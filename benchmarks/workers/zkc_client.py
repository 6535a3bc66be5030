"""A worker with zkc's Client, and with the Session under it."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import protocol
from protocol import PATHS, WINDOW, Stopwatch, clock, expect

import zkc
from zkc._zookeeper import ReadGroups

GIL_HOLD = 50e-6  # in seconds; zkc's default
Figures = Any  # a result of protocol.py, which has no annotations


def connect(hosts: str) -> zkc.Client:
    client = zkc.Client(hosts, session_timeout=30.0)
    client.start()
    return client


def close(client: zkc.Client) -> None:
    client.close()


class Worker:
    """A Client, with the timed operations."""

    def __init__(self, hosts: str) -> None:
        self.hosts = hosts
        self.client = connect(hosts)

    def get(self, count: int, size: int) -> Figures:
        path, get = protocol.path_of(size), self.client.get
        return protocol.timed_each(count, lambda: get(path), self._checker(size))

    def beside(self, count: int, size: int) -> Figures:
        path, get = protocol.path_of(size), self.client.get
        return protocol.each_beside_bytecode(count, lambda: get(path), self._checker(size))

    def beside_without(self, count: int, size: int) -> Figures:
        zkc.set_gil_hold(0)
        try:
            return self.beside(count, size)
        finally:
            zkc.set_gil_hold(GIL_HOLD)

    def core_get(self, count: int, size: int) -> Figures:
        path, get = protocol.path_of(size), self.client.session.get
        return protocol.timed_each(count, lambda: get(path).result(), self._checker(size))

    def _checker(self, size: int) -> Callable[[Any], None]:
        data = protocol.data_of(protocol.path_of(size), size)

        def check(found: Any) -> None:
            expect(found[0] == data and found[1].data_length == size and found[1].version == 0)

        return check

    def set(self, count: int, size: int) -> Figures:
        data, client = protocol.data_of("", size), self.client
        stat = client.exists("/set")
        assert stat is not None
        version = stat.version

        def check(stat: Any) -> None:
            nonlocal version
            version += 1
            expect(stat.version == version and stat.data_length == size)

        return protocol.timed_each(count, lambda: client.set("/set", data), check)

    def create(self, count: int, size: int) -> Figures:
        data, client = protocol.data_of("", size), self.client

        def pair() -> str:
            path = client.create("/made", data)
            client.delete("/made")
            return path

        return protocol.timed_each(count, pair, lambda path: expect(path == "/made"))

    def connect(self, count: int, _: int) -> Figures:
        return protocol.timed_each(count, lambda: close(connect(self.hosts)), lambda _: None)

    def threads(self, count: int, size: int) -> Figures:
        path, check = protocol.path_of(size), self._checker(size)
        return protocol.in_threads(count, lambda: check(self.client.get(path)))

    def callback(self, count: int, size: int) -> Figures:
        return protocol.timed(count, self._by_callback, size, None)

    def gil(self, count: int, size: int) -> Figures:
        return protocol.beside_bytecode(count, lambda count, times: self._by_callback(count, size, times))

    def _by_callback(self, count: int, size: int, times: Any) -> None:
        """Keep a window full by sending from the callbacks."""
        paths, data = protocol.many(size)
        get, ended = self.client.session.get, threading.Event()
        sent = answered = wrong = 0
        begun: deque[float] = deque()

        def send() -> None:
            nonlocal sent
            path = paths[sent % PATHS]
            sent += 1
            if times is not None:
                begun.append(clock())
            get(path, None, take)

        def take(request: Any) -> None:
            nonlocal answered, wrong
            wrong += request.result()[0] != data[answered % PATHS]  # this checks their order, too
            answered += 1
            if times is not None:
                times.append(clock() - begun.popleft())
            if sent < count:
                send()
            elif answered == count:
                ended.set()

        def begin(_: Any) -> None:
            for _ in range(min(count, WINDOW)):
                send()

        # Begin on the thread that runs the callbacks, so that no other thread sends.
        get(paths[0], None, begin)
        expect(ended.wait(protocol.TIMEOUT) and not wrong, f"{answered} answers, {wrong} of them wrong")

    def result(self, count: int, size: int) -> Figures:
        return protocol.timed(count, self._by_window, size, self.client.session.get)

    def submit(self, count: int, size: int) -> Figures:
        return protocol.timed(count, self._by_window, size, self.client.submit.get)

    def _by_window(self, count: int, size: int, get: Callable[[str], Any]) -> None:
        paths, data = protocol.many(size)
        waiting: deque[Any] = deque()
        for number in range(count):
            if len(waiting) == WINDOW:
                # The request of a window ago had the same path, since WINDOW equals PATHS.
                expect(waiting.popleft().result()[0] == data[number % PATHS])
            waiting.append(get(paths[number % PATHS]))
        for number, request in enumerate(waiting, count - len(waiting)):
            expect(request.result()[0] == data[number % PATHS])

    def bulk(self, count: int, size: int) -> Figures:
        paths, data = protocol.many(size)
        requested = (paths * (count // PATHS + 1))[:count]
        wanted = (data * (count // PATHS + 1))[:count]
        with Stopwatch() as stopwatch:
            results = self.client.get_many(requested, raise_errors=True)
            expect([result[0] for result in results] == wanted)
        return stopwatch.figures(count)

    def bulk_alone(self, count: int, size: int) -> Figures:
        """The same with a request for each znode, as for servers before 3.6."""
        groups, self.client._read_groups = self.client._read_groups, ReadGroups()
        self.client._read_groups.refuse()
        try:
            return self.bulk(count, size)
        finally:
            self.client._read_groups = groups

    def watch(self, count: int, size: int) -> Figures:
        data, client = protocol.data_of("", size), self.client
        with zkc.Client(self.hosts) as setter:
            return protocol.watched(
                count, lambda callback: client.get("/watched", watch=callback), lambda: setter.set("/watched", data)
            )

    def idle(self, count: int, _: int) -> Figures:
        return protocol.idle(count, lambda: connect(self.hosts), close)

    def outstanding(self, count: int, size: int) -> Figures:
        get = self.client.session.get
        return protocol.outstanding(count, self.hosts, get, lambda one: one.result()[0], size)

    def outstanding_futures(self, count: int, size: int) -> Figures:
        get = self.client.submit.get
        return protocol.outstanding(count, self.hosts, get, lambda one: one.result()[0], size)


def main() -> None:
    worker = Worker(sys.argv[1])
    names = (name for name in dir(worker) if not name.startswith("_") and name not in ("client", "hosts"))
    protocol.serve({name: getattr(worker, name) for name in names})
    worker.client.close()


if __name__ == "__main__":
    main()
