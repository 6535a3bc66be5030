"""``zkc shell`` with commands from -c, a file or stdin, and the words of its lines."""

from __future__ import annotations

import json

import pytest

from zkc import ACL
from zkc.cli.programs._shell.lines import Line, parse, statements


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("ls /a", Line(["ls", "/a"])),
        ("set /a -d 'x | y' | cat", Line(["set", "/a", "-d", "x | y"], " cat")),
        ("get /a > file", Line(["get", "/a"], "cat > file")),
        (r'set /a -d "a \" | b"', Line(["set", "/a", "-d", 'a " | b'])),
        ("watch /a &", Line(["watch", "/a"], None, True)),
        ("ls /a # a comment | no pipe", Line(["ls", "/a"])),
        ("get /a#b", Line(["get", "/a#b"])),
        ("", Line([])),
        ("watch /a&", Line(["watch", "/a"], None, True)),
        ("set /a '&'", Line(["set", "/a", "&"])),
        (r"set /a \; -d 'a && b <x 2>y'", Line(["set", "/a", ";", "-d", "a && b <x 2>y"])),
        ("ls /a | grep x && echo 2>&1", Line(["ls", "/a"], " grep x && echo 2>&1")),
        ("get /a2>file", Line(["get", "/a2"], "cat >file")),
    ],
)
def test_a_line_is_parsed(text, line):
    assert parse(text) == line


def test_statements_end_outside_of_quotes():
    assert statements("ls; set /a -d 'x;y'\n# a comment\nget /a # ; no") == ["ls", "set /a -d 'x;y'", "get /a"]


def test_a_newline_in_quotes_belongs_to_the_statement():
    assert statements("set /a -d 'x\ny' # it's\r\nget /a\n!echo it's; for\nls") == [
        "set /a -d 'x\ny'", "get /a", "!echo it's; for", "ls"]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "rm /a 2>/dev/null",
        "rm /a && rm /b",
        "rm /a || rm /b",
        "rm /a & rm /b",
        "rm /a < /b",
        "rm /a |& cat",
        "rm /a &>x",
    ],
)
def test_operators_of_a_system_shell_are_refused_before_anything_is_done(cli, client, line):
    """They were taken as paths."""
    for name in ("a", "b", "2", "first"):
        client.create(f"/{name}")
    ended = cli("shell", "-c", f"rm /first; {line}", code=2)
    assert "is no operator here" in ended.err
    assert "quotes" in ended.err
    assert sorted(client.children("/")) == ["2", "a", "b", "first"]


def test_exit_takes_an_exit_code(cli):
    cli("shell", "-c", "exit 3; pwd", code=3)
    assert cli("shell", "-c", "exit 0; pwd").text == ""
    for wrong in ("exit 256", "exit -1", "exit x", "exit 1 2"):
        cli("shell", "-c", wrong, code=2)


def test_a_script_has_a_folder_and_one_connection(cli, client):
    client.create("/app")
    client.create("/app/config", b"a=1")
    assert (
        cli("shell", "-c", "cd /app; pwd; ls; get config; cd ..; pwd; cd -; pwd").text == "/app\nconfig\na=1/\n/app\n"
    )


def test_a_script_ends_with_the_code_of_the_first_command_that_fails(cli, client):
    """zkCli.sh ends with 0."""
    script = b"create /a\nget /none\ncreate /b\n"
    ended = cli("shell", input=script, code=3)
    assert ended.text == "/a\n"
    assert "command 2" in ended.err
    assert client.children("/") == ["a"]
    cli("shell", "--keep-going", input=script, code=8)
    assert sorted(client.children("/")) == ["a", "b"]


