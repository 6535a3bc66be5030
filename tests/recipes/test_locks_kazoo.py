"""Read-write locks and semaphores beside kazoo's own, on the same paths. Scenarios 37 and 39."""

from __future__ import annotations

import json
import random
import threading
import time

import pytest

from zkc.recipes import LimitMismatchError

from .kazoo_support import start_kazoo

CYCLES = 40
FULL = 500

_RW = """
import json, random, threading, time
found = []
def work(seed):
    dice = random.Random(seed)
    for _ in range({cycles}):
        kind = dice.choice(["read", "read", "write"])
        lock = zk.ReadLock("/rw") if kind == "read" else zk.WriteLock("/rw")
        with lock:
            begun = time.monotonic()
            time.sleep(0.001)
            found.append((kind, begun, time.monotonic()))
threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(found))
"""

_SEMAPHORE = """
import json, threading, time
found = []
def work():
    semaphore = zk.Semaphore("/sem", max_leases=3)
    for _ in range({cycles}):
        with semaphore:
            begun = time.monotonic()
            time.sleep(0.001)
            found.append((1, begun, time.monotonic()))
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(found))
"""


@pytest.fixture(params=[CYCLES, pytest.param(FULL, marks=[pytest.mark.full, pytest.mark.timeout(900)])])
def cycles(request):
    return request.param


def beside_kazoo(hosts, program, work, threads=3):
    """Run a function in threads beside a program of kazoo; return the intervals of both, as lists."""
    process = start_kazoo(hosts, program)
    failures = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:
            failures.append(error)
            raise

    ours = [threading.Thread(target=guarded, args=(number,)) for number in range(threads)]
    for thread in ours:
        thread.start()
    for thread in ours:
        thread.join()
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert not failures
    return [tuple(entry) for entry in json.loads(output)]


def steps(intervals):
    """Return the begins and ends of intervals in the order of time: (what, +1 or -1)."""
    found = [(begun, 1, what) for what, begun, _ in intervals] + [(ended, -1, what) for what, _, ended in intervals]
    return [(what, change) for _, change, what in sorted(found)]


def test_rwlock_beside_kazoo(client, hosts, cycles):
    lock, found = client.rwlock("/rw", layout="kazoo"), []

    def work(number):
        dice = random.Random(number)
        for _ in range(cycles):
            kind = dice.choice(["read", "read", "write"])
            hold = (lock.read if kind == "read" else lock.write).acquire(timeout=60)
            begun = time.monotonic()
            time.sleep(0.001)
            found.append((kind, begun, time.monotonic()))
            if kind == "write" and dice.random() < 0.5:
                hold = hold.downgrade()
                begun = time.monotonic()
                found.append(("read", begun, time.monotonic()))
            hold.release()

    found += beside_kazoo(hosts, _RW.format(cycles=cycles), work)
    held = {"read": 0, "write": 0}
    for kind, change in steps(found):
        held[kind] += change
        assert held["write"] <= 1
        assert not (held["write"] and held["read"])


def test_semaphore_beside_kazoo(client, hosts, cycles):
    semaphore, found = client.semaphore("/sem", 3, layout="kazoo"), []

    def work(number):
        for turn in range(cycles):
            size = 1 + (turn + number) % 3
            hold = semaphore.acquire(size, timeout=60)
            begun = time.monotonic()
            time.sleep(0.001)
            found.append((size, begun, time.monotonic()))
            hold.release()

    found += beside_kazoo(hosts, _SEMAPHORE.format(cycles=cycles), work)
    held = most = 0
    for size, change in steps(found):
        held += size * change
        most = max(most, held)
        assert held <= 3
    assert most == 3
    assert client.children("/sem") == []


def test_semaphore_limit_that_kazoo_has_written(client, hosts, eventually):
    process = start_kazoo(hosts, 'zk.Semaphore("/sem", max_leases=2).acquire(); print("ready", flush=True); input()')
    try:
        assert process.stdout.readline() == "ready\n"
        semaphore = client.semaphore("/sem", 2, identifier="ours", layout="kazoo")
        hold = semaphore.acquire(timeout=10)
        assert len(semaphore.holders()) == 2
        assert semaphore.try_acquire() is None
        hold.release()
        if (client.get("/sem")[0] or b"").isdigit():
            with pytest.raises(LimitMismatchError):
                client.semaphore("/sem", 3, layout="kazoo").acquire(timeout=10)
    finally:
        process.kill()
        process.communicate()


def test_semaphore_limit_that_zkc_has_written_is_kazoos(client, hosts):
    client.semaphore("/sem", 3, layout="kazoo").acquire(timeout=10).release()
    process = start_kazoo(
        hosts,
        """
try:
    zk.Semaphore("/sem", max_leases=2).acquire()
except ValueError as error:
    print(error)
""",
    )
    output, _ = process.communicate(timeout=60)
    assert "Inconsistent max leases: 3" in output
