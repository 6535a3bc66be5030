"""Helpers of the tests of the adaptor and of the transport: servers, and looks at adaptor_client.c."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from .scripted_server import Connection, ScriptedServer, SteeredClient

CONNECTED, CONNECTING, EXPIRED = "3", "1", "-112"
PATTERN = bytes(i % 251 for i in range(1 << 20))
TICKS = os.sysconf("SC_CLK_TCK")

Start = Callable[..., SteeredClient]
Serve = Callable[..., ScriptedServer]


def hospitable(connection: Connection) -> None:
    """Accept the session and serve it."""
    connection.begin(20000)
    connection.serve()


def swallow(connection: Connection) -> None:
    """Accept the session, and answer nothing but pings."""
    connection.begin(20000)
    while True:
        connection.request()


def answered(client: SteeredClient, count: int) -> None:
    """Wait until so many calls are answered, all of them well."""
    assert client.hears("answered") == str(count)
    assert client.hears("failed") == "0"


def assert_rests(client: SteeredClient) -> None:
    """Check that there is nothing that the client does over and over: its threads need next to no time."""
    stat = Path(f"/proc/{client.pid}/stat")
    # The work it had at the last notice: over when it rests for the length of a look.
    for _ in range(40):
        before = sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))
        time.sleep(0.5)  # The length of a look: it measures what the client does in that time.
        used = sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13])) - before
        if used / TICKS <= 0.02:
            return
    raise AssertionError(f"it used {used / TICKS} s of CPU in half a second, and again and again")
