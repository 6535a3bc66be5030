"""The calls that wait: what they take, what they give, what they raise."""

import pytest

import zkc
import zkc.legacy
from zkc.legacy import zookeeper
from zkc.legacy.zookeeper import EPHEMERAL, SEQUENCE
from zkc.testing import ZooKeeperServer

from .legacy_support import OPEN

STAT = {
    "czxid", "mzxid", "ctime", "mtime", "version", "cversion", "aversion", "ephemeralOwner", "dataLength",
    "numChildren", "pzxid",
}  # fmt: skip
READ_ONLY = [{"perms": zookeeper.PERM_READ, "scheme": "world", "id": "anyone"}]


@pytest.fixture
def tree(h):
    """A handle with /a, which has the data "x"; /a/b; and /e, which is ephemeral."""
    zookeeper.create(h, "/a", "x", OPEN)
    zookeeper.create(h, "/a/b", "", OPEN)
    zookeeper.create(h, "/e", "", OPEN, EPHEMERAL)
    return h


# ---- what they give --------------------------------------------------------------------------------------------------


def test_create(h):
    assert zookeeper.create(h, "/a", "data", OPEN) == "/a"
    assert zookeeper.create(h, "/a/b", b"data", OPEN, 0) == "/a/b"
    assert zookeeper.create(h, "/a/s-", "", OPEN, SEQUENCE) == "/a/s-0000000001"
    assert zookeeper.create(h, "/a/e", "", OPEN, EPHEMERAL) == "/a/e"
    both = zookeeper.create(h, "/a/", "", OPEN, EPHEMERAL | SEQUENCE)
    assert both == "/a/0000000003"
    assert zookeeper.exists(h, both)["ephemeralOwner"] == zookeeper.client_id(h)[0]
    assert sorted(zookeeper.get_children(h, "/a")) == ["0000000003", "b", "e", "s-0000000001"]


def test_delete(tree):
    assert zookeeper.delete(tree, "/a/b", 0) == 0
    assert zookeeper.delete(tree, "/a") == 0
    assert zookeeper.delete(tree, "/e", -1) == 0
    assert zookeeper.get_children(tree, "/") == []


def test_exists(tree):
    stat = zookeeper.exists(tree, "/a")
    assert type(stat) is dict
    assert set(stat) == STAT
    assert {type(value) for value in stat.values()} == {int}
    assert (stat["version"], stat["dataLength"], stat["numChildren"], stat["ephemeralOwner"]) == (0, 1, 1, 0)
    assert zookeeper.exists(tree, "/missing") is None
    assert zookeeper.exists(tree, "/a/b/c/missing") is None


def test_get(tree):
    data, stat = zookeeper.get(tree, "/a")
    assert data == "x"
    assert stat == zookeeper.exists(tree, "/a")
    assert type(zookeeper.get(tree, "/a")) is tuple
    assert zookeeper.get(tree, "/a/b")[0] == ""


def test_set(tree):
    assert zookeeper.set(tree, "/a", "one") == 0
    assert zookeeper.set(tree, "/a", b"two", 1) == 0
    data, stat = zookeeper.get(tree, "/a")
    assert (data, stat["version"]) == ("two", 2)
    stat = zookeeper.set2(tree, "/a", "three")
    assert set(stat) == STAT
    assert (stat["version"], stat["dataLength"]) == (3, 5)
    assert zookeeper.set2(tree, "/a", "four", 3)["version"] == 4


def test_get_children(tree):
    names = zookeeper.get_children(tree, "/")
    assert type(names) is list
    assert sorted(names) == ["a", "e"]
    assert zookeeper.get_children(tree, "/a/b") == []


def test_acls(tree):
    stat, acls = zookeeper.get_acl(tree, "/a")
    assert (set(stat), acls) == (STAT, OPEN)
    assert zookeeper.set_acl(tree, "/a", 0, READ_ONLY) == 0
    stat, acls = zookeeper.get_acl(tree, "/a")
    assert (stat["aversion"], acls) == (1, READ_ONLY)


