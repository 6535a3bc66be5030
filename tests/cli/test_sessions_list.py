"""``zkc sessions``, ``ephemerals`` and ``watches``: the same by AdminServer and by four-letter words."""

from __future__ import annotations

import pytest

import zkc
from zkc.cli._records import hex_text
from zkc.cli.servers._tables import below, parse_dump
from zkc.testing import ZooKeeperServer

from .fix_admin import admin_ports


@pytest.fixture(params=["admin", "words"])
def watching(request, admin_ensemble, cli_environment):
    """A client with ephemerals and watches below a chroot of its own, and the commands with the same chroot."""
    chroot = admin_ensemble.new_chroot()
    cli_environment["ZKC_SERVERS"] = chroot
    cli_environment["ZKC_ADMIN_PORT"] = admin_ports(admin_ensemble) if request.param == "admin" else "1"
    cli_environment["ZKC_TIMEOUT"] = "50"
    with zkc.Client(chroot) as client:
        client.create("/a", ephemeral=True)
        client.create("/b c", ephemeral=True)
        client.create("/plain")
        client.get("/plain", watch=lambda _: None)
        # The commands may ask another server than this client's, and a follower learns of a change a moment later.
        for member in admin_ensemble.members:
            with zkc.Client(member.hosts) as other:
                other.sync()
        yield client


def test_a_session_has_its_client_and_its_server(watching, cli):
    session = hex_text(watching.session_id)
    (found,) = [each for each in cli("sessions", "--json").json if each["session"] == session]
    assert found["server"] in watching.hosts
    assert found["client"].startswith("127.0.0.1:")
    assert found["timeout_ms"] == int(watching.negotiated_timeout * 1000)
    assert found["established"].endswith("Z")


def test_ephemerals_have_their_owner(watching, cli):
    session = hex_text(watching.session_id)
    assert len(cli("ephemerals").lines) == 2
    found = cli("ephemerals", "--json").json
    assert [(each["path"], each["session"]) for each in found] == [("/a", session), ("/b c", session)]
    assert found[0]["client"].startswith("127.0.0.1:")
    assert len(cli("ephemerals", "--session", session).lines) == 2
    assert cli("ephemerals", "--session", "0x123").out == b""
    assert cli("ephemerals", "/a").lines[0].startswith("/a\t")
    assert "no session id" in cli("ephemerals", "--session", "none", code=2).err


def test_watches_have_their_session_and_path(watching, cli):
    session = hex_text(watching.session_id)
    (line,) = cli("watches", "--session", session).lines
    assert line.split("\t")[1:] == [session, "/plain"]
    assert cli("watches", "/none").out == b""
    summary = cli("watches", "--summary", "--json").json
    assert len(summary) == 3
    assert sum(each["watches"] for each in summary) >= 1


def test_without_any_list_the_tree_is_read(cli, cli_environment):
    with ZooKeeperServer(config={"4lw.commands.whitelist": "srvr"}, start_timeout=110) as server:
        cli_environment["ZKC_SERVERS"] = server.hosts
        with zkc.Client(server.hosts) as client:
            client.create("/e", ephemeral=True)
            ended = cli("ephemerals", "--json")
            assert ended.json == [
                {"path": "/e", "session": hex_text(client.session_id), "server": None, "client": None}
            ]
            assert "reading the tree" in ended.err


def test_a_path_with_a_newline_in_an_answer_stays_one_path():
    answer = (
        "SessionTracker dump:\nSession Sets (1)/(1):\n1 expire at Sat Nov 28 22:30:53 UTC 2026:\n\t0x1000\n"
        "ephemeral nodes dump:\nSessions with Ephemerals (2):\n0x1000:\n\t/a\nb\n\t/c\n0x1001:\n\t/d\n"
        "Connections dump:\nConnections Sets (1)/(1):\n"
    )
    assert parse_dump(answer) == ({"0x1000"}, {"0x1000": ["/a\nb", "/c"], "0x1001": ["/d"]})


def test_paths_outside_of_the_chroot_are_none():
    assert below("/app/x", "/app") == "/x"
    assert below("/app", "/app") == "/"
    assert below("/apple", "/app") is None
    assert below("/x", "/") == "/x"
