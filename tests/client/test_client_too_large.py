"""Requests that servers refuse by closing the connection: not sent by default, and named when they are the cause."""

import io
import json
import pickle
import subprocess
import sys

import pytest

import zkc
from zkc.testing import FaultProxy, ZooKeeperServer

from . import both

LIMIT = 0xFFFFF  # jute.maxbuffer where nothing else is set.
MUCH = b"x" * (2 << 20)
# The bytes that a create adds to path and data: header, lengths, the ACL that opens it to all, flags. A set: no ACL.
AROUND_CREATE, AROUND_SET = 47, 20
AROUND_MULTI, AROUND_MULTI_OP = 8 + 9, 9


@pytest.fixture
def chroot(hosts):
    return hosts[hosts.index("/") :]


async def test_what_the_servers_would_refuse_is_not_sent(zk):
    await zk.create("/a", b"")
    line = (
        json.dumps({"format": "zkc-tree", "version": 1, "path": "/"})
        + "\n"
        + json.dumps({"path": "/b", "data": MUCH.decode()})
    )
    calls = [
        lambda: zk.create("/b", MUCH),
        lambda: zk.create_with_stat("/b", bytearray(MUCH)),
        lambda: zk.create("/b/c", memoryview(MUCH), make_parents=True),
        lambda: zk.create("/b-", MUCH, sequential=True, protected=True),
        lambda: zk.create("/b", MUCH, ephemeral=True, keep=True),
        lambda: zk.set("/a", MUCH),
        lambda: zk.create_many([("/b", MUCH)]),
        lambda: zk.set_many([("/a", MUCH)]),
        lambda: zk.import_("/", io.StringIO(line), on_existing="skip"),
        lambda: zk.set_acl("/a", [zkc.ACL.world()] * 60000),
        lambda: zk.add_auth("digest", MUCH),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"bytes, which is more than max_data.*jute\.maxbuffer"):
            await call()
    assert await zk.children("/") == ["a"]
    assert zk.metrics().reconnects == 0


async def test_the_message_names_the_call_and_the_size(zk):
    with pytest.raises(ValueError, match=r"set '/a': the request has 2,097,\d{3} bytes"):
        await zk.set("/a", MUCH)
    with pytest.raises(ValueError, match=r"items\[1\]: create '/b': the request has 2,097,"):
        await zk.create_many([("/a", b""), ("/b", MUCH)])


async def test_a_transaction_is_as_large_as_all_of_it(zk):
    half = b"x" * 600_000
    transaction = zk.transaction()
    transaction.create("/a", half)
    with pytest.raises(ValueError, match=r"create '/b': the request has 1,200,000 bytes"):
        transaction.create("/b", half)
    transaction.create("/c", half[:400_000])
    assert len(transaction) == 2
    await transaction.commit()
    assert sorted(await zk.children("/")) == ["a", "c"]
    many = zk.transaction()
    for number in range(30_000):
        many.create(f"/{number:08}", b"")
    with pytest.raises(ValueError, match=r"multi: the request has 2,\d{3},\d{3} bytes"):
        await many.commit()


async def test_the_limit_is_that_of_the_servers_to_the_byte(zk, chroot, hosts, make_zk):
    """A size refused by the client would have been refused by the server, and the largest that is sent is accepted."""
    any_size = make_zk(max_data=None)
    await any_size.start()
    room = LIMIT - len(chroot) - len("/a")
    for around, call in [
        (AROUND_CREATE, lambda zk, data: zk.create("/a", data)),
        (AROUND_SET, lambda zk, data: zk.set("/a", data)),
        (AROUND_CREATE - 8 + AROUND_MULTI + AROUND_MULTI_OP, lambda zk, data: _create_in_transaction(zk, "/t", data)),
    ]:
        most = b"x" * (room - around)
        with pytest.raises(ValueError, match="the request has 1,048,576 bytes, which is more than max_data, 1,048,575"):
            await call(zk, most + b"x")
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await call(any_size, most + b"x")
        assert caught.value.request_size == LIMIT + 1
        await any_size.wait_for(zkc.ClientState.CONNECTED)
        await call(zk, most)
    assert len((await zk.get("/a"))[0]) == room - AROUND_SET


