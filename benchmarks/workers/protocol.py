# mypy: ignore-errors
# ruff: noqa: SIM105, UP004, UP031
# Python 2 has no annotations, and lacks newer syntax.
"""The common part of workers in Python: run and time operations. README.md describes the lines of input and output.

Python 2.7 runs this file too, with the original of the old module, so it uses only what both versions support. It
imports nothing of zkc, which would count in the measured memory.
"""

import gc
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
TIMEOUT = 60
LONG_TIMEOUT = 600

clock = getattr(time, "perf_counter", time.time)


_many = {}


class WrongAnswerError(Exception):
    """Raised when a client's answer differs from the server's data."""


def expect(truth, what="a wrong answer"):
    """Raise WrongAnswerError unless *truth* holds."""
    if not truth:
        raise WrongAnswerError(what)


def path_of(size):
    """Return the path of the znode with that many bytes, which all workers read."""
    return "/data-%d" % size


def data_of(path, size):
    """Return the expected data of a znode."""
    return (path + "x" * (size - len(path))).encode("ascii")


def many(size):
    """Return the paths and the data of the thousand znodes for pipelined reads."""
    if size not in _many:
        paths = ["/data-%d.%04d" % (size, number) for number in range(PATHS)]
        _many[size] = paths, [data_of(path, size) for path in paths]
    return _many[size]


