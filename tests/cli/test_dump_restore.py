"""``zkc dump`` and ``restore``: files of trees, and the znodes of such files."""

from __future__ import annotations

import gzip
import io
import json
import signal
import subprocess

import pytest

from zkc import ACL, Client, Perms
from zkc.testing import ZooKeeperServer

from .cut_support import CuttingLink, HoldingLink
from .fix_cli import COMMAND

READ_ONLY = [ACL.world(Perms.READ)]
ANN = [ACL.digest("ann", "secret"), ACL.world(Perms.READ | Perms.CREATE)]


def plant(client, root="/app"):
    """Create a tree with all that is hard to keep: null, empty and binary data, ACLs, an ephemeral znode, names."""
    client.create_many(
        [(root, b"root"), (f"{root}/null", None), (f"{root}/empty", b""), (f"{root}/bin", bytes(range(256))),
         (f"{root}/a", b"1"), (f"{root}/a/x", "ü\n\u2028".encode()), (f"{root}/a-b", b"2"), (f"{root}/a b", b"\n")],
        raise_errors=True,
    )  # fmt: skip
    client.create(f"{root}/closed", b"3")
    client.create(f"{root}/closed/child", b"4", acl=READ_ONLY)
    client.create(f"{root}/ann", b"5", acl=ANN)
    client.set_acl(f"{root}/closed", READ_ONLY)
    client.create(f"{root}/mine", b"6", ephemeral=True)
    return 12


def shape(client, root):
    """Return data and ACLs of all znodes that are not ephemeral, by their paths below the root."""
    nodes = client.tree(root, with_acl=True)
    return {node.path[len(root) :]: (node.data, node.acl) for node in nodes if not node.stat.ephemeral_owner}


@pytest.fixture
def ann(cli_environment, client, tmp_path):
    """Let commands and the client log in as ann, who sees the hashes of her ACLs."""
    file = tmp_path / "password"
    file.write_text("secret\n")
    file.chmod(0o600)
    cli_environment["ZKC_AUTH"] = f"digest:ann:{file}"
    client.add_auth("digest", "ann:secret")
    return client


@pytest.mark.parametrize("name", ["app.jsonl", "app.jsonl.gz", "app.jsonl.zst"])
def test_a_tree_comes_back_from_its_dump(cli, ann, tmp_path, name):
    """Scenario 16."""
    count = plant(ann)
    file = tmp_path / name
    written = cli("dump", "/app", "-O", str(file), "--json")
    assert written.json["znodes"] == count
    assert written.json["ephemerals"] == 1
    assert file.stat().st_mode & 0o777 == 0o600
    restored = cli("restore", str(file), "/copy", "--json")
    assert (restored.json["created"], restored.json["ephemerals"]) == (count - 1, 1)
    assert "left out 1 ephemeral znode" in restored.err
    assert shape(ann, "/copy") == shape(ann, "/app")
    for first, second in (("/app", "/copy"), (str(file), "/copy"), ("/app", str(file))):
        compared = cli("diff", "--acl", f"file:{first}" if first == str(file) else first,
                       f"file:{second}" if second == str(file) else second)  # fmt: skip
        assert compared.out == b""
        assert "ephemeral" in compared.err


def test_a_dump_has_the_lines_of_an_export(cli, ann):
    plant(ann)
    exported = io.StringIO()
    ann.export("/app", exported)
    header, *lines, end = cli("dump", "/app", "-O", "-").text.splitlines()
    assert end == '{"znodes": 12}'
    assert json.loads(header) == {"format": "zkc-tree", "version": 1, "path": "/app", "sorted": True}
    assert sorted(lines) == sorted(exported.getvalue().splitlines()[1:])
    paths = [json.loads(line)["path"] for line in lines]
    assert paths == sorted(paths, key=lambda path: path.split("/"))
    assert paths[:5] == ["/", "/a", "/a/x", "/a b", "/a-b"]