def test_an_acl_of_several_entries_comes_back_as_it_was_given(h):
    acls = [*READ_ONLY, {"perms": 6, "scheme": "ip", "id": "127.0.0.1"}, {"perms": 8, "scheme": "ip", "id": "10.0.0.1"}]
    zookeeper.create(h, "/a", "", acls)
    assert zookeeper.get_acl(h, "/a")[1] == acls
    given = [{"perms": 31, "scheme": b"world", "id": b"anyone", "more": "is not looked at"}]
    zookeeper.create(h, "/b", "", given)
    assert zookeeper.get_acl(h, "/b")[1] == OPEN


# ---- what they raise -------------------------------------------------------------------------------------------------

FAILING = {
    "create a node that exists": (zookeeper.create, ("/a", "", OPEN), "NodeExists"),
    "create below nothing": (zookeeper.create, ("/missing/x", "", OPEN), "NoNode"),
    "create below an ephemeral": (zookeeper.create, ("/e/x", "", OPEN), "NoChildrenForEphemerals"),
    "create for a scheme that is none": (
        zookeeper.create,
        ("/x", "", [{"perms": 31, "scheme": "none", "id": ""}]),
        "InvalidACL",
    ),
    "create with flags=-1": (zookeeper.create, ("/x", "", OPEN, -1), "BadArguments"),
    "create with flags=4": (zookeeper.create, ("/x", "", OPEN, 4), "BadArguments"),
    "create a malformed path": (zookeeper.create, ("x", "", OPEN), "BadArguments"),
    "delete nothing": (zookeeper.delete, ("/missing",), "NoNode"),
    "delete another version": (zookeeper.delete, ("/a/b", 5), "BadVersion"),
    "delete a node with children": (zookeeper.delete, ("/a",), "NotEmpty"),
    "exists of a malformed path": (zookeeper.exists, ("a",), "BadArguments"),
    "get nothing": (zookeeper.get, ("/missing",), "NoNode"),
    "get an empty path": (zookeeper.get, ("",), "BadArguments"),
    "get a path that ends with a slash": (zookeeper.get, ("/a/",), "BadArguments"),
    "get a path with two slashes": (zookeeper.get, ("/a//b",), "BadArguments"),
    "set nothing": (zookeeper.set, ("/missing", ""), "NoNode"),
    "set another version": (zookeeper.set, ("/a", "", 7), "BadVersion"),
    "set2 nothing": (zookeeper.set2, ("/missing", ""), "NoNode"),
    "set2 another version": (zookeeper.set2, ("/a", "", 7), "BadVersion"),
    "children of nothing": (zookeeper.get_children, ("/missing",), "NoNode"),
    "the ACL of nothing": (zookeeper.get_acl, ("/missing",), "NoNode"),
    "set the ACL of nothing": (zookeeper.set_acl, ("/missing", -1, OPEN), "NoNode"),
    "set the ACL of another version": (zookeeper.set_acl, ("/a", 4, OPEN), "BadVersion"),
}


@pytest.mark.parametrize("what", FAILING)
def test_errors(tree, what):
    call, arguments, name = FAILING[what]
    exception = getattr(zookeeper, f"{name}Exception")
    with pytest.raises(zookeeper.ZooKeeperException) as caught:
        call(tree, *arguments)
    assert type(caught.value) is exception
    assert str(caught.value).startswith(zookeeper.zerror(exception.code))
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert sorted(zookeeper.get_children(tree, "/")) == ["a", "e"]


def test_the_text_is_that_of_the_code(tree):
    with pytest.raises(zookeeper.NoNodeException) as caught:
        zookeeper.get(tree, "/missing")
    assert str(caught.value) == zookeeper.zerror(zookeeper.NONODE) == "no node"


