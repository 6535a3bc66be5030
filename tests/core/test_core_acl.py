"""get_acl, set_acl, add_auth: success and every error."""

from __future__ import annotations

import pytest

from zkc import errors

from .core_support import ANYONE, CREATOR_ALL, READ_ONLY_ACL

DIGEST_OF_USER_PASSWORD = "user:tpUq/4Pn5A64fVZyQ0gOJ8ZWqkY="  # base64(sha1("user:password"))


def test_get_acl(session):
    session.create("/a", b"", ANYONE).result(20)
    acl, stat = session.get_acl("/a").result(20)
    assert acl == ANYONE
    assert stat == session.exists("/a").result(20)


def test_several_entries_come_back_in_order(session):
    acl = [(1, "world", "anyone"), (31, "ip", "127.0.0.1"), (3, "digest", DIGEST_OF_USER_PASSWORD)]
    session.create("/a", b"", acl).result(20)
    assert session.get_acl("/a").result(20)[0] == acl


def test_the_auth_scheme_stands_for_who_is_authenticated(session):
    session.add_auth("digest", b"user:password").result(20)
    session.create("/a", b"", CREATOR_ALL).result(20)
    assert session.get_acl("/a").result(20)[0] == [(31, "digest", DIGEST_OF_USER_PASSWORD)]


def test_set_acl_counts_its_own_version(session):
    session.create("/a", b"", ANYONE).result(20)
    assert session.set_acl("/a", [(31, "ip", "127.0.0.1")], 0).result(20) is None
    acl, stat = session.get_acl("/a").result(20)
    assert (acl, stat.aversion, stat.version) == ([(31, "ip", "127.0.0.1")], 1, 0)
    with pytest.raises(errors.BadVersionError):
        session.set_acl("/a", ANYONE, 0).result(20)
    session.set_acl("/a", ANYONE).result(20)


def test_set_acl_errors(session):
    session.create("/a", b"", ANYONE).result(20)
    with pytest.raises(errors.NoNodeError):
        session.set_acl("/missing", ANYONE).result(20)
    with pytest.raises(errors.InvalidACLError):
        session.set_acl("/a", CREATOR_ALL).result(20)  # the session is not authenticated
    session.set_acl("/a", READ_ONLY_ACL).result(20)
    with pytest.raises(errors.NoAuthError):
        session.set_acl("/a", ANYONE).result(20)


def test_get_acl_of_a_missing_znode(session):
    with pytest.raises(errors.NoNodeError):
        session.get_acl("/missing").result(20)


def test_get_acl_without_permission(session):
    session.create("/a", b"", [(8, "world", "anyone")]).result(20)
    with pytest.raises(errors.NoAuthError):
        session.get_acl("/a").result(20)


def test_what_one_user_may_another_may_not(session, other):
    session.add_auth("digest", b"user:password").result(20)
    session.create("/a", b"secret", CREATOR_ALL).result(20)
    with pytest.raises(errors.NoAuthError):
        other.get("/a").result(20)
    other.add_auth("digest", b"user:wrong").result(20)
    with pytest.raises(errors.NoAuthError):
        other.get("/a").result(20)
    other.add_auth("digest", b"user:password").result(20)
    assert other.get("/a").result(20)[0] == b"secret"


def test_credentials_are_presented_again_after_a_reconnect(open_session, own_server):
    session = open_session(own_server.hosts)
    session.add_auth("digest", b"user:password").result(20)
    session.create("/a", b"secret", CREATOR_ALL).result(20)
    own_server.restart()
    session.wait_connected(20)
    assert session.get("/a").result(20)[0] == b"secret"


def test_a_scheme_the_server_does_not_know_ends_the_session(session):
    with pytest.raises(errors.AuthFailedError) as caught:
        session.add_auth("no-such-scheme", b"x").result(20)
    assert caught.value.session_lost
    with pytest.raises(errors.AuthFailedError):
        session.get("/").result(20)
    with pytest.raises(errors.AuthFailedError):
        session.wait_connected(20)
    assert session.state == -113
    assert session.unrecoverable


@pytest.mark.parametrize("credentials", [b"", b"no colon", b"with\0nul:x", b"user:" + b"p" * 10_000])
def test_credentials_are_any_bytes(session, credentials, open_session):
    # Whether they are good is the server's to say: it answers, and nothing breaks on this side.
    try:
        session.add_auth("digest", credentials).result(20)
    except errors.AuthFailedError:
        assert session.state == -113
    else:
        assert session.exists("/").result(20) is not None


def test_many_credentials_at_once(session):
    requests = [session.add_auth("digest", b"user%d:password" % number) for number in range(200)]
    assert [request.result(20) for request in requests] == [None] * 200


def test_the_callback_of_add_auth_may_call_the_session(session, eventually):
    # libzookeeper completes add_auth on its I/O thread, at times under its lock: a callback must not run there.
    results = []

    def callback(request):
        results.append((request.result(), session.exists("/").result(20) is not None))

    session.add_auth("digest", b"user:password", callback=callback)
    eventually(lambda: results == [(None, True)])


def test_the_superuser_passes_every_acl(session, zookeeper_server):
    session.create("/a", b"", READ_ONLY_ACL).result(20)
    session.add_auth("digest", zookeeper_server.super_auth).result(20)
    session.set("/a", b"x").result(20)
