"""``zkc snap diff`` and ``snap export``, and snapshots as sources of ``zkc diff``."""

from __future__ import annotations

import gzip
import json

import pytest

from .offline_support import COMPRESSIONS, snapshot, znode

ACLS = [(1, [(31, "world", "anyone")]), (2, [(1, "world", "anyone"), (31, "digest", "bob:hash")])]
OLD = [znode("/"), znode("/app", b"1"), znode("/app/same"), znode("/app/gone"), znode("/app/acl", acl=1)]
NEW = [znode("/"), znode("/app", b"2"), znode("/app/same"), znode("/app/acl", acl=2), znode("/app/new", owner=5)]
SYSTEM = [znode("/zookeeper", b"s")]


@pytest.fixture
def two(tmp_path):
    """Two snapshots."""
    old, new = tmp_path / "snapshot.1", tmp_path / "snapshot.2"
    old.write_bytes(snapshot([*OLD, *SYSTEM], acls=ACLS))
    new.write_bytes(COMPRESSIONS["snappy"](snapshot(NEW, acls=ACLS)))
    return old, new


def test_two_snapshots_are_compared(here, two):
    """Scenario 20."""
    lines = [line.split("\t")[:2] for line in here("snap", "diff", *two, code=1).lines]
    assert lines == [["changed", "/app"], ["removed", "/app/gone"], ["added", "/app/new"]]
    lines = [line.split("\t")[:2] for line in here("snap", "diff", "--acl", "--system", *two, "/", code=1).lines]
    assert lines == [["changed", "/app"], ["changed", "/app/acl"], ["removed", "/app/gone"], ["added", "/app/new"],
                     ["removed", "/zookeeper"]]  # fmt: skip
    assert here("snap", "diff", *two, "/app/same").out == b""
    assert here("snap", "diff", two[0], two[0]).out == b""
    assert here("snap", "diff", "--exclude", "new", *two, "/app/new", code=3).out == b""
    assert "none cannot be read" in here("snap", "diff", two[0], two[0].with_name("none"), code=2).err
    assert "is no snapshot" in here("snap", "diff", two[0], __file__, code=10).err
    two[0].write_bytes(two[0].read_bytes()[:-70])
    assert "the file ends at byte" in here("snap", "diff", *two, code=8).err


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_snapshot_becomes_a_dump(here, two, tmp_path, suffix):
    target = tmp_path / f"out{suffix}"
    assert "wrote 4 znodes" in here("snap", "export", two[1], "/app", "-O", target).err
    content = gzip.decompress(target.read_bytes()) if suffix else target.read_bytes()
    header, *lines, _ = map(json.loads, content.splitlines())
    assert (header["format"], header["path"]) == ("zkc-tree", "/app")
    assert [each["path"] for each in lines] == ["/", "/acl", "/new", "/same"]
    assert [each.get("ephemeral", False) for each in lines] == [False, False, True, False]
    assert lines[1]["acl"][1] == {"perms": 31, "scheme": "digest", "id": "bob:hash"}
    assert here("diff", f"file:{target}", f"file:{two[1]}:/app", "--ephemerals", "--acl").out == b""
    assert target.stat().st_mode & 0o077 == 0


def test_an_export_leaves_out_what_is_not_wanted(here, two, tmp_path):
    target = tmp_path / "out"
    shown = here("snap", "export", two[0], "-O", target, "--exclude", "gone", "--exclude", "x*", "--json")
    assert shown.json == {"file": str(target), "znodes": 4, "ephemerals": 0, "containers": 0, "ttls": 0, "bytes": 1}
    assert "nothing fits --exclude x*" in shown.err
    assert len(here("snap", "export", two[0], "-O", "-").lines) == 2 + len(OLD)
    assert len(here("snap", "export", two[0], "-O", "-", "--system").lines) == 3 + len(OLD)


def test_a_damaged_snapshot_is_exported_as_far_as_it_can_be_read(here, two, tmp_path):
    target = tmp_path / "out"
    content = two[0].read_bytes()
    two[0].write_bytes(content[: content.index(b"/app/gone")])
    assert "the file ends" in here("snap", "export", two[0], "-O", target, code=8).err
    assert [json.loads(line)["path"] for line in target.read_bytes().splitlines()[1:-1]] == ["/", "/app", "/app/same"]
    target.unlink()
    here("snap", "export", two[0], "/none", "-O", target, code=8)
    here("snap", "export", two[1], "/none", "-O", target, code=3)
    assert not target.exists()


def test_a_tree_comes_back_from_a_snapshot(cli, client, two, tmp_path):
    """Scenario 20."""
    target = str(tmp_path / "out.gz")
    cli("snap", "export", str(two[0]), "/app", "-O", target)
    cli("restore", target, "/back", "--yes")
    assert client.get("/back")[0] == b"1"
    assert cli("diff", f"file:{two[0]}:/app", "/back", "--acl").out == b""
    client.set("/back/same", b"changed")
    lines = cli("diff", f"file:{two[0]}:/app", "/back", code=1).lines
    assert [line.split("\t")[:2] for line in lines] == [["changed", "/same"]]
