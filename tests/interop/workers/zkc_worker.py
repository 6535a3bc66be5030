"""The worker of zkc's recipes. exchange.py describes its lines."""

from __future__ import annotations

import sys
import threading
import time

from exchange import TIMEOUT, Contest, in_threads, say, serve

import zkc


class Worker:
    """The commands."""

    def __init__(self, hosts):
        self.client = zkc.Client(hosts, session_timeout=30.0)
        self.client.start()
        self.groups = {}

    def contest(self, path):
        """Return a contest whose holders create a znode beside the path."""

        def inside():
            self.client.create(path + "-inside", b"zkc", ephemeral=True)
            self.client.delete(path + "-inside")

        return Contest(inside)

    def lock(self, path, layout, contenders, cycles):
        """Acquire and release a lock."""
        contest = self.contest(path)

        def cycle(kind):
            lock = self.client.lock(path, layout=layout, identifier="zkc")  # Callers of one object queue locally.
            with lock.acquire(timeout=TIMEOUT) as hold:
                contest.hold(kind, hold.path)

        contest.run(cycle, contenders, cycles)

    def rwlock(self, path, layout, contenders, cycles):
        """Acquire and release a read-write lock."""
        contest = self.contest(path)

        def cycle(kind):
            lock = self.client.rwlock(path, layout=layout)
            with (lock.read if kind == "read" else lock.write).acquire(timeout=TIMEOUT) as hold:
                contest.hold(kind, hold.path)

        contest.run(cycle, contenders, cycles, "read read write")

    def semaphore(self, path, layout, contenders, cycles, limit):
        """Acquire and release a lease of a semaphore."""
        contest = self.contest(path)

        def cycle(kind):
            semaphore = self.client.semaphore(path, limit, layout=layout)
            with semaphore.acquire(timeout=TIMEOUT):
                contest.hold("lease", "")

        contest.run(cycle, contenders, cycles)

    def lead(self, path, layout, contenders, cycles):
        """Lead, and resign."""
        contest = self.contest(path)

        def cycle(kind):
            election = self.client.election(path, identifier="zkc", layout=layout)
            with election.lead(timeout=TIMEOUT) as hold:
                contest.hold(kind, hold.path)

        contest.run(cycle, contenders, cycles)

    def hold(self, path, layout, seconds):
        """Hold a lock until a contender revokes it or the znode PATH-end exists."""
        revoked = threading.Event()
        with self.client.lock(path, layout=layout).acquire(timeout=TIMEOUT) as hold:
            hold.on_revoke(revoked.set)
            say("holds")
            until = time.monotonic() + seconds
            while not revoked.wait(0.01) and time.monotonic() < until and not self.client.exists(path + "-end"):
                pass
        say("revoked" if revoked.is_set() else "kept")

    def revoke(self, path, layout):
        """Ask the holder to release."""
        lock = self.client.lock(path, layout=layout)
        holder = lock.holder()
        assert holder is not None
        assert lock.revoke(holder)

    def put(self, path, layout, count, prefix):
        """Put items."""
        queue = self.client.queue(path, layout=layout)
        for number in range(count):
            queue.put(f"{prefix}{number}".encode())

    def take(self, path, layout, count):
        """Get items, and consume them."""
        queue = self.client.queue(path, layout=layout)
        for _ in range(count):
            item = queue.get(timeout=TIMEOUT)
            item.ack()
            say("item", time.monotonic_ns(), item.data.decode())

    def drain(self, path, layout):
        """Consume items until the znode PATH-end exists and no item is left."""
        queue = self.client.queue(path, layout=layout)
        while True:
            over = self.client.exists(path + "-end")
            item = queue.try_get()
            if item is not None:
                item.ack()
                say("item", time.monotonic_ns(), item.data.decode())
            elif over and queue.size() == 0:
                return
            else:
                time.sleep(0.005)  # Between two looks: other workers may take the last items.

    def add(self, path, form, contenders, cycles):
        """Add 1 in cycles."""
        counter = self.client.counter(path, type=form)

        def work(number):
            for _ in range(cycles):
                counter.add()

        in_threads(work, contenders)

    def read(self, path, form):
        """Print the number."""
        say(int(self.client.counter(path, type=form).get().value))

    def barrier_set(self, path):
        """Set a barrier."""
        assert self.client.barrier(path).set()

    def barrier_remove(self, path):
        """Remove a barrier."""
        assert self.client.barrier(path).remove()

    def barrier_wait(self, path):
        """Wait for a barrier."""
        say("waits")
        assert self.client.barrier(path).wait(timeout=TIMEOUT)

    def join(self, path, layout, identifier):
        """Join a group."""
        self.groups[path] = self.client.group(path, identifier=identifier, layout=layout)
        self.groups[path].join()

    def leave(self, path, layout, identifier):
        """Leave a group."""
        assert self.groups.pop(path).leave()

    def members(self, path, layout):
        """Print the members of a group."""
        group = self.client.group(path, identifier="observer", layout=layout)
        say(*sorted(member.identifier for member in group.members()))


if __name__ == "__main__":
    serve(Worker(sys.argv[1]))
