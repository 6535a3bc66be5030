"""Clients over TLS that live on: connections break, sessions expire, and certificates change."""

import contextlib
import shutil
import time

import pytest

import zkc
from zkc import ClientState
from zkc import _zookeeper as core
from zkc.testing import FaultProxy, ZooKeeperServer

from ..tls_support import TLSFront, below, mutual
from . import both

pytestmark = pytest.mark.skipif(not core.build_info()["tls"], reason="this libzookeeper has no TLS")


@pytest.fixture(scope="module")
def server():
    with ZooKeeperServer(tls=True) as server:
        yield server


class Changing:
    """A TLS server in front of a ZooKeeper server, whose certificate and whose connections a test breaks."""

    def __init__(self, server, stack):
        files = server.tls
        self.good = files.server_context()
        self.bad = files.serving(files.expired).server_context()
        self.next = []  # Certificates of the next handshakes; after them, the last one.
        self.front = stack.enter_context(TLSFront(files.server_context(), server.port))
        self.front._context.sni_callback = self._choose
        self.proxy = stack.enter_context(FaultProxy("127.0.0.1", self.front.port))
        self.show(self.good)
        self.hosts = self.proxy.hosts + below(server)[len(server.tls_hosts) :]

    def show(self, *contexts):
        self.next[:] = contexts

    def _choose(self, sock, _name, _context):
        sock.context = self.next.pop(0) if len(self.next) > 1 else self.next[0]


@pytest.fixture
def changing(server):
    with contextlib.ExitStack() as stack:
        yield Changing(server, stack)


def long_lived(make_zk, changing, server, **settings):
    """Make a client whose session outlives what is done to its server."""
    return make_zk(changing.hosts, tls=mutual(server.tls), **{"session_timeout": 20.0, **settings})


async def expire_unseen(zk, changing, server, events):
    """End the session of a client that learns of it by the first connection that the proxy takes again."""
    changing.proxy.refuse()
    changing.proxy.drop_connections()
    assert await events.next() is ClientState.SUSPENDED
    server.expire(zk.session_id, zk.session_password)


async def test_a_connection_that_breaks(make_zk, changing, server):
    async with long_lived(make_zk, changing, server) as zk:
        session_id = zk.session_id
        for _ in range(3):
            changing.proxy.drop_connections()
            assert await both.mended(lambda: zk.exists("/")) is not None
        assert zk.session_id == session_id


async def test_a_certificate_goes_bad_and_is_renewed(make_zk, changing, server, events):
    async with long_lived(make_zk, changing, server) as zk:
        await zk.create("/mine", ephemeral=True)
        zk.add_listener(events)
        changing.show(changing.bad)
        changing.proxy.drop_connections()
        assert await events.next() is ClientState.SUSPENDED
        await both.eventually(lambda: zk.session.tls_futile)
        assert zk.session.tls_error.reason == "expired"
        # A start that is waiting now goes on waiting: what was good may be good again.
        starting = both.begin(zk, "start")
        changing.show(changing.good)
        await starting
        assert await events.next() is ClientState.CONNECTED
        assert (await zk.exists("/mine")).ephemeral_owner == zk.session_id
        assert zk.session.tls_error is None


async def test_a_session_that_expires_while_the_certificate_is_bad(make_zk, changing, server, events):
    async with long_lived(make_zk, changing, server) as zk:
        await zk.create("/kept", b"x", ephemeral=True, keep=True)
        before = zk.session_id
        zk.add_listener(events)
        await expire_unseen(zk, changing, server, events)
        changing.show(changing.bad)
        changing.proxy.accept()
        await both.eventually(lambda: zk.session.tls_futile)
        assert zk.state is ClientState.SUSPENDED  # A client without a connection does not know.
        changing.show(changing.good)
        assert await events.next() is ClientState.LOST
        assert await events.next() is ClientState.CONNECTED
        assert zk.session_id != before
        assert (await zk.exists("/kept")).ephemeral_owner == zk.session_id


async def test_the_session_after_an_expiry_meets_a_bad_certificate(make_zk, changing, server, events):
    """Only a first start fails at once; a client that has lived goes on trying."""
    async with long_lived(make_zk, changing, server) as zk:
        await zk.create("/kept", b"x", ephemeral=True, keep=True)
        before = zk.session_id
        zk.add_listener(events)
        await expire_unseen(zk, changing, server, events)
        failures = len(changing.front.failures)
        changing.show(changing.good, changing.bad)  # One to learn of the expiry by, then no other.
        changing.proxy.accept()
        assert await events.next() is ClientState.LOST
        await both.eventually(lambda: len(changing.front.failures) >= failures + 3)
        assert zk.state is ClientState.LOST
        assert not zk.closed
        changing.show(changing.good)
        assert await events.next() is ClientState.CONNECTED
        assert (await zk.get("/kept"))[1].ephemeral_owner == zk.session_id != before


