# mypy: ignore-errors
# ruff: noqa: C402, UP004
# Python 2 has no annotations, and lacks newer syntax.
"""A worker with the module ``zookeeper``: the original, or zkc's drop-in for it.

Python 2.7 runs this file, too, with the original. So it uses only what both versions support, and imports nothing of
zkc but the drop-in.
"""

import sys
import threading

import protocol
from protocol import PATHS, TIMEOUT, WINDOW, expect, timed, timed_each

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
    """Return the expected data of a znode, as the module returns them."""
    return path + "x" * (size - len(path))


class Worker(object):
    """A session, with the timed operations. Each checks the answers."""

    def __init__(self, zookeeper, hosts):
        self.zookeeper = zookeeper
        self.hosts = hosts
        self.h = self.connect_one()

    def connect_one(self):
        connected = threading.Event()
        h = self.zookeeper.init(self.hosts, lambda h, kind, state, path: state == 3 and connected.set(), 30000)
        expect(connected.wait(TIMEOUT), "no connection to " + self.hosts)
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
        state = {"sent": 0, "answered": 0, "wrong": 0}

        def send():
            path = paths[state["sent"] % PATHS]
            state["sent"] += 1
            aget(h, path, None, take)

        def take(h, rc, found, stat):
            state["wrong"] += rc != 0 or found != data[state["answered"] % PATHS]
            state["answered"] += 1
            if state["sent"] < count:
                send()
            elif state["answered"] == count:
                ended.set()

        def begin(*_):
            for _ in range(min(count, WINDOW)):
                send()

        # Begin on the thread that runs the callbacks, so that no other thread sends.
        aget(h, paths[0], None, begin)
        expect(ended.wait(TIMEOUT) and not state["wrong"])

    def threads(self, count, size):
        get, h, path, check = self.zookeeper.get, self.h, protocol.path_of(size), self.checker(size)
        return protocol.in_threads(count, lambda: check(get(h, path)))

    def watch(self, count, size):
        z, h, data, setter = self.zookeeper, self.h, text_of("", size), self.connect_one()
        try:
            return protocol.watched(
                count, lambda callback: z.get(h, "/watched", callback), lambda: z.set(setter, "/watched", data)
            )
        finally:
            z.close(setter)

    def watchers(self, count, size):
        """Time many watchers of one change, from arming the watches to the last event."""
        z, h = self.zookeeper, self.h
        ended = threading.Event()
        events = []

        def on_event(h, kind, state, where):
            events.append((kind, where))
            if len(events) == count:
                ended.set()

        def run(count):
            for _ in range(count):
                z.aexists(h, "/watched", on_event, None)
            z.set(h, "/watched", text_of("", size))
            expect(ended.wait(TIMEOUT) and set(events) == {(3, "/watched")})

        return timed(count, run)

    def core(self, count, size):
        """Call the Session under the drop-in, to show what the drop-in adds."""
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
