"""``zkc cp`` and ``sync``: trees that are copied and made equal, also between two ensembles."""

from __future__ import annotations

import json
import signal

import pytest

from zkc import ACL, Client, Perms
from zkc.testing import ZooKeeperServer

from .cut_support import CuttingLink, HoldingLink

READ_ONLY = [ACL.world(Perms.READ)]


def _shape(client, root):
    nodes = client.tree(root, with_acl=True)
    return {node.path[len(root) :]: (node.data, node.acl) for node in nodes if not node.stat.ephemeral_owner}


def _plant(client, acl=READ_ONLY):
    """Create a tree in which only some leaves may get children."""
    client.create_many([("/a", b"1"), ("/a/b", None), ("/a/b/c", b""), ("/a/d", b"\xff")], raise_errors=True)
    client.create("/a/d/e", b"5", acl=READ_ONLY)
    for path in ("/a/b", "/a/d", "/a"):
        client.set_acl(path, acl)
    client.create("/mine", b"", ephemeral=True)


@pytest.fixture
def other(cli_environment, hosts, tmp_path):
    """A client of a second ensemble, which the profile ``test`` names; ``prod`` is the first one."""
    with ZooKeeperServer() as server, Client(server.hosts) as client:
        config = tmp_path / "config.toml"
        config.write_text(f"[profile.prod]\nservers = '{hosts}'\n[profile.test]\nservers = '{server.hosts}'\n")
        cli_environment["ZKC_CONFIG"] = str(config)
        yield client


def test_a_tree_with_closed_acls_is_copied_to_another_ensemble(cli, client, other):
    """Scenario 18."""
    _plant(client)
    ended = cli("cp", "-r", "prod:/a", "test:/b", "--json").json
    assert (ended["source"], ended["target"], ended["created"]) == ("prod:/a", "test:/b", 5)
    assert _shape(other, "/b") == _shape(client, "/a")
    cli("diff", "--acl", "prod:/a", "test:/b")
    # The copy exists by now, and its ACLs forbid to create what is missing and to set ACLs.
    other.create("/c", b"1")
    other.create_many([("/c/b", b"old"), ("/c/other", b"")], raise_errors=True)
    other.set_acl("/c", [ACL.world(Perms.READ | Perms.ADMIN)])
    other.set_acl("/c/b", [ACL.world(Perms.READ | Perms.ADMIN | Perms.WRITE)])
    ended = cli("cp", "-r", "prod:/a", "test:/c", "--on-conflict", "replace", "--yes", "--json").json
    assert (ended["created"], ended["replaced"]) == (3, 2)
    copied = _shape(other, "/c")
    assert copied.pop("/other") == (b"", (ACL.world(),))
    assert copied == _shape(client, "/a")


def test_cp_copies_one_znode_or_a_tree(cli, client):
    client.create_many([("/a", b"1"), ("/a/b", b"2"), ("/a/b/c", b"3")], raise_errors=True)
    one = cli("cp", "/a", "/one")
    assert "1 children: -r copies them, too" in one.err
    assert (client.get("/one")[0], client.children("/one")) == (b"1", [])
    assert cli("cp", "/a", "/one", "--json", code=4).error["error"] == "node_exists"
    assert cli("cp", "/a", "/no/parent", "--json", code=3).error["path"] == "/no"
    cli("cp", "-r", "-P", "/a", "/new/parent", "--exclude", "c", "--acl", "world:anyone:r")
    assert client.children("/new/parent/b") == []
    assert client.get_acl("/new/parent/b")[0] == READ_ONLY
    for source, target in (("/a", "/a/x"), ("/a/b", "/a"), ("/", "/x")):
        assert "inside the other" in cli("cp", "-r", source, target, code=2).err
    assert "/a and /a are the same" in cli("cp", "-r", "/a", "/a", code=2).err
    assert cli("cp", "-r", "/none", "/x", "--json", code=3).error["path"] == "/none"
    assert cli("cp", "-r", "/a", "relative", code=2).out == b""
    assert cli("--read-only", "cp", "-r", "/a", "/x", "--json", code=9).error["error"] == "read_only"


def test_ephemeral_znodes_are_left_out_or_made_persistent(cli, client):
    client.create("/a")
    client.create("/a/mine", b"1", ephemeral=True)
    skipped = cli("cp", "-r", "/a", "/b", "--json")
    assert (skipped.json["ephemerals"], client.children("/b")) == (1, [])
    cli("cp", "-r", "/a", "/c", "--ephemerals", "as-persistent")
    data, stat = client.get("/c/mine")
    assert (data, stat.ephemeral_owner) == (b"1", 0)
    client.create("/d")
    client.create("/d/mine", b"2", ephemeral=True)
    refused = cli("cp", "-ry", "/c", "/d", "--on-conflict", "replace", "--json", code=4)
    assert refused.error["path"] == "/d/mine"


