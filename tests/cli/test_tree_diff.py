"""``zkc diff``: differences of trees and dumps, and exit codes."""

from __future__ import annotations

import gzip
import json

import pytest

from zkc import ACL, Client, Perms
from zkc.cli.trees._pairs import merged
from zkc.cli.trees._source import Record, key_of
from zkc.testing import ZooKeeperServer


@pytest.fixture
def trees(client):
    """Two trees with each kind of difference."""
    both = [("", b"root"), ("/same", b"1"), ("/a", b"one\ntwo\n"), ("/null", None), ("/acl", b""), ("/bin", b"\0\xff")]
    for root in ("/a", "/b"):
        client.create_many([(root + path, data) for path, data in both], raise_errors=True)
    client.create("/a/a/x", b"only in a")
    client.create("/b/a-b", b"only in b")
    client.set("/b/a", b"one\nzwei")
    client.set("/b/null", b"")
    client.set("/b/bin", b"\0\xfe")
    client.set_acl("/b/acl", [ACL.world(Perms.READ)])
    return client


CHANGES = ["changed\t/a\tdata", "removed\t/a/x\t", "added\t/a-b\t", "changed\t/bin\tdata", "changed\t/null\tdata"]


def test_exit_codes_of_a_diff(cli, trees):
    """Scenario 20."""
    assert cli("diff", "/a/same", "/b/same").out == b""
    assert cli("diff", "/a", "/b", code=1).lines == CHANGES
    assert cli("diff", "/a", "/none", "--json", code=3).error["path"] == "/none"
    assert cli("diff", "/a", "no-file", "--json", code=2).error["error"] == "no_file"
    assert cli("diff", "/a", code=2).out == b""
    assert cli("diff", "-", "-", code=2).out == b""
    assert cli("diff", "none:/a", "/a", code=2).out == b""
    assert cli("diff", "/a", "/b", "-s", "localhost:1", "--timeout", "1", code=6).out == b""


def test_a_dump_is_compared_as_the_tree_is(cli, trees, tmp_path):
    """Scenario 20."""
    file = tmp_path / "a.gz"
    cli("dump", "/a", "-O", str(file))
    assert cli("diff", f"file:{file}", "/b", code=1).lines == CHANGES
    assert cli("diff", "/b", "-", input=file.read_bytes(), code=1).lines[0] == "changed\t/a\tdata"
    assert cli("diff", f"file:{file}:/same", "/b/same").out == b""
    bare = b"".join(
        json.dumps({name: value for name, value in json.loads(line).items() if name not in ("acl", "stat")}).encode()
        + b"\n"
        for line in gzip.decompress(file.read_bytes()).splitlines()
    )
    assert cli("diff", "--acl", "-", "/a", input=bare).err.startswith("zkc: warning: 7 znodes have no ACL")
    assert cli("dump", "-", "-O", "-", input=bare).out.splitlines()[1:] == bare.splitlines()[1:]


def test_what_differs_is_shown(cli, trees):
    assert "changed\t/acl\tacl" in cli("diff", "--acl", "/a", "/b", code=1).lines
    lines = cli("diff", "--data", "/a", "/b", code=1).lines
    assert lines == [
        'changed\t/a\tdata\t"one\\ntwo\\n"\t"one\\nzwei"',
        'removed\t/a/x\t\t"only in a"\t',
        'added\t/a-b\t\t\t"only in b"',
        "changed\t/bin\tdata\tbase64:AP8=\tbase64:AP4=",
        'changed\t/null\tdata\tnull\t""',
    ]
    first, *_ = map(json.loads, cli("diff", "--data", "--acl", "/a", "/b", "-o", "jsonl", code=1).lines)
    assert (first["change"], first["path"], first["what"]) == ("changed", "/a", ["data"])
    assert (first["a"]["data"], first["b"]["data"], first["b"]["version"]) == ("one\ntwo\n", "one\nzwei", 1)
    records = {record["path"]: record for record in cli("diff", "--data", "--acl", "/a", "/b", "--json", code=1).json}
    assert records["/bin"]["a"]["data_base64"] == "AP8="
    assert (records["/null"]["a"]["data"], records["/null"]["b"]["data"]) == (None, "")
    assert records["/acl"]["b"]["acl"] == [{"scheme": "world", "id": "anyone", "perms": "r"}]
    assert records["/a/x"]["b"] is None


