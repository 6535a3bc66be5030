"""Bulk and tree calls that read many znodes by one request, and servers that do not know such a request."""

from __future__ import annotations

import io
import struct
from collections import Counter

import pytest

import zkc
from zkc.testing import FaultProxy

from ..build_support import needs_newer_calls
from ..vendor.scripted_server import GET, ScriptedServer, reply
from .both import begin, close_in_the_middle, eventually

pytestmark = needs_newer_calls
MULTI_READ, CHILDREN, GET_ACL = 22, 8, 6
UNIMPLEMENTED = -6


def names(count, prefix="/n"):
    return [f"{prefix}{i:06}" for i in range(count)]


async def primed(zk):
    """Have a client learn that its servers know the request."""
    while zk._read_groups.supported is None:
        await zk.get_many(["/"] * 3000)
    assert zk._read_groups.supported
    return zk


async def reconnected(zk, proxy):
    """Have a client lose its connection and get the next."""
    before = zk.metrics().reconnects
    proxy.drop_connections()
    await eventually(lambda: zk.metrics().reconnects > before)


async def spent(zk, call, *arguments, **options):
    """Return the results of a call, and the requests that it took by their kind."""
    before = zk.metrics()
    results = await call(*arguments, **options)
    return results, (zk.metrics() - before).requests


# ---- results --------------------------------------------------------------------------------------------------------


async def test_few_reads_of_a_new_client_are_a_request_each(zk):
    await zk.create_many(names(100))
    _, requests = await spent(zk, zk.get_many, names(100))
    assert requests["get"] == 100
    assert requests["multi_read"] == 0
    assert zk._read_groups.supported is None


async def test_many_reads_find_out_what_the_server_knows(zk):
    results, requests = await spent(zk, zk.get_many, ["/none"] * 20_000)
    assert {type(result) for result in results} == {zkc.NoNodeError}
    assert zk._read_groups.supported
    assert requests["multi_read"] > 0
    results, requests = await spent(zk, zk.children_many, ["/"] * 20_000)
    assert requests["get_children"] <= 1
    assert requests["multi_read"] <= 20_000 / 50
    assert results == [[]] * 20_000


async def test_each_read_has_the_result_that_it_has_alone(zk):
    await primed(zk)
    await zk.create_many([("/a", b"data"), ("/null", None), ("/grün", b"x"), ("/grün/日本", bytes(range(256)))])
    secret = [zkc.ACL.digest("ann", "secret")]
    await zk.create("/secret", b"s", acl=secret)
    paths = ["/", "/a", "/none", "/null", "/secret", "/grün", "/grün/日本", "/a"]
    for call, alone in ((zk.get_many, zk.get), (zk.children_many, zk.children)):
        results, requests = await spent(zk, call, paths)
        assert requests == {"multi_read": 1}
        for path, result in zip(paths, results):
            try:
                expected = await alone(path)
            except zkc.ZooKeeperError as error:
                assert type(result) is type(error)
                assert (str(result), result.path, result.operation) == (str(error), path, error.operation)
                assert result.__traceback__ is None
                assert not result.maybe_applied
            else:
                assert sorted(map(str, result)) == sorted(map(str, expected))
    assert [type(result) for result in results].count(zkc.NoAuthError) == 1


async def test_errors_of_paths_are_counted_as_those_of_single_reads(zk):
    await zk.create("/there")
    await zk.create("/secret", acl=[zkc.ACL.digest("ann", "secret")])
    for number in (100, 1000):
        for call in (zk.get_many, zk.children_many):
            before = zk.metrics()
            await call(["/none", "/there", "/secret"] * number)
            found = zk.metrics() - before
            assert found.errors == {"NoNodeError": number, "NoAuthError": number}
            assert (found.requests["multi_read"] > 0) is (number == 1000)
        await primed(zk)


async def test_raised_errors_are_of_the_path(zk):
    await primed(zk)
    with pytest.raises(zkc.NoNodeError, match="/first") as caught:
        await zk.get_many(["/", "/first", "/second"] * 300, raise_errors=True)
    assert (caught.value.operation, caught.value.path) == ("get", "/first")
    assert zk.session.in_flight == 0


async def test_a_wrong_path_is_named_and_what_stood_before_it_is_read(zk):
    await primed(zk)
    with pytest.raises(ValueError, match=r"paths\[3\]: path must not end with '/'"):
        await zk.get_many(["/", "/", "/", "/a/", "/"])
    assert zk.session.in_flight == 0


