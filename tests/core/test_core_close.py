"""close: from anywhere, again, at once, while things are under way; bounded, and everything has its end."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import ANYONE, CLOSED, SESSION, WAIT, Gate, Recorder, paused


def test_close_and_what_comes_after(session):
    assert session.close() is True
    assert (session.closed, session.state, session.unrecoverable) == (True, CLOSED, True)
    for call in (
        lambda: session.get("/"),
        lambda: session.create("/a", b"", ANYONE),
        lambda: session.multi([("check", "/", -1)]),
        lambda: session.remove_watches("/", print),
        lambda: session.remove_all_watches("/"),
        lambda: session.add_auth("digest", b"u:p"),
        lambda: session.wait_connected(1),
        lambda: session.client_id,
        lambda: session.negotiated_timeout,
        lambda: session.current_server,
        lambda: session.connected_address,
        lambda: session.set_servers("127.0.0.1:1"),
        lambda: session.set_resolution_delay(1),
        lambda: session.cycle_next_server(),
    ):
        with pytest.raises(errors.ClosingError) as caught:
            call()
        assert caught.value.session_lost
        assert not caught.value.maybe_applied
    assert (session.in_flight, session.watch_count) == (0, 0)
    assert session.close() is True


def test_from_several_threads_at_once(open_session):
    for _ in range(10):
        session = open_session()
        results = []
        barrier = threading.Barrier(8)

        def close(session=session, results=results, barrier=barrier):
            barrier.wait()
            results.append(session.close())

        threads = [threading.Thread(target=close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [True] * 8


def test_inside_a_watch(session, other):
    after = Recorder()

    def watch(*_):
        session.close()
        after(session.closed)

    session.get("/", watch=watch).result(WAIT)
    other.set("/", b"x").result(WAIT)
    assert after.next() is True
    assert session.close() is True


def test_inside_a_done_callback(session):
    after = Recorder()
    other_watch = Recorder()
    session.exists("/other", watch=other_watch).result(WAIT)

    def callback(request):
        session.close()
        after(request.result()[0])

    session.get("/", callback=callback)
    assert after.next() == b""
    assert other_watch.next() == (SESSION, CLOSED, "/other")
    assert session.close() is True


def test_inside_the_session_watcher(open_session):
    opened = threading.Event()
    after = Recorder()
    made = []

    def watcher(_type, state, _path):
        opened.wait(WAIT)
        if state == 3:
            made[0].close()
            after(state)

    made.append(open_session(connected=False, watcher=watcher))
    opened.set()
    assert after.next() == 3
    assert made[0].close() is True


def test_inside_a_last_event(session):
    after = Recorder()

    def watch(*event):
        after(session.close() in (True, False))

    session.get("/", watch=watch).result(WAIT)
    session.close()
    assert after.calls == [True]


def test_outstanding_requests_fail_with_closing_error(session, zookeeper_server):
    with paused(zookeeper_server):
        called = Recorder()
        watch = Recorder()
        requests = [
            session.get("/", watch=watch, callback=called),
            session.set("/", b"x", callback=called),
            session.sync("/", callback=called),
            session.get_children("/", callback=called),
            session.get_acl("/", callback=called),
            session.create("/a", b"", ANYONE, callback=called),
            session.multi([("check", "/", -1)], callback=called),
            session.get_config(callback=called),
        ]
        session.close(0.3)
    for request in requests:
        error = request.exception(0)
        assert type(error) is errors.ClosingError
        assert error.maybe_applied == (request.operation in ("set", "create", "multi"))
    assert [called.next() for _ in requests] == requests
    assert watch.calls == []


def test_waiting_threads_are_released(session, zookeeper_server):
    found = Recorder()

    def wait(request):
        found(type(request.exception()))

    with paused(zookeeper_server):
        requests = [session.get("/") for _ in range(5)]
        threads = [threading.Thread(target=wait, args=(request,)) for request in requests]
        for thread in threads:
            thread.start()
        session.close(0.2)
        assert [found.next() for _ in threads] == [errors.ClosingError] * 5
    for thread in threads:
        thread.join()


def test_who_waits_for_the_connection_is_released(open_session):
    session = open_session("127.0.0.1:1", connected=False)
    found = Recorder()

    def wait():
        try:
            session.wait_connected()
        except errors.ZooKeeperError as error:
            found(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    session.close()
    assert found.next() is errors.ClosingError
    thread.join()


def test_a_paused_server_does_not_hold_it_up(open_session, zookeeper_server, eventually):
    session = open_session(session_timeout=40.0)
    with paused(zookeeper_server):
        session.close(0.2)
        with pytest.raises(errors.ClosingError):
            session.get("/")
    eventually(lambda: core.live_counts()["handles"] == 0)
    assert session.close() is True


def test_a_blocked_callback_does_not_hold_it_up(session):
    gate = Gate()
    session.get("/", callback=gate)
    assert gate.entered.wait(WAIT)
    try:
        assert session.close(0.3) is False
        assert session.closed
    finally:
        gate.open()
    assert session.close() is True


def test_callbacks_that_were_due_run_before_it_returns(session):
    seen = []
    for _ in range(500):
        session.get("/", callback=lambda request: seen.append(request.exception()))
    session.close()
    assert len(seen) == 500
    assert {type(error) for error in seen} <= {type(None), errors.ClosingError}


def test_while_other_threads_call(open_session):
    for _ in range(5):
        session = open_session()
        counts = []

        def work(session=session, counts=counts):
            done = 0
            try:
                while True:
                    session.get("/", watch=lambda *_: None, callback=lambda _: None).result(WAIT)
                    done += 1
            except errors.ClosingError:
                counts.append(done)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        session.exists("/").result(WAIT)
        assert session.close() is True
        for thread in threads:
            thread.join(WAIT)
        assert len(counts) == 4


def test_nothing_is_left_after_many_sessions(open_session, eventually):
    for _ in range(20):
        session = open_session()
        session.get("/", watch=print).result(WAIT)
        session.close()
    del session


@pytest.mark.parametrize("hosts", ["no-such-name.invalid:2181", "192.0.2.1:2181", "127.0.0.1:1", "[::1]:1"])
def test_where_nothing_answers(hosts):
    # An unknown name, an address that swallows everything, ports without a listener.
    try:
        session = core.Session(hosts, open_timeout=5)
    except errors.ZooKeeperError:
        pass
    else:
        with pytest.raises(errors.OperationTimeoutError):
            session.wait_connected(0.2)
        requests = [session.get("/"), session.create("/a", b"", ANYONE)]
        assert session.close(WAIT) is True
        assert {type(request.exception(0)) for request in requests} <= {errors.ClosingError, errors.ConnectionLossError}


def test_a_forgotten_session_warns_and_ends(zookeeper_chroot, eventually):
    session = core.Session(zookeeper_chroot)
    session.wait_connected(WAIT)
    watch = Recorder()
    session.get("/", watch=watch).result(WAIT)
    gone = weakref.ref(session)
    held = [session]
    del session
    with pytest.warns(ResourceWarning, match="was not closed"):
        held.clear()
    assert watch.next() == (SESSION, CLOSED, "/")
    eventually(lambda: gone() is None and core.live_counts()["sessions"] == 0)


def test_a_request_keeps_its_session(zookeeper_chroot):
    session = core.Session(zookeeper_chroot)
    session.wait_connected(WAIT)
    request = session.get("/")
    kept = weakref.ref(session)
    del session
    assert request.result(WAIT)[0] == b""
    gc.collect()
    kept().close()


def test_a_watch_that_refers_to_its_session_is_no_leak(zookeeper_chroot, eventually):
    session = core.Session(zookeeper_chroot)
    session.wait_connected(WAIT)
    watch = Recorder()
    watch.session = session
    session.get("/", watch=watch).result(WAIT)
    gone = weakref.ref(session)
    session.close()
    del session, watch
    eventually(lambda: gc.collect() is not None and gone() is None)
