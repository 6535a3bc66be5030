"""The worker of kazoo's recipes. exchange.py describes its lines."""

from __future__ import annotations

import sys
import time

from exchange import TIMEOUT, Contest, in_threads, say, serve
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from kazoo.recipe.lock import Lock


class CuratorNamedLock(Lock):
    """A lock with names that Curator understands; docs/recipes/interoperation.md shows this class."""

    _NODE_NAME = "-lock-"
    _EXCLUDE_NAMES = ["-lock-"]  # noqa: RUF012 - kazoo adds a list to it


class Worker:
    """The commands."""

    def __init__(self, hosts):
        self.client = KazooClient(hosts, timeout=30.0)
        self.client.start()
        self.parties = {}

    def contest(self, path):
        """Return a contest whose holders create a znode beside the path."""

        def inside():
            self.client.create(path + "-inside", b"kazoo", ephemeral=True)
            self.client.delete(path + "-inside")

        return Contest(inside)

    def make(self, path, layout):
        """Return a lock."""
        return CuratorNamedLock(self.client, path, "kazoo") if layout == "curator" else self.client.Lock(path, "kazoo")

    def lock(self, path, layout, contenders, cycles):
        """Acquire and release a lock."""
        contest = self.contest(path)

        def cycle(kind):
            lock = self.make(path, layout)
            assert lock.acquire(timeout=TIMEOUT)
            contest.hold(kind, lock.node)
            lock.release()

        contest.run(cycle, contenders, cycles)

    def rwlock(self, path, layout, contenders, cycles):
        """Acquire and release a read-write lock."""
        contest = self.contest(path)

        def cycle(kind):
            lock = self.client.ReadLock(path) if kind == "read" else self.client.WriteLock(path)
            assert lock.acquire(timeout=TIMEOUT)
            contest.hold(kind, lock.node)
            lock.release()

        contest.run(cycle, contenders, cycles, "read read write")

    def semaphore(self, path, layout, contenders, cycles, limit):
        """Acquire and release a lease of a semaphore."""
        contest = self.contest(path)

        def cycle(kind):
            semaphore = self.client.Semaphore(path, "kazoo", max_leases=limit)
            assert semaphore.acquire(timeout=TIMEOUT)
            contest.hold("lease", "")
            semaphore.release()

        contest.run(cycle, contenders, cycles)

    def lead(self, path, layout, contenders, cycles):
        """Lead, and resign."""
        contest = self.contest(path)
        election = self.client.Election

        def cycle(kind):
            one = election(path, "kazoo")
            one.run(lambda: contest.hold(kind, one.lock.node))

        contest.run(cycle, contenders, cycles)

    def hold(self, path, layout, seconds):
        """Hold a lock until the znode PATH-end exists."""
        lock = self.make(path, layout)
        assert lock.acquire(timeout=TIMEOUT)
        say("holds")
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.client.exists(path + "-end"):
            time.sleep(0.01)  # Between two looks.
        lock.release()

    def put(self, path, layout, count, prefix):
        """Put items."""
        queue = self.client.Queue(path) if layout == "kazoo" else self.client.LockingQueue(path)
        for number in range(count):
            queue.put(f"{prefix}{number}".encode())

    def take(self, path, layout, count):
        """Get items, and consume them."""
        queue = self.client.Queue(path) if layout == "kazoo" else self.client.LockingQueue(path)
        until = time.monotonic() + TIMEOUT
        while count:
            assert time.monotonic() < until
            data = queue.get() if layout == "kazoo" else queue.get(timeout=TIMEOUT)
            if data is None:
                time.sleep(0.005)  # kazoo's Queue does not wait.
                continue
            if layout != "kazoo":
                assert queue.consume()
            say("item", time.monotonic_ns(), data.decode())
            count -= 1

    def drain(self, path, layout):
        """Consume items of a LockingQueue until the znode PATH-end exists and no item is left."""
        queue = self.client.LockingQueue(path)
        while True:
            over = self.client.exists(path + "-end")
            data = queue.get(timeout=0.05)
            if data is not None:
                assert queue.consume()
                say("item", time.monotonic_ns(), data.decode())
            elif over and len(queue) == 0:
                return

    def counter(self, path, form):
        """Return a counter."""
        if form == "float":
            return self.client.Counter(path, default=0.0)
        return self.client.Counter(path, support_curator=form == "int32")

    def add(self, path, form, contenders, cycles):
        """Add 1 in cycles."""

        def work(number):
            counter = self.counter(path, form)
            for _ in range(cycles):
                counter + (1.0 if form == "float" else 1)

        in_threads(work, contenders)

    def read(self, path, form):
        """Print the number."""
        say(int(self.counter(path, form).value))

    def barrier_set(self, path):
        """Set a barrier."""
        self.client.Barrier(path).create()

    def barrier_remove(self, path):
        """Remove a barrier."""
        assert self.client.Barrier(path).remove()

    def barrier_wait(self, path):
        """Wait for a barrier."""
        say("waits")
        assert self.client.Barrier(path).wait(TIMEOUT)

    def join(self, path, layout, identifier):
        """Join a party."""
        self.parties[path] = self.client.Party(path, identifier)
        self.parties[path].join()

    def leave(self, path, layout, identifier):
        """Leave a party."""
        self.parties.pop(path).leave()

    def members(self, path, layout):
        """Print the members of a party."""
        try:
            say(*sorted(self.client.Party(path, "observer")))
        except NoNodeError:
            say("")


if __name__ == "__main__":
    serve(Worker(sys.argv[1]))
