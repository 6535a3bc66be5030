# mypy: ignore-errors
# ruff: noqa: SIM105, UP004, UP031
# Python 2 knows no annotations, and not all that is newer.
"""A worker in Python: does what it is told, and says how long it took. README.md has the lines that go in and out.

Python 2.7 runs this file too, with the original of the old module, so it is written in what both understand. It imports
nothing of ours: what it measures is all that a process holds.
"""

import json
import os
import socket
import sys
import threading
import time
from resource import RUSAGE_SELF, getrusage

WINDOW = 1000
THREADS = 8
PATHS = 1000
PATIENCE = 60

clock = getattr(time, "perf_counter", time.time)


_many = {}


class WrongAnswerError(Exception):
    """What a server said, or a client made of it, is not what is there."""


def expect(truth, what="a wrong answer"):
    """Fail loudly unless it is so."""
    if not truth:
        raise WrongAnswerError(what)


def path_of(size):
    """Return the znode of that many bytes of which everybody reads."""
    return "/data-%d" % size


def data_of(path, size):
    """Return what is to be in a znode."""
    return (path + "x" * (size - len(path))).encode("ascii")


def many(size):
    """Return the paths and the data of the znodes that are read by the thousand."""
    if size not in _many:
        paths = ["/data-%d.%04d" % (size, number) for number in range(PATHS)]
        _many[size] = paths, [data_of(path, size) for path in paths]
    return _many[size]


def cpu():
    """Return the CPU seconds of this process."""
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident():
    """Return the bytes of this process that are present."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def percentiles(times):
    """Return the two that are reported, in microseconds."""
    times = sorted(times)
    return {"p50": times[len(times) // 2] * 1e6, "p99": times[len(times) * 99 // 100] * 1e6}


class Taken(object):
    """Takes the time and the CPU time of a block."""

    def __enter__(self):
        self.cpu, self.begun = cpu(), clock()
        return self

    def __exit__(self, *_):
        self.seconds, self.cpu = clock() - self.begun, cpu() - self.cpu

    def figures(self, count, **more):
        """Return what is reported of it."""
        return dict(more, count=count, seconds=self.seconds, cpu=self.cpu)


def timed_each(count, action, check):
    """Call an action that often, one after the other, and check what each returned.

    The check is no part of an action's own time.
    """
    times = []
    with Taken() as taken:
        for _ in range(count):
            begun = clock()
            found = action()
            times.append(clock() - begun)
            check(found)
    return taken.figures(count, **percentiles(times))


def timed(count, action, *arguments):
    """Call an action once that does it all."""
    with Taken() as taken:
        action(count, *arguments)
    return taken.figures(count)


def each_beside_bytecode(count, action, check):
    """Call an action that often, one after the other, without and with a thread of bytecode."""

    def run(count, times):
        for _ in range(count):
            begun = clock()
            found = action()
            times.append(clock() - begun)
            check(found)

    return beside_bytecode(count, run)


def in_threads(count, action):
    """Call an action that often from several threads together; any failure is one of the whole."""
    failures = []

    def run():
        try:
            for _ in range(count // THREADS):
                action()
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    with Taken() as taken:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expect(not failures, repr(failures))
    return taken.figures(count)


def beside_bytecode(count, run):
    """Measure the same without and with a thread that does nothing but run bytecode.

    :param run: takes the count and a list for the seconds that each request took.
    :returns: the figures with it, and under names that begin with ``quiet_`` those without; ``busy`` is the speed of
        that thread, of what it has while nothing is measured.
    """
    quiet, busy, over, turns = [], [], threading.Event(), [0]

    def burn():
        number = 0
        while not over.is_set():
            for _ in range(100):
                number += 1
            turns[0] += 1

    with Taken() as alone:
        run(count, quiet)
    burner = threading.Thread(target=burn)
    burner.start()
    try:
        begun = turns[0]
        with Taken() as taken:
            run(count, busy)
        ended = turns[0]
        with Taken() as rest:
            time.sleep(0.1)  # Not for luck: the length of what the other thread's speed is measured in.
        whole = turns[0] - ended
    finally:
        over.set()
        burner.join()
    before = dict(percentiles(quiet), rate=count / alone.seconds)
    kept = (ended - begun) / taken.seconds * rest.seconds / max(1, whole)
    figures = taken.figures(count, busy=kept, **percentiles(busy))
    figures.update(("quiet_" + name, value) for name, value in before.items())
    return figures


def watched(count, arm, set_data):
    """Time from the moment that a set is sent until the watch is told.

    :param arm: takes what the watch is to call.
    :param set_data: sets the znode, from another session.
    """
    times = []
    told = threading.Event()
    at = []

    def tell(*_):
        at.append(clock())
        told.set()

    with Taken() as taken:
        for number in range(count):
            told.clear()
            arm(tell)
            begun = clock()
            set_data()
            expect(told.wait(PATIENCE) and len(at) == number + 1, "an event that did not come once")
            times.append(at[-1] - begun)
    return taken.figures(count, **percentiles(times))


def idle(count, connect, close):
    """Say what a session that does nothing holds in memory."""
    close(connect())  # what the first one makes for all
    with Taken() as taken:
        before = resident()
        clients = [connect() for _ in range(count)]
        held = resident() - before
    for client in clients:
        close(client)
    return taken.figures(count, bytes=held / float(count))


def outstanding(count, hosts, submit, finish, size=100, sent=lambda: None):
    """Say what a request without an answer holds in memory.

    :param submit: takes a path and asks for its data; what it returns is kept.
    :param finish: takes what was returned, when the server answers, and returns the data.
    :param sent: makes sure that all is sent, if that is not done anyway.
    """
    paths, data = many(size)
    hole = submit("/hole")
    sent()
    with Taken() as taken:
        before = resident()
        kept = [submit(paths[number % PATHS]) for number in range(count)]
        sent()
        time.sleep(0.2)  # Not for luck: what is to be sent is sent meanwhile, and is no part of what a request holds.
        held = resident() - before
    host, port = hosts.split(":")
    with socket.create_connection((host, int(port))) as control:
        control.sendall(b"free")
        for number, one in enumerate(kept):
            expect(finish(one) == data[number % PATHS])
    try:
        finish(hole)
    except Exception:  # noqa: BLE001 - there is no such znode
        pass
    return taken.figures(count, bytes=held / float(count))


def serve(operations, read=sys.stdin.readline):
    """Do what standard input says until it ends."""
    _say({"ready": True})
    for line in iter(read, ""):
        name, count, size = line.split()
        figures = operations[name](int(count), int(size))
        _say(dict(figures, checked=True))


def _say(what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
