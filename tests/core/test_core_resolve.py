"""A request that resolves a future, is waited for without its value, or is given up."""

from __future__ import annotations

import concurrent.futures
import gc
import logging
import time
import weakref

import pytest

from zkc import errors

from .core_support import ANYONE, WAIT, Recorder, paused, settle

Future = concurrent.futures.Future


def test_a_future_gets_the_value(session):
    future = Future()
    request = session.get("/")
    assert request.resolve(future) is None
    assert future.result(WAIT) is request.result()


def test_a_future_gets_the_error_and_nothing_else_keeps_it(session, eventually):
    future = Future()
    session.get("/missing").resolve(future)
    error = future.exception(WAIT)
    assert type(error) is errors.NoNodeError
    assert error.__traceback__ is None
    gc.collect()
    gc.disable()  # no cycle: without the collector it must go too
    try:
        gone = weakref.ref(error)
        del error, future
        eventually(lambda: gone() is None)
    finally:
        gc.enable()


def test_exists_resolves_to_none_where_nothing_is(session):
    future = Future()
    session.exists("/missing").resolve(future)
    assert future.result(WAIT) is None


def test_a_transaction_resolves(session):
    good, bad = Future(), Future()
    session.multi([("create", "/a", b"", ANYONE, 0)]).resolve(good)
    session.multi([("create", "/b", b"", ANYONE, 0), ("delete", "/missing", -1)]).resolve(bad)
    assert good.result(WAIT) == ["/a"]
    assert isinstance(bad.exception(WAIT), errors.NoNodeError)


def test_the_future_is_resolved_on_the_dispatcher_before_callbacks(session, zookeeper_server):
    order = Recorder()
    future = Future()
    future.add_done_callback(lambda _: order("future"))
    with paused(zookeeper_server):
        request = session.get("/", callback=lambda _: order("callback"))
        request.resolve(future)
    assert [order.next(), order.next()] == ["future", "callback"]
    assert order.threads[0].startswith("zkc-dispatch-")


def test_a_future_after_the_reply(session):
    request = session.get("/")
    request.result(WAIT)
    for _ in range(3):  # one after the other, when the last was resolved
        future = Future()
        request.resolve(future)
        assert future.result(WAIT) is request.result()


def test_one_future_at_a_time(session, zookeeper_server):
    with paused(zookeeper_server):
        request = session.get("/")
        request.resolve(Future())
        with pytest.raises(RuntimeError, match="one future"):
            request.resolve(Future())
        with pytest.raises(TypeError):
            request.resolve(None)


def test_a_future_that_is_done_is_left_alone(session, zookeeper_server):
    future = Future()
    with paused(zookeeper_server):
        session.get("/").resolve(future)
        assert future.cancel()
    settle(session)
    assert future.cancelled()


def test_a_future_that_is_cancelled_at_the_last_moment(session, caplog):
    class Late(Future):
        def done(self):
            self.cancel()
            return False

    with caplog.at_level(logging.DEBUG, "zkc.callback"):
        session.get("/").resolve(Late())
        session.get("/missing").resolve(Late())
        settle(session)
    assert [record.levelname for record in caplog.records if record.name == "zkc.callback"] == ["DEBUG"] * 2
    caplog.clear()


def test_a_future_after_close_is_resolved_at_once(session):
    request, failed = session.get("/"), session.get("/missing")
    request.result(WAIT)
    failed.exception(WAIT)
    session.close()
    future, error = Future(), Future()
    request.resolve(future)
    failed.resolve(error)
    assert future.result(0) is request.result()
    assert type(error.exception(0)) is errors.NoNodeError


def test_close_resolves_what_has_no_reply(session, zookeeper_server):
    future = Future()
    with paused(zookeeper_server):
        session.get("/").resolve(future)
        session.close(0.1)
    assert type(future.exception(WAIT)) is errors.ClosingError


def test_a_request_drops_its_future(session, zookeeper_server):
    with paused(zookeeper_server):
        request = session.get("/")
        future = Future()
        request.resolve(future)
    assert request.wait(WAIT)
    settle(session)
    gone = weakref.ref(future)
    del future
    assert gone() is None


# ---- wait


def test_waiting_takes_no_value(session, zookeeper_server):
    with paused(zookeeper_server):
        request = session.get("/missing")
        assert request.wait(0) is False
        begin = time.monotonic()
        assert request.wait(0.1) is False
        assert time.monotonic() - begin >= 0.1
    assert request.wait() is True
    assert request.wait(0) is True
    with pytest.raises(ValueError, match="timeout"):
        request.wait(-1)


# ---- abandon


def test_an_abandoned_request_calls_no_callback(session, zookeeper_server):
    future, called = Future(), []
    with paused(zookeeper_server):
        request = session.get("/", callback=called.append)
        request.resolve(future)
        gone = weakref.ref(future)
        del future
        assert gone() is not None
        request.abandon()
        request.abandon()
        assert gone() is None
        assert session.in_flight == 1
    assert request.wait(WAIT)
    settle(session)
    assert called == []
    for ask in (request.result, request.exception):
        with pytest.raises(RuntimeError, match="abandoned"):
            ask()
    with pytest.raises(RuntimeError, match="abandoned"):
        request.resolve(Future())


def test_a_reply_that_is_abandoned_is_not_copied(session, zookeeper_server):
    session.set("/", b"x" * 10_000).result(WAIT)
    before = session.metrics()["bytes_received"]
    with paused(zookeeper_server):
        request = session.get("/")
        request.abandon()
    assert request.wait(WAIT)
    assert session.metrics()["bytes_received"] == before


def test_abandoning_what_was_taken(session):
    request = session.get("/")
    request.result(WAIT)
    request.abandon()
    with pytest.raises(RuntimeError, match="abandoned"):
        request.result()
