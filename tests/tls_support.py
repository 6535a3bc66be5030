"""Helpers of the tests of TLS: a server that shows a chosen certificate and records what it reads, and settings."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Any, Optional

import zkc
from zkc import _zookeeper as core
from zkc.testing import TLSFiles, ZooKeeperServer

from .link_support import end_connections


def settings(tls: Any, **more: Any) -> dict[str, Any]:
    """Make the core's settings for a client that trusts the server and has a certificate; None leaves one out."""
    chosen = {"ca": tls.ca, "certificate": tls.client_cert, "key": tls.client_key, **more}
    return {
        name: str(value) if name in ("ca", "certificate", "key") else value
        for name, value in chosen.items()
        if value is not None
    }


def mutual(files: TLSFiles, **more: Any) -> zkc.TLS:
    """Make the settings of a client that has a certificate."""
    return zkc.TLS(**{"ca": files.ca, "certificate": files.client_cert, "key": files.client_key, **more})


def below(server: ZooKeeperServer, chroot: str = "test") -> str:
    """Make a znode to be a client's root, and return the hosts of the TLS port with it."""
    return server.tls_hosts + server.new_chroot(chroot)[len(server.hosts) :]


class _Socket(ssl.SSLSocket):
    """Closes itself: when a client is gone early, Python forgets what it has made of the connection."""

    def __del__(self) -> None:
        self.close()


class TLSFront:
    """Ends TLS in front of a server without, as a context manager; without a target it hears and says nothing."""

    def __init__(
        self, context: Optional[ssl.SSLContext], target: Optional[int] = None, host: str = "127.0.0.1"
    ) -> None:
        self._context, self._target = context, target
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self.hosts = f"{host}:{self.port}"
        self.names: list[Optional[str]] = []
        self.received = bytearray()
        self.failures: list[str] = []
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        if context is not None:
            context.sslsocket_class = _Socket
            context.sni_callback = lambda _socket, name, _context: self.names.append(name)

    def __enter__(self) -> TLSFront:
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
                sock = self._listener.accept()[0]
                self._sockets.append(sock)
                if self._context is not None:
                    self._start(self._converse, sock)

    def _converse(self, sock: socket.socket) -> None:
        assert self._context is not None
        try:
            client = self._context.wrap_socket(sock, server_side=True)
        except OSError as error:
            self.failures.append(str(error))
            sock.close()
            return
        self._sockets.append(client)
        if client.version() is None:  # Gone before. Pythons older than 3.11.5 would take what it sent for data.
            self.failures.append("gone")
            return
        if self._target is None:
            with contextlib.suppress(OSError):
                while data := client.recv(65536):
                    self.received += data
            return
        server = socket.create_connection(("127.0.0.1", self._target))
        self._sockets.append(server)
        self._start(self._pump, server, client)
        self._pump(client, server, self.received)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, copy: Optional[bytearray] = None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if copy is not None:
                    copy += data
                target.sendall(data)
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def has_ipv6() -> bool:
    """Return whether this machine has an IPv6 loopback address."""
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def refusal(session: core.Session, timeout: float = 20.0) -> Any:
    """Wait for a connection that will not be, and return the error."""
    try:
        session.wait_connected(timeout)
    except Exception as error:
        return error
    raise AssertionError("it is connected")
