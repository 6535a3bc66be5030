"""``zkc status``, ``4lw``, ``admin`` and ``metrics``: every server is asked, in either way."""

from __future__ import annotations

import json

import pytest

from zkc.cli.servers import status
from zkc.testing import ZooKeeperServer

from .fix_admin import admin_ports


@pytest.fixture
def servers(admin_ensemble, cli_environment):
    """The servers of the commands, with their AdminServers."""
    cli_environment["ZKC_SERVERS"] = admin_ensemble.hosts
    cli_environment["ZKC_ADMIN_PORT"] = admin_ports(admin_ensemble)
    cli_environment["ZKC_TIMEOUT"] = "50"
    return admin_ensemble


def refused(records, what):
    return [refusal["reason"] for record in records for refusal in record["refused"] if refusal["what"] == what]


def test_status_shows_each_server_by_adminserver(servers, cli):
    """Scenario 34: by AdminServer."""
    records = cli("status", "--within", "50", "--json").json
    assert [record["server"] for record in records] == servers.hosts.split(",")
    assert sorted(record["mode"] for record in records) == ["follower", "follower", "leader"]
    assert all(record["via"] in ("admin", "4lw") and record["error"] is None for record in records)
    assert all(record["version"].count(".") == 2 and record["zxid"].startswith("0x") for record in records)
    assert all(isinstance(record[name], int) for record in records for name in ("lag", "connections", "watches"))


def test_status_shows_each_server_by_words(servers, cli, cli_environment):
    """Scenario 34: by four-letter words."""
    cli_environment["ZKC_ADMIN_PORT"] = "1"
    records = cli("status", "--within", "50", "--json").json
    assert {record["via"] for record in records} == {"4lw"}
    assert refused(records, "AdminServer") == ["refused"] * 3
    assert sorted(record["mode"] for record in records) == ["follower", "follower", "leader"]
    assert all(isinstance(record["watches"], int) for record in records)
    rows = [line.split("\t") for line in cli("status", "--within", "50").lines]
    assert [row[0] for row in rows] == servers.hosts.split(",")
    shown = cli("status", "--within", "50", "-o", "human", "--color", "never").text
    assert "AdminServer on all servers: refused" in shown


def test_a_server_that_is_down_is_a_row_with_the_reason(servers, cli):
    """Scenario 34: one server refuses connections, then it is silent. Either way the answer comes within 3 s.

    How long a machine takes is no matter of this test: the wait for servers ends by a limit of less than 3 s.
    """
    (limit,) = (option.default for option in status.command.params if option.name == "within")
    assert float(limit) < 3
    servers.wait_for_leader()
    victim = servers.followers[0]
    place = servers.members.index(victim)
    for stop, reason in ((victim.kill, "refused"), (victim.pause, "timeout")):
        stop()
        for _ in range(10):  # On a busy machine the limit may cut off an answer of the other servers, too.
            ended = cli("status", "--json", code=None)
            records = ended.json
            assert (records[place]["server"], records[place]["mode"]) == (victim.hosts, None)
            assert records[place]["error"] in (reason, "timeout")
            if records[place]["error"] == reason and [record["error"] for record in records].count(None) == 2:
                break
        else:
            pytest.fail(f"no answer has the two servers: {records}")
        assert ended.code == 8
        assert records[place]["message"]
        assert "1 of 3 servers does not serve" in ended.err
        victim.start()
        victim.wait_ready(110)


def test_a_refused_word_is_told(cli, cli_environment):
    with ZooKeeperServer(config={"4lw.commands.whitelist": "srvr"}, start_timeout=110) as server:
        cli_environment["ZKC_SERVERS"] = server.hosts
        records = cli("status", "--within", "50", "--json").json
        assert (records[0]["mode"], records[0]["watches"]) == ("standalone", None)
        assert refused(records, "mntr") == ["not_whitelisted"]
        ended = cli("4lw", "mntr", "--json", code=5)
        assert (ended.out, ended.error["error"]) == (b"", "not_whitelisted")
        assert cli("metrics", "--server", server.hosts, code=5).out == b""
        # Scenario 5: what is refused is exit 5, and its error is JSON.
        assert cli("watches", "--json", code=5).error["error"] == "not_whitelisted"


