"""Handles of the old module, closed at the end; the switch back to str."""

import pytest

import zkc.legacy
from zkc.legacy import zookeeper
from zkc.legacy._core import handles, values
from zkc.testing import FaultProxy

from .legacy_support import Watcher


@pytest.fixture
def hosts(zookeeper_chroot):
    """A chroot of the test's own on the server that all share."""
    return zookeeper_chroot


@pytest.fixture
def watcher():
    """A watcher that records its calls."""
    return Watcher()


@pytest.fixture
def make_handle(hosts):
    """Return a function that begins a session and waits until it is connected: ``make_handle(**options)``."""
    made = []

    def make(where=hosts, **options):
        watcher = options.pop("watcher", None) or Watcher()
        h = zookeeper.init(where, watcher, **options)
        made.append((h, handles.session_of(h)))
        watcher.wait_for((h, zookeeper.SESSION_EVENT, zookeeper.CONNECTED_STATE, ""))
        return h

    yield make
    for h, session in made:
        if handles.find(session) == h:
            zookeeper.close(h)


@pytest.fixture
def h(make_handle):
    """A connected handle below a chroot of its own."""
    return make_handle()


@pytest.fixture
def proxy(zookeeper_server):
    """A proxy between a handle and the server, which can break the connection."""
    with FaultProxy("127.0.0.1", zookeeper_server.port) as made:
        yield made


@pytest.fixture
def proxied(proxy, hosts):
    """The connection string of the test's chroot by way of the proxy."""
    return proxy.hosts + hosts[hosts.index("/") :]


@pytest.fixture
def bytes_out():
    """Reads of data give bytes as long as the test runs."""
    zkc.legacy.use_bytes()
    yield
    zkc.legacy.use_bytes(False)


@pytest.fixture(autouse=True)
def no_handle_is_left():
    """Fail if a test leaves a handle open, or the switch for bytes."""
    before = [session is not None for session in handles._sessions]
    yield
    zookeeper.set_log_stream(None)  # The other tests look for the library's lines in logging.
    assert [session is not None for session in handles._sessions][: len(before)] == before
    assert not any(handles._sessions[len(before) :])
    assert not values._bytes_wanted
