"""A command fails about one --timeout after the last reply, whatever it was about to repeat."""

from __future__ import annotations

import json
import os
import signal

import pytest

import zkc
from zkc.cli._patience import Patience
from zkc.testing import ZooKeeperServer

_TIMEOUT = 8.0


@pytest.fixture
def own_server():
    """A server that a test may stop or freeze."""
    with ZooKeeperServer() as server:
        yield server


@pytest.fixture
def to_own(own_server):
    """A client of that server."""
    with zkc.Client(own_server.hosts) as client:
        yield client


def _count_attempts(client, patience, call, attempts):
    def attempt():
        attempts.append(call)
        return call()

    return patience.repeat(attempt)


def test_no_attempt_begins_without_a_connection(own_server, to_own):
    attempts = []
    own_server.stop()
    patience = Patience(to_own, 1.5)
    with pytest.raises((zkc.ConnectionLossError, zkc.OperationTimeoutError), match="get_children '/'"):
        _count_attempts(to_own, patience, lambda: to_own.children("/", timeout=0.5), attempts)
    assert len(attempts) <= 2, "the first may have been sent before the loss, and fails at once"
    assert patience.is_over


def test_an_attempt_begins_when_the_connection_is_there_again(own_server, to_own):
    attempts = []

    def call():
        if len(attempts) == 1:
            own_server.restart()
            raise zkc.ConnectionLossError(operation="get", maybe_applied=False)
        return to_own.children("/")

    assert _count_attempts(to_own, Patience(to_own, 60.0), call, attempts) == ["zookeeper"]
    assert len(attempts) == 2


@pytest.mark.parametrize("command", ["ls /", "ls -R /", "set /a -d x"])
def test_a_command_fails_once_when_the_server_hangs(cli, cli_environment, own_server, to_own, command):
    """`ls` began its whole wait three times, and told the failure of a read that was not asked for."""
    cli_environment["ZKC_SERVERS"] = own_server.hosts
    to_own.create("/a")
    script = f"exists /a\n!kill -STOP {own_server.pid}\n!date +%s >&2\n{command}\n!date +%s >&2\n"
    options = ("--json", "--timeout", str(_TIMEOUT), "--session-timeout", "10", "-k")
    try:
        lines = cli("shell", *options, input=script.encode(), code=8).err.splitlines()
    finally:
        os.kill(own_server.pid, signal.SIGCONT)
    began, ended = (int(line) for line in lines if line.isdigit())
    assert ended - began < 2 * _TIMEOUT, "as long as two waits"
    [error] = [json.loads(line) for line in lines if line.startswith("{")]
    assert error["operation"] in ("get_children", "get", "set")
