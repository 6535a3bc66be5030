"""expire(): when it returns, the session is over, and its client is cut off and gets to know."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import zkc
from zkc.testing import Ensemble, ZooKeeperServer, _wire

_OFTEN = 40  # one in twelve was left on a connection that was open and never answered
_TIMEOUT = 60.0  # Seconds. After two thirds of it a client gives a silent connection up.
_PATIENCE = 30.0  # Shorter than that, and longer than a busy machine stalls.


def listed(server: ZooKeeperServer, session_id: int) -> list[str]:
    return re.findall(rf"^.*sid={session_id:#x}\b.*$", server.four_letter_word("cons"), re.MULTILINE)


def test_the_client_learns_of_it_at_once(zookeeper_server: ZooKeeperServer) -> None:
    for _ in range(_OFTEN):
        with zkc.Client(zookeeper_server.hosts, session_timeout=_TIMEOUT) as client:
            session = client.session_id
            lost = threading.Event()
            client.add_listener(lambda state, lost=lost: lost.set() if state is zkc.ClientState.LOST else None)
            zookeeper_server.expire(session, client.session_password)
            assert lost.wait(_PATIENCE)


def test_a_server_that_stalls_in_the_middle_is_waited_for() -> None:
    with ZooKeeperServer() as server, zkc.Client(server.hosts, session_timeout=30.0) as client:
        lost = threading.Event()
        client.add_listener(lambda state: lost.set() if state is zkc.ClientState.LOST else None)
        server.pause()
        resuming = threading.Timer(5.0, server.resume)  # Behind the first attempt, and the listing that follows it.
        resuming.start()
        try:
            server.expire(client.session_id, client.session_password)
        finally:
            resuming.join()
        assert lost.wait(20)


class Returning:
    """A client that takes its session back as soon as it is cut off, until the server says that it has expired."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.address = address
        self.session, self.password, self.returned, self.expired = 0, bytes(16), 0, threading.Event()
        self.connection = self.connect()
        self.thread = threading.Thread(target=self.keep_coming)
        self.thread.start()

    def connect(self) -> socket.socket:
        connection = socket.create_connection(self.address, _PATIENCE)
        body = struct.pack(">iqiqi", 0, 0, 30_000, self.session, 16) + self.password + b"\0"
        answer = b""
        with contextlib.suppress(ConnectionError):  # The server may end a connection with a reset.
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = connection.recv(64)
        if len(answer) >= 40:
            _, timeout, self.session = struct.unpack_from(">iiq", answer, 4)
            self.password = answer[24:40]
            if timeout <= 0:
                self.expired.set()
        return connection

    def keep_coming(self) -> None:
        while not self.expired.is_set():
            with self.connection, contextlib.suppress(ConnectionError):
                while self.connection.recv(4096):
                    pass
            self.connection = self.connect()
            self.returned += 1
        self.connection.close()


def test_a_client_that_returns_at_once_gets_its_expiry(zookeeper_server: ZooKeeperServer) -> None:
    for _ in range(_OFTEN):
        client = Returning(("127.0.0.1", zookeeper_server.port))
        zookeeper_server.expire(client.session, client.password)
        assert client.expired.wait(_PATIENCE)
        client.thread.join()


@pytest.fixture(scope="module")
def ensemble() -> Iterator[Ensemble]:
    with Ensemble(3) as ensemble:
        yield ensemble


def test_every_member_cuts_it_off(ensemble: Ensemble, eventually: Callable[..., Any]) -> None:
    for member in ensemble.members:
        with ExitStack() as stack:
            clients = [stack.enter_context(zkc.Client(member.hosts, session_timeout=_TIMEOUT)) for _ in range(3)]
            for client in clients:
                session = client.session_id
                ensemble.expire(session, client.session_password)
                # One that comes back is listed until it has its answer.
                eventually(
                    lambda session=session: not any(listed(one, session) for one in ensemble.members), timeout=_PATIENCE
                )
            for client in clients:
                client.wait_for(zkc.ClientState.CONNECTED, timeout=_PATIENCE)


def test_a_client_without_a_session_is_refused(zookeeper_server: ZooKeeperServer) -> None:
    with pytest.raises(ValueError, match="has no session"):
        zookeeper_server.expire(0, bytes(16))


def test_a_wrong_password_is_refused_also_after_a_failed_attempt(
    zookeeper_server: ZooKeeperServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt fails, as one does now and then after the start of a server."""
    take, attempts = _wire._take_over, []

    def fail_first(*arguments: Any) -> _wire.WireConnection:
        attempts.append(arguments)
        if len(attempts) == 1:
            raise _wire.WireError("The server closed the connection.")
        return take(*arguments)

    monkeypatch.setattr(_wire, "_take_over", fail_first)
    with zkc.Client(zookeeper_server.hosts, session_timeout=_TIMEOUT) as client:
        session = client.session_id
        with pytest.raises(OSError, match="expired"):
            zookeeper_server.expire(session, b"x" * 16)
        # The server's refusal may be lost with the connection, too, and then another attempt follows.
        assert len(attempts) >= 2
        # The server closes the old connection of a session before it looks at the password; the client reconnects.
        client.retry(client.get, "/")
        assert client.session_id == session
