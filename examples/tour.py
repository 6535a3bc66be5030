"""A tour of zkc: what a client does, shown on a server of its own.

python examples/tour.py                        starts a server, and stops it at the end
python examples/tour.py --hosts 127.0.0.1:2181 uses one that runs, below a znode of its own
"""

from __future__ import annotations

import argparse
import platform
import queue
import secrets
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

import zkc
from zkc.testing import TestingError, ZooKeeperServer

T = TypeVar("T")

console = Console(highlight=False)
tick = "✓" if console.encoding.lower().startswith("utf") else "-"


def title(text: str) -> None:
    console.print(Text(f"\n{text}", "bold cyan"))


def say(text: object) -> None:
    console.print(Text.assemble((f"  {tick} ", "green"), str(text)), soft_wrap=True)


def bar() -> Progress:
    """A progress bar, on a terminal only."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def in_order(requests: Iterable[zkc.Request[T]], window: int = 1000) -> Iterator[T]:
    """Keep up to `window` requests under way, and yield their results in order."""
    waiting: deque[zkc.Request[T]] = deque()
    for request in requests:  # sent by being made
        waiting.append(request)
        if len(waiting) >= window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def connect(client: zkc.Client) -> None:
    title("A session")
    say(f"connected to {client.server}: session {client.session_id:#x}, state {client.state}")
    say(f"the servers keep it for {client.negotiated_timeout:g} s when they hear nothing from us")


def create_and_set(client: zkc.Client) -> None:
    title("A znode and its versions")
    path = client.create("/config", b"colour = blue")
    say(f"created {path}")
    data, stat = client.get("/config")
    say(f"it holds {data!r}, version {stat.version}, since {stat.created:%H:%M:%S} UTC")
    stat = client.set("/config", b"colour = green", version=stat.version)
    say(f"set from version 0: it is version {stat.version} now")
    try:
        client.set("/config", b"colour = red", version=0)
    except zkc.BadVersionError as error:
        say("set from version 0 once more is refused, for somebody was quicker:")
        console.print(Text(f"      {type(error).__name__}: {error}", "yellow"), soft_wrap=True)
    say(f"so it still holds {client.get('/config')[0]!r}")


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


def watch(client: zkc.Client) -> None:
    title("A watch")
    events: queue.Queue[zkc.WatchedEvent] = queue.Queue()
    client.get("/config", watch=events.put)
    say("watching /config")
    client.set("/config", b"colour = yellow")
    event = events.get(timeout=10)
    say(f"the watch fired: {event.path} was {event.type}")


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


def many(client: zkc.Client, count: int) -> None:
    title(f"{count:,} znodes")
    acl = [(int(entry.perms), entry.scheme, entry.id) for entry in zkc.OPEN_ACL_UNSAFE]
    paths = [f"/many/{number:07d}" for number in range(count)]
    table = Table("what", "how", "time", "per second", title_justify="left")
    for column in table.columns[2:]:
        column.justify = "right"

    def row(what: str, how: str, number: int, begun: float) -> None:
        taken = time.perf_counter() - begun
        table.add_row(what, how, f"{taken:.2f} s", f"{number / taken:,.0f}")

    client.create("/many")
    session = client.session  # the native session below: it sends at once, and we wait when we like
    with bar() as progress:
        begun = time.perf_counter()
        sent = (session.create(path, path.encode(), acl) for path in paths)
        for _ in progress.track(in_order(sent), total=count, description="creating"):
            pass
        row(f"create {count:,}", "pipelined", count, begun)

        begun = time.perf_counter()
        read = in_order(session.get(path) for path in paths)
        values = [data for data, _ in progress.track(read, total=count, description="reading ")]
        row(f"get {count:,}", "pipelined", count, begun)

        few = paths[: min(count, 1000)]
        begun = time.perf_counter()
        for path in progress.track(few, description="one by one"):
            client.get(path)
        row(f"get {len(few):,}", "one after the other", len(few), begun)

        right = values == [path.encode() for path in paths]
        say(f"created and read back; every one holds what it should: {'yes' if right else 'NO'}")
        for _ in progress.track(in_order(session.delete(path) for path in paths), total=count, description="deleting"):
            pass
    say("deleted again")
    console.print(table)
    if not right:
        raise SystemExit("the znodes do not hold what was written")


def delete_tree(client: zkc.Client, path: str) -> None:
    for name in client.children(path):
        delete_tree(client, f"{path.rstrip('/')}/{name}")
    client.delete(path)


def tour(hosts: str, count: int) -> None:
    root = f"/zkc-tour-{secrets.token_hex(4)}"
    with zkc.Client(hosts) as outer:
        outer.create(root, container=True)
        try:
            with zkc.Client(f"{outer.hosts}{root}") as client:
                connect(client)
                create_and_set(client)
                children(client)
                watch(client)
                ephemeral(client)
                many(client, count)
        finally:
            delete_tree(outer, root)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main() -> int:
    parser = argparse.ArgumentParser(description="Show what zkc does, on a ZooKeeper server.")
    parser.add_argument("--hosts", help="servers to use, host:port[,host:port...]; one is started if left out")
    parser.add_argument("--count", type=positive, default=10_000, help="how many znodes to create (default: 10000)")
    options = parser.parse_args()

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