def test_no_server_at_all_is_exit_6(cli, cli_environment):
    cli_environment["ZKC_SERVERS"] = "127.0.0.1:1"
    assert cli("status", "--json", code=6).json[0]["error"] == "refused"


def test_a_word_goes_to_one_server_or_to_all(servers, cli):
    assert cli("4lw", "ruok").out == b"imok\n"
    third = servers.members[2].hosts
    assert cli("4lw", "isro", third, "--json").json == {"server": third, "word": "isro", "answer": "rw"}
    lines = cli("4lw", "ruok", "--all").lines
    assert lines == [line for host in servers.hosts.split(",") for line in (f"# {host}", "imok")]


def test_a_wrong_word_is_refused_here(cli):
    assert "four-letter word" in cli("4lw", "hello", code=2).err
    assert "no server 'zk9'" in cli("4lw", "ruok", "zk9", code=2).err
    assert "--mask" in cli("4lw", "stmk", code=2).err


def test_a_word_that_changes_something_respects_read_only(servers, cli):
    assert cli("4lw", "srst", "--read-only", "--json", code=9).error["error"] == "read_only"
    assert cli("4lw", "srst", "--dry-run").text.startswith("would reset")
    assert cli("4lw", "srst").text == "Server stats reset.\n"
    assert cli("4lw", "stmk", "--mask", "306").text == "306\n"


def test_admin_lists_and_runs_commands(servers, cli):
    assert "monitor" in cli("admin").lines
    assert cli("admin", "is_read_only", "--json").json["read_only"] is False
    assert "read_only\tno" in cli("admin", "isro").lines
    assert json.loads(cli("admin", "dump", "--json").text)["command"] == "dump"
    assert cli("admin", "nothing", "--json", code=10).error["error"] == "unknown_command"
    assert "Did you mean 'connections'" in cli("admin", "conections", code=10).err
    assert "`zkc admin` lists" in cli("admin", "zzzzzz", code=10).err
    assert cli("admin", "set_trace_mask", "--param", "traceMask=306", "--json").json["tracemask"] == 306
    assert cli("admin", "stat_reset", "--read-only", code=9).out == b""
    assert cli("admin", "ruok", "--admin-port", "1", "--json", code=6).error["error"] == "refused"
    client_port = str(servers.members[0].port)
    assert cli("admin", "ruok", "--admin-port", client_port, code=6).out == b""


def test_metrics_have_the_same_names_in_both_ways(servers, cli, cli_environment):
    def names():
        records = cli("metrics", "--json").json
        assert [record["server"] for record in records] == servers.hosts.split(",")
        return set(records[0]["metrics"])

    by_admin = names()
    cli_environment["ZKC_ADMIN_PORT"] = "1"
    by_words = names()
    assert {"znode_count", "watch_count", "avg_latency"} <= by_admin & by_words
    lines = cli("metrics", "watch_c*", "--server", servers.members[0].hosts).lines
    assert lines == [f"{servers.members[0].hosts}\twatch_count\t0"]
    assert cli("metrics", "no-such-*", code=1).out == b""


def test_the_address_of_a_server_is_named_once(cli):
    assert cli("4lw", "srvr", "-s", "127.0.0.1:1", code=6).err.count("127.0.0.1:1") == 1
    told = cli("status", "-s", "127.0.0.1:1", "-o", "human", "--color", "never", code=6).text
    assert "! 127.0.0.1:1: it refuses connections" in told
    assert "localhost:1: 127.0.0.1:1 refuses" in cli("4lw", "srvr", "-s", "localhost:1", code=6).err
