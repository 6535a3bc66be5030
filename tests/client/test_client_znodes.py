"""Reading, setting, deleting and listing znodes."""

import datetime

import pytest

import zkc


def test_get_and_set(client):
    client.create("/a", b"one")
    stat = client.set("/a", b"two")
    assert stat.version == 1
    assert client.get("/a") == (b"two", stat)
    assert stat.modified >= stat.created
    assert abs(datetime.datetime.now(datetime.timezone.utc) - stat.modified) < datetime.timedelta(minutes=5)


@pytest.mark.parametrize("data", [b"", b"\xff\0", bytearray(b"abc"), memoryview(b"abc"), b"y" * 1_000_000])
def test_any_data_is_set(client, data):
    client.create("/a", b"before")
    assert client.set("/a", data).data_length == len(data)
    assert client.get("/a")[0] == bytes(data)


def test_no_data_is_set(client):
    client.create("/a", b"before")
    client.set("/a", None)
    assert client.get("/a")[0] is None


def test_set_with_a_version(client):
    client.create("/a", b"one")
    assert client.set("/a", b"two", version=0).version == 1
    with pytest.raises(zkc.BadVersionError, match="set '/a': the znode has another version") as caught:
        client.set("/a", b"three", version=0)
    assert not caught.value.maybe_applied
    assert client.get("/a")[0] == b"two"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.get("/none"),
        lambda client: client.set("/none", b""),
        lambda client: client.delete("/none"),
        lambda client: client.children("/none"),
        lambda client: client.children_with_stat("/none"),
        lambda client: client.get_acl("/none"),
        lambda client: client.set_acl("/none", [zkc.ACL.world()]),
    ],
)
def test_a_missing_znode(client, call):
    with pytest.raises(zkc.NoNodeError, match="'/none': there is no such znode") as caught:
        call(client)
    assert caught.value.path == "/none"
    assert isinstance(caught.value, FileNotFoundError)


def test_delete(client):
    client.create("/a")
    assert client.delete("/a") is None
    assert client.exists("/a") is None


def test_delete_with_a_version(client):
    client.create("/a")
    client.set("/a", b"x")
    with pytest.raises(zkc.BadVersionError):
        client.delete("/a", version=0)
    client.delete("/a", version=1)
    assert client.exists("/a") is None


def test_a_znode_with_children_stays(client):
    client.create("/a")
    client.create("/a/b")
    with pytest.raises(zkc.NotEmptyError, match="delete '/a': the znode has children"):
        client.delete("/a")


def test_the_root_cannot_be_deleted(zookeeper_server):
    with zkc.Client(zookeeper_server.hosts) as client, pytest.raises(zkc.BadArgumentsError):
        client.delete("/")


def test_exists(client):
    assert client.exists("/a") is None
    _, stat = client.create("/a", b"abc", with_stat=True)
    assert client.exists("/a") == stat


def test_children(client):
    assert client.children("/") == []
    names = {f"n{i}" for i in range(500)} | {"ä", "日本", "a b"}
    for name in names:
        client.create(f"/{name}")
    children = client.children("/")
    assert type(children) is list
    assert len(children) == len(names)
    assert set(children) == names


def test_children_with_stat(client):
    client.create("/a")
    client.create("/a/b")
    names, stat = client.children_with_stat("/a")
    assert names == ["b"]
    assert stat == client.exists("/a")
    assert (stat.num_children, stat.cversion) == (1, 1)


def test_sync(client, other):
    client.create("/a", b"1")
    assert other.sync("/a") is None
    assert other.sync() is None
    assert other.get("/a")[0] == b"1"


@pytest.mark.parametrize("path", ["/ä/Ω/日本", "/a b", "/...", "/" + "x" * 1000, "/\xa0", "/\uffef"])
def test_unusual_paths(client, path):
    parts = path.split("/")
    for depth in range(2, len(parts) + 1):
        assert client.create("/".join(parts[:depth]), path.encode()) == "/".join(parts[:depth])
    assert client.get(path)[0] == path.encode()
    assert parts[-1] in client.children("/".join(parts[:-1]) or "/")
    client.delete(path)


