"""The ZooKeeper in memory of ``zc.zk.testing`` is like a real one."""

import base64
import hashlib
import inspect
import unittest.mock

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper
from zkc.legacy.zk import testing

from .legacy_support import OPEN, Watcher
from .zk_support import CONNECTION

CONNECTED = zookeeper.CONNECTED_STATE


def test_every_function_of_a_handle_is_replaced(fake):
    first = {name for name in zookeeper.__all__ if callable(getattr(zookeeper, name))}
    process_wide = {"deterministic_conn_order", "init_ssl", "set_debug_level", "set_log_stream", "zerror"}
    replaced = {name for name in first if isinstance(getattr(zookeeper, name), unittest.mock.Mock)}
    assert replaced == {name for name in first if not name.endswith("Exception")} - process_wide
    assert isinstance(getattr(zookeeper, "async"), unittest.mock.Mock)


def test_arguments_have_the_names_of_the_module():
    for name, function in vars(testing.ZooKeeper).items():
        if not name.startswith("_"):
            ours = inspect.signature(getattr(zookeeper, name))
            assert list(inspect.signature(function).parameters)[1:] == list(ours.parameters), name


class Both:
    """A handle of a real server, or one of the ZooKeeper in memory, below an empty tree."""

    @pytest.fixture(params=["server", "memory"])
    def handle(self, request, make_handle, make_fake, hosts):
        if request.param == "server":
            return make_handle()
        make_fake("/nothing")
        h = zookeeper.init(CONNECTION)
        zookeeper.delete(h, "/nothing")
        return h


