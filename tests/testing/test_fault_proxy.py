"""The proxy that breaks connections."""

import contextlib
import socket
import threading

import pytest

from zkc.testing import FaultProxy, TestingError, ZooKeeperServer
from zkc.testing._wire import WireConnection


class Echo(threading.Thread):
    """Sends back what it gets, until the other side says that it sends no more."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.join(10)


@pytest.fixture
def echo():
    echo = Echo()
    echo.start()
    yield echo
    echo.close()


@pytest.fixture
def proxy(echo):
    with FaultProxy("127.0.0.1", echo.port) as proxy:
        yield proxy


def connect(proxy):
    return socket.create_connection(("127.0.0.1", proxy.port), 5)


def exchange(connection, data):
    connection.sendall(data)
    return connection.recv(len(data), socket.MSG_WAITALL)


def test_it_forwards_both_ways(proxy):
    assert proxy.hosts == f"127.0.0.1:{proxy.port}"
    with connect(proxy) as one, connect(proxy) as two:
        assert exchange(one, b"one") == b"one"
        assert exchange(two, b"two") == b"two"
        assert proxy.connections == 2


def test_it_forwards_much_and_the_end(proxy):
    data = bytes(range(256)) * 20_000
    with connect(proxy) as connection:
        sender = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
        sender.start()
        received = b""
        while part := connection.recv(65536):
            received += part
        sender.join()
    assert received == data


def test_it_keeps_only_so_much_for_a_side_that_does_not_read(proxy):
    with connect(proxy) as connection:
        connection.settimeout(0.5)
        with pytest.raises(socket.timeout):
            connection.sendall(bytes(200_000_000))
        assert sum(len(side.outgoing) for link in proxy._links for side, _ in link.pairs()) < 2_000_000


def test_dropped_connections_are_reset_and_new_ones_work(proxy):
    with connect(proxy) as connection:
        exchange(connection, b"before")
        proxy.drop_connections()
        assert proxy.connections == 0
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with connect(proxy) as connection:
        assert exchange(connection, b"after") == b"after"


def test_a_paused_proxy_forwards_later(proxy):
    with connect(proxy) as connection:
        exchange(connection, b"before")
        proxy.pause()
        connection.sendall(b"held")
        connection.settimeout(0.2)
        with pytest.raises(socket.timeout):
            connection.recv(1)
        connection.settimeout(5)
        proxy.resume()
        assert connection.recv(4, socket.MSG_WAITALL) == b"held"


def test_refusing_keeps_what_is_open(proxy):
    with connect(proxy) as connection:
        exchange(connection, b"before")
        proxy.refuse()
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        assert exchange(connection, b"still") == b"still"
    proxy.accept()
    proxy.accept()
    with connect(proxy) as connection:
        assert exchange(connection, b"again") == b"again"


def test_a_server_that_is_away_is_a_reset(proxy, echo):
    echo.close()
    # It may come so soon that connecting already notices.
    with pytest.raises(ConnectionResetError), connect(proxy) as connection:
        connection.recv(1)


def test_a_closed_proxy_says_so(echo):
    proxy = FaultProxy("127.0.0.1", echo.port)
    with pytest.raises(TestingError, match="does not run"):
        proxy.pause()
    proxy.start()
    proxy.start()
    with connect(proxy) as connection:
        exchange(connection, b"before")
        proxy.close()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    proxy.close()
    assert not any(thread.name.startswith("zkc-fault-proxy") for thread in threading.enumerate())
    with pytest.raises(TestingError, match="closed"):
        proxy.start()


def test_a_session_goes_through():
    with ZooKeeperServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        with WireConnection(("127.0.0.1", proxy.port)) as connection:
            assert connection.create("/through")
        connection = WireConnection(("127.0.0.1", proxy.port))
        server.kill()
        with pytest.raises(OSError, match=r".+"):
            connection.create("/lost")
        connection.abandon()
