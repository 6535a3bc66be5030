"""Kept ephemeral znodes: re-created, with the data they last held, in the session that follows an expired one."""

import asyncio
import logging

import pytest

import zkc
from zkc import ACL, ClientState

from . import both


async def test_it_is_recreated_with_the_data_last_set(zk, other_zk, expire_zk):
    acl = [ACL.world(zkc.Perms.ALL & ~zkc.Perms.ADMIN)]
    assert await zk.create("/kept", b"1", ephemeral=True, keep=True, acl=acl) == "/kept"
    await zk.create("/gone", ephemeral=True)
    assert zk.kept == ["/kept"]
    await zk.set("/kept", b"2")
    await expire_zk(zk)
    data, stat = await other_zk.get("/kept")
    assert (data, stat.ephemeral_owner) == (b"2", zk.session_id)
    assert (await other_zk.get_acl("/kept"))[0] == acl
    assert await other_zk.children("/") == ["kept"]
    await zk.set("/kept", None)
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] is None


async def test_it_is_there_when_the_client_is_connected_again(zk, other_zk, zookeeper_server):
    for i in range(50):
        await zk.create(f"/n{i}", b"%d" % i, ephemeral=True, keep=True)
    counts, states = [], []

    def count(state):
        states.append(state)
        if states[-2:] == [ClientState.LOST, ClientState.CONNECTED]:
            counts.append(both.begin(other_zk, "children", "/"))

    loop = asyncio.get_running_loop()
    zk.add_listener(lambda state: loop.call_soon_threadsafe(count, state))
    zookeeper_server.expire(zk.session_id, zk.session_password)
    await both.eventually(lambda: counts)
    assert len(await counts[0]) == 50
    assert sorted(zk.kept) == sorted(f"/n{i}" for i in range(50))


async def test_with_every_other_option(zk, other_zk, expire_zk):
    path, stat = await zk.create_with_stat(
        "/a/n-",
        b"x",
        ephemeral=True,
        sequential=True,
        keep=True,
        protected=True,
        make_parents=True,
    )
    assert stat.ephemeral_owner == zk.session_id
    assert zk.kept == [path]
    await expire_zk(zk)
    # Under the same path, its counter included, and not under another one.
    assert await other_zk.children("/a") == [path[len("/a/") :]]
    assert (await other_zk.exists(path)).ephemeral_owner == zk.session_id


async def test_one_that_was_deleted_is_not_recreated(zk, other_zk, expire_zk):
    for name in ("a", "b", "c", "d"):
        await zk.create(f"/{name}", ephemeral=True, keep=True)
    await zk.delete("/a")
    await other_zk.delete("/b")
    await zk.delete("/b", missing_ok=True)
    async with zk.transaction() as transaction:
        transaction.delete("/c")
    assert zk.kept == ["/d"]
    await expire_zk(zk)
    assert await other_zk.children("/") == ["d"]


async def test_one_that_a_recursive_delete_removed_is_not_recreated(zk, other_zk, expire_zk):
    await zk.create("/a/b", ephemeral=True, keep=True, make_parents=True)
    await zk.delete("/a", recursive=True)
    assert zk.kept == []
    await zk.create("/a")
    await expire_zk(zk)
    assert await other_zk.children("/a") == []


async def test_a_transaction_that_sets_it(zk, other_zk, expire_zk):
    await zk.create("/kept", b"1", ephemeral=True, keep=True)
    async with zk.transaction() as transaction:
        transaction.set("/kept", b"2")
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == b"2"


async def test_a_change_that_failed_is_not_kept(zk, other_zk, expire_zk):
    await zk.create("/kept", b"1", ephemeral=True, keep=True)
    with pytest.raises(zkc.BadVersionError):
        await zk.set("/kept", b"2", version=7)
    with pytest.raises(zkc.BadVersionError):
        await zk.delete("/kept", version=7)
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == b"1"


async def test_what_others_set_is_not_known_here(zk, other_zk, expire_zk):
    await zk.create("/kept", b"mine", ephemeral=True, keep=True)
    await other_zk.set("/kept", b"theirs")
    await expire_zk(zk)
    assert (await other_zk.get("/kept"))[0] == b"mine"


