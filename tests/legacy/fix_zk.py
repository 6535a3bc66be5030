"""Fixtures of the tests of zc.zk's drop-in: sessions with a server, and with a ZooKeeper in memory."""

import logging
import types

import pytest

from zkc.legacy import zk as zc_zk
from zkc.legacy import zookeeper
from zkc.legacy.zk import testing

from .legacy_support import settle

CONNECTION = "zookeeper.example.com:2181"


@pytest.fixture(scope="session")
def _lasting_pipe():
    """The pipe and the thread for the library's log lines: made once, for the life of the process."""
    return zc_zk._logging_pipe


@pytest.fixture
def log_pipe(_lasting_pipe):
    """The pipe, with the library's lines going there for the time of a test."""
    zookeeper.set_log_stream(zc_zk._logging._writer)
    yield _lasting_pipe
    zookeeper.set_log_stream(None)


@pytest.fixture
def make_zk(hosts, log_pipe):
    """Return a function that begins a session: ``make_zk(hosts, session_timeout)``; it is closed at the end."""
    made = []

    def make(where=hosts, *arguments, **options):
        made.append(zc_zk.ZooKeeper(where, *arguments, **options))
        # A session goes on with the event of its connection after the constructor has returned. What a test watches
        # before that has ended would be looked at again, and its callbacks called once more.
        settle(made[-1].handle)
        return made[-1]

    yield make
    for zk in made:
        zk.close()


@pytest.fixture
def zk(make_zk):
    """A session below a chroot of its own."""
    return make_zk()


@pytest.fixture
def make_fake(log_pipe):
    """Return a function that puts a ZooKeeper in memory into the module: ``make_fake(tree)``."""
    tests = []

    def make(tree=None):
        test = types.SimpleNamespace(globs={})
        testing.setUp(test, tree)
        tests.append(test)
        return test.globs["ZooKeeper"]

    yield make
    for test in tests:
        testing.tearDown(test)


@pytest.fixture
def fake(make_fake):
    """A ZooKeeper in memory with the tree of zc.zk's examples."""
    return make_fake()


@pytest.fixture
def fake_zk(fake):
    """A session with the ZooKeeper in memory."""
    zk = zc_zk.ZooKeeper(CONNECTION)
    yield zk
    zk.close()


@pytest.fixture
def log(caplog):
    """The log records under zc.zk from now on, at any level."""
    caplog.set_level(logging.DEBUG, "zc.zk")
    return caplog
