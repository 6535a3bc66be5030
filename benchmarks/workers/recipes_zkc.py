"""The worker of zkc's recipes. README.md describes the lines of input and output."""

import sys
import threading

import protocol

import zkc


class Recipes:
    """The operations, each on znodes of its own."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.client = zkc.Client(hosts, session_timeout=10.0)
        self.client.start()
        self.runs = 0

    def path(self, name):
        """Return a new path."""
        self.runs += 1
        return f"/bench/zkc-{name}-{self.client.session_id & 0xFFFF}-{self.runs}"

    def lock(self, count, size):
        """Acquire and release a free lock."""
        lock = self.client.lock(self.path("lock"))

        def cycle():
            return lock.acquire(timeout=protocol.TIMEOUT).release(wait=False)

        return protocol.timed_each(count, cycle, lambda released: protocol.expect(released, "the lock was lost"))

    def handover(self, count, size):
        """Hand a lock over between contenders, each with a session of its own."""
        path = self.path("handover")
        clients = [zkc.Client(self.hosts) for _ in range(size)]
        for client in clients:
            client.start()
        locks = [client.lock(path) for client in clients]

        def cycle(lock):
            lock.acquire(timeout=protocol.TIMEOUT).release(wait=False)

        try:
            return protocol.contended(count, locks, cycle)
        finally:
            for client in clients:
                client.close()

    def counter(self, count, size):
        """Add to a counter."""
        counter = self.client.counter(self.path("counter"))
        figures = protocol.timed_each(count, lambda: counter.add(1), lambda value: None)
        protocol.expect(counter.get().value == count, "a count that is wrong")
        return figures

    def queue(self, count, size):
        """Put items, and consume them with several consumers."""
        queue = self.client.queue(self.path("queue"))
        taken, lock = [], threading.Lock()

        def consume():
            while True:
                with lock:
                    if len(taken) >= count:
                        return
                    taken.append(1)
                item = queue.get(timeout=protocol.TIMEOUT)
                protocol.expect(item.data == b"x" * 100)
                item.ack()

        def run(count):
            for _ in range(count):
                queue.put(b"x" * 100)
            protocol.in_each([consume] * size)

        return protocol.timed(count, run)


if __name__ == "__main__":
    recipes = Recipes(sys.argv[1])
    protocol.serve({name: getattr(recipes, name) for name in ("lock", "handover", "counter", "queue")})
