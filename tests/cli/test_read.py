"""``zkc ls``, ``get``, ``stat``, ``exists`` and ``count``: the result on stdout, byte by byte, and nothing else."""

from __future__ import annotations

import hashlib
import json

import zkc

ALL_BYTES = bytes(range(256))
NEARLY_1_MB = bytes(i * 7 % 256 for i in range(1000)) * 1040


def _secret(client, path, data=b"secret"):
    """Create a znode that no client may read."""
    client.create(path, data, acl=[zkc.ACL.digest("nobody", "pw"), zkc.ACL.world(zkc.Perms.DELETE | zkc.Perms.CREATE)])


def test_get_writes_the_bytes_as_they_are(cli, client):
    """Scenario 2."""
    for name, data in (("all", ALL_BYTES), ("empty", b""), ("large", NEARLY_1_MB)):
        client.create(f"/{name}", data)
        got = cli("get", f"/{name}")
        assert hashlib.sha256(got.out).digest() == hashlib.sha256(data).digest()
        assert got.err == ""


def test_null_and_empty_print_nothing_and_json_tells_them_apart(cli, client):
    """Scenario 3."""
    client.create("/null", None)
    client.create("/empty", b"")
    assert cli("get", "/null", "/empty").out == b""
    null, empty = cli("get", "/null", "/empty", "--json").json
    assert (null["data"], empty["data"]) == (None, "")
    assert b"\nnull\tyes\n" in cli("get", "-s", "/null").out
    assert b"\nnull\tno\n" in cli("get", "-s", "/empty").out


def test_what_does_not_exist_or_may_not_be_read_has_an_exit_code_of_its_own(cli, client):
    """Scenario 5."""
    _secret(client, "/closed")
    for command in ("get", "ls", "stat", "count", "tree", "du"):
        missing = cli(command, "/none", "--json", code=3)
        assert (missing.out, missing.error["error"], missing.error["path"]) == (b"", "no_node", "/none")
    for command in ("get", "ls"):
        closed = cli(command, "/closed", "--json", code=5)
        assert (closed.out, closed.error["error"], closed.error["maybe_applied"]) == (b"", "no_auth", False)
    assert cli("get", "/closed", code=5).err.count("\n") == 1


def test_get_shapes_data_for_people_and_programs(cli, client):
    client.create("/json", b'{"b": 1.10, "a": [1e999, {}], "a": "\xc3\xa9"}')
    client.create("/bytes", ALL_BYTES[-20:])
    client.create("/text", b"zwei\nZeilen\x1b[31m")
    assert cli("get", "--pretty", "/json").text == (
        '{\n  "b": 1.10,\n  "a": [\n    1e999,\n    {}\n  ],\n  "a": "é"\n}\n'
    )
    assert cli("get", "--hex", "/bytes").lines == [
        "00000000  ec ed ee ef f0 f1 f2 f3  f4 f5 f6 f7 f8 f9 fa fb  |................|",
        "00000010  fc fd fe ff                                       |....|",
    ]
    assert cli("get", "--base64", "/bytes").text == "7O3u7/Dx8vP09fb3+Pn6+/z9/v8=\n"
    # Text with a terminal's escapes is no text: a person gets a dump.
    assert cli("get", "--pretty", "/text").lines[0].endswith("|zwei.Zeilen.[31m|")
    got = cli("get", "/bytes", "--json").json
    assert (got["path"], got["data_base64"], got["data_length"]) == ("/bytes", "7O3u7/Dx8vP09fb3+Pn6+/z9/v8=", 20)


def test_get_writes_a_file(cli, client, tmp_path):
    client.create("/a", ALL_BYTES)
    file = tmp_path / "out.bin"
    got = cli("get", "/a", "-O", str(file))
    assert (got.out, file.read_bytes()) == (b"", ALL_BYTES)
    assert "256 bytes" in got.err
    assert "cannot be written" in cli("get", "/a", "-O", str(tmp_path / "no" / "x"), code=10).err
    cli("get", "/a", "/b", "-O", str(file), code=2)


def test_get_of_several_paths_goes_on_after_one_that_fails(cli, client):
    client.create("/a", b"1")
    client.create("/c", b"3")
    got = cli("get", "/a", "/b", "/c", code=8)
    assert got.out == b"13"
    assert "/b" in got.err
    assert "1 of 3 paths failed" in got.err


