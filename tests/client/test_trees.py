"""tree, walk, delete_tree and copy_tree."""

import copy
import pickle
import threading

import pytest

import zkc
from zkc.testing import FaultProxy, ZooKeeperServer

SMALL = {
    "/app": b"root",
    "/app/a": b"",
    "/app/b": None,
    "/app/b/ü": bytes(range(256)),
    "/app/b/日本": b"x",
    "/app/b/ü/deep": b"y",
}


@pytest.fixture
def small(zk, loop):
    async def make():
        await zk.create_many(SMALL.items(), raise_errors=True)

    loop.run_until_complete(make())
    return zk


async def grow(zk, width=12, depth=3, root="/t"):
    """Make a tree, and return its paths, breadth first."""
    level, paths = [root], []
    for _ in range(depth):
        paths += level
        level = [f"{path}/{i:02}" for path in level for i in range(width)]
    await zk.create_many(((path, path.encode()) for path in paths), raise_errors=True)
    return paths


def shape(nodes, root):
    return {node.path[len(root) :]: (node.data, node.children, node.acl) for node in nodes}


# ---- looking --------------------------------------------------------------------------------------------------------


async def test_a_tree_has_all_in_breadth_first_order(small):
    zk = small
    nodes = await zk.tree("/app")
    assert [node.path for node in nodes] == ["/app", "/app/a", "/app/b", "/app/b/ü", "/app/b/日本", "/app/b/ü/deep"]
    assert {node.path: node.data for node in nodes} == SMALL
    assert nodes[0].children == ("a", "b")
    assert [node.stat for node in nodes] == await zk.exists_many(SMALL)
    assert {node.acl for node in nodes} == {None}
    everything = await zk.tree()
    assert everything[0].path == "/"
    assert everything[1:] == nodes
    assert [node.path for node in await zk.tree("/app/b/ü/deep")] == ["/app/b/ü/deep"]


async def test_a_tree_with_acls_and_without_data(small):
    zk = small
    acl = [zkc.ACL.world(zkc.Perms.READ | zkc.Perms.ADMIN), zkc.ACL.digest("ann", "secret")]
    await zk.set_acl("/app/a", acl)
    nodes = await zk.tree("/app", with_data=False, with_acl=True)
    assert [node.data for node in nodes] == [None] * 6
    assert [node.acl for node in nodes] == [
        tuple(acl) if node.path == "/app/a" else zkc.OPEN_ACL_UNSAFE for node in nodes
    ]
    assert [node.stat.data_length for node in nodes] == [len(SMALL[node.path] or b"") for node in nodes]


async def test_a_walk_gives_what_a_tree_has(zk):
    paths = await grow(zk)
    nodes = await zk.tree("/t")
    assert [node.path for node in nodes] == paths
    for window in (1, 2, 3, 10, 1000):
        assert [node async for node in zk.walk("/t", with_data=True, window=window)] == nodes
        assert await zk.tree("/t", window=window) == nodes
    with_acl = [node async for node in zk.walk("/t", with_acl=True, window=5)]
    assert [node.path for node in with_acl] == paths
    assert {node.acl for node in with_acl} == {zkc.OPEN_ACL_UNSAFE}


async def test_a_walk_may_be_left(zk):
    await grow(zk)
    async for node in zk.walk("/t", window=10):
        if node.path == "/t/03":
            break
    assert await zk.get("/t")


async def test_the_window_of_a_tree_is_never_exceeded(zk):
    await grow(zk)
    for window in (1, 2, 5, 50):
        most = [0]
        nodes = await zk.tree(
            "/t", with_acl=True, window=window, progress=lambda _, most=most: most.append(zk.session.in_flight)
        )
        assert len(nodes) == 157
        assert max(most) <= window


async def test_few_places_in_flight(make_zk):
    async with make_zk(max_in_flight=2) as zk:
        paths = await grow(zk, width=4)
        assert [node.path for node in await zk.tree("/t")] == paths
        assert await zk.copy_tree("/t", "/u") == len(paths)
        assert await zk.delete_tree("/") == 2 * len(paths)


