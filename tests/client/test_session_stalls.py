"""A session outlives servers that accept connections and say nothing."""

import contextlib

import pytest

import zkc
from zkc.testing import FaultProxy, ZooKeeperServer

from ..tls_support import mutual

pytestmark = pytest.mark.skipif(
    zkc.build_info()["linkage"] == "system", reason="libzookeeper gives each of them two thirds of the timeout"
)


@pytest.fixture(scope="module")
def server():
    with ZooKeeperServer(tls=True) as server:
        yield server


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_a_session_outlives_all_servers_but_one_that_stall(make_zk, server, events, secure):
    """They accept connections and say nothing, also within TLS; the one that works comes last."""
    port = int(server.tls_hosts.rpartition(":")[2]) if secure else server.port
    tls = mutual(server.tls) if secure else None
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(FaultProxy("127.0.0.1", port)) for _ in range(5)]
        hosts = ",".join(proxy.hosts for proxy in proxies)
        zk = make_zk(hosts, session_timeout=10.0, tls=tls)
        await zk.start()
        session = zk.session_id
        znode = await zk.create("/here", b"", ephemeral=True, sequential=True)
        (mine,) = [proxy for proxy in proxies if proxy.connections]
        for proxy in proxies:
            if proxy is not mine:
                proxy.pause()
        zk.add_listener(events)
        mine.drop_connections()
        assert [await events.next(), await events.next()] == [zkc.ClientState.SUSPENDED, zkc.ClientState.CONNECTED]
        assert zk.session_id == session
        assert (await zk.exists(znode)).ephemeral_owner == session
        zk.remove_listener(events)
        for proxy in proxies:
            proxy.resume()
