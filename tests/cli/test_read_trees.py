"""``zkc tree``, ``du``, ``wide``, and what all reading commands do when connections break."""

from __future__ import annotations

import signal

import pytest

import zkc

from .cut_support import CuttingLink


@pytest.fixture
def made_tree(client):
    """A tree whose sums are easily counted by hand."""
    client.create("/a", b"12")
    client.create_many([(f"/a/{name}", b"x" * size) for name, size in (("one", 100), ("two", 20), ("three", 3))])
    client.create("/a/one/deep", b"x" * 1000)
    client.create("/b")
    client.create_many((f"/b/{number:02d}", b"") for number in range(12))
    client.create("/b/00/e", b"1", ephemeral=True)


def test_tree_draws_lines(cli, client, made_tree):
    assert cli("tree", "/a", "--size").text == (
        "/a [2 B]\n"
        "├── one [100 B]\n"
        "│   └── deep [1.0 kB]\n"
        "├── three [3 B]\n"
        "└── two [20 B]\n"
    )  # fmt: skip
    assert cli("tree", "-L", "1", "/").text == "/\n├── a … 3 children\n└── b … 12 children\n"
    client.set("/a", b"line\nnext")
    client.set("/a/two", b"\xff\x00")
    assert cli("tree", "--data", "-L1", "/a").lines[0] == "/a = line\\nnext"
    assert cli("tree", "--data", "-L1", "/a").lines[-1] == "└── two = ff 00 (2 B)"
    assert cli("tree", "/b/00").text == "/b/00\n└── e (ephemeral)\n"
    records = cli("tree", "/a", "--json", "--data").json
    assert [(each["path"], each["depth"]) for each in records[:3]] == [("/a", 0), ("/a/one", 1), ("/a/one/deep", 2)]
    assert records[-1]["data_base64"] == "/wA="
    limited = cli("tree", "/", "--limit", "2")
    assert (len(limited.lines), "more than 2" in limited.err) == (2, True)


def test_du_agrees_with_sums_made_by_hand(cli, made_tree):
    """Scenario 13."""
    assert cli("du", "/").lines == ["1125\t5\t0\t/a", "1\t14\t1\t/b", "1126\t20\t1\t/"]
    assert cli("du", "-L", "0", "/a", "--json").json == [{"path": "/a", "bytes": 1125, "znodes": 5, "ephemerals": 0}]
    assert cli("du", "--top", "3", "/").lines == ["1126\t20\t1\t/", "1125\t5\t0\t/a", "1100\t2\t0\t/a/one"]
    assert cli("du", "--top", "2", "--by", "znodes", "/").lines == ["1126\t20\t1\t/", "1\t14\t1\t/b"]
    assert cli("du", "-L", "1", "--top", "9", "/a").lines[-1] == "3\t1\t0\t/a/three"
    words = cli("du", "-o", "human", "/").lines
    assert words[0].split() == ["bytes", "znodes", "ephemerals", "path"]
    assert words[1].split() == ["1.1", "kB", "5", "0", "/a"]


def test_wide_agrees_with_children_counted_by_hand(cli, made_tree):
    """Scenario 13."""
    assert cli("wide", "/").lines == ["12\t/b", "3\t/a", "2\t/", "1\t/a/one", "1\t/b/00"]
    assert cli("wide", "--min", "3", "/").lines == ["12\t/b", "3\t/a"]
    assert cli("wide", "--top", "1", "/", "--json").json == [{"path": "/b", "children": 12}]


def test_a_tree_with_a_closed_branch_is_read_with_one_warning(cli, client, made_tree):
    client.set_acl("/b", [zkc.ACL.digest("other", "pw"), zkc.ACL.world(zkc.Perms.ADMIN | zkc.Perms.DELETE)])
    read = cli("du", "/")
    assert read.lines == ["1125\t5\t0\t/a", "0\t1\t0\t/b", "1125\t7\t0\t/"]
    assert read.err.count("\n") == 1
    assert "1 znode may not be read" in read.err
    assert cli("tree", "-L2", "/").lines[-1] == "└── b (may not be read)"
    listed = cli("ls", "-R", "/b")
    assert listed.text == "/b\n"
    assert listed.err == "zkc: warning: 1 znode may not be read: what is below them is not listed. The first is /b\n"
    assert "/b" in cli("ls", "-R", "/", "-o", "jsonl").err


