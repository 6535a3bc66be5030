"""The worker of kazoo's recipes. README.md describes the lines of input and output."""

import sys

import protocol
from kazoo.client import KazooClient


class Recipes:
    """The operations, each on znodes of its own unless a number names them."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.client = KazooClient(hosts, timeout=10.0)
        self.client.start()
        self.runs = 0
        self.contenders = []
        self.election = None

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

    def join(self, count, number):
        """Connect contenders, each with a session of its own."""
        with protocol.Stopwatch() as stopwatch:
            for _ in range(count):
                client = KazooClient(self.hosts)
                client.start()
                self.contenders.append((client, client.Lock(f"/bench/kazoo-handover-{number}")))
        return stopwatch.figures(count)

    def handover(self, cycles, pause):
        """Hand a lock over between the contenders."""

        def acquire(contender):
            protocol.expect(contender[1].acquire(timeout=protocol.TIMEOUT), "the lock was not acquired")

        return protocol.contended(cycles, self.contenders, acquire, lambda one, _: one[1].release(), pause / 1e6)

    def part(self, count, number):
        """Disconnect the contenders."""
        with protocol.Stopwatch() as stopwatch:
            while self.contenders:
                client, _ = self.contenders.pop()
                client.stop()
                client.close()
        return stopwatch.figures(count)

    def campaign(self, number, milliseconds):
        """Take part in an election from now on, with a session of its own."""
        client = KazooClient(self.hosts, timeout=milliseconds / 1e3)
        client.start()
        self.election = protocol.Campaign(client.Election(f"/bench/kazoo-election-{number}").run)
        return self.election.figures()

    def lead(self, number, milliseconds):
        """Wait until this process leads, and return when."""
        return self.election.led()

    def counter(self, count, size):
        """Add to a counter."""
        counter = self.client.Counter(self.path("counter"))

        def add():
            counter + 1

        figures = protocol.timed_each(count, add, lambda value: None)
        protocol.expect(counter.value == count, "a count that is wrong")
        return figures

    def queue(self, count, size):
        """Put items one by one, and consume them with several consumers: at least once."""
        queue, consumers = self._locking_queues(size)
        return protocol.queued(count, lambda data: [queue.put(one) for one in data], consumers)

    def queue_bulk(self, count, size):
        """Put a hundred items at once."""
        queue, consumers = self._locking_queues(size)
        return protocol.queued(count, lambda data: protocol.by_hundreds(data, queue.put_all), consumers)

    def _locking_queues(self, size):
        path = self.path("queue")

        def consumer():
            queue = self.client.LockingQueue(path)

            def consume():
                protocol.expect(queue.get(timeout=protocol.TIMEOUT) == b"x" * 100)
                protocol.expect(queue.consume(), "the item was lost")

            return consume

        return self.client.LockingQueue(path), [consumer() for _ in range(size)]

    def queue_plain(self, count, size):
        """Put items one by one, and get them with several consumers: at most once."""
        path = self.path("queue")
        queue = self.client.Queue(path)

        def consumer():
            queue = self.client.Queue(path)
            return lambda: protocol.expect(queue.get() == b"x" * 100)

        return protocol.queued(count, lambda data: [queue.put(one) for one in data], [consumer() for _ in range(size)])


if __name__ == "__main__":
    protocol.serve_all(Recipes(sys.argv[1]))
