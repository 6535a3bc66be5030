"""A dry run ends as the run would, and changes nothing."""

from __future__ import annotations

import pytest


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
