"""One session with old code, word for word: in this process, and as a script that is unchanged."""

import sys
from pathlib import Path

import pytest

import zkc.legacy

from .legacy_process import python
from .legacy_support import Watcher

SCRIPT = Path(__file__).parent / "samples" / "transcript.py"
PRINTED = """\
['brokers', 'consumers', 'zk_test', 'zookeeper']
{} []
{'string_value': 'foo'}
0
['foo'] {'string_value': 'foo'}
/zookeeper
  /quota
NoNodeException: no node
/zk_test/ephemeral
True
['aversion', 'ctime', 'cversion', 'czxid', 'dataLength', 'ephemeralOwner', 'mtime', 'mzxid', 'numChildren', 'pzxid', \
'version']
Called with node:  zc.zk.Children(0, /zk_test)
zc.zk.Children(0, /zk_test)
Called with node:  zc.zk.Children(0, /zk_test)
['ephemeral', 'more']
"""


@pytest.fixture
def hosts(zookeeper_server, zookeeper_chroot):
    """A chroot with what stood on the server of the transcript: newer servers have more below /zookeeper."""
    root = zookeeper_chroot[zookeeper_chroot.index("/") :]
    for path, data in (("consumers", b""), ("brokers", b""), ("zookeeper/quota", b""), ("zk_test", b"foo")):
        zookeeper_server.create(f"{root}/{path}", data)
    return zookeeper_chroot


@pytest.fixture
def installed():
    """The old names are those of our modules as long as the test runs."""
    zkc.legacy.install()
    yield
    zkc.legacy.uninstall()
    assert "zookeeper" not in sys.modules


def test_step_by_step(installed, log_pipe, hosts, capsys):
    import zc.zk
    import zookeeper

    zk = zc.zk.ZooKeeper(hosts)
    try:
        assert sorted(zk.get_children("/")) == ["brokers", "consumers", "zk_test", "zookeeper"]
        p = zk.properties("/zookeeper")
        assert (p.data, list(p.values())) == ({}, [])
        assert zk.get_properties("/zk_test") == {"string_value": "foo"}
        assert zk.set("/zk_test", "foo") == 0
        p = zk.properties("/zk_test")
        assert (list(p.values()), p.data) == (["foo"], {"string_value": "foo"})
        zk.print_tree("/zookeeper")
        assert capsys.readouterr().out == "/zookeeper\n  /quota\n"
        acl = [{"perms": zookeeper.PERM_ALL, "scheme": "world", "id": "anyone"}]
        with pytest.raises(zookeeper.NoNodeException, match=r"^no node$"):
            zk.create("/fake/ephemeral", "some data", acl, zookeeper.EPHEMERAL)
        assert zk.create("/zk_test/ephemeral", "some data", acl, zookeeper.EPHEMERAL) == "/zk_test/ephemeral"
        assert zk.ephemeral == {
            "/zk_test/ephemeral": {
                "acl": [{"id": "anyone", "perms": 31, "scheme": "world"}],
                "data": "some data",
                "flags": 1,
            }
        }
        stat = zk.properties("/zk_test/ephemeral").meta_data
        known = {"aversion": 0, "cversion": 0, "dataLength": 9, "numChildren": 0, "version": 0}
        other = {"ctime", "czxid", "ephemeralOwner", "mtime", "mzxid", "pzxid"}
        assert {name: stat[name] for name in known} == known
        assert set(stat) == {*known, *other}
        assert all(stat[name] > 0 for name in other)
        assert stat["ephemeralOwner"] == zk.client_id()[0]

        seen = Watcher()
        children = zk.children("/zk_test")(lambda node: seen(str(node), sorted(node)))
        shown = f"zc.zk.Children({zk.handle}, /zk_test)"
        assert seen.calls == [(shown, ["ephemeral"])]
        assert (repr(children), str(children)) == (shown, shown)
        zk.create("/zk_test/more", "", acl)
        assert seen.wait_calls(2)[1] == (shown, ["ephemeral", "more"])
    finally:
        zk.close()


INSTALLING = "import runpy, sys, zkc.legacy; zkc.legacy.install(); runpy.run_path(sys.argv.pop(1), run_name='__main__')"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("-m", "zkc.legacy", SCRIPT), id="python -m zkc.legacy"),
        pytest.param(("-c", INSTALLING.replace("sys.argv.pop(1)", "sys.argv.pop(1)"), SCRIPT), id="install()"),
    ],
)
def test_an_unmodified_script(command, hosts, tmp_path):
    done = python("-W", "error", *command, hosts, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == PRINTED
