"""A request: waiting for it with and without a limit, from several threads, and its callbacks."""

from __future__ import annotations

import gc
import logging
import threading
import time
import weakref

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import ANYONE, WAIT, Gate, Recorder, paused, settle


def test_a_reply_that_does_not_come_in_time(open_session, zookeeper_server):
    session = open_session(session_timeout=60)
    with paused(zookeeper_server):
        request = session.get("/")
        begin = time.monotonic()
        # Without the timeout the wait would end with the connection, by another error.
        with pytest.raises(errors.OperationTimeoutError, match=r"^get '/': no answer within 0\.2 s \[") as caught:
            request.result(timeout=0.2)
        assert time.monotonic() - begin >= 0.2
        assert not request.done()  # What ended the wait is the timeout, and not the loss of the silent server.
        assert isinstance(caught.value, TimeoutError)
        with pytest.raises(errors.OperationTimeoutError):
            request.exception(timeout=0)
        assert not request.done()
        assert "pending" in repr(request)
    assert request.result(WAIT)[0] == b""
    assert request.done()
    assert "done" in repr(request)
    assert request.result(0) is request.result()


def test_a_write_without_a_waiter_may_have_been_applied(session, zookeeper_server, eventually):
    with paused(zookeeper_server):
        with pytest.raises(errors.OperationTimeoutError) as caught:
            session.create("/late", b"", ANYONE).result(0.05)
        assert caught.value.maybe_applied
        assert "the request may still be carried out" in str(caught.value)
        with pytest.raises(errors.OperationTimeoutError) as caught:
            session.get("/").result(0.05)
        assert not caught.value.maybe_applied
    eventually(lambda: session.exists("/late").result(WAIT) is not None)


def test_the_error_is_given_and_raised(session):
    request = session.get("/missing")
    error = request.exception(WAIT)
    assert type(error) is errors.NoNodeError
    assert error.__traceback__ is None
    assert (request.operation, request.path) == ("get", "/missing")
    for _ in range(2):
        with pytest.raises(errors.NoNodeError):
            request.result()
    assert session.get("/").exception(WAIT) is None


def test_an_abandoned_request_is_freed_when_its_reply_comes(session, zookeeper_server, eventually):
    before = core.live_counts()["requests"]
    with paused(zookeeper_server):
        for _ in range(20):
            session.get("/")
        gone = weakref.ref(session.get("/"))
        assert gone() is None
        assert core.live_counts()["requests"] == before + 21
        assert session.in_flight == 21
    eventually(lambda: core.live_counts()["requests"] == before and session.in_flight == 0)


def test_several_threads_wait_for_one_request(session, zookeeper_server):
    found = []
    with paused(zookeeper_server):
        request = session.get("/")
        threads = [threading.Thread(target=lambda: found.append(request.result(WAIT))) for _ in range(8)]
        for thread in threads:
            thread.start()
        with pytest.raises(errors.OperationTimeoutError):
            request.result(0.1)
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(value is found[0] for value in found)


def test_callbacks_run_in_order_on_the_dispatcher(session, zookeeper_server):
    seen = []
    names = []
    last = Recorder()
    with paused(zookeeper_server):
        request = session.get("/", callback=lambda _: seen.append("first"))
        request.add_done_callback(lambda _: seen.append("second"))
        request.add_done_callback(lambda _: names.append(threading.current_thread().name))
        request.add_done_callback(last)
        assert seen == []
    assert last.next() is request
    assert seen == ["first", "second"]
    assert names[0].startswith("zkc-dispatch-")


def test_a_callback_added_after_the_reply_runs_too(session):
    request = session.get("/")
    request.result(WAIT)
    late = Recorder()
    request.add_done_callback(late)
    assert late.next() is request
    assert late.threads[0].startswith("zkc-dispatch-")
    request.add_done_callback(late)
    assert late.next() is request


def test_a_callback_added_after_close_runs_at_once(session):
    request = session.get("/")
    session.close()
    seen = []
    request.add_done_callback(seen.append)
    assert seen == [request]


def test_what_is_no_callback(session):
    with pytest.raises(TypeError, match="callable"):
        session.get("/").add_done_callback(None)


def test_a_callback_added_while_others_run(session):
    seen = []
    inner = Recorder()

    def outer(request):
        seen.append("outer")
        request.add_done_callback(inner)
        seen.append("outer ends")

    session.get("/", callback=outer)
    inner.next()
    assert seen == ["outer", "outer ends"]


def test_a_callback_that_raises_is_logged_and_harms_nothing(session, caplog):
    def broken(*_):
        raise ValueError("the user's own mistake")

    seen = Recorder()
    with caplog.at_level(logging.ERROR, "zkc"):
        session.get("/", callback=broken).add_done_callback(seen)
        session.get("/", watch=broken).result(WAIT)
        session.set("/", b"fire").result(WAIT)
        seen.next()
        settle(session)
    records = [record for record in caplog.records if record.name == "zkc.callback"]
    assert len(records) == 2
    assert "broken" in records[0].getMessage()
    assert "the user's own mistake" in caplog.text
    assert "Traceback" in caplog.text
    assert session.get("/").result(WAIT)[0] == b"fire"
    del records
    caplog.clear()  # the tracebacks refer to the request


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_not_even_an_exit_in_a_callback_ends_the_dispatcher(session, caplog, kind):
    def leave(*_):
        raise kind

    session.get("/", callback=leave, watch=leave).result(WAIT)
    session.set("/", b"x").result(WAIT)
    settle(session)
    assert session.get("/").result(WAIT)[0] == b"x"
    assert [record.name for record in caplog.records if record.name == "zkc.callback"] == ["zkc.callback"] * 2
    caplog.clear()


def test_a_callback_may_wait_for_other_requests(session):
    found = Recorder()

    def callback(request):
        session.create("/from-callback", b"x", ANYONE).result(WAIT)
        found(session.get("/from-callback").result(WAIT)[0])

    session.get("/", callback=callback)
    assert found.next() == b"x"


def test_a_callback_keeps_its_request_until_it_has_run(session, eventually):
    seen = Recorder()
    session.get("/", callback=seen)
    request = seen.next()
    assert request.result()[0] == b""
    gone = weakref.ref(request)
    del request
    seen.calls.clear()
    settle(session)
    eventually(lambda: gc.collect() is not None and gone() is None)


def test_a_callback_of_a_request_that_failed(session):
    seen = Recorder()
    session.delete("/missing", callback=seen)
    assert type(seen.next().exception()) is errors.NoNodeError


def test_a_blocked_dispatcher_holds_up_callbacks_and_not_results(session):
    gate, after = Gate(), Recorder()
    session.get("/", callback=gate)
    assert gate.entered.wait(WAIT)
    try:
        request = session.get("/", callback=after)
        assert request.result(WAIT)[0] == b""
        assert after.calls == []
    finally:
        gate.open()
    after.next()


def test_a_request_is_generic_for_annotations():
    assert core.Request[int] is not None
