"""Reading, setting, deleting and listing znodes."""

import datetime

import pytest

import zkc


async def test_get_and_set(zk):
    await zk.create("/a", b"one")
    stat = await zk.set("/a", b"two")
    assert stat.version == 1
    assert await zk.get("/a") == (b"two", stat)
    assert stat.modified >= stat.created
    assert abs(datetime.datetime.now(datetime.timezone.utc) - stat.modified) < datetime.timedelta(minutes=5)


@pytest.mark.parametrize("data", [b"", b"\xff\0", bytearray(b"abc"), memoryview(b"abc"), b"y" * 1_000_000])
async def test_any_data_is_set(zk, data):
    await zk.create("/a", b"before")
    assert (await zk.set("/a", data)).data_length == len(data)
    assert (await zk.get("/a"))[0] == bytes(data)


async def test_no_data_is_set(zk):
    await zk.create("/a", b"before")
    await zk.set("/a", None)
    assert (await zk.get("/a"))[0] is None


async def test_set_with_a_version(zk):
    await zk.create("/a", b"one")
    assert (await zk.set("/a", b"two", version=0)).version == 1
    with pytest.raises(zkc.BadVersionError, match="set '/a': the znode has another version") as caught:
        await zk.set("/a", b"three", version=0)
    assert not caught.value.maybe_applied
    assert (await zk.get("/a"))[0] == b"two"


@pytest.mark.parametrize(
    "call",
    [
        lambda zk: zk.get("/none"),
        lambda zk: zk.set("/none", b""),
        lambda zk: zk.delete("/none"),
        lambda zk: zk.children("/none"),
        lambda zk: zk.children_with_stat("/none"),
        lambda zk: zk.get_acl("/none"),
        lambda zk: zk.set_acl("/none", [zkc.ACL.world()]),
    ],
)
async def test_a_missing_znode(zk, call):
    with pytest.raises(zkc.NoNodeError, match="'/none': there is no such znode") as caught:
        await call(zk)
    assert caught.value.path == "/none"
    assert isinstance(caught.value, FileNotFoundError)


async def test_delete(zk):
    await zk.create("/a")
    assert await zk.delete("/a") is None
    assert await zk.exists("/a") is None


async def test_delete_with_a_version(zk):
    await zk.create("/a")
    await zk.set("/a", b"x")
    with pytest.raises(zkc.BadVersionError):
        await zk.delete("/a", version=0)
    await zk.delete("/a", version=1)
    assert await zk.exists("/a") is None


async def test_a_znode_with_children_stays(zk):
    await zk.create("/a")
    await zk.create("/a/b")
    with pytest.raises(zkc.NotEmptyError, match="delete '/a': the znode has children"):
        await zk.delete("/a")


async def test_the_root_cannot_be_deleted(make_zk, zookeeper_server):
    async with make_zk(zookeeper_server.hosts) as zk:
        with pytest.raises(ValueError, match="delete_tree"):
            await zk.delete("/")


async def test_exists(zk):
    assert await zk.exists("/a") is None
    _, stat = await zk.create_with_stat("/a", b"abc")
    assert await zk.exists("/a") == stat


async def test_children(zk):
    assert await zk.children("/") == []
    names = {f"n{i}" for i in range(500)} | {"ä", "日本", "a b"}
    for name in names:
        await zk.create(f"/{name}")
    children = await zk.children("/")
    assert type(children) is list
    assert len(children) == len(names)
    assert set(children) == names


async def test_children_with_stat(zk):
    await zk.create("/a")
    await zk.create("/a/b")
    names, stat = await zk.children_with_stat("/a")
    assert names == ["b"]
    assert stat == await zk.exists("/a")
    assert (stat.num_children, stat.cversion) == (1, 1)


async def test_sync(zk, other_zk):
    await zk.create("/a", b"1")
    assert await other_zk.sync("/a") is None
    assert await other_zk.sync() is None
    assert (await other_zk.get("/a"))[0] == b"1"


@pytest.mark.parametrize("path", ["/ä/Ω/日本", "/a b", "/...", "/" + "x" * 1000, "/\xa0", "/\uffef"])
async def test_unusual_paths(zk, path):
    parts = path.split("/")
    for depth in range(2, len(parts) + 1):
        assert await zk.create("/".join(parts[:depth]), path.encode()) == "/".join(parts[:depth])
    assert (await zk.get(path))[0] == path.encode()
    assert parts[-1] in await zk.children("/".join(parts[:-1]) or "/")
    await zk.delete(path)


