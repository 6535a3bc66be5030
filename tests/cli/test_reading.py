"""Stdout of the commands that read has the result and nothing else: the same bytes on a connection that is cut."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from zkc import Client
from zkc.testing import ZooKeeperServer

from .cut_support import CuttingLink
from .reading import READING

COMMAND = [sys.executable, "-m", "zkc"]
# Bytes of replies after which a connection ends. A handshake has 41: the first request is cut, then later ones.
CUTS = (45, 700)


@pytest.fixture(scope="module")
def server():
    """A server with one tree for all commands: a process of each command takes longer than the tree."""
    with ZooKeeperServer() as server, Client(server.hosts) as client:
        client.create("/text", "needle äöü\n".encode())
        client.create("/bytes", bytes(range(256)) * 40)
        client.create("/null", None)
        client.create("/json", b'{"a": {"b": [1, 2]}}')
        client.create("/wide")
        client.create_many([(f"/wide/{number}", b"x" * number) for number in range(300)])
        yield server


@pytest.fixture
def run(cli_environment) -> Callable[..., tuple[int, bytes]]:
    def run(hosts: str, arguments: tuple[str, ...], form: str) -> tuple[int, bytes]:
        command = [*COMMAND, "-s", hosts, "-o", form, "--timeout", "30", *arguments]
        ended = subprocess.run(command, capture_output=True, env=cli_environment, timeout=90, check=False)
        assert b"Traceback" not in ended.stderr, ended.stderr.decode()
        assert ended.returncode in (0, 1), ended.stderr.decode()
        return ended.returncode, ended.stdout

    return run


@pytest.mark.parametrize("form", ["plain", pytest.param("json", marks=pytest.mark.full)])
@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_cut_connection_changes_no_byte_of_the_result(run, server: ZooKeeperServer, arguments, form):
    """Scenario 4."""
    expected = run(server.hosts, arguments, form)
    with CuttingLink(server.port, CUTS) as link:
        found = run(link.hosts, arguments, form)
        assert link.cuts >= 1
    assert found == expected
    # No log line, no banner, no progress.
    assert b"zkc:" not in found[1]


def test_every_command_that_reads_a_tree_is_in_the_list():
    from zkc.cli._table import COMMANDS

    reading = {name for name, entry in COMMANDS.items() if entry.section in ("read", "search")}
    assert reading - {arguments[0] for arguments in READING} == set()
