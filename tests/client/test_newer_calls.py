"""get_ephemerals, count_descendants and whoami."""

import pytest

import zkc
from zkc import ACL, Identity, Perms

from ..build_support import needs_newer_calls

pytestmark = needs_newer_calls


async def test_the_ephemerals_of_the_session_below_the_chroot(make_zk, zk, hosts):
    await zk.create("/sub")
    lower = make_zk(hosts + "/sub")
    await lower.start()
    for path in ("/b", "/ab", "/a"):
        await lower.create(path, ephemeral=True)
    await zk.create("/mine", ephemeral=True)
    assert await lower.get_ephemerals() == await lower.get_ephemerals("/") == ["/a", "/ab", "/b"]
    assert await lower.get_ephemerals("/a") == ["/a", "/ab"]
    assert await lower.get_ephemerals("/none") == []
    assert await zk.get_ephemerals() == ["/mine"]


async def test_descendants_are_counted_below_the_chroot(make_zk, zk, hosts):
    for path in ("/sub", "/sub/1", "/sub/1/2", "/sub/3", "/subway"):
        await zk.create(path)
    lower = make_zk(hosts + "/sub")
    await lower.start()
    assert await zk.count_descendants("/sub") == await lower.count_descendants("/") == 3
    assert await lower.count_descendants("/1") == 1
    with pytest.raises(zkc.NoNodeError, match="/none"):
        await lower.count_descendants("/none")
    await zk.create("/secret", acl=[ACL(Perms.ALL, "digest", "a:b")])
    with pytest.raises(zkc.NoAuthError, match="/secret"):
        await zk.count_descendants("/secret")


async def test_who_the_connection_is(zk):
    assert await zk.whoami() == [Identity("ip", "127.0.0.1")]
    await zk.add_auth("digest", "ann:secret")
    assert set(await zk.whoami()) == {Identity("ip", "127.0.0.1"), Identity("digest", "ann")}


async def test_wrong_arguments_are_refused(zk):
    for prefix in (None, 1, b"/"):
        with pytest.raises(TypeError, match="prefix must be str"):
            await zk.get_ephemerals(prefix)
    with pytest.raises(ValueError, match="begin with '/'"):
        await zk.get_ephemerals("a")
    for path, error in (("a", ValueError), (None, TypeError)):
        with pytest.raises(error, match="path must"):
            await zk.count_descendants(path)
