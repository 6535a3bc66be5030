"""Links to a server: one breaks its first connections in the middle of the replies, others end or stop at a request."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from types import TracebackType

_CHUNK = 4096
_HANDSHAKE = b"\0\0\0"  # The reply begins with its length. That to a four-letter word is text.


class CuttingLink:
    """Forwards connections to a port, and ends each of the first after so many bytes of replies.

    The reply to a handshake has 41 bytes. So a limit of 50 cuts the first reply after it. A connection without one has
    no limit: it is a command's look at a server that does not give it a session within a second.

    Args:
        port: The port of the server.
        limits: The number of bytes of replies for the first session's connection, the second, and so on. Later ones
            last.
    """

    def __init__(self, port: int, limits: Sequence[int]) -> None:
        self._target, self._limits = port, list(limits)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.hosts = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = 0
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                for pump in (self._to_server, self._to_client):
                    self._threads.append(threading.Thread(target=pump, args=(client, server)))
                    self._threads[-1].start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                server.sendall(data)
        _end(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        left, is_first = None, True
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK):
                if is_first and data.startswith(_HANDSHAKE) and self._limits:
                    left = self._limits.pop(0)
                is_first = False
                if left is not None and len(data) > left:
                    client.sendall(data[:left])
                    self.cuts += 1
                    break
                left = None if left is None else left - len(data)
                client.sendall(data)
        _end(client, server)

    def __enter__(self) -> CuttingLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _end(self._listener)
        self._threads[0].join()  # Then there will be no more of them.
        _end(*self._sockets)
        for thread in self._threads:
            thread.join()
        for sock in (self._listener, *self._sockets):
            sock.close()


class DyingLink(CuttingLink):
    """Forwards connections until a request has some bytes. Then all connections end, and new ones are refused.

    Args:
        port: The port of the server.
        marker: The bytes of the request. It does not reach the server.
    """

    def __init__(self, port: int, marker: bytes) -> None:
        self._marker = marker
        super().__init__(port, [])

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                if self._marker in data:
                    _end(self._listener, *self._sockets)
                    break
                server.sendall(data)
        _end(client, server)


class HoldingLink(CuttingLink):
    """Forwards connections until a request has some bytes. From then on no request passes, until :meth:`release`.

    So a test acts in the middle of the work of a command, however quick the command is, and however slow the test.

    Args:
        port: The port of the server.
        marker: The bytes of the request. Its last bytes do not reach the server before the release.
    """

    def __init__(self, port: int, marker: bytes) -> None:
        self._marker = marker
        self._held, self._released = threading.Event(), threading.Event()
        super().__init__(port, [])

    def wait_until_held(self) -> None:
        """Wait until the request has come."""
        assert self._held.wait(60), f"there was no request with {self._marker!r}"

    def release(self) -> None:
        """Let all requests pass."""
        self._released.set()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        before = b""  # A request may come in two parts.
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                if self._marker in before + data:
                    self._held.set()
                    self._released.wait()
                before = (before + data)[1 - len(self._marker) :]
                server.sendall(data)
        _end(client, server)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()
        super().__exit__(kind, error, traceback)


def _end(*sockets: socket.socket) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
