"""Creating znodes of every kind."""

import pytest

import zkc
from zkc import ACL, Perms
from zkc.testing import ZooKeeperServer

from . import both


async def test_a_persistent_znode_outlives_its_session(make_zk, zk):
    async with make_zk() as maker:
        assert await maker.create("/a", b"data") == "/a"
    data, stat = await zk.get("/a")
    assert data == b"data"
    assert (stat.ephemeral_owner, stat.version, stat.data_length, stat.num_children) == (0, 0, 4, 0)


async def test_an_ephemeral_znode_goes_with_its_session(make_zk, zk, events):
    async with make_zk() as maker:
        assert await maker.create("/a", ephemeral=True) == "/a"
        assert (await zk.exists("/a", watch=events)).ephemeral_owner == maker.session_id
    assert (await events.next()).type is zkc.EventType.DELETED
    assert await zk.exists("/a") is None


async def test_a_sequential_name_gets_a_counter(zk):
    await zk.create("/jobs")
    paths = [await zk.create("/jobs/job-", b"", sequential=True) for _ in range(3)]
    assert paths == ["/jobs/job-0000000000", "/jobs/job-0000000001", "/jobs/job-0000000002"]
    assert await zk.create("/jobs/", sequential=True) == "/jobs/0000000003"
    assert await zk.create("/jobs/e-", ephemeral=True, sequential=True) == "/jobs/e-0000000004"
    assert (await zk.exists("/jobs/e-0000000004")).ephemeral_owner == zk.session_id
    assert (await zk.exists("/jobs/job-0000000000")).ephemeral_owner == 0


async def test_a_container_goes_after_its_last_child(zk):
    await zk.create("/box", container=True)
    await zk.create("/box/child")
    await zk.delete("/box/child")
    await both.eventually(lambda: both.gone(zk, "/box"))


async def test_a_znode_with_a_ttl_goes(zk):
    await zk.create("/short", b"", ttl=0.001)
    path = await zk.create("/short-", sequential=True, ttl=0.001)
    assert path == "/short-0000000001"
    await both.eventually(lambda: both.gone(zk, "/short"))
    await both.eventually(lambda: both.gone(zk, path))


async def test_a_znode_with_a_long_ttl_stays(zk):
    await zk.create("/long", b"x", ttl=1e6)
    assert (await zk.get("/long"))[0] == b"x"


@pytest.fixture(scope="module")
def server_without_ttl():
    with ZooKeeperServer(config={"extendedTypesEnabled": "false"}) as server:
        yield server


async def test_the_servers_may_allow_no_ttl(make_zk, server_without_ttl):
    async with make_zk(server_without_ttl.hosts) as zk:
        with pytest.raises(zkc.UnimplementedError, match="extendedTypesEnabled"):
            await zk.create("/a", ttl=10)


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"ephemeral": True},
        {"sequential": True},
        {"ephemeral": True, "sequential": True},
        {"container": True},
        {"ttl": 60},
    ],
)
async def test_the_stat_can_be_had_at_once(zk, flags):
    path, stat = await zk.create_with_stat("/a", b"data", **flags)
    assert stat == await zk.exists(path)
    assert stat.data_length == 4


@pytest.mark.parametrize("data", [b"", b"\0\1\2", bytearray(b"abc"), memoryview(b"abcdef")[::2], b"x" * 1_000_000])
async def test_data_comes_back_as_it_was(zk, data):
    await zk.create("/a", data)
    got, stat = await zk.get("/a")
    assert got == bytes(data)
    assert type(got) is bytes
    assert stat.data_length == len(got)


async def test_no_data_differs_from_empty_data(zk):
    await zk.create("/none", None)
    await zk.create("/empty", b"")
    await zk.create("/default")
    assert (await zk.get("/none"))[0] is None
    assert (await zk.get("/empty"))[0] == b""
    assert (await zk.get("/default"))[0] == b""


async def test_it_exists_already(zk):
    await zk.create("/a")
    with pytest.raises(zkc.NodeExistsError, match="create '/a': the znode exists already") as caught:
        await zk.create("/a")
    assert (caught.value.path, caught.value.operation) == ("/a", "create")
    with pytest.raises(FileExistsError):
        await zk.create_with_stat("/a")


async def test_the_parent_is_missing(zk):
    with pytest.raises(zkc.NoNodeError, match="create '/no/child': the parent does not exist"):
        await zk.create("/no/child")


async def test_the_parent_is_ephemeral(zk):
    await zk.create("/a", ephemeral=True)
    with pytest.raises(zkc.NoChildrenForEphemeralsError):
        await zk.create("/a/b")


async def test_an_acl_is_given(zk):
    acl = [ACL.world(Perms.READ), ACL.ip("127.0.0.0/8")]
    await zk.create("/a", acl=acl)
    assert (await zk.get_acl("/a"))[0] == acl


async def test_the_default_acl_is_the_clients(make_zk):
    acl = (ACL.world(Perms.READ | Perms.ADMIN | Perms.DELETE),)
    async with make_zk(default_acl=acl) as zk:
        await zk.create("/a")
        await zk.create("/b", acl=[ACL.world()])
        assert (await zk.get_acl("/a"))[0] == list(acl)
        assert (await zk.get_acl("/b"))[0] == [ACL.world()]


async def test_the_servers_take_no_such_acl(zk):
    with pytest.raises(zkc.InvalidACLError):
        await zk.create("/a", acl=[ACL(Perms.ALL, "no-such-scheme", "x")])
    with pytest.raises(ValueError, match="the servers refused this ACL"):
        await zk.create("/a", acl=[ACL.ip("not an address")])


async def test_an_acl_of_the_creator_needs_credentials(zk):
    with pytest.raises(zkc.InvalidACLError):
        await zk.create("/a", acl=zkc.CREATOR_ALL_ACL)


async def test_the_parents_acl_allows_no_children(zk):
    await zk.create("/a", acl=[ACL.world(Perms.ALL & ~Perms.CREATE)])
    with pytest.raises(zkc.NoAuthError) as caught:
        await zk.create("/a/b")
    assert isinstance(caught.value, PermissionError)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"path": "a"}, ValueError, "path must start with '/'"),
        ({"path": "/a/"}, ValueError, "path must not end with '/'"),
        ({"path": b"/a"}, TypeError, "path must be a str, not bytes; decode"),
        ({"data": "text"}, TypeError, "data must be bytes, not str: encode it"),
        ({"data": 5}, TypeError, "data must be bytes"),
        ({"acl": []}, ValueError, "acl must have one entry or more"),
        ({"acl": ACL.world()}, TypeError, r"acl must be a sequence of ACL: write \[acl\]"),
        ({"acl": [(31, "world", "anyone")]}, TypeError, "acl must hold ACL entries"),
        ({"ephemeral": 1}, TypeError, "ephemeral must be True or False"),
        ({"ttl": 0}, ValueError, "ttl must be a positive"),
        ({"ttl": 5, "ephemeral": True}, ValueError, "choose one"),
        ({"container": True, "sequential": True}, ValueError, "choose one"),
        ({"timeout": 0}, ValueError, "timeout must be a positive"),
    ],
)
async def test_a_bad_argument_is_refused_before_anything_is_sent(zk, arguments, error, message):
    before = await zk.exists("/")
    with pytest.raises(error, match=message):
        await zk.create(**{"path": "/a", **arguments})
    assert zk.session.in_flight == 0
    assert await zk.exists("/") == before
