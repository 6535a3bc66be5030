"""delete, exists, get, set, get_children with and without stat, sync: success and every error."""

from __future__ import annotations

import datetime
import pickle
import time

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import ANYONE, READ_ONLY_ACL, settle

NOTHING = [(8, "world", "anyone")]  # delete alone


def test_delete(session):
    session.create("/a", b"", ANYONE).result(20)
    assert session.delete("/a").result(20) is None
    assert session.exists("/a").result(20) is None


def test_delete_of_the_version_given(session):
    session.create("/a", b"", ANYONE).result(20)
    session.set("/a", b"1").result(20)
    with pytest.raises(errors.BadVersionError) as caught:
        session.delete("/a", 0).result(20)
    assert (caught.value.operation, caught.value.path, caught.value.maybe_applied) == ("delete", "/a", False)
    session.delete("/a", 1).result(20)


def test_delete_of_a_missing_znode(session):
    with pytest.raises(errors.NoNodeError):
        session.delete("/missing").result(20)


def test_delete_of_a_znode_with_children(session):
    session.create("/a", b"", ANYONE).result(20)
    session.create("/a/b", b"", ANYONE).result(20)
    with pytest.raises(errors.NotEmptyError):
        session.delete("/a").result(20)


def test_delete_where_the_parent_does_not_allow_it(session):
    session.create("/a", b"", ANYONE).result(20)
    session.create("/a/b", b"", ANYONE).result(20)
    session.set_acl("/a", READ_ONLY_ACL).result(20)
    with pytest.raises(errors.NoAuthError):
        session.delete("/a/b").result(20)


def test_exists_answers_none_for_a_missing_znode(session):
    assert session.exists("/missing").result(20) is None
    assert session.exists("/missing").exception(20) is None


def test_exists_gives_the_stat(session):
    before = time.time() * 1000
    session.create("/a", b"four", ANYONE).result(20)
    session.create("/a/b", b"", ANYONE).result(20)
    session.set("/a", b"five!").result(20)
    stat = session.exists("/a").result(20)
    assert (stat.version, stat.cversion, stat.aversion) == (1, 1, 0)
    assert (stat.data_length, stat.num_children, stat.ephemeral_owner) == (5, 1, 0)
    assert stat.czxid < stat.pzxid < stat.mzxid
    assert before - 60_000 < stat.ctime <= stat.mtime < before + 60_000
    assert stat.created == datetime.datetime.fromtimestamp(stat.ctime / 1000, datetime.timezone.utc)


def test_a_stat_is_a_value(session):
    session.create("/a", b"x", ANYONE).result(20)
    one, two = session.exists("/a").result(20), session.get("/a").result(20)[1]
    assert one == two
    assert hash(one) == hash(two)
    assert pickle.loads(pickle.dumps(one)) == one
    assert one != session.set("/a", b"y").result(20)
    assert f"version={one.version}" in repr(one)
    with pytest.raises(AttributeError):
        one.version = 3
    assert one != "something else"


def test_get_of_a_missing_znode(session):
    with pytest.raises(errors.NoNodeError) as caught:
        session.get("/missing").result(20)
    assert (caught.value.operation, caught.value.path) == ("get", "/missing")


def test_reading_without_permission(session, zookeeper_server):
    session.create("/a", b"", NOTHING).result(20)
    reads = [session.get, session.get_children, session.get_children_with_stat]
    version = zookeeper_server.version
    if version >= (3, 9, 2) or (3, 8, 4) <= version < (3, 9):
        reads.append(session.exists)  # ZOOKEEPER-2590
    else:
        assert session.exists("/a").result(20) is not None
    for read in reads:
        with pytest.raises(errors.NoAuthError):
            read("/a").result(20)
    assert session.exists("/a/missing").result(20) is None


