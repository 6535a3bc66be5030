"""Optimistic transactions: what they have read is unchanged when they write, or they begin again."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import zkc
from zkc.recipes import ContentionError

from ..client import both
from ..client.proxy_support import MULTI, Meddler


class Txn:
    """A transaction whose reads can be awaited, for one body of a test."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        value = getattr(self.inner, name)
        if name in ("create", "set", "delete"):
            return value

        async def read(path):
            found = value(path)
            return await found if inspect.isawaitable(found) else found

        return read


def begin(zk, fn, **options):
    """Begin a call of atomically with a coroutine function, for a client of either kind."""

    def drive(txn):
        coroutine = fn(Txn(txn))
        try:
            coroutine.send(None)  # Nothing in it waits.
        except StopIteration as stop:
            return stop.value
        raise AssertionError

    async def fn_async(txn):
        return await fn(Txn(txn))

    return both.begin(zk, "atomically", fn_async if zk.kind == "async" else drive, **options)


@pytest.fixture
def direct(hosts):
    """A client that may be used in the middle of a function."""
    with zkc.Client(hosts) as client:
        yield client


async def test_it_returns_what_the_function_returns(zk):
    await zk.create("/a", b"1")

    async def fn(txn):
        data, stat = await txn.get("/a")
        assert await txn.exists("/a") == stat
        made = txn.create("/b-", b"x", sequential=True)
        txn.set("/a", data + b"2")
        return made

    made = await begin(zk, fn)
    assert made.result() == "/b-0000000001"  # /a was the first znode there
    assert (await zk.get("/a"))[0] == b"12"


@pytest.mark.parametrize(
    "act",
    [
        lambda direct: direct.set("/a", b"2"),
        lambda direct: direct.create("/list/new"),
        lambda direct: direct.delete("/list/one"),
        lambda direct: (direct.delete("/list/one"), direct.create("/list/one")),
        lambda direct: direct.create("/missing/below", make_parents=True),
    ],
)
async def test_a_change_of_what_was_read_begins_it_again(zk, direct, act):
    for path in ("/a", "/list/one", "/list/two"):
        await zk.create(path, b"1", make_parents=True)
    seen = []

    async def fn(txn):
        seen.append(((await txn.get("/a"))[0], sorted(await txn.children("/list")), await txn.exists("/missing/below")))
        if len(seen) == 1:
            act(direct)
        txn.create(f"/done-{len(seen)}")

    await begin(zk, fn)
    assert len(seen) == 2
    assert seen[0] == (b"1", ["one", "two"], None)
    assert {"done-1", "done-2"} & set(await zk.children("/")) == {"done-2"}
    assert not [name for name in await zk.children("/list") if name.startswith("_zkc_")]
    assert seen[1][1] == sorted(await zk.children("/list"))


async def test_what_did_not_change_begins_nothing_again(zk):
    await zk.create("/list")
    calls = []

    async def fn(txn):
        calls.append(await txn.children("/list"))
        assert await txn.exists("/no/such/path") is None
        txn.create("/list/x-", sequential=True)

    for _ in range(3):
        await begin(zk, fn)
    await zk.delete("/list/x-0000000001")  # The number of creates and that of the children differ from now on.
    await begin(zk, fn)
    assert [len(names) for names in calls] == [0, 1, 2, 2]
    assert await zk.exists("/no") is None


@pytest.mark.parametrize("what", ["set", "delete", "create"])
async def test_a_change_of_what_is_written_begins_it_again(zk, direct, what):
    await zk.create("/a", b"1")
    path = "/new" if what == "create" else "/a"
    calls = []

    async def fn(txn):
        found = await txn.exists(path)
        calls.append(found is not None)
        if len(calls) == 1:
            direct.create("/new") if what == "create" else direct.set("/a", b"2")
        if what != "create":
            getattr(txn, what)("/a", *([b"3"] if what == "set" else []))
        elif found is None:
            txn.create("/new")

    await begin(zk, fn)
    assert calls == [what != "create", True]


async def test_a_failure_that_is_no_conflict_is_raised(zk):
    await zk.create("/a", b"1")
    calls = []

    async def exists(txn):
        calls.append(1)
        await txn.exists("/")
        txn.set("/a", b"2")
        txn.create("/a")

    with pytest.raises(zkc.NodeExistsError) as caught:
        await begin(zk, exists)
    assert (caught.value.path, caught.value.index, len(caught.value.results)) == ("/a", 1, 2)

    async def missing(txn):
        calls.append(1)
        txn.set("/none", b"2")

    with pytest.raises(zkc.NoNodeError):
        await begin(zk, missing)
    assert len(calls) == 2
    assert (await zk.get("/a"))[0] == b"1"


