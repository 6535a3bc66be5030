"""Nothing deadlocks: whatever a callback does, takes or waits for.

Each with a real server and with the ZooKeeper in memory.
"""

import gc
import threading

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper

from .legacy_support import OPEN, TIMEOUT
from .zk_support import CONNECTION, expire


@pytest.fixture(params=["server", "memory"])
def begin(request, make_zk, make_fake):
    """Return a function that begins a session; the tree is empty."""
    if request.param == "server":
        yield make_zk
        return
    make_fake("/nothing")
    made = []

    def make():
        made.append(zc_zk.ZooKeeper(CONNECTION))
        return made[-1]

    yield make
    for zk in made:
        zk.close()


@pytest.fixture
def zk(begin):
    zk = begin()
    zk.create("/test", "0", OPEN)
    return zk


def elsewhere(call, *arguments):
    """Make a call on another thread, wait for it, and return what it returned."""
    results = []

    def run():
        try:
            results.append(call(*arguments))
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(TIMEOUT)
    assert not thread.is_alive(), f"{call} does not return"
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


class Later:
    """A callback that does something the second time that it is called, and keeps how that went."""

    def __init__(self, what):
        self._what = what
        self._calls = 0
        self.done = threading.Event()
        self.result = None

    def __call__(self, node):
        self._calls += 1
        if self._calls == 2:
            try:
                self.result = self._what(node)
            except BaseException as error:
                self.result = error
            self.done.set()

    def wait(self):
        assert self.done.wait(3 * TIMEOUT), "the callback does not return"
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


def test_a_callback_makes_every_kind_of_call(zk):
    def everything(properties):
        zk.create("/test/a", "", OPEN)
        zk.create("/test/e", "", OPEN, zookeeper.EPHEMERAL)
        zk.set("/test/a", '{"b": 1}')
        children, other = zk.children("/test"), zk.properties("/test")
        again = zk.properties("/test/a")
        again.update(c=2)
        zk.import_tree("/x\n  y => /test/a b", "/test")
        linked = zk.properties("/test/x")
        zk.register_server("/test", "1.2.3.4:5")
        return sorted(children), dict(other), dict(again), linked["y"], len(zk.watches), zk.export_tree("/test")

    callback = Later(everything)
    properties = zk.properties("/test")
    properties(callback)
    zk.set("/test", "1")
    children, other, again, linked, watches, text = callback.wait()
    assert "a" in children
    assert other == {"string_value": "1"}
    assert again == {"b": 1, "c": 2}
    assert linked == 1
    assert watches >= 4
    assert "/x\n" in text


def test_a_callback_closes_its_session(begin, zk):
    mine = begin()
    callback = Later(lambda _: mine.close())
    children = mine.children("/test")
    children(callback)
    zk.create("/test/a", "", OPEN)
    callback.wait()
    assert mine.handle is None
    assert zk.get_children("/test") == ["a"]


def test_a_callback_begins_another_session(begin, zk):
    callback = Later(lambda _: begin().get("/test")[0])
    properties = zk.properties("/test")
    properties(callback)
    zk.set("/test", "1")
    assert callback.wait() == "1"


@pytest.mark.parametrize("name", ["get", "set", "properties", "update", "children", "call", "len", "delete_recursive"])
def test_a_callback_waits_for_a_call_of_another_thread(zk, name):
    zk.create("/other", "{}", OPEN)
    zk.create("/other/child", "", OPEN)
    mine = zk.properties("/other")
    calls = {
        "get": lambda: zk.get("/other"),
        "set": lambda: zk.set("/other", '{"a": 1}'),
        "properties": lambda: dict(zk.properties("/test")),  # The very node of the event.
        "update": lambda: mine.update(a=1),
        "children": lambda: list(zk.children("/test")),
        "call": lambda: zk.properties("/test")(lambda _: None),
        "len": lambda: len(zk.watches),
        "delete_recursive": lambda: zk.delete_recursive("/other/child"),
    }
    callback = Later(lambda _: elsewhere(calls[name]))
    properties = zk.properties("/test")
    properties(callback)
    zk.set("/test", "1")
    callback.wait()


def test_a_callback_waits_for_another_thread_to_close_the_session(begin, zk):
    mine = begin()
    callback = Later(lambda _: elsewhere(mine.close))
    children = mine.children("/test")
    children(callback)
    zk.create("/test/a", "", OPEN)
    callback.wait()
    assert mine.handle is None


def test_a_callback_wants_a_lock_that_a_call_is_made_under(zk):
    lock = threading.Lock()

    def wanting(_):
        with lock:
            return True

    callback = Later(wanting)
    properties = zk.properties("/test")
    properties(callback)
    with lock:
        for number in range(3):
            properties.update(a=number)
            assert dict(zk.properties("/test"))["a"] == number
        assert not callback.done.is_set()
    assert callback.wait()


