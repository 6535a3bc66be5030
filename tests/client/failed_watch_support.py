"""Helpers of the tests of watches whose call failed."""

from . import both

READS = {
    "get": lambda zk, path, **options: zk.get(path, **options),
    "exists": lambda zk, path, **options: zk.exists(path, **options),
    "children": lambda zk, path, **options: zk.children(path, **options),
    "children_with_stat": lambda zk, path, **options: zk.children_with_stat(path, **options),
}
ROUNDS = 60


class Watch:
    """A watch that counts its calls; a weak reference shows when it is given back."""

    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)


async def change(zk):
    """Change the znode in each way that a watch can wait for, and wait until what that fires was delivered."""
    delivered = both.Events()
    await zk.set("/a", b"y")
    await zk.create("/a/b")
    await zk.delete("/a/b")
    await zk.exists("/a", watch=delivered)
    await zk.set("/a", b"z")
    await delivered.next()
