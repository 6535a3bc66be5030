"""Bulk calls: order, errors in their places, the window, and what happens when the connection or the session goes."""

import asyncio
import gc

import pytest

import zkc
from zkc.testing import FaultProxy

from .both import close_in_the_middle

CALLS = ("get_many", "exists_many", "children_many", "create_many", "set_many", "delete_many")


def names(count, prefix="/n"):
    return [f"{prefix}{i:06}" for i in range(count)]


async def test_all_calls_give_what_single_calls_give(zk):
    paths = names(300)
    assert await zk.create_many((path, path.encode()) for path in paths) == paths
    assert [data for data, _ in await zk.get_many(paths)] == [path.encode() for path in paths]
    assert await zk.get_many(paths[:3]) == [await zk.get(path) for path in paths[:3]]
    assert await zk.exists_many([*paths[:2], "/none"]) == [await zk.exists(path) for path in [*paths[:2], "/none"]]
    stats = await zk.set_many((path, b"new") for path in paths)
    assert stats == await zk.exists_many(paths)
    assert {data for data, _ in await zk.get_many(paths)} == {b"new"}
    assert [sorted(found) for found in await zk.children_many(["/", paths[0]])] == [paths_below(paths), []]
    assert await zk.delete_many(paths) == [None] * 300
    assert await zk.children("/") == []


def paths_below(paths):
    return [path[1:] for path in paths]


async def test_nothing_in_nothing_out(zk):
    events = []
    for call in CALLS:
        assert await getattr(zk, call)([], progress=events.append) == []
        assert await getattr(zk, call)(iter(()), raise_errors=True) == []
    assert events == []


async def test_data_of_every_kind(zk):
    data = [b"", None, bytes(range(256)), bytearray(b"ab"), memoryview(b"xyz")[1:], b"\0" * 100_000]
    paths = names(len(data))
    await zk.create_many(zip(paths, data))
    wanted = [None if one is None else bytes(one) for one in data]
    assert [found for found, _ in await zk.get_many(paths)] == wanted
    await zk.set_many(zip(paths, reversed(data)))
    assert [found for found, _ in await zk.get_many(paths)] == wanted[::-1]


async def test_names_in_unicode(zk):
    paths = ["/grün", "/日本", "/نص", "/a b"]
    assert await zk.create_many(paths) == paths
    assert [data for data, _ in await zk.get_many(paths)] == [b""] * 4
    assert await zk.delete_many(paths, raise_errors=True) == [None] * 4


async def test_what_kinds_of_znodes_are_created(zk):
    acl = [zkc.ACL.world(zkc.Perms.ALL), zkc.ACL.digest("ann", "secret", zkc.Perms.READ)]
    made = await zk.create_many(["/s-", ("/s-", b"1")], sequential=True, ephemeral=True, acl=acl)
    assert made == ["/s-0000000000", "/s-0000000001"]
    stats = await zk.exists_many(made)
    assert [stat.ephemeral_owner for stat in stats] == [zk.session_id] * 2
    assert (await zk.get_acl(made[0]))[0] == acl
    assert await zk.create_many(["/c"], container=True) == ["/c"]
    for wrong in ({"container": True, "ephemeral": True}, {"ttl": 0}, {"ephemeral": True, "ttl": 1.0}):
        with pytest.raises(ValueError):
            await zk.create_many(["/x"], **wrong)
    with pytest.raises(TypeError, match="acl"):
        await zk.create_many(["/x"], acl=zkc.ACL.world())
    assert await zk.exists("/x") is None


async def test_parents_before_children_and_children_before_parents_need_no_wait(zk):
    paths = ["/a", *(f"/a/{i}" for i in range(50)), *(f"/a/{i}/{j}" for i in range(50) for j in range(10))]
    assert await zk.create_many(paths, raise_errors=True) == paths
    assert await zk.delete_many(reversed(paths), raise_errors=True) == [None] * len(paths)


