"""The synchronous client as users' code has it: each call's result is asserted, and mypy must agree."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Iterator
from typing import Any, Optional, Union

from typing_extensions import assert_type

import zkc
from zkc import (
    ACL,
    SASL,
    TLS,
    Client,
    ClientState,
    EventType,
    Future,
    Operation,
    Stat,
    SubmitTransaction,
    Transaction,
    WatchedEvent,
    WatchType,
    ZooKeeperError,
)
from zkc.recipes import Hold

Content = tuple[Optional[bytes], Stat]


def make() -> Client:
    """Give every setting."""
    client = Client(
        "zk1:2181,zk2:2181/app",
        session_timeout=10,
        connect_timeout=None,
        request_timeout=2.5,
        read_only=True,
        auth=[("digest", "ann:secret"), ("digest", b"bob:other")],
        tls=TLS(ca="ca.pem"),
        sasl=SASL("DIGEST-MD5", "ann", "secret"),
        client_id=(1, b"0123456789abcdef"),
        default_acl=[ACL.world()],
        max_in_flight=100,
    )
    Client("zk1", auth=(), default_acl=zkc.OPEN_ACL_UNSAFE)
    return client


def znodes(client: Client) -> None:
    """Use the calls on one znode."""
    assert_type(client.create("/a"), str)
    assert_type(client.create("/a", None, ephemeral=True, sequential=True, protected=True, keep=True), str)
    assert_type(client.create_with_stat("/a", b"x"), tuple[str, Stat])
    assert_type(client.create("/a", bytearray(b"x"), ttl=3, container=False, make_parents=True), str)
    data, stat = client.get("/a", timeout=3)
    assert_type(data, Optional[bytes])
    assert_type(stat, Stat)
    assert_type(stat.version, int)
    assert_type(client.set("/a", memoryview(b"x"), version=stat.version), Stat)
    assert_type(client.exists("/a"), Optional[Stat])
    assert_type(client.children("/a"), list[str])
    assert_type(client.children_with_stat("/a"), tuple[list[str], Stat])
    assert_type(client.get_acl("/a"), tuple[list[ACL], Stat])
    assert_type(client.get_config(), Content)
    assert_type(client.reconfig(joining=["server.4=host:2888:3888;2181"], leaving="1"), Content)
    client.set_acl("/a", zkc.READ_ACL_UNSAFE, version=1)
    client.set_acl("/a", [ACL.digest("ann", "secret", zkc.Perms.READ | zkc.Perms.WRITE)])
    client.ensure_path("/a/b", acl=(ACL.world(),))
    client.delete("/a", recursive=True, missing_ok=True)
    client.sync()
    client.add_auth("digest", b"ann:secret")
    client.remove_watches("/a", watch_type=WatchType.DATA)
    client.set_hosts("zk3:2181")


def on_event(event: WatchedEvent) -> None:
    """Use the event of a watch."""
    assert_type(event.type, EventType)
    assert_type(event.path, str)


class Watching:
    """A watch that is a bound method, and one that returns something."""

    def told(self, event: WatchedEvent) -> int:
        """Count."""
        return len(event.path)


def watches(client: Client) -> None:
    """Give functions of every kind."""
    client.get("/a", watch=on_event)
    client.exists("/a", watch=Watching().told)
    client.children("/a", watch=lambda event: print(event.path))
    client.remove_watches("/a", on_event)
    states: list[ClientState] = []
    client.add_listener(states.append)
    client.remove_listener(states.append)
    assert_type(client.wait_for(ClientState.CONNECTED), ClientState)
    assert_type(client.wait_for([ClientState.LOST, ClientState.CLOSED], timeout=1), ClientState)
    handle = client.watch_data("/a", lambda data, stat: print(len(data or b""), stat))
    assert_type(handle, zkc.Subscription)
    client.watch_children("/a", lambda names: print(sorted(names or ())))
    handle.cancel()


def life() -> None:
    """Read the properties of a client."""
    with make() as client:
        assert_type(client, Client)
        assert_type(client.state, ClientState)
        assert_type(client.session_id, int)
        assert_type(client.session_password, bytes)
        assert_type(client.server, Optional[str])
        assert_type(client.negotiated_timeout, float)
        assert_type(client.kept, list[str])
        assert_type(client.metrics(), zkc.Metrics)
        assert_type(client.session, zkc.Session)


def transactions(client: Client) -> None:
    """Use the results of operations by their types."""
    with client.transaction() as transaction:
        assert_type(transaction, Transaction)
        made = transaction.create("/a", b"x", sequential=True)
        changed = transaction.set("/b", None, version=1)
        deleted = transaction.delete("/c")
        assert_type(transaction.check("/d"), Operation[None])
    assert_type(made, Operation[str])
    assert_type(made.result(), str)
    assert_type(changed.result(), Stat)
    deleted.result()
    assert_type(client.transaction().commit(timeout=1.0), list[Any])


def submit(client: Client) -> Iterator[bytes]:
    """Use futures by their types."""
    future = client.submit.get("/a")
    assert_type(future, Future[Content])
    assert_type(future.result(1.0), Content)
    assert_type(client.submit.create_with_stat("/a"), Future[tuple[str, Stat]])
    assert_type(client.submit.create("/a"), Future[str])
    assert_type(client.submit.delete("/a", recursive=True), Future[None])
    assert_type(client.submit.exists("/a").exception(), Optional[BaseException])
    assert_type(client.submit.transaction(), SubmitTransaction)
    assert_type(client.submit.transaction().commit(), Future[list[Any]])
    lock, queue = client.lock("/a"), client.queue("/b")
    assert_type(client.submit(lock.acquire, timeout=1.0), Future[Hold])
    assert_type(client.submit(lock.try_acquire), Future[Optional[Hold]])
    assert_type(client.submit(queue.put, b"x", priority=1), Future[str])
    client.submit.create("/a").add_done_callback(lambda done: print(done.result()))
    reads: Iterable[Future[Content]] = [client.submit.get(path) for path in ("/a", "/b")]
    for done in concurrent.futures.as_completed(reads):
        data, _ = done.result()
        yield data or b""


def bulk(client: Client) -> None:
    """Distinguish results from errors."""
    assert_type(client.get_many(["/a"], raise_errors=True), list[Content])
    for found in client.get_many(f"/{i}" for i in range(10)):
        assert_type(found, Union[Content, ZooKeeperError])
        if isinstance(found, ZooKeeperError):
            print(found.path)
        else:
            print(found[1].version)
    assert_type(client.exists_many(["/a"], raise_errors=True), list[Optional[Stat]])
    assert_type(client.children_many(["/a"]), list[Union[list[str], ZooKeeperError]])
    assert_type(client.create_many([("/a", b"x")], raise_errors=True), list[str])
    assert_type(client.set_many([("/a", b"x")], raise_errors=True), list[Stat])
    assert_type(client.delete_many(["/a"], progress=print), list[Optional[ZooKeeperError]])
    assert_type(client.submit.get_many(["/a"], raise_errors=True), Future[list[Content]])
    assert_type(client.delete_tree("/a"), int)


def retry(client: Client) -> None:
    """Keep the types of what is called again."""
    assert_type(client.retry(client.get, "/a"), Content)
    assert_type(client.retry(client.exists, "/a", timeout=1.0), Optional[Stat])
    assert_type(client.retry(client.set, "/a", b"x", policy=zkc.Retry(3, idempotent=True)), Stat)
    assert_type(zkc.Retry(attempts=None, deadline=3.0).call(len, "abc"), int)


def errors(client: Client) -> None:
    """Use the fields of errors."""
    try:
        client.get("/a")
    except zkc.NoNodeError as error:
        assert_type(error.path, Optional[str])
        assert_type(error.maybe_applied, bool)
        assert_type(error.session_lost, bool)
    except FileExistsError:
        pass
    except ZooKeeperError as error:
        assert_type(error.index, Optional[int])
