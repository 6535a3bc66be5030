"""Waiting for the only reply there is: the thread that waits sends and reads by itself, and no other thread notices."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time

import pytest

from zkc import _zookeeper as core
from zkc import errors
from zkc.testing import FaultProxy

from .core_support import ANYONE, CHANGED, CONNECTED, WAIT, Recorder, settle

OWN = core.build_info()["adaptor"] == "own"


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as made:
        yield made


@pytest.fixture
def through_proxy(open_session, proxy, zookeeper_chroot):
    """A session whose connection can be held up and broken."""
    return open_session(proxy.hosts + "/" + zookeeper_chroot.partition("/")[2], session_timeout=30.0)


@pytest.fixture
def cork():
    """The function that corks the next request; nothing is corked after the test."""
    yield core.cork
    core.uncork()


def begin(function, *arguments):
    """Run a function on a thread of its own, and return what waits for it and gives what came of it."""
    outcome = []

    def run():
        try:
            outcome.append(function(*arguments))
        except errors.ZooKeeperError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def end():
        thread.join(WAIT)
        assert not thread.is_alive()
        return outcome[0]

    return end


# ---- holding ---------------------------------------------------------------------------------------------------------


def test_a_corked_request_goes_when_it_is_waited_for(session, cork):
    for number in range(50):
        cork()
        assert session.create(f"/a-{number}", b"", ANYONE).result(WAIT) == f"/a-{number}"
    assert len(session.get_children("/").result(WAIT)) == 50


def test_a_corked_request_goes_when_it_is_uncorked(session, other, cork):
    seen = Recorder()
    cork()
    session.create("/a", b"", ANYONE, callback=seen)
    other.sync("/").result(WAIT)  # waiting for another session's request lets it go as well
    assert seen.next().result(0) == "/a"
    cork()
    session.create("/b", b"", ANYONE, callback=seen)
    core.uncork()
    assert seen.next().result(0) == "/b"


@pytest.mark.skipif(not OWN, reason="nothing is held with libzookeeper's own adaptor")
def test_a_corked_request_is_not_sent(session, other, cork):
    cork()
    request = session.create("/a", b"", ANYONE)
    seen = []

    def look():
        other.sync("/").result(WAIT)
        seen.append(other.exists("/a").result(WAIT))

    begin(look)()
    assert seen == [None]
    assert not request.done()
    core.uncork()
    assert request.result(WAIT) == "/a"


def test_only_one_request_is_corked(session, cork):
    cork()
    first = session.create("/a", b"", ANYONE)
    second = session.create("/b", b"", ANYONE)
    begin(second.result, WAIT)()  # on another thread, which holds nothing
    assert first.result(WAIT) == "/a"


def test_a_request_that_another_thread_waits_for_can_be_uncorked(session, cork):
    cork()
    request = session.create("/a", b"", ANYONE)
    end = begin(request.result, WAIT)
    core.uncork()
    assert end() == "/a"


def test_corking_without_a_call_harms_nothing(session, cork):
    cork()
    core.uncork()
    core.uncork()
    cork()
    cork()
    with pytest.raises(errors.BadArgumentsError):
        session.get("no path")
    core.uncork()
    assert session.exists("/").result(WAIT) is not None
    cork()
    request = session.get("/")
    del request
    gc.collect()
    core.uncork()
    assert session.exists("/").result(WAIT) is not None


def test_closing_does_not_wait_for_a_corked_request(open_session, cork):
    session, other = open_session(), open_session()
    cork()
    request = session.create("/a", b"", ANYONE)
    assert begin(session.close, WAIT)()
    assert isinstance(request.exception(0), errors.ClosingError) or not OWN  # then it is not held, and may be answered
    core.uncork()
    cork()
    request = other.create("/b", b"", ANYONE)
    assert other.close(WAIT)
    assert isinstance(request.exception(0), errors.ClosingError)


def test_a_forked_child_lets_nothing_go(run_script):
    result = run_script("""
import os, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork with threads
session = core.Session(hosts)
session.wait_connected(20)
core.cork()
request = session.create("/a", b"", ANYONE)
child = os.fork()
if child == 0:
    core.uncork()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
