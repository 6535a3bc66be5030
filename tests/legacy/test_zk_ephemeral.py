"""Ephemeral nodes after an expiry: what was deleted or set without an answer, and paths that are taken."""

import logging

import pytest

from zkc.legacy import zookeeper

from .legacy_support import OPEN, TIMEOUT, Watcher
from .zk_support import expire


@pytest.fixture
def expire_now(zookeeper_server, eventually):
    return lambda zk: expire(zookeeper_server, zk, eventually)


def losing(call, carried_out):
    """Return a call whose answer is lost."""

    def lost(*arguments):
        if carried_out:
            call(*arguments)
        raise zookeeper.ConnectionLossException("connection loss")

    return lost


def losing_completion(call):
    """Return a call without waiting, which is carried out and whose answer is lost."""

    def lost(*arguments):
        completion = arguments[-1]
        return call(*arguments[:-1], lambda handle, status, *_: completion(handle, zookeeper.CONNECTIONLOSS))

    return lost


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_delete_whose_answer_was_lost(zk, expire_now, carried_out):
    zk.create("/e", "x", OPEN, zookeeper.EPHEMERAL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "delete", losing(zookeeper.delete, carried_out))
        with pytest.raises(zookeeper.ConnectionLossException):
            zk.delete("/e")
    assert zk.ephemeral == {}
    expire_now(zk)
    assert zk.exists("/e") is None


def test_a_delete_without_waiting_whose_answer_was_lost(zk, expire_now):
    zk.create("/e", "x", OPEN, zookeeper.EPHEMERAL)
    done = Watcher()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "adelete", losing_completion(zookeeper.adelete))
        zk.adelete("/e", completion=done)
    assert done.wait_calls(1)[0][1] == zookeeper.CONNECTIONLOSS
    expire_now(zk)
    assert zk.exists("/e") is None


def test_a_delete_that_finds_no_node(zk, make_zk, expire_now):
    zk.create("/e", "x", OPEN, zookeeper.EPHEMERAL)
    make_zk().delete("/e")
    with pytest.raises(zookeeper.NoNodeException):
        zk.delete("/e")
    expire_now(zk)
    assert zk.exists("/e") is None


def test_what_was_refused_changes_nothing(zk, expire_now):
    zk.create("/e", "x", OPEN, zookeeper.EPHEMERAL)
    node = {"data": "x", "acl": OPEN, "flags": zookeeper.EPHEMERAL}
    for call in (lambda: zk.delete("/e", 7), lambda: zk.set("/e", "y", 7), lambda: zk.set_acl("/e", 7, OPEN[:])):
        with pytest.raises(zookeeper.BadVersionException):
            call()
        assert zk.ephemeral == {"/e": node}
    with pytest.raises(TypeError):
        zk.delete("/e", "no version")
    assert zk.ephemeral == {"/e": node}
    expire_now(zk)
    assert zk.get("/e")[0] == "x"


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_set_whose_answer_was_lost(zk, expire_now, carried_out):
    zk.create("/e", "x", OPEN, zookeeper.EPHEMERAL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "set", losing(zookeeper.set, carried_out))
        with pytest.raises(zookeeper.ConnectionLossException):
            zk.set("/e", "y")
    expire_now(zk)
    assert zk.get("/e")[0] == "y"


def test_a_former_session_that_still_lives(zk, make_zk, eventually):
    other = make_zk()
    zk.create("/e", "x", OPEN, zookeeper.EPHEMERAL)
    other.set("/e", "theirs")
    handle, close = zk.handle, zookeeper.close
    with pytest.MonkeyPatch.context() as patch:
        # A session that an old leader calls expired is not: closing it, which sends nothing then, would end it here.
        patch.setattr(zookeeper, "close", lambda h: None if h == handle else close(h))
        zk._on_expired(handle)
        eventually(lambda: zk.connected.is_set() and zk.handle not in (None, handle), TIMEOUT)
    new = zk.client_id()[0]
    assert other.exists("/e")["ephemeralOwner"] == new
    close(handle)
    data, stat = other.get("/e")
    assert (data, stat["ephemeralOwner"]) == ("theirs", new)


@pytest.mark.parametrize("flags", [0, zookeeper.EPHEMERAL])
def test_a_path_that_is_taken_is_watched(zk, make_zk, expire_now, eventually, log, flags):
    other = make_zk()
    zk.create("/e", "mine", OPEN, zookeeper.EPHEMERAL)
    other.delete("/e")
    other.create("/e", "theirs", OPEN, flags)
    expire_now(zk)
    other.set("/e", "theirs still")
    other.set("/e", "theirs still")
    other.delete("/e")
    eventually(lambda: other.exists("/e"), TIMEOUT)
    data, stat = other.get("/e")
    assert (data, stat["ephemeralOwner"]) == ("mine", zk.client_id()[0])
    errors = [record for record in log.records if (record.name, record.levelno) == ("zc.zk", logging.ERROR)]
    assert [record.getMessage() for record in errors] == [
        "could not re-create ephemeral node /e: another session owns it; retrying when it is deleted"
    ]
