"""create(make_parents=True), ensure_path, and delete with recursive and missing_ok."""

import contextlib

import pytest

import zkc
from zkc import ACL, Perms

from . import both

CLOSED = [ACL.world(Perms.READ)]  # No client may create or delete below it.


async def test_missing_parents_are_made_persistent_empty_and_with_the_default_acl(make_zk):
    acl = [ACL.world(Perms.ALL & ~Perms.ADMIN)]
    async with make_zk(default_acl=acl) as zk:
        path = await zk.create("/a/b/c", b"x", ephemeral=True, make_parents=True, acl=[ACL.world()])
        assert path == "/a/b/c"
        for parent in ("/a", "/a/b"):
            data, stat = await zk.get(parent)
            assert (data, stat.ephemeral_owner) == (b"", 0)
            assert (await zk.get_acl(parent))[0] == acl
        assert (await zk.get_acl("/a/b/c"))[0] == [ACL.world()]
        assert (await zk.exists("/a/b/c")).ephemeral_owner == zk.session_id


async def test_parents_that_are_there_stay_as_they_are(zk):
    await zk.create("/a", b"mine", acl=[ACL.world(Perms.ALL & ~Perms.ADMIN)])
    await zk.create("/a/b/c", make_parents=True)
    data, stat = await zk.get("/a")
    assert (data, stat.version) == (b"mine", 0)
    assert (await zk.get_acl("/a"))[0] == [ACL.world(Perms.ALL & ~Perms.ADMIN)]
    await zk.create("/a/b/d", make_parents=True)
    assert sorted(await zk.children("/a/b")) == ["c", "d"]


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"sequential": True}, "/a/b/n-0000000000"),
        ({"sequential": True, "ephemeral": True}, "/a/b/n-0000000000"),
        ({"container": True}, "/a/b/n-"),
        ({"ttl": 100.0}, "/a/b/n-"),
        ({"ttl": 100.0, "sequential": True}, "/a/b/n-0000000000"),
    ],
)
async def test_parents_of_every_kind_of_znode(zk, options, path):
    made, stat = await zk.create_with_stat("/a/b/n-", b"x", make_parents=True, **options)
    assert made == path
    assert stat == await zk.exists(path)


async def test_the_errors_of_a_create_with_parents(zk):
    await zk.create("/closed", acl=CLOSED)
    await zk.create("/mine", ephemeral=True)
    await zk.create("/there")
    for path, error in (
        ("/there", zkc.NodeExistsError),
        ("/closed/a/b", zkc.NoAuthError),
        ("/mine/a", zkc.NoChildrenForEphemeralsError),
        ("/mine/a/b", zkc.NoChildrenForEphemeralsError),
    ):
        with pytest.raises(error):
            await zk.create(path, make_parents=True)
    assert sorted(await zk.children("/")) == ["closed", "mine", "there"]


async def test_ensure_path(zk):
    assert await zk.ensure_path("/") is None
    assert await zk.ensure_path("/a/b/c") is None
    assert await zk.ensure_path("/a/b/c") is None
    assert await zk.children("/a/b") == ["c"]
    assert (await zk.get("/a/b/c"))[0] == b""
    await zk.set("/a/b", b"mine")
    await zk.ensure_path("/a/b/d")
    assert (await zk.get("/a/b"))[0] == b"mine"


async def test_ensure_path_with_an_acl(zk):
    acl = [ACL.world(Perms.ALL & ~Perms.ADMIN)]
    await zk.create("/a")
    await zk.ensure_path("/a/b/c", acl=acl)
    assert (await zk.get_acl("/a"))[0] == [ACL.world()]
    assert (await zk.get_acl("/a/b"))[0] == (await zk.get_acl("/a/b/c"))[0] == acl


async def test_ensure_path_where_nothing_may_be_created_above(zk, other_zk):
    await zk.create("/a/b", make_parents=True)
    await zk.set_acl("/a", [ACL.world(Perms.READ | Perms.ADMIN)])
    await zk.ensure_path("/a/b")
    await zk.ensure_path("/a/b/c")
    with pytest.raises(zkc.NoAuthError):
        await zk.ensure_path("/a/other/c")
    assert await other_zk.children("/a") == ["b"]


async def test_ensure_path_where_an_ancestor_cannot_be_read(zk):
    await zk.create("/a/b", make_parents=True)
    await zk.set_acl("/a", [ACL.world(Perms.CREATE | Perms.ADMIN)])
    await zk.ensure_path("/a/b")
    await zk.ensure_path("/a/c/d")
    assert await zk.exists("/a/c/d") is not None


