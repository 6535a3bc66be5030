"""Elections, groups and double barriers whose connection is lost at each request, and at each reply."""

import asyncio
import contextlib
import gc
import weakref

import pytest

import zkc

from ..client import both
from ..client.both import gone, mended
from .cut_support import at_each_request, client_through_cutter, cutter  # noqa: F401 - pytest finds the fixtures here
from .thread_support import recipe

FATES = ["drop", "lose"]


async def empty(zk, path):
    with contextlib.suppress(zkc.NoNodeError):
        return await zk.children(path) == []
    return True


@pytest.mark.parametrize("fate", FATES)
async def test_an_election_with_each_request_lost(proxy, cut_zk, zk, fate):
    """Scenarios 14 to 17 in an election: no contender is left, none is lost, and none leads beside another."""

    async def scenario(number):
        mine = recipe(cut_zk, "election", "/leader", identifier="a")
        theirs = recipe(zk, "election", "/leader", identifier="b")
        end = asyncio.Event()
        first = {}

        async def lead():
            async with theirs.lead() as first["hold"]:
                await end.wait()
                first["hold"].check()

        leading = asyncio.ensure_future(lead())
        await both.eventually(lambda: "hold" in first)

        async def follow():
            async with mine.lead() as hold:
                assert first["over"]
                assert hold.token > first["hold"].token
                await mended(hold.confirm)
                await mended(lambda: mine.set_data(b"here"))

        following = asyncio.ensure_future(follow())
        await both.eventually(lambda: _queued(zk, 2))
        first["over"] = True
        end.set()
        await leading
        await following
        await both.eventually(lambda: empty(zk, "/leader"))
        await zk.delete("/leader", missing_ok=True)

    await at_each_request(proxy, cut_zk, fate, scenario)


async def _queued(zk, number):
    with contextlib.suppress(zkc.NoNodeError):
        return len(await zk.children("/leader")) == number


@pytest.mark.parametrize("fate", FATES)
async def test_an_observer_with_each_request_lost(proxy, cut_zk, zk, fate):
    """Scenario 45 with losses: the states come in order."""

    async def scenario(number):
        async with recipe(cut_zk, "election", "/leader", identifier="x").observe() as observer:
            assert await observer.__anext__() is None
            async with recipe(zk, "election", "/leader", identifier=str(number)).lead():
                assert (await observer.__anext__()).data == str(number).encode()
            assert await observer.__anext__() is None
        await both.eventually(lambda: empty(zk, "/leader"))

    await at_each_request(proxy, cut_zk, fate, scenario)


@pytest.mark.parametrize("fate", FATES)
async def test_a_group_with_each_request_lost(proxy, cut_zk, zk, fate):
    async def scenario(number):
        group = recipe(cut_zk, "group", "/workers", identifier="a")
        await group.join()
        assert [member.session_id for member in await recipe(zk, "group", "/workers", identifier="b").members()] == [
            cut_zk.session_id
        ]
        assert await group.leave() is True
        assert await gone(zk, "/workers/a")
        assert cut_zk.kept == []
        await zk.delete("/workers")

    await at_each_request(proxy, cut_zk, fate, scenario)


@pytest.mark.parametrize("fate", FATES)
async def test_a_double_barrier_with_each_request_lost(proxy, cut_zk, zk, fate):
    """Scenario 47 with losses: each loss of a connection leaves the round whole."""

    async def scenario(number):
        mine = recipe(cut_zk, "double_barrier", "/phase", 2, identifier="a")
        theirs = recipe(zk, "double_barrier", "/phase", 2, identifier="b")
        entered = await asyncio.gather(mine.enter(), theirs.enter())
        assert {round_.generation for round_ in entered} == {number - 1}
        assert sorted(entered[0].members) == ["a", "b"]
        await asyncio.gather(mine.leave(), theirs.leave())
        await both.eventually(lambda: empty(zk, "/phase"))

    await at_each_request(proxy, cut_zk, fate, scenario)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_forgotten_client_ends_what_it_leads_and_follows(client, hosts, eventually):
    """Scenario 55."""

    def begin():
        forgotten = zkc.Client(hosts)
        forgotten.start()
        election = forgotten.election("/leader", identifier="a")
        told = []
        election.add_listener(told.append)
        observer = election.observe()
        assert next(observer) is None
        group = forgotten.group("/workers", identifier="a")
        group.join()
        watch = group.watch()
        assert len(next(watch)) == 1
        assert forgotten.double_barrier("/phase", 1, identifier="a").enter().generation == 0
        hold = election._lock.acquire()
        eventually(lambda: told and told[-1].leader is not None)
        return weakref.ref(forgotten), hold.path

    reference, path = begin()
    eventually(lambda: gc.collect() is not None and reference() is None)  # Replies may be on their way.
    for gone_path in (path, "/workers/a"):
        eventually(lambda gone_path=gone_path: client.exists(gone_path) is None)