async def test_large_data_make_small_groups(zk):
    await primed(zk)
    paths = names(60)
    await zk.create_many(((path, path.encode() + b"x" * 500_000) for path in paths), raise_errors=True)
    for _ in range(3):
        results, requests = await spent(zk, zk.get_many, paths, raise_errors=True)
        assert [data[:8] for data, _ in results] == [path.encode() for path in paths]
        assert {len(data) for data, _ in results} == {500_008}
    assert requests["get"] == 60, "the last call knows their size"


@pytest.mark.parametrize("most", [300, 5_000])
async def test_no_request_is_larger_than_the_client_allows(make_zk, zk, most):
    long = [f"/{'long' * 20}-{i:04}" for i in range(2000)]
    await zk.create_many(long, raise_errors=True)
    async with make_zk(max_data=most) as small:
        await primed(small)
        results, requests = await spent(small, small.get_many, long, raise_errors=True)
    assert len(results) == 2000
    assert requests["multi_read"] >= 2000 * 85 / most
    # A request of two of these reads has about 240 bytes.
    assert requests.get("get", 0) <= 10


async def test_a_client_with_few_slots(make_zk):
    async with make_zk(max_in_flight=3) as zk:
        calls = [zk.submit.get_many(["/"] * 900) for _ in range(3)]
        for call in calls:
            results = await call if zk.kind == "async" else call.result(20)
            assert len(results) == 900
            assert all(isinstance(result, tuple) for result in results)


async def test_trees_are_read_in_groups(zk):
    await primed(zk)
    paths = names(500, "/t/n")
    await zk.create("/t", b"root")
    await zk.create_many(((path, path.encode()) for path in paths), raise_errors=True)
    nodes, requests = await spent(zk, zk.tree, "/t", with_acl=True)
    assert [(node.path, node.data) for node in nodes] == [("/t", b"root"), *((path, path.encode()) for path in paths)]
    assert {len(node.acl) for node in nodes} == {1}
    assert requests["get_acl"] == 501
    assert requests["multi_read"] <= 40
    assert requests["get"] + requests["get_children"] <= 10
    for window in (1, 2, 3, 50):
        assert await zk.tree("/t", with_acl=True, window=window) == nodes
    assert [node.path for node in await zk.tree("/t", window=1)] == [node.path for node in nodes]


# ---- faults ---------------------------------------------------------------------------------------------------------


async def test_a_connection_lost_with_groups_in_flight(make_zk, hosts, zookeeper_server):
    paths = names(4000)
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:

        def items():
            for number, path in enumerate(paths):
                if number == 0:
                    proxy.pause()  # No answer to what is sent from here on ...
                if number == 2000:
                    proxy.drop_connections()  # ... comes before this.
                    proxy.resume()
                yield path

        async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2]) as zk:
            await primed(zk)
            before = zk.metrics()
            results, requests = await spent(zk, zk.get_many, items(), window=4000, timeout=60)
            assert requests["multi_read"] > 5
            assert (zk.metrics() - before).errors == Counter(type(result).__name__ for result in results)
            lost = [result for result in results if isinstance(result, zkc.ConnectionLossError)]
            assert {type(result) for result in results} <= {zkc.NoNodeError, zkc.ConnectionLossError}
            assert {type(result) for result in results[:1024]} == {zkc.ConnectionLossError}
            assert [result.path for result in results] == paths
            assert {result.operation for result in results} == {"get"}
            assert not any(result.maybe_applied for result in lost)
            await zk.wait_for(zkc.ClientState.CONNECTED)
            results = await zk.get_many(paths, timeout=60)
            assert {type(result) for result in results} == {zkc.NoNodeError}
            assert zk._read_groups.supported, "a lost connection is no refusal"


async def test_an_expired_session_hangs_no_group(zk, zookeeper_server):
    await primed(zk)
    expired = False

    def expire(done):
        nonlocal expired
        if not expired:
            expired = True
            zookeeper_server.expire(zk.session_id, zk.session_password)

    results = await zk.children_many(["/"] * 300_000, progress=expire, timeout=60)
    assert len(results) == 300_000
    assert results[0] == []
    assert isinstance(results[-1], zkc.SessionExpiredError)
    await zk.wait_for(zkc.ClientState.CONNECTED)
    assert await zk.children_many(["/"] * 1000) == [[]] * 1000


