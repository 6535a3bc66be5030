"""delete_tree and copy_tree, and trees when something breaks."""

import pytest

import zkc
from zkc.testing import FaultProxy

from . import both
from .proxy_support import Cut
from .trees_support import SMALL, grow, shape

# ---- deleting -------------------------------------------------------------------------------------------------------


async def test_delete_tree(small):
    zk = small
    await zk.create("/application")
    events = []
    assert await zk.delete_tree("/app", progress=events.append) == 6
    assert events[-1] == 6
    assert await zk.children("/") == ["application"]
    assert await zk.delete_tree("/app") == 0


@pytest.mark.parametrize("window", [1, 7, 1000])
async def test_delete_a_large_tree(zk, window):
    paths = await grow(zk)
    assert await zk.delete_tree("/t", window=window) == len(paths)
    assert await zk.exists("/t") is None


async def test_the_root_stays(small):
    assert await small.delete_tree("/") == 6
    assert await small.children("/") == []
    assert await small.delete_tree("/") == 0


async def test_delete_recursively(small):
    zk = small
    await zk.delete("/app/b", recursive=True)
    assert await zk.children("/app") == ["a"]
    with pytest.raises(zkc.NoNodeError):
        await zk.delete("/app/b", recursive=True)
    await zk.delete("/app/b", recursive=True, missing_ok=True)


async def test_what_others_add_during_it_is_deleted_too(zk, other_client):
    paths = await grow(zk, width=5)
    added = []

    def add(done):
        if len(added) < 3:
            added.append(other_client.create(f"/t/late-{done}"))

    assert await zk.delete_tree("/t", window=2, progress=add) == len(paths) + 3
    assert await zk.exists("/t") is None


async def test_what_others_delete_during_it_is_no_error(zk, other_client):
    paths = await grow(zk, width=5)
    deleted = []

    def delete(_):
        if not deleted:
            deleted.append(other_client.delete_tree("/t/00"))

    assert await zk.delete_tree("/t", window=2, progress=delete) == len(paths) - deleted[0]
    assert await zk.exists("/t") is None


async def test_two_delete_the_same_tree(zk, other_zk):
    paths = await grow(zk)
    calls = [zk.submit.delete_tree("/t", window=20), other_zk.submit.delete_tree("/t", window=20)]
    counts = [await call if zk.kind == "async" else call.result(30) for call in calls]
    assert sum(counts) == len(paths)


async def test_what_may_not_be_deleted_is_an_error(zk, make_zk):
    await zk.create_many(["/a", "/a/b", "/a/b/c"])
    await zk.set_acl("/a/b", [zkc.ACL.world(zkc.Perms.READ), zkc.ACL.digest("ann", "secret")])
    with pytest.raises(zkc.NoAuthError, match="/a/b/c"):
        await zk.delete_tree("/a")
    await zk.add_auth("digest", "ann:secret")
    assert await zk.delete_tree("/a") == 3


async def test_kept_znodes_are_not_recreated_after_they_were_deleted(zk, expire_zk):
    await zk.create("/t")
    await zk.create("/t/kept", ephemeral=True, keep=True)
    assert await zk.delete_tree("/t") == 2
    await zk.create("/t")
    await expire_zk(zk)
    assert await zk.children("/t") == []


# ---- copying --------------------------------------------------------------------------------------------------------


async def test_copy_tree(small):
    zk = small
    acl = [zkc.ACL.world(zkc.Perms.READ | zkc.Perms.ADMIN), zkc.ACL.digest("ann", "secret")]
    await zk.set_acl("/app/b/日本", acl)
    await zk.create("/app/mine", ephemeral=True)
    events = []
    assert await zk.copy_tree("/app", "/copy", progress=events.append) == 6
    assert events[-1] == 6
    await zk.delete("/app/mine")
    assert shape(await zk.tree("/copy", with_acl=True), "/copy") == shape(await zk.tree("/app", with_acl=True), "/app")
    assert await zk.copy_tree("/app", "/plain", with_acl=False) == 6
    assert {node.acl for node in await zk.tree("/plain", with_acl=True)} == {zkc.OPEN_ACL_UNSAFE}


@pytest.mark.parametrize("window", [2, 3, 20, 16384])
async def test_copy_a_large_tree(zk, window):
    paths = await grow(zk)
    await zk.create("/under")
    most = []
    events = lambda _: most.append(zk.session.in_flight)  # noqa: E731
    assert await zk.copy_tree("/t", "/under/u", window=window, progress=events) == len(paths)
    assert shape(await zk.tree("/t"), "/t") == shape(await zk.tree("/under/u"), "/under/u")
    assert max(most) <= window


