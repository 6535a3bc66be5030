"""The parts of ZooKeeper's protocol that show whether a server serves, over a plain socket.

This is not a client. It shares no code with zkc's client, so that neither can hide a fault of the other or of a server.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import ssl
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Optional

PATIENCE = 10.0  # Seconds for each step: a busy machine may hold a server up for some of them.
SESSION_TIMEOUT = 30.0  # Seconds without a heartbeat: some steps that take long.
_CREATE = 1
_CLOSE_SESSION = -11
_NODE_EXISTS = -110
_ALL_PERMISSIONS = 31


class WireError(OSError):
    """Raised when the server closes the connection or refuses a request."""


class SessionGoneError(WireError):
    """Raised when the session to take over has ended."""


class WireConnection:
    """One session on one server, without heartbeats."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        session_id: int = 0,
        password: bytes = bytes(16),
        session_timeout: float = SESSION_TIMEOUT,
        timeout: float = PATIENCE,
        tls: Optional[ssl.SSLContext] = None,
        more: bytes = b"",
    ) -> None:
        """Connect, and open a session or move an existing one here.

        :param address: host and port.
        :param session_id: the session to take over, 0 for a new one.
        :param password: that session's password.
        :param session_timeout: the timeout to ask for, in seconds.
        :param timeout: longest time for each step, in seconds.
        :param tls: the context for a TLS port, None for a plain one.
        :param more: packets to send directly after the request for the session, without waiting for its reply.
        :raises OSError: if the server is not there or does not serve sessions.
        """
        self._socket = _connect(address, timeout)
        try:
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=address[0])
            milliseconds = int(session_timeout * 1000)
            request = struct.pack(">iqiqi", 0, 0, milliseconds, session_id, len(password)) + password + b"\0"
            self._socket.sendall(_buffer(request) + more)
            reply = self._receive()
        except BaseException:
            self._socket.close()
            raise
        _, milliseconds, self.session_id, length = struct.unpack_from(">iiqi", reply)
        self.password = reply[20 : 20 + length]
        self.session_timeout = milliseconds / 1000
        self._xid = 0
        if milliseconds <= 0:
            self._socket.close()
            raise SessionGoneError("The session has expired.")

    def create(self, path: str, data: bytes = b"") -> bool:
        """Create a znode with all permissions for ``world:anyone``.

        :returns: False if it existed already.
        """
        name = path.encode()
        acl = struct.pack(">ii", 1, _ALL_PERMISSIONS) + _buffer(b"world") + _buffer(b"anyone")
        error = self._call(_CREATE, _buffer(name) + _buffer(data) + acl + struct.pack(">i", 0))
        if error not in (0, _NODE_EXISTS):
            raise WireError(f"The server refused to create {path}: error code {error}.")
        return error == 0

    def close(self) -> None:
        """End the session and wait for the server to confirm it."""
        try:
            self._call(_CLOSE_SESSION, b"")
        finally:
            self._socket.close()

    def abandon(self) -> None:
        """Close the connection and leave the session to expire."""
        self._socket.close()

    def __enter__(self) -> WireConnection:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if error is None:
            self.close()
        else:
            # The request to close the session might fail too, and hide the first error.
            self.abandon()

    def _call(self, operation: int, body: bytes) -> int:
        """Send a request and return the error code of its reply."""
        self._xid += 1
        self._send(struct.pack(">ii", self._xid, operation) + body)
        while True:
            xid, _, error = struct.unpack_from(">iqi", self._receive())
            if xid == self._xid:
                return int(error)

    def _send(self, body: bytes) -> None:
        self._socket.sendall(_buffer(body))

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">i", self._exactly(4))
        return self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        parts = b""
        while len(parts) < length:
            part = self._socket.recv(length - len(parts))
            if not part:
                raise WireError("The server closed the connection.")
            parts += part
        return parts