def test_data_are_shown_as_a_diff_of_lines(cli, trees):
    assert cli("diff", "-U", "--acl", "/a", "/b", code=1).text == (
        "--- /a/a\n+++ /b/a\n@@ -1,2 +1,2 @@\n one\n-two\n+zwei\n\\ No newline at end of data\n"
        "--- /a/a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-only in a\n\\ No newline at end of data\n"
        "--- /dev/null\n+++ /b/a-b\n@@ -0,0 +1 @@\n+only in b\n\\ No newline at end of data\n"
        "acl of /a/acl and /b/acl differ\n"
        "Binary data of /a/bin and /b/bin differ: 2 and 2 bytes\n"
        "--- /a/null\n+++ /b/null\nnull and empty data\n"
    )


def test_ephemeral_znodes_are_compared_on_request(cli, client):
    client.create_many(["/a", "/b", "/b/x"], raise_errors=True)
    client.create("/a/x", b"", ephemeral=True)
    client.create("/a/y", b"", ephemeral=True)
    ended = cli("diff", "/a", "/b", code=1)
    assert ended.lines == ["added\t/x\t"]
    assert "left out 2 ephemeral znodes" in ended.err
    assert cli("diff", "/a", "/b", "--ephemerals", code=1).lines == ["changed\t/x\ttype", "removed\t/y\t"]


def test_hidden_hashes_and_unreadable_znodes_are_no_difference(cli, client):
    ann = ACL.digest("ann", "secret")
    for root in ("/a", "/b"):
        client.create(root)
        client.create(f"{root}/x", b"", acl=[ann, ACL.world(Perms.READ | Perms.DELETE)])
    hidden = cli("diff", "--acl", "/a", "/b")
    assert hidden.err == ""  # The servers show the same on both sides.
    client.create("/a/secret", b"", acl=[ann])
    client.create("/b/secret", b"", acl=[ann])
    assert "2 znodes may not be read" in cli("diff", "/a", "/b", code=8).err


def test_the_order_of_a_merge_is_that_of_a_walk():
    paths = ["/", "/a", "/a/b", "/a/b/c", "/a b", "/a-b", "/a.b", "/ab", "/ü", "/\U0001f600"]
    assert sorted(paths, key=key_of) == paths
    pairs = merged((Record(path, b"") for path in paths[::2]), (Record(path, b"") for path in paths[1:]))
    assert [pair.path for pair in pairs] == paths


def test_differences_are_coloured_on_a_terminal(in_terminal, trees):
    process = in_terminal("diff", "--data", "/a", "/b")
    process.expect("\x1b\\[33mchanged  /a  data\x1b\\[0m")
    process.expect("- one.ntwo.n")
    process.expect("\x1b\\[31mremoved  /a/x")
    process.wait()
    assert process.exitstatus == 1


def test_a_snapshot_of_a_server_is_compared_dumped_and_restored(cli, cli_environment, tmp_path):
    """Scenario 20."""
    data = tmp_path / "data"
    with ZooKeeperServer(data_dir=data) as server, Client(server.hosts) as client:
        cli_environment["ZKC_SERVERS"] = server.hosts
        client.create_many([("/a", b"1"), ("/a/b", None), ("/a/c", b"\xff"), ("/d", b"")], raise_errors=True)
        client.set_acl("/a/c", [ACL.world(Perms.READ | Perms.DELETE)])
        client.create("/a/mine", b"", ephemeral=True)
        server.restart()  # A server writes a snapshot when it starts.
        client.retry(client.exists, "/a")
        file = max((data / "version-2").glob("snapshot.*"), key=lambda each: int(each.suffix[1:], 16))
        assert cli("diff", "--acl", f"file:{file}", "/").out == b""
        assert cli("diff", "--acl", f"file:{file}:/a", "/a").out == b""
        dumped = tmp_path / "dump"
        assert cli("dump", f"file:{file}", "-O", str(dumped), "--json").json["znodes"] == 6
        assert cli("diff", "--acl", f"file:{dumped}", f"file:{file}").out == b""
        assert cli("restore", f"{file}:/a", "/copy", "--json").json["created"] == 3
        client.set("/a", b"2")
        assert cli("diff", f"file:{file}", "/", "--exclude", "copy", code=1).lines == ["changed\t/a\tdata"]
        cut = tmp_path / "cut"
        cut.write_bytes(file.read_bytes()[:-20])
        for command in (("sync", "--delete", "--force"), ("diff",), ("restore",)):
            assert cli(*command, "-y", f"file:{cut}", "/x", "--json", code=8).error["error"] == "truncated"
        assert client.exists("/x") is None
