"""When the last answered message was sent: a session lasts for its timeout from then on, at least."""

from __future__ import annotations

import queue
import struct
import threading
import time
from collections.abc import Callable

from .scripted_server import GET, NULL_DATA, PING, Connection, ScriptedServer, SteeredClient, reply
from .test_client_life import kind_of

CONNECTED, READ_ONLY, CONNECTING = "3", "5", "1"
TIMEOUT = 3000
PING_AFTER = TIMEOUT / 3 / 1000  # The client pings after so many seconds without a message.

Steer = Callable[..., SteeredClient]
Serve = Callable[..., ScriptedServer]


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def answered(client: SteeredClient) -> float:
    """Return when the last answered message was sent, by CLOCK_BOOTTIME."""
    client.tell("answered")
    age = int(client.hears("answered"))
    assert age >= 0
    return now() - age / 1000


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
    accepting = threading.Event()

    def script(connection: Connection) -> None:
        accepting.wait(30)
        connection.begin(TIMEOUT)
        connection.serve()

    server = serve(script)
    begun = now()
    client = steer(server.hosts, timeout=TIMEOUT)
    client.hears("opened")
    client.tell("answered")
    assert client.hears("answered") == "-1"  # Not known yet.
    time.sleep(0.4)  # The time between sending and answer, which must not count.
    accepting.set()
    client.hears(f"state {CONNECTED}")
    assert begun - 0.01 <= answered(client) <= now() - 0.3
    client.close()


def test_a_ping_counts_from_its_sending_when_it_is_answered(steer: Steer, serve: Serve) -> None:
    pings = Pings()
    client = steer(serve(pings).hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    connection, handshake = pings.connection(), answered(client)
    came = pings.ping()
    assert abs(answered(client) - handshake) < 0.02  # It is not answered yet.
    time.sleep(0.3)  # The same for the ping.
    connection.send(reply(-2))
    client.tell("get /a")
    assert client.hears("get") == "0"  # The answer to the ping was in front.
    assert came - 0.1 <= answered(client) <= came + 0.02
    connection.send(reply(-2))  # An answer to no ping changes nothing.
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert answered(client) <= came + 0.02
    later = pings.ping()
    connection.send(reply(-2))
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert later - 0.1 <= answered(client) <= later + 0.02
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
    assert abs(answered(client) - handshake) < 0.02
    client.close()


def test_pings_of_an_earlier_connection_are_not_answered(steer: Steer, serve: Serve) -> None:
    pings = Pings()
    client = steer(serve(pings).hosts, timeout=TIMEOUT)
    client.hears(f"state {CONNECTED}")
    first = pings.connection()
    pings.ping()
    first.socket.shutdown(2)
    client.hears(f"state {CONNECTING}")
    client.hears(f"state {CONNECTED}")
    second, handshake = pings.connection(), answered(client)
    assert handshake >= now() - 1.0
    came = pings.ping()
    second.send(reply(-2))
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert came - 0.1 <= answered(client) <= came + 0.02
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
        assert abs(answered(client) - proved) < 0.02
        pings.ping()
    client.close()
