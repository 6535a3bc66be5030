# mypy: ignore-errors
# ruff: noqa: C402, UP004
# Python 2 knows no annotations, and not all that is newer.
"""Does what it is told with the module ``zookeeper``: the original, or zkc's drop-in for it.

Python 2.7 runs this file, too, with the original. So it is written in what both understand, and imports nothing of ours
but the drop-in.
"""

import sys
import threading

import protocol
from protocol import PATHS, PATIENCE, WINDOW, expect, timed, timed_each

ACL = [{"perms": 31, "scheme": "world", "id": "anyone"}]


def load(which):
    """Import the module."""
    if which == "original":
        import zookeeper
    else:
        from zkc.legacy import zookeeper
    zookeeper.set_debug_level(1)
    return zookeeper


def text_of(path, size):
    """Return what is to be in a znode as the module returns it."""
    return path + "x" * (size - len(path))


class Worker(object):
    """A session, and the operations that are timed. Each checks what it gets."""

    def __init__(self, zookeeper, hosts):
        self.zookeeper = zookeeper
        self.hosts = hosts
        self.h = self.connect_one()

    def connect_one(self):
        connected = threading.Event()
        h = self.zookeeper.init(self.hosts, lambda h, kind, state, path: state == 3 and connected.set(), 30000)
        expect(connected.wait(PATIENCE), "no connection to " + self.hosts)
        return h

    def get(self, count, size):
        get, h, path = self.zookeeper.get, self.h, protocol.path_of(size)
        return timed_each(count, lambda: get(h, path), self.checker(size))

    def beside(self, count, size):
        get, h, path = self.zookeeper.get, self.h, protocol.path_of(size)
        return protocol.each_beside_bytecode(count, lambda: get(h, path), self.checker(size))

    def checker(self, size):
        data = text_of(protocol.path_of(size), size)

        def check(found):
            expect(found[0] == data and found[1]["dataLength"] == size and found[1]["version"] == 0)

        return check

    def set(self, count, size):
        z, h, data = self.zookeeper, self.h, text_of("", size)
        last = [z.exists(h, "/set")["version"]]

        def check(stat):
            last[0] += 1
            expect(stat["version"] == last[0] and stat["dataLength"] == size)

        return timed_each(count, lambda: z.set2(h, "/set", data, -1), check)

    def create(self, count, size):
        z, h, data = self.zookeeper, self.h, text_of("", size)

        def pair():
            path = z.create(h, "/made", data, ACL)
            z.delete(h, "/made")
            return path

        return timed_each(count, pair, lambda path: expect(path == "/made"))

    def pipelined(self, count, size):
        paths, _ = protocol.many(size)
        data = [text_of(path, size) for path in paths]
        return timed(count, self.by_callback, paths, data)

    def by_callback(self, count, paths, data):
        aget, h = self.zookeeper.aget, self.h
        ended = threading.Event()
        state = {"sent": 0, "come": 0, "wrong": 0}

        def send():
            path = paths[state["sent"] % PATHS]
            state["sent"] += 1
            aget(h, path, None, take)

        def take(h, rc, found, stat):
            state["wrong"] += rc != 0 or found != data[state["come"] % PATHS]
            state["come"] += 1
            if state["sent"] < count:
                send()
            elif state["come"] == count:
                ended.set()

        def begin(*_):
            for _ in range(min(count, WINDOW)):
                send()

        # From the thread that runs the callbacks, so that nobody is in between.
        aget(h, paths[0], None, begin)
        expect(ended.wait(PATIENCE) and not state["wrong"])

    def threads(self, count, size):
        get, h, path, check = self.zookeeper.get, self.h, protocol.path_of(size), self.checker(size)
        return protocol.in_threads(count, lambda: check(get(h, path)))

    def watch(self, count, size):
        z, h, data, setter = self.zookeeper, self.h, text_of("", size), self.connect_one()
        try:
            return protocol.watched(
                count, lambda tell: z.get(h, "/watched", tell), lambda: z.set(setter, "/watched", data)
            )
        finally:
            z.close(setter)

    def watchers(self, count, size):
        """Have many wait for one change, which is told to each: that is what is timed, with what arms the watches."""
        z, h = self.zookeeper, self.h
        ended = threading.Event()
        told = []

        def tell(h, kind, state, where):
            told.append((kind, where))
            if len(told) == count:
                ended.set()

        def run(count):
            for _ in range(count):
                z.aexists(h, "/watched", tell, None)
            z.set(h, "/watched", text_of("", size))
            expect(ended.wait(PATIENCE) and set(told) == {(3, "/watched")})

        return timed(count, run)

    def core(self, count, size):
        """Do what the drop-in stands on, for what it adds."""
        from zkc.legacy._core.handles import session_of

        session, path = session_of(self.h), protocol.path_of(size)
        data = protocol.data_of(path, size)
        return timed_each(count, lambda: session.get(path).result(), lambda found: expect(found[0] == data))


def main():
    which, hosts = sys.argv[1:]
    worker = Worker(load(which), hosts)
    names = ("get", "beside", "set", "create", "pipelined", "threads", "watch", "watchers", "core")
    protocol.serve(dict((name, getattr(worker, name)) for name in names))
    worker.zookeeper.close(worker.h)


if __name__ == "__main__":
    main()
