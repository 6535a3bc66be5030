"""The calls that return at once: 0, and later their completion, called with what the call is about."""

import threading

import pytest

from zkc.legacy import zookeeper
from zkc.legacy.zookeeper import EPHEMERAL, OK, SEQUENCE

from .legacy_support import OPEN, TIMEOUT, Watcher, completed, settle

READ_ONLY = [{"perms": zookeeper.PERM_READ, "scheme": "world", "id": "anyone"}]


@pytest.fixture
def tree(h):
    """A handle with /a, which has the data "x"; /a/b; and /e, which is ephemeral."""
    zookeeper.create(h, "/a", "x", OPEN)
    zookeeper.create(h, "/a/b", "", OPEN)
    zookeeper.create(h, "/e", "", OPEN, EPHEMERAL)
    return h


# ---- success ---------------------------------------------------------------------------------------------------------


def test_acreate(h):
    assert completed(zookeeper.acreate, h, "/a", "x", OPEN) == (OK, "/a")
    assert completed(zookeeper.acreate, h, "/a/s-", b"x", OPEN, SEQUENCE) == (OK, "/a/s-0000000000")
    assert completed(zookeeper.acreate, h, "/e", "", OPEN, EPHEMERAL) == (OK, "/e")
    assert zookeeper.exists(h, "/e")["ephemeralOwner"] == zookeeper.client_id(h)[0]


def test_adelete(tree):
    assert completed(zookeeper.adelete, tree, "/a/b", 0) == (OK,)
    assert completed(zookeeper.adelete, tree, "/a") == (OK,)
    assert zookeeper.get_children(tree, "/") == ["e"]


def test_aexists(tree):
    assert completed(zookeeper.aexists, tree, "/a") == (OK, zookeeper.exists(tree, "/a"))


def test_aget(tree):
    rc, data, stat = completed(zookeeper.aget, tree, "/a")
    assert (rc, data, stat) == (OK, "x", zookeeper.exists(tree, "/a"))
    assert type(stat) is dict
    assert completed(zookeeper.aget, tree, "/a/b")[:2] == (OK, "")


def test_aset(tree):
    rc, stat = completed(zookeeper.aset, tree, "/a", "y")
    assert (rc, stat) == (OK, zookeeper.exists(tree, "/a"))
    assert completed(zookeeper.aset, tree, "/a", b"z", 1)[1]["version"] == 2
    assert zookeeper.get(tree, "/a")[0] == "z"


def test_aget_children(tree):
    rc, names = completed(zookeeper.aget_children, tree, "/")
    assert (rc, sorted(names)) == (OK, ["a", "e"])
    assert type(names) is list
    assert completed(zookeeper.aget_children, tree, "/e") == (OK, [])


def test_acls_come_before_the_stat_here(tree):
    rc, acls, stat = completed(zookeeper.aget_acl, tree, "/a")
    assert (rc, acls, stat) == (OK, OPEN, zookeeper.exists(tree, "/a"))
    assert (stat, acls) == zookeeper.get_acl(tree, "/a")
    assert completed(zookeeper.aset_acl, tree, "/a", 0, READ_ONLY) == (OK,)
    assert completed(zookeeper.aget_acl, tree, "/a")[1] == READ_ONLY


@pytest.mark.parametrize("name", ["async", "async_"])
def test_async(tree, name):
    assert completed(getattr(zookeeper, name), tree, "/a") == (OK, "/a")


def test_add_auth(h, make_handle):
    assert completed(zookeeper.add_auth, h, "digest", "me:secret") == (OK,)
    zookeeper.create(h, "/a", "mine", [{"perms": zookeeper.PERM_ALL, "scheme": "auth", "id": ""}])
    other = make_handle()
    with pytest.raises(zookeeper.NoAuthException):
        zookeeper.get(other, "/a")
    assert zookeeper.add_auth(other, b"digest", b"me:secret", None) == 0
    assert zookeeper.get(other, "/a")[0] == "mine"


