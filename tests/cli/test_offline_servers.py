"""The files of real servers, read while the servers run, beside the live tree."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

import zkc
from zkc import ACL, Perms
from zkc.testing import ZooKeeperServer

from ..build_support import needs_newer_calls

METHODS = {"none": "", "gzip": "gz", "snappy": "snappy"}


def _make_tree(client):
    """Make znodes of every kind, with data and ACLs of every kind, and delete some again."""
    client.create("/app", b"\xff\x00" + b"x" * 70_000)  # More than a block of snappy.
    client.create("/app/null", None)
    client.create("/app/empty", b"")
    client.create("/app/ä €", "zwölf".encode())
    client.create("/app/eph", b"e", ephemeral=True)
    client.create("/app/acl", acl=[ACL(Perms.READ | Perms.WRITE, "ip", "127.0.0.1"), ACL.world(Perms.ALL)])
    client.create_many([(f"/app/n{number:03}", b"n" * number) for number in range(150)])
    client.create("/app/box", container=True)
    client.create("/app/box/child")  # A container without a child would be deleted.
    client.create("/app/late", ttl=3600.0)
    client.create("/app/deep/er/still", make_parents=True)
    for number in range(0, 150, 7):
        client.delete(f"/app/n{number:03}")
    client.set("/app/n001", b"set")
    client.set("/app/n001", b"again")
    client.set_acl("/app/n002", [ACL.world(Perms.ALL), ACL(Perms.READ, "digest", "bob:x=")])


def _live(client, path="/"):
    """Return for each path of the live tree its data, ACL and stat, in the order of a walk."""
    data, stat = client.get(path)
    found = {path: (data, tuple(client.get_acl(path)[0]), stat)}
    for name in sorted(client.children(path)):
        found.update(_live(client, f"{path.rstrip('/')}/{name}"))
    return found


def _stored(file):
    from zkc.cli.offline._snapshot import SnapshotFile
    from zkc.cli.offline._tree import walk

    with SnapshotFile(str(file)) as snapshot:
        found = {node.path: (node.data, node.acl, node.stat) for node in walk(snapshot, with_data=True)}
        assert snapshot.complete
        return found, snapshot


def _check(here, eventually, home, folder, compression):
    options = {
        "config": {"snapCount": "100000"},
        "properties": {"zookeeper.snapshot.compression.method": METHODS[compression]},
    }
    with ExitStack() as stack:
        server = stack.enter_context(ZooKeeperServer(home=home, data_dir=folder, **options))
        client = stack.enter_context(zkc.Client(server.hosts, session_timeout=30))
        _make_tree(client)
        server.restart()  # It writes a snapshot when it has read its logs.
        client.retry(client.exists, "/app", policy=zkc.Retry(attempts=None, deadline=60))
        live = _live(client)
        snapshots = sorted((folder / "version-2").glob("snapshot.*"), key=lambda each: int(each.name.split(".")[1], 16))
        stored, snapshot = _stored(snapshots[-1])
        assert stored == live
        assert list(stored) == list(live)
        assert snapshot.compression == compression
        assert snapshot.digest is not None
        assert (snapshot.last_zxid is not None) == (server.version >= (3, 9))

        # The commands, on the data folder of the running server.
        assert here("snap", "ls", "-R", folder).lines == list(live)
        record = here("snap", "get", folder, "/app/late", "--json").json
        assert (record["type"], record["ttl"]) == ("ttl", 3600.0)
        assert here("snap", "get", folder, "/app/box", "--json").json["type"] == "container"
        assert here("snap", "get", folder, "/app").out == live["/app"][0]
        info = here("snap", "info", folder, "--json").json
        assert (info["complete"], info["znodes"], info["ephemerals"]) == (True, len(live), 1)
        total = here("snap", "du", folder, "-L", "0", "--json").json[0]
        assert total["bytes"] == sum(len(data or b"") for data, _, _ in live.values())

        # The logs tell of the same znodes.
        client.set("/app/n003", b"after the snapshot")
        with client.transaction() as transaction:
            transaction.check("/app/n003", version=1)
            transaction.create("/app/multi", b"m")
            transaction.delete("/app/n004")
        session = f"{client.session_id:#x}"
        records = here("txnlog", folder, "--json").json
        live = _live(client)
        _compare(records, live)
        mine = here("txnlog", folder, "--session", session, "--path", "/app", "--json").json
        assert mine[-1]["operations"][1]["path"] == "/app/multi"
        assert [each["zxid"] for each in records] == sorted(
            (each["zxid"] for each in records), key=lambda each: int(each, 16)
        )
        assert {each.get("digest_version") for each in records if each["type"] != "error"} == {2}
        assert "create_ttl" in {each["type"] for each in records}
        assert "create_container" in {each["type"] for each in records}
        assert mine[-2]["zxid"] == f"{live['/app/n003'][2].mzxid:#x}"
        client.close()
        # The client does not wait long for the end of its session.
        closing = ("txnlog", folder, "--type", "close_session", "--session", session, "--json")
        eventually(lambda: [each["paths"] for each in here(*closing).json[-1:]] == [["/app/eph"]])


def _compare(records, live):
    """Play the transactions of a log, and compare the znodes with those that live."""
    data = {}
    for record in records:
        for operation in record.get("operations", [record]):
            path = operation.get("path")
            if (operation["type"].startswith("create") and path is not None) or operation["type"] == "set_data":
                data[path] = operation.get("data", operation.get("data_base64"))
            elif operation["type"].startswith("delete"):
                del data[path]
            for path in operation.get("paths", ()):
                del data[path]
    wanted = {path: found for path, found in live.items() if not path.startswith("/zookeeper") and path != "/"}
    assert sorted(data) == sorted(wanted)
    for path, (content, _, _) in wanted.items():
        if path != "/app":
            assert data[path] == (None if content is None else content.decode())


@needs_newer_calls
@pytest.mark.parametrize("compression", METHODS)
def test_files_of_a_running_server_agree_with_its_tree(here, eventually, tmp_path, compression):
    """Scenario 39."""
    _check(here, eventually, None, tmp_path, compression)


@needs_newer_calls
@pytest.mark.servers
@pytest.mark.timeout(600)
@pytest.mark.parametrize("compression", METHODS)
def test_files_of_each_version_agree_with_its_tree(here, eventually, tmp_path, compression, server_homes):
    """Scenario 39."""
    for number, home in enumerate(server_homes):
        folder = tmp_path / str(number)
        folder.mkdir()
        _check(here, eventually, home, folder, compression)


def test_a_running_server_is_followed(start_cli, here, tmp_path):
    """Scenario 39. The server makes its logs larger before it needs the room, and begins new ones all the time."""
    options = {"config": {"snapCount": "20"}, "properties": {"zookeeper.preAllocSize": "64"}}
    with ZooKeeperServer(data_dir=tmp_path, **options) as server, zkc.Client(server.hosts) as client:
        process = start_cli("txnlog", "-f", "--path", "/seen", "--type", "create", "--count", "300", str(tmp_path))
        client.create("/seen")
        client.create_many([(f"/seen/{number:03}", b"x" * 2000) for number in range(299)], window=4)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, err) == (0, b"")
        paths = [line.split("\t")[5] for line in out.decode().splitlines()]
        assert sorted(paths) == ["/seen", *(f"/seen/{number:03}" for number in range(299))]
        assert len(list((tmp_path / "version-2").glob("log.*"))) > 2
