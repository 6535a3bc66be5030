"""A server that does what a test says, packet by packet; and a client program that is steered in the same way."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Optional

PATIENCE = 30.0
STAT = bytes(68)
NULL_DATA = struct.pack(">i", -1) + STAT
NOT_FOUND = -101
DELETE, EXISTS, GET, PING, MULTI, CLOSE, AUTH, SET_WATCHES, SASL = 2, 3, 4, 11, 14, -11, 100, 101, 102


def packet(body: bytes) -> bytes:
    """Put the length before a packet."""
    return struct.pack(">i", len(body)) + body


def reply(xid: int, body: bytes = b"", err: int = 0) -> bytes:
    """Make the answer to a request."""
    return packet(struct.pack(">iqi", xid, 1, err) + body)


class Connection:
    """One connection, as the server sees it."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock

    def receive(self) -> bytes:
        """Read a packet; EOFError when the client is gone."""
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            more = self.socket.recv(count - len(parts))
            if not more:
                raise EOFError
            parts += more
        return bytes(parts)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(data)

    def begin(self, timeout: int, *, read_only: bool = False, more: bytes = b"") -> None:
        """Accept the session."""
        self.receive()
        session = struct.pack(">iiqi", 0, timeout, 0x1234, 16) + bytes(16) + bytes([read_only])
        self.send(packet(session) + more)

    def request(self) -> tuple[int, int, bytes]:
        """Read the next request that is no ping: xid, kind and body."""
        while True:
            body = self.receive()
            xid, kind = struct.unpack_from(">ii", body)
            if kind == PING:
                self.send(reply(xid))
            elif kind == CLOSE:
                self.send(reply(xid))
                raise EOFError
            else:
                return xid, kind, body[8:]

    def serve(self) -> None:
        """Answer like a server without nodes until the client is gone."""
        while True:
            xid, kind, _ = self.request()
            self.send(reply(xid, NULL_DATA) if kind == GET else reply(xid, err=NOT_FOUND if kind == EXISTS else 0))


class ScriptedServer:
    """Runs a function for each connection, in a thread of its own."""

    def __init__(
        self, script: Callable[[Connection], None], *, port: int = 0, context: Optional[ssl.SSLContext] = None
    ) -> None:
        self._script, self._context = script, context
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.accepted = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def hosts(self) -> str:
        """The address for a client."""
        return f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._converse, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _converse(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError, EOFError):
            sock.settimeout(PATIENCE)
            if self._context is None:
                self._script(Connection(sock))
                return
            with self._context.wrap_socket(sock, server_side=True) as wrapped:
                self._open.append(wrapped)
                self._script(Connection(wrapped))

    def close(self) -> None:
        """Stop listening and drop every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()


class SteeredClient:
    """Runs steered_client.c."""

    def __init__(self, program: Path, hosts: str, timeout: int, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [program, hosts, str(timeout), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self._lines: queue.Queue[str] = queue.Queue()
        self.log: list[str] = []
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_log)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())
        self._lines.put("the end")

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        self.log.extend(self._process.stderr)

    def tell(self, command: str) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def hears(self, start: str) -> str:
        """Wait for a line that begins so, and return the rest of it; others are passed over."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"the client never said {start!r}; its log:\n{''.join(self.log[-40:])}") from None
            if line.startswith(start):
                return line[len(start) :].strip()
            assert line != "the end", "the client ended:\n" + "".join(self.log[-80:])

    def close(self) -> str:
        """Let the client close its session and end; return its log."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            status = self._process.wait(PATIENCE)
        finally:
            self.end()
        assert status == 0, "".join(self.log)
        return "".join(self.log)

    def end(self) -> None:
        """End the client if it has not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.stderr.close()
