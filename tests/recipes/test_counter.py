"""Counters: their forms on disk, their ranges, and many clients that add at the same time."""

from __future__ import annotations

import asyncio

import pytest

import zkc
from zkc._session.losses import LossCounter
from zkc.recipes import ContentionError, DecodeError, OverwrittenError, Versioned
from zkc.recipes._cell import _Change
from zkc.recipes._resolving import Base, following

from ..client import both
from .recipe_support import make_recipe

FORMS = [
    ("int", 5, b"5"),
    ("int", -5, b"-5"),
    ("int", 10**30, b"1" + b"0" * 30),
    ("float", 5, b"5.0"),
    ("float", 0.1, b"0.1"),
    ("float", -1e300, b"-1e+300"),
    ("int32", 5, b"\0\0\0\x05"),
    ("int32", -2, b"\xff\xff\xff\xfe"),
    ("int32", 2**31 - 1, b"\x7f\xff\xff\xff"),
    ("int64", 5, b"\0\0\0\0\0\0\0\x05"),
    ("int64", -(2**63), b"\x80\0\0\0\0\0\0\0"),
]
RANGES = [("int32", 2**31 - 1), ("int64", 2**63 - 1)]


async def test_a_counter_without_a_znode_has_its_initial_number(zk):
    counter = make_recipe(zk, "counter", "/app/jobs/done", initial=7)
    assert await counter.get() == Versioned(7, None, None)
    assert await zk.exists("/app") is None, "a look creates nothing"


async def test_the_first_add_creates_the_znode_and_its_parents(zk):
    counter = make_recipe(zk, "counter", "/app/jobs/done", initial=7)
    found = await counter.add(3)
    data, stat = await zk.get("/app/jobs/done")
    assert (found.value, found.version, data) == (10, 0, b"10")
    assert found.stat == stat
    assert (await counter.add()).value == 11
    assert (await counter.add(-5)).version == 2
    assert (await counter.get()).value == 6


@pytest.mark.parametrize(("type_", "number", "data"), FORMS)
async def test_each_type_has_its_form(zk, type_, number, data):
    """Curator and kazoo read these bytes: see test_counter_kazoo.py for kazoo."""
    counter = make_recipe(zk, "counter", "/n", type=type_)
    await counter.set(number)
    assert (await zk.get("/n"))[0] == data
    again = make_recipe(zk, "counter", "/n", type=type_)
    found = await again.get()
    assert (found.value, type(found.value)) == (number, float if type_ == "float" else int)


@pytest.mark.parametrize(("type_", "most"), RANGES)
async def test_an_overflow_is_refused_before_anything_is_sent(zk, type_, most):
    """Scenario 50, its part on overflow."""
    counter = make_recipe(zk, "counter", "/n", type=type_)
    await counter.set(most)
    with pytest.raises(OverflowError, match=str(most + 1)):
        await counter.add()
    with pytest.raises(OverflowError):
        await counter.set(-most - 2)
    assert (await counter.set(-most - 1)).version == 1
    with pytest.raises(OverflowError):
        await counter.add(-1)
    assert (await counter.get()).value == -most - 1


async def test_a_float_does_not_become_infinite(zk):
    counter = make_recipe(zk, "counter", "/n", type="float")
    await counter.set(1.5e308)
    with pytest.raises(OverflowError, match="inf"):
        await counter.add(1.5e308)
    assert (await counter.get()).value == 1.5e308


@pytest.mark.parametrize(
    ("type_", "data"),
    [("int", b"five"), ("int", b"1.5"), ("int", b"\xff"), ("int32", b"5"), ("int64", b"\0\0\0\x05"), ("float", b"x")],
)
async def test_data_of_another_form_have_an_error_of_their_own(zk, type_, data):
    await zk.create("/n", data)
    counter = make_recipe(zk, "counter", "/n", type=type_)
    with pytest.raises(DecodeError, match="'/n'") as caught:
        await counter.get()
    assert isinstance(caught.value, ValueError)
    assert caught.value.path == "/n"
    with pytest.raises(DecodeError):
        await counter.add()
    assert (await zk.get("/n"))[0] == data


@pytest.mark.parametrize("type_", ["int", "float", "int32", "int64"])
async def test_a_znode_without_data_has_the_initial_number(zk, type_):
    await zk.create("/n", b"")
    counter = make_recipe(zk, "counter", "/n", type=type_, initial=40)
    assert (await counter.get()).value == 40
    assert (await counter.add(2)).value == 42


async def test_set_takes_the_version_of_what_was_read(zk, other_zk):
    counter, other = (make_recipe(each, "counter", "/n") for each in (zk, other_zk))
    missing = await counter.get()
    await other.set(1)
    with pytest.raises(zkc.NodeExistsError):
        await counter.set(5, version=missing.version)
    found = await other.get()
    await other.add()
    with pytest.raises(zkc.BadVersionError):
        await counter.set(5, version=found.version)
    assert (await counter.get()).value == 2
    assert (await counter.set(5, version=1)).version == 2
    assert (await counter.set(6)).version == 3
    await zk.delete("/n")
    with pytest.raises(zkc.NoNodeError):
        await counter.set(5, version=3)
    assert (await counter.set(5, version=None)).version == 0


@pytest.mark.parametrize("exact", [False, True])
async def test_clients_that_add_at_the_same_time_lose_nothing(make_zk, exact):
    clients = [make_zk() for _ in range(4)]
    for client in clients:
        await client.start()
    counters = [make_recipe(client, "counter", "/a/n", exact=exact) for client in clients]

    async def add(counter):
        return [await both.begin(counter, "add", 1) for _ in range(25)]

    found = await asyncio.gather(*(add(counter) for counter in counters))
    assert sorted(each.value for several in found for each in several) == list(range(1, 101))
    assert (await counters[0].get()).value == 100


