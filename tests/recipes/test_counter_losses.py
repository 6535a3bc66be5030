"""Changes whose reply is lost: carried out once, or reported as perhaps carried out. Scenario 50."""

from __future__ import annotations

import asyncio
import threading

import pytest

import zkc
from zkc.recipes import JSON

from ..client import both
from ..client.proxy_support import CREATE2, MULTI, SET, Meddler
from .recipe_support import make_recipe

SYNC = 9
FATES = ["drop", "lose"]  # The request is not carried out, or its reply is lost.


@pytest.fixture
def proxy(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.fixture
def zk_behind(start_zk, through):
    """A client whose connection goes through the proxy."""
    return start_zk(through, session_timeout=30.0)


@pytest.fixture
def direct(hosts):
    """A client that the proxy's thread may use."""
    with zkc.Client(hosts) as client:
        yield client


def opcode(exact, creates=False):
    return MULTI if exact else CREATE2 if creates else SET


async def counter_at_5(zk, exact):
    counter = make_recipe(zk, "counter", "/n", exact=exact)
    await counter.set(5)
    return counter


@pytest.mark.parametrize("exact", [False, True])
async def test_an_add_that_was_not_carried_out_is_repeated(zk_behind, proxy, direct, exact):
    counter = await counter_at_5(zk_behind, exact)
    proxy.before(opcode(exact), lambda: "drop")
    found = await counter.add()
    assert (found.value, found.version) == (6, 1)
    assert direct.get("/n")[0] == b"6"


async def test_an_add_whose_reply_is_lost_is_reported(zk_behind, proxy, direct):
    """Another client may have added the same number to the same number: the znode would look the same."""
    counter = await counter_at_5(zk_behind, False)
    proxy.before(SET, lambda: "lose")
    with pytest.raises(zkc.ConnectionLossError, match=r"it has version 1.*exact=True") as caught:
        await counter.add()
    assert caught.value.maybe_applied
    assert caught.value.path == "/n"
    assert direct.get("/n")[0] == b"6"
    assert (await counter.add()).value == 7, "the next add reads again"


async def test_an_exact_add_whose_reply_is_lost_is_recognized(zk_behind, proxy, direct):
    counter = await counter_at_5(zk_behind, True)
    proxy.before(MULTI, lambda: "lose")
    found = await counter.add()
    assert (found.value, found.version, found.stat) == (6, 1, direct.exists("/n"))
    assert (await counter.add()).value == 7


async def test_the_first_exact_change_of_a_session_is_recognized(zk_behind, proxy, direct):
    direct.create("/n", b"5")
    counter = make_recipe(zk_behind, "counter", "/n", exact=True)
    proxy.before(MULTI, lambda: "lose")
    assert (await counter.add()).value == 6
    assert direct.get("/n")[0] == b"6"


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("fate", FATES)
async def test_a_create_whose_reply_is_lost(zk_behind, proxy, direct, exact, fate):
    counter = make_recipe(zk_behind, "counter", "/n", initial=5, exact=exact)
    proxy.before(opcode(exact, creates=True), lambda: fate)
    if exact and fate == "lose":
        found = await counter.add()
        assert (found.value, found.version) == (6, 0)
    else:  # Another client may have deleted what was created.
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await counter.add()
        assert caught.value.maybe_applied
    assert (await counter.add()).value == (7 if fate == "lose" else 6)


@pytest.mark.parametrize("data", [b"6", b"99"])
async def test_the_same_change_by_another_client_is_not_taken_for_the_own(zk_behind, proxy, direct, data):
    counter = await counter_at_5(zk_behind, False)

    def interfere():
        direct.set("/n", data)
        return "drop"

    proxy.before(SET, interfere)
    if data == b"6":
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await counter.add()
        assert caught.value.maybe_applied
        assert direct.get("/n")[0] == b"6"
    else:  # The write of that version was another client's.
        assert (await counter.add()).value == 100


async def test_an_exact_add_is_told_from_the_same_change_by_another_client(zk_behind, proxy, direct):
    counter = await counter_at_5(zk_behind, True)

    def interfere():
        direct.set("/n", b"6")
        return "drop"

    proxy.before(MULTI, interfere)
    assert (await counter.add()).value == 7


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("fate", FATES)
async def test_other_changes_before_the_loss_is_resolved(zk_behind, proxy, direct, exact, fate):
    counter = await counter_at_5(zk_behind, exact)
    other = direct.counter("/n")

    def interfere():
        other.add(10)
        other.add(10)

    proxy.before(opcode(exact), lambda: fate)
    proxy.before(SYNC, interfere)
    if exact:
        found = await counter.add()
        assert found.value == (6 if fate == "lose" else 26)
        assert (found.version, found.stat is None) == ((1, True) if fate == "lose" else (3, False))
    else:
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await counter.add()
        assert caught.value.maybe_applied
    assert other.get().value == (25 if fate == "drop" and not exact else 26)


@pytest.mark.parametrize("exact", [False, True])
async def test_a_znode_deleted_before_the_loss_is_resolved(zk_behind, proxy, direct, exact):
    counter = await counter_at_5(zk_behind, exact)
    proxy.before(opcode(exact), lambda: "lose")
    proxy.before(SYNC, lambda: direct.delete("/n", recursive=True))
    with pytest.raises(zkc.ConnectionLossError, match="it does not exist") as caught:
        await counter.add()
    assert caught.value.maybe_applied


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("exact", [False, True])
async def test_a_set_for_any_version(zk_behind, proxy, direct, exact, fate):
    counter = await counter_at_5(zk_behind, exact)
    proxy.before(opcode(exact), lambda: fate)
    if exact or fate == "lose":
        found = await counter.set(9)
        assert (found.value, found.version) == (9, 1)
    else:  # It may have been carried out, and overwritten with the old number.
        with pytest.raises(zkc.ConnectionLossError) as caught:
            await counter.set(9)
        assert caught.value.maybe_applied
        assert (await counter.get()).value == 5


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("exact", [False, True])
async def test_a_set_for_one_version(zk_behind, proxy, direct, exact, fate):
    counter = await counter_at_5(zk_behind, exact)
    proxy.before(opcode(exact), lambda: fate)
    if exact or fate == "drop":
        assert (await counter.set(9, version=0)).version == 1
    else:
        with pytest.raises(zkc.ConnectionLossError):
            await counter.set(9, version=0)
    assert direct.get("/n")[0] == b"9"


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("fate", FATES)
async def test_an_update_calls_its_function_again_only_after_a_conflict(zk_behind, proxy, direct, exact, fate):
    value = make_recipe(zk_behind, "value", "/v", codec=JSON, exact=exact)
    await value.set([])
    proxy.before(opcode(exact), lambda: fate)
    try:
        assert (await value.update(lambda found: [*found, "a"])).value == ["a"]
    except zkc.ConnectionLossError as error:
        assert error.maybe_applied
        assert (fate, exact) == ("lose", False)
    assert direct.get("/v")[0] == b'["a"]'


@pytest.mark.parametrize("exact", [False, True])
async def test_a_read_is_repeated_after_a_loss(zk_behind, proxy, exact):
    counter = await counter_at_5(zk_behind, exact)
    proxy.before(4, lambda: "drop")
    assert (await counter.get()).value == 5


@pytest.mark.parametrize("exact", [False, True])
async def test_a_session_that_expired_is_not_the_end(zk, expire_zk, exact):
    counter = await counter_at_5(zk, exact)
    await expire_zk(zk)
    assert (await counter.add()).value == 6
    await expire_zk(zk)
    assert (await counter.set(9)).value == 9
    children = await zk.children("/n")
    assert len(children) == (1 if exact else 0)


@pytest.mark.parametrize("fate", FATES)
async def test_an_add_whose_session_expires_is_resolved_in_the_next(zk_behind, proxy, direct, fate):
    counter = await counter_at_5(zk_behind, False)

    def act():
        proxy.lie_next()
        return fate

    proxy.before(SET, act)
    if fate == "drop":
        assert (await counter.add()).value == 6
    else:
        with pytest.raises(zkc.ZooKeeperError) as caught:
            await counter.add()
        assert caught.value.maybe_applied
    assert direct.get("/n")[0] == b"6"


@pytest.mark.parametrize("exact", [False, True])
async def test_a_timeout_says_whether_the_add_may_have_been_carried_out(zk_behind, proxy, direct, exact):
    counter = await counter_at_5(zk_behind, exact)
    proxy.before(opcode(exact), proxy.hold)
    with pytest.raises(zkc.OperationTimeoutError, match=r"0\.3 s; the request may still be carried out") as caught:
        await counter.add(timeout=0.3)
    assert caught.value.maybe_applied
    assert (caught.value.operation, caught.value.path) == ("add", "/n")
    proxy.resume()
    fresh = make_recipe(zk_behind, "counter", "/n", exact=exact)
    proxy.before(4, proxy.hold)
    with pytest.raises(zkc.OperationTimeoutError) as caught:
        await fresh.add(timeout=0.3)
    assert not caught.value.maybe_applied, "it was reading"
    proxy.resume()
    assert (await counter.add()).value in (6, 7)


@pytest.mark.parametrize("exact", [False, True])
async def test_a_cancelled_add_lets_the_next_one_in(make_zk, proxy, hosts, zookeeper_server, exact):
    zk = make_zk(proxy.hosts + hosts[len(zookeeper_server.hosts) :], session_timeout=30.0)
    await zk.start()
    counter = await counter_at_5(zk, exact)
    if zk.kind == "sync":
        return  # A thread has no cancellation; the timeout above is its like.
    held = threading.Event()

    def hold():
        proxy.hold()
        held.set()

    proxy.before(opcode(exact), hold)
    first, second = both.begin(counter, "add", 1), both.begin(counter, "add", 1)
    await both.eventually(held.is_set)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    proxy.resume()
    assert (await second).value == 7
    if exact:  # The marker of the cancelled change is deleted.
        await both.eventually(lambda: _one_child(zk))


async def _one_child(zk):
    return len(await zk.children("/n")) == 1
