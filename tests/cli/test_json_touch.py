"""``zkc json`` and ``zkc touch``."""

from __future__ import annotations

import json

import pytest

from zkc.cli._exit import CommandError
from zkc.cli.write._members import append, assign, document, find, layout, parse_member, remove, shown_member

CONFIG = b'{\n    "log": {"level": "info"},\n    "hosts": ["a", "b"],\n    "n\xc3\xa4me": 1.5\n}\n'


def test_a_member_is_printed(cli, client):
    client.create("/a", CONFIG)
    assert cli("json", "/a", ".log.level").text == '"info"\n'
    assert cli("json", "/a", ".log.level", "--raw").text == "info\n"
    assert cli("json", "/a", ".log.level", "--raw", "--json").json == "info"
    assert json.loads(cli("json", "/a", ".").out) == json.loads(CONFIG)
    ended = cli("json", "/a", ".hosts[2]", "--json", code=1)
    assert (ended.out, ended.error["error"], ended.error["member"]) == (b"", "no_member", ".hosts[2]")
    assert cli("json", "/none", ".a", code=3).out == b""
    assert "from" in cli("json", "/a", ".a..b", code=2).err


def test_a_member_is_changed_and_the_layout_stays(cli, client):
    client.create("/a", CONFIG)
    assert cli("json", "/a", ".log.level", "--string", "debug").out == b""
    assert cli("json", "/a", ".hosts", '"c"', "--append", "--json").json["version"] == 2
    cli("json", "/a", ".log.level", "--remove")
    cli("json", "/a", ".deep.er", "[1]", "-P")
    data = client.get("/a")[0]
    assert data.startswith(b'{\n    "log": {},\n    "hosts": [\n')
    assert data.endswith(b"}\n")
    assert json.loads(data) == {"log": {}, "hosts": ["a", "b", "c"], "n\u00e4me": 1.5, "deep": {"er": [1]}}


def test_numbers_stay_as_they_are_written(cli, client):
    """Of other members, too: a float has fewer digits than a number of JSON may have."""
    numbers = '"big": 12345678901234567890.10, "round": 1e2, "zero": -0, "huge": 1e999, "half": 0.50'
    client.create("/a", f'{{{numbers}, "port": 80}}'.encode())
    cli("json", "/a", ".port", "8e1")
    assert client.get("/a")[0] == f'{{{numbers}, "port": 8e1}}'.encode()
    cli("json", "/a", ".port", "1e999")
    assert client.get("/a")[0].endswith(b'"port": 1e999}')
    assert cli("json", "/a", ".big").text == "12345678901234567890.10\n"
    assert cli("json", "/a", ".huge", "--json").text == "1e999\n"
    assert cli("json", "/a", ".").text == f'{{{numbers}, "port": 1e999}}\n'


def test_wrong_changes_of_members_change_nothing(cli, client):
    client.create("/a", CONFIG)
    client.create("/text", b"text")
    assert "--string" in cli("json", "/a", ".log.level", "debug", code=2).err
    assert cli("json", "/a", ".x.y", "1", "--json", code=1).error["error"] == "no_member"
    assert cli("json", "/text", ".x", "1", "--json", code=10).error["error"] == "not_json"
    assert cli("json", "/a", ".log", "1", "--version", "7", "--json", code=4).error["error"] == "bad_version"
    assert '+    "log": 1' in cli("json", "/a", ".log", "1", "--dry-run").text
    assert client.get("/a")[0] == CONFIG


def test_racing_changes_of_members_are_all_kept(start_cli, client):
    client.create("/a", b'{"list": []}')
    racing = [start_cli("json", "/a", ".list", str(number), "--append") for number in range(4)]
    ended = [process.communicate(timeout=60) for process in racing]
    assert [process.returncode for process in racing] == [0] * 4, ended
    assert sorted(json.loads(client.get("/a")[0])["list"]) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        (".", []),
        (".a", ["a"]),
        ("a.b-c", ["a", "b-c"]),
        (".a[0][-1].b", ["a", 0, -1, "b"]),
        ('.["x y"]."z\\"q"', ["x y", 'z"q']),
        (".[3]", [3]),
    ],
)
def test_members_are_parsed(text, steps):
    assert parse_member(text) == steps
    if steps:
        assert parse_member(shown_member(steps)) == steps


@pytest.mark.parametrize("text", ["", "..", ".a.", ".a[", ".a[x]", '."x', ".a b", ".a]"])
def test_malformed_members_are_refused(text):
    with pytest.raises(ValueError, match="member"):
        parse_member(text)


def test_changes_that_lose_something_are_refused():
    for text in ('{"a": 1, "a": 2}', "NaN", "[1"):
        with pytest.raises(ValueError, match=r".+"):
            document(text)
    with pytest.raises(CommandError):
        find({"a": [1]}, ["a", "b"])
    with pytest.raises(CommandError):
        append({"a": 1}, ["a"], 2)
    assert remove({"a": [1, 2, 3]}, ["a", 1]) == {"a": [1, 3]}
    assert assign([1], [-1], 2) == [2]
    assert append({}, ["a"], 1, parents=True) == {"a": [1]}


@pytest.mark.parametrize(
    "text", ['{"a":1,"b":[1,2.50]}', '{"a": 1, "b": [1, 2]}\n', '{\n\t"a": "\u00fc"\n}', '"x"', '{"a": "\\u00fc"}']
)
def test_a_layout_is_kept(text):
    assert layout(document(text), text) == text


def test_a_touch_raises_the_version(cli, client):
    client.create("/a", None)
    client.create("/b", b"x")
    assert cli("touch", "/a", "/b").out == b""
    assert [(client.get(path)[0], client.get(path)[1].version) for path in ("/a", "/b")] == [(None, 1), (b"x", 1)]
    assert cli("touch", "/none", code=3).out == b""
    assert cli("touch", "/none", "/a", "--dry-run", code=8).text == "set\t/a\n"
    assert cli("touch", "--create", "/new", "--json").json["version"] == 0
    assert cli("touch", "--create", "/new", "--json").json["version"] == 1