async def test_adds_by_one_object_wait_for_each_other(zk):
    counter = make_recipe(zk, "counter", "/n")
    found = await asyncio.gather(*(both.begin(counter, "add", 1) for _ in range(50)))
    assert sorted(each.value for each in found) == list(range(1, 51))
    assert (await zk.get("/n"))[1].version == 49, "no add was in conflict with another"


async def test_many_adds_that_overflow_at_once_are_all_refused(make_zk):
    zk = make_zk()
    await zk.start()
    await zk.create("/n", b"\x7f\xff\xff\xff")
    counter = make_recipe(zk, "counter", "/n", type="int32")  # The first add reads the number; the others wait.

    async def add():
        return await both.begin(counter, "add", 1)

    number = 1000 if zk.kind == "async" else 20
    found = await asyncio.gather(*(add() for _ in range(number)), return_exceptions=True)
    assert {type(each) for each in found} == {OverflowError}
    assert (await zk.get("/n"))[1].version == 0


async def test_a_counter_that_was_read_just_now_takes_one_request(zk):
    counter = make_recipe(zk, "counter", "/n")
    await counter.add()
    before = zk.inner.metrics()
    await counter.add()
    spent = zk.inner.metrics() - before
    assert (spent.requests["set"], spent.total) == (1, 1)


async def test_what_others_wrote_since_is_not_lost(zk, other_zk):
    counter, other = (make_recipe(each, "counter", "/n") for each in (zk, other_zk))
    for number in range(1, 10, 2):
        assert (await counter.add()).value == number
        assert (await other.add()).value == number + 1


async def test_a_znode_created_again_with_the_same_version_is_noticed(zk, other_zk):
    counter = make_recipe(zk, "counter", "/n")
    await counter.add()
    await other_zk.delete("/n")
    await other_zk.create("/n", b"100")
    with pytest.raises(OverwrittenError) as caught:
        await counter.add()
    assert caught.value.maybe_applied
    assert (await counter.add()).value == 3


def test_a_change_of_version_minus_1_is_guarded(client):
    """Servers take -1 for any version. After 2**32 - 1 changes, it is the version of the znode."""
    client.create("/n", b"5")
    counter = client.counter("/n")
    cell = counter._cell
    stat = client.set("/n", b"6")
    fields = {name: getattr(stat, name) for name in zkc.Stat.__match_args__}
    base = Base(-1, zkc.Stat(**{**fields, "version": -1}))
    flow = _Change("add", "/n", lambda _: iter(()))
    with pytest.raises(zkc.BadVersionError):
        client._run(lambda _: cell._attempt(flow, base, b"7", LossCounter(client), None), None)
    assert client.get("/n")[0] == b"6"
    assert [following(version) for version in (-1, 0, 2**31 - 1, -2)] == [None, 1, -(2**31), -1]


async def test_an_add_is_given_up_after_so_many_conflicts(zk, other_zk, monkeypatch):
    counter = make_recipe(zk, "counter", "/n")
    await counter.set(0)
    cell = counter.inner._cell
    encode = cell._encode
    other = zkc.Client(zk.hosts)
    with other:

        def interfere(value):
            other.set("/n", b"7")
            return encode(value)

        monkeypatch.setattr(cell, "_encode", interfere)
        with pytest.raises(ContentionError, match="3 attempts") as caught:
            await counter.add(attempts=3)
    assert not caught.value.maybe_applied
    assert (await zk.get("/n"))[0] == b"7"


async def test_a_watch_has_each_number(zk, other_zk, kind):
    told = both.Events()
    counter = make_recipe(zk, "counter", "/n", type="int64", initial=3)
    subscription = await counter.watch(told)
    assert await told.next() == Versioned(3, None, None)
    await make_recipe(other_zk, "counter", "/n", type="int64", initial=3).add()
    found = await told.next()
    assert (found.value, found.version) == (4, 0)
    subscription.cancel()


async def test_the_watch_of_an_asyncio_client_takes_a_coroutine_function(zk, kind):
    told = both.Events()

    async def fn(found):
        told(found.value)

    counter = make_recipe(zk, "counter", "/n")
    if kind == "sync":
        with pytest.raises(TypeError, match="plain function"):
            await counter.watch(fn)
        return
    subscription = await counter.watch(fn)
    assert await told.next() == 0
    subscription.cancel()


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"type": "int16"}, ValueError, "type must be one of 'int', 'float', 'int32', 'int64', not 'int16'"),
        ({"initial": 1.5}, TypeError, "initial must be an int, not float"),
        ({"initial": True}, TypeError, "initial must be an int, not bool"),
        ({"initial": 2**31, "type": "int32"}, OverflowError, "2147483648"),
        ({"initial": float("nan"), "type": "float"}, ValueError, "initial must be finite"),
        ({"exact": 1}, TypeError, "exact must be True or False"),
    ],
)
def test_arguments_of_a_counter_are_checked(client, options, error, match):
    with pytest.raises(error, match=match):
        client.counter("/n", **options)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda counter: counter.add("1"), TypeError, "n must be an int, not str"),
        (lambda counter: counter.add(0.5), TypeError, "n must be an int, not float"),
        (lambda counter: counter.add(attempts=0), ValueError, "attempts must be from 1"),
        (lambda counter: counter.set(None), TypeError, "value must be an int, not NoneType"),
        (lambda counter: counter.set(1, version=2**31), ValueError, "version must fit 32 bits"),
        (lambda counter: counter.watch(None), TypeError, "fn must be callable"),
    ],
)
def test_arguments_of_its_calls_are_checked(client, call, error, match):
    with pytest.raises(error, match=match):
        call(client.counter("/n"))
