"""The worker of kazoo's recipes. README.md describes the lines of input and output."""

import sys
import threading

import protocol
from kazoo.client import KazooClient


class Recipes:
    """The operations, each on znodes of its own."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.client = KazooClient(hosts, timeout=10.0)
        self.client.start()
        self.runs = 0

    def path(self, name):
        """Return a new path."""
        self.runs += 1
        return f"/bench/kazoo-{name}-{self.client.client_id[0] & 0xFFFF}-{self.runs}"

    def lock(self, count, size):
        """Acquire and release a free lock."""
        lock = self.client.Lock(self.path("lock"))

        def cycle():
            lock.acquire(timeout=protocol.TIMEOUT)
            return lock.release()

        return protocol.timed_each(count, cycle, lambda released: protocol.expect(released, "the lock was lost"))

    def handover(self, count, size):
        """Hand a lock over between contenders, each with a session of its own."""
        path = self.path("handover")
        clients = [KazooClient(self.hosts) for _ in range(size)]
        for client in clients:
            client.start()
        locks = [client.Lock(path) for client in clients]

        def cycle(lock):
            lock.acquire(timeout=protocol.TIMEOUT)
            lock.release()

        try:
            return protocol.contended(count, locks, cycle)
        finally:
            for client in clients:
                client.stop()
                client.close()

    def counter(self, count, size):
        """Add to a counter."""
        counter = self.client.Counter(self.path("counter"))

        def add():
            counter + 1

        figures = protocol.timed_each(count, add, lambda value: None)
        protocol.expect(counter.value == count, "a count that is wrong")
        return figures

    def queue(self, count, size):
        """Put items, and consume them with several consumers."""
        path = self.path("queue")
        queue = self.client.LockingQueue(path)
        consumers = [self.client.LockingQueue(path) for _ in range(size)]
        taken, lock = [], threading.Lock()

        def consume(queue):
            while True:
                with lock:
                    if len(taken) >= count:
                        return
                    taken.append(1)
                protocol.expect(queue.get(timeout=protocol.TIMEOUT) == b"x" * 100)
                queue.consume()

        def run(count):
            for _ in range(count):
                queue.put(b"x" * 100)
            protocol.in_each([lambda one=one: consume(one) for one in consumers])

        return protocol.timed(count, run)


if __name__ == "__main__":
    recipes = Recipes(sys.argv[1])
    protocol.serve({name: getattr(recipes, name) for name in ("lock", "handover", "counter", "queue")})