def test_what_an_acl_does_not_allow(h, make_handle):
    acl = [{"perms": zookeeper.PERM_ALL, "scheme": "digest", "id": "nobody:x"}]
    zookeeper.create(h, "/a", "", acl)
    for call, arguments in (
        (zookeeper.get, ("/a",)),
        (zookeeper.set, ("/a", "")),
        (zookeeper.get_children, ("/a",)),
        (zookeeper.create, ("/a/b", "", OPEN)),
        (zookeeper.set_acl, ("/a", -1, OPEN)),
    ):
        with pytest.raises(zookeeper.NoAuthException):
            call(h, *arguments)


NO_ACLS = {
    "None": None,
    "a bare dict": OPEN[0],
    "a tuple": tuple(OPEN),
    "an empty list": [],
    "a string": "world:anyone:r",
    "a list of None": [None],
    "a list of tuples": [(31, "world", "anyone")],
    "no perms": [{"scheme": "world", "id": "anyone"}],
    "no scheme": [{"perms": 31, "id": "anyone"}],
    "no id": [{"perms": 31, "scheme": "world"}],
    "nothing": [{}],
    "the second one lacks a key": [OPEN[0], {"perms": 31}],
    "perms of a wrong type": [{**OPEN[0], "perms": "31"}],
    "perms out of range": [{**OPEN[0], "perms": 32}],
    "perms below 0": [{**OPEN[0], "perms": -1}],
    "a scheme of a wrong type": [{**OPEN[0], "scheme": 5}],
    "an id of a wrong type": [{**OPEN[0], "id": None}],
}


@pytest.mark.parametrize("what", NO_ACLS)
def test_an_acl_that_is_none(h, what):
    acls = NO_ACLS[what]
    for call, arguments in (
        (zookeeper.create, ("/a", "", acls)),
        (zookeeper.acreate, ("/a", "", acls)),
        (zookeeper.set_acl, ("/", -1, acls)),
        (zookeeper.aset_acl, ("/", -1, acls)),
    ):
        with pytest.raises(zookeeper.InvalidACLException, match="invalid acl"):
            call(h, *arguments)
    assert zookeeper.get_children(h, "/") == []
    assert zookeeper.get_acl(h, "/")[1] == OPEN


WRONG_TYPES = {
    "path": (zookeeper.get, (5,)),
    "no path": (zookeeper.exists, (None,)),
    "data": (zookeeper.create, ("/a", 5, OPEN)),
    "no data": (zookeeper.set, ("/", None)),
    "version": (zookeeper.set, ("/", "", "1")),
    "no version": (zookeeper.delete, ("/a", None)),
    "flags": (zookeeper.create, ("/a", "", OPEN, "1")),
    "watcher of get": (zookeeper.get, ("/", 5)),
    "watcher of exists": (zookeeper.exists, ("/", "x")),
    "watcher of get_children": (zookeeper.get_children, ("/", [])),
    "bufferlen": (zookeeper.get, ("/", None, "5")),
    "too few": (zookeeper.get, ()),
    "too many": (zookeeper.delete, ("/", -1, 5)),
}


@pytest.mark.parametrize("what", WRONG_TYPES)
def test_a_wrong_type_is_reported_before_anything_is_sent(h, what):
    call, arguments = WRONG_TYPES[what]
    before = zookeeper.exists(h, "/")
    with pytest.raises(TypeError) as caught:
        call(h, *arguments)
    if not what.startswith("too"):
        assert what.split()[-1 if what.startswith("no ") else 0] in str(caught.value)
    assert zookeeper.exists(h, "/") == before


# ---- what travels ----------------------------------------------------------------------------------------------------


def test_paths_and_data_may_be_bytes_or_str(h):
    assert zookeeper.create(h, "/äöü".encode(), "data: ß", OPEN) == "/äöü"
    assert zookeeper.get(h, "/äöü")[0] == zookeeper.get(h, "/äöü".encode())[0] == "data: ß"
    assert zookeeper.get_children(h, b"/") == ["äöü"]
    assert zookeeper.set(h, bytearray("/äöü".encode()), bytearray(b"abc")) == 0
    assert zookeeper.set(h, "/äöü", memoryview(b"abc")) == 0
    assert zookeeper.get(h, "/äöü")[0] == "abc"