async def test_paths_are_below_the_chroot(zk, make_zk, hosts, zookeeper_server):
    chroot = hosts[len(zookeeper_server.hosts) :]
    assert await zk.create("/a", b"1") == "/a"
    assert await zk.create("/s-", sequential=True) == "/s-0000000001"
    assert (await zk.create_with_stat("/b"))[0] == "/b"
    async with make_zk(zookeeper_server.hosts) as whole:
        assert (await whole.get(f"{chroot}/a"))[0] == b"1"
        assert sorted(await whole.children(chroot)) == sorted(await zk.children("/")) == ["a", "b", "s-0000000001"]
    with pytest.raises(zkc.NoNodeError) as caught:
        await zk.get("/none")
    assert caught.value.path == "/none"


async def test_a_chroot_that_does_not_exist(make_zk, zookeeper_server):
    async with make_zk(f"{zookeeper_server.hosts}/no/such/root") as zk:
        with pytest.raises(zkc.NoNodeError, match="chroot"):
            await zk.create("/a")
        assert await zk.exists("/") is None


async def test_a_deep_unicode_chroot(make_zk, zookeeper_server):
    zookeeper_server.create("/ä/日本")
    async with make_zk(f"{zookeeper_server.hosts}/ä/日本") as zk:
        await zk.create("/Ω", b"x", ephemeral=True)
        assert await zk.children("/") == ["Ω"]


CALLS = {
    "get": lambda zk, path: zk.get(path),
    "set": lambda zk, path: zk.set(path, b""),
    "delete": lambda zk, path: zk.delete(path),
    "exists": lambda zk, path: zk.exists(path),
    "children": lambda zk, path: zk.children(path),
    "children_with_stat": lambda zk, path: zk.children_with_stat(path),
    "get_acl": lambda zk, path: zk.get_acl(path),
    "set_acl": lambda zk, path: zk.set_acl(path, [zkc.ACL.world()]),
    "sync": lambda zk, path: zk.sync(path),
}


BAD_PATHS = [None, 5, b"/a", "", "a", "/a/", "//", "/a/../b", "/a\0", "/\ud800", "/\U0001f600"]


@pytest.fixture
def closed(zk, loop):
    """A closed client: whatever it tried to send would raise ClosingError."""

    async def close():
        await zk.close()

    loop.run_until_complete(close())
    return zk


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_bad_path_is_refused_before_anything_is_sent(closed, call):
    for path in BAD_PATHS:
        with pytest.raises(ValueError if isinstance(path, str) else TypeError, match="path must"):
            await call(closed, path)


@pytest.mark.parametrize("name", ["get", "delete", "exists", "children", "children_with_stat", "get_acl", "sync"])
async def test_a_bad_timeout_is_refused_before_anything_is_sent(closed, name):
    for timeout in (0, -1, float("nan"), float("inf"), "1", True):
        with pytest.raises((TypeError, ValueError), match="timeout must be"):
            await getattr(closed, name)("/a", timeout=timeout)


@pytest.mark.parametrize("name", ["get", "exists", "children", "children_with_stat"])
async def test_a_bad_watch_is_refused_before_anything_is_sent(closed, name):
    for watch in ("fn", 1, []):
        with pytest.raises(TypeError, match="watch must be callable"):
            await getattr(closed, name)("/a", watch=watch)


async def test_a_bad_version_is_refused_before_anything_is_sent(closed):
    for version in ("1", 1.0, None, True, 2**31, -(2**31) - 1):
        for call in (
            lambda version=version: closed.set("/a", b"", version=version),
            lambda version=version: closed.delete("/a", version=version),
            lambda version=version: closed.set_acl("/a", [zkc.ACL.world()], version=version),
        ):
            with pytest.raises((TypeError, ValueError), match="version must"):
                await call()


async def test_bad_data_is_refused_before_anything_is_sent(closed):
    for data in ("text", 1, [1]):
        with pytest.raises(TypeError, match="data must be bytes"):
            await closed.set("/a", data)


async def test_what_may_be_given_by_position(closed):
    for call in (
        lambda: closed.get("/a", None),
        lambda: closed.set("/a", b"", 1),
        lambda: closed.delete("/a", 1),
        lambda: closed.create("/a", b"", None),
    ):
        with pytest.raises(TypeError, match="positional argument"):
            await call()
