"""Groups: who is a member, and what becomes of members whose session ends."""

import asyncio
import re
import threading
import time

import pytest

import zkc

from ..client.both import Events, eventually, gone
from .thread_support import recipe

PARTY = "0123456789abcdef0123456789abcdef"


def join_group(zk, identifier, **options):
    return recipe(zk, "group", "/workers", identifier=identifier, **options)


async def identifiers(group):
    return [member.identifier for member in await group.members()]


async def test_a_member_is_listed_with_its_data_until_it_leaves(zk, other_zk):
    one, other = join_group(zk, "a", data=b"1"), join_group(other_zk, "b")
    assert await one.members() == []
    assert await one.leave() is False
    await one.join()
    await one.join()
    await other.join()
    found = await other.members()
    assert [(member.identifier, member.data, member.is_mine) for member in found] == [
        ("a", b"1", False),
        ("b", b"", True),
    ]
    assert found[0].session_id == zk.session_id
    assert sorted(await zk.children("/workers")) == ["a", "b"]
    assert one.listed
    assert await one.leave() is True
    assert not one.listed
    assert await identifiers(one) == ["b"]
    await one.join()
    assert await identifiers(one) == ["a", "b"]


async def test_a_group_is_a_context_manager(zk):
    async with join_group(zk, "a") as group:
        assert await identifiers(group) == ["a"]
    await eventually(lambda: gone(zk, "/workers/a"))
    assert zk.kept == []


def test_a_member_that_joins_at_once_after_its_block_stays(client):
    group = client.group("/workers", identifier="a")
    for _ in range(5):
        with group:
            # The thread that delivers replies sleeps, and so does the deletion at the end of the block.
            client.submit.exists("/").add_done_callback(lambda _: time.sleep(0.1))
        group.join()
        for _ in range(3):  # Until that thread has come to the replies of the deletion.
            delivered = threading.Event()
            client.submit.exists("/").add_done_callback(lambda _, delivered=delivered: delivered.set())
            assert delivered.wait(30)
        assert client.exists("/workers/a") is not None
        assert group.leave() is True


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
async def test_a_member_is_listed_again_after_an_expiry(zk, other_zk, expire_zk, layout):
    """Scenario 51."""
    group = join_group(zk, "a", layout=layout)
    await group.join()
    before = await join_group(other_zk, "b").members()
    await expire_zk(zk)
    after = await join_group(other_zk, "b").members()
    assert [member.identifier for member in after] == ["a"]
    assert after[0].name == before[0].name
    assert after[0].session_id == zk.session_id != before[0].session_id
    assert group.listed


async def test_a_member_that_is_not_kept_ends_with_its_session(zk, expire_zk):
    group = join_group(zk, "a", keep=False)
    await group.join()
    assert group.listed
    await expire_zk(zk)
    assert await group.members() == []
    assert not group.listed
    await group.join()
    assert await identifiers(group) == ["a"]


async def test_a_member_that_leaves_during_an_outage_does_not_come_back(make_zk, proxy, through, zk, zookeeper_server):
    """Scenario 51."""
    cut = make_zk(through)
    await cut.start()
    group = join_group(cut, "a")
    await group.join()
    session = cut.session_id, cut.session_password
    told = Events()
    cut.add_listener(told)
    proxy.refuse()
    proxy.drop_connections()
    assert await told.next() is zkc.ClientState.SUSPENDED
    leaving = asyncio.ensure_future(group.leave())
    await eventually(lambda: cut.kept == [])  # It has begun.
    zookeeper_server.expire(*session)
    proxy.accept()
    assert await told.next() is zkc.ClientState.LOST
    assert await told.next() is zkc.ClientState.CONNECTED
    assert await leaving is False
    assert await gone(zk, "/workers/a")
    assert cut.kept == []


async def test_a_member_that_leaves_during_a_short_outage_is_deleted_afterwards(make_zk, proxy, through, zk):
    """Scenario 51."""
    cut = make_zk(through)
    await cut.start()
    group = join_group(cut, "a")
    await group.join()
    told = Events()
    cut.add_listener(told)
    proxy.refuse()
    proxy.drop_connections()
    assert await told.next() is zkc.ClientState.SUSPENDED
    with pytest.raises(zkc.OperationTimeoutError):
        await group.leave(timeout=0.2)
    assert not await gone(zk, "/workers/a")
    proxy.accept()
    await eventually(lambda: gone(zk, "/workers/a"))


