"""The reason why a server cannot be reached: what its address, its port and its first bytes tell.

libzookeeper tries one server after the other and reports no reason. These functions look themselves, with plain
sockets, beside the client: while it waits for a connection, and only after the first second.
"""

from __future__ import annotations

import errno
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket

__all__ = ["ADVICE", "Finding", "Watchman", "look"]

_FIRST_LOOK = 1.0  # Seconds: most connections are there by then.
_AGAIN = 2.0
_WORDS = 4096  # Bytes of a reply to read.
_DEFAULT_PORT = "2181"
_CLOSES = "it accepts connections, and closes them without an answer"

# What to do, by the reason that look() gives.
ADVICE = {
    "refused": "Start the server, or give its address with --servers",
    "unresolved": "Check the name in --servers",
    "no_route": "Check the address in --servers, and the network",
    "no_answer": "Check the address in --servers, the network and firewalls",
    "closed": "Check that it is ZooKeeper's port for clients, and see the server's log: it may have no quorum,"
    " or as many connections from this address as maxClientCnxns allows",
    "silent": "Check that it is ZooKeeper's port for clients; a server that hangs accepts connections, too",
    "tls_port": "Give --tls, and --ca with the servers' authority",
    "web_server": "Give ZooKeeper's port for clients, 2181 by default, and not that of its AdminServer",
    "not_zookeeper": "Give ZooKeeper's port for clients, 2181 by default",
    "no_quorum": "Start more servers of the ensemble; --read-only reads without a quorum, if the server allows it",
    "read_only": "Give --read-only to read from it, or start more servers of the ensemble",
    "zookeeper": "Try again with a longer --timeout, and see the server's log",
}


class Finding(NamedTuple):
    """The reason that was found at the address of a server."""

    address: str
    reason: str
    """A key of :data:`ADVICE`."""
    text: str
    """The same for people."""


def look(address: str, timeout: float = 1.0, tls: bool = False) -> Finding:
    """Find out why there is no connection to a server.

    Args:
        address: The server as ``host:port``.
        timeout: The longest wait for a connection, and for each reply, in seconds.
        tls: Whether the client speaks TLS. Then the port is only tried: the client's own error tells the rest.
    """
    import socket  # Here, as a command that is connected in time needs none of it.

    address = _with_port(address)
    host, port = _split(address)
    try:
        with socket.create_connection((host, port), timeout) as sock:
            if tls:
                return Finding(address, "zookeeper", "the port is open, and no session came")
            reply = _ask(sock, timeout)
    except socket.gaierror:
        return Finding(address, "unresolved", f"the name {host} does not resolve")
    except OSError as error:
        return Finding(address, *_failure(error))
    if reply is None:
        return Finding(address, "silent", "the port is open, and nothing answers")
    return Finding(address, *(_meaning(reply) if reply else _closed(host, port, timeout)))


def _with_port(address: str) -> str:
    return address if re.search(r":[0-9]+$", address) else f"{address}:{_DEFAULT_PORT}"


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _failure(error: OSError) -> tuple[str, str]:
    if isinstance(error, ConnectionRefusedError):
        return "refused", "connection refused"
    if isinstance(error, ConnectionError):  # It closes so quickly that the attempt to connect is reset or aborted.
        return "closed", _CLOSES
    if _is_timeout(error):
        return "no_answer", "no answer to the attempt to connect"
    if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return "no_route", "no route to the host"
    return "no_answer", (error.strerror or str(error)).lower()


def _is_timeout(error: OSError) -> bool:
    return (
        isinstance(error, TimeoutError) or type(error).__name__ == "timeout"
    )  # Before Python 3.10 it is socket's own.


def _ask(sock: socket.socket, timeout: float) -> bytes | None:
    """Send the word that every server answers, and return the reply; None when nothing comes, not even the end."""
    sock.settimeout(timeout)
    reply = b""
    try:
        sock.sendall(b"srvr")
        while len(reply) < _WORDS:
            some = sock.recv(_WORDS)
            if not some:
                break
            reply += some
    except OSError as error:
        return (reply or _ask_as_browser(sock)) if _is_timeout(error) else b""
    return reply


def _ask_as_browser(sock: socket.socket) -> bytes | None:
    """Complete what was sent to a request of HTTP: a web server waits for the end of a line."""
    try:
        sock.sendall(b" / HTTP/1.0\r\n\r\n")
        return sock.recv(_WORDS)
    except OSError as error:
        return None if _is_timeout(error) else b""


def _meaning(reply: bytes) -> tuple[str, str]:
    if reply[0] in (0x15, 0x16) and reply[1:2] == b"\x03":
        return "tls_port", "the port speaks TLS"
    if reply.startswith(b"HTTP/") or reply.lstrip()[:1] == b"<":
        return "web_server", "a web server answers there"
    if b"not currently serving requests" in reply:
        return "no_quorum", "the server runs, and has no quorum"
    if b"Mode: read-only" in reply:
        return "read_only", "the server has no quorum, and answers only reads"
    if reply.startswith((b"Zookeeper version", b"srvr is not executed")):
        return "zookeeper", "the server answers, and no session came"
    return "not_zookeeper", "what answers there is not ZooKeeper"


def _closed(host: str, port: int, timeout: float) -> tuple[str, str]:
    """Tell a port of TLS from another one that closes a connection."""
    import socket
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), timeout) as sock, context.wrap_socket(sock):
            return "tls_port", "the port speaks TLS"
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):  # It wants a certificate of ours.
            return "tls_port", "the port speaks TLS"
    except OSError:
        pass
    return "closed", _CLOSES


class Watchman:
    """A thread that looks at the servers while a client waits for a connection, and knows what it has last found.

    Args:
        addresses: The servers as ``host:port``.
        tls: Whether the client speaks TLS.
        report: Called on the thread after the first look.
    """

    def __init__(self, addresses: Sequence[str], tls: bool, report: Callable[[list[Finding]], None]) -> None:
        self._addresses, self._tls = list(dict.fromkeys(map(_with_port, addresses))), tls
        self._report = report
        self._over = False
        self._woken = threading.Event()
        self._looked = threading.Event()
        self._found: dict[str, Finding] = {}
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self, timeout: float) -> None:
        """Start, for a client that waits for so many seconds."""
        self._first = min(_FIRST_LOOK, timeout / 3)
        self._limit = max(0.05, min(1.0, timeout / 3))
        self._thread.start()

    def stop(self) -> None:
        """End without waiting: a look may take as long as a name server."""
        self._over = True
        self._woken.set()

    def findings(self, wait: float) -> list[Finding]:
        """Return what was found, for each server once; wait for a look that is under way.

        Args:
            wait: The longest wait in seconds.
        """
        self._woken.set()  # The client has given up before the first look: an unknown name takes no time.
        self._looked.wait(wait)
        return self._findings()

    def _findings(self) -> list[Finding]:
        found = dict(self._found)
        return [found.get(each) or Finding(each, "no_answer", "no answer") for each in self._addresses]

    def _watch(self) -> None:
        self._woken.wait(self._first)
        while not self._over:
            began = time.monotonic()
            looks = [threading.Thread(target=self._look, args=(each,), daemon=True) for each in self._addresses[:16]]
            for each in looks:
                each.start()
            for each in looks:
                each.join(max(0.0, began + 4 * self._limit - time.monotonic()))
            if not self._looked.is_set():
                self._looked.set()
                if not self._woken.is_set():
                    self._report(self._findings())
            self._woken.wait(_AGAIN)
            if self._woken.is_set():
                return

    def _look(self, address: str) -> None:
        self._found[address] = look(address, self._limit, self._tls)
