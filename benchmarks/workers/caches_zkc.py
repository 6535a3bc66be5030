"""The worker of zkc's cache and recursive watch. README.md describes the lines of input and output."""

import sys

import protocol

import zkc
from zkc.recipes import CacheChange


class Caches:
    """The operations, on the znodes below /bench/cache and /bench/flood."""

    def __init__(self, hosts):
        self.client = zkc.Client(hosts, session_timeout=30.0, max_queued_events=1_000_000)
        self.client.start()
        self.changes = protocol.Changes()

    def ready(self, count, size, whole):
        """Read a subtree into a cache, and follow it."""

        def begin():
            self.cache = self.client.cache("/bench/cache" if whole else "/bench/cache/part")
            self.cache.wait_ready(timeout=protocol.LONG_TIMEOUT)

        figures = protocol.held(count, begin)
        protocol.expect(len(self.cache) == count, f"a cache with {len(self.cache)} of {count} znodes")
        protocol.expect(all(len(node.data) == size for node in self.cache.walk() if node.path.count("/") == 5))
        self.cache.add_listener(self._hear)
        return figures

    def _hear(self, event):
        if event.change is CacheChange.CHANGED:
            self.changes.add(event.path)

    def subscribe(self, count, size):
        """Set a recursive watch."""
        self.client.watch_events("/bench/flood", lambda event: self.changes.add(event.path), recursive=True)
        return protocol.nothing()

    def clear(self, count, size):
        """Forget the changes until now."""
        return self.changes.clear()

    def changed(self, count, size):
        """Wait for so many changes, and return them."""
        return self.changes.wait(count)


if __name__ == "__main__":
    protocol.serve_all(Caches(sys.argv[1]))
