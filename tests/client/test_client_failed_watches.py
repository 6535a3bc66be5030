"""A one-shot watch belongs to a call that succeeded: one of a call that failed is never called, and is given back."""

import concurrent.futures
import gc
import subprocess
import sys
import threading
import weakref

import pytest

import zkc
from zkc import EventType

from . import both
from .failed_watch_support import READS, ROUNDS, Watch, change


@pytest.fixture
def patient(make_zk, loop):
    """A client whose session outlives the pauses of these tests."""
    zk = make_zk(session_timeout=60)

    async def prepare():
        await zk.start()
        await zk.create("/a", b"x")

    loop.run_until_complete(prepare())
    return zk


@pytest.mark.parametrize("read", READS)
async def test_of_a_call_that_timed_out(patient, zookeeper_server, read):
    watch = Watch()
    zookeeper_server.pause()
    try:
        with pytest.raises(zkc.OperationTimeoutError):
            await READS[read](patient, "/a", watch=watch, timeout=0.05)
        given_back = weakref.ref(watch)
        events = watch.events
        del watch
        gc.collect()
        await both.eventually(lambda: given_back() is None)  # The answer has not come yet.
    finally:
        zookeeper_server.resume()
    await change(patient)
    assert events == []


async def test_of_the_configuration(patient, zookeeper_server):
    zookeeper_server.pause()
    try:
        with pytest.raises(zkc.OperationTimeoutError):
            await patient.get_config(watch=Watch(), timeout=0.05)
    finally:
        zookeeper_server.resume()
    await patient.sync("/")
    # The thread that runs callbacks gives it back.
    await both.eventually(lambda: zkc._zookeeper.live_counts()["watches"] == 0)


async def test_of_a_call_that_is_retried_once_for_one_change(patient, zookeeper_server):
    watch = Watch()
    zookeeper_server.pause()
    timer = threading.Timer(0.5, zookeeper_server.resume)
    timer.start()
    try:
        patience = zkc.Retry(attempts=None, deadline=60.0)
        await patient.retry(patient.inner.get, "/a", watch=watch, timeout=0.1, policy=patience)
    finally:
        timer.join()
    await change(patient)
    assert [event.type for event in watch.events] == [EventType.CHANGED]


async def test_of_a_missing_znode(patient, zookeeper_server):
    watch = Watch()
    zookeeper_server.pause()
    try:
        with pytest.raises(zkc.OperationTimeoutError):
            await patient.exists("/none", watch=watch, timeout=0.05)
    finally:
        zookeeper_server.resume()
    await patient.create("/none")
    with pytest.raises(zkc.NoNodeError):
        await patient.get("/missing", watch=watch)
    await patient.create("/missing")
    await change(patient)
    assert watch.events == []


async def test_another_call_with_the_same_watch_keeps_it(patient, zookeeper_server):
    watch = Watch()
    await patient.get("/a", watch=watch)
    zookeeper_server.pause()
    try:
        with pytest.raises(zkc.OperationTimeoutError):
            await patient.get("/a", watch=watch, timeout=0.05)
    finally:
        zookeeper_server.resume()
    await change(patient)
    assert len(watch.events) == 1


async def test_a_timeout_and_the_answer_at_the_same_moment(patient):
    """Whatever the call came to: it is called once when the call succeeded, and never when it did not."""
    outcomes = []
    for number in range(ROUNDS):
        watch = Watch()
        try:
            await patient.get("/a", watch=watch, timeout=1e-6 + number * 5e-6)
            succeeded = True
        except zkc.OperationTimeoutError:
            succeeded = False
        await change(patient)
        assert len(watch.events) == succeeded
        outcomes.append(succeeded)
    print("succeeded:", sum(outcomes), "of", len(outcomes))


# ---- futures --------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(hosts, zookeeper_server):
    with zkc.Client(hosts, session_timeout=60.0) as client:
        client.create("/a", b"x")
        zookeeper_server.pause()
        try:
            yield client
        finally:
            zookeeper_server.resume()


def change_it(client):
    delivered = threading.Event()
    client.set("/a", b"y")
    client.create("/a/b")
    client.exists("/a", watch=lambda _: delivered.set())
    client.set("/a", b"z")
    assert delivered.wait(20)


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("read", READS)
def test_of_a_future_that_was_cancelled(held, zookeeper_server, eventually, read, asked):
    watch = Watch()
    future = READS[read](held.submit, "/a", watch=watch)
    if asked:
        future.add_done_callback(lambda _: None)
    assert future.cancel()
    events, given_back = watch.events, weakref.ref(watch)
    del watch
    gc.collect()
    zookeeper_server.resume()
    change_it(held)
    assert events == []
    eventually(lambda: given_back() is None)


def test_of_a_future_that_was_too_late(held, zookeeper_server):
    watch = Watch()
    future = held.submit.get("/a", watch=watch, timeout=0.05)
    with pytest.raises(zkc.OperationTimeoutError):
        future.result(20)
    zookeeper_server.resume()
    change_it(held)
    assert watch.events == []


def test_a_future_that_is_waited_for_again_has_its_watch(held, zookeeper_server):
    watch = Watch()
    future = held.submit.get("/a", watch=watch)
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0.05)  # A limit of the wait, and not of the call.
    zookeeper_server.resume()
    change_it(held)
    assert len(watch.events) == 1
    assert future.result(20)[0] == b"x"


def test_a_future_that_was_forgotten_has_its_watch(held, zookeeper_server):
    watch = Watch()
    held.submit.get("/a", watch=watch)
    gc.collect()
    zookeeper_server.resume()
    change_it(held)
    assert len(watch.events) == 1


def test_cancelled_while_the_answer_comes(client):
    client.create("/a")
    cancelled = 0
    for _ in range(ROUNDS):
        watch = Watch()
        future = client.submit.get("/a", watch=watch)
        cancelled += future.cancel()
        delivered = threading.Event()
        client.exists("/a", watch=lambda _, delivered=delivered: delivered.set())
        client.set("/a", b"")
        assert delivered.wait(20)
        assert len(watch.events) == (not future.cancelled())
    print("cancelled:", cancelled, "of", ROUNDS)


# ---- signals --------------------------------------------------------------------------------------------------------

INTERRUPTED = """
import signal, sys, threading, zkc
from zkc.testing import FaultProxy

class Interrupted(Exception): pass

def interrupt(*_):
    raise Interrupted

signal.signal(signal.SIGALRM, interrupt)
port, chroot = int(sys.argv[1]), sys.argv[2]
called = []
with FaultProxy("127.0.0.1", port) as proxy, zkc.Client(proxy.hosts + chroot, session_timeout=60.0) as client:
    client.create("/a")
    proxy.pause()
    for call in (client.get, client.exists, client.children):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            call("/a", watch=called.append)
        except Interrupted:
            print("interrupted")
    proxy.resume()
    delivered = threading.Event()
    client.create("/a/b")
    client.exists("/a", watch=lambda event: delivered.set())
    client.set("/a", b"")
    assert delivered.wait(20)
print(called)
"""


def test_of_a_call_that_a_signal_handler_ended(hosts, zookeeper_server):
    chroot = hosts[hosts.index("/") :]
    command = [sys.executable, "-c", INTERRUPTED, str(zookeeper_server.port), chroot]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n") == ["interrupted"] * 3 + ["[]", ""]
