"""A call beyond the most requests in flight waits for a slot; nothing overflows."""

from __future__ import annotations

import threading

import pytest

from zkc import errors

from .core_support import WAIT, Recorder, paused, settle


def test_a_call_beyond_the_limit_waits_for_a_slot(open_session, zookeeper_server, eventually):
    session = open_session(max_in_flight=4)
    sent = []
    with paused(zookeeper_server):
        sent += [session.get("/") for _ in range(4)]
        assert session.in_flight == 4
        waiting = threading.Thread(target=lambda: sent.append(session.get("/")))
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
        assert (len(sent), session.in_flight) == (4, 4)
    waiting.join(WAIT)
    assert [request.result(WAIT)[0] for request in sent] == [b""] * 5
    eventually(lambda: session.in_flight == 0)


def test_many_threads_share_a_few_slots(open_session):
    session = open_session(max_in_flight=3)
    most, failures = [], []

    def work():
        try:
            for _ in range(200):
                request = session.get("/")
                most.append(session.in_flight)
                request.result(WAIT)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    # A thread that tries for a slot counts itself for a moment.
    assert max(most) <= 3 + len(threads)


def test_one_slot_is_enough_for_callbacks_that_call(open_session):
    # The dispatcher waits for a slot itself: replies do not need it.
    session = open_session(max_in_flight=1)
    seen = Recorder()

    def again(request):
        seen(1)
        if len(seen.calls) < 200:
            session.get("/", callback=again)

    session.get("/", callback=again)
    for _ in range(200):
        seen.next()
    settle(session)


def test_a_callback_that_sends_many(open_session):
    session = open_session(max_in_flight=2)
    sent = Recorder()
    session.get("/", callback=lambda _: sent([session.get("/") for _ in range(100)]))
    assert all(request.result(WAIT)[0] == b"" for request in sent.next())


def test_close_ends_the_wait_for_a_slot(open_session, zookeeper_server):
    session = open_session(max_in_flight=1)
    errors_seen = []

    def call():
        try:
            session.get("/")
        except errors.ZooKeeperError as error:
            errors_seen.append(error)

    with paused(zookeeper_server):
        request = session.get("/")
        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        threads[0].join(0.05)
        session.close(0.2)
        for thread in threads:
            thread.join(WAIT)
    assert [type(error) for error in errors_seen] == [errors.ClosingError] * 4
    assert not any(error.maybe_applied for error in errors_seen)
    assert type(request.exception(WAIT)) is errors.ClosingError


def test_ctrl_c_ends_the_wait_for_a_slot(run_script, zookeeper_server):
    result = run_script("""
        session = core.Session(hosts, max_in_flight=2)
        session.wait_connected(20)
        blocked = threading.Event()
        session.get("/", callback=lambda _: blocked.wait(20)).result()
        freeze(int(sys.argv[2]))
        first = [session.get("/") for _ in range(2)]
        try:
            # Inside: on a busy machine the signal may come before the call.
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            session.get("/")
        except KeyboardInterrupt:
            print("interrupted")
        finally:
            thaw(int(sys.argv[2]))
            blocked.set()
        print([request.result(20)[0] for request in first], session.in_flight, session.get("/").result(20)[0])
        session.close()
    """, str(zookeeper_server.pid))  # fmt: skip
    assert result.ended_in_silence().splitlines() == ["interrupted", "[b'', b''] 0 b''"]


def test_a_hundred_thousand_calls_while_the_server_sleeps(open_session, zookeeper_server):
    # Each call writes a byte to libzookeeper's wake-up pipe of 64 KiB: unbounded, the burst would close the socket.
    session = open_session(session_timeout=40.0)
    failed = []
    done = Recorder()

    def count(request):
        if request.exception() is not None:
            failed.append(request.exception())

    zookeeper_server.pause()
    try:
        resume = threading.Timer(0.5, zookeeper_server.resume)
        resume.start()
        for _ in range(99_999):
            session.exists("/", callback=count)
        session.exists("/", callback=done)
    finally:
        resume.join()
        zookeeper_server.resume()
    done.next(60)
    assert failed == []
    assert session.in_flight == 0


def test_slots_come_back_from_calls_that_are_refused(open_session):
    session = open_session(max_in_flight=1)
    for _ in range(5):
        with pytest.raises(errors.NoNodeError):
            session.get("/missing").result(WAIT)
        with pytest.raises(errors.BadArgumentsError):
            session.get("no path")
    session.get("/").result(WAIT)