async def _create_in_transaction(zk, path, data):
    transaction = zk.transaction()
    transaction.create(path, data)
    await transaction.commit()


async def test_the_root_of_a_chroot_has_no_slash_on_the_wire(zk, chroot):
    await zk.set("/", b"x" * (LIMIT - AROUND_SET - len(chroot)))
    with pytest.raises(ValueError, match="max_data"):
        await zk.set("/", b"x" * (LIMIT - AROUND_SET - len(chroot) + 1))


async def test_servers_that_take_more(make_zk, kind):
    with ZooKeeperServer(jute_maxbuffer=4 << 20) as server:
        async with make_zk(server.hosts, max_data=4 << 20) as zk:
            await zk.create("/a", MUCH)
            assert (await zk.get("/a"))[0] == MUCH
            with pytest.raises(ValueError, match="max_data, 4,194,304 bytes"):
                await zk.set("/a", MUCH * 2)


@pytest.mark.parametrize("value", [0, -1, 1.5, "1", True])
def test_a_limit_is_a_number_of_bytes(value):
    with pytest.raises((TypeError, ValueError), match="max_data must be"):
        zkc.Client("127.0.0.1:2181", max_data=value)


async def test_an_error_says_the_size_of_the_request(make_zk):
    zk = make_zk(max_data=None)
    await zk.start()
    await zk.create("/a", b"")
    for call, operation, path in [
        (lambda: zk.create("/b", MUCH), "create", "/b"),
        (lambda: zk.set("/a", MUCH), "set", "/a"),
        (lambda: _create_in_transaction(zk, "/b", MUCH), "multi", None),
    ]:
        with pytest.raises(
            zkc.ConnectionLossError, match=r"The request has 2,097,\d{3} bytes.*jute\.maxbuffer"
        ) as caught:
            await call()
        error = pickle.loads(pickle.dumps(caught.value))
        assert (error.operation, error.path, error.maybe_applied) == (operation, path, True)
        assert "1,048,575 bytes by default" in str(error)
        assert len(MUCH) < error.request_size < len(MUCH) + 200
        await zk.wait_for(zkc.ClientState.CONNECTED)


async def test_an_error_of_a_small_request_says_nothing_of_sizes(make_zk, zookeeper_server, hosts):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        zk = make_zk(proxy.hosts + hosts[hosts.index("/") :])
        await zk.start()
        proxy.pause()
        creating = both.begin(zk, "create", "/a", b"x" * 1000)
        await both.eventually(lambda: zk.session.in_flight == 1)
        proxy.drop_connections()
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await creating
        assert caught.value.request_size is None
        assert "maxbuffer" not in str(caught.value)


# ---- what is sent again ----------------------------------------------------------------------------------------------


async def test_a_protected_create_that_is_too_large_ends(make_zk):
    zk = make_zk(max_data=None)
    await zk.start()
    with pytest.raises(zkc.ConnectionLossError, match="no znode was created; the request has 2,097,") as caught:
        await zk.create("/n-", MUCH, ephemeral=True, sequential=True, protected=True)
    error = caught.value
    assert error.operation == "create"
    assert zkc.unprotected_name(error.path) == "/n-"
    assert error.request_size > len(MUCH)
    assert zk.metrics().reconnects <= 8
    await zk.wait_for(zkc.ClientState.CONNECTED)
    assert await zk.children("/") == []


async def test_a_retried_call_that_is_too_large_ends(make_zk):
    zk = make_zk(max_data=None)
    await zk.start()
    await zk.create("/a", b"")
    patient = zkc.Retry(attempts=None, backoff=0.01, max_backoff=0.1, idempotent=True)
    with pytest.raises(zkc.ConnectionLossError, match=r"jute\.maxbuffer"):
        await zk.retry(zk.inner.set, "/a", MUCH, policy=patient)
    assert zk.metrics().reconnects <= 8


