"""A call beside a thread of bytecode keeps the GIL while it looks for its reply, and that harms nothing."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable

import pytest

import zkc
from zkc import _zookeeper as core
from zkc import errors
from zkc.testing import FaultProxy, ZooKeeperServer

from ..tls_support import settings
from .core_support import ANYONE, CHANGED, CONNECTED, WAIT, Recorder, settle

pytestmark = pytest.mark.skipif(core.build_info()["adaptor"] != "own", reason="nothing looks with their adaptor")

DEFAULT, LONG = 50e-6, 5e-3
PATIENCE = 60.0  # Seconds for what needs replies within LONG, of which a busy machine has few.


@pytest.fixture(autouse=True)
def long_hold():
    """Any server answers in that time."""
    zkc.set_gil_hold(LONG)
    yield
    zkc.set_gil_hold(DEFAULT)


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as made:
        yield made


@pytest.fixture
def through_proxy(open_session, proxy, zookeeper_chroot):
    return open_session(proxy.hosts + "/" + zookeeper_chroot.partition("/")[2], session_timeout=30.0)


@pytest.fixture
def burner():
    """A thread that runs nothing but bytecode; what is set ends it."""
    stop = threading.Event()

    def burn():
        number = 0
        while not stop.is_set():
            for _ in range(1000):
                number += 1

    thread = threading.Thread(target=burn)
    thread.start()
    yield stop
    stop.set()
    thread.join()


def ask(session: core.Session) -> None:
    core.cork()
    try:
        assert session.exists("/").result(WAIT) is not None
    finally:
        core.uncork()


def count(session: core.Session, name: str) -> int:
    return session.metrics()["gil"][name]


def ask_until(session: core.Session, condition: Callable[[], bool]) -> None:
    """Make one call after the other until something is so, as it is some time after the GIL took long to come back."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        ask(session)


def ask_until_kept(session: core.Session, calls: int = 20) -> None:
    before = count(session, "kept")
    ask_until(session, lambda: count(session, "kept") >= before + calls)


def test_replies_come_while_the_gil_is_kept(session, burner):
    ask_until_kept(session, 100)
    assert session.metrics()["gil"]["seconds"] > 0


def test_it_is_given_up_again_when_the_busy_thread_has_ended(session, burner):
    ask_until_kept(session)
    burner.set()

    def is_given_up():
        before = count(session, "kept")
        for _ in range(20):
            ask(session)
        return count(session, "kept") == before

    ask_until(session, is_given_up)


def test_the_busy_thread_goes_on(session):
    turns, stop = [0], threading.Event()

    def burn():
        while not stop.is_set():
            turns[0] += 1

    thread = threading.Thread(target=burn)
    thread.start()
    try:
        ask_until_kept(session)
        for _ in range(5):
            before = turns[0]
            ask_until(session, lambda before=before: turns[0] > before)
    finally:
        stop.set()
        thread.join()


def test_a_hold_of_nothing_never_keeps_it(session, burner):
    zkc.set_gil_hold(0)
    for _ in range(50):
        ask(session)
    assert session.metrics()["gil"] == {"kept": 0, "given_up": 0, "seconds": 0.0}


def test_it_is_off_while_replies_take_longer_and_on_when_they_do_not(session, burner):
    """Every 32nd call finds out."""

    def looks():
        return count(session, "kept") + count(session, "given_up")

    ask_until_kept(session)
    zkc.set_gil_hold(1e-6, 1)  # no reply comes in that time
    end = time.monotonic() + PATIENCE
    without = 0  # calls in a row that did not look
    while without < 20:
        assert time.monotonic() < end
        before = looks()
        ask(session)
        without = without + 1 if looks() == before else 0
    assert count(session, "given_up") > 0
    zkc.set_gil_hold(LONG)
    ask_until_kept(session)


def test_between_two_stretches_the_gil_is_given_up(session, burner):
    ask_until_kept(session)
    zkc.set_gil_hold(10e-6, 100)
    ask_until_kept(session)  # a real server's reply comes in none of the first stretches


def test_a_server_that_needs_the_gil_is_slow(session, through_proxy, burner):
    """A proxy of this process forwards nothing while a call keeps it."""
    ask_until_kept(session)
    zkc.set_gil_hold(LONG, 1)
    for _ in range(10):
        ask(through_proxy)
    assert count(through_proxy, "kept") == 0
    assert count(through_proxy, "given_up") <= 3  # after two it looks at every 32nd only


# ---- after a look that found nothing ---------------------------------------------------------------------------------


@pytest.fixture
def look_in_vain(session, through_proxy, proxy, burner):
    """Return a function that has a call of a thread look and find nothing, and returns what waits for its outcome."""

    def look(timeout: float = WAIT) -> Callable[[], object]:
        outcome = []

        def run():
            core.cork()
            try:
                outcome.append(through_proxy.exists("/").result(timeout))
            except errors.ZooKeeperError as error:
                outcome.append(error)
            finally:
                core.uncork()

        def begin():
            ask_until_kept(session, 1)
            before = count(through_proxy, "given_up")
            proxy.pause()
            thread = threading.Thread(target=run)
            thread.start()
            end = time.monotonic() + 10 * LONG
            while count(through_proxy, "given_up") == before and time.monotonic() < end:
                time.sleep(LONG)  # the other thread looks during this
            if count(through_proxy, "given_up") > before:
                return thread
            proxy.resume()  # it did not look: then the next one does
            thread.join()
            outcome.clear()
            return None

        end = time.monotonic() + PATIENCE
        while (thread := begin()) is None:
            assert time.monotonic() < end

        def finish() -> object:
            thread.join(WAIT)
            assert not thread.is_alive()
            return outcome[0]

        return finish

    return look


