"""The worker of zkc's recipes. README.md describes the lines of input and output."""

import sys

import protocol

import zkc


class Recipes:
    """The operations, each on znodes of its own unless a number names them."""

    def __init__(self, hosts):
        self.hosts = hosts
        self.client = zkc.Client(hosts, session_timeout=10.0)
        self.client.start()
        self.runs = 0
        self.contenders = []
        self.election = None

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

    def join(self, count, number):
        """Connect contenders, each with a session of its own."""
        with protocol.Stopwatch() as stopwatch:
            for _ in range(count):
                client = zkc.Client(self.hosts)
                client.start()
                self.contenders.append((client, client.lock(f"/bench/zkc-handover-{number}")))
        return stopwatch.figures(count)

    def handover(self, cycles, pause):
        """Hand a lock over between the contenders."""

        def acquire(contender):
            return contender[1].acquire(timeout=protocol.TIMEOUT)

        return protocol.contended(
            cycles, self.contenders, acquire, lambda _, hold: hold.release(wait=False), pause / 1e6
        )

    def part(self, count, number):
        """Disconnect the contenders."""
        with protocol.Stopwatch() as stopwatch:
            while self.contenders:
                self.contenders.pop()[0].close()
        return stopwatch.figures(count)

    def campaign(self, number, milliseconds):
        """Take part in an election from now on, with a session of its own."""
        client = zkc.Client(self.hosts, session_timeout=milliseconds / 1e3)
        client.start()
        election = client.election(f"/bench/zkc-election-{number}", identifier=str(client.session_id))
        self.election = protocol.Campaign(election.run)
        return self.election.figures()

    def lead(self, number, milliseconds):
        """Wait until this process leads, and return when."""
        return self.election.led()

    def counter(self, count, size):
        """Add to a counter."""
        counter = self.client.counter(self.path("counter"))
        figures = protocol.timed_each(count, lambda: counter.add(1), lambda value: None)
        protocol.expect(counter.get().value == count, "a count that is wrong")
        return figures

    def queue(self, count, size):
        """Put items one by one, and consume them with several consumers."""
        queue = self.client.queue(self.path("queue"))
        return self._queue(count, size, queue, lambda data: [queue.put(one) for one in data], True)

    def queue_bulk(self, count, size):
        """Put a hundred items at once, claim items ahead, and send acks without waiting for them."""
        queue = self.client.queue(self.path("queue"), prefetch=32)
        return self._queue(count, size, queue, lambda data: protocol.by_hundreds(data, queue.put_many), False)

    def _queue(self, count, size, queue, put, wait):
        def consume():
            item = queue.get(timeout=protocol.TIMEOUT)
            protocol.expect(item.data == b"x" * 100)
            item.ack(wait=wait)

        # The size, whose reply comes behind those of all acks, belongs to the measured time.
        return protocol.queued(count, put, [consume] * size, lambda: protocol.expect(queue.size() == 0))


if __name__ == "__main__":
    protocol.serve_all(Recipes(sys.argv[1]))
