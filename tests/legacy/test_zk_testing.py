"""``zc.zk.testing``: old test suites run without a server."""

import doctest
import json
import sys
import threading
import types
import unittest
import unittest.mock

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper
from zkc.legacy.zk import testing

from .legacy_support import OPEN, TIMEOUT, Watcher
from .zk_support import CONNECTION

SESSION, CONNECTED, CONNECTING = zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE, zookeeper.CONNECTING_STATE


@pytest.fixture
def h(fake):
    """A handle of the ZooKeeper in memory."""
    return zookeeper.init(CONNECTION)


# --- setUp and tearDown -----------------------------------------------------------------------------------------------


def test_set_up_and_tear_down(log_pipe):
    before = dict(vars(zookeeper))
    test = types.SimpleNamespace(globs={"assert_": "mine"})
    testing.setUp(test)
    try:
        assert isinstance(zookeeper.create, unittest.mock.Mock)
        assert isinstance(test.globs["ZooKeeper"], testing.ZooKeeper)
        assert (test.globs["assert_"], test.globs["wait_until"]) == ("mine", testing.wait_until)
        zk = zc_zk.ZooKeeper(CONNECTION)
        text = "/fooservice\n  database = '/databases/foomain'\n  favorite_color = 'red'\n  threads = 1\n  /providers\n"
        assert zk.export_tree() == text
        assert zk.exists("/zookeeper/quota")
        zk.close()
    finally:
        testing.tearDown(test)
    assert dict(vars(zookeeper)) == before
    testing.tearDown(test)


def test_a_tree_and_a_connection_string_of_ones_own(log_pipe):
    class Test(unittest.TestCase):
        def test(self):
            zk = zc_zk.ZooKeeper("my.zookeeper:1234")
            assert zk.export_tree() == "/a\n  x = 1\n  /b\n"
            assert type(self.ZooKeeper) is testing.ZooKeeper
            assert zk.handle == 0
            zk.close()

        def setUp(self):
            testing.setUp(self, "/a\n  x = 1\n  /b", "my.zookeeper:1234")

        def tearDown(self):
            testing.tearDown(self)

    result = unittest.TestResult()
    Test("test").run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


def test_a_tree_that_cannot_be_read_leaves_nothing_behind(log_pipe):
    before = dict(vars(zookeeper))
    with pytest.raises(ValueError, match="Unrecognized data"):
        testing.setUp(types.SimpleNamespace(globs={}), "what is this")
    assert dict(vars(zookeeper)) == before


DOCTEST = """
>>> zk = zc.zk.ZooKeeper('zookeeper.example.com:2181')
>>> zk.register_server('/fooservice/providers', ('192.168.0.42', 8080))

>>> @zk.children('/fooservice/providers')
... def addresses_updated(addresses):
...     print('addresses changed')
...     print(sorted(addresses))
addresses changed
['192.168.0.42:8080']

>>> zk.register_server('/fooservice/providers', ('192.168.0.42', 8081))
addresses changed
['192.168.0.42:8080', '192.168.0.42:8081']

>>> data = zk.properties('/fooservice')
>>> @data
... def data_updated(data):
...     print('data updated', sorted(data.items()))
data updated [('database', '/databases/foomain'), ('favorite_color', 'red'), ('threads', 1)]
>>> data.set(threads=3, secret='1234')
data updated [('secret', '1234'), ('threads', 3)]

>>> ZooKeeper.sessions[zk.handle].disconnect()
>>> zk.get('/')
Traceback (most recent call last):
...
zkc.legacy.zookeeper.ConnectionLossException: connection loss
>>> ZooKeeper.sessions[zk.handle].expire()
addresses changed
['192.168.0.42:8080', '192.168.0.42:8081']
data updated [('secret', '1234'), ('threads', 3)]
>>> sorted(zk.get_children('/fooservice/providers'))
['192.168.0.42:8080', '192.168.0.42:8081']

>>> zk.aset('/fooservice', '', -1, lambda *args: print(args[1], sorted(args[2])[:2]))
0
>>> zk.create('/other', '', zc.zk.OPEN_ACL_UNSAFE)
data updated []
0 ['aversion', 'ctime']
'/other'
>>> zk.close()
"""