def test_an_export_in_another_order_is_restored_and_compared(cli, ann, tmp_path):
    plant(ann)
    file = tmp_path / "exported"
    ann.export("/app", file)
    cli("restore", str(file), "/copy")
    assert shape(ann, "/copy") == shape(ann, "/app")
    cli("diff", "--acl", f"file:{file}", "/copy")
    dumped = tmp_path / "dumped.gz"
    cli("dump", f"file:{file}", "-O", str(dumped))
    cli("dump", "/app", "-O", str(tmp_path / "again.gz"))
    assert (
        gzip.decompress(dumped.read_bytes()).splitlines()[1:]
        == (gzip.decompress((tmp_path / "again.gz").read_bytes()).splitlines()[1:])
    )


def test_a_dump_that_was_cut_deletes_nothing(cli, client):
    client.create_many(["/app", "/app/a", "/app/b", "/app/c"], raise_errors=True)
    lines = cli("dump", "/app", "-O", "-").out.splitlines(keepends=True)
    for cut in (lines[:3], lines[:-1], [*lines[:2], *lines[3:]], [*lines, lines[2]]):
        ended = cli("sync", "--delete", "--yes", "-", "/app", "--json", code=10, input=b"".join(cut))
        assert ended.error["error"] == "not_a_dump"
    cli("sync", "--delete", "--yes", "-", "/app", input=b"".join(lines))
    assert client.children("/app") == ["a", "b", "c"]
    text = b"".join(lines).decode()
    assert client.import_("/copy", io.StringIO(text)) == 4
    with pytest.raises(ValueError, match="line 5: the file has 3 znodes and should have 4"):
        client.import_("/other", io.StringIO("".join([*text.splitlines(True)[:4], text.splitlines()[-1]])))


def test_a_dump_goes_through_a_pipe_and_in_parts(cli, client):
    plant(client)
    dumped = cli("dump", "/app", "-O", "-").out
    cli("restore", "-", "/copy", "--without-acl", input=gzip.compress(dumped))
    assert client.get("/copy/bin")[0] == bytes(range(256))
    assert client.get_acl("/copy/closed")[0] == [ACL.world()]
    cli("restore", "file:-:/a", "/part/of/it", "--parents", input=dumped)
    assert client.children("/part/of/it") == ["x"]
    assert cli("restore", "file:-:/none", "/other", "--json", input=dumped, code=3).error["path"] == "/none"


def test_conflicts_of_a_restore(cli, client, tmp_path):
    """Scenario 17."""
    client.create_many([("/app", b"1"), ("/app/a", b"2"), ("/app/b", b"3")], raise_errors=True)
    file = str(tmp_path / "dump")
    cli("dump", "/app", "-O", file)
    client.delete("/app/b")
    client.set("/app/a", b"other")
    version = client.exists("/app").version

    foretold = cli("restore", "-n", file, "/app", code=4)
    assert foretold.lines == ["conflict\t/app\t", "conflict\t/app/a\t", "create\t/app/b\t"]
    failed = cli("restore", file, "/app", "--json", code=4)
    assert (failed.error["error"], failed.error["path"]) == ("node_exists", "/app")
    assert client.children("/app") == ["a"]

    foretold = cli("restore", "-n", file, "/app", "--on-conflict", "skip")
    assert foretold.lines == ["skip\t/app\t", "skip\t/app/a\t", "create\t/app/b\t"]
    assert client.children("/app") == ["a"]
    skipped = cli("restore", file, "/app", "--on-conflict", "skip", "--json").json
    assert (skipped["created"], skipped["skipped"], skipped["replaced"]) == (1, 2, 0)
    assert client.get("/app/a")[0] == b"other"

    replace = (file, "/app", "--on-conflict", "replace")
    client.set_acl("/app/b", [*READ_ONLY, ACL.digest("ann", "secret")])
    assert cli("restore", "-n", *replace).lines == ["replace\t/app/a\tdata", "replace\t/app/b\tacl"]
    client.delete("/app/b")
    client.create("/app/b", b"3")
    refused = cli("restore", *replace, "--json", code=9)
    assert refused.error["error"] == "unconfirmed"
    assert "would replace 1 znode at and below /app" in refused.err
    assert client.get("/app/a")[0] == b"other"
    replaced = cli("restore", *replace, "--yes", "--json").json
    assert (replaced["created"], replaced["replaced"]) == (0, 1)
    assert client.get("/app/a")[0] == b"2"
    assert client.exists("/app").version == version