async def test_a_function_that_raises_ends_it(zk):
    calls = []

    async def fn(txn):
        calls.append(1)
        txn.create("/a")
        raise KeyError("x")

    with pytest.raises(KeyError):
        await begin(zk, fn)
    assert (len(calls), await zk.exists("/a")) == (1, None)

    async def reads(txn):
        await txn.get("/a")

    with pytest.raises(zkc.NoNodeError):
        await begin(zk, reads)


async def test_reads_that_do_not_agree_begin_it_again(zk, direct):
    await zk.create("/a", b"1")
    calls = []

    async def fn(txn):
        calls.append(1)
        await txn.exists("/a")
        if len(calls) == 1:
            direct.set("/a", b"2")
        if (await txn.get("/a"))[0] != b"2" or len(calls) == 1:
            raise AssertionError("it has seen two states")
        return "right"

    assert await begin(zk, fn) == "right"
    assert len(calls) == 2


async def test_it_is_given_up_after_so_many_conflicts(zk, direct):
    await zk.create("/a", b"1")

    async def fn(txn):
        await txn.get("/a")
        direct.set("/a", b"2")
        txn.set("/a", b"3")

    with pytest.raises(ContentionError, match=r"'/a'.*3 attempts") as caught:
        await begin(zk, fn, attempts=3)
    assert not caught.value.maybe_applied


async def test_transfers_keep_the_sum(make_zk):
    clients = [make_zk() for _ in range(3)]
    for client in clients:
        await client.start()
    for name in "abc":
        await clients[0].create(f"/{name}", b"100")

    def transfer(source, target):
        async def fn(txn):
            values = {path: int((await txn.get(path))[0]) for path in (source, target)}
            txn.set(source, b"%d" % (values[source] - 1))
            txn.set(target, b"%d" % (values[target] + 1))

        return fn

    pairs = [("/a", "/b"), ("/b", "/c"), ("/c", "/a"), ("/a", "/c")]
    await asyncio.gather(*(begin(client, transfer(*pair)) for client in clients for pair in pairs for _ in range(4)))
    found = [int((await clients[0].get(f"/{name}"))[0]) for name in "abc"]
    assert found == [88, 100, 112]


async def test_a_znode_is_read_before_it_is_written(zk):
    async def fn(txn):
        txn.create("/a")
        await txn.get("/a")

    with pytest.raises(ValueError, match="read a znode before it is written"):
        await begin(zk, fn)


@pytest.mark.parametrize("read", [False, True])
@pytest.mark.parametrize("fate", ["drop", "lose"])
async def test_a_lost_commit_is_repeated_or_reported(make_zk, hosts, zookeeper_server, direct, fate, read):
    direct.create("/a", b"1")
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        zk = make_zk(proxy.hosts + hosts[len(zookeeper_server.hosts) :], session_timeout=30.0)
        await zk.start()
        proxy.before(MULTI, lambda: fate)

        async def fn(txn):
            if read:
                await txn.get("/a")
            txn.set("/a", b"2")
            txn.create("/b-", sequential=True)

        if read and fate == "drop":
            await begin(zk, fn)
        else:
            with pytest.raises(zkc.ConnectionLossError) as caught:
                await begin(zk, fn)
            assert caught.value.maybe_applied
        assert len(direct.children("/")) == (1 if fate == "drop" and not read else 2)
        await zk.close()


async def test_the_whole_call_has_one_timeout(zk, direct):
    await zk.create("/a", b"1")

    async def fn(txn):
        await txn.get("/a")
        direct.set("/a", b"2")
        txn.set("/a", b"3")

    with pytest.raises(zkc.OperationTimeoutError):  # With a timeout for each request it would go on for very long.
        await begin(zk, fn, attempts=10**6, timeout=0.5)


async def test_each_client_takes_its_kind_of_function(zk, kind):
    async def coroutine_function(txn):
        pass

    wrong = coroutine_function if kind == "sync" else len
    with pytest.raises(TypeError):
        await zk.atomically(wrong)
    with pytest.raises(TypeError, match="fn must be callable"):
        await zk.atomically(None)
