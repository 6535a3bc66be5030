"""Changes whose reply is lost: resolved where a look at the znode can, else told as uncertain."""

from __future__ import annotations

import json
import re
import signal
import threading

import pytest

from ..client.proxy_support import CREATE2, DELETE, MULTI, SET, Meddler

GET_ACL = 6


@pytest.fixture
def meddler(cli_environment, zookeeper_server, hosts):
    """A proxy before the servers of the commands."""
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        cli_environment["ZKC_SERVERS"] = proxy.hosts + hosts[hosts.index("/") :]
        yield proxy


def _lose(proxy, opcode):
    proxy.before(opcode, lambda: "lose")


def test_a_create_whose_reply_is_lost_is_told_as_uncertain(cli, client, meddler):
    for opcode in (CREATE2, 1):  # create2, and create where no stat is asked for.
        _lose(meddler, opcode)
    ended = cli("create", "/a", "--json", code=6)
    assert (ended.out, ended.error["maybe_applied"]) == (b"", True)
    assert client.exists("/a") is not None


def test_a_set_whose_reply_is_lost_is_resolved(cli, client, meddler):
    client.create("/a", b"old")
    _lose(meddler, SET)
    assert cli("set", "/a", "-d", "new", "--version", "0", "--json").json["version"] == 1
    _lose(meddler, SET)
    assert cli("set", "/a", "-d", "newer", "--json").json["version"] >= 2
    client.set("/a", b'{"list": []}')
    _lose(meddler, SET)
    cli("json", "/a", ".list", "1", "--append")
    assert client.get("/a")[0] == b'{"list": [1]}'


def test_a_deletion_whose_reply_is_lost_is_counted(cli, client, meddler):
    client.create("/a")
    _lose(meddler, DELETE)
    assert cli("rm", "/a", "--json").json == {"paths": ["/a"], "deleted": 1}


def test_a_transaction_whose_reply_is_lost_is_told_as_uncertain(cli, client, meddler):
    _lose(meddler, MULTI)
    assert cli("txn", "-", "--json", input=b"create /a\n", code=6).error["maybe_applied"] is True
    assert client.exists("/a") is not None
    meddler.before(MULTI, lambda: "drop")
    ended = cli("txn", "-", "--json", input=b"create /b\n", code=6)
    assert ended.error["maybe_applied"] is True
    assert client.exists("/b") is None


def test_a_move_whose_reply_is_lost_is_resolved(cli, client, meddler):
    client.create_many(["/a", "/a/b"], raise_errors=True)
    _lose(meddler, MULTI)
    assert cli("mv", "/a", "/new", "--json").json["moved"] == 2
    assert client.exists("/new/b") is not None
    assert client.exists("/a") is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("opcode", "said", "maybe_applied"), [
    (GET_ACL, "Nothing was moved: /a is as it was", False),
    (MULTI, "The move may have been done: all is at /new then, and nothing at /a. Look there", True),
])  # fmt: skip
def test_an_interrupted_move_says_whether_it_may_have_been_done(
    start_cli, client, meddler, number, opcode, said, maybe_applied
):
    client.create_many(["/a", "/a/b"], raise_errors=True)
    waits = threading.Event()

    def hold():
        meddler.hold()
        waits.set()

    meddler.before(opcode, hold)
    process = start_cli("mv", "/a", "/new", "--json")
    assert waits.wait(60)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    error = json.loads(err.splitlines()[-1])
    assert (process.returncode, out, error["maybe_applied"]) == (128 + number, b"", maybe_applied)
    assert error["message"] == f"interrupted. {said}"


def test_a_held_znode_is_created_again_after_an_expired_session(start_cli, client, meddler, eventually):
    process = start_cli("create", "-e", "--hold", "/a")
    assert process.stdout.readline() == b"/a\n"
    meddler.say_expired()
    session = next(found[1] for line in process.stderr if (found := re.search(rb"is in session 0x([0-9a-f]+)", line)))

    def is_there():
        stat = client.exists("/a")
        return stat is not None and f"{stat.ephemeral_owner & (1 << 64) - 1:x}" == session.decode()

    eventually(is_there)  # The command does not wait for the creation.
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