def test_stat_is_complete(cli, client):
    client.create("/a", b"1234")
    client.create("/a/e", ephemeral=True)
    client.set("/a", b"12345")
    stat = client.exists("/a")
    one = cli("stat", "/a", "--json").json
    assert one["path"] == "/a"
    assert (one["data_length"], one["num_children"], one["version"], one["cversion"]) == (5, 1, 1, 1)
    assert (one["czxid"], one["mzxid"], one["pzxid"]) == (hex(stat.czxid), hex(stat.mzxid), hex(stat.pzxid))
    assert one["mtime"].endswith("Z")
    assert one["ephemeral_owner"] is None
    owner = cli("stat", "/a/e", "--json").json["ephemeral_owner"]
    assert int(owner, 16) == client.session_id & (1 << 64) - 1
    plain = dict(line.split("\t") for line in cli("stat", "/a").lines)
    assert (plain["version"], plain["type"], plain["ephemeral_owner"]) == ("1", "persistent", "")
    assert [line.split("\t")[0] for line in cli("stat", "/a", "/a/e").lines] == ["/a", "/a/e"]


def test_exists_answers_by_its_exit_code(cli, client):
    client.create("/a")
    assert cli("exists", "/a").out == b""
    assert cli("exists", "/a", "/b", code=1).out == b""
    found = cli("exists", "/a", "/b", "--json", code=1).json
    assert [each["exists"] for each in found] == [True, False]


def test_ls_lists_names_sorted(cli, client):
    for name in ("b", "a", "c d", "é"):
        client.create(f"/{name}")
    assert cli("ls", "/").out == "a\nb\nc d\né\n".encode()
    assert cli("ls", "-0", "/").out == "a\0b\0c d\0é\0".encode()
    assert [each["path"] for each in cli("ls", "--json", "/").json] == ["/a", "/b", "/c d", "/é"]
    assert cli("ls", "/a", "--json").json == []
    assert cli("ls", "/a").out == b""
    limited = cli("ls", "--limit", "2", "--reverse", "/")
    assert (limited.lines, "more than 2" in limited.err) == (["é", "c d"], True)


def test_ls_long_shows_and_sorts_by_the_stat(cli, client):
    client.create("/small", b"1")
    client.create("/large", b"1" * 1000)
    client.create("/small/child", ephemeral=True)
    rows = [line.split("\t") for line in cli("ls", "-l", "--sort", "size", "/").lines]
    assert [(row[0], row[1], row[2], row[3]) for row in rows] == [
        ("large", "persistent", "0", "1000"),
        ("small", "persistent", "1", "1"),
    ]
    assert cli("ls", "--sort", "children", "--limit", "1", "/").lines == ["small"]
    assert cli("ls", "-l", "/small").text.startswith("child\tephemeral\t0\t0\t0\t")


def test_ls_recursive_lists_parents_first(cli, client):
    for path in ("/a", "/a/b", "/a/b/c", "/a-b", "/d"):
        client.create(path)
    assert cli("ls", "-R", "/").lines == ["/", "/a", "/a/b", "/a/b/c", "/a-b", "/d"]
    assert cli("ls", "--depth", "1", "/a").lines == ["/a", "/a/b"]
    assert "needs --limit" in cli("ls", "-R", "--sort", "size", "/", code=2).err


def test_ls_on_a_terminal_uses_columns_and_shows_no_escapes(in_terminal, client):
    for number in range(30):
        client.create(f"/name-{number:02d}")
    client.create("/\u202egpj.x")
    shell = in_terminal("ls", "/")
    shell.expect_exact("name-00")
    rest = shell.read()
    assert "\u202e" not in rest
    assert "\\u202egpj.x" in rest
    assert rest.count("\n") < 10


def test_get_on_a_terminal_is_safe_to_look_at(in_terminal, client):
    client.create("/evil", b"\x1b]0;title\x07")
    shown = in_terminal("get", "/evil").read()
    assert "\x07" not in shown
    assert "1b 5d 30" in shown


def test_count_counts_descendants_or_children(cli, client):
    for path in ("/a", "/a/b", "/a/b/c", "/d"):
        client.create(path)
    assert cli("count", "/a").out == b"2\n"
    assert cli("count", "--children", "/").out == b"2\n"
    assert cli("count", "/a", "/d").lines == ["/a\t2", "/d\t0"]
    assert cli("count", "/a", "--json").json == {"path": "/a", "count": 2}
    assert json.loads(cli("count", "/a", "/d", "-o", "jsonl").lines[1]) == {"path": "/d", "count": 0}
