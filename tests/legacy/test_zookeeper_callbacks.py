"""Callbacks that raise, wait, make calls of every kind, and close their handle."""

import queue
import sys
import threading

import pytest

from zkc.legacy import zookeeper
from zkc.legacy.zookeeper import CONNECTED_STATE, SESSION_EVENT

from .legacy_support import OPEN, TIMEOUT, Watcher, settle


@pytest.fixture
def printed(capfd, monkeypatch):
    """Return a function that waits until a text stands on stderr; gives all that has been printed there.

    It waits for the end of the hook that prints: what is printed while ``readouterr()`` empties the file is lost.
    """
    hook, ends = sys.excepthook, queue.SimpleQueue()

    def observed(*error):
        hook(*error)
        ends.put(None)

    monkeypatch.setattr(sys, "excepthook", observed)

    def wait_for(text):
        seen = ""
        while text not in seen:
            ends.get(timeout=TIMEOUT)
            seen += capfd.readouterr().err
        return seen

    return wait_for


def run_in_callback(h, body):
    """Run a function in a completion; return what it returned, or raise what it raised."""
    outcome = []
    done = threading.Event()

    def completion(*_):
        try:
            outcome.append((body(), None))
        except BaseException as error:
            outcome.append((None, error))
        done.set()

    zookeeper.async_(h, "/", completion)
    assert done.wait(TIMEOUT), "the callback did not come to its end"
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


# ---- exceptions ------------------------------------------------------------------------------------------------------


class Unlikely(BaseException):
    """Not even an Exception."""


RAISED = {
    "an ordinary exception": ValueError,
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "a BaseException": Unlikely,
    "GeneratorExit": GeneratorExit,
    "one of the module's": zookeeper.NoNodeException,
}


@pytest.mark.parametrize("what", RAISED)
def test_what_a_completion_raises_is_printed(h, printed, what):
    after = Watcher()

    def fail_in_completion(*_):
        raise RAISED[what]("of the callback")

    assert zookeeper.aget(h, "/", None, fail_in_completion) == 0
    zookeeper.aget(h, "/", None, after)
    assert after.wait_calls(1)[0][:2] == (h, 0)
    text = printed("fail_in_completion")
    assert text.startswith("Traceback (most recent call last):")
    kind, _, message = text.splitlines()[-1].partition(": ")
    assert (kind.split(".")[-1], message) == (RAISED[what].__name__, "of the callback")
    assert text.count("Traceback") == 1


@pytest.mark.parametrize("what", RAISED)
def test_what_a_watcher_raises_is_printed(h, printed, watcher, what):
    def fail_in_watcher(*_):
        raise RAISED[what]("of the callback")

    zookeeper.get(h, "/", fail_in_watcher)
    zookeeper.get(h, "/", watcher)
    assert zookeeper.set(h, "/", "x") == 0
    watcher.wait_calls(1)
    assert printed("fail_in_watcher").count("Traceback") == 1
    assert zookeeper.get(h, "/")[0] == "x"


@pytest.mark.parametrize("what", RAISED)
def test_what_a_session_watcher_raises_is_printed(hosts, printed, what):
    def fail_in_session_watcher(*_):
        raise RAISED[what]("of the callback")

    h = zookeeper.init(hosts, fail_in_session_watcher)
    try:
        printed("fail_in_session_watcher")
        assert zookeeper.get(h, "/")[0] == ""
    finally:
        zookeeper.close(h)


def test_a_callback_that_takes_other_arguments(h, printed):
    zookeeper.aget(h, "/", None, lambda handle: None)
    text = printed("TypeError")
    assert "positional argument" in text
    assert zookeeper.get(h, "/")[0] == ""


def test_the_hook_of_the_program_is_called(h, monkeypatch):
    told = Watcher()
    monkeypatch.setattr(sys, "excepthook", told)
    zookeeper.aget(h, "/", None, lambda *_: 1 / 0)
    ((kind, error, trace),) = told.wait_calls(1)
    assert (kind, type(error)) == (ZeroDivisionError, ZeroDivisionError)
    assert trace is not None


@pytest.mark.parametrize("stderr", [None, "broken"])
def test_where_nothing_can_be_printed_callbacks_go_on(h, monkeypatch, stderr):
    monkeypatch.setattr(sys, "stderr", None if stderr is None else object())
    zookeeper.aget(h, "/", None, lambda *_: 1 / 0)
    settle(h)
    assert zookeeper.get(h, "/")[0] == ""


# ---- calls inside ----------------------------------------------------------------------------------------------------


