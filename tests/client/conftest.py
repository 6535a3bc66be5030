"""A client with a root of its own for each test, and a recorder for watches."""

import queue

import pytest

import zkc


@pytest.fixture
def hosts(zookeeper_chroot):
    return zookeeper_chroot


@pytest.fixture
def client(hosts):
    with zkc.Client(hosts) as client:
        yield client


@pytest.fixture
def other(hosts):
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
def expire(zookeeper_server, eventually):
    """Return a function that ends the session of a client, as the servers do when they hear nothing of it."""

    def expire(client):
        zookeeper_server.expire(client.session_id, client.session_password)
        eventually(lambda: client.state is zkc.State.EXPIRED_SESSION)

    return expire


class Events(queue.Queue):
    """A watch that keeps what it is told."""

    def __call__(self, event):
        self.put(event)

    def next(self):
        """Wait for the next event."""
        return self.get(timeout=10)


@pytest.fixture
def events():
    return Events()
