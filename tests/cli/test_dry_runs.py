"""A dry run ends as the run would, and changes nothing."""

from __future__ import annotations

import base64
import ctypes
import json

import pytest

import zkc
from zkc.cli import main


@pytest.fixture
def both(cli, client):
    """Return a function that makes a dry run and then the run: the dry run, and the run. Both end with ``code``.

    An error must be the same, unless ``alike`` names the only members that must be.
    """

    def run(*arguments, code, alike=None, **options):
        before = sorted(node.path for node in client.tree("/"))
        foretold = cli(*arguments, "-n", "--json", code=code, **options)
        assert sorted(node.path for node in client.tree("/")) == before
        made = cli(*arguments, "--json", code=code, **options)
        if made.err.startswith("{"):
            names = made.error if alike is None else alike
            assert {name: foretold.error[name] for name in names} == {name: made.error[name] for name in names}
        return foretold, made

    return run


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("cp -r /a /no/q", 3),
        ("cp -r /a /e/q", 10),
        ("cp -r /a /e/q/x", 3),
        ("sync /a /e/q/x --parents", 10),
        ("restore {dump} /no/z", 3),
        ("create /no/x", 3),
        ("create /e/q/x", 3),
        ("create -P /e/q/x", 10),
        ("set --create /no/x -d x", 3),
        ("touch /no", 3),
        ("touch --create /no/x", 3),
    ],
)
def test_a_target_that_cannot_be_created(both, cli, client, tmp_path, line, code):
    client.create("/a/b", make_parents=True)
    client.create("/e", ephemeral=True)
    if "{dump}" in line:
        cli("dump", "/a", "-O", str(tmp_path / "dump"))
    both(*line.format(dump=tmp_path / "dump").split(), code=code)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("rm -r --yes --backup {old} /a", 9),
        ("rm -r --yes --backup {new}/x /a", 10),
        ("rm --backup {old} /a/b", 9),
        ("rm --backup {new}/x /a/b", 10),
        ("dump /a -O {new}/x", 10),
        ("dump /a -O {folder}", 10),
        ("dump /a -O {old}/x", 10),
        ("get /a -O {new}/x", 10),
        ("get /a -O {folder}", 10),
        ("get /a -O /dev/fd/99", 10),
    ],
)
def test_a_file_that_cannot_be_written(both, client, tmp_path, line, code):
    client.create("/a/b", make_parents=True)
    old = tmp_path / "old"
    old.write_bytes(b"old")
    foretold, _ = both(*line.format(old=old, new=tmp_path / "new", folder=tmp_path).split(), code=code)
    assert foretold.out == b""
    assert [path.name for path in tmp_path.iterdir() if path.name != ".cache"] == ["old"]
    assert old.read_bytes() == b"old"