class TestAsOnAServer(Both):
    """The behaviour that is the same in memory and on a server."""

    def test_nodes(self, handle):
        h = handle
        assert zookeeper.create(h, "/a", "x", OPEN) == "/a"
        assert zookeeper.exists(h, "/a") == zookeeper.get(h, "/a")[1]
        assert zookeeper.get(h, "/a")[0] == "x"
        assert zookeeper.set(h, "/a", b"\xffyz", 0) == 0
        assert zookeeper.get(h, "/a", None, 2)[0] == "\udcffy"
        stat = zookeeper.set2(h, "/a", "ä", 1)
        assert (stat["version"], stat["dataLength"], stat["ephemeralOwner"]) == (2, 2, 0)
        zookeeper.create(h, "/a/b", "", OPEN)
        assert zookeeper.get_children(h, "/a") == ["b"]
        stat = zookeeper.exists(h, "/a")
        assert (stat["numChildren"], stat["cversion"]) == (1, 1)
        assert stat["czxid"] < stat["mzxid"] < stat["pzxid"]
        assert set(stat) == set(zookeeper.exists(h, "/"))
        assert zookeeper.delete(h, "/a/b", 0) == 0

    def test_bytes(self, handle, bytes_out):
        zookeeper.create(handle, "/a", "ä", OPEN)
        assert zookeeper.get(handle, "/a")[0] == "ä".encode()

    @pytest.mark.parametrize("path", ["", "xxx", "..", ".", "/a/", "/a/../b", "/a/.", "//a", "/a//b"])
    def test_bad_paths(self, handle, path):
        for call in (zookeeper.exists, zookeeper.get, zookeeper.get_children, zookeeper.delete):
            with pytest.raises(zookeeper.BadArgumentsException):
                call(handle, path)
        with pytest.raises(zookeeper.BadArgumentsException):
            zookeeper.create(handle, path, "", OPEN)

    @pytest.mark.parametrize(
        ("call", "error"),
        [
            (lambda h: zookeeper.get(h, "/no"), zookeeper.NoNodeException),
            (lambda h: zookeeper.create(h, "/no/no", "", OPEN), zookeeper.NoNodeException),
            (lambda h: zookeeper.create(h, "/a", "", OPEN), zookeeper.NodeExistsException),
            (lambda h: zookeeper.create(h, "/", "", OPEN), zookeeper.NodeExistsException),
            (lambda h: zookeeper.create(h, "/e/x", "", OPEN), zookeeper.NoChildrenForEphemeralsException),
            (lambda h: zookeeper.create(h, "/x", "", None), zookeeper.InvalidACLException),
            (lambda h: zookeeper.create(h, "/x", "", [{"perms": 1}]), zookeeper.InvalidACLException),
            (lambda h: zookeeper.create(h, "/x", None, OPEN), TypeError),
            (lambda h: zookeeper.delete(h, "/a"), zookeeper.NotEmptyException),
            (lambda h: zookeeper.delete(h, "/a/b", 7), zookeeper.BadVersionException),
            (lambda h: zookeeper.set(h, "/a", "", 7), zookeeper.BadVersionException),
            (lambda h: zookeeper.set_acl(h, "/a", 7, OPEN), zookeeper.BadVersionException),
            (lambda h: zookeeper.set_acl(h, "/a", 0, None), zookeeper.InvalidACLException),
            (lambda h: zookeeper.get(h + 50, "/a"), zookeeper.ZooKeeperException),
        ],
    )
    def test_errors(self, handle, call, error):
        zookeeper.create(handle, "/a", "", OPEN)
        zookeeper.create(handle, "/a/b", "", OPEN)
        zookeeper.create(handle, "/e", "", OPEN, zookeeper.EPHEMERAL)
        with pytest.raises(error):
            call(handle)

    def test_sequences(self, handle):
        zookeeper.create(handle, "/a", "", OPEN)
        made = [zookeeper.create(handle, "/a/s-", "", OPEN, zookeeper.SEQUENCE) for _ in range(2)]
        assert sorted(zookeeper.get_children(handle, "/a")) == [path[3:] for path in made]
        assert [len(path) for path in made] == [15, 15]
        assert int(made[1][-10:]) == int(made[0][-10:]) + 1
        assert len(zookeeper.create(handle, "/a/", "", OPEN, zookeeper.SEQUENCE)) == 13

    def test_acls(self, handle):
        allowed = zc_zk.world_permission
        zookeeper.create(handle, "/a", "", [allowed(zookeeper.PERM_ADMIN), allowed(zookeeper.PERM_READ)])
        assert zookeeper.get(handle, "/a")[0] == ""
        for call in (
            lambda: zookeeper.set(handle, "/a", ""),
            lambda: zookeeper.create(handle, "/a/b", "", OPEN),
        ):
            with pytest.raises(zookeeper.NoAuthException):
                call()
        assert zookeeper.set_acl(handle, "/a", 0, [allowed(zookeeper.PERM_CREATE)]) == 0
        zookeeper.create(handle, "/a/b", "", OPEN)
        for call in (
            lambda: zookeeper.get(handle, "/a"),
            lambda: zookeeper.get_children(handle, "/a"),
            lambda: zookeeper.delete(handle, "/a/b"),
            lambda: zookeeper.set_acl(handle, "/a", -1, OPEN),
        ):
            with pytest.raises(zookeeper.NoAuthException):
                call()

    def test_credentials(self, handle):
        digest = base64.b64encode(hashlib.sha1(b"me:secret").digest()).decode()
        mine = [{"perms": zookeeper.PERM_ALL, "scheme": "digest", "id": f"me:{digest}"}]
        zookeeper.create(handle, "/a", "x", mine)
        with pytest.raises(zookeeper.NoAuthException):
            zookeeper.get(handle, "/a")
        with pytest.raises(zookeeper.InvalidACLException):
            zookeeper.create(handle, "/b", "", [{"perms": 31, "scheme": "auth", "id": ""}])
        done = Watcher()
        zookeeper.add_auth(handle, "digest", "me:secret", done)
        assert done.wait_calls(1) == [(handle, zookeeper.OK)]
        assert zookeeper.get(handle, "/a")[0] == "x"
        zookeeper.create(handle, "/b", "", [{"perms": 31, "scheme": "auth", "id": ""}])
        assert zookeeper.get_acl(handle, "/b")[1] == mine

    def test_watches(self, handle):
        h, told = handle, Watcher()
        assert zookeeper.exists(h, "/a", told) is None
        zookeeper.create(h, "/a", "", OPEN)
        assert told.wait_calls(1)[0] == (h, zookeeper.CREATED_EVENT, CONNECTED, "/a")
        zookeeper.get(h, "/a", told)
        zookeeper.set(h, "/a", "")
        assert told.wait_calls(2)[1] == (h, zookeeper.CHANGED_EVENT, CONNECTED, "/a")
        zookeeper.exists(h, "/a", told)
        zookeeper.set(h, "/a", "")
        assert told.wait_calls(3)[2] == (h, zookeeper.CHANGED_EVENT, CONNECTED, "/a")
        zookeeper.get_children(h, "/a", told)
        zookeeper.create(h, "/a/b", "", OPEN)
        assert told.wait_calls(4)[3] == (h, zookeeper.CHILD_EVENT, CONNECTED, "/a")
        zookeeper.get_children(h, "/", told)
        zookeeper.get_children(h, "/a/b", told)
        zookeeper.delete(h, "/a/b")
        assert told.wait_calls(5)[4] == (h, zookeeper.DELETED_EVENT, CONNECTED, "/a/b")
        zookeeper.delete(h, "/a")
        assert told.wait_calls(6)[5] == (h, zookeeper.CHILD_EVENT, CONNECTED, "/")

    def test_completions(self, handle):
        h = handle

        def completed(call, *arguments):
            done = Watcher()
            assert call(h, *arguments, done) == 0
            return done.wait_calls(1)[0]

        assert completed(zookeeper.acreate, "/a", "x", OPEN, 0) == (h, 0, "/a")
        assert completed(zookeeper.acreate, "/a", "x", OPEN, 0) == (h, zookeeper.NODEEXISTS, None)
        data, stat = zookeeper.get(h, "/a")
        assert completed(zookeeper.aget, "/a", None) == (h, 0, data, stat)
        assert completed(zookeeper.aget, "/b", None) == (h, zookeeper.NONODE, None, None)
        assert completed(zookeeper.aexists, "/a", None) == (h, 0, stat)
        assert completed(zookeeper.aexists, "/b", None) == (h, zookeeper.NONODE, None)
        assert completed(zookeeper.aget_children, "/", None) == (h, 0, ["a"])
        assert completed(zookeeper.aget_acl, "/a") == (h, 0, OPEN, stat)
        assert completed(zookeeper.aget_acl, "/b") == (h, zookeeper.NONODE, None, None)
        assert completed(zookeeper.aset_acl, "/a", 0, OPEN) == (h, 0)
        assert completed(zookeeper.aset, "/a", "y", 7) == (h, zookeeper.BADVERSION, None)
        assert completed(zookeeper.aset, "/a", "y", 0) == (h, 0, zookeeper.exists(h, "/a"))
        assert completed(zookeeper.async_, "/a") == (h, 0, "/a")
        assert completed(zookeeper.adelete, "/a", 7) == (h, zookeeper.BADVERSION)
        assert completed(zookeeper.adelete, "/a", 1) == (h, 0)
        assert zookeeper.acreate(h, "/c", "", OPEN) == 0
        with pytest.raises(zookeeper.BadArgumentsException):
            zookeeper.aget(h, "bad", None, print)

    def test_what_a_session_says_of_itself(self, handle):
        assert zookeeper.state(handle) == CONNECTED
        assert zookeeper.is_unrecoverable(handle) is False
        number, password = zookeeper.client_id(handle)
        assert number
        assert len(password) == 16
        zookeeper.create(handle, "/e", "", OPEN, zookeeper.EPHEMERAL)
        assert zookeeper.exists(handle, "/e")["ephemeralOwner"] == number
        assert zookeeper.close(handle) == 0
        with pytest.raises(zookeeper.ZooKeeperException):
            zookeeper.state(handle)
