"""Helpers of the tests of the native core."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..link_support import end_connections

ANYONE = [(31, "world", "anyone")]
READ_ONLY_ACL = [(1, "world", "anyone")]
CREATOR_ALL = [(31, "auth", "")]

PERSISTENT, EPHEMERAL, SEQUENTIAL, EPHEMERAL_SEQUENTIAL, CONTAINER, TTL, TTL_SEQUENTIAL = range(7)
CREATED, DELETED, CHANGED, CHILD, SESSION, NOT_WATCHING = 1, 2, 3, 4, -1, -2
CLOSED, CONNECTING, CONNECTED, READ_ONLY, EXPIRED, AUTH_FAILED = 0, 1, 3, 5, -112, -113

WAIT = 20.0
"""Seconds after which a test gives up on something that is sure to happen."""


class Recorder:
    """A watch (or a callback) that keeps what it was called with."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.threads: list[str] = []
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __call__(self, *arguments: Any) -> None:
        self.threads.append(threading.current_thread().name)
        call = arguments if len(arguments) > 1 else arguments[0]
        self.calls.append(call)
        self._queue.put(call)

    def next(self, timeout: float = WAIT) -> Any:
        """Wait for the next call and return its arguments."""
        try:
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no call came in {timeout} s; so far: {self.calls}") from None

    def until(self, wanted: Any, timeout: float = WAIT) -> None:
        """Take calls up to the one wanted."""
        deadline = time.monotonic() + timeout
        while self.next(max(0.0, deadline - time.monotonic())) != wanted:
            pass


class Gate:
    """A callback that holds up the dispatcher thread until it is opened."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._open = threading.Event()

    def __call__(self, *_: Any) -> None:
        self.entered.set()
        self._open.wait(60)

    def open(self) -> None:
        """Let the dispatcher go on."""
        self._open.set()


def settle(session: Any) -> None:
    """Return when everything that happened before has been delivered: events, replies and callbacks."""
    done = threading.Event()
    session.sync("/", callback=lambda _: done.set())
    assert done.wait(WAIT)


@contextmanager
def paused(server: Any) -> Iterator[None]:
    """Freeze a server, or an ensemble, for the length of a block."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


class Forwarder:
    """A server's port under another address of the loopback interface, as a context manager."""

    def __init__(self, address: str, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((address, 0))
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self.hosts = f"{address}:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Forwarder:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        end_connections(self._sockets, self._threads)

    def _start(self, body: Any, *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=body, args=arguments))
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += (client, server)
                self._start(self._pump, client, server)
                self._start(self._pump, server, client)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
