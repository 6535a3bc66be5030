"""Sessions that expire, and what is made again afterwards."""

import logging
import os
import threading

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN, TIMEOUT, Watcher
from .zk_support import expire


def messages(log, level):
    return [record.getMessage() for record in log.records if (record.name, record.levelno) == ("zc.zk", level)]


@pytest.fixture
def expire_now(zookeeper_server, eventually):
    """Return a function that ends the session of a client, and waits until it has another."""
    return lambda zk: expire(zookeeper_server, zk, eventually)


def test_ephemeral_nodes_are_made_again(zk, expire_now, eventually):
    acl = [zc_zk.world_permission(zookeeper.PERM_ALL - zookeeper.PERM_DELETE)]
    zk.create("/top", "", OPEN)
    zk.register_server("/top", "1.2.3.4:80", a=1)
    zk.create("/top/mine", "x", acl, zookeeper.EPHEMERAL)
    zk.create("/top/sequence-", "", OPEN, zookeeper.EPHEMERAL | zookeeper.SEQUENCE)
    zk.create("/top/gone", "", OPEN, zookeeper.EPHEMERAL)
    zk.delete("/top/gone")
    assert sorted(zk.ephemeral) == ["/top/1.2.3.4:80", "/top/mine"]
    assert zk.ephemeral["/top/mine"] == {"data": "x", "acl": acl, "flags": zookeeper.EPHEMERAL}
    expire_now(zk)
    eventually(lambda: sorted(zk.get_children("/top")) == ["1.2.3.4:80", "mine"])
    assert zk.get_properties("/top/1.2.3.4:80") == {"pid": os.getpid(), "a": 1}
    assert (zk.get("/top/mine")[0], zk.get_acl("/top/mine")[1]) == ("x", acl)
    assert zk.get("/top/mine")[1]["ephemeralOwner"] == zk.client_id()[0]


def test_changes_of_ephemeral_nodes_are_kept(zk, expire_now):
    zk.create("/e", "x", OPEN, zookeeper.EPHEMERAL)
    zk.set("/e", "y")
    acl = [zc_zk.world_permission(zookeeper.PERM_ALL - zookeeper.PERM_CREATE)]
    zk.set_acl("/e", 0, acl)
    assert zk.ephemeral == {"/e": {"data": "y", "acl": acl, "flags": zookeeper.EPHEMERAL}}
    expire_now(zk)
    assert (zk.get("/e")[0], zk.get_acl("/e")[1]) == ("y", acl)
    zk.delete("/e")
    assert zk.ephemeral == {}
    expire_now(zk)
    assert zk.exists("/e") is None


def test_changes_without_waiting_are_kept(zk, expire_now):
    acl = [zc_zk.world_permission(zookeeper.PERM_ALL - zookeeper.PERM_CREATE)]

    def completed(call, *arguments):
        done = Watcher()
        assert call(*arguments, completion=done) == 0
        return done.wait_calls(1)[0][1]

    assert completed(zk.acreate, "/e", "x", OPEN, zookeeper.EPHEMERAL) == zookeeper.OK
    assert completed(zk.acreate, "/no/e", "x", OPEN, zookeeper.EPHEMERAL) == zookeeper.NONODE
    assert completed(zk.aset, "/e", "y", 5) == zookeeper.BADVERSION
    assert zk.ephemeral == {"/e": {"data": "x", "acl": OPEN, "flags": 1}}
    assert completed(zk.aset, "/e", "y") == zookeeper.OK
    assert completed(zk.aset_acl, "/e", 0, acl) == zookeeper.OK
    expire_now(zk)
    assert (zk.get("/e")[0], zk.get_acl("/e")[1]) == ("y", acl)
    assert completed(zk.adelete, "/e", 5) == zookeeper.BADVERSION
    assert completed(zk.adelete, "/e") == zookeeper.OK
    assert zk.ephemeral == {}


def test_an_ephemeral_node_of_another_session(zk, make_zk, zookeeper_server, eventually, log):
    other = make_zk()
    zk.create("/e", "mine", OPEN, zookeeper.EPHEMERAL)
    zk.create("/f", "", OPEN, zookeeper.EPHEMERAL)
    told = Watcher()
    # The other takes the name as soon as it is free, and gives the session time to be slower.
    other.exists("/e", lambda *_: told(other.create("/e", "theirs", OPEN, zookeeper.EPHEMERAL)))
    assert zk.ephemeral.keys() == {"/e", "/f"}
    zk.ephemeral["/gone/node"] = {"data": "", "acl": OPEN, "flags": zookeeper.EPHEMERAL}
    create = zookeeper.create

    def slow_create(h, path, *arguments):
        if h == zk.handle and path == "/e":
            told.wait_calls(1)
        return create(h, path, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "create", slow_create)
        expire(zookeeper_server, zk, eventually)
    assert messages(log, logging.ERROR) == [
        "could not re-create ephemeral node /e: another session owns it; retrying when it is deleted",
        "could not re-create ephemeral node /gone/node",
    ]
    log.clear()  # Their tracebacks keep sessions.
    assert zk.get("/e")[0] == "theirs"
    assert zk.exists("/f")