async def test_an_error_stands_in_its_place(zk):
    await zk.create_many(["/a", "/b/c", "/d"])
    outcomes = await zk.get_many(["/a", "/b", "/d"])
    assert [type(outcome) for outcome in outcomes] == [tuple, zkc.NoNodeError, tuple]
    assert outcomes[1].path == "/b"
    assert outcomes[1].__traceback__ is None
    outcomes = await zk.create_many(["/a", "/e", "/b/c"])
    assert [type(outcome) for outcome in outcomes] == [zkc.NodeExistsError, str, zkc.NoNodeError]
    outcomes = await zk.set_many([("/a", b"1", 0), ("/a", b"2", 0), ("/a", b"3", -1), ["/none", None]])
    assert [type(outcome) for outcome in outcomes] == [zkc.Stat, zkc.BadVersionError, zkc.Stat, zkc.NoNodeError]
    outcomes = await zk.delete_many([("/a", 0), ("/a", 2), "/a", ("/d", -1)])
    assert [type(outcome) for outcome in outcomes] == [zkc.BadVersionError, type(None), zkc.NoNodeError, type(None)]
    outcomes = await zk.children_many(["/", "/a"])
    assert outcomes[0] == ["e"]
    assert isinstance(outcomes[1], zkc.NoNodeError)


async def test_raise_errors_raises_the_first_and_sends_no_more(zk):
    await zk.create_many(names(50))
    taken = 0

    def paths():
        nonlocal taken
        for path in [*names(30), "/first", "/second", *names(50) * 100]:
            taken += 1
            yield path

    with pytest.raises(zkc.NoNodeError, match="/first"):
        await zk.get_many(paths(), raise_errors=True, window=20)
    assert 31 <= taken <= 31 + 20
    assert zk.session.in_flight == 0, "what was sent is waited for"
    assert len(await zk.get_many(names(50), raise_errors=True)) == 50


@pytest.mark.parametrize(
    ("call", "wrong", "error", "message"),
    [
        ("get_many", 5, TypeError, r"paths\[3\]: path must be a str, not int"),
        ("exists_many", "x", ValueError, r"paths\[3\]: path must start with '/'"),
        ("children_many", "/a/", ValueError, r"paths\[3\]: path must not end with '/'"),
        ("create_many", ("/x", "text"), TypeError, r"items\[3\]: data must be bytes, not str"),
        (
            "create_many",
            ("/x",),
            ValueError,
            r"items\[3\]: it must be a path or \(path, data\), not a tuple of 1 parts",
        ),
        ("create_many", None, TypeError, r"items\[3\]: it must be a path or \(path, data\), not NoneType"),
        ("set_many", "/x", TypeError, r"items\[3\]: it must be \(path, data\) or \(path, data, version\), not str"),
        ("set_many", ("/x", b"", 2**31), ValueError, r"items\[3\]: version must fit 32 bits"),
        ("delete_many", ("/x", None), TypeError, r"items\[3\]: version must be an int"),
    ],
)
async def test_a_wrong_item_is_named_and_what_stood_before_it_is_done(zk, call, wrong, error, message):
    await zk.create_many(["/a", "/b", "/c"])
    right = {"create_many": ["/1", "/2", "/3"], "set_many": [("/a", b"set")] * 3}.get(call, ["/a", "/b", "/c"])
    with pytest.raises(error, match=message):
        await getattr(zk, call)([*right, wrong, *right])
    assert zk.session.in_flight == 0
    if call == "create_many":
        assert sorted(await zk.children("/")) == ["1", "2", "3", "a", "b", "c"]
    with pytest.raises(error, match=message.replace("3", "0", 1)):
        await getattr(zk, call)([wrong])


