"""``zkc config`` and ``zkc reconfig``: the members of an ensemble."""

from __future__ import annotations

import re

import pytest

from zkc.cli.servers.config import client_address, parse_config
from zkc.testing import Ensemble


@pytest.fixture(scope="module")
def trio():
    # Two members are a quorum with and without the third, which comes and goes.
    with Ensemble(3, start_timeout=110) as ensemble:
        yield ensemble


@pytest.fixture
def as_super(trio, cli_environment, tmp_path):
    """The options of the super user."""
    cli_environment["ZKC_SERVERS"] = trio.hosts
    cli_environment["ZKC_TIMEOUT"] = "50"
    trio.wait_ready(110)
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text("super\n")
    return ["--auth", f"digest:super:{file}"]


def ids(ended):
    return [member["id"] for member in ended.json["members"]]


def change(cli, expected, *arguments):
    """Run a reconfiguration until it is done: under load its connection may be lost before the answer."""
    lost = False
    for _ in range(5):
        if lost and ids(cli("config", "--json")) == expected:
            return
        ended = cli("reconfig", *arguments, "--yes", "--json", code=None)
        if ended.code == 0:
            assert ids(ended) == expected
            return
        # A change that was applied before can be refused the second time: there is nothing left to remove.
        assert ended.code == 6 or (lost and ended.code == 2), ended.err
        lost = True
    pytest.fail(ended.err)


def test_the_members_are_listed(trio, as_super, cli):
    assert ids(cli("config", "--json")) == [1, 2, 3]
    assert cli("config", "-c").text == trio.hosts + "\n"
    raw = cli("config", "--raw").text
    assert cli("config", "--raw", "--json").json == raw
    assert cli("config", "-c", "--json").json == cli("config", "-c").lines[0]
    assert raw.count("server.") == 3
    assert re.search(r"^version=[0-9a-f]+$", raw, re.MULTILINE)
    rows = [line.split("\t") for line in cli("config").lines]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        (str(member.id), "participant", member.hosts) for member in trio.members
    ]


def test_a_member_is_removed_and_added(trio, as_super, cli):
    spec = next(line for line in cli("config", "--raw").lines if line.startswith("server.3="))
    planned = cli("reconfig", "--remove", "3", "--dry-run")
    assert planned.lines[0] == "would change the members of the ensemble: remove 3 (3 members before, 2 after)"
    assert cli("reconfig", "--remove", "3", *as_super, "--json", code=9).error["error"] == "unconfirmed"
    assert ids(cli("config", "--json")) == [1, 2, 3]
    version = cli("config", "--json").json["version"]
    change(cli, [1, 2], "--remove", "3", *as_super)
    change(cli, [1, 2, 3], "--add", spec, *as_super)
    trio.wait_ready(110)
    foretold = cli("reconfig", "--add", spec, "--version", version, "--dry-run", "--json", code=4)
    ended = cli("reconfig", "--add", spec, "--version", version, "--yes", *as_super, "--json", code=4)
    assert foretold.error["error"] == ended.error["error"]
    assert ended.error["error"] == "bad_version"


def test_all_members_come_from_a_list_or_a_file(trio, as_super, cli):
    lines = cli("config", "--raw").text
    ended = cli("reconfig", "--file", "-", "--dry-run", *as_super, input=lines.encode())
    assert "no difference" in ended.lines[0]
    members = ",".join(line for line in lines.splitlines() if line.startswith("server."))
    assert "no difference" in cli("reconfig", "--members", members, "--dry-run").text
    change(cli, [1, 2, 3], "--members", members, *as_super)


def test_what_cannot_be_is_refused(trio, as_super, cli):
    assert cli("reconfig", "--remove", "3", "--yes", "--json", code=5).error["error"] == "no_auth"
    assert "there is no member '9'" in cli("reconfig", "--remove", "9", code=2).err
    assert "a member is server.ID" in cli("reconfig", "--add", "zk4:2888:3888", code=2).err
    assert cli("reconfig", code=2).out == b""
    assert cli("reconfig", "--remove", "1", "--members", "server.1=a:1:1;1", code=2).out == b""
    assert cli("reconfig", "--remove", "3", "--read-only", "--yes", code=9).out == b""
    assert ids(cli("config", "--json")) == [1, 2, 3]


def test_a_standalone_server_has_no_members(cli):
    assert cli("config", "--json").json["members"] == []
    assert "names no address" in cli("config", "-c", code=1).err


def test_configurations_of_all_forms_are_read():
    text = (
        "server.1=zk1:2888:3888:participant;0.0.0.0:2181\nserver.2=zk2:2888:3888:observer;2182\n"
        "server.3=[::1]:2888:3888;[::]:2183\nserver.4=zk4:2888:3888|zk5:2888:3888;10.0.0.4:2184\n"
        "server.5=zk5:2888:3888\nversion=100000000\n"
    )
    members, version = parse_config(text)
    assert version == "100000000"
    assert [member["role"] for member in members] == ["participant", "observer", *["participant"] * 3]
    assert list(map(client_address, members)) == ["zk1:2181", "zk2:2182", "[::1]:2183", "10.0.0.4:2184", None]