def test_calls_complete_while_a_callback_is_slow(zk):
    go_on = threading.Event()
    callback = Later(lambda _: go_on.wait(3 * TIMEOUT))
    properties = zk.properties("/test")
    properties(callback)
    elsewhere(zk.set, "/test", "1")
    zk.create("/other", "x", OPEN)
    assert zk.get("/other")[0] == "x"
    others = zk.properties("/other"), zk.children("/other"), zk.properties("/test")
    assert [list(each) for each in others] == [["string_value"], [], ["string_value"]]
    zk.set("/test", "2")
    go_on.set()
    callback.wait()


def test_two_sessions_whose_callbacks_wait_for_each_other(begin, zk):
    one, two = begin(), begin()
    one.create("/one", "0", OPEN)
    two.create("/two", "0", OPEN)
    callbacks = [Later(lambda _: elsewhere(two.set, "/two", "2")), Later(lambda _: elsewhere(one.set, "/one", "2"))]
    nodes = one.properties("/one"), two.properties("/two")
    for node, callback in zip(nodes, callbacks):
        node(callback)
    zk.set("/one", "1")
    zk.set("/two", "1")
    for callback in callbacks:
        callback.wait()


def test_a_completion_waits_for_another_thread(zk):
    done = threading.Event()
    results = []

    def completed(*arguments):
        results.append(elsewhere(zk.get, "/test")[0])
        done.set()

    zk.aset("/test", "1", -1, completed)
    assert done.wait(3 * TIMEOUT)
    assert results == ["1"]


def test_a_callback_after_an_expiry_waits_for_the_connection(zookeeper_server, make_zk, eventually):
    zk = make_zk()
    zk.create("/test", "", OPEN)
    zk.create("/e", "", OPEN, zookeeper.EPHEMERAL)

    def look(_):
        assert zk.connected.wait(TIMEOUT)
        return elsewhere(zk.get, "/e")[1]["ephemeralOwner"] == zk.client_id()[0]

    callback = Later(look)
    properties = zk.properties("/test")
    properties(callback)
    expire(zookeeper_server, zk, eventually)
    assert callback.wait()


def test_an_expiry_while_a_callback_is_slow(zookeeper_server, make_zk, eventually):
    zk = make_zk()
    other = make_zk()
    zk.create("/test", "0", OPEN)
    zk.create("/e", "", OPEN, zookeeper.EPHEMERAL)
    begun, go_on = threading.Event(), threading.Event()
    callback = Later(lambda _: begun.set() or go_on.wait(3 * TIMEOUT))
    properties = zk.properties("/test")
    properties(callback)
    other.set("/test", "1")
    assert begun.wait(TIMEOUT)  # Otherwise the session is there again, and the node, before the test looks.
    number, password = zk.client_id()
    zookeeper_server.expire(number, password.encode("latin-1"))
    eventually(lambda: other.exists("/e") is None, TIMEOUT)
    go_on.set()
    callback.wait()
    eventually(lambda: other.exists("/e") is not None, TIMEOUT)


@pytest.mark.parametrize("name", ["watches", "session"])
def test_no_lock_is_held_while_a_callback_runs(zk, name):
    """The rule for locks: neither lock is ever held by a thread that calls, or waits for, other code."""
    lock = zk.watches.lock if name == "watches" else zk._lock
    held = []

    def is_free():
        def take():
            if not lock.acquire(timeout=TIMEOUT):
                return False
            lock.release()
            return True

        return elsewhere(take)

    callback = Later(lambda _: is_free())
    properties, children = zk.properties("/test"), zk.children("/test")
    properties(callback)
    children(lambda *_: held.append(not is_free()))

    real = {each: getattr(zookeeper, each) for each in ("get", "get_children", "exists", "set", "create", "delete")}

    def checked(each):
        def call(*arguments):
            held.append(not is_free())
            return real[each](*arguments)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for each in real:
            patch.setattr(zookeeper, each, checked(each))
        zk.create("/test/a", "", OPEN, zookeeper.EPHEMERAL)
        properties.update(b=1)
        callback.wait()
        mine = zk.properties("/test/a")
        mine.update({"c =>": "/test b"})
        assert mine["c"] == 1
        zk.delete("/test/a")
    assert held
    assert not any(held)


def test_an_object_that_goes_may_use_the_session(zk):
    """Whatever the garbage collector runs while a lock is held, may take it."""

    class Closing:
        def __init__(self):
            self.me = self

        def __del__(self):
            lengths.append(len(zk.watches))

    lengths = []
    with zk.watches.lock, zk._lock:
        Closing()
        elsewhere_free = threading.Thread(target=lambda: None)
        elsewhere_free.start()
        gc.collect()
        elsewhere_free.join()
    assert lengths == [0]