def test_a_file_that_would_be_written(cli, client, tmp_path):
    client.create("/a/b", make_parents=True)
    file = tmp_path / "file"
    for line in ("rm -r --backup {} /a", "rm --backup {} /a/b", "dump /a -O {}", "get /a -O {}"):
        ended = cli(*line.format(file).split(), "-n", "--json")
        assert str(file) in (each.get("file") for each in ended.json), line
    ended = cli("rm", "-rn", "/a", "--backup", str(file))
    assert ended.lines == ["/a/b", "/a"]
    assert f"would write /a and all below it to {file}" in ended.err
    assert "cannot be written" in cli("snapshot", "-n", "-O", str(tmp_path / "no" / "x"), code=10).err
    assert not file.exists()
    cli("rm", "--missing-ok", "--backup", str(file), "/none")
    assert not file.exists()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("barrier create /a", 4),
        ("barrier create /e/x/y", 10),
        ("barrier open /no", 3),
        ("barrier open /a", 4),
        ("counter set /a 5 --version 7", 4),
        ("counter set /no 5 --version 7", 3),
        ("json /j .k 2 --version 7", 4),
        ("reconfig --yes --add server.4=h:1:2;3", 10),
        ("acl set /a --version 5 open", 4),
        ("acl set /a creator", 5),
        ("acl add /a auth::r", 5),
        ("acl set -R --yes /a creator", 8),
        ("create /new --acl creator", 5),
        ("create -s / --acl open,auth::r", 5),
        ("cp -r /a /new --acl creator", 5),
        ("cp -r /a /new --acl open,auth::r", 5),
        ("sync /a /new --acl creator", 5),
        ("cp /j /new --acl creator --on-conflict replace --yes", 5),
        ("counter set /n 2147483648 --type int32", 2),
        ("counter set /n -2147483649 --type int32", 2),
        ("counter set /a 9223372036854775808 --type int64 --version 7", 2),
        ("counter add /max 1 --type int32", 2),
        ("counter set /n inf --type float", 2),
        ("counter add /float 1e308 --type float", 2),
        ("rm /no /a", 3),
        ("rm /a /no --missing-ok", 4),
        ("rm /no /a/b", 8),
        ("find /a --name a --delete", 8),
    ],
)
def test_what_the_znodes_and_the_session_tell(both, client, line, code):
    client.create("/a/b", make_parents=True)
    client.create("/e", ephemeral=True)
    client.create("/j", b'{"k": 1}')
    client.create("/max", b"\x7f\xff\xff\xff")
    client.create("/float", b"1e308")
    alike = ["error", "failures", "failed", "total"] if code == 8 else None  # The message counts what is done.
    both(*line.split(), code=code, alike=alike)


def test_a_session_with_an_identity_may_use_it_in_acls(both, client, tmp_path):
    client.create("/b")
    password = tmp_path / "password"
    password.write_text("p")
    password.chmod(0o600)
    client.add_auth("digest", b"u:p")  # To look at what the command has made.
    for line in ("acl set /b auth::all", "create /c --acl creator"):
        foretold, _ = both(*line.split(), "--auth", f"digest:u:{password}", code=0)
        assert len(foretold.json) == 1


def test_the_failures_are_those_that_count_in_their_order(both, cli, client):
    client.create_many(["/m", "/m/1", "/n", "/n/1"], raise_errors=True)
    missing = [f"/none-{number}" for number in range(101)]
    foretold, made = both("rm", "--missing-ok", *missing, "/m", "/n", code=4)
    for ended in (foretold, made):
        assert (ended.error["failed"], ended.error["total"], ended.error["operation"]) == (2, 103, "delete")
        assert ended.error["failures"] == [{"path": path, "error": "not_empty"} for path in ("/m", "/n")]
    foretold, made = both("rm", "/nope", "/m", "/n", code=3)
    assert [each["error"] for each in made.error["failures"]] == ["no_node", "not_empty", "not_empty"]
    ended = cli("rm", "/m", "/nope", "/n", "/n/1", "--json", code=8)
    assert (ended.error["failed"], ended.error["failures"][0]["path"]) == (3, "/m")
    assert "3 failed. The first: /m: " in ended.error["message"]


@pytest.mark.parametrize("line", ["create /b -f {}", "create -s /a/ -f {}", "set /a -f {}", "txn -"])
def test_data_that_are_too_large_for_a_request(both, client, tmp_path, line):
    client.create("/a")
    file = tmp_path / "big"
    file.write_bytes(b"x" * 2_000_000)
    lines = f"set /a 1\nset /a -f {file}\n".encode() if line == "txn -" else b""
    arguments = line.format(file).split()
    foretold, _ = both(*arguments, code=2, alike=["error", "path"], input=lines)
    assert "more than the 1,048,575 that zkc sends" in foretold.error["message"]


@pytest.mark.parametrize("line", [
    "restore {} /new", "cp -r file:{} /new", "sync file:{} /new", "restore {} /a --on-conflict replace --yes",
    "sync file:{} /a --yes",
])  # fmt: skip
def test_data_of_a_copy_that_are_too_large_for_a_request(both, cli, client, tmp_path, line):
    client.create("/a", b"x")
    dump = tmp_path / "dump.jsonl"
    cli("dump", "/a", "-O", str(dump))
    header, root, *rest = dump.read_text().splitlines()
    record = json.loads(root)
    (name,) = (each for each in record if record[each] in ("x", "eA=="))
    record[name] = base64.b64encode(b"x" * 2_000_000).decode() if record[name] == "eA==" else "x" * 2_000_000
    dump.write_text("\n".join([header, json.dumps(record), *rest, ""]))
    foretold, _ = both(*line.format(dump).split(), code=10, alike=["error", "path"])
    assert foretold.error["error"] == "refused"
    assert "more than the 1,048,575 that zkc sends" in foretold.error["message"]