def test_data_that_are_no_text(h):
    zookeeper.create(h, "/a", b"\xff\xfe\0x", OPEN)
    assert completed(zookeeper.aget, h, "/a")[:2] == (OK, "\udcff\udcfe\0x")


def test_bytes_where_they_are_asked_for(h, bytes_out):
    zookeeper.create(h, "/a", b"\xff\xfe\0x", OPEN)
    assert completed(zookeeper.aget, h, "/a")[:2] == (OK, b"\xff\xfe\0x")
    assert completed(zookeeper.aget, h, "/")[:2] == (OK, b"")


# ---- errors ----------------------------------------------------------------------------------------------------------

FAILING = {
    "acreate a node that exists": (zookeeper.acreate, ("/a", "", OPEN), (zookeeper.NODEEXISTS, None)),
    "acreate below nothing": (zookeeper.acreate, ("/missing/x", "", OPEN), (zookeeper.NONODE, None)),
    "acreate below an ephemeral": (zookeeper.acreate, ("/e/x", "", OPEN), (zookeeper.NOCHILDRENFOREPHEMERALS, None)),
    "acreate for a scheme that is none": (
        zookeeper.acreate,
        ("/x", "", [{"perms": 31, "scheme": "none", "id": ""}]),
        (zookeeper.INVALIDACL, None),
    ),
    "adelete nothing": (zookeeper.adelete, ("/missing",), (zookeeper.NONODE,)),
    "adelete another version": (zookeeper.adelete, ("/a/b", 9), (zookeeper.BADVERSION,)),
    "adelete a node with children": (zookeeper.adelete, ("/a",), (zookeeper.NOTEMPTY,)),
    "aexists of nothing": (zookeeper.aexists, ("/missing",), (zookeeper.NONODE, None)),
    "aget nothing": (zookeeper.aget, ("/missing",), (zookeeper.NONODE, None, None)),
    "aset nothing": (zookeeper.aset, ("/missing", ""), (zookeeper.NONODE, None)),
    "aset another version": (zookeeper.aset, ("/a", "", 9), (zookeeper.BADVERSION, None)),
    "children of nothing": (zookeeper.aget_children, ("/missing",), (zookeeper.NONODE, None)),
    "the ACL of nothing": (zookeeper.aget_acl, ("/missing",), (zookeeper.NONODE, None, None)),
    "set the ACL of nothing": (zookeeper.aset_acl, ("/missing", -1, OPEN), (zookeeper.NONODE,)),
    "set the ACL of another version": (zookeeper.aset_acl, ("/a", 9, OPEN), (zookeeper.BADVERSION,)),
}


@pytest.mark.parametrize("what", FAILING)
def test_on_an_error_there_is_none_in_place_of_each_value(tree, what):
    call, arguments, wanted = FAILING[what]
    assert completed(call, tree, *arguments) == wanted
    assert sorted(zookeeper.get_children(tree, "/")) == ["a", "e"]


AT_ONCE = {
    "a malformed path": (zookeeper.aget, ("a",), zookeeper.BadArgumentsException),
    "a malformed path to create": (zookeeper.acreate, ("a", "", OPEN), zookeeper.BadArgumentsException),
    "flags=-1": (zookeeper.acreate, ("/x", "", OPEN, -1), zookeeper.BadArgumentsException),
    "no ACL": (zookeeper.acreate, ("/x", "", None), zookeeper.InvalidACLException),
    "a path of a wrong type": (zookeeper.aexists, (5,), TypeError),
    "data of a wrong type": (zookeeper.aset, ("/", 5), TypeError),
    "no data": (zookeeper.acreate, ("/x", None, OPEN), TypeError),
    "a version of a wrong type": (zookeeper.adelete, ("/x", "1"), TypeError),
    "a watcher of a wrong type": (zookeeper.aget_children, ("/", 5), TypeError),
    "credentials of a wrong type": (zookeeper.add_auth, ("digest", 5), TypeError),
}


