"""tree and walk."""

import copy
import pickle
import threading

import pytest

import zkc
from zkc.testing import ZooKeeperServer

from .trees_support import SMALL, grow

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


async def test_what_goes_during_it_is_left_out(zk, other_client):
    await grow(zk)
    gone = False

    def drop(_):
        nonlocal gone
        if not gone:
            gone = True
            assert other_client.delete_tree("/t/11") == 13

    nodes = await zk.tree("/t", window=2, progress=drop)
    assert len(nodes) == 157 - 13
    assert not [node for node in nodes if node.path.startswith("/t/11")]
    seen = []
    async for node in zk.walk("/t", window=2):
        if not seen:
            other_client.delete_tree("/t/10")
        seen.append(node.path)
    assert len(seen) == 157 - 13 - 13


async def test_a_tree_under_constant_change(zk, other_client):
    await grow(zk, width=5)
    over = threading.Event()

    def change():
        number = 0
        while not over.is_set():
            number += 1
            other_client.create_many([f"/t/{number}", f"/t/{number}/x"])
            other_client.delete_tree(f"/t/{number}")

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