def test_ephemeral_nodes_that_could_not_be_made_are_made_later(proxy, proxied, make_zk, zk, expire_now, eventually):
    through = make_zk(proxied)
    for name in ("a", "b", "c"):
        through.create(f"/{name}", name, OPEN, zookeeper.EPHEMERAL)
    create = zookeeper.create

    def failing(h, path, *arguments):
        if path == "/b":
            create(h, path, *arguments)  # Only the answer is lost.
            raise zookeeper.ConnectionLossException("connection loss")
        return create(h, path, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "create", failing)
        expire_now(through)
    assert sorted(zk.get_children("/")) == ["a", "b"]
    proxy.drop_connections()
    eventually(lambda: sorted(zk.get_children("/")) == ["a", "b", "c"], TIMEOUT)
    owner = through.client_id()[0]
    assert {zk.exists(f"/{name}")["ephemeralOwner"] for name in "abc"} == {owner}


def test_watches_are_made_again(zk, make_zk, expire_now, eventually, log):
    other = make_zk()
    zk.create("/test", '{"a": 1}', OPEN)
    children, properties = zk.children("/test"), zk.properties("/test")
    told = {"children": Watcher(), "properties": Watcher()}
    children(told["children"])
    properties(told["properties"])
    # A session says that it is connected after those who wait for it go on.
    eventually(lambda: f"connected {other.handle}" in messages(log, logging.INFO))
    log.clear()
    expire_now(zk)
    # They are called, for there may have been changes.
    for watcher in told.values():
        watcher.wait_calls(2)
    other.set("/test", '{"a": 2}')
    other.create("/test/b", "", OPEN)
    for watcher in told.values():
        watcher.wait_calls(3)
    assert (dict(properties), list(children)) == ({"a": 2}, ["b"])
    assert set(messages(log, logging.INFO)) == {f"connected {zk.handle}"}
    assert [record for record in log.records if record.name == "zc.zk" and record.levelno > logging.INFO] == []


def test_a_watched_node_that_is_deleted_while_the_session_expires(zk, make_zk, expire_now, eventually, log):
    other = make_zk()
    zk.import_tree("/a\n/b\n")
    gone, stays = zk.children("/a"), zk.children("/b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zk, "_node_event", lambda *_: None)
        other.delete("/a")
        other.create("/b/c", "", OPEN)
        expire_now(zk)
        eventually(lambda: gone.deleted and list(stays) == ["c"])
    assert list(gone) == []


def test_credentials_are_shown_again(zk, expire_now):
    done = Watcher()
    zk.add_auth("digest", "me:secret", done)
    assert done.wait_calls(1)[0][1] == zookeeper.OK
    acl = [{"perms": zookeeper.PERM_ALL, "scheme": "auth", "id": ""}]
    zk.create("/mine", "", OPEN)
    zk.create("/mine/e", "x", acl, zookeeper.EPHEMERAL)
    expire_now(zk)
    assert zk.get("/mine/e")[0] == "x"


def test_the_watcher_of_a_user_gets_every_session(zk, expire_now):
    told = Watcher()
    zk.set_watcher(told)
    expire_now(zk)
    told.wait_for((zk.handle, zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE, ""))
    states = [state for _, _, state, _ in told.calls]
    assert states[0] == zookeeper.CONNECTING_STATE
    assert states[-2:] == [zookeeper.EXPIRED_SESSION_STATE, zookeeper.CONNECTED_STATE]
    zk.set_watcher(None)


def test_several_expiries(zk, expire_now, eventually):
    zk.create("/e", "", OPEN, zookeeper.EPHEMERAL)
    properties = zk.properties("/e")
    for number in range(3):
        expire_now(zk)
        eventually(lambda: zk.exists("/e"))
        zk.set("/e", str(number))
        eventually(lambda number=number: dict(properties) == {"string_value": str(number)})
    assert len(zk.watches) == 1


def test_calls_between_two_sessions(zk, zookeeper_server, eventually):
    begin, waiting = threading.Event(), threading.Event()
    init = zookeeper.init

    def late(*arguments):
        waiting.set()
        assert begin.wait(TIMEOUT)
        return init(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "init", late)
        number, password = zk.client_id()
        zookeeper_server.expire(number, password.encode("latin-1"))
        assert waiting.wait(TIMEOUT)
        with pytest.raises(zookeeper.ConnectionLossException, match="a new one begins"):
            zk.get("/")
        assert zk.state == zookeeper.CONNECTING_STATE
        begin.set()
        assert zk.connected.wait(TIMEOUT)
    assert zk.get_children("/") == []


def test_a_new_session_that_cannot_be_begun_at_once(zk, expire_now, monkeypatch, log):
    init, failures = zookeeper.init, []

    def fail_once(*arguments):
        if not failures:
            failures.append(arguments)
            raise zookeeper.ZooKeeperException("no such name")
        return init(*arguments)

    monkeypatch.setattr(zookeeper, "init", fail_once)
    expire_now(zk)
    assert len(failures) == 1
    assert len(messages(log, logging.CRITICAL)) == 1
    assert zk.get_children("/") == []


def test_closing_between_two_sessions(make_zk, zookeeper_server, eventually):
    zk = make_zk()
    begin, waiting, done = threading.Event(), threading.Event(), threading.Event()
    init = zookeeper.init

    def late(*arguments):
        waiting.set()
        assert begin.wait(TIMEOUT)
        try:
            return init(*arguments)
        finally:
            done.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "init", late)
        number, password = zk.client_id()
        zookeeper_server.expire(number, password.encode("latin-1"))
        assert waiting.wait(TIMEOUT)
        zk.close()
        begin.set()
        assert done.wait(TIMEOUT)
    assert zk.handle is None  # And no_handle_is_left looks for the new one.