READING = [
    ("get", "/large"),
    ("get", "-s", "/a/one", "/large"),
    ("get", "--json", "/large", "/a"),
    ("stat", "/c"),
    ("exists", "/c", "/b", "--json"),
    ("ls", "/c"),
    ("ls", "-l", "--sort", "children", "/c"),
    ("ls", "-R", "--json", "/"),
    ("tree", "--data", "/"),
    ("count", "/"),
    ("du", "--top", "20", "/"),
    ("wide", "/"),
    ("find", "/", "--name", "*5*", "-l"),
    ("grep", "data 1", "/"),
]


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_reading_command_prints_the_same_when_connections_break(
    cli, cli_environment, client, hosts, made_tree, command
):
    """Scenario 4."""
    client.create("/c")
    client.create_many((f"/c/{number:04d}", f"data {number}".encode()) for number in range(2500))
    client.create_many(f"/c/{number:04d}/below" for number in range(0, 2500, 5))
    client.create("/large", bytes(range(256)) * 1000)
    server, _, root = hosts.partition("/")
    expected = cli(*command)
    assert expected.err == ""
    # The first reply is cut, then ever later ones.
    cuts = (45 + READING.index(command), 400, 3000, 20_000, 70_000)
    with CuttingLink(int(server.rpartition(":")[2]), cuts) as link:
        cli_environment["ZKC_SERVERS"] = f"{link.hosts}/{root}"
        got = cli(*command)
        assert link.cuts
    assert (got.out, got.err) == (expected.out, "")


def test_a_reader_that_leaves_ends_the_command_quietly(start_cli, client, made_tree):
    client.create_many((f"/b/more-{number:05d}", b"") for number in range(20_000))
    listing = start_cli("ls", "-R", "/")
    assert listing.stdout.readline() == b"/\n"
    listing.stdout.close()
    assert listing.wait(60) == 128 + signal.SIGPIPE
    assert listing.stderr.read() == b""


def _widen(client, count):
    client.create("/wide")
    client.create_many((f"/wide/child-{number:07d}" for number in range(count)), timeout=300)


def _check_wide(cli, count):
    """Compare what is listed with the names that were made."""
    names = [f"child-{number:07d}" for number in range(count)]
    assert cli("ls", "/wide", timeout=300).lines == names
    assert cli("ls", "-R", "/wide", timeout=300).lines[1:] == [f"/wide/{name}" for name in names]
    drawn = cli("tree", "/wide", timeout=300).lines
    assert (len(drawn), drawn[1], drawn[-1]) == (count + 1, f"├── {names[0]}", f"└── {names[-1]}")


def test_a_wide_znode_is_listed(cli, client):
    """Scenario 12, with a smaller znode."""
    _widen(client, 15_000)
    _check_wide(cli, 15_000)


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_a_znode_with_300_000_children_is_listed(cli, client):
    """Scenario 12."""
    _widen(client, 300_000)
    _check_wide(cli, 300_000)
    client.delete_tree("/wide", timeout=300)


def test_a_list_that_does_not_come_names_the_number_of_children(cli, cli_environment, client, hosts):
    """Scenario 12: something between lets no large reply pass."""
    _widen(client, 15_000)
    server, _, root = hosts.partition("/")
    with CuttingLink(int(server.rpartition(":")[2]), [100_000] * 1000) as link:
        cli_environment["ZKC_SERVERS"] = f"{link.hosts}/{root}"
        for command in ("ls", "tree"):
            ended = cli(command, "/wide", "--timeout", "5", "--json", code=6)
            assert (ended.error["error"], ended.error["num_children"]) == ("too_wide", 15_000)
            assert "15,000 children" in ended.error["message"]


def test_ctrl_c_ends_a_walk_at_once(start_cli, client, made_tree):
    client.create("/c")
    client.create_many((f"/c/{number:05d}" for number in range(30_000)), timeout=60)
    walk = start_cli("ls", "-R", "/")
    walk.stdout.readline()  # The pipe has no room for the rest.
    walk.send_signal(signal.SIGINT)
    rest = walk.stdout.read()
    assert walk.wait(60) == 130
    assert rest.count(b"\n") < 30_000
    assert b"Traceback" not in walk.stderr.read()
