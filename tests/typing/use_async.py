"""The client for asyncio as users' code has it: each call's result is asserted, and mypy must agree."""

from __future__ import annotations

import asyncio
from typing import Any, Optional, Union

from typing_extensions import assert_type

import zkc
from zkc import (
    ACL,
    AsyncClient,
    AsyncFuture,
    AsyncTransaction,
    ClientState,
    Operation,
    Stat,
    WatchedEvent,
    ZooKeeperError,
)

Content = tuple[Optional[bytes], Stat]


async def znodes(client: AsyncClient) -> None:
    """Use the calls on one znode."""
    assert_type(client.create("/a"), AsyncFuture[str])
    assert_type(await client.create("/a", b"x", ephemeral=True, make_parents=True), str)
    assert_type(await client.create_with_stat("/a"), tuple[str, Stat])
    data, stat = await client.get("/a", timeout=3)
    assert_type(data, Optional[bytes])
    assert_type(await client.set("/a", b"x", version=stat.version), Stat)
    assert_type(await client.exists("/a"), Optional[Stat])
    assert_type(await client.children("/a"), list[str])
    assert_type(await client.children_with_stat("/a"), tuple[list[str], Stat])
    assert_type(await client.get_acl("/a"), tuple[list[ACL], Stat])
    assert_type(await client.get_config(), Content)
    await client.delete("/a", missing_ok=True)
    await client.ensure_path("/a/b")
    await client.sync()
    await client.add_auth("digest", "ann:secret")
    await client.set_hosts("zk3:2181")


async def waiting(client: AsyncClient) -> None:
    """Wait in every way that asyncio has."""
    assert_type(await asyncio.create_task(client.exists("/a")), Optional[Stat])
    first, second = await asyncio.gather(client.get("/a"), client.children("/b"))
    assert_type(first, Content)
    assert_type(second, list[str])
    assert_type(await asyncio.wait_for(client.create("/a"), 1.0), str)
    assert_type(await asyncio.shield(client.create("/a")), str)
    assert_type(await client.wait_for(ClientState.CONNECTED, timeout=1), ClientState)
    answer = client.get("/a")
    answer.add_done_callback(lambda done: print(done.result()))
    assert_type(answer.done(), bool)
    answer.cancel()


async def on_event(event: WatchedEvent) -> None:
    """Be a watch that is a coroutine function."""
    await asyncio.sleep(len(event.path))


async def on_state(state: ClientState) -> None:
    """Be a listener that is a coroutine function."""
    print(state.connected)


async def watches(client: AsyncClient) -> None:
    """Give functions of both kinds."""
    await client.get("/a", watch=on_event)
    await client.exists("/a", watch=lambda event: print(event.type))
    client.add_listener(on_state)
    client.add_listener(print)
    assert_type(await client.watch_data("/a", lambda data, stat: print(data, stat)), zkc.Subscription)
    async for event in client.watch("/a"):
        assert_type(event, WatchedEvent)


async def life() -> None:
    """Start and close."""
    async with AsyncClient("zk1:2181", auth=[("digest", "ann:secret")]) as client:
        assert_type(client, AsyncClient)
        assert_type(client.state, ClientState)
        assert_type(client.metrics(), zkc.Metrics)
        assert_type(client.submit, AsyncClient)


async def transactions(client: AsyncClient) -> None:
    """Use the results of operations by their types."""
    async with client.transaction() as transaction:
        assert_type(transaction, AsyncTransaction)
        made = transaction.create("/a", b"x")
        assert_type(made, Operation[str])
    assert_type(made.result(), str)
    assert_type(await client.transaction().commit(), list[Any])


async def bulk(client: AsyncClient) -> None:
    """Distinguish results from errors."""
    assert_type(await client.get_many(["/a"], raise_errors=True), list[Content])
    assert_type(await client.get_many(["/a"]), list[Union[Content, ZooKeeperError]])
    assert_type(await client.delete_tree("/a"), int)


async def retry(client: AsyncClient) -> None:
    """Keep the types of what is called again."""
    assert_type(await client.retry(client.get, "/a"), Content)
    assert_type(await client.retry(client.set, "/a", b"x", policy=zkc.Retry(3)), Stat)
