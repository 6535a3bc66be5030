"""A TCP proxy between a client and a server that injects faults."""

from __future__ import annotations

import contextlib
import queue
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Optional

from ._errors import TestingError
from ._ports import LOOPBACK, Port

if TYPE_CHECKING:
    from typing_extensions import Self

# Bytes buffered for a side that does not read. At this limit the proxy stops reading from the other side, so that the
# sender blocks as it would without a proxy.
_BUFFER_LIMIT = 256 * 1024
_CHUNK = 64 * 1024
_COMMAND_TIMEOUT = 10.0
# SO_LINGER with a time of 0: close() sends a reset at once.
_RESET = struct.pack("ii", 1, 0)


class _Side:
    """One end of a forwarded connection."""

    def __init__(self, sock: socket.socket, connected: bool) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.connected = connected
        self.outgoing = bytearray()
        #: Whether this side has ended its direction (end of file).
        self.ended = False
        #: Whether the proxy has passed the other side's end of file on to this side.
        self.end_sent = False


class _Link:
    """A client's connection and the one made to the server for it."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client = _Side(client, connected=True)
        self.server = _Side(server, connected=False)

    def pairs(self) -> tuple[tuple[_Side, _Side], tuple[_Side, _Side]]:
        """Return both sides, each followed by its opposite."""
        return (self.client, self.server), (self.server, self.client)

    def finished(self) -> bool:
        """Return whether both directions have ended."""
        return self.client.end_sent and self.server.end_sent


class FaultProxy:
    """A proxy on the loopback interface, as a context manager: give a client its ``hosts`` instead of the server's.

    One thread forwards. When a method returns, its effect is complete.

    >>> with ZooKeeperServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
    ...     client = Client(proxy.hosts)
    ...     proxy.drop_connections()

    .. versionadded:: 0.1
    """

    def __init__(self, target_host: str, target_port: int) -> None:
        """Prepare a proxy, which accepts connections from :meth:`start` on.

        :param target_host: the host that connections are forwarded to.
        :param target_port: its port.
        """
        self._target = (target_host, target_port)
        self._port = Port()
        self._listener: Optional[socket.socket] = None
        self._links: set[_Link] = set()
        self._paused = False
        self._stopping = False
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._thread: Optional[threading.Thread] = None
        self._closed = False

    @property
    def hosts(self) -> str:
        """The connection string of the proxy."""
        return str(self._port)

    @property
    def port(self) -> int:
        """The port of the proxy."""
        return self._port.number

    @property
    def connections(self) -> int:
        """The number of connections that are forwarded now."""
        return len(self._links)

    def start(self) -> None:
        """Accept connections from now on. Does nothing the second time."""
        if self._closed:
            raise TestingError("The proxy is closed: make a new one.")
        if self._thread is None:
            self._selector.register(self._wake_reader, selectors.EVENT_READ)
            self._listen()
            self._thread = threading.Thread(target=self._run, name=f"zkc-fault-proxy-{self.port}", daemon=True)
            self._thread.start()

    def drop_connections(self) -> None:
        """Reset every connection; new connections are accepted."""
        self._do(self._drop_all)

    def pause(self) -> None:
        """Forward nothing: connections stay open, new ones seem to succeed, and nothing arrives."""
        self._do(lambda: setattr(self, "_paused", True))

    def resume(self) -> None:
        """Forward again, beginning with the bytes that arrived during the pause."""
        self._do(lambda: setattr(self, "_paused", False))

    def refuse(self) -> None:
        """Refuse new connections from now on; open connections stay."""
        self._do(self._unlisten)

    def accept(self) -> None:
        """Accept new connections again."""
        self._do(self._listen)

    def close(self) -> None:
        """Reset every connection and end. Does nothing the second time."""
        if self._closed:
            return
        if self._thread is not None:
            self._do(lambda: setattr(self, "_stopping", True))
            self._thread.join(_COMMAND_TIMEOUT)
        self._closed = True
        self._drop_all()
        self._unlisten()
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()
        self._port.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    # ---- On the callers' threads

    def _do(self, action: Callable[[], None]) -> None:
        """Run an action on the forwarding thread, and wait until it has returned."""
        if self._thread is None or self._closed:
            raise TestingError("The proxy does not run: call start(), or use it in a with statement.")
        done = threading.Event()

        def command() -> None:
            action()
            done.set()

        self._commands.put(command)
        self._wake_writer.send(b"\0")
        if not done.wait(_COMMAND_TIMEOUT):
            raise TestingError(f"The proxy's thread did not run a command within {_COMMAND_TIMEOUT} s.")

    # ---- On the forwarding thread, which alone uses the sockets while it runs

    def _run(self) -> None:
        while not self._stopping:
            self._update_selector()
            for key, events in self._selector.select():
                if key.fileobj is self._wake_reader:
                    self._run_commands()
                    # A command may have closed the sockets of the remaining events.
                    break
                if key.fileobj is self._listener:
                    self._accept()
                elif key.data in self._links:
                    self._forward(key.data, key.fileobj, events)

    def _run_commands(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_reader.recv(1024)
        while not self._commands.empty():
            self._commands.get()()

    def _listen(self) -> None:
        if self._listener is None:
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((LOOPBACK, self.port))
            listener.listen(128)
            listener.setblocking(False)
            self._listener = listener
            self._selector.register(listener, selectors.EVENT_READ)

    def _unlisten(self) -> None:
        if self._listener is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self) -> None:
        """Accept a connection and start connecting to the server."""
        assert self._listener is not None
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        link = _Link(client, server)
        for side, _ in link.pairs():
            side.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links.add(link)
        # _write() reads the result from SO_ERROR when the socket becomes writable.
        server.connect_ex(self._target)

    def _update_selector(self) -> None:
        """Register each socket for the events that its link waits for now."""
        for link in self._links:
            for side, other in link.pairs():
                events = 0
                if not self._paused:
                    if side.connected and not side.ended and len(other.outgoing) < _BUFFER_LIMIT:
                        events |= selectors.EVENT_READ
                    if side.outgoing or not side.connected:
                        events |= selectors.EVENT_WRITE
                self._register(side.socket, events, link)

    def _register(self, sock: socket.socket, events: int, link: _Link) -> None:
        known = self._selector.get_map().get(sock)
        if known is None:
            if events:
                self._selector.register(sock, events, link)
        elif not events:
            self._selector.unregister(sock)
        elif known.events != events:
            self._selector.modify(sock, events, link)

    def _forward(self, link: _Link, sock: object, events: int) -> None:
        side, other = next(pair for pair in link.pairs() if pair[0].socket is sock)
        try:
            if events & selectors.EVENT_WRITE:
                self._write(side)
            if events & selectors.EVENT_READ:
                data = side.socket.recv(_CHUNK)
                other.outgoing += data
                side.ended = not data
            for receiver, sender in link.pairs():
                if sender.ended and receiver.connected and not receiver.outgoing and not receiver.end_sent:
                    receiver.end_sent = True
                    receiver.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            return
        except OSError:
            self._drop(link)
            return
        if link.finished():
            self._drop(link)

    def _write(self, side: _Side) -> None:
        if not side.connected:
            code = side.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise OSError(code, "The server cannot be reached.")
            side.connected = True
        if side.outgoing:
            del side.outgoing[: side.socket.send(side.outgoing)]

    def _drop_all(self) -> None:
        for link in list(self._links):
            self._drop(link)

    def _drop(self, link: _Link) -> None:
        """Close both sides, with a reset unless both directions have ended."""
        self._links.discard(link)
        for side, _ in link.pairs():
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(side.socket)
            if not link.finished():
                with contextlib.suppress(OSError):
                    side.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            side.socket.close()
