"""``zkc mv``: the small tree in one transaction, the large one by copy, check and delete."""

from __future__ import annotations

import threading
import time

import pytest

from zkc import ACL, Perms
from zkc.cli._app import App
from zkc.cli._exit import CommandError
from zkc.cli.write import _moving
from zkc.testing import FaultProxy

TREE = {"/app": b"root", "/app/a": None, "/app/a/x": b"", "/app/b": b"\xff\x00"}


@pytest.fixture
def tree(client):
    """A small tree, with a null, an empty and a binary znode."""
    client.create_many(TREE.items(), raise_errors=True)
    client.create("/other")
    return client


@pytest.fixture
def app(cli_environment, monkeypatch):
    """The context of a command, in this process."""
    monkeypatch.setenv("ZKC_SERVERS", cli_environment["ZKC_SERVERS"])
    app = App()
    yield app
    app.close()


def _content(client, path):
    return {node.path[len(path) :]: (node.data, node.acl) for node in client.tree(path, with_acl=True)}


def test_a_small_tree_moves_in_one_transaction(cli, tree):
    tree.set_acl("/app/b", [ACL.world(Perms.READ | Perms.ADMIN | Perms.DELETE)])
    before = _content(tree, "/app")
    ended = cli("mv", "/app", "/other/new", "--json")
    assert ended.json == {"from": "/app", "to": "/other/new", "moved": 4, "bytes": 6, "transaction": True}
    assert _content(tree, "/other/new") == before
    assert tree.exists("/app") is None
    assert len({node.stat.czxid for node in tree.tree("/other/new")}) == 1


def test_a_dry_run_of_mv_lists_what_it_would_do(cli, tree):
    listed = cli("mv", "-nP", "/app/a", "/new/a").lines
    assert listed == ["create\t/new", "create\t/new/a", "create\t/new/a/x", "delete\t/app/a/x", "delete\t/app/a"]
    assert sorted(tree.children("/")) == ["app", "other"]
    cli("mv", "-P", "/app/a", "/new/a")
    assert tree.get("/new/a/x")[0] == b""


def test_moves_that_cannot_be_are_refused(cli, tree):
    assert cli("mv", "/none", "/new", code=3).out == b""
    assert cli("mv", "/app", "/other", "--json", code=4).error["error"] == "node_exists"
    assert cli("mv", "/app", "/no/new", "--json", code=3).error["error"] == "no_node"
    assert "inside" in cli("mv", "/app", "/app/b/c", code=2).err
    assert cli("mv", "/", "/other/new", "--json", code=9).error["error"] == "guarded"
    tree.create("/app/a/live", ephemeral=True)
    ended = cli("mv", "/app", "/new", "--json", code=9)
    assert (ended.error["error"], ended.error["path"]) == ("ephemeral", "/app/a/live")
    assert tree.exists("/new") is None


def test_a_tree_whose_acl_forbids_children_moves_with_it(cli, tree):
    tree.set_acl("/app/a", [ACL.world(Perms.READ | Perms.DELETE)])
    before = _content(tree, "/app")
    ended = cli("mv", "/app", "/new", "--json")
    assert (ended.json["moved"], ended.json["transaction"]) == (4, False)
    assert _content(tree, "/new") == before
    assert tree.exists("/app") is None


def _move(app, tree, monkeypatch, count=4):
    monkeypatch.setattr(_moving, "_FEW", 0)
    return _moving.Move(app, "/app", "/new", _moving.Size(count, 6))


def test_a_copy_that_differs_is_taken_back(app, tree, monkeypatch):
    move = _move(app, tree, monkeypatch)
    copy = move._copy

    def copy_and_change():
        copy()
        tree.set("/app/b", b"changed")

    monkeypatch.setattr(move, "_copy", copy_and_change)
    with pytest.raises(CommandError, match="/app is as it was, and the copy was removed") as caught:
        move.run()
    assert caught.value.exit_code == 4
    assert tree.exists("/new") is None
    assert tree.get("/app/b")[0] == b"changed"


def test_a_change_during_the_deletion_is_left_and_told(app, tree, monkeypatch):
    move = _move(app, tree, monkeypatch)
    check = move._check

    def check_and_change(plan):
        check(plan)
        tree.set("/app/b", b"changed")

    monkeypatch.setattr(move, "_check", check_and_change)
    with pytest.raises(
        CommandError, match="The copy at /new is complete, and 2 of 4 znodes are still at /app"
    ) as caught:
        move.run()
    assert (caught.value.exit_code, caught.value.details["left"]) == (8, 2)
    assert sorted(node.path for node in tree.tree("/app")) == ["/app", "/app/b"]
    assert len(tree.tree("/new")) == 4


def test_a_transaction_begins_again_when_the_tree_has_changed(app, tree, monkeypatch):
    move = _moving.Move(app, "/app", "/new", _moving.Size(4, 6))
    nodes, changes = move._nodes, [b"one", b"two"]

    def nodes_then_change():
        yield from list(nodes())
        if changes:
            tree.set("/app/b", changes.pop())

    monkeypatch.setattr(move, "_nodes", nodes_then_change)
    assert move.run() == (4, True)
    assert tree.get("/new/b")[0] == b"one"


@pytest.mark.parametrize("count", [3_000, pytest.param(100_000, marks=pytest.mark.full)])
def test_a_large_tree_moves_through_a_lost_connection(
    cli_environment, start_cli, client, zookeeper_server, hosts, count
):
    client.create("/app")
    client.create_many([(f"/app/{number}", b"%d" % number) for number in range(count)], raise_errors=True)
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        cli_environment["ZKC_SERVERS"] = proxy.hosts + hosts[hosts.index("/") :]
        begun = threading.Event()
        client.exists("/new", watch=lambda _: begun.set())
        process = start_cli("mv", "/app", "/new")
        assert begun.wait(60)
        proxy.drop_connections()
        time.sleep(0.05)
        proxy.drop_connections()
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert client.exists("/app") is None
    data = [found for found, _ in client.get_many((f"/new/{number}" for number in range(count)), raise_errors=True)]
    assert data == [b"%d" % number for number in range(count)]
