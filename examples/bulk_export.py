"""Many znodes at once: created in bulk, walked through, saved to a file, and restored from it.

python examples/bulk_export.py                         starts a server, and stops it at the end
python examples/bulk_export.py --hosts 127.0.0.1:2181  uses a running server, below a new znode
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import zkc
from zkc.testing import TestingError, ZooKeeperServer


def report(what: str, count: int, begun: float) -> None:
    seconds = time.perf_counter() - begun
    print(f"{what}: {count:,} znodes in {seconds:.2f} s, {count / seconds:,.0f} a second")


def show(client: zkc.Client, root: str, count: int, folder: Path) -> None:
    users = [f"{root}/users/{number:06}" for number in range(count)]

    begun = time.perf_counter()
    # The parents come first. Any iterable works: the client reads it as requests go out.
    client.create_many([root, f"{root}/users"], raise_errors=True)
    client.create_many(((path, f"user {path[-6:]}".encode()) for path in users), raise_errors=True)
    report("created", count, begun)

    begun = time.perf_counter()
    results = client.get_many([*users, f"{root}/users/missing"])
    report("read", len(results), begun)
    # The result of a failed read is an error; the others are (data, stat).
    print(f"  the first result is {results[0]!r:.30}..., the last is a {type(results[-1]).__name__}")

    begun = time.perf_counter()
    # walk() yields one znode at a time, so the tree is never in memory.
    total = sum(node.stat.data_length for node in client.walk(root))
    report("walked", count + 2, begun)
    print(f"  they hold {total:,} bytes")

    file = folder / "users.jsonl"
    begun = time.perf_counter()
    exported = client.export(root, file, progress=lambda done: None)
    report(f"exported to {file.stat().st_size:,} bytes", exported, begun)

    begun = time.perf_counter()
    report("deleted", client.delete_tree(root), begun)

    begun = time.perf_counter()
    report("imported", client.import_(root, file), begun)
    same = [data for data, _ in client.get_many(users, raise_errors=True)] == [
        f"user {path[-6:]}".encode() for path in users
    ]
    print(f"  every znode has the same data as before: {'yes' if same else 'no'}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Create, read, save and restore many znodes.")
    parser.add_argument("--hosts", help="servers to use, host:port[,host:port...] (default: start one)")
    parser.add_argument("--count", type=int, default=5_000, help="number of znodes (default: 5000)")
    options = parser.parse_args()
    try:
        with ExitStack() as stack:
            hosts = options.hosts or stack.enter_context(ZooKeeperServer()).hosts
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            client = stack.enter_context(zkc.Client(hosts))
            root = f"/bulk-{secrets.token_hex(4)}"
            stack.callback(client.delete_tree, root)
            show(client, root, options.count, folder)
    except (zkc.ZooKeeperError, TestingError, ValueError) as error:
        print(f"bulk_export: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
