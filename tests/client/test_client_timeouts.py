"""Calls that get no answer: a server that hangs, a connection that breaks."""

import threading

import pytest

import zkc
from zkc import Client

CALLS = {
    "create": lambda zk, **limit: zk.create("/b", **limit),
    "create with stat": lambda zk, **limit: zk.create("/b", with_stat=True, **limit),
    "get": lambda zk, **limit: zk.get("/a", **limit),
    "set": lambda zk, **limit: zk.set("/a", b"", **limit),
    "delete": lambda zk, **limit: zk.delete("/a", **limit),
    "exists": lambda zk, **limit: zk.exists("/a", **limit),
    "children": lambda zk, **limit: zk.children("/a", **limit),
    "children_with_stat": lambda zk, **limit: zk.children_with_stat("/a", **limit),
    "get_acl": lambda zk, **limit: zk.get_acl("/a", **limit),
    "set_acl": lambda zk, **limit: zk.set_acl("/a", [zkc.ACL.world()], **limit),
    "sync": lambda zk, **limit: zk.sync("/a", **limit),
}
CHANGES = {"create", "create with stat", "set", "delete", "set_acl"}


@pytest.fixture
def patient(hosts):
    """A zk whose session outlives the pauses of these tests."""
    async with make_zk(session_timeout=60) as zk:
        await zk.create("/a", b"x")
        yield zk


async def test_each_call_gives_up_after_its_timeout(patient, zookeeper_server):
    zookeeper_server.pause()
    try:
        for name, call in CALLS.items():
            with pytest.raises(zkc.OperationTimeoutError) as caught:
                await call(patient, timeout=0.05)
            assert isinstance(caught.value, TimeoutError)
            assert caught.value.maybe_applied is (name in CHANGES)
            assert not caught.value.session_lost
    finally:
        zookeeper_server.resume()
    assert await patient.sync() is None
    assert await patient.exists("/b") is not None


async def test_the_clients_own_timeout_is_the_default(hosts, zookeeper_server):
    async with make_zk(session_timeout=60, request_timeout=0.05) as zk:
        zookeeper_server.pause()
        try:
            with pytest.raises(zkc.OperationTimeoutError, match=r"exists '/': no reply in 0\.05 s"):
                await zk.exists("/")
            threading.Timer(0.3, zookeeper_server.resume).start()
            assert await zk.exists("/", timeout=30) is not None
        finally:
            zookeeper_server.resume()


async def test_an_answer_in_time_is_returned(patient):
    assert (await patient.get("/a", timeout=30))[0] == b"x"


async def test_a_call_waits_for_a_server_that_comes_back(patient, zookeeper_server):
    zookeeper_server.pause()
    threading.Timer(0.3, zookeeper_server.resume).start()
    assert (await patient.get("/a"))[0] == b"x"


async def test_a_broken_connection_is_told_and_mended(hosts, zookeeper_server, mended, eventually):
    # Long enough for the server to come back; and short, for a server that is asked while it starts may never answer,
    # and libzookeeper waits two thirds of this before it asks again.
    async with make_zk(session_timeout=6) as zk:
        await zk.create("/a", b"x")
        session_id = zk.session_id
        zookeeper_server.pause()
        caught = []

        def set_it():
            try:
                await zk.set("/a", b"y")
            except zkc.ConnectionLossError as error:
                caught.append(error)

        thread = threading.Thread(target=set_it)
        thread.start()
        await both.eventually(lambda: zk.session.in_flight)
        zookeeper_server.kill()
        thread.join(30)
        assert [(error.maybe_applied, error.session_lost) for error in caught] == [(True, False)]
        zookeeper_server.start()
        assert (await both.mended(lambda: zk.get("/a")))[0] in (b"x", b"y")
        assert zk.session_id == session_id


async def test_a_request_over_the_servers_limit_breaks_the_connection(patient, mended):
    with pytest.raises(zkc.ConnectionLossError):
        await patient.set("/a", b"x" * 2_000_000)
    assert (await both.mended(lambda: patient.get("/a")))[0] == b"x"
