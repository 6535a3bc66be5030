"""Mistakes in dumps, paths and documents: each error names what is wrong, and counts what was done."""

from __future__ import annotations

import contextlib
import gzip
import subprocess

import pytest

from .fix_cli import COMMAND

HEADER = b'{"format": "zkc-tree", "version": 1, "path": "/x", "sorted": true}\n'


def dump(*lines):
    """Return a dump of a root and lines below."""
    whole = [b'{"path": "/", "data": "root"}', *lines]
    return HEADER + b"".join(line + b"\n" for line in whole) + b'{"znodes": %d}\n' % len(whole)


@pytest.mark.parametrize(("line", "message"), [
    (b'{"path": "/b", "data": "", "acl": []}', "acl must have one entry or more"),
    (b'{"path": 5, "data": ""}', 'the line is no znode: its path is missing, or no text: {"path": 5, "data": ""}'),
    (b"[1]", "the line must be a JSON object, not list"),
    (b"[" * 200_000, "the line is no JSON: it is nested too deeply"),
    (b'{"path": "/b", "data": ' + b"[" * 200_000, "the line is no JSON: it is nested too deeply"),
], ids=["empty ACL", "path", "list", "deep", "deep data"])  # fmt: skip
def test_a_wrong_line_of_a_dump_is_named(cli, client, line, message):
    ended = cli("restore", "-", "/copy", code=10, input=dump(line))
    assert ended.err.splitlines()[-1] == f"zkc: error: - is no dump that can be read: line 3: {message}"
    assert client.exists("/copy") is None


def test_a_restore_counts_what_was_there_before_a_wrong_line(cli, client):
    many = [b'{"path": "/%05d", "data": ""}' % number for number in range(1500)]
    ended = cli("restore", "-", "/copy", "--json", code=8, input=dump(*many, b'{"path": "/x", "data": "", "acl": []}'))
    assert "then: - is no dump that can be read: line 1503: acl" in ended.error["message"]
    assert ended.error["created"] == client.count_descendants("/copy") + 1


def test_a_restore_counts_what_was_there_before_data_that_are_too_large(cli, client):
    large = b'{"path": "/large", "data": "' + b"x" * 2_000_000 + b'"}'
    ended = cli("restore", "-", "/copy", "--json", code=8, input=dump(b'{"path": "/a", "data": ""}', large))
    assert ended.error["created"] == 2
    assert ended.error["path"] == "/copy/large"
    assert client.children("/copy") == ["a"]


def test_a_long_last_line_is_cut_in_the_message(cli):
    ended = cli("restore", "-", "/copy", code=10, input=dump()[:-2] + b"9" * 5000 + b"}\n")
    assert len(ended.err) < 200


def test_a_line_of_a_dump_has_a_limit(cli_environment, tmp_path):
    file = tmp_path / "zeros.gz"
    with gzip.open(file, "wb", compresslevel=1) as output:
        for _ in range(80):
            output.write(bytes(1 << 20))
    script = 'ulimit -v 1500000; exec "$0" "$@"'
    for name in (str(file), "/dev/zero"):
        ended = subprocess.run(["bash", "-c", script, *COMMAND, "restore", name, "/copy"], env=cli_environment,
                               stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)  # fmt: skip
        assert ended.returncode == 10
        assert "line 1: the line is longer than 8,388,608 bytes, the limit" in ended.stderr.decode()


@pytest.mark.parametrize(("begin", "rest"), [(b"", b"\0"), (b"", b"\n"), (b"", b"{"), (b"no dump\n", b"")])
@pytest.mark.parametrize("command", [["restore", "-", "/copy"], ["diff", "-", "/"]])
def test_an_endless_input_that_is_no_dump_is_refused_at_its_begin(start_cli, command, begin, rest):
    process = start_cli(*command)
    process.stdin.write(begin)
    process.stdin.flush()
    written = 0
    with contextlib.suppress(BrokenPipeError):
        while rest:
            written += process.stdin.write(rest * (1 << 16))
            assert written < 100 << 20
    assert process.wait(60) == 10  # Its stdin is still open.
    assert b"- is no dump that can be read" in process.stderr.read()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def test_a_byte_order_mark_is_skipped(cli, client):
    cli("restore", "-", "/copy", input=b"\xef\xbb\xbf" + dump())
    assert client.get("/copy")[0] == b"root"
    cli("txn", "-", input=b"\xef\xbb\xbfcreate /made text\n")
    assert client.get("/made")[0] == b"text"


