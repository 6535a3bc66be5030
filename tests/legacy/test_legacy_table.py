"""The table of old calls: it has all of them, what it says is covered is there, and what it proposes exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import zkc
import zkc.legacy
import zkc.recipes
import zkc.testing
from zkc.legacy import zk, zookeeper
from zkc.legacy.check import main, rules

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = Path(__file__).parent / "samples"

# The names of the original modules. None of them may be missing from the table, nor from the drop-ins.
ZOOKEEPER = (
    "init init_ssl create delete exists get set set2 get_children get_acl set_acl close state recv_timeout client_id "
    "is_unrecoverable set_watcher set_debug_level set_log_stream deterministic_conn_order zerror acreate async adelete "
    "aset_acl add_auth aexists aset aget aget_children aget_acl "
)
ZC_ZK = {
    "zc.zk": "ZooKeeper ZK Children Properties CancelWatch FailedConnect LinkLoop BadPropertyLink RegisteringServer "
    "OPEN_ACL_UNSAFE READ_ACL_UNSAFE world_permission parse_tree parse_addr encode decode join event testing scripts",
    "zc.zk.ZooKeeper": "create acreate delete adelete set aset set2 set_acl aset_acl add_auth aexists aget aget_acl "
    "aget_children async client_id exists get get_acl get_children is_unrecoverable recv_timeout children properties "
    "get_properties resolve ln import_tree export_tree print_tree walk create_recursive delete_recursive is_ephemeral "
    "register_server close handle connected state ephemeral initial_connection_wait test_sleep watches",
    "zc.zk.Children": "data path session deleted __call__ __iter__ __len__",
    "zc.zk.Properties": "data meta_data path session deleted set update copy get keys values items __call__ __iter__ "
    "__len__ __getitem__ __contains__",
    "zc.zk.event": "notify",
    "zc.zk.testing": "setUp tearDown assert_ testing_with_real_zookeeper setup_tree wait_until",
    "zc.zk.scripts": "export import_ validate_ set_property",
}
KAZOO = (
    "start start_async stop close restart command server_version add_listener remove_listener set_hosts unchroot "
    "add_auth add_auth_async sync sync_async create create_async ensure_path ensure_path_async exists "
    "exists_async get get_async get_children get_children_async get_acls get_acls_async set_acls set_acls_async "
    "set set_async transaction delete delete_async reconfig reconfig_async retry state client_state client_id "
    "connected handler chroot hosts logger default_acl Barrier Counter DoubleBarrier ChildrenWatch DataWatch "
    "Election NonBlockingLease MultiNonBlockingLease Lock ReadLock WriteLock Party Queue LockingQueue "
    "SetPartitioner Semaphore ShallowParty "
)


@pytest.fixture(scope="module", autouse=True)
def log_of_zc_zk():
    """Begin the pipe and the thread of zc.zk's log, which last, before anything is counted."""
    assert zk._logging_pipe
    zookeeper.set_log_stream(None)


def _names_of(owner):
    return {row.short for row in rules.owned(owner)}


def test_the_table_has_each_name_once():
    names = [row.name for row in rules.RULES]
    assert len(names) == len(set(names))
    assert all(rules.find(name).name == name for name in names)


def test_the_table_has_all_of_zookeeper():
    assert set(ZOOKEEPER.split()) <= _names_of("zookeeper")
    assert _names_of("zookeeper") == {*zookeeper.__all__, "async", "__version__"}


@pytest.mark.parametrize("owner", ZC_ZK)
def test_the_table_has_all_of_zc_zk(owner):
    assert set(ZC_ZK[owner].split()) <= _names_of(owner)


