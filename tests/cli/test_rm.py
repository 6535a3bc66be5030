"""``zkc rm``: znodes, patterns, trees, and the guards before them."""

from __future__ import annotations

import itertools
import json
import signal
import struct
import threading
import time
from types import SimpleNamespace

import pytest

from zkc import ACL, Perms
from zkc.cli.write import _deleting
from zkc.cli.write._deleting import Deletion, Plan
from zkc.testing import FaultProxy

from .cut_support import HoldingLink

TREE = ["/app", "/app/a", "/app/a/x", "/app/b", "/other"]
BOTTOM_UP = "/app/a/x\n/app/a\n/app/b\n/app\n"


@pytest.fixture
def tree(client):
    """A small tree, with 2 bytes in each znode."""
    client.create_many([(path, b"xy") for path in TREE], raise_errors=True)
    return client


def _left(client):
    return sorted(node.path for node in client.tree("/") if node.path != "/")


def test_rm_needs_an_answer_without_a_terminal(cli, tree):
    """Scenario 8."""
    ended = cli("rm", "-r", "/app", "--json", code=9)
    assert (ended.out, ended.error["error"]) == (b"", "unconfirmed")
    assert "4 znodes, 0 ephemeral, 8 B" in ended.err
    assert _left(tree) == TREE


def test_a_dry_run_of_rm_prints_the_exact_list(cli, tree):
    """Scenario 8."""
    assert cli("rm", "-rn", "/app").text == BOTTOM_UP
    assert cli("rm", "-rn", "/app", "--keep-root").text == BOTTOM_UP.replace("/app\n", "")
    assert cli("rm", "-n", "/app/*", code=8).text == "/app/b\n"
    assert cli("rm", "-rn", "/app/b", "--output", "jsonl").json == {"path": "/app/b", "action": "delete"}
    assert _left(tree) == TREE


def test_rm_deletes_a_tree(cli, tree):
    ended = cli("rm", "-r", "--yes", "/app", "/app/a", "--json")
    assert ended.json == {"paths": ["/app"], "ephemeral": 0, "bytes": 8, "deleted": 4}
    assert "deleting 4 znodes" in ended.err
    assert _left(tree) == ["/other"]
    assert cli("rm", "-ry", "/app", code=3).out == b""
    assert cli("rm", "-ry", "/app", "--missing-ok", "--json").json["deleted"] == 0


def test_rm_keeps_the_root_of_a_tree(cli, tree):
    cli("rm", "-y", "--keep-root", "/app")
    assert _left(tree) == ["/app", "/other"]


def test_the_root_of_a_chroot_is_guarded(cli, tree):
    """Scenario 9."""
    assert cli("rm", "-ry", "/", "--json", code=9).error["error"] == "guarded"
    assert cli("rm", "/", "--json", code=9).error["error"] == "guarded"
    assert _left(tree) == TREE
    cli("rm", "-ry", "--force", "/")
    assert _left(tree) == []


def test_the_root_and_the_znodes_of_the_servers_are_guarded(cli, cli_environment, hosts, client):
    """Scenario 9."""
    cli_environment["ZKC_SERVERS"] = hosts.partition("/")[0]
    for path in ("/", "/zookeeper/quota", "/*keeper"):
        assert cli("rm", "-ry", path, "--json", code=9).error["error"] == "guarded", path
    assert cli("rm", "-ry", "--force", "/zookeeper", "--json", code=9).error["error"] == "guarded"
    listed = cli("rm", "-rn", "--force", "/").lines
    assert hosts[hosts.index("/") :] in listed
    assert not [path for path in listed if path == "/" or path.startswith("/zookeeper")]
    cli_environment["ZKC_SERVERS"] += "/zookeeper"
    assert cli("rm", "-ry", "/quota", "--json", code=9).error["error"] == "guarded"


def test_rm_of_a_pattern_deletes_what_fits(cli, client):
    """Scenario 11."""
    client.create("/app")
    client.create_many([f"/app/{name}" for name in ("job-1", "job-2", "jobs", "other")], raise_errors=True)
    cli("rm", "/app/job-*")
    assert _left(client) == ["/app", "/app/jobs", "/app/other"]
    ended = cli("rm", "/app/job-*", "--json", code=3)
    assert ended.error["error"] == "no_node"
    cli("rm", "/app/job-*", "--missing-ok")


def test_rm_of_one_znode_checks_the_version_and_the_children(cli, tree):
    assert cli("rm", "/app", "--json", code=4).error["error"] == "not_empty"
    assert cli("rm", "/other", "--version", "3", "--json", code=4).error["error"] == "bad_version"
    cli("rm", "/other", "--version", "0")
    assert cli("rm", "/other", "--json", code=3).error["error"] == "no_node"
    ended = cli("rm", "/none", "/app/b", "--json", code=8)
    assert (ended.error["deleted"], ended.error["failed"]) == (1, 1)
    assert _left(tree) == ["/app", "/app/a", "/app/a/x"]


def test_what_may_not_be_deleted_is_counted(cli, tree):
    tree.set_acl("/app/a", [ACL(Perms.ALL & ~Perms.DELETE, "world", "anyone")])
    ended = cli("rm", "-ry", "/app", "--json", code=8)
    assert (ended.error["deleted"], ended.error["failed"]) == (1, 3)
    assert "NOAUTH" in ended.err
    assert _left(tree) == ["/app", "/app/a", "/app/a/x", "/other"]
    tree.set_acl("/app/a", [ACL.world()])


