"""Creating znodes of every kind."""

import pytest

import zkc
from zkc import ACL, Client, Perms
from zkc.testing import ZooKeeperServer


def test_a_persistent_znode_outlives_its_session(hosts, client):
    with Client(hosts) as maker:
        assert maker.create("/a", b"data") == "/a"
    data, stat = client.get("/a")
    assert data == b"data"
    assert (stat.ephemeral_owner, stat.version, stat.data_length, stat.num_children) == (0, 0, 4, 0)


def test_an_ephemeral_znode_goes_with_its_session(hosts, client, events):
    with Client(hosts) as maker:
        assert maker.create("/a", ephemeral=True) == "/a"
        assert client.exists("/a", watch=events).ephemeral_owner == maker.session_id
    assert events.next().type is zkc.EventType.DELETED
    assert client.exists("/a") is None


def test_a_sequential_name_gets_a_counter(client):
    client.create("/jobs")
    paths = [client.create("/jobs/job-", b"", sequential=True) for _ in range(3)]
    assert paths == ["/jobs/job-0000000000", "/jobs/job-0000000001", "/jobs/job-0000000002"]
    assert client.create("/jobs/", sequential=True) == "/jobs/0000000003"
    assert client.create("/jobs/e-", ephemeral=True, sequential=True) == "/jobs/e-0000000004"
    assert client.exists("/jobs/e-0000000004").ephemeral_owner == client.session_id
    assert client.exists("/jobs/job-0000000000").ephemeral_owner == 0


def test_a_container_goes_after_its_last_child(client, eventually):
    client.create("/box", container=True)
    client.create("/box/child")
    client.delete("/box/child")
    eventually(lambda: client.exists("/box") is None)


def test_a_znode_with_a_ttl_goes(client, eventually):
    client.create("/short", b"", ttl=0.001)
    path = client.create("/short-", sequential=True, ttl=0.001)
    assert path == "/short-0000000001"
    eventually(lambda: client.exists("/short") is None)
    eventually(lambda: client.exists(path) is None)


def test_a_znode_with_a_long_ttl_stays(client):
    client.create("/long", b"x", ttl=1e6)
    assert client.get("/long")[0] == b"x"


def test_the_servers_may_allow_no_ttl():
    with (
        ZooKeeperServer(config={"extendedTypesEnabled": "false"}) as server,
        Client(server.hosts) as client,
        pytest.raises(zkc.UnimplementedError, match="extendedTypesEnabled"),
    ):
        client.create("/a", ttl=10)


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"ephemeral": True},
        {"sequential": True},
        {"ephemeral": True, "sequential": True},
        {"container": True},
        {"ttl": 60},
    ],
)
def test_the_stat_can_be_had_at_once(client, kind):
    path, stat = client.create("/a", b"data", with_stat=True, **kind)
    assert stat == client.exists(path)
    assert stat.data_length == 4


@pytest.mark.parametrize("data", [b"", b"\0\1\2", bytearray(b"abc"), memoryview(b"abcdef")[::2], b"x" * 1_000_000])
def test_data_comes_back_as_it_was(client, data):
    client.create("/a", data)
    got, stat = client.get("/a")
    assert got == bytes(data)
    assert type(got) is bytes
    assert stat.data_length == len(got)


def test_no_data_differs_from_empty_data(client):
    client.create("/none", None)
    client.create("/empty", b"")
    client.create("/default")
    assert client.get("/none")[0] is None
    assert client.get("/empty")[0] == b""
    assert client.get("/default")[0] == b""


def test_it_exists_already(client):
    client.create("/a")
    with pytest.raises(zkc.NodeExistsError, match="create '/a': the znode exists already") as caught:
        client.create("/a")
    assert (caught.value.path, caught.value.operation) == ("/a", "create")
    with pytest.raises(FileExistsError):
        client.create("/a", with_stat=True)


def test_the_parent_is_missing(client):
    with pytest.raises(zkc.NoNodeError, match="create '/no/child': the parent does not exist"):
        client.create("/no/child")


def test_the_parent_is_ephemeral(client):
    client.create("/a", ephemeral=True)
    with pytest.raises(zkc.NoChildrenForEphemeralsError):
        client.create("/a/b")


def test_an_acl_is_given(client):
    acl = [ACL.world(Perms.READ), ACL.ip("127.0.0.0/8")]
    client.create("/a", acl=acl)
    assert client.get_acl("/a")[0] == acl


def test_the_default_acl_is_the_clients(hosts):
    acl = (ACL.world(Perms.READ | Perms.ADMIN | Perms.DELETE),)
    with Client(hosts, default_acl=acl) as client:
        client.create("/a")
        client.create("/b", acl=[ACL.world()])
        assert client.get_acl("/a")[0] == list(acl)
        assert client.get_acl("/b")[0] == [ACL.world()]


def test_the_servers_take_no_such_acl(client):
    with pytest.raises(zkc.InvalidACLError):
        client.create("/a", acl=[ACL(Perms.ALL, "no-such-scheme", "x")])
    with pytest.raises(ValueError, match="the servers do not take this ACL"):
        client.create("/a", acl=[ACL.ip("not an address")])


def test_an_acl_of_the_creator_needs_credentials(client):
    with pytest.raises(zkc.InvalidACLError):
        client.create("/a", acl=zkc.CREATOR_ALL_ACL)


def test_the_parents_acl_allows_no_children(client):
    client.create("/a", acl=[ACL.world(Perms.ALL & ~Perms.CREATE)])
    with pytest.raises(zkc.NoAuthError) as caught:
        client.create("/a/b")
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
        ({"with_stat": 1}, TypeError, "with_stat must be True or False"),
        ({"ttl": 0}, ValueError, "ttl must be a positive"),
        ({"ttl": 5, "ephemeral": True}, ValueError, "choose one"),
        ({"container": True, "sequential": True}, ValueError, "choose one"),
        ({"timeout": 0}, ValueError, "timeout must be a positive"),
    ],
)
def test_a_bad_argument_is_refused_before_anything_is_sent(client, arguments, error, message):
    before = client.exists("/")
    with pytest.raises(error, match=message):
        client.create(**{"path": "/a", **arguments})
    assert client.session.in_flight == 0
    assert client.exists("/") == before
