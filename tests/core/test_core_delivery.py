"""Manual delivery: callbacks, watches and events run where deliver() is called, and nothing gets lost at the end."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import threading
import warnings
import weakref

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import ANYONE, CHANGED, CONNECTED, SESSION, WAIT, Recorder


@pytest.fixture
def open_manual(open_session):
    """Return a function that opens a session with manual delivery; what it has left is delivered at the end."""
    opened = []

    def open_one(*arguments, **options):
        opened.append(open_session(*arguments, deliver="manual", **options))
        return opened[-1]

    yield open_one
    for session in opened:
        session.close(20)
        deliver_until_stopped(session)
        session.delivery.close()


def is_readable(delivery, timeout=0.0):
    return bool(select.select([delivery.fileno()], [], [], timeout)[0])


def deliver_until(delivery, predicate):
    """Deliver whatever comes until something is true."""
    while not predicate():
        assert is_readable(delivery, WAIT), "nothing more came"
        delivery.deliver()


def deliver_until_stopped(session):
    deliver_until(session.delivery, lambda: session.delivery.stopped)


def test_no_thread_is_made_and_everything_runs_where_it_is_delivered(open_manual):
    before = {thread.name for thread in threading.enumerate()}
    events, watch, replied = Recorder(), Recorder(), Recorder()
    session = open_manual(watcher=events)
    assert {thread.name for thread in threading.enumerate()} - before <= {"zkc-log"}
    session.get("/", watch=watch, callback=replied).result(WAIT)
    session.set("/", b"x").result(WAIT)
    assert (events.calls, watch.calls, replied.calls) == ([], [], [])
    deliver_until(session.delivery, lambda: watch.calls)
    assert events.calls == [(SESSION, CONNECTED, "")]
    assert watch.calls == [(CHANGED, CONNECTED, "/")]
    assert replied.next().result()[0] == b""
    assert {*events.threads, *watch.threads, *replied.threads} == {threading.current_thread().name}


def test_an_ordinary_session_has_no_delivery(session):
    assert session.delivery is None


def test_the_limit_keeps_the_rest_and_the_descriptor_readable(open_manual):
    session = open_manual()
    seen = []
    for number in range(10):
        session.sync("/", callback=lambda _, number=number: seen.append(number))
    session.sync("/").result(WAIT)
    delivery = session.delivery
    while not seen:  # the event of the connection comes first
        delivery.deliver(1)
    assert delivery.deliver(4) is True
    assert seen == [0, 1, 2, 3, 4]
    assert is_readable(delivery)
    assert delivery.deliver(100) is False
    assert seen == list(range(10))
    assert not is_readable(delivery)
    assert delivery.deliver() is False


@pytest.mark.parametrize("limit", [0, -1, "1", 1.5])
def test_a_limit_that_is_none(open_manual, limit):
    with pytest.raises((TypeError, ValueError), match="limit"):
        open_manual().delivery.deliver(limit)


def test_a_callback_that_raises_is_logged(open_manual, caplog):
    session = open_manual()
    after = Recorder()

    def broken(_):
        raise ValueError("the user's own mistake")

    session.sync("/", callback=broken)
    session.sync("/", callback=after)
    deliver_until(session.delivery, lambda: after.calls)
    assert "the user's own mistake" in caplog.text
    caplog.clear()


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_is_raised_and_the_rest_stays(open_manual, kind):
    session = open_manual()
    after = Recorder()

    def leave(_):
        raise kind("leave")

    session.sync("/", callback=leave)
    session.sync("/", callback=after)
    session.sync("/").result(WAIT)
    with pytest.raises(kind, match="leave"):
        session.delivery.deliver()
    assert after.calls == []
    assert is_readable(session.delivery)
    deliver_until(session.delivery, lambda: after.calls)


def test_a_nested_delivery_does_nothing(open_manual):
    session = open_manual()
    order = []

    def outer(_):
        order.append(session.delivery.deliver())

    session.sync("/", callback=outer)
    session.sync("/", callback=lambda _: order.append("second"))
    session.sync("/").result(WAIT)
    deliver_until(session.delivery, lambda: len(order) == 2)
    assert order == [False, "second"]


def test_close_leaves_the_rest_to_deliver(open_manual, zookeeper_server):
    events, watch, replied = Recorder(), Recorder(), Recorder()
    session = open_manual(watcher=events)
    session.get("/", watch=watch, callback=replied).result(WAIT)
    zookeeper_server.pause()
    try:
        session.sync("/", callback=replied)
        assert session.close(0) is False  # at once: what is without a reply is settled, the server is left to itself
    finally:
        zookeeper_server.resume()
    assert not session.delivery.stopped
    assert (watch.calls, replied.calls) == ([], [])
    deliver_until_stopped(session)
    assert watch.calls == [(SESSION, 0, "/")]
    assert [type(request.exception()) for request in replied.calls] == [type(None), errors.ClosingError]
    assert events.calls[-1] == (SESSION, 0, "")
    assert session.delivery.deliver() is False
    replied.calls[0].add_done_callback(events)  # nothing comes any more: at once
    assert events.calls[-1] is replied.calls[0]


@pytest.mark.parametrize("deliver", ["thread", "manual"])
def test_beginning_to_close_waits_for_nothing(open_session, zookeeper_server, deliver):
    events = Recorder()
    session = open_session(deliver=deliver, watcher=events)
    for _ in range(2):
        assert session.begin_close() is None
    assert session.closed
    with pytest.raises(errors.ClosingError):
        session.get("/")
    if deliver == "manual":
        deliver_until_stopped(session)
    events.until((SESSION, 0, ""))
    assert session.close(WAIT) is True


def test_a_callback_begins_to_close(open_manual):
    session = open_manual()
    session.sync("/", callback=lambda _: session.begin_close())
    deliver_until_stopped(session)
    assert session.closed


def test_the_loop_delivers_a_session_that_was_forgotten(zookeeper_chroot):
    session = core.Session(zookeeper_chroot, deliver="manual")
    session.wait_connected(WAIT)
    watch = Recorder()
    session.get("/", watch=watch).result(WAIT)
    delivery, gone = session.delivery, weakref.ref(session)
    with pytest.warns(ResourceWarning, match="not closed"):
        del session
    assert gone() is None
    deliver_until(delivery, lambda: delivery.stopped)
    assert watch.calls == [(SESSION, 0, "/")]
    delivery.close()
    assert delivery.fileno() == -1


def test_a_session_without_delivery_returns_its_tokens(zookeeper_chroot, eventually):
    session = core.Session(zookeeper_chroot, deliver="manual")
    session.wait_connected(WAIT)
    watch = Recorder()
    session.get("/", watch=watch).result(WAIT)
    gone = weakref.ref(watch)
    calls = watch.calls
    del watch
    assert gone() is not None
    with pytest.warns(ResourceWarning, match="not closed"):
        del session
    eventually(lambda: gone() is None)
    assert calls == []


def test_the_descriptor_belongs_to_the_delivery(open_manual):
    session = open_manual()
    delivery = session.delivery
    number = delivery.fileno()
    assert os.get_inheritable(number) is False
    delivery.close()
    delivery.close()
    assert delivery.fileno() == -1
    with pytest.raises(OSError, match=r"[Bb]ad file"):
        os.fstat(number)
    seen = Recorder()
    session.sync("/", callback=seen).result(WAIT)
    while not seen.calls:  # without a descriptor it still delivers
        delivery.deliver()
    session.close(20)
    while not delivery.stopped:
        delivery.deliver()


def test_who_makes_a_delivery():
    with pytest.raises(TypeError):
        core.Delivery()
    with pytest.raises(TypeError):
        core.Delivery.__new__(core.Delivery).deliver()
    with pytest.raises(ValueError, match="deliver"):
        core.Session("127.0.0.1:1", deliver="never")


def test_an_event_loop_delivers(zookeeper_chroot):
    async def main():
        loop = asyncio.get_running_loop()
        connected, ended = loop.create_future(), loop.create_future()

        def on_event(_, state, __):
            if state == CONNECTED and not connected.done():
                connected.set_result(None)
            if state == 0:
                ended.set_result(None)

        session = core.Session(zookeeper_chroot, deliver="manual", wait=False, watcher=on_event)
        loop.add_reader(session.delivery.fileno(), session.delivery.deliver)
        await asyncio.wait_for(connected, WAIT)
        futures = []
        for number in range(500):
            futures.append(loop.create_future())
            session.create(f"/{number}", b"", ANYONE).resolve(futures[-1])
        assert await asyncio.gather(*futures) == [f"/{number}" for number in range(500)]
        session.begin_close()
        await asyncio.wait_for(ended, WAIT)
        while not session.delivery.stopped:
            await asyncio.sleep(0)
        loop.remove_reader(session.delivery.fileno())
        session.delivery.close()

    asyncio.run(main())


def test_a_forked_child_is_refused(run_script):
    result = run_script("""
    session = core.Session(hosts, deliver="manual")
    session.wait_connected(20)
    if os.fork() == 0:
        try:
            session.delivery.deliver()
        except errors.ForkedError:
            session.delivery.close()
            del session
            gc.collect()
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 7 if hasattr(os, "waitstatus_to_exitcode") else os.wait()
    seen = []
    session.sync("/", callback=seen.append).result(20)
    while not seen:
        session.delivery.deliver()
    session.close()
    print("parent", len(seen))
    """)
    assert result.ended_in_silence() == "parent 1\n"


def test_exit_without_close_calls_no_callback(run_script):
    result = run_script("""
    import concurrent.futures
    session = core.Session(hosts, deliver="manual", watcher=lambda *_: print("never"))
    session.wait_connected(20)
    future = concurrent.futures.Future()
    future.add_done_callback(lambda _: print("never"))
    session.get("/", watch=lambda *_: print("never"), callback=lambda _: print("never")).resolve(future)
    session.sync("/").result(20)
    print("end of script")
    """)
    assert result.ended_in_silence() == "end of script\n"


def test_the_delivery_is_quiet_about_what_it_resolves(open_manual, caplog):
    # A future that does not take its reply harms nothing.
    class Broken:
        def done(self):
            return False

        def set_result(self, _):
            raise asyncio.InvalidStateError("cancelled before the reply")

    session = open_manual()
    after = Recorder()
    with warnings.catch_warnings(), caplog.at_level(logging.INFO, "zkc"):
        warnings.simplefilter("error")
        session.sync("/").resolve(Broken())
        session.sync("/", callback=after)
        deliver_until(session.delivery, lambda: after.calls)
    assert [record for record in caplog.records if record.name == "zkc.callback"] == []