def everything(h):
    """Make every call that waits."""
    assert zookeeper.create(h, "/in", "x", OPEN) == "/in"
    assert zookeeper.get(h, "/in")[0] == "x"
    assert zookeeper.set(h, "/in", "y") == 0
    assert zookeeper.set2(h, "/in", "z")["version"] == 2
    assert zookeeper.exists(h, "/in")["version"] == 2
    assert zookeeper.get_children(h, "/") == ["in"]
    assert zookeeper.get_acl(h, "/in")[1] == OPEN
    assert zookeeper.set_acl(h, "/in", -1, OPEN) == 0
    assert zookeeper.create(h, "/in/x", "", OPEN) == "/in/x"
    with pytest.raises(zookeeper.NotEmptyException):
        zookeeper.delete(h, "/in")
    assert zookeeper.delete(h, "/in/x") == zookeeper.delete(h, "/in") == 0
    assert (zookeeper.state(h), zookeeper.is_unrecoverable(h)) == (CONNECTED_STATE, False)
    assert zookeeper.recv_timeout(h) > 0
    assert zookeeper.client_id(h)[0] != 0
    return "all of them"


def test_calls_that_wait_inside_a_completion(h):
    assert run_in_callback(h, lambda: everything(h)) == "all of them"


def test_calls_that_wait_inside_a_watcher(h):
    done = Watcher()
    zookeeper.get(h, "/", lambda handle, *_: done(everything(handle)))
    zookeeper.set(h, "/", "x")
    assert done.wait_calls(1) == [("all of them",)]


def test_calls_that_wait_inside_a_session_watcher(hosts):
    done = Watcher()
    h = zookeeper.init(hosts, lambda handle, *_: done(everything(handle)))
    try:
        assert done.wait_calls(1) == [("all of them",)]
    finally:
        zookeeper.close(h)


def test_a_call_that_waits_right_after_init(hosts):
    h = zookeeper.init(hosts)
    try:
        assert zookeeper.create(h, "/a", "x", OPEN) == "/a"
    finally:
        zookeeper.close(h)


def test_a_call_waits_while_the_callback_thread_is_blocked(h):
    entered, gate = threading.Event(), threading.Event()

    def block(*_):
        entered.set()
        gate.wait(TIMEOUT)

    zookeeper.aget(h, "/", None, block)
    assert entered.wait(TIMEOUT)
    try:
        assert zookeeper.set(h, "/", "x") == 0
        assert zookeeper.get(h, "/")[0] == "x"
        assert not gate.is_set()
    finally:
        gate.set()


def test_a_callback_waits_for_a_lock_that_a_caller_holds(h):
    # Real code: a watcher takes the lock that a thread holds around its call.
    lock, entered, watched = threading.Lock(), threading.Event(), Watcher()

    def watcher(*event):
        entered.set()
        with lock:
            watched(*event)

    for number in range(20):
        zookeeper.get(h, "/", watcher)
        entered.clear()
        with lock:
            assert zookeeper.set(h, "/", str(number)) == 0
            assert entered.wait(TIMEOUT)
            assert zookeeper.set(h, "/", "again") == 0
        watched.wait_calls(number + 1)


def test_a_callback_that_makes_callbacks(h):
    done, left = threading.Event(), [200]

    def again(handle, rc, *_):
        left[0] -= 1
        if left[0]:
            zookeeper.aget(handle, "/", None, again)
        else:
            done.set()

    zookeeper.aget(h, "/", None, again)
    assert done.wait(TIMEOUT)


# ---- closing inside --------------------------------------------------------------------------------------------------


def test_close_inside_a_completion(make_handle):
    h = make_handle()
    assert run_in_callback(h, lambda: zookeeper.close(h)) == 0
    with pytest.raises(zookeeper.ZooKeeperException, match="freed"):
        zookeeper.get(h, "/")


def test_close_inside_a_watcher(make_handle, h):
    closing, done = make_handle(), Watcher()

    def watcher(handle, *_):
        done(zookeeper.close(handle))
        with pytest.raises(zookeeper.ZooKeeperException, match="freed"):
            zookeeper.state(handle)
        done("closed")

    zookeeper.get(closing, "/", watcher)
    zookeeper.set(h, "/", "x")
    assert done.wait_calls(2) == [(0,), ("closed",)]
    assert make_handle() == closing


def test_close_inside_a_session_watcher(hosts):
    done = Watcher()
    h = zookeeper.init(hosts, lambda handle, *_: done(handle, zookeeper.close(handle)))
    assert done.wait_calls(1) == [(h, 0)]
    with pytest.raises(zookeeper.ZooKeeperException, match="freed"):
        zookeeper.close(h)


def test_the_handle_is_known_before_the_watcher_is_called(hosts):
    # The watcher may be called before init has returned on another thread; the handle works nevertheless.
    for _ in range(20):
        seen = Watcher()
        h = zookeeper.init(hosts, lambda handle, *rest, seen=seen: seen(handle, *rest, zookeeper.state(handle)))
        try:
            assert seen.wait_calls(1) == [(h, SESSION_EVENT, CONNECTED_STATE, "", CONNECTED_STATE)]
        finally:
            zookeeper.close(h)


def test_init_inside_a_callback(h, hosts):
    def body():
        other = zookeeper.init(hosts)
        try:
            return zookeeper.create(other, "/other", "", OPEN), other
        finally:
            zookeeper.close(other)

    path, other = run_in_callback(h, body)
    assert path == "/other"
    assert other != h
