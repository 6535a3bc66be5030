"""The little of ZooKeeper's protocol that is needed to see whether a server serves, over a plain socket.

This is not a client. It stands on its own so that a broken client cannot hide a broken server, or the reverse.
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
        session_timeout: float = 5.0,
        timeout: float = 2.0,
        tls: Optional[ssl.SSLContext] = None,
        more: bytes = b"",
    ) -> None:
        """Connect, and open a session or move an existing one here.

        :param address: host and port.
        :param session_id: the session to take over, 0 for a new one.
        :param password: that session's password.
        :param session_timeout: the timeout to ask for, in seconds.
        :param timeout: how long each step may take, in seconds.
        :param tls: the context for a TLS port, None for a plain one.
        :param more: packets to send right behind the request for the session, without a wait for its answer.
        :raises OSError: if the server is not there or does not serve sessions.
        """
        self._socket = _connect(address, timeout)
        try:
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=address[0])
            milliseconds = int(session_timeout * 1000)
            request = struct.pack(">iqiqi", 0, 0, milliseconds, session_id, len(password)) + password + b"\0"
            self._socket.sendall(_buffer(request) + more)
            answer = self._receive()
        except BaseException:
            self._socket.close()
            raise
        _, milliseconds, self.session_id, length = struct.unpack_from(">iiqi", answer)
        self.password = answer[20 : 20 + length]
        self.session_timeout = milliseconds / 1000
        self._xid = 0
        if milliseconds <= 0:
            self._socket.close()
            raise SessionGoneError("The session has expired.")

    def create(self, path: str, data: bytes = b"") -> bool:
        """Create a znode that anybody may read and write.

        :returns: False if there was one already.
        """
        name = path.encode()
        acl = struct.pack(">ii", 1, _ALL_PERMISSIONS) + _buffer(b"world") + _buffer(b"anyone")
        error = self._call(_CREATE, _buffer(name) + _buffer(data) + acl + struct.pack(">i", 0))
        if error not in (0, _NODE_EXISTS):
            raise WireError(f"The server refused to create {path}: error {error}.")
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
            # A goodbye might fail too, and hide the first error.
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
    """Connect to an IPv4 address; unlike socket.create_connection, this asks no resolver, which a test may have cut."""
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


_GOODBYE = _buffer(struct.pack(">ii", 1, _CLOSE_SESSION))
_SETTLED = 0.25  # seconds that a client which was cut off has for connecting again, before the next attempt


def end_session(address: tuple[str, int], session_id: int, password: bytes, patience: float = 30.0) -> None:
    """Take a session over and close it, again and again until it is over and the server has cut off its client.

    The client reconnects as soon as it is cut off, and may take the session back before it is closed. When two
    connections ask for one session in the same moment, a server with several threads for them can forget one: it stays
    open, and whatever its client sends is dropped without an answer, until the client gives up reading. The servers of
    this package have one thread (see _config.py). Elsewhere it becomes seldom: the request to close travels behind the
    request for the session, in one packet, and a failed attempt is repeated only when the client has the session again.

    :param address: host and port.
    :param session_id: the id of the session.
    :param password: its password.
    :param patience: for how long to try again, in seconds.
    :raises ValueError: if the id is 0: the client has no session.
    :raises OSError: if the server does not answer, or knows no such session.
    """
    if session_id == 0:
        raise ValueError("The client has no session: its session id is 0.")
    deadline = time.monotonic() + patience
    accepted = False  # whether an attempt had the session, and so may have closed it
    for attempt in itertools.count():
        try:
            connection = _take(address, session_id, password)
            accepted = True
            _receive_end(connection)
            break
        except SessionGoneError:
            # For a wrong password the server gives the same answer, and the session lives on.
            if accepted or (attempt > 0 and not _is_tracked(address, session_id)):
                break  # an earlier attempt did it, and only its confirmation was lost
            raise
        except (WireError, socket.timeout):  # A session that was taken back meanwhile may get no answer at all.
            if time.monotonic() > deadline:
                raise
        _wait_until(lambda: _connections(address, session_id) > 0, _SETTLED)
    while not wait_cut_off(address, session_id):
        if time.monotonic() > deadline:
            raise WireError(f"Session {session_id:#x} is over, but the server keeps a connection of it open.")
        # To ask for the session cuts the connection off, unless the server has forgotten it.
        with contextlib.suppress(WireError, socket.timeout):
            _receive_end(_take(address, session_id, password))


def wait_cut_off(address: tuple[str, int], session_id: int, patience: float = _SETTLED) -> bool:
    """Wait until a server has no connection of a session that is over, and tell whether that is so.

    :param address: host and port.
    :param session_id: the id of the session.
    :param patience: for how long to look, in seconds.
    :raises OSError: if the server does not answer.
    """
    return _wait_until(lambda: _connections(address, session_id) == 0, patience)


def _take(address: tuple[str, int], session_id: int, password: bytes) -> WireConnection:
    """Take a session over, with the request to close it sent already."""
    return WireConnection(address, session_id=session_id, password=password, more=_GOODBYE)


def _receive_end(connection: WireConnection) -> None:
    try:
        connection._receive()
    finally:
        connection.abandon()


def _is_tracked(address: tuple[str, int], session_id: int) -> bool:
    """Return whether a server lists a session among those that live."""
    return re.search(rf"\b{session_id:#x}\b", four_letter_word(address, "dump")) is not None


def _connections(address: tuple[str, int], session_id: int) -> int:
    """Count the connections of a session that a server lists."""
    listed = four_letter_word(address, "cons").replace(")", ",")
    return listed.count(f"sid={session_id:#x},")


def _wait_until(found: Callable[[], bool], patience: float) -> bool:
    """Look until something is so, and tell whether it is."""
    deadline = time.monotonic() + patience
    while not found():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def four_letter_word(address: tuple[str, int], word: str, timeout: float = 2.0) -> str:
    """Send one of the administrative commands (``srvr``, ``cons``, ``dump``…) and return the answer.

    :param address: host and port.
    :param word: the four letters.
    :param timeout: how long each step may take, in seconds.
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
