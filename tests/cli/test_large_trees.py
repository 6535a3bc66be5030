"""Large trees: what is counted agrees, memory is bounded, and Ctrl-C ends within a second."""

from __future__ import annotations

import os
import signal
import time

import pytest

_MOST_MEMORY = (
    300 << 10
)  # KiB: the walk holds a few ten thousand znodes, however many there are. 214 MB were seen once.


def _plant(client, branches, leaves):
    """Create ``branches`` znodes with so many children; return the number of all."""
    client.create("/big")
    client.create_many((f"/big/{number:04d}" for number in range(branches)), timeout=600)
    for first in range(0, branches, 20):
        paths = (f"/big/{number:04d}/leaf-{leaf:05d}"
                 for number in range(first, min(first + 20, branches)) for leaf in range(leaves))  # fmt: skip
        client.create_many(((path, b"0123456789") for path in paths), timeout=600)
    return 1 + branches + branches * leaves


def _run(start_cli, *arguments):
    """Run a command to its end; return its stdout and the largest memory that it had, in KiB."""
    process = start_cli(*arguments, "--timeout", "60")
    out = process.stdout.read()
    assert process.stderr.read() == b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return out, process.returncode, usage.ru_maxrss


def _check(start_cli, count, branches, leaves):
    out, code, memory = _run(start_cli, "du", "-L", "0", "/big")
    assert (out, code) == (f"{branches * leaves * 10}\t{count}\t0\t/big\n".encode(), 0)
    assert memory < _MOST_MEMORY
    out, code, memory = _run(start_cli, "find", "/big", "--name", "leaf-00007")
    assert (len(out.splitlines()), code) == (branches, 0)
    assert memory < _MOST_MEMORY
    out, code, memory = _run(start_cli, "grep", "-l", "nothing", "/big")
    assert (out, code) == (b"", 1)
    assert memory < _MOST_MEMORY
    out, _, _ = _run(start_cli, "count", "/big")
    assert out == f"{count - 1}\n".encode()


def _interrupt(start_cli, start_seconds, *arguments):
    """Check that Ctrl-C in the middle ends a command within a second."""
    process = start_cli(*arguments, "--progress", "json", "--timeout", "60")
    process.stderr.readline()  # It is on its way, for half a second.
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=20)
    seconds = time.monotonic() - began
    assert seconds < 1.0 + start_seconds()
    assert process.returncode == 130


def test_a_large_tree_is_summed_up_in_little_memory(start_cli, client):
    count = _plant(client, 40, 500)
    _check(start_cli, count, 40, 500)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_a_tree_of_1_000_000_znodes_is_read_in_little_memory(start_cli, start_seconds, cli_environment):
    from zkc import Client
    from zkc.testing import ZooKeeperServer

    with ZooKeeperServer(heap="3g") as server, Client(server.hosts, session_timeout=30, request_timeout=600) as client:
        cli_environment["ZKC_SERVERS"] = server.hosts
        count = _plant(client, 1000, 1000)
        _check(start_cli, count, 1000, 1000)
        for command in (("du", "/big"), ("find", "/big", "--empty"), ("grep", "nothing", "/big")):
            _interrupt(start_cli, start_seconds, *command)
