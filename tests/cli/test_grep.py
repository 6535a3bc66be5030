"""``zkc grep``: bytes, not text."""

from __future__ import annotations

import os
import subprocess

import zkc

from .fix_cli import COMMAND


def test_grep_finds_lines_and_counts_them(cli, client):
    client.create("/a", b"first error\nfine\nlast Error")
    client.create("/b", b"no such thing")
    assert cli("grep", "error", "/").out == b"/a\tfirst error\n"
    assert cli("grep", "-i", "ERROR", "/").out == b"/a\tfirst error\n/a\tlast Error\n"
    assert cli("grep", "-i", "-c", "error", "/").out == b"/a\t2\n"
    assert cli("grep", "-l", "-E", "^(no|fine)", "/").lines == ["/a", "/b"]
    assert cli("grep", "-E", "--name", "b", ".+", "/").out == b"/b\tno such thing\n"
    found = cli("grep", "-i", "error", "/", "--json").json
    assert found[1] == {"path": "/a", "line": 3, "offset": 17, "data": "last Error"}
    person = cli("grep", "last", "/", "-o", "human", "--color", "always").text
    assert "\x1b[31m\x1b[1mlast\x1b[0m Error" in person


def test_grep_without_a_match_is_a_no(cli, client):
    """Scenario 15."""
    client.create("/a", b"data")
    assert cli("grep", "nothing", "/", code=1).out == b""
    assert cli("grep", "nothing", "/", "--json", code=1).json == []
    assert cli("grep", "nothing", "/none", code=3).out == b""
    assert "regular expression" in cli("grep", "-E", "(", "/", code=2).err


def test_grep_finds_what_is_no_text(cli, client, cli_environment):
    """Scenario 15."""
    client.create("/bytes", b"\x00\xff\xfe\n\x80 tail")
    assert cli("grep", "-E", r"\xff\xfe", "/").out == b"/bytes\t\x00\xff\xfe\n"
    found = cli("grep", "tail", "/", "--json").json
    assert found == [{"path": "/bytes", "line": 2, "offset": 4, "data_base64": "gCB0YWls"}]
    # The same bytes on the command line, which Python passes as surrogates.
    ended = subprocess.run(
        [*map(os.fsencode, COMMAND), b"grep", b"\x80 ta", b"/"], env=cli_environment, capture_output=True, check=True
    )
    assert ended.stdout == b"/bytes\t\x80 tail\n"


def test_grep_leaves_out_what_may_not_be_read_with_one_warning(cli, client):
    """Scenario 15."""
    client.create("/open", b"find me")
    for name in ("/shut-1", "/shut-2"):
        client.create(name, b"find me", acl=[zkc.ACL.digest("other", "pw"), zkc.ACL.world(zkc.Perms.DELETE)])
    ended = cli("grep", "find", "/")
    assert ended.out == b"/open\tfind me\n"
    assert ended.err.count("\n") == 1
    assert "2 znodes may not be read: they are left out. The first is /shut-1" in ended.err
