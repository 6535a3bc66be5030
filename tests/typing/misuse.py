"""Misuse that mypy must flag: each line has the error that it is for, and a line that is not flagged is an error."""

from __future__ import annotations

import zkc
from zkc import AsyncClient, Client, ClientState, Stat, WatchedEvent


def settings() -> None:
    """Give settings that make no sense."""
    Client("zk1", 10.0)  # type: ignore[misc]
    Client(["zk1"])  # type: ignore[arg-type]
    Client("zk1", session_timeout="10")  # type: ignore[arg-type]
    Client("zk1", auth=["ann:secret"])  # type: ignore[list-item]
    Client("zk1", tls=True)  # type: ignore[arg-type]
    Client("zk1", default_acl=zkc.ACL.world())  # type: ignore[arg-type]
    Client("zk1", client_id=5)  # type: ignore[arg-type]
    Client("zk1", timeout=5)  # type: ignore[call-arg]


def znodes(client: Client) -> None:
    """Give arguments of wrong types, or by position."""
    client.get(b"/a")  # type: ignore[arg-type]
    client.get("/a", print)  # type: ignore[misc]
    client.set("/a", "text")  # type: ignore[arg-type]
    client.set("/a", b"x", 1)  # type: ignore[misc]
    client.set("/a")  # type: ignore[call-arg]
    client.create("/a", "text")  # type: ignore[arg-type]
    client.create("/a", ephemeral="yes")  # type: ignore[arg-type]
    client.delete("/a", version="1")  # type: ignore[arg-type]
    client.set_acl("/a", [(31, "world", "anyone")])  # type: ignore[list-item]
    client.remove_watches("/a", watch_type=3)  # type: ignore[arg-type]
    client.wait_for("CONNECTED")  # type: ignore[arg-type]
    client.add_auth("digest", None)  # type: ignore[arg-type]


def results(client: Client) -> None:
    """Take results for what they are not."""
    data, _ = client.get("/a")
    data.decode()  # type: ignore[union-attr]
    print(client.exists("/a").version)  # type: ignore[union-attr]
    text: str = client.get("/a")  # type: ignore[assignment]
    _, _ = client.create("/a")  # type: ignore[misc]
    for found in client.get_many(["/a"]):
        found[0]  # type: ignore[index]
    print(text)


def watch_of_nothing() -> None:
    """Be a watch that takes no event."""


def watch_of_text(event: str) -> None:
    """Be a watch that takes something else."""


def watches(client: Client) -> None:
    """Give functions that cannot be called with the arguments they would get."""
    client.get("/a", watch=watch_of_nothing)  # type: ignore[arg-type]
    client.get("/a", watch=watch_of_text)  # type: ignore[arg-type]
    client.add_listener(watch_of_nothing)  # type: ignore[arg-type]
    client.watch_data("/a", watch_of_text)  # type: ignore[arg-type]


async def not_awaited(client: AsyncClient) -> None:
    """Forget to await, or await what is there."""
    data = client.get("/a")[0]  # type: ignore[index]
    stat: Stat = client.set("/a", b"x")  # type: ignore[assignment]
    with client:  # type: ignore[attr-defined]
        pass
    async with client.transaction() as transaction:
        await transaction.create("/a")  # type: ignore[misc]
    print(data, stat)


def transactions(client: Client) -> None:
    """Give operations that make no sense."""
    transaction = client.transaction()
    transaction.set("/a", "text")  # type: ignore[arg-type]
    transaction.create("/a", make_parents=True)  # type: ignore[call-arg]
    number: int = transaction.create("/a").result()  # type: ignore[assignment]
    print(number)


def submitted(client: Client) -> None:
    """Take a future for its result."""
    client.submit.get("/a")[0]  # type: ignore[index]
    client.submit.get("/a", wait=True)  # type: ignore[call-arg]


def retried(client: Client) -> None:
    """Give a function that cannot be called so."""
    client.retry(client.get, 5)  # type: ignore[call-overload]
    client.retry("get", "/a")  # type: ignore[call-overload]


def values(event: WatchedEvent, stat: Stat) -> None:
    """Change what cannot be changed."""
    event.path = "/b"  # type: ignore[misc]
    if event.type == "CHANGED":  # type: ignore[comparison-overlap]
        print(ClientState.CONNECTD)  # type: ignore[attr-defined]