def cpu():
    """Return the CPU seconds of this process."""
    used = getrusage(RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def resident():
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def percentiles(times):
    """Return p50 and p99 in microseconds."""
    times = sorted(times)
    return {"p50": times[len(times) // 2] * 1e6, "p99": times[len(times) * 99 // 100] * 1e6}


class Stopwatch(object):
    """A stopwatch for the time and the CPU time of a block."""

    def __enter__(self):
        self.cpu, self.begun = cpu(), clock()
        return self

    def __exit__(self, *_):
        self.seconds, self.cpu = clock() - self.begun, cpu() - self.cpu

    def figures(self, count, **more):
        """Return the figures of the block."""
        return dict(more, count=count, seconds=self.seconds, cpu=self.cpu)


def timed_each(count, action, check):
    """Call an action *count* times, one after the other, and check each result.

    The check does not count in an action's time.
    """
    times = []
    with Stopwatch() as stopwatch:
        for _ in range(count):
            begun = clock()
            found = action()
            times.append(clock() - begun)
            check(found)
    return stopwatch.figures(count, **percentiles(times))


def timed(count, action, *arguments):
    """Call an action once that does all the operations."""
    with Stopwatch() as stopwatch:
        action(count, *arguments)
    return stopwatch.figures(count)


def each_beside_bytecode(count, action, check):
    """Call an action *count* times, one after the other, without and with a thread of bytecode."""

    def run(count, times):
        for _ in range(count):
            begun = clock()
            found = action()
            times.append(clock() - begun)
            check(found)

    return beside_bytecode(count, run)


def in_threads(count, action):
    """Call an action *count* times from several threads together; a failure of one thread fails the operation."""
    failures = []

    def run():
        try:
            for _ in range(count // THREADS):
                action()
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    with Stopwatch() as stopwatch:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expect(not failures, repr(failures))
    return stopwatch.figures(count)


def in_each(functions):
    """Run functions in a thread each; a failure of one thread fails the operation."""
    failures = []

    def run(function):
        try:
            function()
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not failures, repr(failures))


def contended(cycles, contenders, acquire, release, pause):
    """Let contenders acquire and release a lock, each in a thread, and report when each of them did so.

    :param acquire: takes a contender; returns what it holds.
    :param release: takes a contender, and what it holds.
    :param pause: the seconds between an acquire and the release after it.
    """
    granted, released = [], []

    def run(contender):
        for _ in range(cycles):
            hold = acquire(contender)
            granted.append(time.monotonic_ns())
            if pause:
                time.sleep(pause)  # The lock is held for so long.
            released.append(time.monotonic_ns())
            release(contender, hold)

    with Stopwatch() as stopwatch:
        in_each([lambda one=one: run(one) for one in contenders])
    return stopwatch.figures(cycles * len(contenders), granted=granted, released=released)


def by_hundreds(data, put):
    """Put items, a hundred at once."""
    for start in range(0, len(data), 100):
        put(data[start : start + 100])


def queued(count, put, consumers, finish=lambda: None):
    """Put items of 100 bytes, and consume them.

    :param put: takes the data of all items.
    :param consumers: functions that consume one item each; they run in a thread each, and share the items.
    :param finish: waits for what the consumers have not waited for.
    """
    left, lock = [count], threading.Lock()

    def run(consume):
        while True:
            with lock:
                if left[0] == 0:
                    return
                left[0] -= 1
            consume()

    with Stopwatch() as all_of_it:
        with Stopwatch() as putting:
            put([b"x" * 100] * count)
        with Stopwatch() as consuming:
            in_each([lambda one=one: run(one) for one in consumers])
            finish()
    return all_of_it.figures(count, put_rate=count / putting.seconds, get_rate=count / consuming.seconds)


class Campaign(object):
    """The part of a process in an election.

    :param run: takes a function that is called when the process leads.
    """

    def __init__(self, run):
        self._leads, self._at = threading.Event(), None
        thread = threading.Thread(target=run, args=(self._lead,))
        thread.daemon = True  # It leads until the process ends.
        thread.start()

    def _lead(self, *_):
        self._at = time.monotonic_ns()
        self._leads.set()
        threading.Event().wait()

    def figures(self, **more):
        """Return figures without a time."""
        return nothing(**more)

    def led(self):
        """Wait until the process leads, and return when."""
        expect(self._leads.wait(TIMEOUT), "the process did not become the leader")
        return self.figures(at=self._at)


def nothing(**more):
    """Return figures without a time."""
    return dict(more, count=1, seconds=1.0, cpu=0.0)


def held(count, begin):
    """Time the making of something that holds *count* things, and measure the memory that it takes."""
    gc.collect()
    before = resident()
    with Stopwatch() as stopwatch:
        begin()
    gc.collect()
    return stopwatch.figures(count, bytes=(resident() - before) / float(count))


class Changes(object):
    """The changes that a callback hears of: paths and times, in their order."""

    def __init__(self):
        self.clear()

    def clear(self):
        """Begin, and return figures without a time."""
        self._paths, self._times = [], []
        self._stopwatch = Stopwatch().__enter__()
        return nothing()

    def add(self, path):
        """Note a change."""
        self._paths.append(path)
        self._times.append(time.monotonic_ns())

    def wait(self, count):
        """Wait for so many changes in all, and return them."""
        deadline = clock() + LONG_TIMEOUT
        while len(self._times) < count:
            expect(clock() < deadline, "%d of %d changes" % (len(self._times), count))
            time.sleep(0.01)  # Between two looks: another thread counts.
        self._stopwatch.__exit__()
        return self._stopwatch.figures(count, paths=self._paths, times=self._times)


def beside_bytecode(count, run):
    """Measure the same without and with a thread that only runs bytecode.

    :param run: takes the count and a list for the seconds of each request.
    :returns: the figures with the thread, and under names that begin with ``quiet_`` those without. ``busy`` is that
        thread's speed during the measurement, as a fraction of its speed afterwards.
    """
    quiet, busy, over, turns = [], [], threading.Event(), [0]

    def burn():
        number = 0
        while not over.is_set():
            for _ in range(100):
                number += 1
            turns[0] += 1

    with Stopwatch() as alone:
        run(count, quiet)
    burner = threading.Thread(target=burn)
    burner.start()
    try:
        begun = turns[0]
        with Stopwatch() as stopwatch:
            run(count, busy)
        ended = turns[0]
        with Stopwatch() as rest:
            time.sleep(0.1)  # The time in which the other thread's own speed is measured.
        whole = turns[0] - ended
    finally:
        over.set()
        burner.join()
    before = dict(percentiles(quiet), rate=count / alone.seconds)
    kept = (ended - begun) / stopwatch.seconds * rest.seconds / max(1, whole)
    figures = stopwatch.figures(count, busy=kept, **percentiles(busy))
    figures.update(("quiet_" + name, value) for name, value in before.items())
    return figures


def watched(count, arm, set_data):
    """Measure the time from sending a set until the watch is called.

    :param arm: takes the function for the watch to call.
    :param set_data: sets the znode, from another session.
    """
    times = []
    called = threading.Event()
    at = []

    def callback(*_):
        at.append(clock())
        called.set()

    with Stopwatch() as stopwatch:
        for number in range(count):
            called.clear()
            arm(callback)
            begun = clock()
            set_data()
            expect(called.wait(TIMEOUT) and len(at) == number + 1, "an event that did not arrive exactly once")
            times.append(at[-1] - begun)
    return stopwatch.figures(count, **percentiles(times))


def idle(count, connect, close):
    """Measure the memory of an idle session."""
    close(connect())  # the first session allocates what all share
    with Stopwatch() as stopwatch:
        before = resident()
        clients = [connect() for _ in range(count)]
        held = resident() - before
    for client in clients:
        close(client)
    return stopwatch.figures(count, bytes=held / float(count))


def outstanding(count, hosts, submit, finish, size=100, sent=lambda: None):
    """Measure the memory of an unanswered request.

    :param submit: takes a path and sends a get; returns the pending request.
    :param finish: takes a pending request once the server replies, and returns the data.
    :param sent: makes sure that all requests are sent, if submitting does not.
    """
    paths, data = many(size)
    hole = submit("/hole")
    sent()
    with Stopwatch() as stopwatch:
        before = resident()
        kept = [submit(paths[number % PATHS]) for number in range(count)]
        sent()
        time.sleep(0.2)  # Until the send buffers are empty, which do not count as memory of a request.
        held = resident() - before
    host, port = hosts.split(":")
    with socket.create_connection((host, int(port))) as control:
        control.sendall(b"free")
        for number, request in enumerate(kept):
            expect(finish(request) == data[number % PATHS])
    try:
        finish(hole)
    except Exception:  # noqa: BLE001 - there is no such znode
        pass
    return stopwatch.figures(count, bytes=held / float(count))


def serve(operations, read=sys.stdin.readline):
    """Run the operations of standard input until it ends."""
    _write_line({"ready": True})
    for line in iter(read, ""):
        words = line.split()
        figures = operations[words[0]](*[int(word) for word in words[1:]])
        _write_line(dict(figures, checked=True))


def serve_all(operations):
    """Run the operations that are the public methods of an object."""
    serve({name: getattr(operations, name) for name in vars(type(operations)) if not name.startswith("_")})


def _write_line(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()
