"""Clients that authenticate by SASL, alone and over TLS, and what a libzookeeper without either says."""

import contextlib
import logging
import time

import pytest

import zkc
from zkc import ClientState
from zkc import _zookeeper as core
from zkc.testing import FaultProxy, ZooKeeperServer

from . import both

needs_sasl = pytest.mark.skipif(not core.build_info()["sasl"], reason="this libzookeeper has no SASL")
needs_tls = pytest.mark.skipif(not core.build_info()["tls"], reason="this libzookeeper has no TLS")
AT_ONCE = 30.0  # Seconds that a refusal may take on a busy machine; waiting until a timeout takes longer.
ALICE = zkc.SASL.digest("alice", "open sesame")
ALICES = [zkc.ACL.sasl("alice")]
WRONG = [
    zkc.SASL.digest("alice", "close sesame"),
    zkc.SASL.digest("nobody", "close sesame"),
    zkc.SASL.digest("alice", ""),
]


@pytest.fixture(scope="module")
def server():
    """A server that takes requests only of who has authenticated, over TLS too."""
    users = {"alice": "open sesame", "bob": 'with "quotes" and \\'}
    with ZooKeeperServer(tls=True, sasl=users, sasl_required=True) as server:
        with zkc.Client(server.hosts, sasl=ALICE) as client:
            client.create("/test", acl=[zkc.ACL.world()])
        yield server


@pytest.fixture(params=["plain", pytest.param("tls", marks=needs_tls)])
def way(request, server):
    """The way to the server, in the clear or encrypted: its port, and whatever more a client needs."""
    if request.param == "plain":
        return server.port, {}
    files = server.tls
    return int(server.tls_hosts.rpartition(":")[2]), {"tls": zkc.TLS(files.ca, files.client_cert, files.client_key)}


@pytest.fixture
def root(server):
    """A znode of the test's own, as a chroot."""
    with zkc.Client(server.hosts + "/test", sasl=ALICE) as client:
        return "/test" + client.create("/t-", sequential=True)


@needs_sasl
async def test_a_user_with_a_password(make_zk, way, root):
    port, settings = way
    async with make_zk(f"127.0.0.1:{port}{root}", sasl=ALICE, **settings) as zk:
        await zk.create("/mine", b"x", acl=ALICES)
        assert (await zk.get_acl("/mine"))[0] == ALICES
        bob = zkc.SASL.digest("bob", 'with "quotes" and \\')
        async with make_zk(f"127.0.0.1:{port}{root}", sasl=bob, **settings) as other:
            with pytest.raises(zkc.NoAuthError):
                await other.get("/mine")
        assert (await zk.get("/mine"))[0] == b"x"


@needs_sasl
@pytest.mark.parametrize("sasl", WRONG, ids=["password", "user", "nothing"])
async def test_wrong_credentials_are_reported_at_once(make_zk, way, sasl):
    port, settings = way
    zk = make_zk(f"127.0.0.1:{port}", sasl=sasl, session_timeout=60.0, connect_timeout=60.0, **settings)
    states = []
    zk.add_listener(states.append)
    for _ in range(2):  # And again, by the same client.
        begun = time.monotonic()
        with pytest.raises(zkc.AuthFailedError) as caught:
            await zk.start()
        assert time.monotonic() - begun < AT_ONCE
        assert (caught.value.operation, caught.value.session_lost, caught.value.maybe_applied) == ("start", True, False)
        assert zk.closed
        assert zk.state is ClientState.CLOSED
    assert set(states) <= {ClientState.CONNECTING, ClientState.CLOSED}
    with pytest.raises(zkc.NotStartedError):
        await zk.get("/")


@needs_sasl
async def test_without_credentials_where_they_are_required(make_zk, server):
    zk = make_zk(server.hosts, session_timeout=2.0, connect_timeout=2.0)
    with pytest.raises(zkc.ZooKeeperError):  # Some servers take the session and end it at the first request.
        async with zk:
            await zk.create("/refused", timeout=2.0)
    await zk.close()


@needs_sasl
async def test_a_mechanism_that_is_unknown(make_zk, server):
    zk = make_zk(server.hosts, sasl=zkc.SASL("NO-SUCH"), connect_timeout=3.0)
    with pytest.raises((zkc.AuthFailedError, zkc.ConnectTimeoutError)):
        await zk.start()
    assert zk.closed


@needs_sasl
async def test_servers_in_fips_mode_are_named_as_a_cause(make_zk):
    """Servers since 3.9 refuse DIGEST-MD5 in FIPS mode, which is their default. Older ones do not know the mode."""
    with ZooKeeperServer(sasl={"alice": "open sesame"}, properties={"zookeeper.fips-mode": "true"}) as server:
        zk = make_zk(server.hosts, sasl=ALICE)
        if server.version < (3, 9):
            async with zk:
                await zk.create("/mine", acl=ALICES)
            return
        with pytest.raises(zkc.AuthFailedError, match=r"-Dzookeeper\.fips-mode=false"):
            await zk.start()
        assert zk.closed


