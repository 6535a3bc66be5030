"""Mistakes of users, which recipes name: functions that cannot be called, identifiers, and looks at a signal."""

import pytest

import zkc
from zkc.recipes import LockLostError


async def coroutine(hold):
    """Do nothing."""


def test_a_leader_of_a_synchronous_client_is_no_coroutine_function(client):
    with pytest.raises(TypeError, match="fn must be a plain function"):
        client.election("/e", identifier="x").run(coroutine, forever=True)
    assert client.exists("/e") is None


@pytest.mark.parametrize("forever", [False, True])
async def test_a_leader_that_takes_no_hold_is_refused_before_it_campaigns(zk, forever):
    election = zk.inner.election("/e", identifier="x")

    async def run():
        result = election.run(lambda: None, forever=forever)
        return await result if zk.kind == "async" else result

    with pytest.raises(TypeError, match="fn is called with the hold, but it takes other arguments"):
        await run()
    assert await zk.exists("/e") is None


@pytest.mark.parametrize("forever", [False, True])
async def test_a_leader_for_asyncio_has_to_return_an_awaitable(hosts, forever):
    async with zkc.AsyncClient(hosts) as client:
        election = client.election("/e", identifier="x")
        with pytest.raises(TypeError, match="fn must be a coroutine function: it returned int"):
            await election.run(lambda hold: 5, forever=forever)


async def assign(item, hold):
    """Do nothing."""


def test_the_callbacks_of_a_synchronous_partitioner_are_plain_functions(client):
    with pytest.raises(TypeError, match="on_assign must be a plain function"):
        client.partitioner("/p", ["a"], identifier="i", on_assign=assign)
    with pytest.raises(TypeError, match="on_revoke must be a plain function"):
        client.partitioner("/p", ["a"], identifier="i", on_revoke=coroutine)
    with pytest.raises(TypeError, match="on_revoke is called with the item"):
        client.partitioner("/p", ["a"], identifier="i", on_revoke=lambda: None)


async def test_what_is_called_on_a_revocation_can_be_called(zk):
    hold = await zk.inner.lock("/l").acquire() if zk.kind == "async" else zk.inner.lock("/l").acquire()
    with pytest.raises(TypeError, match="callback must be callable with no arguments, not int"):
        hold.on_revoke(3)
    _ = await hold.release() if zk.kind == "async" else hold.release()


@pytest.mark.parametrize("identifier", [b"x", 5, None])
def test_an_identifier_is_text(client, identifier):
    with pytest.raises(TypeError, match="identifier must be a str, not"):
        client.lock("/l", identifier=identifier)


def test_the_truth_of_a_signal_is_whether_it_is_set(client):
    hold = client.lock("/l").acquire()
    assert not hold.lost
    assert not hold.lost.is_set()
    assert repr(hold.lost) == "<zkc signal not set>"
    client.delete(hold.path)
    assert hold.lost.wait(20)
    assert hold.lost
    assert repr(hold.lost) == "<zkc signal set>"


def test_a_released_hold_says_so(client):
    hold = client.lock("/l").acquire()
    hold.release()
    with pytest.raises(LockLostError, match="this hold was released"):
        hold.check()


def test_a_wait_for_an_instance_names_it(client):
    registry = client.registry("/services")
    with pytest.raises(zkc.OperationTimeoutError, match=r"no instance of 'web' was there within 0\.2 s") as caught:
        registry.wait_for("web", timeout=0.2)
    assert caught.value.maybe_applied is False
    registry.close()


def test_an_entry_that_is_too_late_says_how_many_were_wanted(client):
    barrier = client.double_barrier("/b", 2, identifier="x")
    with pytest.raises(zkc.OperationTimeoutError, match=r"1 of 2 members came within 2 s"):
        barrier.enter(timeout=2.0)


def test_a_misspelt_kind_of_recipe_has_no_counters(client):
    assert client.metrics().recipes["queue"].gets == 0
    with pytest.raises(KeyError, match="the kinds are lock, read_lock"):
        client.metrics().recipes["nolock"]


def test_an_update_that_returns_nothing_writes_nothing(client):
    value = client.value("/v", codec=zkc.recipes.JSON, initial=[])
    with pytest.raises(TypeError, match="fn returned None"):
        value.update(lambda old: old.append(1))
    assert client.exists("/v") is None


def test_an_acquire_without_a_wait_is_named(client):
    with pytest.raises(ValueError, match=r"try_acquire\(\) does not wait"):
        client.lock("/l").acquire(timeout=0)
