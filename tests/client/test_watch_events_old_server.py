"""Servers that lack persistent watches and the newer calls: each answers with "unimplemented" and closes."""

import contextlib
import socket

import pytest

import zkc
from zkc import EventType, WatchType

from ..build_support import needs_newer_calls
from ..vendor.scripted_server import EXISTS, NOT_FOUND, ScriptedServer, reply
from . import both

pytestmark = needs_newer_calls
UNIMPLEMENTED, SET_WATCHES2, ADD_WATCH = -6, 105, 106
NEWER = (22, 103, 104, SET_WATCHES2, ADD_WATCH, 107)


class Server:
    """A server without znodes, whose version a test changes."""

    def __init__(self) -> None:
        self.old = True
        self.requests: list[int] = []
        self._sockets: list[socket.socket] = []
        self._server = ScriptedServer(self._converse)
        self.hosts = self._server.hosts
        self.close = self._server.close

    def _converse(self, connection) -> None:
        self._sockets.append(connection.socket)
        connection.begin(30000)
        while True:
            xid, kind, _ = connection.request()
            self.requests.append(kind)
            if kind in NEWER and self.old:
                connection.send(reply(xid, err=UNIMPLEMENTED))
                return
            connection.send(reply(xid, bytes(4 * (kind == ADD_WATCH)), err=NOT_FOUND if kind == EXISTS else 0))

    def downgrade(self) -> None:
        """Go on as an old server, which all clients have to connect to."""
        self.old = True
        for each in list(self._sockets):  # Not those of the connections that follow.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def old_zk(make_zk, server, loop):
    zk = make_zk(server.hosts)

    async def start():
        await zk.start()

    loop.run_until_complete(start())
    return zk


async def test_a_refusal_costs_one_connection_and_is_remembered(old_zk, server, events):
    with pytest.raises(zkc.UnimplementedError):
        await old_zk.watch_events("/a", events)
    await both.eventually(lambda: old_zk.connected)
    assert await both.mended(lambda: old_zk.exists("/a")) is None
    for recursive in (False, True):
        with pytest.raises(zkc.UnimplementedError, match=r"3\.6 or later"):
            await old_zk.watch_events("/a", events, recursive=recursive)
    with pytest.raises(zkc.UnimplementedError):
        async with old_zk.watch("/a", watch_type=WatchType.RECURSIVE):
            pass
    assert server.requests.count(ADD_WATCH) == 1
    assert old_zk.session.watch_count == 0
    assert events.empty()


@pytest.mark.parametrize("call", ["get_ephemerals", "whoami", "count_descendants"])
async def test_a_newer_call_is_unimplemented(old_zk, call):
    with pytest.raises(zkc.UnimplementedError) as caught:
        await getattr(old_zk, call)(*["/a"] * (call == "count_descendants"))
    assert caught.value.operation == call
    assert await both.mended(lambda: old_zk.exists("/a")) is None


async def test_a_downgrade_ends_a_subscription_with_a_last_event(make_zk, server, events, caplog):
    server.old = False
    zk = make_zk(server.hosts)
    await zk.start()
    subscription = await zk.watch_events("/a", events)
    iterator = await zk.watch("/a", watch_type=WatchType.RECURSIVE).__aenter__()
    once = both.Events()
    await zk.exists("/b", watch=once)
    server.downgrade()
    seen = [(await events.next()).type]
    while seen[-1] is not EventType.NOT_WATCHING:
        seen.append((await events.next()).type)
    assert set(seen[:-1]) <= {EventType.GAP}
    assert subscription.cancelled
    assert isinstance(subscription.error, zkc.UnimplementedError)
    assert "ended: " in repr(subscription)
    with pytest.raises(zkc.UnimplementedError, match=r"3\.6 or later"):  # noqa: PT012 - a GAP may come before
        while (await iterator.__anext__()).type is EventType.GAP:
            pass
    await both.eventually(lambda: "/a is not watched any more" in caplog.text)
    caplog.clear()
    assert await both.mended(lambda: zk.exists("/a")) is None
    assert zk.session.watch_count == 1  # the one-shot watch was given to the old server
    assert once.empty()
    assert server.requests.count(SET_WATCHES2) == 1