def test_sync_makes_trees_equal_and_then_writes_nothing(cli, client):
    """Scenario 19."""
    _plant(client, [ACL.world(Perms.READ | Perms.ADMIN)])
    client.create_many([("/b", b"1"), ("/b/b", b"old"), ("/b/x", b""), ("/b/x/y", b""), ("/b/keep", b"")],
                       raise_errors=True)  # fmt: skip
    listed = cli("sync", "--delete", "/a", "/b", "-n", "--exclude", "keep").lines
    assert listed == ["replace\t/b\tacl", "replace\t/b/b\tdata,acl", "create\t/b/b/c\t", "create\t/b/d\t",
                      "create\t/b/d/e\t", "delete\t/b/x/y\t", "delete\t/b/x\t"]  # fmt: skip
    refused = cli("sync", "--delete", "/a", "/b", "--exclude", "keep", code=9)
    assert "would replace 2 znodes and delete 2 znodes at and below /b" in refused.err
    assert client.children("/b/x") == ["y"]
    done = cli("sync", "--delete", "--yes", "/a", "/b", "--exclude", "keep", "--json").json
    assert (done["created"], done["replaced"], done["deleted"]) == (3, 2, 2)
    assert cli("diff", "--acl", "/a", "/b", code=1).lines == ["added\t/keep\t"]
    client.set_acl("/b", [ACL.world()])
    client.set_acl("/a", [ACL.world()])
    cli("sync", "--delete", "--yes", "/a", "/b")
    assert cli("diff", "--acl", "/a", "/b").out == b""
    zxid = client.create_with_stat("/probe")[1].czxid
    again = cli("sync", "--delete", "/a", "/b", "--json").json  # Without a question: there is nothing to ask.
    assert not any(again[count] for count in ("created", "replaced", "deleted"))
    assert max(max(node.stat.mzxid, node.stat.pzxid) for node in client.tree("/b")) < zxid
    assert client.exists("/b/b/c").aversion == 0


def test_sync_keeps_what_is_ephemeral(cli, client):
    client.create_many(["/a", "/b", "/b/x", "/b/x/y", "/b/z"], raise_errors=True)
    client.create("/b/x/y/mine", b"", ephemeral=True)
    ended = cli("sync", "--delete", "-y", "/a", "/b")
    assert sorted(node.path for node in client.tree("/b")) == ["/b", "/b/x", "/b/x/y", "/b/x/y/mine"]
    assert "2 znodes of the target stay" in ended.err


def test_sync_guards_the_root(cli, client):
    client.create_many(["/a", "/a/b"], raise_errors=True)
    assert cli("sync", "--delete", "-y", "/a", "/", "--json", code=9).error["error"] == "guarded"
    assert cli("sync", "-y", "/a", "/zookeeper", "-s", "localhost:1", "--timeout", "1", code=9).out == b""


def test_sync_without_a_target_creates_it(cli, client):
    client.create_many([("/a", b"1"), ("/a/b", b"2")], raise_errors=True)
    assert cli("sync", "/a", "/b", "--json").json["created"] == 2
    assert cli("sync", "/a", "/no/b", "--json", code=3).error["path"] == "/no"


def test_cp_survives_a_lost_connection(cli, cli_environment, hosts, client):
    client.create("/a")
    client.create_many([(f"/a/{number:04}", b"x" * 300) for number in range(2500)], raise_errors=True)
    client.set_acl("/a", READ_ONLY)
    address, slash, chroot = hosts.partition("/")
    with CuttingLink(int(address.rpartition(":")[2]), [200_000, 10_000, 400_000]) as link:
        cli_environment["ZKC_SERVERS"] = f"{link.hosts}{slash}{chroot}"
        assert cli("cp", "-r", "/a", "/b", "--json").json["created"] == 2501
        assert link.cuts == 3
    assert _shape(client, "/b") == _shape(client, "/a")


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "hung_up")]
)
def test_a_signal_ends_a_copy_with_a_count_and_closed_acls(
    start_cli, client, cli_environment, zookeeper_server, hosts, eventually, number, name
):
    client.create("/big")
    client.create_many([(f"/big/{number:05}", b"x") for number in range(20_000)], raise_errors=True)
    client.set_acl("/big", READ_ONLY)
    with HoldingLink(zookeeper_server.port, b"/copy/10000") as link:
        cli_environment["ZKC_SERVERS"] = link.hosts + hosts[hosts.index("/") :]
        process = start_cli("cp", "-r", "/big", "/copy", "--json", "--progress", "json")
        link.wait_until_held()
        process.send_signal(number)
        link.release()
        _, err = process.communicate(timeout=60)
    error = json.loads(err.splitlines()[-1])
    assert (process.returncode, error["error"]) == (128 + number, name)
    assert 0 < error["created"] <= 1 + client.count_descendants("/copy") < 20_001
    eventually(lambda: client.get_acl("/copy")[0] == READ_ONLY)  # The command waits half a second for the reply.


def test_a_failure_in_the_middle_says_how_much_is_done(cli, client):
    client.create("/a")
    client.create_many([(f"/a/{number:04}", b"") for number in range(1500)], raise_errors=True)
    client.create("/a/9999", b"", acl=[ACL.digest("nobody", "pw"), ACL.world(Perms.DELETE)])
    ended = cli("cp", "-r", "/a", "/b", "--json", code=8)
    assert ended.error["created"] == 1 + client.count_descendants("/b") == 1000
    assert ended.error["path"] == "/a/9999"
