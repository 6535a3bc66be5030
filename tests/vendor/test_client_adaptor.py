"""The adaptor that drives libzookeeper: its I/O thread, how it is woken, when it rests, how it ends.

For our adaptor (src/adaptor/adaptor.c), and where nothing is said for libzookeeper's own as well (ZKC_ADAPTOR=stock).
Under AddressSanitizer, which finds leaks too.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

import pytest

import build as vendor_build
from .adaptor_support import CONNECTED, CONNECTING, EXPIRED, Serve, Start, answered, assert_rests, hospitable, swallow
from .scripted_server import SASL, Connection, SteeredClient, packet

OWN = vendor_build.adaptor() == "own"
own_only = pytest.mark.skipif(not OWN, reason="libzookeeper's own adaptor does not do that")


# --- waking -----------------------------------------------------------------------------------------------------------


def test_calls_from_many_threads_are_all_answered(start: Start, serve: Serve) -> None:
    client = start(serve(hospitable).hosts)
    client.tell("calls 8 1250")
    answered(client, 10_000)
    client.close()


def test_a_thread_that_is_awake_is_not_woken(start: Start, serve: Serve) -> None:
    client = start(serve(hospitable).hosts)
    client.tell("held 1000")
    client.hears("holding")
    client.tell("")
    assert client.hears("wakes") == ("0" if OWN else "1000")
    answered(client, 1001)  # no wake-up was lost
    client.close()


def test_a_call_from_a_completion_wakes_no_thread(start: Start, serve: Serve) -> None:
    client = start(serve(hospitable).hosts)
    client.tell("chain 300")
    # The first comes from another thread.
    assert int(client.hears("wakes")) <= 1 if OWN else client.hears("wakes") == "300"
    answered(client, 300)
    client.close()


# --- resting ----------------------------------------------------------------------------------------------------------


def test_an_idle_session_rests(start: Start, serve: Serve) -> None:
    client = start(serve(hospitable).hosts, timeout=2000)
    assert_rests(client)
    client.close()


def test_who_waits_for_a_dead_server_rests(start: Start, serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        # No program accepts, and when the queue is full the system answers no connection.
        fill = [socket.socket() for _ in range(4)]
        for sock in fill:
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        client = start(f"127.0.0.1:{listener.getsockname()[1]}", connected=False)
        client.hears("opened 1")
        client.tell("sets 10 10")
        client.hears("sent")
        assert_rests(client)
        client.close()
        for sock in fill:
            sock.close()


def test_who_waits_for_a_session_rests(start: Start, serve: Serve) -> None:
    client = start(serve(lambda connection: connection.receive() and connection.receive()).hosts, connected=False)
    client.hears("opened 1")
    client.tell("sets 10 10")
    client.hears("sent")
    assert_rests(client)
    client.close()


@own_only
def test_who_waits_for_sasl_rests(steer: Callable[..., SteeredClient], serve: Serve) -> None:
    asked = threading.Event()

    def script(connection: Connection) -> None:
        connection.begin(20000)
        _, kind, _ = connection.request()
        assert kind == SASL
        asked.set()
        connection.request()

    client = steer(serve(script).hosts, "sasl", timeout=20000)
    assert asked.wait(30)
    client.tell("get /a")  # waits for the authentication; libzookeeper wants to write it all the time
    client.tell("server")
    client.hears("server")
    assert_rests(client)
    client.close()


@own_only
def test_who_hears_of_a_lost_connection_finds_it_lost(start: Start, serve: Serve) -> None:
    gone = serve(hospitable)
    client = start(gone.hosts)
    assert client.hears("seen") == CONNECTED
    gone.close()
    assert client.hears("state") == CONNECTING
    assert client.hears("seen") == "0"
    client.close()


# --- beginning and end ------------------------------------------------------------------------------------------------


def test_a_handle_without_a_thread(start: Start, serve: Serve) -> None:
    client = start(serve(hospitable).hosts)
    client.tell("unthreaded")
    assert client.hears("unthreaded") == "1"
    client.tell("calls 1 10")
    answered(client, 10)
    client.close()


def expired(connection: Connection) -> None:
    connection.receive()
    connection.send(packet(struct.pack(">iiqi", 0, 0, 0, 16) + bytes(17)))


def test_the_threads_of_a_session_that_expired_are_ended_with_it(start: Start, serve: Serve) -> None:
    def script(connection: Connection) -> None:
        if server.accepted % 2 == 1:
            connection.begin(20000)
        else:
            expired(connection)

    server = serve(script)
    client = start(server.hosts)
    for turn in range(5):
        if turn > 0:
            client.tell("open")
        client.hears(f"state {EXPIRED}")
        client.tell("close")
        client.hears("closed")
    client.tell("threads")
    assert client.hears("threads") == "0"
    client.close()


@own_only
def test_a_call_that_meets_the_end_of_the_session_is_answered(start: Start, serve: Serve) -> None:
    def script(connection: Connection) -> None:
        if server.accepted == 1:
            connection.begin(20000)
        else:
            expired(connection)

    server = serve(script)
    client = start(server.hosts)
    client.hears(f"state {EXPIRED}")
    for _ in range(3):
        client.tell("straggler")
        assert client.hears("accepted") == "0"
        assert client.hears("answered") == "1"
        assert client.hears("failed") == "1"
    client.close()


@own_only
def test_completions_run_when_the_handle_is_closed(start: Start, serve: Serve) -> None:
    client = start(serve(swallow).hosts)
    client.tell("sets 500 10")
    client.hears("sent")
    client.tell("close")
    assert client.hears("closed") == "500"
    client.tell("threads")
    assert client.hears("threads") == "0"
    client.close()


@pytest.mark.parametrize("count", [1, pytest.param(300, marks=own_only)])
def test_a_completion_closes_the_handle(start: Start, serve: Serve, count: int) -> None:
    ended = threading.Event()

    def script(connection: Connection) -> None:
        try:
            hospitable(connection)
        finally:
            ended.set()

    client = start(serve(script).hosts)
    client.tell(f"within {count}")
    client.hears("answered")
    client.hears("failed")
    assert client.hears("within") == "1"
    assert ended.wait(30)  # it said goodbye
    client.tell("open")
    client.hears(f"state {CONNECTED}")
    client.tell("calls 1 10")
    answered(client, 10)
    client.close()


def test_handles_that_are_closed_while_their_thread_is_busy(start: Start, serve: Serve) -> None:
    client = start(serve(hospitable).hosts)
    for _ in range(50):
        client.tell("sets 100 10")
        client.hears("sent")
        client.tell("close")
        client.hears("closed")
        client.tell("open")
        client.hears(f"state {CONNECTED}")
    client.close()
