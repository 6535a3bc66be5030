"""Changes by old code, through a handle, of the ephemerals that a client of the same session keeps."""

import pytest

import zkc
import zkc.legacy
from zkc.legacy import zookeeper

from .legacy_support import OPEN, TIMEOUT, Watcher

READ_WRITE = [{"perms": zookeeper.PERM_ALL - zookeeper.PERM_ADMIN, "scheme": "world", "id": "anyone"}]


@pytest.fixture
def expired(zookeeper_server, eventually):
    """Return a function that ends the session of a client, and waits until it has another."""

    def expired(client):
        before = client.session_id
        zookeeper_server.expire(before, client.session_password)
        eventually(lambda: client.session_id not in (0, before) and client.connected, TIMEOUT)

    return expired


def completed(call, *arguments):
    done = Watcher()
    call(*arguments, done)
    return done.wait_calls(1)[0][1]


CALLS = {
    "waiting": lambda name, *arguments: getattr(zookeeper, name)(*arguments),
    "asynchronous": lambda name, *arguments: completed(getattr(zookeeper, "a" + name), *arguments),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_through_the_handle_of_a_client(zookeeper_chroot, expired, call):
    with zkc.Client(zookeeper_chroot) as client:
        handle = zkc.legacy.handle_of(client)
        for name in ("deleted", "set", "acl"):
            client.create(f"/{name}", b"1", ephemeral=True, keep=True)
        call("delete", handle, "/deleted", -1)
        call("set", handle, "/set", "2", -1)
        call("set_acl", handle, "/acl", -1, READ_WRITE)
        assert sorted(client.kept) == ["/acl", "/set"]
        zookeeper.close(handle)
        expired(client)
        assert client.exists("/deleted") is None
        assert client.get("/set")[0] == b"2"
        assert client.get_acl("/acl")[0] == [zkc.ACL.world(zkc.Perms.ALL & ~zkc.Perms.ADMIN)]


def test_set2_and_what_is_refused(zookeeper_chroot, expired, eventually):
    with zkc.Client(zookeeper_chroot) as client:
        handle = zkc.legacy.handle_of(client)
        client.create("/kept", b"1", ephemeral=True, keep=True)
        assert zookeeper.set2(handle, "/kept", "2")["version"] == 1
        with pytest.raises(zookeeper.BadVersionException):
            zookeeper.delete(handle, "/kept", 7)
        with pytest.raises(zookeeper.BadVersionException):
            zookeeper.set(handle, "/kept", "3", 7)
        eventually(lambda: client.kept == ["/kept"])  # The dispatcher takes note of the refused delete.
        zookeeper.close(handle)
        expired(client)
        assert client.get("/kept")[0] == b"2"


def test_a_client_of_a_handle(zookeeper_chroot, expired):
    handle = zookeeper.init(zookeeper_chroot)
    try:
        with zkc.legacy.client_of(handle) as client:
            client.create("/kept", b"1", ephemeral=True, keep=True)
            client.create("/other", b"1", ephemeral=True, keep=True)
            zookeeper.create(handle, "/plain", "", OPEN, 0)
            zookeeper.delete(handle, "/plain")
            zookeeper.delete(handle, "/kept")
            assert client.kept == ["/other"]
            expired(client)
            assert client.children("/") == ["other"]
    finally:
        zookeeper.close(handle)