async def test_closing_with_groups_in_flight(make_zk):
    zk = make_zk()
    await zk.start()
    await primed(zk)
    results = await close_in_the_middle(zk, 5000, 50_000)
    assert len(results) >= 55_000
    assert isinstance(results[0], tuple)
    assert isinstance(results[-1], zkc.ClosingError)


async def test_a_call_that_is_too_late(make_zk, hosts, zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2], session_timeout=30.0) as zk:
            await primed(zk)
            proxy.pause()
            with pytest.raises(zkc.OperationTimeoutError, match="get"):
                await zk.get_many(["/"] * 5000, timeout=0.2)
            proxy.resume()
            assert len(await zk.get_many(["/"] * 5000)) == 5000


# ---- servers that do not know the request ---------------------------------------------------------------------------


class OldServer:
    """A script of a server with children of / and data that are the path; it refuses a request of many reads.

    Args:
        children: The names of the children of ``/``.
        knows: How many requests of many reads it carries out before it refuses them.
        silent: Whether it closes the connection without the refusal.
    """

    def __init__(self, *, children=(), knows=0, silent=False):
        self.children, self.knows, self.silent = list(children), knows, silent
        self.refused = 0

    def __call__(self, connection):
        connection.begin(30_000)
        while True:
            xid, kind, body = connection.request()
            if kind != MULTI_READ:
                connection.send(reply(xid, self.result(kind, body)))
            elif self.knows > 0:
                self.knows -= 1
                connection.send(reply(xid, b"".join(self.results(body))))
            else:
                self.refused += 1
                if not self.silent:
                    connection.send(reply(xid, err=UNIMPLEMENTED))
                return

    def result(self, kind, body):
        path = body[4 : 4 + struct.unpack_from(">i", body)[0]]
        if kind == GET:
            return struct.pack(">i", len(path)) + path + bytes(68)
        if kind == GET_ACL:
            return struct.pack(">iii5si6s", 1, 31, 5, b"world", 6, b"anyone") + bytes(68)
        found = [name.encode() for name in self.children] if path == b"/" else []
        if kind == CHILDREN:
            return struct.pack(">i", len(found)) + b"".join(struct.pack(">i", len(name)) + name for name in found)
        return b""

    def results(self, body):
        while True:
            kind, done, _ = struct.unpack_from(">i?i", body)
            if done:
                yield struct.pack(">i?i", -1, True, -1)
                return
            yield struct.pack(">i?i", kind, False, 0) + self.result(kind, body[9:])
            body = body[9 + 4 + struct.unpack_from(">i", body, 9)[0] + 1 :]


@pytest.fixture
def old_server():
    """Return a function that starts a server with such a script."""
    servers = []

    def start(**options):
        script = OldServer(**options)
        servers.append(ScriptedServer(script))
        return script, servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize("raising", [False, True])
async def test_a_refusal_costs_one_reconnect_and_no_result(make_zk, old_server, raising):
    script, server = old_server()
    paths, progress = names(5000), []
    async with make_zk(server.hosts) as zk:
        for _ in range(3):
            results = await zk.get_many(paths, raise_errors=raising, progress=progress.append, timeout=60)
            assert [data for data, _ in results] == [path.encode() for path in paths]
            assert progress == sorted(set(progress))
            assert progress[-1] == 5000
            progress.clear()
        assert await zk.children_many(paths, raise_errors=True, timeout=60) == [[]] * 5000
        assert script.refused == 1
        assert server.accepted == 2
        assert zk._read_groups.supported is False


async def test_few_reads_are_never_refused(make_zk, old_server):
    script, server = old_server()
    async with make_zk(server.hosts) as zk:
        for _ in range(10):
            assert len(await zk.get_many(names(400), raise_errors=True, timeout=60)) == 400
        assert script.refused == 0
        assert server.accepted == 1


async def test_a_server_that_knows_it_is_replaced_by_an_older(make_zk, old_server):
    """With requests behind the refused one, the refusal may be dropped with the connection: it is a lost connection."""
    script, server = old_server(knows=7)
    paths = names(20_000)
    async with make_zk(server.hosts) as zk:
        results = await zk.get_many(paths, timeout=60)
        for path, result in zip(paths, results):
            assert isinstance(result, zkc.ConnectionLossError) or result[0] == path.encode()
        assert script.knows == 0
        results = await zk.get_many(paths, raise_errors=True, timeout=60)
        assert [data for data, _ in results] == [path.encode() for path in paths]
        assert 1 <= script.refused <= 2
        assert zk._read_groups.supported is False


