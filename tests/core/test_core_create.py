"""create and create_with_stat: every mode, every kind of data, every error."""

from __future__ import annotations

import pytest

from zkc import errors

from .core_support import (
    ANYONE,
    CONTAINER,
    EPHEMERAL,
    EPHEMERAL_SEQUENTIAL,
    PERSISTENT,
    READ_ONLY_ACL,
    SEQUENTIAL,
    TTL,
    TTL_SEQUENTIAL,
)

SEQUENTIAL_MODES = (SEQUENTIAL, EPHEMERAL_SEQUENTIAL, TTL_SEQUENTIAL)


@pytest.fixture(params=["create", "create_with_stat"])
def create(request, session):
    """Return a function that creates and returns the path, by either call."""
    if request.param == "create":
        return lambda *args, **kwargs: session.create(*args, **kwargs).result(20)

    def with_stat(*args, **kwargs):
        path, stat = session.create_with_stat(*args, **kwargs).result(20)
        seen = session.exists(path).result(20)
        assert (stat.czxid, stat.ctime, stat.data_length) == (seen.czxid, seen.ctime, seen.data_length)
        assert stat.ephemeral_owner == seen.ephemeral_owner
        return path

    return with_stat


@pytest.mark.parametrize("mode", [PERSISTENT, EPHEMERAL, CONTAINER, TTL])
def test_a_mode_without_sequence_gives_the_path_asked_for(create, session, mode):
    assert create("/a", b"data", ANYONE, mode, 600.0 if mode == TTL else None) == "/a"
    data, stat = session.get("/a").result(20)
    assert data == b"data"
    owner = session.client_id[0]
    assert stat.ephemeral_owner == (owner if mode == EPHEMERAL else 0)


@pytest.mark.parametrize("mode", SEQUENTIAL_MODES)
def test_a_sequential_mode_appends_ten_digits_that_grow(create, mode):
    ttl = 600 if mode == TTL_SEQUENTIAL else None
    names = [create("/item-", b"", ANYONE, mode, ttl) for _ in range(3)]
    assert names == [f"/item-{number:010d}" for number in range(3)]


def test_a_sequential_name_may_be_empty_before_its_digits(create):
    create("/parent", b"", ANYONE)
    assert create("/parent/", b"", ANYONE, SEQUENTIAL) == "/parent/0000000000"


def test_no_data_and_empty_data_are_distinguished(create, session):
    create("/none", None, ANYONE)
    create("/empty", b"", ANYONE)
    assert session.get("/none").result(20)[0] is None
    assert session.get("/empty").result(20)[0] == b""


@pytest.mark.parametrize("data", [b"\0", b"a\0b\0", bytes(range(256)), bytearray(b"array"), memoryview(b"view")[1:]])
def test_data_comes_back_byte_for_byte(create, session, data):
    create("/bytes", data, ANYONE)
    assert session.get("/bytes").result(20)[0] == bytes(data)


@pytest.mark.parametrize("length", [1, 1023, 4096, 65536, 1_000_000, 1024 * 1024 - 200])
def test_data_of_any_length_up_to_the_servers_limit_comes_whole(create, session, length):
    data = bytes(i & 0xFF for i in range(251)) * (length // 251 + 1)
    create("/big", data[:length], ANYONE)
    read, stat = session.get("/big").result(20)
    assert (len(read), stat.data_length) == (length, length)
    assert read == data[:length]


def test_a_request_over_the_servers_limit_loses_the_connection_and_not_the_session(create, session):
    with pytest.raises(errors.ConnectionLossError) as caught:
        create("/too-big", bytes(2 * 1024 * 1024), ANYONE)
    assert caught.value.maybe_applied
    session.wait_connected(20)
    create("/small", b"", ANYONE)


@pytest.mark.parametrize("name", ["ünïcödé", "日本語", "with space", "per%cent", "a" * 500, "..a", "a.."])
def test_a_name_of_any_characters(create, session, name):
    assert create(f"/{name}", b"x", ANYONE) == f"/{name}"
    assert session.get_children("/").result(20) == [name]


@pytest.mark.parametrize("name", ["🐘", b"caf\xe9".decode("utf-8", "surrogateescape")])
def test_a_name_that_the_server_refuses(create, name):
    # It takes nothing beyond the basic plane, and reads bytes that are no UTF-8 as a character that it refuses.
    with pytest.raises(errors.BadArgumentsError):
        create(f"/{name}", b"x", ANYONE)


def test_an_existing_path(create):
    create("/a", b"", ANYONE)
    with pytest.raises(errors.NodeExistsError) as caught:
        create("/a", b"", ANYONE)
    assert (caught.value.path, caught.value.code) == ("/a", -110)


def test_a_missing_parent(create):
    with pytest.raises(errors.NoNodeError, match="parent"):
        create("/missing/child", b"", ANYONE)


@pytest.mark.parametrize("mode", [PERSISTENT, EPHEMERAL, SEQUENTIAL, CONTAINER])
def test_an_ephemeral_has_no_children(create, mode):
    create("/ephemeral", b"", ANYONE, EPHEMERAL)
    with pytest.raises(errors.NoChildrenForEphemeralsError):
        create("/ephemeral/child", b"", ANYONE, mode)


@pytest.mark.parametrize("acl", [[(31, "no-such-scheme", "x")], [(31, "auth", "")], [(31, "ip", "not an address")]])
def test_an_acl_that_the_server_does_not_take(create, acl):
    with pytest.raises(errors.InvalidACLError):
        create("/a", b"", acl)


def test_a_parent_that_allows_no_children(create):
    create("/closed", b"", READ_ONLY_ACL)
    with pytest.raises(errors.NoAuthError):
        create("/closed/child", b"", ANYONE)


@pytest.mark.parametrize("call", ["create", "create_with_stat"])
def test_a_ttl_znode_goes_when_its_time_is_over(session, call, eventually):
    getattr(session, call)("/short", b"", ANYONE, TTL, 0.2).result(20)
    eventually(lambda: session.exists("/short").result(20) is None)


def test_a_container_goes_with_its_last_child(create, session, eventually):
    create("/container", b"", ANYONE, CONTAINER)
    create("/container/child", b"", ANYONE)
    session.delete("/container/child").result(20)
    eventually(lambda: session.exists("/container").result(20) is None)


@pytest.mark.parametrize("call", ["create", "create_with_stat"])
def test_an_ephemeral_goes_with_its_session(open_session, session, call, eventually):
    owner = open_session(session_timeout=60.0)  # The wait below is shorter: it sees no expiry.
    getattr(owner, call)("/mine", b"", ANYONE, EPHEMERAL).result(20)
    assert session.exists("/mine").result(20) is not None
    owner.close()
    # close() waits for the server, but not for long: a server that stood still may read the other request first.
    eventually(lambda: session.exists("/mine").result(20) is None)
