# mypy: ignore-errors
# Python 2 knows no annotations.
"""One side of the comparison: does what it is told on stdin, with the module ``zookeeper`` of whatever Python runs it.

Python 2.7 runs this file, too, with the original. So it is written in what both understand, and imports nothing of ours
but the drop-in. A line is ``operation count``; the answer is JSON: seconds, CPU seconds.
"""

import json
import sys
import threading
import time
from resource import RUSAGE_SELF, getrusage

DATA = "x" * 100
ACL = [{"perms": 31, "scheme": "world", "id": "anyone"}]
WINDOW = 1000
THREADS = 8
PATH = "/legacy"
PATIENCE = 120


def load(which):
    """Import the module."""
    if which == "original":
        import zookeeper
    else:
        from zkc.legacy import zookeeper
    zookeeper.set_debug_level(1)
    return zookeeper


class Worker(object):  # noqa: UP004 - Python 2 needs the base
    """A session, and the operations that are timed. Each checks what it gets."""

    def __init__(self, zookeeper, hosts, name):
        self.zookeeper = zookeeper
        connected = threading.Event()
        self.h = zookeeper.init(hosts, lambda h, kind, state, path: state == 3 and connected.set(), 30000)
        if not connected.wait(PATIENCE):
            raise RuntimeError("no connection to " + hosts)
        self.path = PATH + "-" + name
        zookeeper.create(self.h, self.path, DATA, ACL)

    def expect(self, truth):
        if not truth:
            raise RuntimeError("a wrong answer")

    def get(self, count):
        get, h, path = self.zookeeper.get, self.h, self.path
        for _ in range(count):
            self.expect(get(h, path)[0] == DATA)

    def create(self, count):
        create, delete, h, path = self.zookeeper.create, self.zookeeper.delete, self.h, self.path + "/made"
        for _ in range(count):
            self.expect(create(h, path, DATA, ACL) == path)
            delete(h, path)

    def aget(self, count):
        aget, h, path = self.zookeeper.aget, self.h, self.path
        ended = threading.Event()
        state = {"send": count - min(count, WINDOW), "come": count, "wrong": 0}

        def take(h, rc, data, stat):
            state["wrong"] += rc != 0 or data != DATA
            state["come"] -= 1
            if state["send"]:
                state["send"] -= 1
                aget(h, path, None, take)
            elif not state["come"]:
                ended.set()

        for _ in range(min(count, WINDOW)):
            aget(h, path, None, take)
        self.expect(ended.wait(PATIENCE) and not state["wrong"])

    def watch(self, count):
        z, h, path = self.zookeeper, self.h, self.path + "/watched"
        z.create(h, path, DATA, ACL)
        ended = threading.Event()
        told = []

        def tell(h, kind, state, where):
            told.append((kind, where))
            if len(told) == count:
                ended.set()

        # All wait for one change, which is delivered to each: the delivery is what is timed, with what arms the watch.
        for _ in range(count):
            z.aexists(h, path, tell, None)
        z.set(h, path, DATA)
        self.expect(ended.wait(PATIENCE) and set(told) == {(3, path)})
        z.delete(h, path)

    def threads(self, count):
        threads = [threading.Thread(target=self.get, args=(count // THREADS,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def core(self, count):
        """What the drop-in stands on, for what it adds."""
        from zkc.legacy._core.handles import session_of

        session, path, data = session_of(self.h), self.path, DATA.encode()
        for _ in range(count):
            self.expect(session.get(path).result()[0] == data)


def cpu():
    """Return the CPU seconds of this process."""
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main():
    which, hosts = sys.argv[1:]
    worker = Worker(load(which), hosts, which)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in iter(sys.stdin.readline, ""):
        operation, count = line.split()
        used, begun = cpu(), time.time()
        getattr(worker, operation)(int(count))
        sys.stdout.write(json.dumps([time.time() - begun, cpu() - used]) + "\n")
        sys.stdout.flush()
    worker.zookeeper.close(worker.h)


if __name__ == "__main__":
    main()
