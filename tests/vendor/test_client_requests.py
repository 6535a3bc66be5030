"""Requests that are refused, interrupted or never answered.

Under AddressSanitizer, which finds leaks too.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

import pytest

from .scripted_server import (
    AUTH,
    DELETE,
    EXISTS,
    NOT_FOUND,
    SASL,
    SET_WATCHES,
    Connection,
    ScriptedServer,
    SteeredClient,
    packet,
    reply,
)

CONNECTED, CONNECTING, READ_ONLY, AUTH_FAILED, EXPIRED = "3", "1", "5", "-113", "-112"
SET = 5

Steer = Callable[..., SteeredClient]
Serve = Callable[..., ScriptedServer]


def swallow(connection: Connection) -> None:
    """Accept the session, and answer nothing but pings."""
    connection.begin(20000)
    while True:
        connection.request()


def test_a_refused_path_below_a_chroot_is_freed_once(steer: Steer, serve: Serve) -> None:
    client = steer(serve(swallow).hosts + "/root")
    client.hears(f"state {CONNECTED}")
    client.tell("multi no//path")
    assert client.hears("refused") == "-8"
    client.close()


def test_a_transaction_on_an_expired_session_below_a_chroot(steer: Steer, serve: Serve) -> None:
    def script(connection: Connection) -> None:
        if server.accepted == 1:
            connection.begin(20000)
            return
        connection.receive()  # it asks for its session, which is gone
        connection.send(packet(struct.pack(">iiqi", 0, 0, 0, 16) + bytes(17)))

    server = serve(script)
    client = steer(server.hosts + "/root")
    client.hears(f"state {EXPIRED}")
    client.tell("multi /path")
    assert client.hears("refused") == "-9"
    client.tell("interest")
    assert client.hears("interest") == "1"  # says what to poll also when there is nothing: no descriptor
    client.close()


def test_what_is_never_answered_leaks_nothing(steer: Steer, serve: Serve) -> None:
    arrived = threading.Semaphore(0)

    def script(connection: Connection) -> None:
        connection.begin(20000)
        while True:
            connection.request()
            arrived.release()

    client = steer(serve(script).hosts)
    client.hears(f"state {CONNECTED}")
    for command in ("get /a", "delete /a", "multi /a"):
        client.tell(command)
        assert arrived.acquire(timeout=30)
    client.close()


def test_sessions_that_end_while_answers_are_awaited_leak_nothing(steer: Steer, serve: Serve) -> None:
    client = steer(serve(swallow).hosts)
    client.hears(f"state {CONNECTED}")
    client.tell("sessions 30")
    assert client.hears("sessions") == "30"
    client.close()


def test_what_is_refused_at_the_end_leaks_nothing(steer: Steer, serve: Serve) -> None:
    def script(connection: Connection) -> None:
        connection.begin(20000)
        connection.serve()

    client = steer(serve(script).hosts)
    client.hears(f"state {CONNECTED}")
    client.tell("late")  # a completion that submits more until the handle is being closed
    assert client.hears("late") == "0"
    client.close()


def test_credentials_do_not_cut_a_packet_in_two(steer: Steer, serve: Serve) -> None:
    kinds: list[int] = []

    def script(connection: Connection) -> None:
        # As much as a system usually takes before the peer reads; some would take the whole.
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 128 * 1024)
        connection.begin(200000)  # no ping is answered until it goes on
        connection.socket.recv(5, socket.MSG_PEEK)  # a part is here, and the whole has no room
        begun.set()
        for may_answer in (client_is_done, set_is_answered):
            may_answer.wait(30)
            xid, kind, _ = connection.request()
            kinds.append(kind)
            connection.send(reply(xid, bytes(68)))
        connection.serve()

    # The answer to credentials overtakes others in the client: the I/O thread itself calls that completion.
    begun, client_is_done, set_is_answered = threading.Event(), threading.Event(), threading.Event()
    client = steer(serve(script).hosts, timeout=20000)
    client.hears(f"state {CONNECTED}")
    client.tell("set 8000000")
    assert begun.wait(30)
    client.tell("auth user:password")
    client.tell("server")
    client.hears("server ")
    client_is_done.set()
    assert client.hears("set") == "0"
    set_is_answered.set()
    assert client.hears("auth") == "0"
    assert kinds == [SET, AUTH]
    client.close()


def test_credentials_between_two_connections_come_first_at_the_next(steer: Steer, serve: Serve) -> None:
    kinds: list[int] = []

    def script(connection: Connection) -> None:
        connection.begin(20000)
        for _ in range(2):
            xid, kind, _ = connection.request()
            kinds.append(kind)
            connection.send(reply(xid))
        connection.serve()

    gone = serve(lambda connection: connection.begin(20000))
    client = steer(gone.hosts, timeout=20000)
    client.hears(f"state {CONNECTED}")
    gone.close()
    client.tell("lost")
    client.hears("lost")
    client.tell("auth user:password")
    assert client.hears("auth") == "-4"  # the next attempt fails
    serve(script, port=gone.port)
    client.hears(f"state {CONNECTED}")
    client.tell("delete /a")
    assert client.hears("delete") == "0"
    assert kinds == [AUTH, DELETE]
    client.close()


def test_moving_to_a_read_write_server_does_not_make_answers_up(steer: Steer, serve: Serve) -> None:
    deleting = threading.Event()

    def script(connection: Connection) -> None:
        if connection.socket.recv(4, socket.MSG_PEEK) == b"isro":
            connection.send(b"rw" if deleting.is_set() else b"ro")
            return
        connection.begin(20000, read_only=not deleting.is_set())
        while True:
            _, kind, _ = connection.request()
            if kind == DELETE:
                deleting.set()

    client = steer(serve(script).hosts)
    client.hears(f"state {READ_ONLY}")
    client.tell("delete /a")
    assert client.hears("delete") == "-4"
    client.hears(f"state {CONNECTED}")
    client.close()


@pytest.mark.parametrize("when", ["at the first step", "at a later step"])
def test_a_failed_sasl_authentication_is_reported(steer: Steer, serve: Serve, when: str) -> None:
    def script(connection: Connection) -> None:
        connection.begin(200000)  # no ping is answered until it goes on
        xid, kind, _ = connection.request()
        assert kind == SASL
        asked.wait(30)
        if when == "at a later step":
            # another token, of which PLAIN knows nothing
            connection.send(reply(xid, struct.pack(">i", 3) + b"abc"))
        else:
            connection.send(reply(xid, err=-115))
        connection.serve()

    asked = threading.Event()
    client = steer(serve(script).hosts, "sasl")
    client.hears("opened 1")
    client.tell("get /a")  # waits for the authentication
    client.tell("server")
    client.hears("server ")
    asked.set()
    said = sorted([client.hears(""), client.hears("")])
    assert said == ["get -115", f"state {AUTH_FAILED}"]
    client.close()


def test_many_watches_are_set_again_in_several_packets(steer: Steer, serve: Serve) -> None:
    count = 5000
    packets: list[bytes] = []
    complete = threading.Event()

    def script(connection: Connection) -> None:
        connection.begin(20000)
        for _ in range(count if server.accepted == 1 else 0):
            xid, kind, _ = connection.request()
            assert kind == EXISTS
            connection.send(reply(xid, err=NOT_FOUND))
        if server.accepted == 1:
            dropped.wait(30)
            return
        while sum(body.count(b"\0\0\0\x81/") for body in packets) < count:
            _, kind, body = connection.request()
            assert kind == SET_WATCHES
            packets.append(body)
        complete.set()
        connection.serve()

    dropped = threading.Event()
    server = serve(script)
    client = steer(server.hosts)
    client.hears(f"state {CONNECTED}")
    client.tell(f"watches {count}")
    assert client.hears("watches") == "0"
    dropped.set()
    assert complete.wait(30)
    assert max(map(len, packets)) < 200_000
    assert sum(body.count(b"\0\0\0\x81/") for body in packets) == count
    client.close()