def test_the_reply_comes_later(look_in_vain, proxy):
    finish = look_in_vain()
    proxy.resume()
    assert finish() is not None


def test_a_timeout_is_kept(look_in_vain, proxy, through_proxy):
    finish = look_in_vain(timeout=0.3)
    assert isinstance(finish(), errors.OperationTimeoutError)
    proxy.resume()
    settle(through_proxy)


def test_a_timeout_that_is_shorter_than_a_look(session, burner):
    for _ in range(20):
        ask_until_kept(session, 1)
        request = session.exists("/")
        try:
            request.result(1e-5)
        except errors.OperationTimeoutError:
            assert request.result(WAIT)
    settle(session)
    ask_until_kept(session)


def test_the_connection_is_lost(look_in_vain, proxy, through_proxy, eventually):
    finish = look_in_vain()
    proxy.drop_connections()
    assert isinstance(finish(), errors.ConnectionLossError)
    proxy.resume()
    eventually(lambda: through_proxy.state == CONNECTED)
    settle(through_proxy)


def test_the_session_is_closed(look_in_vain, proxy, through_proxy):
    finish = look_in_vain()
    through_proxy.begin_close()
    assert isinstance(finish(), errors.ClosingError)
    proxy.resume()


def test_the_server_ends_the_connection_while_calls_look(open_session, own_server, burner, eventually):
    # A server that accepts a connection while it starts may never answer it, and is given up after two thirds: sooner
    # than the test waits, and with time left before the session expires.
    session = open_session(own_server.hosts, session_timeout=15.0)
    for _ in range(2):
        ask_until_kept(session)
        restart = threading.Thread(target=own_server.restart)
        restart.start()
        with pytest.raises(errors.ConnectionLossError):
            ask_until(session, lambda: False)
        restart.join()
        session.wait_connected(WAIT)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no interval timers")
def test_a_signal_is_handled_at_once(session, through_proxy, proxy, burner):
    class AlarmError(Exception):
        pass

    def alarm(*_):
        raise AlarmError

    def wait_with_an_alarm(request, delay):
        signal.setitimer(signal.ITIMER_REAL, delay)
        request.result(WAIT)

    ask_until_kept(session)
    proxy.pause()
    before = signal.signal(signal.SIGALRM, alarm)
    try:
        for delay in (0.001, 0.004, 0.05):
            request = through_proxy.get("/")
            with pytest.raises(AlarmError):
                wait_with_an_alarm(request, delay)
    finally:
        signal.signal(signal.SIGALRM, before)
    proxy.resume()
    assert request.result(WAIT)
    settle(through_proxy)


# ---- what is read so -------------------------------------------------------------------------------------------------


def test_replies_of_all_sizes(session, burner):
    """Small ones are taken with the GIL; a larger one, or a part of one, is left to who has given it up."""
    for size in (0, 100, 16_200, 16_384, 20_000, 65_500, 66_000, 900_000):
        data = bytes(index % 251 for index in range(size))
        session.create(f"/{size}", data, ANYONE).result(WAIT)
        ask_until_kept(session, 3)
        for _ in range(10):
            core.cork()
            try:
                assert session.get(f"/{size}").result(WAIT)[0] == data
                core.cork()
                session.set(f"/{size}", data).result(WAIT)
            finally:
                core.uncork()
    settle(session)


def test_events_that_come_with_a_reply(session, other, burner):
    fired = Recorder()
    ask_until_kept(session)
    for _ in range(50):
        core.cork()
        try:
            session.get("/", watch=fired).result(WAIT)
            core.cork()
            session.set("/", b"").result(WAIT)  # its event comes before its reply
        finally:
            core.uncork()
        assert fired.next() == (CHANGED, CONNECTED, "/")


def test_threads_that_all_call(session, burner):
    failures = []
    stop = threading.Event()

    def work(path):
        try:
            while not stop.is_set():
                core.cork()
                try:
                    assert session.get(path).result(WAIT)[0] == path.encode()
                finally:
                    core.uncork()
        except BaseException as error:
            failures.append(error)

    for number in range(4):
        session.create(f"/{number}", f"/{number}".encode(), ANYONE).result(WAIT)
    ask_until_kept(session)
    threads = [threading.Thread(target=work, args=(f"/{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    stop.wait(1.0)  # the length of the trial
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    settle(session)


@pytest.mark.skipif(not core.build_info()["tls"], reason="this libzookeeper has no TLS")
def test_over_tls(open_session, burner):
    with ZooKeeperServer(tls=True) as server:
        session = open_session(server.tls_hosts, tls=settings(server.tls))
        session.create("/a", bytes(30_000), ANYONE).result(WAIT)
        ask_until_kept(session, 5)
        for _ in range(20):
            assert session.get("/a").result(WAIT)[0] == bytes(30_000)
            ask(session)
        session.close(WAIT)


# ---- the setting -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [None, "1", True, 1j])
def test_a_hold_of_a_wrong_type(seconds):
    with pytest.raises(TypeError, match="seconds must be a number"):
        zkc.set_gil_hold(seconds)


@pytest.mark.parametrize("seconds", [-1, -1e-9, 0.0051, 1, float("inf"), float("nan")])
def test_a_hold_of_a_wrong_length(seconds):
    with pytest.raises(ValueError, match="seconds must be"):
        zkc.set_gil_hold(seconds)


@pytest.mark.parametrize(("times", "error"), [("1", TypeError), (0, ValueError), (101, ValueError)])
def test_wrong_times(times, error):
    with pytest.raises(error, match="times must be"):
        zkc.set_gil_hold(DEFAULT, times)
