"""The client's identity: auth= and add_auth() over a session's end, SASL, and resuming a session of another client."""

import pytest

import zkc
from zkc import ACL, SASL, ClientState
from zkc.testing import FaultProxy, ZooKeeperServer

from . import both

needs_sasl = pytest.mark.skipif(not zkc.build_info()["sasl"], reason="this libzookeeper has no SASL")


async def test_credentials_are_sent_before_anything_else(make_zk, zk):
    await zk.create("/mine", b"x", acl=[ACL.digest("ann", "secret")])
    for credentials in ("ann:secret", b"ann:secret"):
        async with make_zk(auth=[("digest", "bob:other"), ("digest", credentials)]) as ann:
            assert (await ann.get("/mine"))[0] == b"x"
    async with make_zk(auth=iter([("digest", "bob:other")])) as bob:
        with pytest.raises(zkc.NoAuthError):
            await bob.get("/mine")


async def test_the_first_request_of_all_is_authenticated(make_zk, zk):
    await zk.create("/mine", b"x", acl=[ACL.digest("ann", "secret")])
    for _ in range(10):
        ann = make_zk(auth=[("digest", "ann:secret")])
        starting = both.begin(ann, "start")
        # As soon as there is a session, and perhaps before it is connected.
        await both.eventually(lambda client=ann: client.inner._session is not None)
        if ann.kind == "async":
            await starting
        assert (await ann.get("/mine"))[0] == b"x"
        await starting
        await ann.close()


async def test_refused_credentials_end_the_start(make_zk):
    zk = make_zk(auth=[("no-such-scheme", "x")])
    with pytest.raises(zkc.AuthFailedError):
        await zk.start()
    assert zk.closed