@pytest.mark.parametrize("call", CALLS)
async def test_wrong_arguments_are_refused_before_anything_is_sent(zk, call):
    function = getattr(zk, call)
    for items in ("/a", b"/a", None, 5, *([{"/a": b""}] if call in ("create_many", "set_many") else [])):
        with pytest.raises(TypeError, match=r"must be an iterable of"):
            function(items)
    for window in (0, 16385, -1):
        with pytest.raises(ValueError, match="window must be from 1 to 16384"):
            function([], window=window)
    for wrong in ({"window": 1.0}, {"raise_errors": 1}, {"progress": 3}, {"timeout": "1"}):
        with pytest.raises(TypeError):
            function([], **wrong)


async def test_what_the_iterable_raises_comes_out_after_what_was_sent_is_answered(zk):
    def items():
        yield "/a"
        yield "/b"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await zk.create_many(items())
    assert sorted(await zk.children("/")) == ["a", "b"]
    assert zk.session.in_flight == 0


@pytest.mark.parametrize("window", [1, 2, 3, 7, 100, 1000, 5000])
async def test_the_window_is_never_exceeded_and_the_iterable_read_as_it_moves(zk, window):
    taken, most, done = 0, 0, [0]

    def paths():
        nonlocal taken, most
        for _ in range(min(3000, window * 20)):
            most = max(most, zk.session.in_flight)
            assert taken - done[-1] < window + 600, "read ahead of what is sent"
            taken += 1
            yield "/"

    outcomes = await zk.get_many(paths(), window=window, progress=done.append)
    assert len(outcomes) == taken == done[-1]
    assert most < window
    assert done == sorted(set(done))


async def test_progress_is_reported_per_half_window(zk):
    events = []
    await zk.exists_many(["/"] * 1000, window=100, progress=events.append)
    assert events[-1] == 1000
    assert 10 <= len(events) <= 40


async def test_what_progress_raises_ends_the_call(zk):
    def progress(done):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        await zk.get_many(["/"] * 100, window=10, progress=progress)
    assert await zk.get_many(["/"])


async def test_a_client_with_few_places_in_flight(make_zk):
    async with make_zk(max_in_flight=5) as zk:
        most = 0

        def paths():
            nonlocal most
            for _ in range(500):
                most = max(most, zk.session.in_flight)
                yield "/"

        calls = [zk.submit.get_many(paths(), window=1000) for _ in range(4)]
        for call in calls:
            found = await call if zk.kind == "async" else call.result(20)
            assert len(found) == 500
            assert all(isinstance(one, tuple) for one in found)
        assert most <= 5


@pytest.mark.slow
async def test_a_hundred_thousand_results_in_order(zk):
    paths = names(2000)
    await zk.create_many(((path, path.encode()) for path in paths), raise_errors=True, window=4000)
    found = await zk.get_many((path for _ in range(50) for path in paths), window=4000)
    assert len(found) == 100_000
    assert [data for data, _ in found] == [path.encode() for path in paths] * 50


async def test_the_loop_goes_on(zk):
    if zk.kind == "sync":
        return  # it has no loop to hold up
    call = zk.get_many(["/"] * 20_000)
    turns = 0
    while not call.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(await call) == 20_000
    assert turns > 20


async def test_futures_of_bulk_calls(client):
    paths = names(3000)
    assert client.submit.create_many(paths).result(20) == paths
    futures = [client.submit.exists_many(paths) for _ in range(3)]
    assert {len(future.result(20)) for future in futures} == {3000}
    with pytest.raises(TypeError, match=r"paths\[0\]"):
        client.submit.get_many([1])
    with pytest.raises(TypeError, match=r"paths\[2000\]"):
        client.submit.get_many([*paths[:2000], 1]).result(20)


async def test_kept_znodes_follow_what_bulk_calls_do(zk, expire_zk):
    await zk.create("/kept", b"old", ephemeral=True, keep=True)
    await zk.create("/gone", b"old", ephemeral=True, keep=True)
    await zk.set_many([("/kept", b"new"), ("/other", b"")])
    await zk.delete_many(["/gone", "/none"])
    await expire_zk(zk)
    assert (await zk.get("/kept"))[0] == b"new"
    assert await zk.exists("/gone") is None


