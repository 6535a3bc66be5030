"""Access control: credentials, ACLs, and what they refuse."""

import pytest

import zkc
from zkc import ACL, ClientState, Perms

from . import both


async def test_acls_are_set_and_read(zk):
    _, before = await zk.create_with_stat("/a")
    acl = [ACL.world(Perms.READ | Perms.ADMIN), ACL.ip("127.0.0.1"), ACL.digest("ann", "secret", Perms.WRITE)]
    assert await zk.set_acl("/a", acl) is None
    got, stat = await zk.get_acl("/a")
    assert sorted(got, key=repr) == sorted(acl, key=repr)
    assert all(type(entry.perms) is Perms for entry in got)
    assert (before.aversion, stat.aversion) == (0, 1)


async def test_set_acl_with_a_version(zk):
    await zk.create("/a")
    await zk.set_acl("/a", [ACL.world()], version=0)
    with pytest.raises(zkc.BadVersionError):
        await zk.set_acl("/a", [ACL.world()], version=0)


async def test_the_servers_refuse_an_acl(zk):
    await zk.create("/a")
    with pytest.raises(zkc.InvalidACLError):
        await zk.set_acl("/a", [ACL(Perms.ALL, "no-such-scheme", "x")])


async def test_credentials_open_what_an_acl_closes(make_zk):
    async with make_zk() as ann, make_zk() as bob:
        await ann.add_auth("digest", "ann:secret")
        await bob.add_auth("digest", b"bob:other")
        await ann.create("/a", b"mine", acl=zkc.CREATOR_ALL_ACL)
        assert (await ann.get("/a"))[0] == b"mine"
        for call in (
            lambda: bob.get("/a"),
            lambda: bob.set("/a", b"his"),
            lambda: bob.children("/a"),
            lambda: bob.create("/a/b"),
            lambda: bob.set_acl("/a", [ACL.world()]),
        ):
            with pytest.raises(zkc.NoAuthError, match=r"'/a.*': the znode's ACL does not allow this"):
                await call()
        await bob.add_auth("digest", "ann:secret")
        assert (await bob.get("/a"))[0] == b"mine"


async def test_a_digest_made_here_is_the_servers(zk):
    await zk.create("/a", b"x", acl=[ACL.digest("änn", "sécret")])
    with pytest.raises(zkc.NoAuthError):
        await zk.get("/a")
    await zk.add_auth("digest", "änn:sécret")
    assert (await zk.get("/a"))[0] == b"x"


async def test_refused_credentials_end_the_session(zk):
    with pytest.raises(zkc.AuthFailedError) as caught:
        await both.mended(lambda: zk.add_auth("no-such-scheme", b"x"))
    assert caught.value.session_lost
    with pytest.raises(zkc.AuthFailedError):
        await zk.exists("/")
    # A caller that waits gets the error, and does not wait for a session that will never be.
    with pytest.raises(zkc.AuthFailedError):
        await zk.wait_for([ClientState.READ_ONLY, ClientState.SUSPENDED])
    assert await zk.wait_for(ClientState.LOST) is ClientState.LOST
    with pytest.raises(zkc.AuthFailedError):
        await zk.start()
    assert not zk.connected
    await zk.close()
    async with zk:
        assert await zk.exists("/") is not None


@pytest.mark.parametrize(
    ("acl", "error"),
    [([], ValueError), (None, TypeError), (ACL.world(), TypeError), ([(31, "world", "anyone")], TypeError)],
)
async def test_a_bad_acl_is_refused_before_anything_is_sent(zk, acl, error):
    await zk.close()
    with pytest.raises(error, match="acl must"):
        await zk.set_acl("/a", acl)


@pytest.mark.parametrize(
    ("scheme", "credentials", "error"),
    [("", "a:b", ValueError), (None, "a:b", TypeError), ("digest", None, TypeError), ("digest", 5, TypeError)],
)
async def test_bad_credentials_are_refused_before_anything_is_sent(zk, scheme, credentials, error):
    await zk.close()
    with pytest.raises(error, match=r"(scheme|credentials) must"):
        await zk.add_auth(scheme, credentials)


async def test_exists_of_a_znode_that_may_not_be_read(make_zk, zookeeper_server):
    """Servers since 3.8.4 and 3.9.2 check READ for exists (ZOOKEEPER-2590); for those before, anyone may ask."""
    version = zookeeper_server.version
    checked = version >= (3, 9, 2) or (3, 8, 4) <= version < (3, 9)
    async with make_zk() as ann, make_zk() as bob:
        await ann.add_auth("digest", "ann:secret")
        await ann.create("/a", acl=[ACL.digest("ann", "secret"), ACL.world(Perms.CREATE)])
        stat = await ann.exists("/a")
        assert stat is not None
        if checked:
            with pytest.raises(zkc.NoAuthError):
                await bob.exists("/a")
            (result,) = await bob.exists_many(["/a"])
            assert isinstance(result, zkc.NoAuthError)
        else:
            assert await bob.exists("/a") == stat
        # Nothing is asked about a znode that is not there, and creating below the znode needs no READ.
        assert await bob.exists("/a/missing") is None
        await bob.ensure_path("/a/b/c")
        assert await bob.exists("/a/b/c") is not None
