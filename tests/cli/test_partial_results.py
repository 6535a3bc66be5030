"""A result in which something is missing: its records are printed, and with --json an error ends stderr."""

from __future__ import annotations

import json

import pytest

from zkc import ACL, Perms

_ANSWERED = ("status", "metrics", "sessions", "watches", "4lw --all srvr", "latency --count 1 --timeout 5")


@pytest.fixture
def unreadable(client):
    """A tree with a znode that the session may read the ACL of, and not the data."""
    client.create("/tree", b"")
    client.create("/tree/open", b"")
    client.create("/tree/secret", b"", acl=[ACL.world(Perms.ALL & ~(Perms.READ | Perms.WRITE))])
    return "/tree"


@pytest.mark.parametrize("command", [*_ANSWERED, "top --once --interval 200ms"])
@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_the_servers_that_did_not_answer_are_an_error_in_json(cli, cli_environment, command, form):
    server = cli_environment["ZKC_SERVERS"].partition("/")[0]
    servers = f"{server},127.0.0.1:1"
    ended = cli(*command.split(), "-s", servers, "-o", form, code=8)
    records = json.loads(ended.out) if form == "json" else [json.loads(line) for line in ended.lines]
    assert isinstance(records, list)
    assert (ended.error["error"], ended.error["exit_code"]) == ("partly", 8)
    assert (ended.error["failed"], ended.error["servers"]) == (1, 2)
    assert ended.error["message"].startswith("1 of 2 servers ")


@pytest.mark.parametrize("command", ["status", "metrics", "4lw --all srvr", "top --once --interval 200ms"])
def test_no_server_that_answers_is_an_error_in_json(cli, command):
    ended = cli(*command.split(), "-s", "127.0.0.1:1", "--json", code=6)
    assert isinstance(ended.json, list)
    assert (ended.error["error"], ended.error["exit_code"]) == ("no_connection", 6)


def test_a_person_reads_of_the_missing_once(cli, cli_environment):
    servers = f"{cli_environment['ZKC_SERVERS'].partition('/')[0]},127.0.0.1:1"
    assert cli("status", "-s", servers, code=8).err == "zkc: 1 of 2 servers does not serve\n"
    assert len(cli("metrics", "-s", servers, code=8).err.splitlines()) == 1
    assert len(cli("sessions", "-s", servers, code=8).err.splitlines()) == 1


def test_znodes_that_may_not_be_read_are_an_error_in_json(cli, unreadable, tmp_path):
    file = str(tmp_path / "tree.jsonl")
    dumped = cli("dump", unreadable, "-O", file, "--skip-unreadable", "--json", code=8)
    assert dumped.json["unreadable"] == 1
    assert (dumped.error["error"], dumped.error["exit_code"], dumped.error["unreadable"]) == ("partly", 8, 1)
    compared = cli("diff", unreadable, f"file:{file}", "--json", code=8)
    assert [record["path"] for record in compared.json] == ["/secret"]
    assert (compared.error["error"], compared.error["exit_code"], compared.error["unreadable"]) == ("partly", 8, 1)


def test_acls_that_may_not_be_changed_are_an_error_in_json(cli, client):
    client.create("/tree", b"")
    client.create("/tree/fixed", b"", acl=[ACL.world(Perms.ALL & ~Perms.ADMIN)])
    ended = cli("acl", "set", "-R", "/tree", "open", "--yes", "--json", code=8)
    assert ended.json["changed"] == 1
    assert (ended.error["error"], ended.error["exit_code"], ended.error["failed"]) == ("partly", 8, 1)


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)])
def test_found_znodes_that_stay_are_an_error_in_json(cli, client, dry_run):
    client.create("/tree", b"")
    client.create("/tree/done-1", b"")
    client.create("/tree/done-1/log", b"")
    ended = cli("find", "/tree", "--name", "done-*", "--delete", "--yes", "--json", *dry_run, code=8)
    assert (ended.error["error"], ended.error["exit_code"], ended.error["kept"]) == ("partly", 8, 1)


def test_a_script_has_one_error_for_a_result_that_is_not_whole(cli, cli_environment):
    servers = f"{cli_environment['ZKC_SERVERS'].partition('/')[0]},127.0.0.1:1"
    ended = cli("shell", "-s", servers, "--json", "-c", "status", code=8)
    assert [json.loads(line)["error"] for line in ended.err.splitlines()] == ["partly"]
    assert ended.error["statement"] == 1