core.uncork()
print(request.result(20))
session.close(20)
""")
    assert result.ended_in_silence() == "/a\n"


# ---- reading ---------------------------------------------------------------------------------------------------------


def test_a_lone_wait_ends_in_time(through_proxy, proxy):
    settle(through_proxy)
    proxy.pause()
    begun = time.monotonic()
    with pytest.raises(errors.OperationTimeoutError):
        through_proxy.get("/").result(0.2)
    assert 0.2 <= time.monotonic() - begun < WAIT
    proxy.resume()
    assert through_proxy.get("/").result(WAIT)


def test_a_lone_wait_ends_with_the_connection(through_proxy, proxy, eventually):
    for _ in range(3):
        settle(through_proxy)
        proxy.pause()
        request = through_proxy.get("/")
        end = begin(request.result, WAIT)
        proxy.drop_connections()
        assert isinstance(end(), errors.ConnectionLossError)
        proxy.resume()
        eventually(lambda: through_proxy.state == CONNECTED)


def test_a_lone_wait_ends_with_the_session(through_proxy, proxy):
    settle(through_proxy)
    proxy.pause()
    request = through_proxy.get("/")
    end = begin(request.result, WAIT)
    through_proxy.begin_close()
    assert isinstance(end(), errors.ClosingError)
    proxy.resume()


def test_who_waits_alone_takes_what_comes_for_others(through_proxy, proxy, other):
    seen, fired = Recorder(), Recorder()
    through_proxy.create("/watched", b"", ANYONE).result(WAIT)
    through_proxy.get("/watched", watch=fired).result(WAIT)
    proxy.pause()
    end = begin(through_proxy.exists("/").result, WAIT)
    for _ in range(300):
        through_proxy.get("/watched", callback=seen)
    other.set("/watched", b"x").result(WAIT)
    proxy.resume()
    assert end() is not None
    assert {seen.next().exception(0) for _ in range(300)} == {None}
    assert fired.next() == (CHANGED, CONNECTED, "/watched")


def test_two_who_wait_for_one_request(through_proxy, proxy):
    settle(through_proxy)
    for _ in range(20):
        proxy.pause()
        request = through_proxy.exists("/")
        ends = [begin(request.result, WAIT) for _ in range(3)]
        proxy.resume()
        assert len({id(end()) for end in ends}) == 1


def test_a_watch_fires_while_no_thread_waits(session, other):
    fired = Recorder()
    for _ in range(50):
        session.get("/", watch=fired).result(WAIT)
        other.set("/", b"").result(WAIT)
        assert fired.next() == (CHANGED, CONNECTED, "/")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no interval timers")
def test_a_signal_in_a_lone_wait_is_handled_at_once(through_proxy, proxy):
    class AlarmError(Exception):
        pass

    def alarm(*_):
        raise AlarmError

    def wait_with_an_alarm(request):
        signal.setitimer(signal.ITIMER_REAL, 0.05)  # On a busy machine the alarm may come before the wait.
        request.result(WAIT)

    settle(through_proxy)
    proxy.pause()
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        for _ in range(5):
            request = through_proxy.get("/")
            with pytest.raises(AlarmError):
                wait_with_an_alarm(request)
    finally:
        signal.signal(signal.SIGALRM, before)
    proxy.resume()
    assert request.result(WAIT)
    settle(through_proxy)


def test_threads_that_wait_alone_and_in_crowds(session):
    data = os.urandom(50)
    session.create("/a", data, ANYONE).result(WAIT)
    failures = []
    stop = threading.Event()

    def alone():
        while not stop.is_set():
            core.cork()
            try:
                assert session.get("/a").result(WAIT)[0] == data
            finally:
                core.uncork()

    def crowd():
        while not stop.is_set():
            assert [r.result(WAIT)[0] for r in [session.get("/a") for _ in range(100)]] == [data] * 100
            stop.wait(0.001)  # time for the others to be alone

    def run(function):
        try:
            function()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in (alone, alone, crowd)]
    for thread in threads:
        thread.start()
    stop.wait(1.5)  # the length of the trial
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    settle(session)


def test_a_call_among_a_crowd_whose_replies_come_one_by_one(session):
    """The I/O thread naps then, for replies to come together; no caller is forgotten, nor kept for long."""
    session.create("/a", b"x", ANYONE).result(WAIT)
    enough, ended = threading.Event(), threading.Semaphore(0)

    def again(request):
        if enough.is_set():
            ended.release()
        else:
            session.get("/a", callback=again)

    for _ in range(500):
        session.get("/a", callback=again)
    for _ in range(20):
        assert session.get("/a").result(WAIT)[0] == b"x"
    enough.set()
    for _ in range(500):
        assert ended.acquire(timeout=WAIT)
    settle(session)


def test_a_close_in_the_midst_of_a_crowd(open_session):
    session = open_session()
    requests = [session.get("/none") for _ in range(2000)]
    assert session.close(WAIT)
    answers = {type(request.exception(WAIT)) for request in requests}
    assert answers <= {errors.NoNodeError, errors.ClosingError}