@pytest.mark.parametrize("call", ["tree", "walk"])
async def test_looking_where_nothing_is(zk, call):
    with pytest.raises(zkc.NoNodeError, match="/none"):
        await (zk.tree("/none") if call == "tree" else consume(zk.walk("/none")))


async def consume(walk):
    return [node async for node in walk]


async def test_what_goes_meanwhile_is_left_out(zk, other):
    await grow(zk)
    gone = False

    def drop(_):
        nonlocal gone
        if not gone:
            gone = True
            assert other.delete_tree("/t/11") == 13

    nodes = await zk.tree("/t", window=2, progress=drop)
    assert len(nodes) == 157 - 13
    assert not [node for node in nodes if node.path.startswith("/t/11")]
    seen = []
    async for node in zk.walk("/t", window=2):
        if not seen:
            other.delete_tree("/t/10")
        seen.append(node.path)
    assert len(seen) == 157 - 13 - 13


async def test_a_tree_under_constant_change(zk, other):
    await grow(zk, width=5)
    over = threading.Event()

    def change():
        number = 0
        while not over.is_set():
            number += 1
            other.create_many([f"/t/{number}", f"/t/{number}/x"])
            other.delete_tree(f"/t/{number}")

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(10):
            paths = {node.path for node in await zk.tree("/t", window=10)}
            assert len(paths) >= 31
            assert all(path.rpartition("/")[0] in paths for path in paths if path != "/t")
    finally:
        over.set()
        thread.join()


async def test_what_may_not_be_read_is_an_error(zk):
    await zk.create_many(["/a", "/a/b"])
    await zk.set_acl("/a/b", [zkc.ACL.digest("ann", "secret")])
    with pytest.raises(zkc.NoAuthError, match="/a/b"):
        await zk.tree("/a")
    await zk.add_auth("digest", "ann:secret")
    assert len(await zk.tree("/a")) == 2


@pytest.fixture(scope="module")
def own_server():
    """A server that no other tests leave anything on."""
    with ZooKeeperServer() as server:
        yield server


async def test_what_belongs_to_the_servers(make_zk, own_server):
    async with make_zk(own_server.hosts) as zk:
        await zk.create_many(["/a", "/a/zookeeper"])
        assert [node.path for node in await zk.tree()] == ["/", "/a", "/a/zookeeper"]
        assert [node.path async for node in zk.walk()] == ["/", "/a", "/a/zookeeper"]
        assert (await zk.tree())[0].children == ("a",)
        assert {"/a", "/zookeeper/quota"} <= {node.path for node in await zk.tree("/", system=True)}
        assert "/zookeeper/quota" in [node.path for node in await zk.tree("/zookeeper")]
        for path in ("/zookeeper", "/zookeeper/quota"):
            with pytest.raises(ValueError, match="belongs to the servers"):
                await zk.delete_tree(path)
    async with make_zk(own_server.hosts + "/a") as zk:  # With a chroot this is a name as any other.
        assert (await zk.tree())[0].children == ("zookeeper",)
        assert await zk.delete_tree("/zookeeper") == 1
    async with make_zk(own_server.hosts) as zk:
        await zk.create_many(["/a/b", "/c"])
        assert await zk.delete_tree("/") == 3
        assert await zk.children("/") == ["zookeeper"]
        assert await zk.delete_tree("/") == 0


def test_a_tree_node_is_a_value(client):
    client.create("/a", b"1")
    node = client.tree("/a", with_acl=True)[0]
    assert pickle.loads(pickle.dumps(node)) == copy.copy(node) == node
    assert hash(node) == hash(copy.deepcopy(node))
    assert not hasattr(node, "__dict__")
    with pytest.raises(AttributeError):
        node.path = "/b"
    assert isinstance(node, zkc.TreeNode)


