"""Large trees: what is counted agrees, memory is bounded, and Ctrl-C ends at once."""

from __future__ import annotations

import signal

import pytest

from .cut_support import HoldingLink

_MOST_MEMORY = 100 << 10  # KiB: the walk holds a few ten thousand znodes, however many there are.
_WALKS = [("du", "/big"), ("find", "/big", "--empty"), ("grep", "nothing", "/big")]


def _plant(client, branches, leaves):
    """Create ``branches`` znodes with so many children; return the number of all."""
    client.create("/big")
    client.create_many((f"/big/{number:04d}" for number in range(branches)), timeout=600)
    for first in range(0, branches, 20):
        paths = (f"/big/{number:04d}/leaf-{leaf:05d}"
                 for number in range(first, min(first + 20, branches)) for leaf in range(leaves))  # fmt: skip
        client.create_many(((path, b"0123456789") for path in paths), timeout=600)
    return 1 + branches + branches * leaves


def _check(measured, count, branches, leaves):
    def run(*arguments):
        ended, memory = measured(*arguments, "--timeout", "60")
        assert ended.err == ""
        assert memory < _MOST_MEMORY
        return ended.out, ended.code

    assert run("du", "-L", "0", "/big") == (f"{branches * leaves * 10}\t{count}\t0\t/big\n".encode(), 0)
    out, code = run("find", "/big", "--name", "leaf-00007")
    assert (len(out.splitlines()), code) == (branches, 0)
    assert run("grep", "-l", "nothing", "/big") == (b"", 1)
    assert run("count", "/big") == (f"{count - 1}\n".encode(), 0)


def _interrupt(start_cli, hosts, environment, *arguments):
    """Check that Ctrl-C in the middle ends a command at once: it does not wait for the replies, which do not come."""
    address, slash, chroot = hosts.partition("/")
    with HoldingLink(int(address.rpartition(":")[2]), b"/big/0020") as link:
        environment["ZKC_SERVERS"] = f"{link.hosts}{slash}{chroot}"
        process = start_cli(*arguments, "--progress", "json", "--timeout", "600")
        link.wait_until_held()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_large_tree_is_summed_up_in_little_memory(measured, client):
    count = _plant(client, 40, 500)
    _check(measured, count, 40, 500)


@pytest.mark.parametrize("command", _WALKS, ids=" ".join)
def test_ctrl_c_ends_a_walk_whose_replies_do_not_come(start_cli, cli_environment, client, hosts, command):
    _plant(client, 40, 5)
    _interrupt(start_cli, hosts, cli_environment, *command)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_a_tree_of_1_000_000_znodes_is_read_in_little_memory(measured, start_cli, cli_environment):
    from zkc import Client
    from zkc.testing import ZooKeeperServer

    with ZooKeeperServer(heap="3g") as server, Client(server.hosts, session_timeout=30, request_timeout=600) as client:
        cli_environment["ZKC_SERVERS"] = server.hosts
        count = _plant(client, 1000, 1000)
        _check(measured, count, 1000, 1000)
        for command in _WALKS:
            _interrupt(start_cli, server.hosts, cli_environment, *command)