async def test_ensure_path_below_an_ephemeral_znode(zk):
    await zk.create("/mine", ephemeral=True)
    await zk.ensure_path("/mine")
    with pytest.raises(zkc.NoChildrenForEphemeralsError):
        await zk.ensure_path("/mine/a/b")


@pytest.mark.parametrize("call", ["create", "ensure_path"])
async def test_a_chroot_without_a_parent_is_named(make_zk, zookeeper_server, call):
    async with make_zk(zookeeper_server.hosts + "/no-such/chroot") as zk:
        options = {"make_parents": True} if call == "create" else {}
        with pytest.raises(zkc.NoNodeError, match="the chroot /no-such/chroot and its parent do not exist") as caught:
            await getattr(zk, call)("/y/z", **options)
        error = caught.value
        assert (error.operation, error.path, error.maybe_applied) == (call, "/y/z", False)
        assert "ensure_path('/no-such/chroot')" in str(error)


async def test_a_chroot_that_does_not_exist(make_zk, zookeeper_server):
    async with make_zk(f"{zookeeper_server.hosts}/no/such/root") as zk:
        for call in (
            lambda: zk.ensure_path("/"),
            lambda: zk.ensure_path("/a/b"),
            lambda: zk.create("/a/b", make_parents=True),
        ):
            with pytest.raises(zkc.NoNodeError, match="chroot"):
                await call()


async def test_ensure_path_while_another_client_deletes(zk, other_zk):
    for _ in range(20):
        ensuring = [both.begin(zk, "ensure_path", "/a/b/c") for _ in range(3)]
        deleting = both.begin(other_zk, "delete", "/a", recursive=True, missing_ok=True)
        for one in ensuring:
            await one
        with contextlib.suppress(zkc.NotEmptyError):
            await deleting
    await zk.ensure_path("/a/b/c")
    assert await zk.exists("/a/b/c") is not None


@pytest.mark.parametrize(
    ("path", "acl", "error"),
    [("a", None, ValueError), (None, None, TypeError), ("/a", [], ValueError), ("/a/", None, ValueError)],
)
async def test_ensure_path_refuses_bad_arguments(zk, path, acl, error):
    with pytest.raises(error):
        await zk.ensure_path(path, acl=acl)
    assert zk.session.in_flight == 0


# ---- delete ---------------------------------------------------------------------------------------------------------


async def test_delete_what_may_be_missing(zk):
    assert await zk.delete("/none", missing_ok=True) is None
    await zk.create("/a")
    assert await zk.delete("/a", missing_ok=True) is None
    assert await zk.exists("/a") is None
    await zk.create("/a")
    with pytest.raises(zkc.BadVersionError):
        await zk.delete("/a", version=7, missing_ok=True)
    await zk.create("/a/b")
    with pytest.raises(zkc.NotEmptyError):
        await zk.delete("/a", missing_ok=True)


async def test_delete_a_tree(zk):
    for path in ("/a/b/c/d", "/a/b2/c", "/a/e", "/other"):
        await zk.create(path, make_parents=True)
    assert await zk.delete("/a", recursive=True) is None
    assert await zk.children("/") == ["other"]
    with pytest.raises(zkc.NoNodeError, match="delete '/a': there is no such znode"):
        await zk.delete("/a", recursive=True)
    assert await zk.delete("/a", recursive=True, missing_ok=True) is None
    await zk.delete("/other", recursive=True)


async def test_delete_a_tree_of_which_a_part_is_closed(zk):
    await zk.create("/a/b/c", make_parents=True)
    await zk.set_acl("/a/b", CLOSED)
    with pytest.raises(zkc.NoAuthError):
        await zk.delete("/a", recursive=True)
    assert await zk.exists("/a/b/c") is not None


@pytest.mark.parametrize(
    ("path", "options", "error", "message"),
    [
        ("/a", {"recursive": True, "version": 1}, ValueError, "version and recursive exclude each other"),
        ("/a", {"recursive": 1}, TypeError, "recursive must be True or False"),
        ("/a", {"missing_ok": 1}, TypeError, "missing_ok must be True or False"),
        ("/", {"recursive": True}, ValueError, "root"),
    ],
)
async def test_delete_refuses_bad_arguments(zk, path, options, error, message):
    with pytest.raises(error, match=message):
        await zk.delete(path, **options)
