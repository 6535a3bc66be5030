"""Threads: neither long bytecode nor a callback that blocks costs a session its life or another its events."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest

from zkc import _zookeeper as core

from .core_support import ANYONE, CHANGED, CONNECTED, CREATED, EPHEMERAL, WAIT, Gate, Recorder, settle


def test_a_thread_that_burns_bytecode_costs_no_session(open_session, session):
    stop = threading.Event()

    def burn():
        while not stop.is_set():
            sum(range(1000))

    events, seen = Recorder(), Recorder()
    # Long enough that the machine itself, with other tests beside this one, does not stand still for two thirds of it.
    fragile = open_session(session_timeout=6.0, watcher=events)
    fragile.create("/mine", b"", ANYONE, EPHEMERAL).result(WAIT)
    threads = [threading.Thread(target=burn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        # Longer than the session timeout; each event comes through during that.
        end = time.monotonic() + 8.0
        while time.monotonic() < end:
            fragile.get("/", watch=seen).result(WAIT)
            session.set("/", b"x").result(WAIT)
            assert seen.next() == (CHANGED, CONNECTED, "/")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert session.exists("/mine").result(WAIT) is not None
    assert all(state >= 0 for _, state, _ in events.calls)


def test_a_thread_that_never_gives_up_the_gil_on_its_own(open_session, run_script):
    # One long operation in C holds the GIL; the heartbeats do not need it.
    result = run_script("""
session = core.Session(hosts, session_timeout=6)
session.wait_connected(20)
session.create("/mine", b"", ANYONE, 1).result(20)
begin = time.monotonic()
while time.monotonic() - begin < 8:
    pow(3, 400_000)  # no bytecode boundary inside
print(session.exists("/mine").result(20) is not None, session.state)
session.close()
""")
    assert result.ended_in_silence() == "True 3\n"


@pytest.mark.parametrize("seconds", [8.0, pytest.param(20.0, marks=pytest.mark.slow)])
def test_a_callback_that_blocks_does_not_expire_the_session(open_session, session, seconds):
    events, after = Recorder(), Recorder()
    blocked = open_session(session_timeout=6.0, watcher=events)
    blocked.create("/mine", b"", ANYONE, EPHEMERAL).result(WAIT)
    events.next()
    gate = Gate()
    blocked.get("/", watch=gate).result(WAIT)
    blocked.exists("/later", watch=after).result(WAIT)
    session.set("/", b"x").result(WAIT)
    assert gate.entered.wait(WAIT)
    session.create("/later", b"", ANYONE).result(WAIT)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert session.exists("/mine").result(WAIT) is not None
        assert blocked.exists("/mine").result(WAIT) is not None
        threading.Event().wait(0.05)
    assert after.calls == []
    gate.open()
    assert after.next() == (CREATED, CONNECTED, "/later")
    assert len(events.calls) == 1


def test_a_blocked_session_does_not_hold_up_another(open_session):
    blocked, free = open_session(), open_session()
    gate, seen = Gate(), Recorder()
    blocked.get("/", callback=gate)
    assert gate.entered.wait(WAIT)
    try:
        free.get("/", watch=seen).result(WAIT)
        free.set("/", b"x").result(WAIT)
        assert seen.next() == (CHANGED, CONNECTED, "/")
    finally:
        gate.open()


def test_one_session_used_by_many_threads(session):
    failures = []

    def work(name):
        try:
            for number in range(100):
                path = f"/{name}-{number}"
                session.create(path, path.encode(), ANYONE).result(WAIT)
                assert session.get(path).result(WAIT)[0] == path.encode()
                assert session.set(path, b"").result(WAIT).version == 1
                session.delete(path, 1).result(WAIT)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert session.get_children("/").result(WAIT) == []


def test_the_dispatcher_is_a_python_thread(session):
    seen = Recorder()
    session.get("/", callback=lambda _: seen(threading.current_thread()))
    thread = seen.next()
    assert isinstance(thread, threading.Thread)
    assert thread.daemon
    assert thread.name.startswith("zkc-dispatch-")
    assert thread in threading.enumerate()
    local = threading.local()
    session.get("/", callback=lambda _: setattr(local, "value", 1))
    session.get("/", callback=lambda _: seen(local.value))
    assert seen.next() == 1


def test_each_session_has_its_own_dispatcher(session, other):
    one, two = Recorder(), Recorder()
    session.get("/", callback=one)
    other.get("/", callback=two)
    one.next()
    two.next()
    assert one.threads != two.threads


def signal_masks():
    """Return the signals that each thread of the library blocks."""
    masks = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended since it was listed
            if (task / "comm").read_text().strip() == "zkc-io":
                status = (task / "status").read_text()
                masks.append(next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk")))
    return masks


def test_the_librarys_threads_take_no_signals(session, eventually):
    settle(session)
    # Ours runs completions, too; libzookeeper's own adaptor has another thread for them. That which opens is
    # short-lived, and has the same name.
    threads = 1 if core.build_info()["adaptor"] == "own" else 2
    masks = eventually(lambda: len(found := signal_masks()) == threads and found)
    for mask in masks:
        for number in (2, 10, 14, 15, 17):  # INT, USR1, ALRM, TERM, CHLD
            assert int(mask, 16) & (1 << (number - 1))


def test_many_descriptors(open_session, zookeeper_chroot):
    # poll, and not select, which knows no descriptor beyond 1023.
    held = []
    try:
        try:
            while not held or held[-1] < 1100:
                held.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pytest.skip("this process may not have so many descriptors")
        session = open_session(zookeeper_chroot)
        assert session.get("/").result(WAIT)[0] == b""
        session.close()
    finally:
        for descriptor in held:
            os.close(descriptor)
