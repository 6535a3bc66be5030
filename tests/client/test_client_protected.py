"""Protected create: a lost reply leaves no znode over and makes none twice."""

import re
import threading

import pytest

import zkc
from zkc import ACL, ClientState, unprotected_name
from zkc._commands import create as commands

from . import both
from .proxy_support import AnswersLost

MARKER = r"_c_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}-"
FLAGS = [{"ephemeral": True}, {"sequential": True}, {"ephemeral": True, "sequential": True}]


@pytest.fixture
def proxy(zookeeper_server):
    with AnswersLost("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def zk_behind(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=30.0)


@pytest.mark.parametrize("flags", FLAGS)
async def test_the_name_has_a_marker_that_can_be_taken_off(zk, flags):
    path = await zk.create("/n-", b"x", protected=True, **flags)
    counter = "0000000000" if "sequential" in flags else ""
    assert re.fullmatch(f"/{MARKER}n-{counter}", path)
    assert await zk.children("/") == [path[1:]]
    assert unprotected_name(path) == f"/n-{counter}"
    assert unprotected_name(path[1:]) == f"n-{counter}"
    assert (await zk.get(path))[0] == b"x"


@pytest.mark.parametrize(
    "name",
    ["", "/", "/a", "a", "/_c_x-a", "/_c_", "_c_00000000000000000000000000000000000-a", "/_c_" + "x" * 36 + "-a"],
)
def test_a_name_without_a_marker_stays_as_it_is(name):
    assert unprotected_name(name) == name


async def test_each_call_has_a_marker_of_its_own(zk):
    paths = {await zk.create("/n", ephemeral=True, protected=True) for _ in range(20)}
    assert len(paths) == 20
    assert sorted(await zk.children("/")) == sorted(path[1:] for path in paths)


async def test_parents_and_stat_go_with_it(zk):
    path, stat = await zk.create_with_stat(
        "/a/b/n-", b"x", sequential=True, protected=True, make_parents=True, acl=[ACL.world()]
    )
    assert re.fullmatch(f"/a/b/{MARKER}n-0000000000", path)
    assert stat == await zk.exists(path)


@pytest.mark.parametrize("with_stat", [False, True])
@pytest.mark.parametrize("flags", FLAGS)
async def test_what_a_lost_reply_created_is_found_again(zk_behind, other_zk, proxy, events, flags, with_stat):
    session_id = zk_behind.session_id
    await other_zk.children("/", watch=events)
    proxy.keep_answers()
    call = "create_with_stat" if with_stat else "create"
    creating = both.begin(zk_behind, call, "/n-", b"x", protected=True, **flags)
    assert (await events.next()).type is zkc.EventType.CHILD
    names = await other_zk.children("/")
    assert not creating.done(), "it was carried out, and the client does not know it yet"
    proxy.drop_connections()
    made = await creating
    assert _creates(zk_behind) == 1, "it was found, and not made again"
    path = made[0] if with_stat else made
    assert await other_zk.children("/") == names == [path[1:]]
    assert re.fullmatch(rf"/{MARKER}n-(\d{{10}})?", path)
    data, stat = await other_zk.get(path)
    assert data == b"x"
    assert stat.ephemeral_owner == (session_id if "ephemeral" in flags else 0)
    if with_stat:
        assert made[1] == stat


def _creates(zk):
    """Count the creates that were sent."""
    return sum(number for name, number in zk.metrics().requests.items() if name.startswith("create"))


async def test_a_request_that_never_arrived_is_made_again(zk_behind, other_zk, proxy):
    proxy.pause()
    creating = both.begin(zk_behind, "create", "/n-", b"x", sequential=True, protected=True)
    await both.eventually(lambda: zk_behind.session.in_flight == 1)
    proxy.drop_connections()
    proxy.resume()
    path = await creating
    assert _creates(zk_behind) > 1
    assert await other_zk.children("/") == [path[1:]]


async def test_the_connection_breaks_again_and_again(zk_behind, other_zk, proxy):
    stop = threading.Event()

    def disturb():
        while not stop.wait(0.03):
            proxy.drop_connections()

    thread = threading.Thread(target=disturb)
    creating = [both.begin(zk_behind, "create", f"/{i}-", sequential=True, protected=True) for i in range(3)]
    thread.start()
    try:
        for i in range(5):
            creating.append(both.begin(zk_behind, "create", f"/later-{i}-", sequential=True, protected=True))
            await both.eventually(lambda: zk_behind.state is not ClientState.CONNECTED)
    finally:
        stop.set()
        thread.join()
    paths = [await one for one in creating]
    assert sorted(await other_zk.children("/")) == sorted(path[1:] for path in paths)
    assert [unprotected_name(path)[:4] for path in paths] == ["/0-0", "/1-0", "/2-0"] + ["/lat"] * 5


async def test_one_that_came_too_late_leaves_no_orphan(zk_behind, other_zk, proxy, zookeeper_server):
    await other_zk.create("/marks")
    zookeeper_server.pause()
    with pytest.raises(zkc.OperationTimeoutError) as caught:
        await zk_behind.create("/marks/n-", sequential=True, protected=True, timeout=0.1)
    assert caught.value.maybe_applied
    zookeeper_server.resume()
    # It is carried out now, and deleted again.
    await both.eventually(lambda: _two_changes(other_zk))


async def _two_changes(zk):
    names, stat = await zk.children_with_stat("/marks")
    return stat.cversion == 2 and names == []


async def test_one_that_came_too_late_over_a_lost_connection_leaves_no_orphan(zk_behind, other_zk, proxy):
    await other_zk.create("/marks")
    proxy.keep_answers()
    with pytest.raises(zkc.OperationTimeoutError):
        await zk_behind.create("/marks/n-", sequential=True, protected=True, timeout=0.1)
    # It was carried out, and stays: the client, which knows nothing of it, has yet to learn that the reply is lost.
    assert len(await both.eventually(lambda: other_zk.children("/marks"))) == 1
    proxy.drop_connections()
    await both.eventually(lambda: _two_changes(other_zk))


async def test_an_expiry_ends_an_ephemeral_one(zk_behind, other_zk, proxy, zookeeper_server):
    proxy.pause()
    creating = both.begin(zk_behind, "create", "/n", ephemeral=True, protected=True)
    await both.eventually(lambda: zk_behind.session.in_flight == 1)
    zookeeper_server.expire(zk_behind.session_id, zk_behind.session_password)
    proxy.drop_connections()
    proxy.resume()
    with pytest.raises(zkc.SessionExpiredError, match=r"^create '/n': ") as caught:
        await creating
    assert (caught.value.operation, caught.value.path) == ("create", "/n")
    assert not caught.value.maybe_applied, "what was made went with the session"
    assert await other_zk.children("/") == []


async def test_an_expiry_between_two_looks_ends_an_ephemeral_one(
    zk_behind, other_zk, proxy, zookeeper_server, monkeypatch
):
    """A new session is there before the search goes on: the znode ended with the old one, and none is made again."""
    monkeypatch.setattr(commands, "_PAUSE", 2.0)
    session = zk_behind.session
    proxy.pause()
    creating = both.begin(zk_behind, "create", "/n", ephemeral=True, protected=True)
    await both.eventually(lambda: session.in_flight == 1)
    proxy.refuse()
    proxy.drop_connections()
    await both.eventually(lambda: zk_behind.state is ClientState.SUSPENDED)
    zookeeper_server.expire(zk_behind.session_id, zk_behind.session_password)
    await both.eventually(lambda: session.in_flight == 0)
    proxy.resume()
    proxy.accept()
    await both.eventually(lambda: zk_behind.session is not session)
    with pytest.raises(zkc.SessionExpiredError):
        await creating
    assert await other_zk.children("/") == []


async def test_an_expiry_does_not_end_one_that_stays(zk_behind, other_zk, proxy, zookeeper_server):
    proxy.pause()
    creating = both.begin(zk_behind, "create", "/n-", b"x", sequential=True, protected=True)
    await both.eventually(lambda: zk_behind.session.in_flight == 1)
    zookeeper_server.expire(zk_behind.session_id, zk_behind.session_password)
    proxy.drop_connections()
    proxy.resume()
    path = await creating
    assert await other_zk.children("/") == [path[1:]]


async def test_a_close_ends_it(make_zk, zk_behind, proxy):
    proxy.refuse()
    proxy.drop_connections()
    await both.eventually(lambda: zk_behind.state is ClientState.SUSPENDED)
    creating = both.begin(zk_behind, "create", "/n-", sequential=True, protected=True)
    ensuring = both.begin(zk_behind, "create", "/a/n-", sequential=True, protected=True, make_parents=True)
    await both.eventually(lambda: not creating.done())
    await zk_behind.close()
    for one, path in ((creating, "/n-"), (ensuring, "/a/n-")):
        with pytest.raises(zkc.ClosingError, match=rf"^create '{path}': .*start\(\)") as caught:
            await one
        assert (caught.value.operation, caught.value.path) == ("create", path)


@pytest.mark.parametrize("flags", [{}, {"container": True}, {"ttl": 60.0}])
async def test_it_is_for_what_would_be_left_over(zk, flags):
    with pytest.raises(ValueError, match="protected is only for ephemeral or sequential znodes"):
        await zk.create("/n", protected=True, **flags)
    assert await zk.children("/") == []


async def test_its_errors_are_those_of_a_create(zk):
    with pytest.raises(zkc.NoNodeError, match=r"^create '/no/n': ") as caught:
        await zk.create("/no/n", ephemeral=True, protected=True)
    assert (caught.value.operation, caught.value.path) == ("create", "/no/n")
    with pytest.raises(ValueError, match=r"^create '/n-': the request has"):
        await zk.create("/n-", b"x" * (2 << 20), sequential=True, protected=True)
    await zk.create("/e", ephemeral=True)
    with pytest.raises(zkc.NoChildrenForEphemeralsError):
        await zk.create("/e/n", ephemeral=True, protected=True)
    with pytest.raises(zkc.InvalidACLError):
        await zk.create("/n", ephemeral=True, protected=True, acl=[ACL(31, "no-such-scheme", "x")])