def test_paths_are_below_the_chroot(client, hosts, zookeeper_server):
    chroot = hosts[len(zookeeper_server.hosts) :]
    assert client.create("/a", b"1") == "/a"
    assert client.create("/s-", sequential=True) == "/s-0000000001"
    assert client.create("/b", with_stat=True)[0] == "/b"
    with zkc.Client(zookeeper_server.hosts) as whole:
        assert whole.get(f"{chroot}/a")[0] == b"1"
        assert sorted(whole.children(chroot)) == sorted(client.children("/")) == ["a", "b", "s-0000000001"]
    with pytest.raises(zkc.NoNodeError) as caught:
        client.get("/none")
    assert caught.value.path == "/none"


def test_a_chroot_that_does_not_exist(zookeeper_server):
    with zkc.Client(f"{zookeeper_server.hosts}/no/such/root") as client:
        with pytest.raises(zkc.NoNodeError, match="chroot"):
            client.create("/a")
        assert client.exists("/") is None


def test_a_deep_unicode_chroot(zookeeper_server):
    zookeeper_server.create("/ä/日本")
    with zkc.Client(f"{zookeeper_server.hosts}/ä/日本") as client:
        client.create("/Ω", b"x", ephemeral=True)
        assert client.children("/") == ["Ω"]


CALLS = {
    "get": lambda client, path: client.get(path),
    "set": lambda client, path: client.set(path, b""),
    "delete": lambda client, path: client.delete(path),
    "exists": lambda client, path: client.exists(path),
    "children": lambda client, path: client.children(path),
    "children_with_stat": lambda client, path: client.children_with_stat(path),
    "get_acl": lambda client, path: client.get_acl(path),
    "set_acl": lambda client, path: client.set_acl(path, [zkc.ACL.world()]),
    "sync": lambda client, path: client.sync(path),
}


BAD_PATHS = [None, 5, b"/a", "", "a", "/a/", "//", "/a/../b", "/a\0", "/\ud800", "/\U0001f600"]


@pytest.fixture
def closed(client):
    """A closed client: whatever it tried to send would raise ClosingError."""
    client.close()
    return client


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_bad_path_is_refused_before_anything_is_sent(closed, call):
    for path in BAD_PATHS:
        with pytest.raises(ValueError if isinstance(path, str) else TypeError, match="path must"):
            call(closed, path)


@pytest.mark.parametrize("name", ["get", "delete", "exists", "children", "children_with_stat", "get_acl", "sync"])
def test_a_bad_timeout_is_refused_before_anything_is_sent(closed, name):
    for timeout in (0, -1, float("nan"), float("inf"), "1", True):
        with pytest.raises((TypeError, ValueError), match="timeout must be"):
            getattr(closed, name)("/a", timeout=timeout)


@pytest.mark.parametrize("name", ["get", "exists", "children", "children_with_stat"])
def test_a_bad_watch_is_refused_before_anything_is_sent(closed, name):
    for watch in ("fn", 1, []):
        with pytest.raises(TypeError, match="watch must be callable"):
            getattr(closed, name)("/a", watch=watch)


def test_a_bad_version_is_refused_before_anything_is_sent(closed):
    for version in ("1", 1.0, None, True, 2**31, -(2**31) - 1):
        for call in (
            lambda version=version: closed.set("/a", b"", version=version),
            lambda version=version: closed.delete("/a", version=version),
            lambda version=version: closed.set_acl("/a", [zkc.ACL.world()], version=version),
        ):
            with pytest.raises((TypeError, ValueError), match="version must"):
                call()


def test_bad_data_is_refused_before_anything_is_sent(closed):
    for data in ("text", 1, [1]):
        with pytest.raises(TypeError, match="data must be bytes"):
            closed.set("/a", data)


def test_what_may_be_given_by_position(closed):
    for call in (
        lambda: closed.get("/a", None),
        lambda: closed.set("/a", b"", 1),
        lambda: closed.delete("/a", 1),
        lambda: closed.create("/a", b"", None),
    ):
        with pytest.raises(TypeError, match="positional argument"):
            call()