def test_a_restore_into_the_root_creates_what_is_missing(cli, client, tmp_path):
    client.create_many(["/app", "/app/a"], raise_errors=True)
    file = str(tmp_path / "dump")
    cli("dump", "/", "-O", file)
    client.delete("/app/a")
    assert cli("restore", file, "/", "--json", code=4).error["path"] == "/app"
    client.delete("/app")
    assert cli("restore", file, "/", "--json").json["created"] == 2
    assert "--parents" in cli("restore", "-n", file, "/no/parent", code=3).err
    assert cli("restore", "-nP", file, "/no/parent").lines[0] == "create\t/no/parent\t"
    assert "--parents" in cli("restore", file, "/no/parent", code=3).err


def test_a_file_is_replaced_when_the_dump_is_complete(cli, start_cli, client, tmp_path):
    client.create_many(["/app", "/app/a"], raise_errors=True)
    client.create("/app/secret", b"", acl=[ACL.digest("nobody", "pw"), ACL.world(Perms.DELETE)])
    file = tmp_path / "dump"
    file.write_bytes(b"before")
    refused = cli("dump", "/app", "-O", str(file), "--json", code=5)
    assert "--auth gives credentials" in refused.error["message"]
    assert "add_auth" not in refused.error["message"]
    assert refused.error["path"] == "/app/secret"
    assert "--skip-unreadable" in refused.err
    assert cli("dump", "/none", "-O", str(file), code=3).out == b""
    assert file.read_bytes() == b"before"
    assert cli("dump", "/app/a", "-O", str(tmp_path / "no" / "dump"), "--json", code=10).error["error"] == "file"
    left_out = cli("dump", "/app", "-O", str(file), "--skip-unreadable", code=8)
    assert "1 znodes may not be read" in left_out.err
    assert [json.loads(line)["path"] for line in file.read_text().splitlines()[:-1]] == ["/app", "/", "/a"]
    assert [path.name for path in tmp_path.iterdir() if "dump" in path.name] == ["dump"]


def test_hidden_hashes_are_named(cli, client, tmp_path):
    client.create("/app")
    client.create("/app/ann", b"", acl=ANN)
    file = tmp_path / "dump"
    dumped = cli("dump", "/app", "-O", str(file))
    assert "the servers hide password hashes in 1 of the ACLs" in dumped.err
    assert "/ann" in dumped.err
    for command in (("restore", str(file), "/copy"), ("cp", "-r", "/app", "/copy"), ("sync", "-y", "/app", "/copy")):
        refused = cli(*command, "--json", code=5)
        assert (refused.error["error"], refused.error["paths"]) == ("hidden_hash", ["/copy/ann"])
        assert client.exists("/copy") is None
    cli("restore", str(file), "/copy", "--without-acl")
    assert client.children("/copy") == ["ann"]


