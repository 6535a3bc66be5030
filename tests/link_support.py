"""A link to a server that brings its answers slowly."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType

_CHUNK = 8192


class SlowLink:
    """Forwards connections to a port: to the server at once, to the client so many bytes a second."""

    def __init__(self, port: int, rate: float) -> None:
        self._target, self._rate = port, rate
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.hosts = f"127.0.0.1:{self._listener.getsockname()[1]}"
        #: When the client sent something, by time.monotonic().
        self.sent: list[float] = []
        self.accepted = 0
        self._sockets = [self._listener]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                # Or what is slow would be what the system keeps for the client.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _CHUNK)
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                for pump in (self._to_server, self._to_client):
                    self._threads.append(threading.Thread(target=pump, args=(client, server)))
                    self._threads[-1].start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                self.sent.append(time.monotonic())
                server.sendall(data)
        _end(client, server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK):
                client.sendall(data)
                time.sleep(len(data) / self._rate)
        _end(client, server)

    def __enter__(self) -> SlowLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        end_connections(self._sockets, self._threads)


def end_connections(sockets: list[socket.socket], threads: list[threading.Thread]) -> None:
    """End a listener, the connections that it accepted, and their threads.

    The first socket is the listener, and the first thread accepts: when it has ended, no other thread begins. The other
    threads may still add the socket that they have just connected, so their sockets are ended again and again.
    """
    _end(sockets[0])
    threads[0].join()
    for thread in threads:
        while thread.is_alive():
            _end(*sockets)
            thread.join(0.05)
    for sock in sockets:
        sock.close()


def _end(*sockets: socket.socket) -> None:
    for sock in sockets:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
