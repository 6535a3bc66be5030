"""A tour of zkc: the features of a client, shown on a new server.

python examples/tour.py                        starts a server, and stops it at the end
python examples/tour.py --hosts 127.0.0.1:2181 uses a running server, below a new znode
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import platform
import queue
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Optional

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

import zkc
from zkc.testing import TestingError, ZooKeeperServer

console = Console(highlight=False)
tick = "✓" if console.encoding.lower().startswith("utf") else "-"


def title(text: str) -> None:
    console.print(Text(f"\n{text}", "bold cyan"))


def say(text: object) -> None:
    console.print(Text.assemble((f"  {tick} ", "green"), str(text)), soft_wrap=True)


def bar() -> Progress:
    """Return a progress bar, which shows on a terminal only."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def connect(client: zkc.Client) -> None:
    title("A session")
    say(f"connected to {client.server}: session {client.session_id:#x}, state {client.state}")
    say(f"the servers expire it after {client.negotiated_timeout:g} s without a sign of life from the client")


def create_and_set(client: zkc.Client) -> None:
    title("A znode and its versions")
    path = client.create("/config", b"colour = blue")
    say(f"created {path}")
    data, stat = client.get("/config")
    say(f"its data are {data!r}, version {stat.version}, created at {stat.created:%H:%M:%S} UTC")
    stat = client.set("/config", b"colour = green", version=stat.version)
    say(f"set with version 0: its version is {stat.version} now")
    try:
        client.set("/config", b"colour = red", version=0)
    except zkc.BadVersionError as error:
        say("set with version 0 again is refused, because the znode has changed:")
        console.print(Text(f"      {type(error).__name__}: {error}", "yellow"), soft_wrap=True)
    say(f"its data are still {client.get('/config')[0]!r}")


def children(client: zkc.Client) -> None:
    title("Children")
    client.create("/workers")
    for data in (b"ann", b"bob", b"eve"):
        client.create("/workers/worker-", data, sequential=True)
    names = sorted(client.children("/workers"))
    say(f"three sequential znodes, numbered by the servers: {', '.join(names)}")
    try:
        client.delete("/workers")
    except zkc.NotEmptyError as error:
        say("a znode with children is not deleted:")
        console.print(Text(f"      {type(error).__name__}: {error}", "yellow"), soft_wrap=True)


def transaction(client: zkc.Client) -> None:
    title("A transaction")
    with client.transaction() as t:
        t.check("/config", version=1)
        t.create("/config/previous", b"colour = blue")
        made = t.create("/workers/worker-", b"joe", sequential=True)
    say(f"three operations, applied at one moment; one of them created {made.result()}")
    try:
        with client.transaction() as t:
            t.set("/config", b"colour = red")
            t.delete("/nothing")
    except zkc.NoNodeError as error:
        say("all operations are applied or none, and the error names the one that failed:")
        console.print(Text(f"      {type(error).__name__}: {error}", "yellow"), soft_wrap=True)


def picture(client: zkc.Client) -> None:
    title("A tree")
    shown: dict[str, Tree] = {}
    for node in client.tree("/"):  # Parents come before their children.
        parent, _, name = node.path.rpartition("/")
        text = Text.assemble((name or "/", "bold"), f"  {node.data!r}" if node.data else "")
        shown[node.path] = shown[parent or "/"].add(text) if name else Tree(text, guide_style="dim")
    console.print(Padding(shown["/"], (0, 0, 0, 2)))


def watch(client: zkc.Client) -> None:
    title("Watches")
    events: queue.Queue[zkc.WatchedEvent] = queue.Queue()
    client.get("/config", watch=events.put)
    say("watching /config")
    client.set("/config", b"colour = yellow")
    event = events.get(timeout=10)
    say(f"the watch fired: {event.path} was {event.type}")

    values: queue.Queue[Optional[bytes]] = queue.Queue()
    subscription = client.watch_data("/config", lambda data, stat: values.put(data))
    for number in range(1000):
        client.submit.set("/config", b"colour = %d" % number)
    calls = 1
    while values.get(timeout=10) != b"colour = 999":
        calls += 1
    subscription.cancel()
    say(f"a recurring watch reported 1,000 quick changes in {calls} calls, ending with the last change")


def ephemeral(client: zkc.Client) -> None:
    title("An ephemeral znode")
    events: queue.Queue[zkc.WatchedEvent] = queue.Queue()
    with zkc.Client(client.hosts) as other:
        other.create("/here", b"I am here", ephemeral=True)
        stat = client.exists("/here", watch=events.put)
        assert stat is not None
        say(f"/here belongs to session {stat.ephemeral_owner:#x}, a second client's")
    say("that client closed its session")
    event = events.get(timeout=10)
    say(f"{event.path} was {event.type} by the servers; exists says {client.exists('/here')}")