@needs_sasl
async def test_every_connection_authenticates(make_zk, way, root):
    port, settings = way
    with FaultProxy("127.0.0.1", port) as proxy:
        async with make_zk(proxy.hosts + root, sasl=ALICE, session_timeout=20.0, **settings) as zk:
            session_id = zk.session_id
            await zk.create("/mine", b"x", acl=ALICES)
            for _ in range(3):
                proxy.drop_connections()
                assert (await both.mended(lambda: zk.get("/mine")))[0] == b"x"
            assert zk.session_id == session_id


@needs_sasl
async def test_every_session_authenticates(make_zk, server, way, root, events):
    port, settings = way
    # The servers forget it, and no client without credentials could end it for them.
    with FaultProxy("127.0.0.1", port) as proxy:
        async with make_zk(proxy.hosts + root, sasl=ALICE, session_timeout=4.0, **settings) as zk:
            await zk.create("/mine", b"x", acl=ALICES)
            await zk.create("/kept", b"y", ephemeral=True, keep=True, acl=zkc.CREATOR_ALL_ACL)
            zk.add_listener(events)
            sessions = {zk.session_id}
            for _ in range(2):
                proxy.refuse()
                proxy.drop_connections()
                await both.eventually(lambda: hex(zk.session_id) not in server.four_letter_word("dump", timeout=30.0))
                proxy.accept()
                while await events.next() is not ClientState.LOST:
                    pass
                while await events.next() is not ClientState.CONNECTED:
                    pass
                sessions.add(zk.session_id)
                assert (await both.mended(lambda: zk.get("/mine")))[0] == b"x"
                assert (await both.mended(lambda: zk.get("/kept")))[1].ephemeral_owner == zk.session_id
            assert len(sessions) == 3


@needs_sasl
async def test_a_connection_that_breaks_while_it_authenticates(make_zk, server, root):
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(FaultProxy("127.0.0.1", server.port))
        zk = make_zk(proxy.hosts + root, sasl=ALICE, session_timeout=20.0)
        proxy.pause()
        starting = both.begin(zk, "start")
        await both.eventually(lambda: proxy.connections)
        proxy.drop_connections()
        proxy.resume()
        await starting
        await zk.create("/mine", b"x", acl=ALICES)
        await zk.close()


@needs_sasl
async def test_a_password_that_was_changed_ends_the_client(make_zk, events):
    """Only its user can help such a client: there is no session any more, and every call says why."""
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(ZooKeeperServer(sasl={"alice": "open sesame"}, sasl_required=True))
        proxy = stack.enter_context(FaultProxy("127.0.0.1", own.port))
        async with make_zk(proxy.hosts, sasl=ALICE, session_timeout=20.0) as zk:
            zk.add_listener(events)
            waiting = both.begin(zk, "wait_for", ClientState.CLOSED)
            # As if the server had been given another password: it needs a restart for that, and this is another one.
            changed = stack.enter_context(ZooKeeperServer(sasl={"alice": "close sesame"}, sasl_required=True))
            proxy._target = ("127.0.0.1", changed.port)
            proxy.drop_connections()
            while await events.next() is not ClientState.LOST:
                pass
            with pytest.raises(zkc.AuthFailedError):
                await waiting
            for _ in range(2):
                with pytest.raises(zkc.AuthFailedError):
                    await zk.get("/")
            with pytest.raises(zkc.AuthFailedError):
                await zk.start()
        assert zk.state is ClientState.CLOSED


@needs_sasl
async def test_no_secret_is_shown(make_zk, server, way, caplog):
    port, settings = way
    shown = [repr(sasl) for sasl in (ALICE, *WRONG)]
    core.set_log_level(4)
    try:
        with caplog.at_level(logging.DEBUG):
            for sasl in (ALICE, WRONG[0]):
                zk = make_zk(f"127.0.0.1:{port}", sasl=sasl, **settings)
                try:
                    await zk.start()
                except zkc.AuthFailedError as error:
                    shown += [str(error), repr(error)]
                shown.append(repr(zk))
                await zk.close()
            # The library's lines come a little later.
            await both.eventually(lambda: "zkc.libzookeeper" in {record.name for record in caplog.records})
    finally:
        core.set_log_level(3)
    assert len(shown) == 8
    assert "sesame" not in "\n".join([*shown, caplog.text])


@pytest.mark.parametrize(("name", "settings"), [("tls", {"tls": zkc.TLS()}), ("sasl", {"sasl": ALICE})])
async def test_a_build_without_it_says_so(make_zk, name, settings):
    if core.build_info()[name]:
        pytest.skip(f"this libzookeeper has {name}")
    zk = make_zk(**settings)
    for _ in range(2):
        with pytest.raises(zkc.UnimplementedError, match=r"start: this build of libzookeeper has no") as caught:
            await zk.start()
        assert caught.value.operation == "start"
        assert f"has no {name.upper()}: see zkc.build_info()" in str(caught.value)
        assert zk.closed
        assert zk.state is ClientState.CLOSED