@pytest.mark.parametrize("what", AT_ONCE)
def test_what_is_wrong_at_once_is_raised_and_calls_no_callback(h, what):
    call, arguments, exception = AT_ONCE[what]
    called = Watcher()
    with pytest.raises(exception):
        call(h, *arguments, cb=called)
    settle(h)
    assert called.calls == []


@pytest.mark.parametrize("call", [zookeeper.aget, zookeeper.aexists, zookeeper.aget_children, zookeeper.aget_acl])
def test_a_completion_that_cannot_be_called(h, call):
    with pytest.raises(TypeError, match="cb must be callable"):
        call(h, "/", cb=5)


def test_completions_may_be_left_out(h):
    assert zookeeper.acreate(h, "/a", "", OPEN) == 0
    assert zookeeper.aset(h, "/a", "x") == 0
    assert zookeeper.aget(h, "/a", None, None) == 0
    assert zookeeper.aget(h, "/missing") == 0
    assert zookeeper.aexists(h, "/a") == zookeeper.aget_children(h, "/a") == zookeeper.aget_acl(h, "/a") == 0
    assert zookeeper.async_(h, "/a") == zookeeper.aset_acl(h, "/a", -1, OPEN) == 0
    assert zookeeper.get(h, "/a")[0] == "x"
    assert zookeeper.adelete(h, "/a") == 0
    assert zookeeper.exists(h, "/a") is None


# ---- order and threads -----------------------------------------------------------------------------------------------


def test_completions_come_in_the_order_of_the_calls_on_one_thread(h):
    seen, threads, done = [], set(), threading.Event()

    def completion(number):
        def call(handle, rc, *_):
            assert (handle, rc) == (h, OK)
            seen.append(number)
            threads.add(threading.current_thread())
            if number == 999:
                done.set()

        return call

    calls = [zookeeper.aget, zookeeper.aexists, zookeeper.aget_children, zookeeper.async_]
    for number in range(1000):
        calls[number % len(calls)](h, "/", cb=completion(number))
    assert done.wait(TIMEOUT)
    assert seen == list(range(1000))
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_more_calls_than_waiters(h):
    done = Watcher()
    for _ in range(20000):
        zookeeper.aget(h, "/")
    zookeeper.aget(h, "/", None, done)
    assert done.wait_calls(1)[0][1] == OK


def test_a_call_before_the_connection_waits_for_it(hosts):
    done = Watcher()
    h = zookeeper.init(hosts)
    try:
        assert zookeeper.acreate(h, "/a", "x", OPEN, 0, done) == 0
        assert zookeeper.get(h, "/a")[0] == "x"
        assert done.wait_calls(1) == [(h, OK, "/a")]
    finally:
        zookeeper.close(h)


def test_a_lost_connection_ends_calls_under_way(make_handle, proxy, proxied):
    h = make_handle(proxied, recv_timeout_ms=30000)
    got, made = Watcher(), Watcher()
    proxy.pause()
    zookeeper.aget(h, "/", None, got)
    zookeeper.acreate(h, "/a", "", OPEN, 0, made)
    proxy.drop_connections()
    proxy.resume()
    assert got.wait_calls(1) == [(h, zookeeper.CONNECTIONLOSS, None, None)]
    assert made.wait_calls(1) == [(h, zookeeper.CONNECTIONLOSS, None)]


def test_close_ends_calls_under_way(make_handle, proxy, proxied):
    h = make_handle(proxied, recv_timeout_ms=30000)
    got, made = Watcher(), Watcher()
    proxy.pause()
    zookeeper.aget(h, "/", None, got)
    zookeeper.adelete(h, "/a", -1, made)
    zookeeper.close(h)
    assert got.wait_calls(1) == [(h, zookeeper.CLOSING, None, None)]
    assert made.wait_calls(1) == [(h, zookeeper.CLOSING)]