def test_a_copy_ends_with_the_error_of_the_first_step_that_has_one(both, cli, client, tmp_path):
    client.create_many(["/a", "/a/b", "/c", "/c/b"], raise_errors=True)
    foretold, _ = both("cp", "-r", "/a", "/c", "--acl", "creator", code=4)
    assert (foretold.error["error"], foretold.error["path"]) == ("node_exists", "/c")
    client.delete("/c/b")
    ended = cli("cp", "-rn", "/a", "/c", "--acl", "creator", "--on-conflict", "skip", "--json", code=5)
    assert (ended.error["error"], ended.error["path"]) == ("invalid_acl", "/c/b")
    assert [each["path"] for each in ended.json] == ["/c", "/c/b"]


def test_the_identities_are_asked_for_once(client, hosts, capsys, monkeypatch):
    client.create("/a/b/c", make_parents=True)
    asked, whoami = [], zkc.Client.whoami

    def counted(client, **options):
        asked.append(client)
        return whoami(client, **options)

    monkeypatch.setattr(zkc.Client, "whoami", counted)
    monkeypatch.setenv("ZKC_SERVERS", hosts)
    assert main(["acl", "set", "-Rn", "/a", "creator"]) == 8
    assert capsys.readouterr().err.count("/a") == 3
    assert len(asked) == 1


def _without_override():
    """Let root be bound by permissions, as others are."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE; others have none to drop.


@pytest.mark.parametrize("line", ["add new -s h:1", "rm old", "use old", "use --none"])
def test_a_file_of_profiles_that_cannot_be_written(start_cli, cli_environment, tmp_path, line):
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "config.toml"
    file.write_text('[profile.old]\nservers = "h:1"\n')
    folder.chmod(0o500)
    cli_environment["ZKC_CONFIG"] = str(file)
    errors = []
    for option in (["-n"], []):
        process = start_cli("profile", *line.split(), "--json", *option, preexec_fn=_without_override)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (10, b"")
        errors.append(json.loads(err))
    folder.chmod(0o700)
    assert errors[0] == errors[1]
    assert errors[0]["message"] == f"{file} cannot be written: Permission denied"
    assert [each.name for each in folder.iterdir()] == ["config.toml"]


def test_a_file_of_profiles_that_would_be_written_in_a_new_folder(cli, cli_environment, tmp_path):
    cli_environment["ZKC_CONFIG"] = str(tmp_path / "new" / "folder" / "config.toml")
    cli("profile", "add", "new", "-s", "h:1", "-n")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("path", ["/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config"])
def test_a_transaction_that_deletes_a_znode_of_the_servers(cli, cli_environment, hosts, path):
    cli_environment["ZKC_SERVERS"] = hosts.partition("/")[0]
    foretold, made = (
        cli("txn", "-", "--json", *option, input=f"delete {path}\n".encode(), code=10) for option in (["-n"], [])
    )
    assert foretold.error["error"] == made.error["error"] == "bad_arguments"


def test_a_dry_run_without_a_change_is_an_empty_array(cli, cli_environment, client):
    client.create("/a", b'{"k": 1}')
    client.create("/b", b'{"k": 1}')
    cli_environment["EDITOR"] = "true"
    for line in ("edit /a", "sync /a /b", "rm --missing-ok /no", "rm -r --missing-ok /no", "find /a --name x --delete"):
        assert cli(*line.split(), "-n", "--json").out == b"[]\n", line
    assert cli("json", "/a", ".k", "1", "-n").text == "the data of /a stay as they are\n"
