"""Peers that are no ZooKeeper servers."""

import socket
import struct
import threading

import pytest

from zkc import _zookeeper as core
from zkc import errors

pytestmark = [
    pytest.mark.asan,
    pytest.mark.skipif(core.build_info()["linkage"] == "system", reason="libzookeeper takes any answer"),
]

HEALTHY = {"length": 37, "version": 0, "timeout": 4000, "session_id": 7, "password_length": 16, "read_only": 0}


def answer(**changes):
    """Return what a server says to a connect request."""
    said = {**HEALTHY, **changes}
    return struct.pack(
        ">iiiqi16sb",
        *(said[name] for name in ("length", "version", "timeout", "session_id", "password_length")),
        b"p" * 16,
        said["read_only"],
    )


@pytest.fixture
def peer():
    """Return a function that starts a peer with one answer for every client, and returns its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve(said):
        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connections.append(connection)
                try:
                    connection.recv(1000)
                    connection.sendall(said)
                except OSError:
                    pass  # the client hung up first

        thread.append(threading.Thread(target=run))
        thread[0].start()
        return f"127.0.0.1:{listener.getsockname()[1]}"

    thread: list = []
    yield serve
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread[0].join()
    for connection in connections:
        connection.close()


STRANGERS = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n",
    "redis": b"-ERR unknown command, with beginning: and some more text\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "length": answer(length=36),
    "version": answer(version=1),
    "timeout": answer(timeout=-5),
    "no_session": answer(session_id=0),
    "password": answer(password_length=15),
    "flag": answer(read_only=2),
    "read_only": answer(read_only=1),
}
# To who resumes a session, the id 0 says that it has expired.
CASES = [(name, resumes) for name in STRANGERS for resumes in (False, True) if (name, resumes) != ("no_session", True)]


@pytest.mark.parametrize(("name", "resumes"), CASES)
def test_a_peer_that_is_no_server_makes_no_session_and_ends_none(peer, name, resumes):
    events = []
    hosts = peer(STRANGERS[name])
    client_id = (0x1234, b"secret secret 12") if resumes else None
    session = core.Session(hosts, session_timeout=2.0, client_id=client_id, watcher=lambda *event: events.append(event))
    with pytest.raises(errors.OperationTimeoutError, match="no server of"):
        session.wait_connected(0.3)
    assert not session.unrecoverable
    session.close()
    assert [state for _, state, _ in events] == [0]


def test_a_peer_that_answers_as_a_server_does_makes_a_session(peer):
    session = core.Session(peer(answer()), session_timeout=2.0)
    session.wait_connected(10)
    assert session.client_id == (7, b"p" * 16)
    session.close()


@pytest.mark.parametrize("xid", [0x7FFF0000, 1], ids=["left_out", "before"])
def test_a_reply_to_another_request_is_a_lost_connection(peer, xid, eventually):
    reply = struct.pack(">iiqi", 16, xid, 1, 0)
    session = core.Session(peer(answer() + reply), session_timeout=2.0)

    def lost():  # Again and again: the reply may be there before the request is, and there is no connection then.
        error = session.set("/a", b"").exception(10)
        return error if "left out a reply, or sent one too many" in str(error) else None

    error = eventually(lost)
    assert isinstance(error, errors.ConnectionLossError)
    assert error.maybe_applied
    assert not session.unrecoverable
    session.close()