def _connect(address: tuple[str, int], timeout: float) -> socket.socket:
    """Connect to an IPv4 address, without a resolver: a test may have disabled the one of create_connection()."""
    connection = socket.socket()
    try:
        connection.settimeout(timeout)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _buffer(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


_CLOSE_REQUEST = _buffer(struct.pack(">ii", 1, _CLOSE_SESSION))
_TAKE_OVER_TIME = 2.0  # seconds for each step: a client that takes its session back may leave no reply
_RECONNECT_TIME = 0.25  # seconds for a disconnected client to connect again, before the next attempt
_STALL = 20.0  # seconds that a server on a busy machine may take for a listing


def end_session(address: tuple[str, int], session_id: int, password: bytes, timeout: float = 30.0) -> None:
    """Take a session over and close it; repeat that until it is over and the server has disconnected its client.

    The client reconnects at once, and may take the session back before it is closed.

    When two connections ask for one session at the same time, a server with several reading threads can lose track of
    one. That connection stays open, the server drops all that its client sends, and the client's read timeout ends it.
    The servers of this package have one reading thread (see _config.py). For other servers two measures make it rare:

    - The request to close follows the request for the session in one packet.
    - A failed attempt is repeated only when the client has the session again.

    :param address: host and port.
    :param session_id: the id of the session.
    :param password: its password.
    :param timeout: how long to repeat attempts, in seconds.
    :raises ValueError: if the id is 0: the client has no session.
    :raises OSError: if the server does not answer, or knows no such session.
    """
    if session_id == 0:
        raise ValueError("The client has no session: its session id is 0.")
    deadline = time.monotonic() + timeout
    accepted = False  # whether an attempt had the session, and so may have closed it
    for attempt in itertools.count():
        try:
            connection = _take_over(address, session_id, password)
            accepted = True
            _receive_end(connection)
            break
        except SessionGoneError:
            # A wrong password gets the same reply from the server, and the session lives on.
            if accepted or (attempt > 0 and not _is_tracked(address, session_id)):
                break  # an earlier attempt closed the session, and only its confirmation was lost
            raise
        except (WireError, socket.timeout):  # If the client took the session back, there may be no reply.
            if time.monotonic() > deadline:
                raise
        _wait_until(lambda: _connections(address, session_id) > 0, _RECONNECT_TIME)
    while not wait_cut_off(address, session_id):
        if time.monotonic() > deadline:
            raise WireError(f"Session {session_id:#x} is over, but the server keeps a connection of it open.")
        # A request for the session makes the server close its connection, unless the server has lost track of it.
        with contextlib.suppress(WireError, socket.timeout):
            _receive_end(_take_over(address, session_id, password))


def wait_cut_off(address: tuple[str, int], session_id: int, timeout: float = _RECONNECT_TIME) -> bool:
    """Wait until a server has no connection of a session that is over; return whether that is so.

    :param address: host and port.
    :param session_id: the id of the session.
    :param timeout: longest time to wait, in seconds.
    :raises OSError: if the server does not answer.
    """
    return _wait_until(lambda: _connections(address, session_id) == 0, timeout)


def _take_over(address: tuple[str, int], session_id: int, password: bytes) -> WireConnection:
    """Take a session over, and send the request to close it in the same packet."""
    return WireConnection(
        address, session_id=session_id, password=password, timeout=_TAKE_OVER_TIME, more=_CLOSE_REQUEST
    )


def _receive_end(connection: WireConnection) -> None:
    try:
        connection._receive()
    finally:
        connection.abandon()


def _is_tracked(address: tuple[str, int], session_id: int) -> bool:
    """Return whether a server lists a session as alive."""
    return re.search(rf"\b{session_id:#x}\b", four_letter_word(address, "dump", _STALL)) is not None


def _connections(address: tuple[str, int], session_id: int) -> int:
    """Count the connections of a session that a server lists."""
    listed = four_letter_word(address, "cons", _STALL).replace(")", ",")
    return listed.count(f"sid={session_id:#x},")


def _wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Wait until a condition holds; return False if it does not within *timeout* seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def four_letter_word(address: tuple[str, int], word: str, timeout: float = PATIENCE) -> str:
    """Send one of the administrative commands (``srvr``, ``cons``, ``dump``…) and return the reply.

    :param address: host and port.
    :param word: the four letters.
    :param timeout: longest time for each step, in seconds.
    :raises OSError: if the server is not there or does not answer.
    """
    parts = []
    with _connect(address, timeout) as connection:
        connection.sendall(word.encode("ascii"))
        while True:
            part = connection.recv(65536)
            if not part:
                break
            parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")