def test_an_error_of_a_script_is_json_with_the_number_of_its_command(cli, client):
    for script, code, number in (
        ("ls /; get /none; ls /", 3, 2), ("ls /; get '/x", 2, 2), ("cd /none", 3, 1), ("ls /; get /none /", 8, 2),
    ):  # fmt: skip
        ended = cli("shell", "--json", "-c", script, code=code)
        last = json.loads(ended.err.splitlines()[-1])
        assert (last["exit_code"], last["statement"]) == (code, number), ended.err
    ended = cli("shell", "--json", "-k", "-c", "get /none; get /no", code=8)
    assert [json.loads(line)["statement"] for line in ended.err.splitlines()] == [1, 2]
    assert "statement" not in cli("get", "/none", "--json", code=3).error


@pytest.mark.parametrize(
    ("line", "code"), [("!exit 3", 3), ("exists /none", 1), ("ls / | exit 4", 4), ("ls / > /no/such/file", 2)]
)
def test_a_script_with_json_always_ends_with_an_error(cli, line, code):
    """A statement may end with a code, and without an error of its own."""
    ended = cli("shell", "--json", "-c", f"ls /\n{line}\nls /", code=None)
    if not line.endswith("file"):  # That code is the system's.
        assert ended.code == code
    error = ended.error
    assert (error["error"], error["exit_code"], error["statement"]) == ("script", ended.code, 2)
    assert error["message"].startswith("command 2, '")
    assert error["message"].endswith(f"ended with {ended.code}; the rest was not run")
    ended = cli("shell", "--json", "-k", "-c", f"{line}\nls /", code=8)
    assert (ended.error["error"], ended.error["statement"]) == ("script", 1)
    assert cli("shell", "--json", "-c", "ls /; exit 3", code=3).err == ""


def test_a_script_with_json_ends_with_one_error(cli):
    for script in ("get /none", "get /none | cat", "cd /none", "help nothing"):
        assert len(cli("shell", "--json", "-c", script, code=None).err.splitlines()) == 1


def test_options_of_a_command_are_for_it_alone(cli, client):
    client.create("/a", b"x")
    ended = cli("shell", "-c", "get /a --json; get /a; rm /a --dry-run; exists /a; rm /a --read-only", code=9)
    assert ended.text.count('"data"') == 1
    assert client.exists("/a")


def test_pipes_and_files_reach_the_system(cli, client, tmp_path):
    client.create("/a", bytes(range(256)))
    script = tmp_path / "script"
    script.write_text(f"get /a | wc -c\nget /a > {tmp_path}/out\n!echo system\n")
    assert cli("shell", str(script)).text.split() == ["256", "system"]
    assert (tmp_path / "out").read_bytes() == bytes(range(256))


def test_a_relative_path_needs_the_shell(cli):
    assert "must begin with /" in cli("ls", "app", code=2).err


def test_a_session_is_authenticated_for_all_commands_that_follow(cli, client, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("geheim\n")
    secret.chmod(0o600)
    client.create("/a", b"x", acl=[ACL.digest("chris", "geheim")])
    script = f"auth digest:chris:{secret}; get /a; get /a --read-only --timeout 30; whoami"
    ended = cli("shell", "-c", script)
    assert ended.text.startswith("xx")
    assert "chris" in ended.text
    # A command with a connection of its own, as to another ensemble, is not given the credentials.
    cli("shell", "-c", f"auth digest:chris:{secret}; get /a --session-timeout 7", code=5)
    for wrong in ("auth", "auth digest:chris", f"auth digest:chris:{tmp_path}/none"):
        cli("shell", "-c", wrong, code=2)


def test_the_help_lists_what_works_in_a_shell(cli):
    shown = cli("shell", "-c", "help; help auth").text
    for word in ("top", "auth ", "quit ", "unwatch "):
        assert word in shown


def test_a_note_about_a_failure_has_no_data(cli):
    for line in (
        "set /none -d geheim",
        "set /none geheim",
        "set /none 'geheim",
        "set -d geheim",
        "create /a geheim too",
    ):
        assert "geheim" not in cli("shell", "-c", line, code=None).err
    assert "'set /none …'" in cli("shell", "-c", "set /none -d geheim", code=3).err


def test_an_open_quote_is_a_usage_error(cli):
    assert "quotation" in cli("shell", "-c", "get '/a", code=2).err
