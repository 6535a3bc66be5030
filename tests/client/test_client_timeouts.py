"""Calls that get no answer: a server that hangs, a connection that breaks."""

import threading

import pytest

import zkc

from . import both

CALLS = {
    "create": lambda zk, **limit: zk.create("/b", **limit),
    "create with stat": lambda zk, **limit: zk.create_with_stat("/b", **limit),
    "get": lambda zk, **limit: zk.get("/a", **limit),
    "set": lambda zk, **limit: zk.set("/a", b"", **limit),
    "delete": lambda zk, **limit: zk.delete("/a", **limit),
    "exists": lambda zk, **limit: zk.exists("/a", **limit),
    "children": lambda zk, **limit: zk.children("/a", **limit),
    "children_with_stat": lambda zk, **limit: zk.children_with_stat("/a", **limit),
    "get_acl": lambda zk, **limit: zk.get_acl("/a", **limit),
    "set_acl": lambda zk, **limit: zk.set_acl("/a", [zkc.ACL.world()], **limit),
    "sync": lambda zk, **limit: zk.sync("/a", **limit),
    # Calls of several requests.
    "create with parents": lambda zk, **limit: zk.create("/c/d", make_parents=True, **limit),
    "protected create": lambda zk, **limit: zk.create("/p-", sequential=True, protected=True, **limit),
    "ensure_path": lambda zk, **limit: zk.ensure_path("/e/f", **limit),
    "delete, missing or not": lambda zk, **limit: zk.delete("/none", missing_ok=True, **limit),
    "transaction": lambda zk, **limit: _transaction(zk).commit(**limit),
}
CHANGES = {
    "create",
    "create with stat",
    "set",
    "delete",
    "set_acl",
    "create with parents",
    "protected create",
    "delete, missing or not",
    "transaction",
}


def _transaction(zk):
    transaction = zk.transaction()
    transaction.set("/a", b"")
    return transaction


@pytest.fixture
def patient(make_zk, loop):
    """A client whose session outlives the pauses of these tests."""
    zk = make_zk(session_timeout=60)

    async def prepare():
        await zk.start()
        await zk.create("/a", b"x")

    loop.run_until_complete(prepare())
    return zk


async def test_each_call_gives_up_after_its_timeout(patient, zookeeper_server):
    zookeeper_server.pause()
    try:
        for name, call in CALLS.items():
            with pytest.raises(zkc.OperationTimeoutError) as caught:
                await call(patient, timeout=0.05)
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.maybe_applied is (name in CHANGES)
            assert not caught.value.session_lost
            assert "no answer within 0.05 s" in str(caught.value)
            assert ("may still be carried out" in str(caught.value)) is (name in CHANGES)
    finally:
        zookeeper_server.resume()
    assert await patient.sync() is None
    assert await patient.exists("/b") is not None


async def test_the_clients_own_timeout_is_the_default(make_zk, zookeeper_server):
    async with make_zk(session_timeout=60, request_timeout=0.05) as zk:
        zookeeper_server.pause()
        try:
            with pytest.raises(zkc.OperationTimeoutError, match=r"exists '/': no answer within 0\.05 s \["):
                await zk.exists("/")
            threading.Timer(0.3, zookeeper_server.resume).start()
            assert await zk.exists("/", timeout=30) is not None
        finally:
            zookeeper_server.resume()


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "1", True])
async def test_a_timeout_is_a_positive_number_of_seconds(zk, timeout):
    for call in CALLS.values():
        with pytest.raises((TypeError, ValueError), match="timeout must be"):
            await call(zk, timeout=timeout)
    assert zk.session.in_flight == 0
    assert await zk.children("/") == []


async def test_an_answer_in_time_is_returned(patient):
    assert (await patient.get("/a", timeout=30))[0] == b"x"


async def test_a_call_waits_for_a_server_that_comes_back(patient, zookeeper_server):
    zookeeper_server.pause()
    threading.Timer(0.3, zookeeper_server.resume).start()
    assert (await patient.get("/a"))[0] == b"x"


async def test_a_broken_connection_is_reported_and_mended(make_zk, zookeeper_server):
    # Long enough for the server to come back; and short, for a server that is asked while it starts may never answer,
    # and libzookeeper waits two thirds of this before it asks again.
    async with make_zk(session_timeout=15) as zk:
        await zk.create("/a", b"x")
        session_id = zk.session_id
        zookeeper_server.pause()
        setting = both.begin(zk, "set", "/a", b"y")
        await both.eventually(lambda: zk.session.in_flight)
        zookeeper_server.kill()
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await setting
        assert (caught.value.maybe_applied, caught.value.session_lost) == (True, False)
        zookeeper_server.start()
        assert (await both.mended(lambda: zk.get("/a")))[0] in (b"x", b"y")
        assert zk.session_id == session_id


async def test_a_request_over_the_servers_limit_breaks_the_connection(patient, make_zk):
    async with make_zk(max_data=None) as zk:
        with pytest.raises(zkc.ConnectionLossError, match=r"jute\.maxbuffer"):
            await zk.set("/a", b"x" * 2_000_000)
        assert (await both.mended(lambda: zk.get("/a")))[0] == b"x"
