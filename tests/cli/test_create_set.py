"""``zkc create`` and ``zkc set``."""

from __future__ import annotations

import signal

import pytest

from zkc import NoNodeError
from zkc.cli import main


def test_a_create_prints_the_path(cli, client):
    assert cli("create", "/a", "-d", "text").text == "/a\n"
    assert client.get("/a")[0] == b"text"
    ended = cli("create", "/a", "--json", code=4)
    assert (ended.out, ended.error["error"], ended.error["path"]) == (b"", "node_exists", "/a")


def test_the_kinds_of_znodes_are_created(cli, client):
    assert cli("create", "-P", "/a/b/c-", "-s").text == "/a/b/c-0000000000\n"
    assert cli("create", "-s", "/a/b/").text == "/a/b/0000000001\n"
    assert cli("create", "-s", "/a/b/", "-n").text == "create\t/a/b/\n"
    assert cli("create", "-c", "/box/", "--json").json == {"path": "/box"}
    assert client.get("/a/b/c-0000000000")[0] == b""
    cli("create", "/null", "--null", "--acl", "world:anyone:ra")
    assert client.get("/null")[0] is None
    (entry,), _ = client.get_acl("/null")
    assert (entry.scheme, entry.id, int(entry.perms)) == ("world", "anyone", 17)


def test_a_dry_run_of_create_lists_the_parents_and_fails_as_the_run_would(cli, client):
    assert cli("create", "-n", "-P", "/a/b", code=0).text == "create\t/a\ncreate\t/a/b\n"
    assert client.children("/") == []
    assert cli("create", "-n", "/a/b", code=3).out == b""
    client.create("/a")
    assert cli("create", "-n", "/a", code=4).out == b""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "/a", "text"], "-d TEXT"),
        (["set", "/a", "-d", "x", "-f", "-"], "once"),
        (["set", "/a"], "missing"),
        (["set", "/a", "-f", "no-such-file"], "no-such-file"),
        (["set", "/a", "-f", ""], "the name of the file to read is empty"),
        (["set", "/a", "-d", "x", "--create", "--version", "1"], "--version"),
        (["create", "--hold", "/a"], "--hold"),
        (["create", "-e", "-c", "/a"], "ephemeral"),
    ],
)
def test_wrong_ways_to_give_data_are_told(arguments, said, capsys):
    assert main(arguments) == 2  # Before there is a connection.
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err


def test_too_large_data_are_refused(cli):
    assert "bytes" in cli("create", "/a", "-f", "-", input=b"x" * 2_000_000, code=2).err


def test_data_that_are_no_text_are_stored_as_they_are(cli, client, tmp_path):
    data = bytes(range(256))
    tmp_path.joinpath("blob").write_bytes(data)
    cli("create", "/a", "-f", str(tmp_path / "blob"))
    assert client.get("/a")[0] == data
    cli("set", "/a", "-", input=data[::-1])
    assert client.get("/a")[0] == data[::-1]


def test_a_set_of_another_version_is_a_conflict(cli, client):
    """Scenario 5."""
    client.create("/a", b"old")
    ended = cli("set", "/a", "-d", "new", "--version", "9", "--json", code=4)
    assert (ended.out, ended.error["error"], ended.error["maybe_applied"]) == (b"", "bad_version", False)
    assert client.get("/a")[0] == b"old"
    assert cli("set", "/a", "-d", "new", "--version", "0", "--json").json["version"] == 1
    assert cli("set", "/none", "-d", "x", "--json", code=3).error["code"] == -101


def test_set_creates_and_sets(cli, client):
    """Scenario 6."""
    assert cli("set", "/a", "-f", "-", "--create", input=b"x").out == b""
    assert cli("set", "/a", "-f", "-", "--create", "--json", input=b"y").json["created"] is False
    assert client.get("/a")[0] == b"y"
    assert cli("set", "/b/c", "-d", "z", "-P", "--dry-run").text == "create\t/b\ncreate\t/b/c\n"
    assert cli("set", "/b/c", "-d", "z", "-P", "--json").json["created"] is True


def test_racing_sets_create_once(start_cli, client):
    """Scenario 6."""
    racing = [start_cli("set", "/race", "-d", str(number), "--create", "--json") for number in range(4)]
    ended = [process.communicate(timeout=60) for process in racing]
    assert [process.returncode for process in racing] == [0] * 4, ended
    assert sum(b'"created": true' in out for out, _ in ended) == 1
    assert client.get("/race")[1].version == 3


def test_read_only_refuses_changes(cli, client):
    assert cli("create", "/a", "--read-only", "--json", code=9).error["error"] == "read_only"
    assert client.children("/") == []


# Of a session that a command leaves behind: longer than the tests wait for the end of one.
LASTING = ("--session-timeout", "60")


def test_an_ephemeral_without_a_hold_says_that_it_ends(cli, client, eventually):
    ended = cli("create", "-e", "/a", *LASTING)
    assert ended.text == "/a\n"
    assert "--hold" in ended.err
    eventually(lambda: client.exists("/a") is None)  # The command does not wait long for a slow server.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_hold_keeps_an_ephemeral_until_a_signal(start_cli, client, eventually, number):
    process = start_cli("create", "-e", "--hold", "/a", *LASTING)
    assert process.stdout.readline() == b"/a\n"
    assert client.exists("/a").ephemeral_owner
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    eventually(lambda: client.exists("/a") is None)


def test_a_hold_ends_when_another_client_deletes_the_znode(start_cli, client):
    process = start_cli("create", "-e", "--hold", "-s", "/a-", "--json")
    assert process.stdout.readline().startswith(b'{"path": "/a-0000000000", "ephemeral_owner": "0x')
    with_retry = client.retry(client.delete, "/a-0000000000")
    assert with_retry is None
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert b"deleted by another client" in err
    with pytest.raises(NoNodeError):
        client.get("/a-0000000000")
