"""``zkc edit``: an editor, and another client that is quicker."""

from __future__ import annotations

import os
import shlex
import sys

import pexpect
import pytest

from zkc.cli.write._merge import difference, merge

# The editor of a test: a program that changes the file with a line of Python, after a set by another client.
EDITOR = """
import os, stat, sys, zkc
file = sys.argv[-1]
assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
assert stat.S_IMODE(os.stat(os.path.dirname(file)).st_mode) == 0o700
with open(file) as opened:
    text = opened.read()
others = os.environ.get("OTHERS")
if others is not None:
    with zkc.Client(os.environ["ZKC_SERVERS"]) as client:
        client.set("/a", others.encode())
with open(file, "w") as opened:
    opened.write(eval(os.environ["CHANGE"]))
"""


@pytest.fixture
def edit(cli, cli_environment, tmp_path):
    """Return a function that edits /a with a change of the text, while another client sets what ``others`` says."""
    program = tmp_path / "editor.py"
    program.write_text(EDITOR)
    cli_environment["VISUAL"] = f"{shlex.quote(sys.executable)} {program}"
    cli_environment["EDITOR"] = "false"
    cli_environment["TMPDIR"] = str(tmp_path / "tmp")
    os.mkdir(tmp_path / "tmp")

    def run(change, *arguments, others=None, code=0):
        cli_environment["CHANGE"] = change
        if others is not None:
            cli_environment["OTHERS"] = others
        return cli("edit", "/a", *arguments, code=code)

    return run


def test_an_edit_is_stored_and_its_file_is_gone(edit, client, tmp_path):
    client.create("/a", b"level=info")
    ended = edit("text.replace('info', 'debug') + chr(10)")
    assert (ended.out, ended.err) == (b"", "zkc: set /a: version 1\n")
    assert client.get("/a")[0] == b"level=debug"
    assert list(tmp_path.joinpath("tmp").iterdir()) == []
    assert "stays as it is" in edit("text").err
    assert "+level=x" in edit("'level=x'", "--dry-run").text
    assert client.get("/a")[1].version == 1


def test_an_edit_does_not_overwrite_another_clients_change(edit, client, tmp_path):
    """Scenario 7."""
    client.create("/a", b"one\ntwo\n")
    ended = edit("text + 'mine' + chr(10)", "--json", others="one\ntheirs\n", code=4)
    assert client.get("/a")[0] == b"one\ntheirs\n"
    assert "-theirs\n+two\n+mine\n" in ended.err
    assert ended.error["error"] == "bad_version"
    with open(ended.error["file"]) as kept:
        assert kept.read() == "one\ntwo\nmine\n"
    assert ended.error["file"].startswith(str(tmp_path / "tmp"))


@pytest.mark.parametrize(
    ("answer", "others", "data", "code"),
    [
        ("merge", "zero\ntwo\n", b"zero\ntwo\nmine\n", 0),
        ("merge", "one\ntwo\ntheirs\n", b"one\ntwo\ntheirs\n", 4),
        ("overwrite", "one\ntheirs\n", b"one\ntwo\nmine\n", 0),
    ],
)
def test_a_conflict_is_settled_as_asked(edit, client, answer, others, data, code):
    """Scenario 7."""
    client.create("/a", b"one\ntwo\n")
    edit("text + 'mine' + chr(10)", "--on-conflict", answer, others=others, code=code)
    assert client.get("/a")[0] == data


def test_a_person_merges_both_changes(in_terminal, edit, cli_environment, client):
    """Scenario 7."""
    client.create("/a", b"one\ntwo\n")
    cli_environment.update(CHANGE="'both\\n' if '<<<' in text else 'mine\\n'", OTHERS="theirs\n")
    process = in_terminal("edit", "/a")
    process.expect("-theirs")
    process.expect("m/o/a")
    client_saw = client.get("/a")[0]
    process.sendline("m")
    # The second run of the editor is the other client's second change, to the same data: a new version.
    process.expect("set /a: version")
    process.wait()
    assert (process.exitstatus, client_saw, client.get("/a")[0]) == (0, b"theirs\n", b"both\n")


def test_an_interrupted_edit_says_where_the_text_is(in_terminal, edit, cli_environment, client):
    client.create("/a", b"one")
    cli_environment["CHANGE"], cli_environment["OTHERS"] = "'mine'", "theirs"
    process = in_terminal("edit", "/a", "--json")
    process.expect("merge, overwrite or abort")
    process.sendintr()
    process.expect('"file": "([^"]+)"')
    with open(process.match.group(1)) as kept:
        assert kept.read() == "mine"
    process.expect(pexpect.EOF)
    assert process.wait() == 130
    assert client.get("/a")[0] == b"theirs"


def test_a_znode_is_created_in_the_editor(edit, client):
    edit("'new'", code=3)
    edit("'new'", "--create")
    assert client.get("/a")[0] == b"new"


def test_an_editor_that_fails_changes_nothing(edit, cli, cli_environment, client):
    client.create("/a", b"x")
    cli_environment["VISUAL"] = "false"
    assert cli("edit", "/a", "--json", code=10).error["error"] == "editor_failed"
    cli_environment["VISUAL"] = "no-such-editor"
    assert cli("edit", "/a", "--json", code=2).error["error"] == "no_editor"
    assert client.get("/a")[0] == b"x"


def test_a_merge_takes_both_sides_changes():
    base = b"a\nb\nc\nd\ne\n"
    assert merge(base, b"A\nb\nc\nd\ne\n", b"a\nb\nc\nd\nE\nf\n") == (b"A\nb\nc\nd\nE\nf\n", 0)
    assert merge(base, b"a\nc\nd\ne\n", b"a\nb\nc\ne\n") == (b"a\nc\ne\n", 0)
    assert merge(base, base, b"x") == (b"x", 0)
    assert merge(b"", b"same", b"same") == (b"same", 0)
    both = merge(b"a", b"b", b"c")
    assert both == (b"<<<<<<< yours\nb\n=======\nc\n>>>>>>> theirs\n", 1)
    assert merge(b"\xff", b"b", b"c") is None


def test_a_difference_of_bytes_is_one_sentence():
    assert difference(b"\xff", b"xy", "old", "new") == "old and new differ: 1 and 2 bytes, which are no text"
    assert difference(b"x\n", b"x", "old", "new") == "old and new differ in the ends of lines only"
