"""Sessions: the connection, and what happens when it is lost."""

import logging
import threading

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN, TIMEOUT, Watcher, settle


def messages(log, level):
    return [record.getMessage() for record in log.records if (record.name, record.levelno) == ("zc.zk", level)]


def test_a_session(make_zk, log, eventually):
    zk = make_zk()
    assert zk.connected.is_set()
    assert zk.state == zookeeper.CONNECTED_STATE == zookeeper.state(zk.handle)
    assert zk.ephemeral == {}
    eventually(lambda: messages(log, logging.INFO) == [f"connected {zk.handle}"])
    zk.close()
    assert zk.handle is None
    assert zk.state == zookeeper.CONNECTING_STATE
    assert not zk.connected.is_set()
    zk.close()
    with pytest.raises(zookeeper.ZooKeeperException, match="zhandle already freed"):
        zk.get("/")


def test_the_session_timeout(make_zk):
    assert make_zk(session_timeout=8000).recv_timeout() == 8000
    assert make_zk().recv_timeout() == 10000


def test_no_server(proxy, proxied, monkeypatch, log_pipe):
    monkeypatch.setattr(zc_zk.ZooKeeper, "initial_connection_wait", 0.2)
    proxy.refuse()
    with pytest.raises(zc_zk.FailedConnect) as caught:
        zc_zk.ZooKeeper(proxied)
    assert caught.value.args == (proxied,)


def test_a_name_that_cannot_be_resolved(log_pipe):
    with pytest.raises(zookeeper.ZooKeeperException):
        zc_zk.ZooKeeper("no.such.host.invalid:2181")


def test_waiting_for_a_server(zookeeper_server, make_zk, hosts, monkeypatch, log):
    monkeypatch.setattr(zc_zk.ZooKeeper, "initial_connection_wait", 0.1)
    zookeeper_server.pause()
    made = []
    thread = threading.Thread(target=lambda: made.append(make_zk(hosts, wait=True)))
    thread.start()
    try:
        while len(log.records) < 2:
            thread.join(0.05)
        assert made == []
    finally:
        zookeeper_server.resume()
    thread.join(TIMEOUT)
    assert made[0].state == zookeeper.CONNECTED_STATE
    assert set(messages(log, logging.CRITICAL)) == {f"Can't connect to ZooKeeper at {hosts!r}"}


def test_unexpected_states_are_logged(zk, log):
    zk._session_event(zk.handle, zookeeper.SESSION_EVENT, zookeeper.AUTH_FAILED_STATE, "")
    assert messages(log, logging.CRITICAL) == [f"unexpected session event {zk.handle} {zookeeper.AUTH_FAILED_STATE}"]


def test_a_connection_that_is_lost_and_comes_back(proxy, proxied, make_zk, zk, eventually):
    through = make_zk(proxied)
    zk.create("/test", "0", OPEN)
    properties, children, told = through.properties("/test"), through.children("/test"), Watcher()
    through.set_watcher(told)
    before = through.client_id()
    proxy.drop_connections()
    zk.set("/test", "1")
    zk.create("/test/a", "", OPEN)
    eventually(lambda: dict(properties) == {"string_value": "1"} and list(children) == ["a"], TIMEOUT)
    assert through.client_id() == before
    told.wait_for((through.handle, zookeeper.SESSION_EVENT, zookeeper.CONNECTING_STATE, ""))
    told.wait_for((through.handle, zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE, ""))


def test_a_reading_that_fails_is_made_again_with_the_next_connection(proxy, proxied, make_zk, zk, log, eventually):
    through = make_zk(proxied)
    zk.create("/test", "0", OPEN)
    properties, children, failed = through.properties("/test"), through.children("/test"), Watcher()
    told = Watcher()
    properties(told)
    real = {name: getattr(zookeeper, name) for name in ("get", "exists")}

    def failing(name, h, *arguments):
        if h == through.handle:
            failed(name)
            raise zookeeper.ConnectionLossException("connection loss")
        return real[name](h, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "get", lambda *arguments: failing("get", *arguments))
        zk.set("/test", "1")
        failed.wait_for(("get",))
        patch.setattr(zookeeper, "exists", lambda *arguments: failing("exists", *arguments))
        settle(through.handle)
        assert len(through.watches) == 2
    assert dict(properties) == {"string_value": "0"}
    proxy.drop_connections()
    told.wait_calls(2)
    assert dict(properties) == {"string_value": "1"}
    zk.set("/test", "2")
    zk.create("/test/a", "", OPEN)
    eventually(lambda: dict(properties) == {"string_value": "2"} and list(children) == ["a"], TIMEOUT)
    assert len(through.watches) == 2
    assert messages(log, logging.ERROR) == []


def test_an_event_without_a_connection(proxy, proxied, make_zk, zk, log, eventually):
    through = make_zk(proxied)
    zk.create("/test", "0", OPEN)
    handlers, get = [], zookeeper.get
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "get", lambda h, path, *more: handlers.extend(more) or get(h, path, *more))
        properties, told = through.properties("/test"), Watcher()
        properties(told)
    handlers[0](through.handle, zookeeper.CHANGED_EVENT, zookeeper.CONNECTING_STATE, "/test")
    assert messages(log, logging.WARNING) == ["Node watcher event 3 with non-connected state, 1"]
    proxy.drop_connections()
    told.wait_calls(2)
    zk.set("/test", "1")
    eventually(lambda: dict(properties) == {"string_value": "1"}, TIMEOUT)


def test_a_node_that_cannot_be_read_any_more_is_logged(proxy, proxied, make_zk, zk, log, eventually):
    through = make_zk(proxied)
    zk.create("/test", "0", OPEN)
    properties = through.properties("/test")
    get = zookeeper.get

    def refused(h, *arguments):
        if h == through.handle:
            raise zookeeper.NoAuthException("not authenticated")
        return get(h, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zookeeper, "get", refused)
        zk.set("/test", "1")
        eventually(lambda: messages(log, logging.ERROR) == ["get(/test) handler failed"])
        settle(through.handle)
    assert dict(properties) == {"string_value": "0"}
    proxy.drop_connections()
    eventually(lambda: dict(properties) == {"string_value": "1"}, TIMEOUT)
    log.clear()  # The traceback keeps the session.


def test_events_of_a_handle_that_is_gone_are_ignored(zk):
    handle = zk.handle
    for state in (zookeeper.CONNECTED_STATE, zookeeper.CONNECTING_STATE, zookeeper.EXPIRED_SESSION_STATE):
        zk._session_event(handle + 1, zookeeper.SESSION_EVENT, state, "")
    assert zk.handle == handle
    assert zk.connected.is_set()
    settle(handle)