def test_system_znodes_and_patterns_are_left_out(cli, cli_environment, hosts, client):
    client.create_many(["/app", "/app/a", "/app/a/tmp", "/app/a/tmp/x", "/app/b", "/app/b/x"], raise_errors=True)

    def paths(*arguments, **options):
        return [json.loads(line)["path"] for line in cli("dump", *arguments, "-O", "-", **options).lines[1:-1]]

    assert paths("/app", "--exclude", "tmp", "--exclude", "/b/*") == ["/", "/a", "/b"]
    assert "nothing fits --exclude /app/b" in cli("dump", "/app", "-O", "-", "--exclude", "/app/b").err
    cli_environment["ZKC_SERVERS"] = hosts.partition("/")[0]
    assert not [path for path in paths("/", "--exclude", "test-*") if path.startswith("/zookeeper")]
    assert "/zookeeper/quota" in paths("/", "--system", "--exclude", "test-*")
    assert "/quota" in paths("/zookeeper")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "line 1: the file is no export"),
        (b"\x00\xff\n", "no JSON"),
        (b'{"format": "zkc-tree", "version": 9}\n', "version 9"),
        (b'{"format": "zkc-tree", "version": 1}\n{"path": "/a", "data": 3}\n', "data must be a string"),
        (b'{"format": "zkc-tree", "version": 1}\n{"path": "/"\n', "line 2: the line is no JSON"),
        (b'{"format": "zkc-tree", "version": 1}\n{"path": 3}\n', "line 2: the line is no znode"),
        (b'{"format": "zkc-tree", "version": 1, "sorted": true}\n{"path": "/b", "data": ""}\n{"path": "/a"}', "late"),
        (b'{"format": "zkc-tree", "version": 1}\n{"path": "/a", "data": ""}\n{"path": "/a", "data": ""}', "3: /a is"),
        (b"\x1f\x8b\x08\x00", "cut"),
        (gzip.compress(b'{"format": "zkc-tree", "version": 1}\n' * 100, mtime=0)[:-9], "cut"),
        (b"\x28\xb5\x2f\xfd\x04", "cut"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_dump_is_told(cli, client, tmp_path, content, said):
    file = tmp_path / "dump"
    file.write_bytes(content)
    ended = cli("diff", f"file:{file}", "/", "--json", code=10)
    assert ended.error["error"] == "not_a_dump"
    assert said in ended.err


def test_a_dump_is_the_same_with_a_lost_connection(cli, cli_environment, hosts, client):
    """Scenario 4."""
    client.create("/app")
    client.create_many([(f"/app/{number:04}", b"x" * 500) for number in range(2000)], raise_errors=True)
    address, slash, chroot = hosts.partition("/")
    before = cli("dump", "/app", "-O", "-")
    for limits in ([3_000], [400_000, 50, 300_000], [1_200_000]):
        with CuttingLink(int(address.rpartition(":")[2]), limits) as link:
            cli_environment["ZKC_SERVERS"] = f"{link.hosts}{slash}{chroot}"
            after = cli("dump", "/app", "-O", "-")
            assert link.cuts == len(limits)
        assert (after.out, after.err) == (before.out, before.err)


def test_a_restore_survives_a_lost_connection(cli, cli_environment, hosts, client, tmp_path):
    client.create("/app", acl=[ACL.world(Perms.READ | Perms.CREATE | Perms.DELETE | Perms.ADMIN)])
    client.create_many([(f"/app/{number:04}", b"x" * 100) for number in range(3000)], raise_errors=True)
    client.set_acl("/app", READ_ONLY)
    file = str(tmp_path / "dump")
    cli("dump", "/app", "-O", file)
    address, slash, chroot = hosts.partition("/")
    with CuttingLink(int(address.rpartition(":")[2]), [2_000, 20_000, 60_000]) as link:
        cli_environment["ZKC_SERVERS"] = f"{link.hosts}{slash}{chroot}"
        assert cli("restore", file, "/copy", "--json").json["created"] == 3001
        assert link.cuts == 3
    cli_environment["ZKC_SERVERS"] = hosts
    cli("diff", "--acl", "/app", "/copy")


def _plant_many(client, branches):
    """Create so many znodes, each with 1000 children; return the number of all."""
    client.create("/big")
    for first in range(0, branches, 20):
        numbers = range(first, min(first + 20, branches))
        client.create_many([f"/big/{number:04}" for number in numbers], raise_errors=True)
        client.create_many(
            ((f"/big/{number:04}/{leaf:04}", b"0123456789") for number in numbers for leaf in range(1000)),
            raise_errors=True,
        )
    return 1 + branches * 1001


def _check_large(measured, start_cli, client, tmp_path, branches, environment):
    """Check that large trees are dumped, copied and compared in little memory, and that Ctrl-C ends each at once."""
    count = _plant_many(client, branches)
    files = [tmp_path / "dump.gz", tmp_path / "exported"]
    assert measured("dump", "/big", "-O", str(files[0]))[0].code == 0
    client.export("/big", files[1])  # In another order, so that it is sorted.
    for first, second in ((f"file:{files[0]}", "/big"), (f"file:{files[1]}", f"file:{files[0]}")):
        ended, memory = measured("diff", "--acl", first, second, "--timeout", "60")
        assert ended.code == 0
        assert memory < 150 << 10
    before = files[0].read_bytes()
    address, slash, chroot = client.hosts.partition("/")
    for place, *command in (
        ("/big", "dump", "/big", "-O", str(files[0])),
        ("/big", "diff", "--acl", "/big", f"file:{files[1]}"),
        ("/copy", "cp", "-r", "/big", "/copy"),
    ):
        # No request passes from the middle on: what the command waits for then is the timeout, unless it ends at once.
        with HoldingLink(int(address.rpartition(":")[2]), f"{place}/{branches // 2:04}".encode()) as link:
            environment["ZKC_SERVERS"] = f"{link.hosts}{slash}{chroot}"
            process = start_cli(*command, "--json", "--progress", "json", "--timeout", "600")
            link.wait_until_held()
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        assert process.returncode == 130, command
        if command[0] == "dump":
            assert json.loads(err.splitlines()[-1])["error"] == "interrupted"
    assert files[0].read_bytes() == before
    assert {path.name for path in tmp_path.iterdir() if "dump" in path.name} == {"dump.gz"}
    return count


def test_an_interrupted_dump_to_a_pipe_is_said_to_be_not_complete(start_cli, client):
    client.create_many([(f"/{number}", b"x" * 1000) for number in range(3000)], raise_errors=True)
    process = start_cli("dump", "/", "-O", "-")
    assert process.stdout.readline()  # The rest does not fit into the pipe: the command waits for its reader.
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith(b" znodes: the dump in stdout is not complete\n")


@pytest.mark.timeout(600)
def test_a_large_tree_is_dumped_and_compared_in_little_memory(measured, start_cli, client, tmp_path, cli_environment):
    _check_large(measured, start_cli, client, tmp_path, 40, cli_environment)


@pytest.mark.full
@pytest.mark.timeout(3000)
def test_a_tree_of_1_000_000_znodes_is_dumped_and_compared(measured, start_cli, cli_environment, tmp_path):
    with ZooKeeperServer(heap="3g") as server, Client(server.hosts, session_timeout=30, request_timeout=600) as client:
        cli_environment["ZKC_SERVERS"] = server.hosts
        assert _check_large(measured, start_cli, client, tmp_path, 1000, cli_environment) == 1_001_001


def test_a_missing_module_for_zstandard_is_told(cli, cli_environment, client, tmp_path):
    without = tmp_path / "without"
    without.mkdir()
    (without / "sitecustomize.py").write_text(
        "import sys\nfor name in ('compression.zstd', 'backports.zstd', 'zstandard'):\n    sys.modules[name] = None\n"
    )
    cli_environment["PYTHONPATH"] = str(without)
    ended = cli("dump", "/", "-O", str(tmp_path / "dump.zst"), "--json", code=2)
    assert ended.error["error"] == "no_zstandard"
    assert "pip install zstandard" in ended.err


def test_head_ends_a_dump(cli_environment, client):
    client.create("/app")
    client.create_many([(f"/app/{number:04}", b"x" * 500) for number in range(1000)], raise_errors=True)
    program = " ".join(COMMAND)
    ended = subprocess.run(
        ["bash", "-c", f"{program} dump /app -O - | head -1"], env=cli_environment, capture_output=True, check=True
    )
    assert ended.stdout.count(b"\n") == 1
    assert b"Traceback" not in ended.stderr


def test_big_data_pass_in_bounded_batches(cli, client):
    client.create("/app")
    for number in range(12):
        client.create(f"/app/{number:02}", bytes(900_000))
    cli("cp", "-r", "/app", "/copy")
    cli("diff", "/app", "/copy")