async def test_a_refusal_that_is_lost_with_the_connection_is_remembered_too(make_zk, old_server):
    script, server = old_server(silent=True)
    paths = names(2000)
    async with make_zk(server.hosts) as zk:
        for _ in range(3):
            results = await zk.get_many(paths, raise_errors=True, timeout=60)
            assert [data for data, _ in results] == [path.encode() for path in paths]
            assert zk._read_groups.supported is False
        assert script.refused == 1
        assert server.accepted == 2


async def test_a_refusal_is_remembered_in_the_next_session(make_zk, old_server):
    script, server = old_server()
    paths = names(2000)
    async with make_zk(server.hosts) as zk:
        for _ in range(3):
            assert len(await zk.get_many(paths, raise_errors=True, timeout=60)) == 2000
            await zk.close()
            await zk.start()
        assert script.refused == 1


async def test_an_older_server_takes_the_place_of_one_that_knows_it(make_zk, old_server):
    """On each connection the first request of many reads is a probe, and what it costs is one reconnect."""
    script, server = old_server(knows=1000)
    paths = names(3000)
    with FaultProxy("127.0.0.1", server.port) as proxy:
        async with make_zk(proxy.hosts) as zk:
            await primed(zk)
            script.knows = 0
            await reconnected(zk, proxy)
            for _ in range(3):
                results = await zk.get_many(paths, raise_errors=True, timeout=60)
                assert [data for data, _ in results] == [path.encode() for path in paths]
            assert zk._read_groups.supported is False
            assert script.refused == 1
            assert server.accepted == 3


@pytest.mark.parametrize("known", [True, False])
async def test_a_connection_lost_with_the_probe(make_zk, hosts, zookeeper_server, known):
    """It is a refusal only where no server has ever answered: a server before 3.6 costs one reconnect and not more."""
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2], session_timeout=30.0) as zk:
            if known:
                await primed(zk)
                await reconnected(zk, proxy)
            proxy.pause()
            probes = zk.metrics().requests["multi_read"]
            call = begin(zk, "get_many", names(3000), window=4000, timeout=60)
            await eventually(lambda: zk.metrics().requests["multi_read"] > probes)
            proxy.drop_connections()
            proxy.resume()
            await call
            results = await zk.get_many(names(3000), timeout=60)
            assert {type(result) for result in results} == {zkc.NoNodeError}
            assert zk._read_groups.supported is known


async def test_an_outage_is_no_refusal(make_zk, hosts, zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2], session_timeout=30.0) as zk:
            proxy.refuse()
            proxy.drop_connections()
            await eventually(lambda: zk.session.state not in (zkc.State.CONNECTED, zkc.State.READ_ONLY))
            results = await zk.get_many(names(3000), timeout=60)
            assert {type(result) for result in results} == {zkc.ConnectionLossError}
            assert zk._read_groups.supported is None
            proxy.accept()
            await zk.wait_for(zkc.ClientState.CONNECTED)
            await primed(zk)


async def test_several_calls_meet_a_refusal(make_zk, old_server):
    script, server = old_server()
    paths = names(3000)
    async with make_zk(server.hosts) as zk:
        calls = [zk.submit.get_many(paths, timeout=60) for _ in range(3)]
        for call in calls:
            results = await call if zk.kind == "async" else call.result(60)
            for path, result in zip(paths, results):
                assert isinstance(result, zkc.ConnectionLossError) or result[0] == path.encode()
        results = await zk.get_many(paths, timeout=60)
        assert zk._read_groups.supported is False
        assert [data for data, _ in results] == [path.encode() for path in paths]
        assert script.refused == 1
        assert server.accepted == 2


async def test_trees_of_an_old_server(make_zk, old_server):
    children = [name[1:] for name in names(3000)]
    script, server = old_server(children=children)
    async with make_zk(server.hosts) as zk:
        nodes = await zk.tree("/", timeout=60)
        assert [(node.path, node.data) for node in nodes] == [(path, path.encode()) for path in ["/", *names(3000)]]
        assert script.refused == 1
        assert server.accepted == 2
        assert await zk.tree("/", timeout=60) == nodes
        assert script.refused == 1


def test_an_export_of_an_old_server(old_server):
    script, server = old_server(children=[name[1:] for name in names(2000)])
    with zkc.Client(server.hosts) as client:
        file = io.StringIO()
        assert client.export("/", file, timeout=60) == 2001
        assert script.refused == 1
    assert len(file.getvalue().splitlines()) == 2002