def test_set_gives_the_new_stat(session):
    session.create("/a", b"", ANYONE).result(20)
    stat = session.set("/a", b"new").result(20)
    assert isinstance(stat, core.Stat)
    assert (stat.version, stat.data_length) == (1, 3)
    assert session.get("/a").result(20) == (b"new", stat)


def test_set_to_nothing(session):
    session.create("/a", b"full", ANYONE).result(20)
    session.set("/a", None).result(20)
    assert session.get("/a").result(20)[0] is None
    session.set("/a", b"").result(20)
    assert session.get("/a").result(20)[0] == b""


def test_set_of_the_version_given(session):
    session.create("/a", b"", ANYONE).result(20)
    assert session.set("/a", b"1", 0).result(20).version == 1
    with pytest.raises(errors.BadVersionError):
        session.set("/a", b"2", 0).result(20)
    assert session.get("/a").result(20)[0] == b"1"


def test_set_of_a_missing_znode(session):
    with pytest.raises(errors.NoNodeError):
        session.set("/missing", b"").result(20)


def test_set_without_permission(session):
    session.create("/a", b"", READ_ONLY_ACL).result(20)
    with pytest.raises(errors.NoAuthError):
        session.set("/a", b"x").result(20)


def test_get_children(session):
    assert session.get_children("/").result(20) == []
    names = {"a", "b", "çédille", "x" * 200}
    for name in names:
        session.create(f"/{name}", b"", ANYONE).result(20)
    listed = session.get_children("/").result(20)
    assert (len(listed), set(listed)) == (4, names)


def test_get_children_with_stat(session):
    session.create("/a", b"data", ANYONE).result(20)
    assert session.get_children_with_stat("/a").result(20) == ([], session.exists("/a").result(20))
    session.create("/a/b", b"", ANYONE).result(20)
    names, stat = session.get_children_with_stat("/a").result(20)
    assert (names, stat.num_children, stat.data_length) == (["b"], 1, 4)


def test_many_children_come_whole(session):
    requests = [session.create(f"/child-{number:06d}", b"", ANYONE) for number in range(3000)]
    for request in requests:
        request.result(20)
    expected = [f"child-{number:06d}" for number in range(3000)]
    assert sorted(session.get_children("/").result(20)) == expected
    assert sorted(session.get_children_with_stat("/").result(20)[0]) == expected


@pytest.mark.parametrize("call", ["get_children", "get_children_with_stat", "get_acl"])
def test_listing_a_missing_znode(session, call):
    with pytest.raises(errors.NoNodeError):
        getattr(session, call)("/missing").result(20)


def test_sync_gives_the_path(session):
    assert session.sync("/").result(20) == "/"
    session.create("/a", b"", ANYONE).result(20)
    assert session.sync("/a").result(20) == "/a"


def test_a_reply_read_twice_is_the_same(session):
    session.create("/a", b"x", ANYONE).result(20)
    request = session.get("/a")
    assert request.result(20) is request.result(20)


def test_requests_are_answered_in_the_order_sent(session):
    order = []
    for number in range(500):
        session.create(f"/{number}", b"", ANYONE, callback=lambda request: order.append(request.path))
    settle(session)
    assert order == [f"/{number}" for number in range(500)]


def test_without_a_chroot_the_paths_are_the_servers(open_session, zookeeper_server, session):
    chroot = session.hosts[session.hosts.index("/") :]
    root = open_session(zookeeper_server.hosts)
    assert root.create(f"{chroot}/a", b"x", ANYONE).result(20) == f"{chroot}/a"
    assert session.get("/a").result(20)[0] == b"x"
    assert "zookeeper" in root.get_children("/").result(20)


def test_a_chroot_that_does_not_exist(open_session, zookeeper_server):
    nowhere = open_session(f"{zookeeper_server.hosts}/not/there")
    with pytest.raises(errors.NoNodeError):
        nowhere.get("/").result(20)
    with pytest.raises(errors.NoNodeError):
        nowhere.create("/a", b"", ANYONE).result(20)