async def test_another_client_has_made_it(zk, other_zk, zookeeper_server, caplog, events):
    await zk.create("/kept", b"mine", ephemeral=True, keep=True)
    await zk.create("/other", b"mine", ephemeral=True, keep=True)

    # Another client that waits for its deletion creates it.
    await other_zk.exists("/kept", watch=events)
    grabbing = asyncio.ensure_future(_grab(other_zk, events))
    with caplog.at_level(logging.ERROR, "zkc.client"):
        with _SlowlyFollowed(zk):
            zookeeper_server.expire(zk.session_id, zk.session_password)
            await grabbing
        await both.eventually(lambda: zk.metrics().expirations == 1)
        await zk.wait_for(ClientState.CONNECTED)
    assert "could not re-create ephemeral znode /kept: create '/kept': the session 0x" in caplog.text
    data, stat = await zk.get("/kept")
    assert (data, stat.ephemeral_owner) == (b"theirs", other_zk.session_id)
    assert (await zk.exists("/other")).ephemeral_owner == zk.session_id


async def _grab(zk, events):
    assert (await events.next()).type is zkc.EventType.DELETED
    await zk.create("/kept", b"theirs", ephemeral=True)


class _SlowlyFollowed:
    """Has the client make its next session only at the end of a block."""

    def __init__(self, zk):
        self.client = zk.inner

    def __enter__(self):
        self.plain = self.client._open_next
        self.waiting = []
        self.client._open_next = self.waiting.append

    def __exit__(self, *error):
        del self.client._open_next
        if self.waiting:
            self.plain(self.waiting.pop())


async def test_its_parent_is_gone(zk, other_zk, expire_zk, caplog):
    await zk.create("/a/kept", b"x", ephemeral=True, keep=True, make_parents=True)
    await zk.create("/b", b"y", ephemeral=True, keep=True)
    await other_zk.delete("/a/kept")
    await other_zk.delete("/a")
    with caplog.at_level(logging.ERROR, "zkc.client"):
        await expire_zk(zk)
    assert "could not re-create ephemeral znode /a/kept: create '/a/kept': the parent does not exist" in caplog.text
    caplog.clear()  # The log records refer to the session.
    assert (await zk.get("/b"))[0] == b"y"
    # It is tried again in the session after that.
    await zk.create("/a")
    await expire_zk(zk)
    assert (await zk.get("/a/kept"))[0] == b"x"


async def test_nothing_is_kept_over_a_close(zk, other_zk):
    await zk.create("/kept", ephemeral=True, keep=True)
    await zk.close()
    assert zk.kept == []
    await zk.start()
    assert await other_zk.children("/") == []


async def test_keep_is_for_ephemeral_znodes(zk):
    for flags in ({}, {"sequential": True}, {"container": True}, {"ttl": 5.0}):
        with pytest.raises(ValueError, match="keep is only for ephemeral znodes"):
            await zk.create("/a", keep=True, **flags)
    with pytest.raises(TypeError, match="keep must be True or False"):
        await zk.create("/a", ephemeral=True, keep=1)
    assert (zk.kept, await zk.children("/")) == ([], [])


async def test_one_that_could_not_be_made_is_not_kept(zk):
    await zk.create("/a")
    with pytest.raises(zkc.NodeExistsError):
        await zk.create("/a", ephemeral=True, keep=True)
    with pytest.raises(zkc.NoNodeError):
        await zk.create("/no/parent", ephemeral=True, keep=True)
    assert zk.kept == []


async def test_more_than_a_window_of_them(make_zk, other_zk, expire_zk):
    async with make_zk(max_in_flight=100) as zk:
        for start in range(0, 1500, 50):
            for i in range(start, start + 50):
                await zk.create(f"/n{i}", b"%d" % i, ephemeral=True, keep=True)
        await expire_zk(zk)
        names = await other_zk.children("/")
        assert len(names) == 1500
        assert (await other_zk.get("/n1499"))[1].ephemeral_owner == zk.session_id
