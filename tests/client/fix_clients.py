"""Clients of both kinds, with a root of their own for each test, and recorders for their events.

``zk`` and what is with it is for tests with one body for both clients: coroutine functions, which run once with an
AsyncClient and once with a Client whose calls can be awaited (see both.py). ``client`` is a Client as it is.
"""

import asyncio
import contextlib
import queue

import pytest

import zkc
from zkc.testing import FaultProxy

from . import both
from .recurring_support import Data, Names
from .trees_support import SMALL


@pytest.fixture
def hosts(zookeeper_chroot):
    return zookeeper_chroot


# ---- one body for both ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["sync", "async"])
def kind(request):
    """Which client the test is about."""
    return request.param


@pytest.fixture
def loop():
    """The event loop that the test's body runs in."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def make_zk(kind, hosts, loop):
    """Return a function that makes a client of the kind; whatever is still open at the end is closed."""
    made = []

    def make(hosts=hosts, **settings):
        made.append(both.make(kind, hosts, **settings))
        return made[-1]

    async def close():
        for client in made:
            await client.close()

    yield make
    loop.run_until_complete(close())


@pytest.fixture
def start_zk(make_zk, loop):
    """Return a function that makes a client, as make_zk does, and starts it."""

    def start(*hosts, **settings):
        client = make_zk(*hosts, **settings)
        loop.run_until_complete(_start(client))
        return client

    return start


@pytest.fixture
def zk(start_zk):
    """A client that is started."""
    return start_zk()


@pytest.fixture
def other_zk(start_zk):
    """A second client with the same root."""
    return start_zk()


async def _start(client):
    await client.start()


@pytest.fixture
def events():
    """A callback that records its arguments: ``await events.next()``."""
    return both.Events()


@pytest.fixture
def expire_zk(zookeeper_server):
    """Return a coroutine function that ends a client's session for real, and waits for the next one."""

    async def expire_zk(client):
        lost = both.Events()
        client.add_listener(lost)
        session_id = client.session_id
        zookeeper_server.expire(session_id, client.session_password)
        while await lost.next() is not zkc.ClientState.LOST:
            pass
        while await lost.next() is not zkc.ClientState.CONNECTED:
            pass
        client.remove_listener(lost)
        assert client.session_id != session_id

    return expire_zk


# ---- the synchronous client alone -----------------------------------------------------------------------------------


@pytest.fixture
def client(hosts):
    with zkc.Client(hosts) as client:
        yield client


@pytest.fixture
def other_client(hosts):
    """A second client with the same root."""
    with zkc.Client(hosts) as client:
        yield client


@pytest.fixture
def mended():
    """Return a function that calls until the connection holds: a call that fails with its loss is made again."""

    def mended(call):
        while True:
            try:
                return call()
            except zkc.ConnectionLossError as error:
                last = error
            assert not last.session_lost

    return mended


@pytest.fixture
def expire(zookeeper_server):
    """Return a function that ends the session of a client, as the servers do when they hear nothing of it."""

    def expire(client):
        lost = _Events()
        client.add_listener(lost)
        session_id = client.session_id
        zookeeper_server.expire(session_id, client.session_password)
        while lost.next() is not zkc.ClientState.LOST:
            pass
        while lost.next() is not zkc.ClientState.CONNECTED:
            pass
        client.remove_listener(lost)
        assert client.session_id != session_id

    return expire


class _Events(queue.Queue):
    """A queue of the events that a watch or a listener got."""

    def __call__(self, event):
        self.put(event)

    def next(self):
        """Wait for the next event."""
        return self.get(timeout=30)


# ---- recurring watches -----------------------------------------------------------------------------------------------


@pytest.fixture
def data():
    return Data()


@pytest.fixture
def names():
    return Names()


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def through(proxy, hosts):
    """Where a client connects that shall go through the proxy."""
    return proxy.hosts + hosts[hosts.index("/") :]


@pytest.fixture
def make_client_through(through):
    """Return a function that makes a synchronous client that connects through the proxy."""
    with contextlib.ExitStack() as made:
        yield lambda **settings: made.enter_context(zkc.Client(through, **settings))


# ---- trees -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(zk, loop):
    async def make():
        await zk.create_many(SMALL.items(), raise_errors=True)

    loop.run_until_complete(make())
    return zk