async def test_a_kept_znode_that_became_too_large_does_not_keep_the_client_away(zk, chroot, expire_zk, caplog):
    """Data that fit into a set can be too much for a create, which has an ACL besides."""
    await zk.create("/kept", b"", ephemeral=True, keep=True)
    await zk.set("/kept", b"x" * (LIMIT - AROUND_SET - len(chroot) - len("/kept")))
    await expire_zk(zk)
    assert await zk.exists("/kept") is None
    assert "max_data" in caplog.text


async def test_a_kept_znode_that_the_servers_hang_up_on_does_not_keep_the_client_away(
    make_zk, zookeeper_server, chroot, expire_zk, events
):
    async with make_zk(max_data=None) as zk:
        await zk.create("/kept", b"", ephemeral=True, keep=True)
        await zk.set("/kept", b"x" * (LIMIT - AROUND_SET - len(chroot) - len("/kept")))
        zk.add_kept_listener(events)
        await expire_zk(zk)
        failed = await events.next()
        assert (failed.state, type(failed.error)) == (zkc.KeptState.FAILED, zkc.ConnectionLossError)
        assert await zk.exists("/kept") is None
        assert zk.metrics().reconnects <= 8


class Poisoned(FaultProxy):
    """A proxy that resets each connection over which a client sends certain bytes."""

    poison = b"poison"

    def _forward(self, link, sock, events):
        super()._forward(link, sock, events)
        if self.poison in link.server.outgoing:
            self._drop(link)


@pytest.fixture
def zk_poisoned(start_zk, zookeeper_server, hosts):
    with Poisoned("127.0.0.1", zookeeper_server.port) as proxy:
        zk = start_zk(proxy.hosts + hosts[hosts.index("/") :], session_timeout=30.0)
        zk.proxy = proxy
        yield zk
        proxy.refuse()


@pytest.mark.slow
async def test_a_small_protected_create_that_breaks_each_connection_ends(zk_poisoned, other_zk):
    with pytest.raises(
        zkc.ConnectionLossError, match="were lost with this request, and no znode was created"
    ) as caught:
        await zk_poisoned.create("/n-", b"poison", sequential=True, protected=True)
    assert caught.value.operation == "create"
    assert caught.value.request_size is None
    assert await other_zk.children("/") == []


async def test_an_error_of_time_names_the_create(zk_poisoned):
    """And not what the client looks for it with, nor a pause between two attempts."""
    with pytest.raises(zkc.OperationTimeoutError) as caught:
        await zk_poisoned.create("/n-", b"poison", sequential=True, protected=True, timeout=1.0)
    assert caught.value.operation == "create"
    assert zkc.unprotected_name(caught.value.path) == "/n-"
    assert "create '/n-': " in str(caught.value)


# ---- what no request can carry ---------------------------------------------------------------------------------------

HUGE = """
import mmap, resource, sys, zkc
from zkc import _zookeeper as core

huge = memoryview(mmap.mmap(-1, 1 << 31))  # No page of it exists before it is read.
acl = [(31, "world", "anyone")]
with zkc.Client(sys.argv[1], max_data=None) as client:
    session = client.session
    halves = [("create", "/a", huge[: 1 << 30], acl, 0), ("create", "/b", huge[1 << 30 :], acl, 0)]
    calls = {
        "create": lambda: client.create("/a", huge),
        "set": lambda: client.set("/a", huge),
        "create_many": lambda: client.create_many([("/a", huge)]),
        "transaction": lambda: client.transaction().create("/a", huge),
        "core create": lambda: session.create("/a", huge, acl),
        "core set": lambda: session.set("/a", huge),
        "core multi": lambda: session.multi(halves),
    }
    for name, call in calls.items():
        try:
            call()
        except ValueError as error:
            print(name, "2 GiB" in str(error))
print("copied", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > 1 << 20)
"""


def test_data_of_2_gib_are_refused_before_they_are_copied(hosts):
    done = subprocess.run([sys.executable, "-c", HUGE, hosts], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    names = ["create", "set", "create_many", "transaction", "core create", "core set", "core multi"]
    assert done.stdout.splitlines() == [*(f"{name} True" for name in names), "copied False"]
