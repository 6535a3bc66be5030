"""Identifiers, functions and blocks that recipes refuse, with an error that says what to give."""

import pytest

import zkc

from .lock_support import do

_MAKERS = {
    "lock": ("/x",),
    "rwlock": ("/x",),
    "semaphore": ("/x", 2),
    "election": ("/x",),
    "group": ("/x",),
    "double_barrier": ("/x", 2),
    "partitioner": ("/x", ["a"]),
    "multilock": (["/x", "/y"],),
}


@pytest.mark.parametrize("wrong", [b"x", 5, None])
@pytest.mark.parametrize("name", _MAKERS)
def test_an_identifier_must_be_a_str(client, name, wrong):
    with pytest.raises(TypeError, match=f"identifier must be a str, not {type(wrong).__name__}"):
        getattr(client, name)(*_MAKERS[name], identifier=wrong)


def test_an_identifier_beside_data_must_be_a_str(client):
    with pytest.raises(TypeError, match="identifier must be a str, not int"):
        client.lock("/x", identifier=5, data=b"x")


# ---- functions and blocks --------------------------------------------------------------------------------------------


async def _coroutine(*_):
    raise AssertionError("it must not be called")


@pytest.mark.parametrize("forever", [True, False])
def test_an_election_ends_with_a_lambda_that_returns_a_coroutine(client, forever):
    election = client.election("/leader", identifier="a")
    with pytest.raises(TypeError, match="fn must be a plain function"):
        election.run(lambda hold: _coroutine(hold), forever=forever)
    assert not election.leading


async def test_an_election_for_asyncio_takes_a_lambda_that_returns_a_coroutine(hosts):
    async def work(hold):
        return 17

    async with zkc.AsyncClient(hosts) as client:
        election = client.election("/leader", identifier="a")
        assert await election.run(lambda hold: work(hold), forever=False) == 17


async def test_a_coroutine_function_for_a_revocation_is_for_asyncio(zk):
    hold = await do(zk, zk.inner.lock("/x").acquire)
    if zk.kind == "sync":
        with pytest.raises(TypeError, match="callback must be a plain function"):
            hold.on_revoke(_coroutine)
    else:
        hold.on_revoke(_coroutine)
    await do(zk, hold.release)


async def test_a_block_of_a_read_write_lock_names_its_sides(client, hosts):
    with pytest.raises(TypeError, match=r"use its \.read or its \.write"), client.rwlock("/x"):
        pass
    async with zkc.AsyncClient(hosts) as other:
        with pytest.raises(TypeError, match=r"use its \.read or its \.write"):
            async with other.rwlock("/x"):
                pass
