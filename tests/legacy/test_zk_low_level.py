"""The calls of the module ``zookeeper`` as methods: signatures, docs, and how they look the functions up."""

import inspect
from unittest import mock

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN, Watcher

SIGNATURES = {
    "create": "(path, data, acl, flags=0, completion=None)",
    "acreate": "(path, data, acl, flags=0, completion=None)",
    "delete": "(path, version=-1, completion=None)",
    "adelete": "(path, version=-1, completion=None)",
    "set": "(path, data, version=-1, completion=None)",
    "aset": "(path, data, version=-1, completion=None)",
    "set2": "(path, data, version=-1, completion=None)",
    "set_acl": "(path, version, acl, completion=None)",
    "aset_acl": "(path, version, acl, completion=None)",
    "exists": "(path, watcher=None)",
    "aexists": "(path, watcher=None, cb=None)",
    "get": "(path, watcher=None, bufferlen=None)",
    "aget": "(path, watcher=None, cb=None)",
    "get_children": "(path, watcher=None)",
    "aget_children": "(path, watcher=None, cb=None)",
    "get_acl": "(path)",
    "aget_acl": "(path, cb=None)",
    "async": "(path, cb=None)",
    "async_": "(path, cb=None)",
    "add_auth": "(scheme, cert, cb=None)",
    "client_id": "()",
    "is_unrecoverable": "()",
    "recv_timeout": "()",
    "set_watcher": "(watcher)",
    "children": "(path)",
    "properties": "(path)",
    "get_properties": "(path)",
    "resolve": "(path, seen=())",
    "ln": "(target, source)",
    "import_tree": "(text, path='/', trim=None, acl=[{'perms': 31, 'scheme': 'world', 'id': 'anyone'}], dry_run=False)",
    "export_tree": "(path='/', ephemeral=False, name=None)",
    "print_tree": "(path='/')",
    "walk": "(path='/', ephemeral=True, children=False)",
    "create_recursive": "(path, data, acl)",
    "delete_recursive": "(path, dry_run=False, force=False, ignore_if_ephemeral=False)",
    "is_ephemeral": "(path)",
    "register_server": "(path, addr, acl=[{'perms': 1, 'scheme': 'world', 'id': 'anyone'}], **kw)",
    "close": "()",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_and_docs(name):
    method = getattr(zc_zk.ZooKeeper, name)
    signature = inspect.signature(method)
    bare = [
        each.replace(annotation=inspect.Parameter.empty)
        for each in signature.parameters.values()
        if each.name != "self"
    ]
    shown = str(inspect.Signature(bare)).replace("'children'", "children")
    assert shown == SIGNATURES[name]
    assert ".. versionadded::" in method.__doc__
    for parameter in bare:
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD and ("Args:" in method.__doc__):
            assert f"        {parameter.name}: " in method.__doc__, parameter.name


def test_the_constructor():
    signature = inspect.signature(zc_zk.ZooKeeper)
    assert [(each.name, each.default) for each in signature.parameters.values()] == [
        ("connection_string", "127.0.0.1:2181"),
        ("session_timeout", None),
        ("wait", False),
    ]
    assert zc_zk.ZooKeeper.initial_connection_wait == 9.0
    assert zc_zk.ZooKeeper.test_sleep == 0


# --- they do what the functions do ------------------------------------------------------------------------------------


def test_changes(zk):
    assert zk.create("/a", "x", OPEN) == "/a"
    assert zk.create("/a/s", "", OPEN, zookeeper.SEQUENCE) == "/a/s0000000000"
    assert zk.set("/a", "y") == zk.set2("/a", b"z") == zk.aset("/a", "z") == 0
    assert zk.set_acl("/a", 0, [zc_zk.world_permission(31)]) == 0
    assert zk.get_acl("/a")[1] == OPEN
    with pytest.raises(zookeeper.BadVersionException):
        zk.set("/a", "b", 0)
    with pytest.raises(zookeeper.NotEmptyException):
        zk.delete("/a")
    assert zk.delete("/a/s0000000000") == zk.delete("/a", 3) == 0
    assert zk.exists("/a") is None


def test_what_is_ephemeral(zk):
    assert zk.create("/e", b"x", OPEN, flags=zookeeper.EPHEMERAL) == "/e"
    zk.create("/s-", "", OPEN, zookeeper.EPHEMERAL | zookeeper.SEQUENCE)
    zk.create("/n", "", OPEN)
    assert zk.ephemeral == {"/e": {"data": b"x", "acl": OPEN, "flags": 1}}
    with pytest.raises(zookeeper.NodeExistsException):
        zk.create("/e", "other", OPEN, zookeeper.EPHEMERAL)
    with pytest.raises(zookeeper.BadVersionException):
        zk.delete("/e", 7)
    assert zk.ephemeral == {"/e": {"data": b"x", "acl": OPEN, "flags": 1}}


def test_reading(zk):
    zk.create("/a", "text", OPEN)
    data, stat = zk.get("/a")
    assert data == "text"
    assert zk.exists("/a") == stat == zk.get_acl("/a")[0]
    assert zk.get("/a", None, 2)[0] == "te"
    assert zk.get_children("/") == ["a"]


def test_watchers(zk):
    told = Watcher()
    assert zk.exists("/a", told) is None
    zk.create("/a", "", OPEN)
    told.wait_for((zk.handle, zookeeper.CREATED_EVENT, zookeeper.CONNECTED_STATE, "/a"))
    zk.get("/a", told)
    zk.get_children("/a", told)
    zk.set("/a", "x")
    zk.create("/a/b", "", OPEN)
    told.wait_for((zk.handle, zookeeper.CHANGED_EVENT, zookeeper.CONNECTED_STATE, "/a"))
    told.wait_for((zk.handle, zookeeper.CHILD_EVENT, zookeeper.CONNECTED_STATE, "/a"))


def test_completions(zk):
    def completed(call, *arguments):
        done = Watcher()
        assert call(*arguments, done) == 0
        (got,) = done.wait_calls(1)
        assert got[0] == zk.handle
        return got[1:]

    assert completed(zk.acreate, "/a", "x", OPEN, 0) == (zookeeper.OK, "/a")
    assert completed(zk.create, "/a", "x", OPEN, 0) == (zookeeper.NODEEXISTS, None)
    code, data, stat = completed(zk.aget, "/a", None)
    assert (code, data, stat) == (zookeeper.OK, *zk.get("/a"))
    assert completed(zk.aexists, "/a", None) == (zookeeper.OK, stat)
    assert completed(zk.aget_children, "/", None) == (zookeeper.OK, ["a"])
    assert completed(zk.aget_acl, "/a") == (zookeeper.OK, OPEN, stat)
    assert completed(zk.async_, "/a") == completed(getattr(zk, "async"), "/a") == (zookeeper.OK, "/a")
    assert completed(zk.aset, "/a", "y", -1) == (zookeeper.OK, zk.exists("/a"))
    assert completed(zk.aset_acl, "/a", 5, OPEN) == (zookeeper.BADVERSION,)
    assert completed(zk.add_auth, "digest", "me:secret") == (zookeeper.OK,)
    assert completed(zk.adelete, "/a", -1) == (zookeeper.OK,)


def test_the_session(zk):
    assert zk.client_id() == zookeeper.client_id(zk.handle)
    assert zk.recv_timeout() == zookeeper.recv_timeout(zk.handle)
    assert zk.is_unrecoverable() is False


# --- they are looked up when they are called --------------------------------------------------------------------------


@pytest.fixture
def mocked(log_pipe):
    """A session over a module whose functions are mocks; what they are called with is looked at."""
    with mock.patch.object(zookeeper, "init") as init, mock.patch.object(zookeeper, "close") as close:
        init.side_effect = lambda where, watcher, *timeout: watcher(0, zookeeper.SESSION_EVENT, 3, "")
        zk = zc_zk.ZooKeeper()
        (arguments, options) = init.call_args
        assert (arguments[0], len(arguments), options) == ("127.0.0.1:2181", 2, {})
        assert zk.handle == 0
        yield zk
        zk.close()
        close.assert_called_once_with(0)


@pytest.mark.parametrize(
    ("name", "given", "passed"),
    [
        ("exists", ("/a",), (0, "/a")),
        ("get", ("/a",), (0, "/a")),
        ("get", ("/a", None, 5), (0, "/a", None, 5)),
        ("get_children", ("/a",), (0, "/a")),
        ("get_acl", ("/a",), (0, "/a")),
        ("create", ("/a", "x", OPEN), (0, "/a", "x", OPEN, 0)),
        ("delete", ("/a",), (0, "/a", -1)),
        ("set", ("/a", "x"), (0, "/a", "x", -1)),
        ("set_acl", ("/a", 0, OPEN), (0, "/a", 0, OPEN)),
        ("aget", ("/a",), (0, "/a")),
        ("aexists", ("/a", None, print), (0, "/a", None, print)),
        ("add_auth", ("digest", "me:secret"), (0, "digest", "me:secret", None)),
        ("client_id", (), (0,)),
        ("is_unrecoverable", (), (0,)),
        ("recv_timeout", (), (0,)),
        ("async_", ("/a",), (0, "/a")),
    ],
)
def test_functions_get_the_old_positional_arguments(mocked, name, given, passed):
    with mock.patch.object(zookeeper, name) as function:
        assert getattr(mocked, name)(*given) is function.return_value
    function.assert_called_once_with(*passed)


def test_objects_over_mocks(mocked):
    handlers, names = [], ["a"]

    def get_children(h, path, handler=None):
        assert (h, path) == (0, "/test")
        if handler is not None:
            handlers.append(handler)
        return list(names)

    exists = mock.patch.object(zookeeper, "exists", return_value=True)
    with exists, mock.patch.object(zookeeper, "get_children", get_children):
        told = mock.Mock()
        children = mocked.children("/test")(told)
        told.assert_called_with(children)
        names.append("b")
        # The same handler serves for every event, as it did.
        for number in range(3):
            handlers[0](0, zookeeper.CHILD_EVENT, zookeeper.CONNECTED_STATE, "/test")
            assert list(children) == ["a", "b"]
            assert told.call_count == number + 2
        handlers[0](0, zookeeper.SESSION_EVENT, zookeeper.CONNECTING_STATE, "")
        assert told.call_count == 4
        # And a new session calls every watcher, before the event of its connection is over.
        watcher = zookeeper.init.call_args[0][1]
        zookeeper.init.side_effect = None
        watcher(0, zookeeper.SESSION_EVENT, zookeeper.EXPIRED_SESSION_STATE, "")
        assert mocked.handle is None
        zookeeper.close.assert_called_with(0)
        zookeeper.close.reset_mock()
        names.append("c")
        watcher(0, zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE, "")
        assert told.call_count == 5
        assert list(children) == ["a", "b", "c"]


def test_time_for_the_server_after_changes(zk, monkeypatch):
    slept = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setattr(zc_zk.ZooKeeper, "test_sleep", 0.01)
    zk.create("/a", "", OPEN)
    zk.set("/a", "x")
    zk.get("/a")
    assert slept == [0.01, 0.01]
