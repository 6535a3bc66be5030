"""``zkc bench`` and ``zkc latency``."""

from __future__ import annotations

import signal

import pytest

import zkc
from zkc.cli._exit import CommandError
from zkc.cli.health.bench import _scratch


def test_a_bench_measures_and_removes_its_znodes(cli, client):
    found = cli("bench", "--time", "1s", "--clients", "2", "--znodes", "10", "--json").json
    assert {each["operation"] for each in found["operations"]} == {"read", "write"}
    assert all(each["count"] > 0 and each["p99_ms"] > 0 for each in found["operations"])
    assert found["errors"] == {}
    assert client.children("/") == []


def test_a_bench_without_time_is_refused(cli, client):
    assert "--time is 0" in cli("bench", "--time", "0s", code=2).err
    assert client.children("/") == []


def test_an_interrupted_bench_removes_its_znodes(start_cli, client, eventually):
    process = start_cli("bench", "--time", "60")
    eventually(lambda: client.children("/"))
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert client.children("/") == []


def test_an_interrupt_before_the_reply_to_the_creation_leaves_no_znode(client, monkeypatch):
    create = client.create

    def interrupted(*arguments, **options):
        create(*arguments, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(client, "create", interrupted)
    with pytest.raises(KeyboardInterrupt), _scratch(client, "/"):
        pytest.fail("the bench has begun")
    assert client.children("/") == []


def test_an_error_of_the_removal_names_what_is_left(client, monkeypatch):
    def lost(path):
        raise zkc.ConnectionLossError(path=path, operation="delete_tree")

    monkeypatch.setattr(client, "delete_tree", lost)
    monkeypatch.setattr(client, "retry", lambda call, *arguments: call(*arguments))
    with pytest.raises(CommandError) as caught, _scratch(client, "/"):
        pass
    (left,) = client.children("/")
    assert f"/{left} may still be there: zkc rm -r /{left} deletes it" in str(caught.value)
    assert (caught.value.exit_code, caught.value.name, caught.value.path) == (6, "connection_loss", f"/{left}")


def test_a_bench_asks_unless_the_servers_are_here(cli, cli_environment):
    cli_environment["ZKC_SERVERS"] = "zk.example:2181"
    assert "load zk.example:2181" in cli("bench", code=9).err


def test_a_bench_is_refused_for_a_read_only_profile(cli):
    assert cli("bench", "--read-only", "--json", code=9).error["error"] == "read_only"


@pytest.mark.parametrize("options", [["--dry-run"], ["--dry-run", "--read-only"]])
def test_a_dry_run_of_latency_writes_nothing(cli, client, options):
    before = client.exists("/").cversion
    ended = cli("latency", "--write", "--count", "3", "--json", *options)
    assert [each["operation"] for each in ended.json] == ["read"]
    assert "writes are not measured" in ended.err
    assert client.exists("/").cversion == before


def test_the_latency_of_each_server_is_told_and_a_missing_one_named(cli, cli_environment, client):
    servers = cli_environment["ZKC_SERVERS"]
    address, _, chroot = servers.partition("/")
    found = cli("latency", "--write", "--count", "10", "--json").json
    assert [(each["server"], each["operation"]) for each in found] == [(address, "read"), (address, "write")]
    cli_environment["ZKC_SERVERS"] = f"127.0.0.1:1,{address}/{chroot}"
    found = cli("latency", "--count", "10", "--timeout", "3", "--json", code=8).json
    assert found[0]["server"] == "127.0.0.1:1"
    assert "connection refused" in found[0]["error"]
    assert found[1]["p50_ms"] > 0