def expiry(client: zkc.Client) -> None:
    title("An expired session, and what the client re-creates")
    states: queue.Queue[zkc.ClientState] = queue.Queue()
    client.add_listener(states.put)
    path = client.create("/leader", b"me", ephemeral=True, keep=True)
    before = client.session_id
    while True:
        # A client with the id and the password of a session can take it over and end it, if its owner is not quicker.
        with suppress(zkc.SessionExpiredError), zkc.Client(client.hosts, client_id=(before, client.session_password)):
            pass
        with suppress(queue.Empty):
            while states.get(timeout=0.5) is not zkc.ClientState.LOST:
                pass
            break
    client.wait_for(zkc.ClientState.CONNECTED, timeout=30)
    client.remove_listener(states.put)
    stat = client.exists(path)
    assert stat is not None
    say(f"session {before:#x} has expired; the client was LOST, and has opened a new session by itself")
    say(f"{path}, created with keep=True, exists again: its owner is session {stat.ephemeral_owner:#x}")


async def read_with_asyncio(hosts: str, paths: list[str]) -> float:
    async def read(some: list[str]) -> None:
        for path in some:
            await client.get(path)

    async with zkc.AsyncClient(hosts) as client:
        begun = time.perf_counter()
        await asyncio.gather(*(read(paths[first::100]) for first in range(100)))
        return time.perf_counter() - begun


def many(client: zkc.Client, count: int) -> None:
    title(f"{count:,} znodes")
    paths = [f"/many/{number:07d}" for number in range(count)]
    table = Table("what", "how", "time", "per second", title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"

    def row(what: str, how: str, number: int, seconds: float) -> None:
        table.add_row(what, how, f"{seconds:.2f} s", f"{number / seconds:,.0f}")

    def since(begun: float) -> float:
        return time.perf_counter() - begun

    client.create("/many")
    with bar() as progress:

        def shown(text: str) -> Callable[[int], None]:
            task = progress.add_task(text, total=count)
            return lambda done: progress.update(task, completed=done)

        begun = time.perf_counter()
        client.create_many(((path, path.encode()) for path in paths), raise_errors=True, progress=shown("creating"))
        row(f"create {count:,}", "create_many", count, since(begun))

        begun = time.perf_counter()
        answers = client.get_many(paths, raise_errors=True, progress=shown("reading "))
        row(f"get {count:,}", "get_many", count, since(begun))

        row(f"get {count:,}", "100 asyncio tasks", count, asyncio.run(read_with_asyncio(client.hosts, paths)))

        few = paths[: min(count, 1000)]
        begun = time.perf_counter()
        for path in progress.track(few, description="one by one"):
            client.get(path)
        row(f"get {len(few):,}", "one after the other", len(few), since(begun))

        right = [data for data, _ in answers] == [path.encode() for path in paths]
        say(f"created and read back; every znode has its data: {'yes' if right else 'NO'}")
        deleted = client.delete_tree("/many", progress=shown("deleting"))
    say(f"{deleted:,} deleted again, with the znode above them")
    console.print(table)
    spent = client.metrics()
    say(f"{spent.total:,} requests were sent, in {spent.sessions} sessions, and {spent.expirations} of these expired")
    if not right:
        raise SystemExit("the znodes do not have the data that was written")


def tour(hosts: str, count: int) -> None:
    root = f"/zkc-tour-{secrets.token_hex(4)}"
    with zkc.Client(hosts) as outer:
        outer.create(root, container=True)
        try:
            with zkc.Client(f"{outer.hosts}{root}") as client:
                connect(client)
                create_and_set(client)
                children(client)
                transaction(client)
                picture(client)
                watch(client)
                ephemeral(client)
                expiry(client)
                many(client, count)
        finally:
            outer.delete_tree(root)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main() -> int:
    parser = argparse.ArgumentParser(description="Show the features of zkc on a ZooKeeper server.")
    parser.add_argument("--hosts", help="servers to use, host:port[,host:port...] (default: start one)")
    parser.add_argument("--count", type=positive, default=5_000, help="number of znodes to create (default: 5000)")
    options = parser.parse_args()

    # The warning about the expired session would appear between the lines.
    logging.getLogger("zkc.client").addHandler(logging.NullHandler())
    begun = time.perf_counter()
    info = zkc.build_info()
    console.print(Text("A tour of zkc: ZooKeeper for Python over the official C client", "bold"))
    library = f"libzookeeper {info['libzookeeper']} ({info['linkage']})"
    say(f"zkc {zkc.__version__}, {library}, Python {platform.python_version()}")
    try:
        with ExitStack() as stack:
            hosts = options.hosts
            if hosts is None:
                with console.status("  starting a ZooKeeper server"):
                    server = stack.enter_context(ZooKeeperServer())
                hosts = server.hosts
                version = ".".join(map(str, server.version))
                say(f"ZooKeeper {version} started at {hosts} in {time.perf_counter() - begun:.1f} s")
            tour(hosts, options.count)
    except (zkc.ZooKeeperError, TestingError, ValueError) as error:
        print(f"tour: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    title(f"The end, after {time.perf_counter() - begun:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
