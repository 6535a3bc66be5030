"""``zkc txn``: all operations, or none."""

from __future__ import annotations

import pytest


def test_a_transaction_changes_all(cli, client):
    client.create_many(["/a", "/gone"], raise_errors=True)
    lines = b"""
# a comment
check /a --version 0
create /a/b 'two words'
create -s /a/n- -d "it's"   # and another
set /a "first
second"
delete /gone
"""
    ended = cli("txn", "-", input=lines)
    assert ended.lines == [
        "check\t/a\t",
        "create\t/a/b\t",
        "create\t/a/n-0000000001\t",
        "set\t/a\t1",
        "delete\t/gone\t",
    ]
    assert client.get("/a")[0] == b"first\nsecond"
    assert client.get("/a/b")[0] == b"two words"
    assert client.get("/a/n-0000000001")[0] == b"it's"
    assert client.exists("/gone") is None


def test_a_failed_check_changes_nothing(cli, client, tmp_path):
    """Scenario 29."""
    client.create("/a", b"old")
    file = tmp_path / "changes"
    file.write_text("set /a new\n\ncreate /b\ncheck /a --version 7\n")
    ended = cli("txn", str(file), "--json", code=4)
    assert ended.out == b""
    assert (ended.error["error"], ended.error["line"], ended.error["operation"]) == ("bad_version", 4, "check")
    assert f"{file}, line 4, check /a: " in ended.error["message"]
    assert client.get("/a")[0] == b"old"
    assert client.exists("/b") is None
    assert cli("txn", "-", "--json", input=b"delete /none\n", code=3).error["line"] == 1


def test_a_dry_run_of_a_transaction_lists_it(cli, client):
    ended = cli("txn", "-", "-n", input=b"create /a\nset /a x --version 0\n")
    assert ended.text == "create\t/a\nset\t/a\n"
    assert cli("txn", "-", "-n", "--json", input=b"\ncreate /a\n").json == [
        {"action": "create", "path": "/a", "line": 2}
    ]
    assert client.children("/") == []
    for nothing in (b"# nothing\n", b""):
        assert "stdin has no operation: nothing was changed" in cli("txn", "-", input=nothing, code=2).err


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ("create /new\ncreate /new/child\nset /new x --version 0\ncheck /new --version 1", None),
        ("delete /there/child\ndelete /there\ncreate /there\ncheck /there --version 0", None),
        ("create -s /there/n-\ncreate -s /there/\ncreate -s /\ncreate -e /e/", None),
        ("delete /there/child\ncreate -s /there/n-\ndelete /there", 3),
        ("check /there --version 1\nset /there/ x --version 1", None),
        ("set /there x\nset /there x --version 1", 2),
        ("check /there --version 0", 1),
        ("create /there", 1),
        ("create /", 1),
        ("create /none/child", 1),
        ("create -s /none/", 1),
        ("create -e /e\ncreate /e/child", 2),
        ("create /a\ncreate /a", 2),
        ("delete /there", 1),
        ("create /a\ncreate /a/b\ndelete /a", 3),
        ("delete /none", 1),
        ("delete /there/child\nset /there/child x", 2),
        ("check /none", 1),
        ("create -s /there/n-\nset /there/n-0000000001 x\ncreate /there/n-0000000001/c", None),
        ("create /new\ncreate /new/x\ndelete /new/x\ncreate -s /new/\ncheck /new/0000000001", None),
        ("create /there/n-0000000002\ncreate -s /there/n-", 2),
        ("create /there/x\ncreate -s /there/n-\ndelete /there/n-0000000001", 3),
        ("create /new --acl creator", 1),
    ],
)
def test_a_dry_run_of_a_transaction_fails_as_the_run_would(cli, client, text, fails):
    client.create("/there/child", make_parents=True)
    client.set("/there", b"x")
    before = client.exists("/there")
    lines = f"{text}\n".encode()
    code = None if fails else 0
    foretold = cli("txn", "-", "-n", "--json", input=lines, code=code)
    assert client.exists("/there") == before
    made = cli("txn", "-", "--json", input=lines, code=code)
    assert foretold.code == made.code
    if fails:
        assert foretold.out == made.out == b""
        expected = {**made.error, "message": made.error["message"].replace("nothing was", "nothing would be")}
        assert foretold.error == expected
        assert made.error["line"] == fails
    else:
        assert [(each["action"], each["line"]) for each in foretold.json] == [
            (each["operation"], each["line"]) for each in made.json
        ]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b"create /a\nmake /b\n", 2, "no operation 'make'"),
        (b"create /a\nset /a\n", 2, "data are missing"),
        (b"\n\nset /a 'x\n", 3, "quotation"),
        (b"create a\n", 1, "must begin with /"),
        (b"create -e -c /a\n", 1, "choose one"),
        (b"set /a x --version y\n", 1, "--version"),
        (b"create /a --acl world\n", 1, "no ACL"),
        (b"create /a -f no-such-file\n", 1, "no-such-file"),
        (b"delete\n", 1, "PATH"),
        (b"create /a/ 1 2\n", 1, "unexpected"),
    ],
)
def test_a_malformed_line_is_named(text, line, said):
    from zkc.cli._app import App
    from zkc.cli._exit import CommandError
    from zkc.cli.write._operations import read_operations

    with pytest.raises(CommandError) as caught:
        read_operations(App(), text.decode(), "-")
    assert (caught.value.exit_code, caught.value.details["line"]) == (2, line)
    assert said in caught.value.message
