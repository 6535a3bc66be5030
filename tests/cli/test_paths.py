"""Paths on the command line: what the shell resolves, and what a script must not write."""

from __future__ import annotations

import pytest

from zkc.cli._exit import CommandError
from zkc.cli._paths import parse_target, resolve_path


@pytest.mark.parametrize(("text", "path"), [("/", "/"), ("/app", "/app"), ("/app/", "/app"), ("/...", "/..."),
                                            ("/a/.b", "/a/.b"), ("/a/b..", "/a/b.."), ("/ü", "/ü")])  # fmt: skip
def test_a_path_is_taken_as_it_is(text, path):
    assert resolve_path(text, in_shell=False) == resolve_path(text) == path


@pytest.mark.parametrize(("text", "part", "path"), [("/app/../x", "'..'", "/x"), ("/..", "'..'", "/"),
                                                    ("/app/./x", "'.'", "/app/x"), ("/app/.", "'.'", "/app"),
                                                    ("/app//x", "'//'", "/app/x"), ("//app", "'//'", "/app"),
                                                    ("/app//", "'//'", "/app"), ("//", "'//'", "/")])  # fmt: skip
def test_a_path_that_has_to_be_resolved_is_for_the_shell(text, part, path):
    assert resolve_path(text) == path
    for parse in (resolve_path, parse_target):
        with pytest.raises(CommandError, match=f"has {part}, .* did you mean '{path}'"):
            parse(text, in_shell=False)
    with pytest.raises(CommandError, match=f"has {part}"):
        parse_target(f"prod:{text}")


def test_commands_refuse_paths_that_only_the_shell_resolves(cli, client):
    client.create("/app")
    for arguments in (["create", "/app/../x"], ["rm", "--yes", "-r", "/nothing//../app"], ["cp", "/app", "/b//c"]):
        error = cli("--json", *arguments, code=2).error
        assert (error["error"], error["path"]) == ("usage", arguments[-1])
    assert client.children("/") == ["app"]
    assert cli("exists", "/app/").err == ""
    assert cli("shell", "-c", "cd /app; exists ../app; ls /app/..").lines == ["app"]
    assert "line 2" in cli("txn", "-", input=b"check /app\ncreate /a/../b\n", code=2).err