async def test_credentials_are_sent_again_over_a_new_connection(make_zk, hosts, zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        chroot = hosts[len(zookeeper_server.hosts) :]
        async with make_zk(proxy.hosts + chroot, session_timeout=30, auth=[("digest", "ann:secret")]) as zk:
            await zk.create("/mine", b"x", acl=zkc.CREATOR_ALL_ACL)
            await zk.add_auth("digest", "bob:other")
            await zk.create("/his", b"y", acl=[ACL.digest("bob", "other")])
            proxy.drop_connections()
            assert (await both.mended(lambda: zk.get("/mine")))[0] == b"x"
            assert (await zk.get("/his"))[0] == b"y"


class _ClosingFirst(FaultProxy):
    """A proxy that closes the first connections, each without an answer to its handshake."""

    def __init__(self, port, count):
        super().__init__("127.0.0.1", port)
        self.left = count

    def _accept(self):
        if not self.left:
            super()._accept()
            return
        self.left -= 1
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(10)
            connection.recv(1024)


@pytest.mark.parametrize("count", [1, 3])
async def test_credentials_are_sent_again_when_an_attempt_to_connect_has_failed(
    make_zk, hosts, zookeeper_server, count
):
    """The client waited for the reply to what the failed attempt had sent, until connect_timeout was over."""
    chroot = hosts[len(zookeeper_server.hosts) :]
    with _ClosingFirst(zookeeper_server.port, count) as proxy:
        auth = [("digest", "ann:secret"), ("digest", "bob:other")]
        async with make_zk(proxy.hosts + chroot, session_timeout=30, auth=auth) as zk:
            assert proxy.left == 0
            assert await zk.create("/mine", b"x", acl=[ACL.digest("ann", "secret")]) == "/mine"
            assert (await zk.get("/mine"))[0] == b"x"
        async with make_zk(proxy.hosts + chroot, auth=[("digest", "bob:other")]) as bob:
            with pytest.raises(zkc.NoAuthError):
                await bob.get("/mine")


async def test_refused_credentials_end_a_start_whose_first_attempt_has_failed(make_zk, hosts, zookeeper_server):
    chroot = hosts[len(zookeeper_server.hosts) :]
    with _ClosingFirst(zookeeper_server.port, 1) as proxy:
        zk = make_zk(proxy.hosts + chroot, session_timeout=30, auth=[("no-such-scheme", "x")])
        with pytest.raises(zkc.AuthFailedError):
            await zk.start()


async def test_added_credentials_are_remembered_for_the_next_session(zk, expire_zk):
    await zk.add_auth("digest", "ann:secret")
    await zk.add_auth("digest", "ann:secret")
    await zk.create("/mine", b"x", acl=zkc.CREATOR_ALL_ACL)
    await expire_zk(zk)
    assert (await zk.get("/mine"))[0] == b"x"
    await zk.close()
    async with zk:  # And after a close.
        assert (await zk.get("/mine"))[0] == b"x"


async def test_a_session_is_resumed(make_zk, zookeeper_server):
    first = make_zk(session_timeout=6)
    await first.start()
    await first.create("/mine", ephemeral=True)
    client_id = (first.session_id, first.session_password)
    # The other takes the session over, and the first finds itself cut off.
    async with make_zk(client_id=client_id, session_timeout=6) as second:
        assert (second.session_id, second.session_password) == client_id
        # Each may cut the other off, until one is closed.
        assert (await both.mended(lambda: second.exists("/mine"))).ephemeral_owner == client_id[0]
        await first.close()
    async with make_zk() as third:
        # A client that is cut off at that moment cannot close its session: then it ends with the session's timeout.
        await both.eventually(lambda: both.gone(third, "/mine"))


async def test_a_closed_client_does_not_resume_its_session_again(make_zk):
    first = make_zk(session_timeout=30)
    await first.start()
    client_id = (first.session_id, first.session_password)
    second = make_zk(client_id=client_id, session_timeout=30)
    async with second:
        assert second.session_id == client_id[0]
    async with second:
        assert second.session_id != client_id[0]


# ---- SASL -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sasl_server():
    with ZooKeeperServer(sasl={"alice": "secret"}, sasl_required=True) as server:
        yield server


@needs_sasl
async def test_sasl(make_zk, sasl_server):
    async with make_zk(sasl_server.hosts, sasl=SASL("DIGEST-MD5", "alice", "secret")) as zk:
        await zk.create("/mine", b"x", acl=[ACL.sasl("alice")])
        assert (await zk.get("/mine"))[0] == b"x"
        await zk.delete("/mine")


@needs_sasl
async def test_sasl_over_an_expiry(make_zk, sasl_server):
    async with make_zk(sasl_server.hosts, sasl=SASL("DIGEST-MD5", "alice", "secret"), session_timeout=4) as zk:
        await zk.create("/kept", b"x", acl=[ACL.sasl("alice")], ephemeral=True, keep=True)
        before = zk.session_id
        # A client that is not authenticated may take no session over here: so it expires by itself.
        sasl_server.pause()
        await both.eventually(lambda: not zk.connected)
        sasl_server.kill()
        sasl_server.start()
        await both.eventually(lambda: zk.connected and zk.session_id != 0)
        data, stat = await both.mended(lambda: zk.get("/kept"))
        assert data == b"x"
        assert stat.ephemeral_owner == zk.session_id
        assert before


@needs_sasl
async def test_a_wrong_password(make_zk, sasl_server):
    zk = make_zk(sasl_server.hosts, sasl=SASL("DIGEST-MD5", "alice", "wrong"))
    with pytest.raises(zkc.AuthFailedError):
        await zk.start()
    assert zk.closed


async def test_credentials_of_an_outage_are_sent_later_and_the_error_says_so(
    make_zk, hosts, zookeeper_server, other_zk
):
    await other_zk.create("/bobs", b"x", acl=[ACL.digest("bob", "other")])
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts + hosts[len(zookeeper_server.hosts) :], session_timeout=30) as zk:
            proxy.refuse()
            proxy.drop_connections()
            await zk.wait_for(ClientState.SUSPENDED)
            with pytest.raises(zkc.ConnectionLossError, match="sends them with each connection") as caught:
                await zk.add_auth("digest", "bob:other")
            assert (caught.value.operation, caught.value.maybe_applied) == ("add_auth", False)
            proxy.accept()
            await zk.wait_for(ClientState.CONNECTED)
            assert (await zk.get("/bobs"))[0] == b"x"


async def test_credentials_that_came_too_late_are_those_of_the_next_session_too(
    zk, zookeeper_server, other_zk, expire_zk
):
    await other_zk.create("/bobs", b"x", acl=[ACL.digest("bob", "other")])
    zookeeper_server.pause()
    try:
        with pytest.raises(zkc.OperationTimeoutError):
            await zk.add_auth("digest", "bob:other", timeout=0.1)
    finally:
        zookeeper_server.resume()
    await both.mended(lambda: zk.get("/bobs"))
    await expire_zk(zk)
    assert (await zk.get("/bobs"))[0] == b"x"
