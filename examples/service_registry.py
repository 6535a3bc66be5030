"""Workers that know each other: python examples/service_registry.py host:port NAME ADDRESS

Each worker registers with an ephemeral znode, which disappears when the worker ends. With `keep=True` the client
re-creates it after its session has expired. Start several workers, stop some, and end with Ctrl-C.
"""

from __future__ import annotations

import argparse
import threading
from typing import Optional

import zkc


class Registry:
    """The workers of one service."""

    def __init__(self, client: zkc.Client, service: str) -> None:
        self.client = client
        self.path = f"/services/{service}"
        client.ensure_path(self.path)
        self.members: list[str] = []
        self.watch = client.watch_children(self.path, self._update)

    def _update(self, names: Optional[list[str]]) -> None:
        self.members = names or []
        print("members:", ", ".join(self.members) or "none", flush=True)

    def register(self, name: str, address: str) -> None:
        """Add this worker, for as long as its client lives."""
        self.client.create(f"{self.path}/{name}", address.encode(), ephemeral=True, keep=True)

    def address(self, name: str) -> str:
        """Return the address of a worker."""
        return (self.client.get(f"{self.path}/{name}")[0] or b"").decode()


def main(arguments: Optional[list[str]] = None) -> None:
    """Register a worker, and show the other workers."""
    parser = argparse.ArgumentParser(description="Register a worker, and show the other workers.")
    parser.add_argument("hosts", help="host:port,host:port/chroot")
    parser.add_argument("name")
    parser.add_argument("address")
    parser.add_argument("--service", default="workers")
    options = parser.parse_args(arguments)
    with zkc.Client(options.hosts) as client:
        registry = Registry(client, options.service)
        try:
            registry.register(options.name, options.address)
        except zkc.NodeExistsError:
            parser.error(f"{options.name} is registered already, at {registry.address(options.name)}")
        try:
            threading.Event().wait()  # A real worker would do its work here.
        except KeyboardInterrupt:
            registry.watch.cancel()


if __name__ == "__main__":
    main()