def test_a_doctest(log_pipe):
    test = doctest.DocTestParser().get_doctest(
        DOCTEST, {"zc": types.SimpleNamespace(zk=zc_zk)}, "a doctest", None, None
    )
    case = doctest.DocTestCase(test, setUp=testing.setUp, tearDown=testing.tearDown)
    result = unittest.TestResult()
    case.run(result)
    assert not result.failures, result.failures[0][1]
    assert (result.testsRun, result.errors) == (1, [])


def test_what_others_registered_is_undone_too(log_pipe, monkeypatch):
    undone = []
    setupstack = types.SimpleNamespace(tearDown=undone.append)
    monkeypatch.setitem(sys.modules, "zope.testing.setupstack", setupstack)
    test = types.SimpleNamespace(globs={})
    testing.setUp(test)
    testing.tearDown(test)
    assert undone == [test]


def test_a_real_server(hosts, log_pipe, monkeypatch, make_zk):
    monkeypatch.setenv("TEST_ZOOKEEPER_CONNECTION", hosts)
    assert testing.testing_with_real_zookeeper() == hosts
    outside = make_zk()
    test = types.SimpleNamespace(globs={})
    testing.setUp(test, "/a\n  x = 1\n")
    try:
        assert test.globs["ZooKeeper"] is None
        (name,) = outside.get_children("/")
        assert name.startswith("zc.zk.testing.test-root")
        zk = zc_zk.ZooKeeper(CONNECTION)
        assert zk.export_tree() == "/a\n  x = 1\n"
        assert zk.exists("/zookeeper/quota")
        assert zk.test_sleep == 0.01
        zk.close()
    finally:
        testing.tearDown(test)
    assert outside.get_children("/") == []
    assert zc_zk.ZooKeeper.test_sleep == 0


def test_helpers(capsys):
    check = testing.assert_
    check(True, "fine")
    with pytest.raises(AssertionError, match="bad"):
        check(False, "bad")
    check([], "bad", error=False)
    assert capsys.readouterr().out == "assertion failed:  bad\n"
    with pytest.warns(DeprecationWarning, match="wait_until is deprecated"):
        testing.wait_until(lambda: True)
    with pytest.warns(DeprecationWarning, match="wait_until"), pytest.raises(AssertionError, match="timeout"):
        testing.wait_until(lambda: False, 0.01)
    assert testing.exception_codes[zookeeper.NoNodeException] == zookeeper.NONODE
    assert len(testing.exception_codes) == 23


# --- sessions in memory -----------------------------------------------------------------------------------------------


def test_handles_and_time_outs(fake):
    assert [zookeeper.init(CONNECTION), zookeeper.init(CONNECTION, None, 4242)] == [0, 1]
    assert (zookeeper.recv_timeout(0), zookeeper.recv_timeout(1)) == (4000, 4242)
    zookeeper.close(0)
    assert zookeeper.init(CONNECTION) == 0


def test_sequence_numbers_begin_with_one(h):
    made = zookeeper.create(h, "/fooservice/s-", "", OPEN, zookeeper.EPHEMERAL | zookeeper.SEQUENCE)
    assert made == "/fooservice/s-0000000001"


def test_ephemeral_nodes_go_with_their_session(fake):
    one, two = zookeeper.init(CONNECTION), zookeeper.init(CONNECTION)
    told = Watcher()
    for number, h in enumerate((one, two)):
        zookeeper.create(h, f"/e{number}", "", OPEN, zookeeper.EPHEMERAL)
    zookeeper.delete(two, "/e0")
    zookeeper.create(one, "/e2", "", OPEN, zookeeper.EPHEMERAL)
    zookeeper.exists(two, "/e2", told)
    zookeeper.close(one)
    assert told.calls == [(two, zookeeper.DELETED_EVENT, CONNECTED, "/e2")]
    assert sorted(zookeeper.get_children(two, "/")) == ["e1", "fooservice", "zookeeper"]


