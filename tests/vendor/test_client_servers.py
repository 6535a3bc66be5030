"""The list of servers: which one is next, and that changing the list disturbs no request. Under AddressSanitizer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from .scripted_server import Connection, ScriptedServer, SteeredClient

CONNECTED, CONNECTING = "3", "1"
FAILS = 1

Steer = Callable[..., SteeredClient]
Serve = Callable[..., ScriptedServer]


def hospitable(connection: Connection) -> None:
    connection.begin(20000)
    connection.serve()


def test_the_current_server_is_the_callers_own_text(steer: Steer, serve: Serve) -> None:
    server = serve(hospitable)
    client = steer(server.hosts)
    client.hears(f"state {CONNECTED}")
    client.tell("server")
    assert client.hears("server ") == f"{server.hosts} own"
    client.close()


def test_a_random_device_that_gives_a_byte_at_a_time(steer: Steer, serve: Serve) -> None:
    client = steer(serve(hospitable).hosts, "shuffled")
    client.hears(f"state {CONNECTED}")
    client.close()


def test_of_two_servers_the_one_that_comes_back_is_found(steer: Steer, serve: Serve) -> None:
    first, second = serve(hospitable), serve(hospitable)
    client = steer(f"{first.hosts},{second.hosts}")
    client.hears(f"state {CONNECTED}")
    assert (first.accepted, second.accepted) == (1, 0)
    second.close()
    first.close()
    client.hears(f"state {CONNECTING}")
    again = serve(hospitable, port=first.port)
    client.hears(f"state {CONNECTED}")
    assert again.accepted == 1
    client.close()


def test_the_server_that_was_lost_is_not_the_next_one(steer: Steer, serve: Serve) -> None:
    def short(connection: Connection) -> None:
        connection.begin(20000)

    first, second = serve(short), serve(hospitable)
    client = steer(f"{first.hosts},{second.hosts}")
    for _ in range(2):
        client.hears(f"state {CONNECTED}")
    assert (first.accepted, second.accepted) == (1, 1)
    client.close()


def test_leaving_a_server_ends_what_was_outstanding_there(steer: Steer, serve: Serve) -> None:
    asked = threading.Event()

    def silent(connection: Connection) -> None:
        connection.begin(20000)
        while True:
            connection.request()
            asked.set()

    old, new = serve(silent), serve(hospitable)
    client = steer(old.hosts)
    client.hears(f"state {CONNECTED}")
    client.tell("get /a")
    assert asked.wait(30)
    client.tell(f"servers {new.hosts}")
    # Three threads say this: the last connection may be there before the command has ended. And the first one may have
    # been there before opening had returned.
    lines = (line for line in iter(lambda: client.hears(""), None) if line != "opened 1")
    said = [next(lines) for _ in range(4)]
    assert sorted(said) == sorted(["get -4", "servers 0", f"state {CONNECTING}", f"state {CONNECTED}"])
    assert said.index(f"state {CONNECTED}") > max(said.index("get -4"), said.index(f"state {CONNECTING}"))
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert (old.accepted, new.accepted) == (1, 1)
    client.close()


def test_changing_the_list_while_no_server_is_there(
    link_program: Callable[..., Path], serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list is used, and logged after each round, while another thread replaces it: under ThreadSanitizer."""
    monkeypatch.setenv("TSAN_OPTIONS", "exitcode=0")
    server = serve(hospitable)
    server.close()
    client = SteeredClient(link_program("steered_client.c", "thread"), server.hosts, 60)
    try:
        client.hears("opened 1")
        for number in range(50):
            client.tell(f"servers 127.0.0.1:{server.port},127.0.0.1:{1 + number}")
            assert client.hears("servers ") == "0"
            client.tell("server")
            client.hears("server ")
        log = client.close()
    finally:
        client.end()
    # zookeeper_close() sets a flag that the I/O thread looks at; nothing else may be shared without a lock.
    assert [line for line in log.splitlines() if line.startswith("SUMMARY") and "zookeeper_close" not in line] == []


def test_a_name_server_that_fails_costs_no_session(steer: Steer, serve: Serve) -> None:
    server = serve(hospitable)
    client = steer(server.hosts)
    client.hears(f"state {CONNECTED}")
    client.tell("delay 0")  # a look-up at every turn of the loop
    client.tell(f"resolver {FAILS}")
    for _ in range(3):
        client.tell("get /a")
        assert client.hears("get") == "0"
    client.tell("failures")
    assert int(client.hears("failures")) > 0
    client.tell("servers other.invalid:2181")
    assert client.hears("servers ") != "0"
    client.tell("servers ")
    assert client.hears("servers ") == "-8"
    client.tell("get /a")
    assert client.hears("get") == "0"
    assert server.accepted == 1
    client.close()


def test_a_look_up_that_failed_waits_for_its_time(steer: Steer, serve: Serve) -> None:
    client = steer(serve(hospitable).hosts, timeout=20000)
    client.hears(f"state {CONNECTED}")
    client.tell("delay 1")
    client.tell(f"resolver {FAILS}")
    client.tell("get /a")
    client.hears("get")
    client.tell("failures")
    while client.hears("failures") == "0":
        client.tell("get /a")
        client.hears("get")
        client.tell("failures")
    client.tell("delay 3600000")
    client.tell("failures")
    before = client.hears("failures")
    for _ in range(3):
        client.tell("get /a")
        client.hears("get")
    client.tell("failures")
    # One may have been under way when the delay was set.
    assert int(client.hears("failures")) <= int(before) + 1
    client.close()


def test_a_name_server_that_is_silent_keeps_no_thread_waiting(steer: Steer, serve: Serve) -> None:
    server = serve(hospitable)
    client = steer(server.hosts)
    client.hears(f"state {CONNECTED}")
    client.tell("delay -1")
    client.tell("silent")
    assert client.hears("server ").startswith(server.hosts)
    assert client.hears("servers ") == "0"
    client.close()
