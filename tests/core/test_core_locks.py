"""Flags, locks and conditions of the core, among threads. For greenlets see tests/client/test_green.py."""

import subprocess
import sys
import threading
import time

import pytest

from zkc import _zookeeper as core

pytestmark = pytest.mark.asan


def test_a_flag_wakes_all_that_wait(eventually):
    flag, woken = core.Flag(), []
    threads = [threading.Thread(target=lambda: woken.append(flag.wait())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert not flag.is_set()
    assert not woken
    flag.set()
    for thread in threads:
        thread.join()
    assert woken == [True] * 8
    assert flag.wait(0.0)
    flag.clear()
    begun = time.monotonic()
    assert not flag.wait(0.25)
    assert time.monotonic() - begun >= 0.25
    assert not flag.wait(-1.0)


def test_a_lock_lets_in_one_thread_at_a_time_and_again():
    lock, counts = core.RLock(), [0]

    def work():
        for _ in range(2000):
            with lock, lock:
                seen = counts[0]
                if seen % 100 == 0:
                    time.sleep(0)  # gives the others their turn
                counts[0] = seen + 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [12000]
    with pytest.raises(RuntimeError):
        lock.release()


def test_a_lock_is_given_back_by_who_has_it():
    lock, outcome = core.RLock(), []

    def work():
        try:
            lock.release()
        except RuntimeError as error:
            outcome.append(str(error))

    with lock:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert outcome == ["cannot release un-acquired lock"]


def test_a_condition_wakes_one_or_all(eventually):
    condition, woken = core.Condition(), []

    def work():
        with condition, condition:  # held twice, and given back whole
            woken.append(condition.wait(30.0))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()

    def notify_one():
        with condition:
            condition.notify()
        return woken

    eventually(notify_one)
    eventually(lambda: [condition.acquire(), condition.notify_all(), condition.release()] and len(woken) == 5)
    for thread in threads:
        thread.join()
    assert woken == [True] * 5
    with condition:
        assert not condition.wait(0.05)
    with pytest.raises(RuntimeError):
        condition.wait(0.0)


def test_ctrl_c_ends_a_wait():
    script = """
import os, signal, threading, time
from zkc import _zookeeper as core
def interrupt():
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
for wait in (core.Flag().wait, lambda: held.acquire()):
    held = core.RLock()
    taker = threading.Thread(target=held.acquire)
    taker.start()
    taker.join()
    thread = threading.Thread(target=interrupt)
    try:
        thread.start()  # Inside: on a busy machine the signal may come before the wait.
        wait()
    except KeyboardInterrupt:
        print("interrupted")
    thread.join()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n" * 2, "")


def test_a_lock_is_waited_for_no_longer_than_asked():
    lock, outcome = core.RLock(), []

    def work():
        outcome.append(lock.acquire(blocking=False))
        begun = time.monotonic()
        outcome.append(lock.acquire(timeout=0.2))
        outcome.append(time.monotonic() - begun >= 0.2)

    with lock:
        assert lock.acquire(timeout=0.2)
        lock.release()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert outcome == [False, False, True]

    def take():
        outcome.append(lock.acquire(timeout=30))
        lock.release()

    thread = threading.Thread(target=take)
    with lock:
        thread.start()
    thread.join()
    assert outcome[-1]