def test_what_is_covered_of_zc_zk_is_there(zookeeper_chroot):
    session = zk.ZooKeeper(zookeeper_chroot)
    try:
        owners = {
            "zc.zk": zk,
            "zc.zk.ZooKeeper": session,
            "zc.zk.Children": session.children("/"),
            "zc.zk.Properties": session.properties("/"),
            "zc.zk.event": zk.event,
            "zc.zk.testing": importlib.import_module("zkc.legacy.zk.testing"),
            "zc.zk.scripts": importlib.import_module("zkc.legacy.zk.scripts"),
        }
        missing = [
            row.name
            for owner, found in owners.items()
            for row in rules.owned(owner)
            if row.drop_in and not hasattr(found, row.short)
        ]
        unknown = [
            f"{owner}.{name}"
            for owner in ("zc.zk.ZooKeeper", "zc.zk.Children", "zc.zk.Properties")
            for name in dir(type(owners[owner]))
            if not name.startswith("_") and name not in _names_of(owner)
        ]
    finally:
        session.close()
    assert (missing, unknown) == ([], [])
    assert set(zk.__all__) - _names_of("zc.zk") == set()
    assert set(owners["zc.zk.testing"].__all__) == _names_of("zc.zk.testing")


def test_the_table_has_all_of_a_client_of_kazoo():
    assert set(KAZOO.split()) == _names_of("kazoo.client.KazooClient")
    assert not any(row.drop_in for row in rules.RULES if row.name.startswith("kazoo"))


def _names_of_ours(code):
    """Yield what code for people names of zkc: ``client.get``, ``zkc.Perms.READ``, ``t.set``."""
    yield from re.findall(r"\b(client|zkc|t)((?:\.\w+)+)", code)


def _exists(owner, path):
    found = {"client": zkc.Client, "zkc": zkc, "t": zkc.Transaction}[owner]
    for part in path[1:].split("."):
        if found is zkc.Client.session:
            found = zkc.Session
        elif found is zkc.Client.submit:
            found = zkc.Client
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True


def test_what_is_idiomatic_exists():
    loggers = {("zkc", ".libzookeeper")}
    named = {one for row in rules.RULES for one in _names_of_ours(f"{row.idiomatic} {row.note} {row.instead}")}
    assert len(named) > 100
    assert [one for one in sorted(named - loggers) if not _exists(*one)] == []


def test_each_row_says_something():
    assert [row.name for row in rules.RULES if not row.idiomatic and not row.note] == []


def test_the_guide_shows_each_row():
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "migration").glob("*.md"))
    shown = []
    for mark in re.findall(r"^<!-- made: legacy-table (.*) -->$", text, re.MULTILINE):
        words = mark.split()
        kinds = [word for word in words if word in rules.KINDS] or ["call", "value"]
        rows = [row for word in words if word not in kinds for row in rules.owned(word)]
        shown += [row.name for row in rows if row.kind in kinds]
    assert len(shown) == len(set(shown))
    # The packages are what the pages are about, and a method of a recipe stands with its class.
    left = {row.name for row in rules.RULES} - set(shown) - {"zookeeper", "zc.zk", "kazoo"}
    assert {name for name in left if not name.startswith("kazoo.recipe.")} == set()


def test_the_tables_of_the_guide_are_made_from_it(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import zkc_tables

    made = zkc_tables.fill("<!-- made: legacy-table zookeeper call -->")
    assert made.count("\n| `") == len([row for row in rules.owned("zookeeper") if row.kind == "call"])
    assert "| `delete(h, path[, version])` | the same | `client.delete(path, version=…)` |  |" in made
    assert "| `async(h, path[, cb])` | async is a keyword" in made
    recipes = zkc_tables.fill("<!-- made: legacy-table kazoo.recipe.lock kazoo.exceptions exception call -->")
    assert '| `Lock(client, …)` | none | `client.lock(path, layout="kazoo")` |' in recipes
    assert "| `NoNodeError` | none | `zkc.NoNodeError` |  |" in recipes


# ---- the pages ------------------------------------------------------------------------------------------------------


def _commands():
    text = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md"))
    return re.findall(r"^\$ python -m zkc\.legacy check (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("arguments", _commands())
def test_a_command_of_a_page_works(arguments, capsys, monkeypatch):
    monkeypatch.chdir(SAMPLES)
    assert main(arguments.split()) == 1  # the samples have something to change
    assert "greeting.py:4:1: print statement" in capsys.readouterr().out


def test_a_page_shows_what_the_checker_prints(capsys, monkeypatch):
    page = (ROOT / "docs" / "migration" / "index.md").read_text(encoding="utf-8")
    monkeypatch.chdir(SAMPLES)
    assert main(["greeting.py"]) == 1
    assert capsys.readouterr().out in page