async def test_a_file_that_is_away_when_a_session_expires(make_zk, changing, server, tmp_path, events):
    authority = tmp_path / "ca.pem"
    shutil.copy(server.tls.ca, authority)

    def take_away(sock, name, context):
        authority.unlink(missing_ok=True)  # Once the client has read it for this connection.
        changing._choose(sock, name, context)

    tls = mutual(server.tls, ca=authority)
    async with make_zk(changing.hosts, tls=tls, session_timeout=20.0) as zk:
        before = zk.session_id
        zk.add_listener(events)
        await expire_unseen(zk, changing, server, events)
        changing.front._context.sni_callback = take_away
        changing.proxy.accept()
        assert await events.next() is ClientState.LOST
        assert zk.state is ClientState.LOST
        changing.front._context.sni_callback = changing._choose
        shutil.copy(server.tls.ca, authority)
        assert await events.next() is ClientState.CONNECTED
        assert zk.session_id not in (0, before)


async def test_the_session_expires_with_a_real_server(make_zk, server, events):
    async with make_zk(below(server), tls=mutual(server.tls)) as zk:
        await zk.create("/kept", b"x", ephemeral=True, keep=True, acl=zkc.CREATOR_ALL_ACL)
        before = zk.session_id
        zk.add_listener(events)
        server.expire(before, zk.session_password)
        while await events.next() is not ClientState.LOST:
            pass
        assert await events.next() is ClientState.CONNECTED
        assert zk.session_id != before
        assert (await zk.get("/kept"))[0] == b"x"  # Its ACL is for our certificate.


async def test_a_real_server_restarts(make_zk, server):
    async with make_zk(below(server), tls=mutual(server.tls), session_timeout=20.0) as zk:
        session_id = zk.session_id
        server.restart()
        assert await both.mended(lambda: zk.exists("/")) is not None
        assert zk.session_id == session_id


async def test_closing_while_every_certificate_is_bad(make_zk, changing, server, events):
    zk = long_lived(make_zk, changing, server, session_timeout=60.0)
    await zk.start()
    zk.add_listener(events)
    changing.show(changing.bad)
    changing.proxy.drop_connections()
    assert await events.next() is ClientState.SUSPENDED
    waiting = both.begin(zk, "get", "/")
    await both.eventually(lambda: zk.session.tls_futile)
    begun = time.monotonic()
    await zk.close()
    assert time.monotonic() - begun < 30.0  # and not for as long as a server may be waited for
    with pytest.raises((zkc.ClosingError, zkc.ConnectionLossError)):
        await waiting


async def test_calls_while_every_certificate_is_bad(make_zk, changing, server, events):
    """To a caller it is a lost connection like any other: what is made for those goes on here, too."""
    async with long_lived(make_zk, changing, server) as zk:
        zk.add_listener(events)
        changing.show(changing.bad)
        changing.proxy.drop_connections()
        assert await events.next() is ClientState.SUSPENDED
        protected = both.begin(zk, "create", "/p-", sequential=True, protected=True)
        for name, arguments in (("get", ("/",)), ("set", ("/", b"x")), ("add_auth", ("digest", "ann:secret"))):
            with pytest.raises(zkc.ConnectionLossError) as caught:
                await both.begin(zk, name, *arguments)
            assert (caught.value.maybe_applied, caught.value.session_lost) == (False, False)
            assert type(caught.value) is zkc.ConnectionLossError
        transaction = zk.transaction()
        transaction.set("/", b"x")
        with pytest.raises(zkc.ConnectionLossError, match="it was never sent: no TLS connection") as caught:
            await transaction.commit()
        assert not caught.value.maybe_applied
        changing.show(changing.good)
        assert await events.next() is ClientState.CONNECTED
        made = await protected
        assert (await zk.get("/"))[1].version == 0
        assert [f"/{name}" for name in await zk.children("/")] == [made]
        acl = [zkc.ACL.digest("ann", "secret")]
        await zk.create("/anns", acl=acl)  # The credentials went with the new connection.
        assert (await zk.get("/anns"))[0] == b""