def test_a_backup_is_written_before_a_deletion(cli, tree, tmp_path):
    file = tmp_path / "app.jsonl"
    cli("rm", "-ry", "/app", "--backup", str(file))
    assert file.stat().st_mode & 0o777 == 0o600
    head, *lines, end = map(json.loads, file.read_text().splitlines())
    assert end == {"znodes": 4}
    assert head["format"] == "zkc-tree"
    assert len(lines) == 4
    assert tree.import_("/app", file) == 4
    assert cli("rm", "-ry", "/app", "--backup", str(file), "--json", code=9).error["error"] == "file_exists"
    assert cli("rm", "-ry", "/app", "--backup", "/no/folder", "--json", code=10).error["error"] == "file"
    assert _left(tree) == TREE
    assert [path.name for path in tmp_path.iterdir()] == ["app.jsonl"]


def test_rm_asks_on_a_terminal(in_terminal, tree):
    process = in_terminal("rm", "-r", "/app")
    process.expect("Delete 4 znodes.*y/N")
    process.sendline("n")
    process.expect("nothing was changed")
    process.wait()
    assert process.exitstatus == 9
    assert _left(tree) == TREE
    process = in_terminal("rm", "-r", "/app")
    process.expect("y/N")
    process.sendline("y")
    process.expect("deleted 4 znodes")
    process.wait()
    assert process.exitstatus == 0
    assert _left(tree) == ["/other"]


def _delete_of(path):
    """Return bytes of the request to delete a znode: its type, and the path."""
    return struct.pack(">ii", 2, len(path)) + path.encode()


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_rm_of_many_znodes_stops_at_once_and_ends_the_next_time(
    start_cli, cli, client, cli_environment, zookeeper_server, hosts, count
):
    """Scenario 10."""
    client.create("/big")
    wide = count // 100
    client.create_many([f"/big/{number}" for number in range(100)], raise_errors=True)
    for number in range(100):
        client.create_many([f"/big/{number}/{name}" for name in range(wide - 1)], raise_errors=True)

    chroot = hosts[hosts.index("/") :]
    with HoldingLink(zookeeper_server.port, _delete_of(f"{chroot}/big/50/0")) as link:
        cli_environment["ZKC_SERVERS"] = link.hosts + chroot
        process = start_cli("rm", "-ry", "/big", "--json")
        link.wait_until_held()
        process.send_signal(signal.SIGINT)
        link.release()
        _, err = process.communicate(timeout=60)
    cli_environment["ZKC_SERVERS"] = hosts
    error = json.loads(err.splitlines()[-1])
    assert (process.returncode, error["error"]) == (130, "interrupted")
    assert error["total"] == count + 1
    # What was sent may be done a little later, unless the command has seen that it is done.
    left = 1 + client.count_descendants("/big")
    assert left > 1
    if error["exact"]:  # A starved server may not answer in time how many they are.
        assert error["deleted"] == count + 1 - left
    assert 0 < error["deleted"] <= count + 1 - left

    deleted = cli("rm", "-ry", "/big", "--json", "--progress", "json").json["deleted"]
    assert deleted == left if error["exact"] else deleted <= left
    assert _left(client) == []


def test_rm_survives_lost_connections(start_cli, client, cli_environment, zookeeper_server, hosts):
    count = 5_000
    client.create("/big")
    for number in range(count // 100):
        client.create_many([f"/big/{number}", *(f"/big/{number}/{name}" for name in range(99))], raise_errors=True)
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        cli_environment["ZKC_SERVERS"] = proxy.hosts + hosts[hosts.index("/") :]
        begun = threading.Event()
        client.exists("/big/0/0", watch=lambda _: begun.set())
        process = start_cli("rm", "-ry", "/big", "--json")
        assert begun.wait(60)
        for _ in range(3):
            proxy.drop_connections()
            time.sleep(0.05)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["deleted"] == count + 1
    assert _left(client) == []


def test_rm_deletes_what_came_in_the_meantime(in_terminal, client):
    client.create("/app")
    process = in_terminal("rm", "-r", "/app")
    process.expect("y/N")
    client.create_many(["/app/a", "/app/a/b"], raise_errors=True)
    process.sendline("y")
    process.expect("deleted 3 znodes")
    process.wait()
    assert _left(client) == []


def test_no_item_is_skipped_between_two_windows(monkeypatch):
    windows = []
    monkeypatch.setattr(Deletion, "_delete", lambda self, items: windows.append(list(items)))
    items = [(f"/{number}", number) for number in range(5001)]
    Deletion(SimpleNamespace(client=None)).run(iter(items))
    assert list(itertools.chain(*windows)) == items
    assert [len(window) for window in windows] == [2000, 2000, 1001]


def test_a_large_plan_is_kept_in_a_file(monkeypatch):
    monkeypatch.setattr(_deleting, "_IN_MEMORY", 1000)
    items = [(f"/{number}\n\N{SNOWMAN}" * 20, number) for number in range(30_001)]
    with Plan() as plan:
        for path, version in items:
            plan.add_path(path, version)
        assert list(plan.entries()) == items
        assert list(plan.entries()) == items


def test_rm_stops_at_once_when_no_server_answers(start_cli, client, cli_environment, zookeeper_server, hosts):
    client.create("/app")
    client.create_many([f"/app/{number:05d}" for number in range(10_000)], raise_errors=True)
    chroot = hosts[hosts.index("/") :]
    with HoldingLink(zookeeper_server.port, _delete_of(f"{chroot}/app/05000")) as link:
        cli_environment["ZKC_SERVERS"] = link.hosts + chroot
        process = start_cli("rm", "-ry", "/app", "--json", "--timeout", "600")
        link.wait_until_held()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        error = json.loads(err.splitlines()[-1])
        assert (process.returncode, error["error"]) == (130, "interrupted")
        assert 0 < error["deleted"] <= 10_000 - client.exists("/app").num_children
