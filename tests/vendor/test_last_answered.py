"""When the last answered message was sent: a session lasts for its timeout from then on, at least."""

from __future__ import annotations

import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from .scripted_server import GET, NULL_DATA, PING, Connection, ScriptedServer, SteeredClient, reply
from .test_client_life import kind_of

CONNECTED, READ_ONLY, CONNECTING = "3", "5", "1"
TIMEOUT = 9000  # A third of it is longer than a busy machine stalls: there is one ping at a time.
_COARSE = 0.01
PING_AFTER = TIMEOUT / 3 / 1000  # The client pings after so many seconds without a message.

Steer = Callable[..., SteeredClient]
Serve = Callable[..., ScriptedServer]


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Span(NamedTuple):
    """A time that is known as well as the processes' delays allow: it is not before, and not after these."""

    first: float
    last: float

    def may_be(self, other: Span) -> bool:
        """Return whether both may be the same time."""
        return self.first <= other.last and other.first <= self.last


def answered(client: SteeredClient) -> Span:
    """Return when the last answered message was sent, by CLOCK_BOOTTIME."""
    asked = now()
    client.tell("answered")
    age = int(client.hears("answered"))
    assert age >= 0
    # In whole milliseconds, of two clocks that begin a little apart.
    return Span(asked - age / 1000 - _COARSE, now() - age / 1000 + _COARSE)


class Pings:
    """A server that answers a ping when the test says so."""

    def __init__(self) -> None:
        self.came: queue.Queue[float] = queue.Queue()
        self.connections: queue.Queue[Connection] = queue.Queue()
        self.read_only = False  # Whether it says so, and answers pings at once.

    def __call__(self, connection: Connection) -> None:
        connection.begin(TIMEOUT, read_only=self.read_only)
        self.connections.put(connection)
        while True:
            request = connection.receive()
            if kind_of(request) == PING:
                if self.read_only:
                    connection.send(reply(-2))
                self.came.put(now())
            elif kind_of(request) == GET:
                connection.send(reply(struct.unpack_from(">i", request)[0], NULL_DATA))

    def connection(self) -> Connection:
        return self.connections.get(timeout=30)

    def ping(self) -> float:
        """Wait for the next ping, and return when it came."""
        return self.came.get(timeout=30)


def test_the_handshake_counts_from_its_sending(steer: Steer, serve: Serve) -> None:
    asked, accepting = threading.Event(), threading.Event()

    def script(connection: Connection) -> None:
        connection.socket.recv(1, socket.MSG_PEEK)
        asked.set()
        accepting.wait(30)
        connection.begin(TIMEOUT)
        connection.serve()

    server = serve(script)
    begun = now()
    client = steer(server.hosts, timeout=TIMEOUT)
    client.hears("opened")
    client.tell("answered")
    assert client.hears("answered") == "-1"  # Not known yet.
    assert asked.wait(30)
    came = now()
    time.sleep(0.4)  # The time between sending and answer, which must not count.
    accepting.set()
    client.hears(f"state {CONNECTED}")
    assert answered(client).may_be(Span(begun, came))
    client.close()


def test_a_ping_counts_from_its_sending_when_it_is_answered(steer: Steer, serve: Serve) -> None:
    pings = Pings()
    client = steer(serve(pings).hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    connection, handshake = pings.connection(), answered(client)
    came = pings.ping()
    assert answered(client).may_be(handshake)  # It is not answered yet.
    time.sleep(0.3)  # The same for the ping.
    connection.send(reply(-2))
    client.tell("get /a")
    assert client.hears("get") == "0"  # The answer to the ping was in front.
    first = answered(client)
    assert first.may_be(Span(handshake.first + 0.9 * PING_AFTER, came))
    connection.send(reply(-2))  # An answer to no ping changes nothing.
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert answered(client).may_be(first)
    later = pings.ping()
    connection.send(reply(-2))
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert answered(client).may_be(Span(first.first + 0.9 * PING_AFTER, later))
    client.close()


def test_a_reply_to_a_request_proves_nothing(steer: Steer, serve: Serve) -> None:
    """Replies come in the order of the requests, but a request may have waited in the client before it was sent."""
    pings = Pings()
    client = steer(serve(pings).hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    handshake = answered(client)
    time.sleep(0.2)  # So the two times differ enough.
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert answered(client).may_be(handshake)
    client.close()


def test_pings_of_an_earlier_connection_are_not_answered(steer: Steer, serve: Serve) -> None:
    pings = Pings()
    client = steer(serve(pings).hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    first = pings.connection()
    pings.ping()
    lost = now()
    first.socket.shutdown(2)
    client.hears(f"state {CONNECTING}")
    client.hears(f"state {CONNECTED}")
    second, handshake = pings.connection(), answered(client)
    assert handshake.may_be(Span(lost, now()))
    came = pings.ping()
    second.send(reply(-2))
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert answered(client).may_be(Span(handshake.first + 0.9 * PING_AFTER, came))
    client.close()


def test_a_read_only_server_proves_nothing(steer: Steer, serve: Serve) -> None:
    """It is cut off from the others, which may end the session."""
    pings = Pings()
    client = steer(serve(pings).hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    first, proved = pings.connection(), answered(client)
    pings.read_only = True
    first.socket.shutdown(2)
    client.hears(f"state {READ_ONLY}")
    for _ in range(2):
        assert answered(client).may_be(proved)
        pings.ping()
    client.close()
