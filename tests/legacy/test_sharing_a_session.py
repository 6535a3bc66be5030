"""One session for old code and new: a client over a handle, a handle over a client's session."""

import threading

import pytest

import zkc
import zkc.legacy
from zkc import ClientState
from zkc.legacy import zookeeper

from .legacy_support import OPEN, Watcher, completed

CONNECTED = (zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE, "")


def test_a_client_over_a_handle_uses_its_session(h):
    with zkc.legacy.client_of(h) as client:
        client.create("/new", b"1", ephemeral=True)
        assert zookeeper.get(h, "/new")[0] == "1"
        assert client.session_id == zookeeper.client_id(h)[0]
        assert client.negotiated_timeout * 1000 == zookeeper.recv_timeout(h)
        assert client.get("/new")[1].ephemeral_owner == client.session_id
        assert zkc.legacy.handle_of(client) == h


def test_closing_the_client_leaves_the_session_open(h, eventually):
    client = zkc.legacy.client_of(h)
    states = []
    client.add_listener(states.append)
    client.start()
    client.close()
    client.close()
    assert client.closed
    with pytest.raises(zkc.ClosingError):
        client.get("/")
    assert zookeeper.get_children(h, "/") == []
    eventually(lambda: states[-1] is ClientState.CLOSED)  # The session's thread may be calling the listener.


def test_closing_the_handle_closes_the_client(h):
    client = zkc.legacy.client_of(h)
    client.start()
    zookeeper.close(h)
    client.wait_for(ClientState.CLOSED, timeout=30)
    with pytest.raises(zkc.ClosingError):
        client.get("/")
    client.close()


def test_a_handle_that_is_not_connected_yet(hosts):
    h = zookeeper.init(hosts)
    try:
        with zkc.legacy.client_of(h) as client:
            assert client.state is ClientState.CONNECTED
            assert client.children("/") == []
    finally:
        zookeeper.close(h)


def test_both_get_the_events_of_the_session(h, zookeeper_server, eventually):
    told = Watcher()
    zookeeper.set_watcher(h, told)
    with zkc.legacy.client_of(h) as client:
        states = []
        client.add_listener(states.append)
        number, password = zookeeper.client_id(h)
        watch = Watcher()
        zookeeper.exists(h, "/x", watch)
        client.watch_data("/y", lambda data, stat: None)
        zookeeper_server.expire(number, password.encode("latin-1"))
        expired = (h, zookeeper.SESSION_EVENT, zookeeper.EXPIRED_SESSION_STATE, "")
        told.wait_for(expired)
        watch.wait_for(expired)
        client.wait_for(ClientState.CONNECTED, timeout=30)
        # The client goes on with a session of its own, and the handle stays with the one that is over.
        assert client.session_id != number
        assert client.children("/") == []
        assert zookeeper.state(h) == zookeeper.EXPIRED_SESSION_STATE
        with pytest.raises(zookeeper.SessionExpiredException):
            zookeeper.get(h, "/")
        eventually(lambda: ClientState.LOST in states)  # Threads that wait go on before listeners are called.


def test_several_clients_over_one_handle(h):
    with zkc.legacy.client_of(h) as one, zkc.legacy.client_of(h) as two:
        one.create("/a", b"")
        assert two.exists("/a") is not None
    assert zookeeper.exists(h, "/a") is not None


def test_credentials_of_the_handle_go_with_the_client(h, zookeeper_server):
    assert completed(zookeeper.add_auth, h, "digest", "u:p") == (0,)
    with zkc.legacy.client_of(h) as client:
        client.create("/secret", b"x", acl=zkc.CREATOR_ALL_ACL)
        number, password = zookeeper.client_id(h)
        lost = threading.Event()
        client.add_listener(lambda state: lost.set() if state is ClientState.LOST else None)
        zookeeper_server.expire(number, password.encode("latin-1"))
        assert lost.wait(30)  # The next session may be there before wait_for() would look.
        client.wait_for(ClientState.CONNECTED, timeout=30)
        assert client.get("/secret")[0] == b"x"


def test_from_a_handle_that_is_none():
    with pytest.raises(zookeeper.ZooKeeperException, match="out of range"):
        zkc.legacy.client_of(999)
    with pytest.raises(TypeError, match="handle"):
        zkc.legacy.client_of("0")


def test_a_handle_over_a_client(hosts):
    with zkc.Client(hosts) as client:
        h = zkc.legacy.handle_of(client)
        assert zkc.legacy.handle_of(client) == h
        assert zookeeper.create(h, "/old", "1", OPEN, zookeeper.EPHEMERAL) == "/old"
        assert client.get("/old")[1].ephemeral_owner == client.session_id
        zookeeper.close(h)
        assert client.get("/old")[0] == b"1"
        with pytest.raises(zookeeper.ZooKeeperException, match="already freed"):
            zookeeper.get(h, "/old")


def test_watches_of_a_lent_session_see_its_events(hosts, zookeeper_server):
    from zkc.testing import FaultProxy

    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        where = proxy.hosts + hosts[len(zookeeper_server.hosts) :]
        with zkc.Client(where) as client:
            h = zkc.legacy.handle_of(client)
            old, new, session = Watcher(), Watcher(), Watcher()
            zookeeper.set_watcher(h, session)
            zookeeper.exists(h, "/x", old)
            client.exists("/x", watch=new)
            proxy.drop_connections()
            old.wait_for((h, *CONNECTED))
            session.wait_for((h, *CONNECTED))
            client.wait_for(ClientState.CONNECTED, timeout=30)
            assert zookeeper.create(h, "/x", "", OPEN) == "/x"
            old.wait_for((h, zookeeper.CREATED_EVENT, zookeeper.CONNECTED_STATE, "/x"))
            assert [event.type for (event,) in new.wait_calls(1)] == [zkc.EventType.CREATED]
            zookeeper.close(h)


def test_a_client_that_is_not_started_has_no_handle():
    with pytest.raises(zkc.NotStartedError):
        _ = zkc.legacy.handle_of(zkc.Client("127.0.0.1:1"))
