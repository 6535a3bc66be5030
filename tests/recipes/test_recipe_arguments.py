"""Identifiers, functions and blocks that recipes refuse, with an error that says what to give."""

import enum
import inspect
import sys

import pytest

import zkc
from zkc import recipes

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


_RECIPES = {
    "lock": ("acquire", "try_acquire", "held", "enqueue", "contenders", "holder", "revoke", "break_"),
    "multilock": ("acquire", "try_acquire", "held"),
    "semaphore": ("acquire", "try_acquire", "held", "holders", "available", "set_limit"),
    "barrier": ("set", "remove", "wait"),
    "double_barrier": ("enter", "leave"),
    "counter": ("get", "add", "set", "watch"),
    "value": ("get", "set", "update", "watch"),
    "queue": ("put", "put_many", "get", "try_get", "size", "close"),
    "election": ("lead", "run", "resign", "leader", "set_data", "observe", "add_listener", "stop"),
    "group": ("join", "leave", "members", "set_data"),
    "lease": ("acquire", "try_acquire", "adopt", "holder"),
    "partitioner": ("start", "stop"),
    "registry": ("register", "instances", "get", "close", "add_listener"),
    "rwlock": (),
}
_ARGUMENTS = {
    "multilock": (["/a", "/b"],),
    "semaphore": ("/r", 1),
    "double_barrier": ("/r", 1),
    "partitioner": ("/r", ["a"]),
}
_OPTIONS = {
    "double_barrier": {"identifier": "x"},
    "election": {"identifier": "x"},
    "group": {"identifier": "x"},
    "partitioner": {"identifier": "x"},
    "lease": {"owner": "x", "ttl": 1.0},
    "value": {"codec": recipes.TEXT},
}


async def _mistake(call):
    """Return the text of the TypeError of a call with an argument that it does not take."""

    async def make():
        outcome = call(mistaken=1)
        return await outcome if inspect.isawaitable(outcome) else outcome

    with pytest.raises(TypeError) as caught:
        await make()
    return str(caught.value)


def _names(owner, method):
    # Python 3.9 names the method alone.
    return f"{method}()" if sys.version_info < (3, 10) else f"{owner}.{method}() "


@pytest.mark.parametrize("name", _RECIPES)
async def test_an_error_of_arguments_names_the_public_class(zk, name):
    make = getattr(zk.inner, name)
    assert _names(type(zk.inner).__name__, name) in await _mistake(make)
    recipe = make(*_ARGUMENTS.get(name, ("/r",)), **_OPTIONS.get(name, {}))
    for method in _RECIPES[name]:
        assert _names(type(recipe).__name__, method) in await _mistake(getattr(recipe, method))


async def test_an_error_of_arguments_of_a_hold_names_the_public_class(zk):
    hold = await do(zk, zk.inner.lock("/l").acquire)
    for method in ("check", "confirm", "transaction", "release", "valid_for", "add_listener", "on_revoke"):
        assert _names(type(hold).__name__, method) in await _mistake(getattr(hold, method))
    await do(zk, hold.release)


@pytest.mark.parametrize("module", [zkc, recipes])
def test_no_public_class_has_a_method_that_names_an_internal_class(module):
    public = {*zkc.__all__, *recipes.__all__}
    for owner in (getattr(module, name) for name in module.__all__):
        if not inspect.isclass(owner) or issubclass(owner, (Exception, enum.Enum)):
            continue
        for name in dir(owner):
            method = inspect.getattr_static(owner, name)
            if (name == "__init__" or not name.startswith("_")) and inspect.isfunction(method):
                named = method.__qualname__.partition(".")[0]
                assert named in public or not method.__module__.startswith("zkc."), (owner, name)