def test_the_states_of_a_session(fake):
    session_told, told, other_told = Watcher(), Watcher(), Watcher()
    h, other = zookeeper.init(CONNECTION, session_told), zookeeper.init(CONNECTION)
    zookeeper.get(h, "/fooservice", told)
    zookeeper.exists(h, "/later", told)
    zookeeper.get(other, "/fooservice", other_told)
    session = fake.sessions[h]
    session.disconnect()
    with pytest.raises(zookeeper.ConnectionLossException):
        zookeeper.get(h, "/")
    assert zookeeper.state(h) == CONNECTING
    zookeeper.set(other, "/fooservice", "")
    assert other_told.calls == [(other, zookeeper.CHANGED_EVENT, CONNECTED, "/fooservice")]
    session.connect()
    lost, back = (h, SESSION, CONNECTING, ""), (h, SESSION, CONNECTED, "")
    # It gets the changes that it missed when it is back.
    assert told.calls == [lost, lost, back, (h, zookeeper.CHANGED_EVENT, CONNECTED, "/fooservice")]
    zookeeper.create(h, "/e", "", OPEN, zookeeper.EPHEMERAL)
    session.expire()
    assert session_told.calls == [back, lost, back, (h, SESSION, zookeeper.EXPIRED_SESSION_STATE, "")]
    with pytest.raises(zookeeper.SessionExpiredException) as caught:
        zookeeper.get(h, "/")
    assert isinstance(caught.value, zookeeper.InvalidStateException)  # As the calls of a real session.
    assert zookeeper.is_unrecoverable(h) is True
    assert zookeeper.exists(other, "/e") is None
    zookeeper.create(other, "/later", "", OPEN)
    assert len(told.calls) == 5  # Its watches are gone.


def test_completions_without_a_connection(fake, h):
    fake.sessions[h].disconnect()
    done = Watcher()
    assert zookeeper.aget(h, "/", None, done) == 0
    assert done.wait_calls(1) == [(h, zookeeper.CONNECTIONLOSS, None, None)]


def test_connections_that_are_allowed_later(fake, monkeypatch, log):
    monkeypatch.setattr(zc_zk.ZooKeeper, "initial_connection_wait", 0.05)
    with pytest.raises(zc_zk.FailedConnect, match="other:2181"):
        zc_zk.ZooKeeper("other:2181")
    assert fake.sessions == {}
    made = []
    thread = threading.Thread(target=lambda: made.append(zc_zk.ZooKeeper("other:2181", wait=True)))
    thread.start()
    while not log.records:
        thread.join(0.01)
    fake._allow_connection("other:2181")
    thread.join(TIMEOUT)
    assert made[0].state == CONNECTED
    assert log.records[0].getMessage() == "Can't connect to ZooKeeper at 'other:2181'"
    made[0].close()


def test_the_watcher_of_a_session_can_be_replaced(fake, h):
    told = Watcher()
    zookeeper.set_watcher(h, told)
    fake.sessions[h].disconnect()
    assert told.calls == [(h, SESSION, CONNECTING, "")]


def test_what_a_callback_raises_is_printed(h, capsys):
    def bad(*_):
        raise ValueError("of a callback")

    zookeeper.get(h, "/fooservice", bad)
    zookeeper.set(h, "/fooservice", "")
    assert "ValueError: of a callback" in capsys.readouterr().err


def test_tests_may_look_inside(fake, fake_zk):
    node = fake._traverse("/fooservice")
    assert json.loads(node.data)["threads"] == 1
    assert list(node.children) == ["providers"]
    kept = fake_zk.properties("/fooservice"), fake_zk.children("/fooservice")
    assert (len(node.watchers), len(node.child_watchers), node.exists_watchers) == (1, 1, ())
    for state in (CONNECTING, CONNECTED, zookeeper.EXPIRED_SESSION_STATE):
        for h, watcher in node.watchers + node.child_watchers:
            watcher(h, SESSION, state, "")
    assert (len(node.watchers), len(node.child_watchers)) == (1, 1)
    assert fake.root.children["fooservice"] is node
    assert len(kept) == 2
    assert zookeeper.get.call_args[0][:2] == (fake_zk.handle, "/fooservice")


def test_nodes_made_by_hand():
    tree = testing.Node(a=testing.Node("x", b=testing.Node()))
    fake = testing.ZooKeeper(CONNECTION, tree)
    h = fake.init(CONNECTION)
    assert (fake.get(h, "/a")[0], fake.get_children(h, "/a")) == ("x", ["b"])
    assert fake.state(h) == CONNECTED
