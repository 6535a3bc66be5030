"""Links to a server: one that breaks its first connections in the middle of the replies, one that ends at a request."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from types import TracebackType

_CHUNK = 4096


class CuttingLink:
    """Forwards connections to a port, and ends each of the first after so many bytes of replies.

    The reply to a handshake has 41 bytes. So a limit of 50 cuts the first reply after it.

    Args:
        port: The port of the server.
        limits: The number of bytes of replies for the first connection, the second, and so on. Later ones last.
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
                limit = self._limits.pop(0) if self._limits else None
                for pump in (self._to_server, self._to_client):
                    self._threads.append(threading.Thread(target=pump, args=(client, server, limit)))
                    self._threads[-1].start()

    def _to_server(self, client: socket.socket, server: socket.socket, _: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                server.sendall(data)
        _end(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket, limit: int | None) -> None:
        left = limit
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK):
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

    def _to_server(self, client: socket.socket, server: socket.socket, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                if self._marker in data:
                    _end(self._listener, *self._sockets)
                    break
                server.sendall(data)
        _end(client, server)


def _end(*sockets: socket.socket) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
