"""Access control: credentials, ACLs, and what they refuse."""

import pytest

import zkc
from zkc import ACL, Client, Perms


def test_acls_are_set_and_read(client):
    _, before = client.create("/a", with_stat=True)
    acl = [ACL.world(Perms.READ | Perms.ADMIN), ACL.ip("127.0.0.1"), ACL.digest("ann", "secret", Perms.WRITE)]
    assert client.set_acl("/a", acl) is None
    got, stat = client.get_acl("/a")
    assert sorted(got, key=repr) == sorted(acl, key=repr)
    assert all(type(entry.perms) is Perms for entry in got)
    assert (before.aversion, stat.aversion) == (0, 1)


def test_set_acl_with_a_version(client):
    client.create("/a")
    client.set_acl("/a", [ACL.world()], version=0)
    with pytest.raises(zkc.BadVersionError):
        client.set_acl("/a", [ACL.world()], version=0)


def test_the_servers_refuse_an_acl(client):
    client.create("/a")
    with pytest.raises(zkc.InvalidACLError):
        client.set_acl("/a", [ACL(Perms.ALL, "no-such-scheme", "x")])


def test_credentials_open_what_an_acl_closes(hosts):
    with Client(hosts) as ann, Client(hosts) as bob:
        ann.add_auth("digest", "ann:secret")
        bob.add_auth("digest", b"bob:other")
        ann.create("/a", b"mine", acl=zkc.CREATOR_ALL_ACL)
        assert ann.get("/a")[0] == b"mine"
        for call in (
            lambda: bob.get("/a"),
            lambda: bob.set("/a", b"his"),
            lambda: bob.children("/a"),
            lambda: bob.create("/a/b"),
            lambda: bob.set_acl("/a", [ACL.world()]),
        ):
            with pytest.raises(zkc.NoAuthError, match=r"'/a.*': the znode's ACL does not allow this"):
                call()
        bob.add_auth("digest", "ann:secret")
        assert bob.get("/a")[0] == b"mine"


def test_a_digest_made_here_is_the_servers(client):
    client.create("/a", b"x", acl=[ACL.digest("änn", "sécret")])
    with pytest.raises(zkc.NoAuthError):
        client.get("/a")
    client.add_auth("digest", "änn:sécret")
    assert client.get("/a")[0] == b"x"


def test_refused_credentials_end_the_session(hosts, mended):
    client = Client(hosts)
    client.start()
    with pytest.raises(zkc.AuthFailedError) as caught:
        mended(lambda: client.add_auth("no-such-scheme", b"x"))
    assert caught.value.session_lost
    with pytest.raises(zkc.AuthFailedError):
        client.exists("/")
    assert client.state is zkc.State.AUTH_FAILED
    client.close()
    with client:
        assert client.exists("/") is not None


@pytest.mark.parametrize(
    ("acl", "error"),
    [([], ValueError), (None, TypeError), (ACL.world(), TypeError), ([(31, "world", "anyone")], TypeError)],
)
def test_a_bad_acl_is_refused_before_anything_is_sent(client, acl, error):
    client.close()
    with pytest.raises(error, match="acl must"):
        client.set_acl("/a", acl)


@pytest.mark.parametrize(
    ("scheme", "credentials", "error"),
    [("", "a:b", ValueError), (None, "a:b", TypeError), ("digest", None, TypeError), ("digest", 5, TypeError)],
)
def test_bad_credentials_are_refused_before_anything_is_sent(client, scheme, credentials, error):
    client.close()
    with pytest.raises(error, match=r"(scheme|credentials) must"):
        client.add_auth(scheme, credentials)