@pytest.mark.parametrize("call", ["tree", "walk", "delete_tree"])
async def test_wrong_arguments(zk, call):
    function = getattr(zk, call)
    for path in ("a", "", "/a/", 5, None):
        with pytest.raises((TypeError, ValueError), match="path"):
            function(path)
    with pytest.raises(ValueError, match="window"):
        function("/a", window=0)
    with pytest.raises(TypeError, match="timeout"):
        function("/a", timeout="1")
    if call != "delete_tree":
        for flag in ("with_data", "with_acl", "system"):
            with pytest.raises(TypeError, match=flag):
                function("/a", **{flag: 1})
    if call != "walk":
        with pytest.raises(TypeError, match="progress"):
            function("/a", progress=1)


# ---- deleting -------------------------------------------------------------------------------------------------------


async def test_delete_tree(small):
    zk = small
    await zk.create("/application")
    told = []
    assert await zk.delete_tree("/app", progress=told.append) == 6
    assert told[-1] == 6
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


async def test_what_others_add_meanwhile_is_deleted_too(zk, other):
    paths = await grow(zk, width=5)
    added = []

    def add(done):
        if len(added) < 3:
            added.append(other.create(f"/t/late-{done}"))

    assert await zk.delete_tree("/t", window=2, progress=add) == len(paths) + 3
    assert await zk.exists("/t") is None


async def test_what_others_delete_meanwhile_is_no_error(zk, other):
    paths = await grow(zk, width=5)
    deleted = []

    def delete(_):
        if not deleted:
            deleted.append(other.delete_tree("/t/00"))

    assert await zk.delete_tree("/t", window=2, progress=delete) == len(paths) - deleted[0]
    assert await zk.exists("/t") is None


async def test_two_delete_the_same_tree(zk, zk2):
    paths = await grow(zk)
    calls = [zk.submit.delete_tree("/t", window=20), zk2.submit.delete_tree("/t", window=20)]
    counts = [await call if zk.kind == "async" else call.result(30) for call in calls]
    assert sum(counts) == len(paths)


async def test_what_may_not_be_deleted_is_an_error(zk, make_zk):
    await zk.create_many(["/a", "/a/b", "/a/b/c"])
    await zk.set_acl("/a/b", [zkc.ACL.world(zkc.Perms.READ), zkc.ACL.digest("ann", "secret")])
    with pytest.raises(zkc.NoAuthError, match="/a/b/c"):
        await zk.delete_tree("/a")
    await zk.add_auth("digest", "ann:secret")
    assert await zk.delete_tree("/a") == 3


async def test_kept_znodes_are_not_made_anew_after_they_were_deleted(zk, expire_zk):
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
    told = []
    assert await zk.copy_tree("/app", "/copy", progress=told.append) == 6
    assert told[-1] == 6
    await zk.delete("/app/mine")
    assert shape(await zk.tree("/copy", with_acl=True), "/copy") == shape(await zk.tree("/app", with_acl=True), "/app")
    assert await zk.copy_tree("/app", "/plain", with_acl=False) == 6
    assert {node.acl for node in await zk.tree("/plain", with_acl=True)} == {zkc.OPEN_ACL_UNSAFE}


@pytest.mark.parametrize("window", [2, 3, 20, 16384])
async def test_copy_a_large_tree(zk, window):
    paths = await grow(zk)
    await zk.create("/under")
    most = []
    told = lambda _: most.append(zk.session.in_flight)  # noqa: E731
    assert await zk.copy_tree("/t", "/under/u", window=window, progress=told) == len(paths)
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

        async def walk(path, progress):
            async for _ in zk.walk(path, window=10):
                progress(1)

        function = walk if call == "walk" else getattr(zk, call)
        arguments = ("/t", "/u") if call == "copy_tree" else ("/t",)
        options = {} if call == "walk" else {"window": 10}
        with pytest.raises(zkc.ConnectionLossError):
            await function(*arguments, progress=lambda _: proxy.drop_connections(), **options)
        await zk.wait_for(zkc.ClientState.CONNECTED)
        assert await zk.delete_tree("/") > 0


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