@pytest.mark.parametrize("command", ["restore - /copy", "diff - /"])
def test_a_closed_stdin_is_a_mistake(cli_environment, command):
    ended = subprocess.run(["sh", "-c", 'exec "$@" <&-', "sh", *COMMAND, *command.split()], env=cli_environment,
                           capture_output=True, check=False)  # fmt: skip
    assert ended.returncode == 2
    assert ended.stderr.decode().splitlines()[-1] == "zkc: error: stdin cannot be read: there is no stdin"


def test_a_znode_is_not_copied_to_itself(cli, client):
    client.create("/a")
    for command in (("mv", "/a", "/a"), ("cp", "-r", "/a", "/a"), ("sync", "/a", "/a")):
        assert "are the same" in cli(*command, code=2).err
    assert "inside the other" in cli("cp", "-r", "/a", "/a/b", code=2).err
    assert "--force" not in cli("mv", "/", "/b", code=9).err


def test_a_dry_run_of_rm_ends_as_the_run(cli, client):
    client.create_many(["/a1", "/a2", "/a2/child", "/a3"], raise_errors=True)
    foretold = cli("rm", "-n", "/a*", "--json", code=8)
    assert [each["path"] for each in foretold.json] == ["/a1", "/a3"]
    assert (foretold.error["total"], foretold.error["failed"]) == (3, 1)
    assert foretold.error["failures"] == [{"path": "/a2", "error": "not_empty"}]
    assert cli("rm", "-n", "/a2/child", "/a2").lines == ["/a2/child", "/a2"]
    foretold = cli("rm", "-n", "/a2", "--json", code=4)
    assert foretold.out == b""
    assert foretold.error == cli("rm", "/a2", "--json", code=4).error
    assert cli("rm", "-n", "/none", "--json", code=3).out == b""
    ended = cli("rm", "/a*", "/none", "--json", code=8).error
    assert ended["failures"] == [{"path": "/a2", "error": "not_empty"}, {"path": "/none", "error": "no_node"}]
    assert cli("rm", "/a2", "/none", "--missing-ok", "--json", code=4).error["error"] == "not_empty"
    assert client.children("/") == ["a2"]


def test_rm_notes_the_end_when_it_noted_the_beginning(cli, client):
    client.create("/m1")
    notes = cli("rm", "-r", "--yes", "/m1", "/m1").err.splitlines()
    assert notes[-1] == "zkc: deleted 1 znode"


def test_patterns_leave_out_what_belongs_to_the_servers(cli, cli_environment, client, hosts):
    client.create("/a")
    cli_environment["ZKC_SERVERS"], _, chroot = hosts.partition("/")
    for path in ("/*/quota", "/zookeeper/quota"):
        assert "belongs to the servers" in cli("rm", path, code=9).err
    listed = cli("rm", "-r", "-n", "/*").lines
    assert f"/{chroot}/a" in listed
    assert not [path for path in listed if path.startswith("/zookeeper")]


def test_json_says_what_is_wrong_with_a_document(cli, client):
    client.create("/twice", b'{"a": 1, "a": 2}')
    client.create("/deep", b"[" * 200_000)
    assert "the JSON in /twice is ambiguous: the member 'a' is there twice" in cli("json", "/twice", ".a", code=10).err
    assert "the JSON in /deep is nested too deeply" in cli("json", "/deep", ".a", code=10).err
    assert "the value is nested too deeply" in cli("json", "/twice", ".a", "[" * 50_000, code=2).err
