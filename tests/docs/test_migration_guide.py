"""The migration guide: its replacements do what it says, and what it says of the drop-ins holds."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import zkc
import zkc.legacy
from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper
from zkc.legacy.check import rules

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "migration"
_TIMEOUT = 30.0


def _page(name: str) -> str:
    return " ".join((_GUIDE / name).read_text(encoding="utf-8").split())


_LOGS = """
import logging, sys, threading
import zkc
import zkc.legacy

came = threading.Event()

class File:
    def write(self, text):
        if "Initiating client connection" in text:
            came.set()
        return len(text)
    def flush(self):
        pass

file = File()
exec(sys.argv[1])
with zkc.Client(sys.argv[2]):
    assert came.wait(30), "no line of libzookeeper"
"""


def test_what_replaces_set_log_stream_logs(zookeeper_server):
    row = rules.find("zookeeper.set_log_stream")
    assert row is not None
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", _LOGS, row.idiomatic, zookeeper_server.hosts],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    lines = [line.strip() for line in (_GUIDE / "from_zkpython.md").read_text(encoding="utf-8").splitlines()]
    assert "log.setLevel(logging.INFO)" in lines


def test_in_what_create_with_parents_differs_from_create_recursive(zookeeper_chroot):
    acl = [{"perms": zookeeper.PERM_ALL - zookeeper.PERM_DELETE, "scheme": "world", "id": "anyone"}]
    zk = zc_zk.ZooKeeper(zookeeper_chroot)
    try:
        zk.create_recursive("/old/a", "x", acl)
        zk.create_recursive("/old/a", "y", acl)
        assert (zk.get("/old/a")[0], zk.get("/old")[0], zk.get_acl("/old")[1]) == ("x", "x", acl)
        with zkc.legacy.client_of(zk.handle) as client:
            own = [zkc.ACL.world(zkc.Perms(acl[0]["perms"]))]
            client.create("/new/a", b"x", acl=own, make_parents=True)
            with pytest.raises(zkc.NodeExistsError):
                client.create("/new/a", b"y", acl=own, make_parents=True)
            assert not client.get("/new")[0]
            assert client.get_acl("/new")[0] == list(zkc.OPEN_ACL_UNSAFE)
            assert client.get_acl("/new/a")[0] == own
    finally:
        zk.close()
    row = rules.find("zc.zk.ZooKeeper.create_recursive")
    assert row is not None
    for word in ("NodeExistsError", "data", "default_acl"):
        assert word in row.note
        assert word in _page("from_zc_zk.md").partition("create_recursive(path, data, acl)` is not quite")[2]


@pytest.mark.parametrize("name", ["zc.zk.ZooKeeper.properties", "zc.zk.Properties.__call__"])
def test_what_a_function_of_watch_data_gets_is_said(name):
    row = rules.find(name)
    assert row is not None
    assert "(data, stat)" in row.note
    assert "(None, None)" in row.note


@pytest.mark.parametrize("name", ["zc.zk.ZooKeeper.children", "zc.zk.Children.__call__"])
def test_what_a_function_of_watch_children_gets_is_said(name):
    row = rules.find(name)
    assert row is not None
    assert re.search(r"sorted names.*None where there is no such znode", row.note)


@pytest.mark.parametrize("page", ["from_zkpython.md", "from_zc_zk.md", "from_kazoo.md", "step_by_step.md"])
def test_each_page_says_what_both_watches_give(page):
    assert "watch_children" in _page(page)
    assert re.search(r"\(None, None\)", _page(page))


def test_hosts_without_a_port_are_at_2181():
    assert "without a port connects to port 2181" in _page("from_zkpython.md")
    # The port is what this is about; the address is of loopback, and no other process takes the same one.
    address = f"127.{os.getpid() % 200 + 2}.{random.randrange(256)}.{random.randrange(1, 255)}"
    with socket.create_server((address, 2181)) as listener:
        listener.settimeout(_TIMEOUT)
        h = zookeeper.init(address)
        try:
            listener.accept()[0].close()
        finally:
            zookeeper.close(h)


@pytest.mark.parametrize(
    "said",
    [
        "`except InvalidStateException` still catches both",
        "zkpython 0.4.2, the release on PyPI, called each watcher once ever",
        "may give the GIL up in each synchronous call",
        "zktools 0.2.1",
    ],
)
def test_what_old_code_meets_on_the_drop_in_is_said(said):
    assert said in _page("from_zkpython.md")