def test_data_that_are_no_text_survive(h):
    raw = bytes(range(256))
    zookeeper.create(h, "/a", raw, OPEN)
    text = zookeeper.get(h, "/a")[0]
    assert text.encode("utf-8", "surrogateescape") == raw
    zookeeper.set(h, "/a", text)
    assert zookeeper.get(h, "/a")[1]["dataLength"] == 256
    assert zookeeper.get(h, "/a")[0] == text


def test_bytes_where_they_are_asked_for(h, bytes_out):
    zookeeper.create(h, "/a", b"\xff\0x", OPEN)
    assert zookeeper.get(h, "/a")[0] == b"\xff\0x"
    assert zookeeper.get(h, "/a", None, 2)[0] == b"\xff\0"
    assert zookeeper.get(h, "/a", bufferlen=0)[0] == b""
    assert zookeeper.get(h, "/")[0] == b""
    assert zookeeper.get_children(h, "/") == ["a"]
    assert zookeeper.create(h, "/b", "", OPEN) == "/b"


def test_bufferlen_cuts_and_nothing_else_does(h):
    zookeeper.create(h, "/a", "0123456789" * 100, OPEN)
    data, stat = zookeeper.get(h, "/a", None, 500)
    assert (data, stat["dataLength"]) == ("0123456789" * 50, 1000)
    assert zookeeper.get(h, "/a", None, 1000)[0] == "0123456789" * 100
    assert zookeeper.get(h, "/a", None, 10**6)[0] == "0123456789" * 100
    assert zookeeper.get(h, "/a", None, 0)[0] == ""
    assert zookeeper.get(h, "/a", None, None)[0] == zookeeper.get(h, "/a")[0] == "0123456789" * 100


def test_bufferlen_may_cut_a_character_in_two(h):
    zookeeper.create(h, "/a", "äö", OPEN)
    assert zookeeper.get(h, "/a", None, 3)[0].encode("utf-8", "surrogateescape") == "äö".encode()[:3]


def test_data_of_more_than_a_mebibyte_come_whole(make_handle):
    size = 3 * 1024 * 1024
    data = "0123456789abcdef" * (size // 16)
    with ZooKeeperServer(jute_maxbuffer=8 * 1024 * 1024) as server:
        h = make_handle(server.new_chroot())
        zookeeper.create(h, "/a", data, OPEN)
        found, stat = zookeeper.get(h, "/a")
        assert stat["dataLength"] == size
        assert found == data
        zookeeper.close(h)


@pytest.mark.parametrize("flags", [0, SEQUENCE])
def test_a_path_of_any_length_comes_whole(h, flags):
    path = "/" + "long" * 300
    made = zookeeper.create(h, path, "", OPEN, flags)
    assert made == (path + "0000000000" if flags else path)
    assert zookeeper.exists(h, made) is not None
    assert zookeeper.get_children(h, "/") == [made[1:]]


def test_a_chroot(h, make_handle, hosts, zookeeper_server):
    zookeeper.create(h, "/a", "x", OPEN)
    whole = make_handle(zookeeper_server.hosts)
    below = hosts[hosts.index("/") :]
    assert zookeeper.get_children(whole, below) == ["a"]
    deeper = make_handle(f"{hosts}/a")
    assert zookeeper.get(deeper, "/")[0] == "x"
    assert zookeeper.create(deeper, "/b", "", OPEN) == "/b"
    assert zookeeper.get_children(whole, f"{below}/a") == ["b"]


def test_data_that_the_servers_refuse_are_sent_as_ever(h, hosts):
    """The limit is one of the client's, which old programs do not know of."""
    zookeeper.create(h, "/a", "", OPEN)
    with pytest.raises(zookeeper.ConnectionLossException):
        zookeeper.set(h, "/a", "x" * (2 << 20))
    with zkc.legacy.client_of(h) as client, pytest.raises(zkc.ConnectionLossError):
        client.set("/a", b"x" * (2 << 20))