# ---- faults ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.mark.parametrize("call", ["get_many", "create_many"])
async def test_a_connection_lost_in_the_middle(make_zk, hosts, proxy, call):
    paths = names(4000)
    # Up to 256 reads share a request, whose paths are all taken before it is sent. A create is sent as it is taken.
    ahead = 256 if call == "get_many" else 0

    def items():
        for number, path in enumerate(paths):
            if number == 2000:
                proxy.pause()  # No answer to what is sent from here on ...
            if number == 2200 + ahead:
                proxy.drop_connections()  # ... comes before this.
                proxy.resume()
            yield path

    async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2]) as zk:
        outcomes = await getattr(zk, call)(items(), window=4000, timeout=60)
        assert len(outcomes) == len(paths)
        answered = zkc.NoNodeError if call == "get_many" else str
        assert {type(outcome) for outcome in outcomes} <= {answered, zkc.ConnectionLossError}
        assert {type(outcome) for outcome in outcomes[2000:2200]} == {zkc.ConnectionLossError}
        await zk.wait_for(zkc.ClientState.CONNECTED)
        await zk.sync("/")
        for path, outcome, stat in zip(paths, outcomes, await zk.exists_many(paths)):
            if isinstance(outcome, zkc.ConnectionLossError):
                assert outcome.path == path
                assert outcome.maybe_applied or stat is None
            else:
                assert (stat is None) is (call == "get_many")


async def test_raise_errors_with_a_lost_connection(make_zk, hosts, proxy):
    async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2]) as zk:
        with pytest.raises(zkc.ConnectionLossError):
            await zk.exists_many(["/x"] * 20_000, raise_errors=True, progress=lambda done: proxy.drop_connections())
        assert zk.session.in_flight == 0


async def test_too_late(make_zk, hosts, proxy):
    async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2], session_timeout=30.0) as zk:
        proxy.pause()
        with pytest.raises(zkc.OperationTimeoutError):
            await zk.get_many(["/"] * 5000, timeout=0.2)
        proxy.resume()
        assert len(await zk.get_many(["/"] * 5000)) == 5000


async def test_an_expired_session_hangs_nothing(zk, zookeeper_server):
    expired = False

    def expire(done):
        nonlocal expired
        if not expired:
            expired = True
            zookeeper_server.expire(zk.session_id, zk.session_password)

    outcomes = await zk.exists_many(["/x"] * 30_000, progress=expire, timeout=60)
    assert len(outcomes) == 30_000
    assert outcomes[0] is None
    assert isinstance(outcomes[-1], zkc.SessionExpiredError)
    await zk.wait_for(zkc.ClientState.CONNECTED)
    assert await zk.exists_many(["/x"] * 10) == [None] * 10


async def test_closing_in_the_middle_hangs_nothing(make_zk):
    zk = make_zk()
    await zk.start()
    outcomes = await close_in_the_middle(zk, 3000, 50_000)
    assert len(outcomes) >= 53_000
    assert isinstance(outcomes[0], tuple)
    assert isinstance(outcomes[-1], zkc.ClosingError)


async def test_a_cancelled_call_sends_no_more(zk):
    taken = 0

    def paths():
        nonlocal taken
        for _ in range(200_000):
            taken += 1
            yield "/"

    call = zk.submit.get_many(paths(), window=100)
    call.cancel()
    before = taken  # The thread that takes them may have gone on until here.
    for _ in range(3):
        await zk.sync("/")
    del call
    gc.collect()
    assert taken - before < 1000


async def test_no_client_no_call(make_zk):
    zk = make_zk()
    if zk.kind == "sync":
        with pytest.raises(zkc.NotStartedError):
            zk.get_many(["/"])
    await zk.start()
    await zk.close()
    with pytest.raises(zkc.ClosingError):
        await zk.get_many(["/"])