async def test_an_identifier_of_another_session_is_waited_for(zk, other_zk):
    first, second = join_group(zk, "a"), join_group(other_zk, "a")
    await first.join()
    with pytest.raises(zkc.OperationTimeoutError, match="another session may have its identifier"):
        await second.join(timeout=2.0)
    assert other_zk.kept == []
    joining = asyncio.ensure_future(second.join())
    await asyncio.sleep(0.1)
    assert not joining.done()
    await first.leave()
    await joining
    [member] = await second.members()
    assert member.session_id == other_zk.session_id
    assert await second.leave() is True


async def test_a_leave_deletes_no_znode_of_another_session(zk, other_zk):
    mine, theirs = join_group(zk, "a"), join_group(other_zk, "a")
    await mine.join()
    await other_zk.delete("/workers/a")
    await theirs.join()
    assert await mine.leave() is False
    assert await identifiers(theirs) == ["a"]


async def test_parties_of_kazoo_are_members(zk):
    await zk.create(f"/workers/{PARTY}__party__", b"worker-1", ephemeral=True, make_parents=True)
    await zk.create(f"/workers/{PARTY}-worker-2", ephemeral=True)
    group = join_group(zk, "worker-3", layout="kazoo")
    await group.join()
    assert await identifiers(group) == ["worker-1", "worker-2", "worker-3"]
    name = (await group.members())[2].name
    assert re.fullmatch(r"[0-9a-f]{32}__party__", name)
    assert (await zk.get(f"/workers/{name}"))[0] == b"worker-3"


async def test_data_of_a_member_can_be_changed(zk, expire_zk):
    group = join_group(zk, "a", data=b"1")
    await group.join()
    await group.set_data(b"2")
    assert (await group.members())[0].data == b"2"
    await expire_zk(zk)
    assert (await group.members())[0].data == b"2"


async def test_a_watch_yields_the_members_after_each_change(zk, other_zk, expire_zk):
    watch = join_group(zk, "watcher").watch()
    assert await watch.__anext__() == []
    one, other = join_group(zk, "a"), join_group(other_zk, "b")
    await one.join()
    [member] = await watch.__anext__()
    assert member.identifier == "a"
    waiting = asyncio.ensure_future(watch.__anext__())
    await other.join()
    assert [member.identifier for member in await waiting] == ["a", "b"]
    await expire_zk(other_zk)
    while [(m.identifier, m.session_id) for m in await watch.__anext__()][1:] != [("b", other_zk.session_id)]:
        pass
    await expire_zk(zk)
    await one.leave()
    while [member.identifier for member in await watch.__anext__()] != ["b"]:
        pass
    waiting = asyncio.ensure_future(watch.__anext__())
    await asyncio.sleep(0.05)
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_a_parent_that_is_gone_is_created_again(zk, other_zk, expire_zk, caplog):
    group = join_group(zk, "a")
    await group.join()
    assert not [record for record in caplog.records if record.name == "zkc.client"]
    session = zk.session_id
    await other_zk.delete("/workers/a")
    await other_zk.delete("/workers")
    await expire_zk(zk)
    await eventually(lambda: _is_listed(group, zk, session))
    caplog.clear()


async def _is_listed(group, zk, session):
    found = await group.members()
    return [member.session_id for member in found] == [zk.session_id] and zk.session_id != session


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"identifier": ""}, ValueError),
        ({"identifier": "a/b"}, ValueError),
        ({"identifier": ".."}, ValueError),
        ({"identifier": "a", "layout": "other"}, ValueError),
        ({"identifier": "a", "layout": "kazoo", "data": b"1"}, ValueError),
        ({"identifier": "a", "keep": "yes"}, TypeError),
    ],
)
def test_arguments_of_a_group_are_checked(client, options, error):
    with pytest.raises(error):
        client.group("/workers", **options)


async def test_a_cancelled_join_leaves_no_member(hosts):
    async with zkc.AsyncClient(hosts) as client:
        for turns in range(6):
            group = client.group("/workers", identifier="a")
            joining = asyncio.ensure_future(group.join())
            for _ in range(turns):
                await asyncio.sleep(0)
            joining.cancel()
            try:
                await joining
            except asyncio.CancelledError:
                pass
            else:  # It was done before.
                await group.leave()
            await eventually(lambda: gone(client, "/workers/a"))
            assert client.kept == []