async def test_copy_over_what_is_there(small):
    zk = small
    await zk.create_many([("/copy", b"old"), ("/copy/a", b"old"), ("/copy/other", b"stays")])
    acl = [zkc.ACL.world(zkc.Perms.READ | zkc.Perms.ADMIN)]
    await zk.set_acl("/app/a", acl)
    with pytest.raises(zkc.NodeExistsError, match="/copy"):
        await zk.copy_tree("/app", "/copy")
    assert len(await zk.tree("/copy")) == 3
    assert await zk.copy_tree("/app", "/copy", exist_ok=True) == 6
    copied = {node.path: node.data for node in await zk.tree("/copy")}
    assert copied == {**{f"/copy{path[4:]}": data for path, data in SMALL.items()}, "/copy/other": b"stays"}
    assert (await zk.get_acl("/copy/a"))[0] == acl


async def test_an_acl_without_its_hashes_is_not_copied(zk):
    await zk.create("/a", acl=[zkc.ACL.world(zkc.Perms.READ), zkc.ACL.digest("ann", "secret")])
    with pytest.raises(zkc.NoAuthError, match="hashes"):
        await zk.copy_tree("/a", "/b")
    assert await zk.exists("/b") is None
    assert await zk.copy_tree("/a", "/b", with_acl=False) == 1
    await zk.add_auth("digest", "ann:secret")
    assert await zk.copy_tree("/a", "/c") == 1
    assert (await zk.get_acl("/c"))[0] == (await zk.get_acl("/a"))[0]


async def test_copies_that_cannot_be(small):
    zk = small
    for source, target in (("/app", "/app"), ("/app", "/app/x/y"), ("/app/b", "/app"), ("/", "/x"), ("/app", "/")):
        with pytest.raises(ValueError, match="inside the other"):
            zk.copy_tree(source, target)
    assert await zk.copy_tree("/app", "/app2") == 6
    with pytest.raises(zkc.NoNodeError):
        await zk.copy_tree("/none", "/x")
    with pytest.raises(zkc.NoNodeError):
        await zk.copy_tree("/app", "/none/x")
    assert await zk.exists("/x") is None
    for wrong in ({"with_acl": 1}, {"exist_ok": None}, {"window": 1}, {"progress": 1}):
        with pytest.raises((TypeError, ValueError)):
            zk.copy_tree("/app", "/x", **wrong)
    with pytest.raises(ValueError, match="target"):
        zk.copy_tree("/app", "x")


# ---- faults ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


@pytest.mark.parametrize("call", ["tree", "walk", "delete_tree", "copy_tree"])
async def test_a_lost_connection_ends_a_call_on_a_tree(make_zk, hosts, proxy, call):
    async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2]) as zk:
        await grow(zk)
        await zk.create("/kept")
        cut = Cut(zk, proxy)

        async def walk(path, progress):
            async for _ in zk.walk(path, window=10):
                progress(1)

        function = walk if call == "walk" else getattr(zk, call)
        arguments = ("/t", "/u") if call == "copy_tree" else ("/t",)
        options = {} if call == "walk" else {"window": 10}
        with pytest.raises(zkc.ConnectionLossError):
            await function(*arguments, progress=cut, **options)
        cut.end()
        await both.mended(zk.sync)  # The connection that was cut may seem to be there still.
        assert await zk.delete_tree("/") > 0  # At least /kept: the server may have carried out what had no reply.


async def test_too_late(make_zk, hosts, proxy):
    async with make_zk(proxy.hosts + "/" + hosts.partition("/")[2], session_timeout=30.0) as zk:
        proxy.pause()
        with pytest.raises(zkc.OperationTimeoutError):
            await zk.tree("/", timeout=0.1)
        with pytest.raises(zkc.OperationTimeoutError):
            async for _ in zk.walk("/", timeout=0.1):
                pass
        proxy.resume()
        assert len(await zk.tree("/")) == 1


async def test_a_walk_goes_on_in_the_next_session(zk, expire_zk):
    await grow(zk)
    seen = []
    async for node in zk.walk("/t", window=2):
        if not seen:
            await expire_zk(zk)
        seen.append(node)
    assert len(seen) == 157
