"""The worker of kazoo's TreeCache. README.md describes the lines of input and output."""

import sys
import threading

import protocol
from kazoo.client import KazooClient
from kazoo.recipe.cache import TreeCache, TreeEvent


class Caches:
    """The operations, on the znodes below /bench/cache. kazoo has no recursive watch."""

    def __init__(self, hosts):
        self.client = KazooClient(hosts, timeout=30.0)
        self.client.start()
        self.changes = protocol.Changes()
        self.initialized = threading.Event()

    def ready(self, count, size, whole):
        """Read a subtree into a cache, and follow it."""
        root = "/bench/cache" if whole else "/bench/cache/part"

        def begin():
            self.cache = TreeCache(self.client, root)
            self.cache.listen(self._hear)
            self.cache.start()
            protocol.expect(self.initialized.wait(protocol.LONG_TIMEOUT), "the cache was not initialized")

        figures = protocol.held(count, begin)
        found, paths = 0, [root]
        while paths:
            path = paths.pop()
            found += 1
            if path.count("/") == 5:
                protocol.expect(len(self.cache.get_data(path).data) == size)
            paths += [f"{path}/{name}" for name in self.cache.get_children(path)]
        protocol.expect(found == count, f"a cache with {found} of {count} znodes")
        return figures

    def _hear(self, event):
        if event.event_type == TreeEvent.NODE_UPDATED:
            self.changes.add(event.event_data.path)
        elif event.event_type == TreeEvent.INITIALIZED:
            self.initialized.set()

    def clear(self, count, size):
        """Forget the changes until now."""
        return self.changes.clear()

    def changed(self, count, size):
        """Wait for so many changes, and return them."""
        return self.changes.wait(count)


if __name__ == "__main__":
    protocol.serve_all(Caches(sys.argv[1]))
