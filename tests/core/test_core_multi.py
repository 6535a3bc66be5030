"""multi: every kind of operation, results, and errors that name the operation."""

from __future__ import annotations

import threading

import pytest

from zkc import _zookeeper as core
from zkc import errors

from .core_support import ANYONE, CONTAINER, EPHEMERAL, READ_ONLY_ACL, SEQUENTIAL, TTL, TTL_SEQUENTIAL, paused

HAS_CREATE_WITH_STAT = core.build_info()["multi_create_with_stat"]
needs_create_with_stat = pytest.mark.skipif(
    not HAS_CREATE_WITH_STAT, reason="this libzookeeper creates with stat only outside of transactions"
)


def test_every_operation_gives_its_result(session):
    session.create("/old", b"", ANYONE).result(20)
    created, set_, checked, deleted = session.multi(
        [
            ("create", "/new", b"data", ANYONE, 0),
            ("set", "/new", b"more", 0),
            ("check", "/new", 1),
            ("delete", "/old", 0),
        ]
    ).result(20)
    assert (created, checked, deleted) == ("/new", None, None)
    assert isinstance(set_, core.Stat)
    assert (set_.version, set_.data_length) == (1, 4)
    assert session.get("/new").result(20) == (b"more", set_)
    assert session.exists("/old").result(20) is None


@needs_create_with_stat
@pytest.mark.parametrize("mode", [CONTAINER, TTL, TTL_SEQUENTIAL])
def test_create_with_stat_gives_both(session, mode):
    ttl = () if mode == CONTAINER else (600.0,)
    (plain, (path, stat), none) = session.multi(
        [
            ("create", "/a", b"", ANYONE, 0),
            ("create_with_stat", "/b", b"four", ANYONE, mode, *ttl),
            ("check", "/a", 0),
        ]
    ).result(20)
    assert (plain, path, none) == ("/a", "/b0000000001" if mode == TTL_SEQUENTIAL else "/b", None)
    seen = session.exists(path).result(20)
    assert (stat.czxid, stat.data_length, stat.ctime) == (seen.czxid, 4, seen.ctime)


@needs_create_with_stat
def test_create_with_a_time_to_live(session, eventually):
    path, other = session.multi(
        [("create", "/short", b"", ANYONE, TTL, 0.2), ("create", "/n-", b"", ANYONE, TTL_SEQUENTIAL, 600)]
    ).result(20)
    assert (path, other) == ("/short", "/n-0000000001")
    eventually(lambda: session.exists("/short").result(20) is None)


@needs_create_with_stat
@pytest.mark.parametrize("mode", [0, EPHEMERAL, SEQUENTIAL])
def test_the_stat_of_a_plain_znode_if_the_server_sends_it(session, zookeeper_server, mode):
    (path, stat), (later, _), changed = session.multi(
        [
            ("create_with_stat", "/b", b"four", ANYONE, mode),
            ("create_with_stat", "/c", b"", ANYONE, CONTAINER),
            ("set", "/c", b"2", 0),
        ]
    ).result(20)
    assert (path, later, changed.version) == ("/b0000000000" if mode == SEQUENTIAL else "/b", "/c", 1)
    version = zookeeper_server.version
    if version >= (3, 9) or (version[:2] in ((3, 7), (3, 8)) and version[2] >= 2):
        assert stat == session.exists(path).result(20)
    else:
        assert stat is None
        assert session.get(path).result(20)[0] == b"four"


def test_data_that_is_none_and_data_that_is_empty(session):
    session.multi([("create", "/none", None, ANYONE, 0), ("create", "/empty", b"", ANYONE, 0)]).result(20)
    assert session.get("/none").result(20)[0] is None
    assert session.get("/empty").result(20)[0] == b""
    session.multi([("set", "/none", b"", -1), ("set", "/empty", None, -1)]).result(20)
    assert session.get("/none").result(20)[0] == b""
    assert session.get("/empty").result(20)[0] is None


def test_sequential_names_come_back_whole_and_without_the_chroot(session):
    long_name = "/" + "n" * 300
    created = session.multi([("create", long_name, b"", ANYONE, SEQUENTIAL) for _ in range(3)]).result(20)
    assert created == [f"{long_name}{number:010d}" for number in range(3)]
    assert sorted(session.get_children("/").result(20)) == sorted(name[1:] for name in created)


@needs_create_with_stat
def test_ephemeral_and_container(session, eventually):
    session.multi([("create", "/mine", b"", ANYONE, EPHEMERAL), ("create", "/box", b"", ANYONE, CONTAINER)]).result(20)
    assert session.exists("/mine").result(20).ephemeral_owner == session.client_id[0]
    session.multi([("create", "/box/x", b"", ANYONE, 0)]).result(20)
    session.delete("/box/x").result(20)
    eventually(lambda: session.exists("/box").result(20) is None)


@pytest.mark.parametrize(
    ("op", "error"),
    [
        (("create", "/there", b"", ANYONE, 0), errors.NodeExistsError),
        (("create", "/missing/child", b"", ANYONE, 0), errors.NoNodeError),
        (("create", "/mine/child", b"", ANYONE, 0), errors.NoChildrenForEphemeralsError),
        (("create", "/acl", b"", [(31, "auth", "")], 0), errors.InvalidACLError),
        (("create", "/closed/child", b"", ANYONE, 0), errors.NoAuthError),
        (("delete", "/missing", -1), errors.NoNodeError),
        (("delete", "/there", 7), errors.BadVersionError),
        (("delete", "/full", -1), errors.NotEmptyError),
        (("set", "/missing", b"", -1), errors.NoNodeError),
        (("set", "/there", b"", 7), errors.BadVersionError),
        (("set", "/closed", b"", -1), errors.NoAuthError),
        (("check", "/missing", -1), errors.NoNodeError),
        (("check", "/there", 7), errors.BadVersionError),
    ],
)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_failure_names_the_operation_and_nothing_is_applied(session, op, error, position):
    session.create("/there", b"", ANYONE).result(20)
    session.create("/closed", b"", READ_ONLY_ACL).result(20)
    session.create("/mine", b"", ANYONE, EPHEMERAL).result(20)
    session.create("/full", b"", ANYONE).result(20)
    session.create("/full/child", b"", ANYONE).result(20)
    ops = [("create", "/first", b"", ANYONE, 0), ("set", "/there", b"changed", -1)]
    ops.insert(position, op)
    with pytest.raises(error) as caught:
        session.multi(ops).result(20)
    failure = caught.value
    assert (failure.index, failure.path, failure.operation) == (position, op[1], op[0])
    assert not failure.maybe_applied
    assert [type(result) for result in failure.results] == [
        error if number == position else errors.RuntimeInconsistencyError for number in range(3)
    ]
    assert session.exists("/first").result(20) is None
    assert session.get("/there").result(20)[0] == b""


def test_the_error_is_the_same_each_time_it_is_asked_for(session):
    request = session.multi([("delete", "/missing", -1)])
    assert type(request.exception(20)) is errors.NoNodeError
    assert request.exception().index == 0
    with pytest.raises(errors.NoNodeError):
        request.result()


@pytest.mark.parametrize("ops", [[], (), iter(())])
def test_no_operation_at_all(session, ops):
    with pytest.raises(ValueError, match="at least one"):
        session.multi(ops)


@pytest.mark.parametrize(
    "op",
    [
        None,
        "create",
        b"create",
        (),
        [],
        ["delete", "/a", -1],
        ("no-such", "/a"),
        ("delete",),
        ("delete", "/a"),
        ("delete", "/a", -1, 0),
        ("delete", "/a", "1"),
        ("delete", b"/a", -1),
        ("delete", "/a", True),
        ("set", "/a", "text", -1),
        ("set", "/a", b""),
        ("check", "/a", None),
        ("create", "/a", b"", ANYONE),
        ("create", "/a", b"", None, 0),
        ("create", "/a", "text", ANYONE, 0),
    ],
)
def test_an_operation_of_a_wrong_shape(session, op):
    with pytest.raises(TypeError):
        session.multi([("check", "/", -1), op])
    assert session.in_flight == 0


@pytest.mark.parametrize(
    ("op", "error"),
    [
        (("delete", "a", -1), errors.BadArgumentsError),
        (("delete", "/a//b", -1), errors.BadArgumentsError),
        (("create", "/a/", b"", ANYONE, 0), errors.BadArgumentsError),
        (("create", "/a/../b", b"", ANYONE, 0), errors.BadArgumentsError),
        (("create", "", b"", ANYONE, SEQUENTIAL), errors.BadArgumentsError),
        (("create", "/a", b"", [], 0), ValueError),
        (("create", "/a", b"", ANYONE, 7), ValueError),
        (("create", "/a", b"", ANYONE, TTL), (ValueError, errors.UnimplementedError)),
        (("create", "/a", b"", ANYONE, 0, 5.0), ValueError),
        (("delete", "/a", 2**31), ValueError),
        (("check", "/a\0b", -1), ValueError),
    ],
)
def test_an_operation_of_a_wrong_value(session, op, error):
    # libzookeeper frees twice on a path that it refuses inside a transaction: it must never see one.
    with pytest.raises(error):
        session.multi([("check", "/", -1), op, ("check", "/", -1)])
    assert session.in_flight == 0
    assert session.exists("/a").result(20) is None


def test_operations_from_a_generator(session):
    created = session.multi(("create", f"/{number}", b"", ANYONE, 0) for number in range(5)).result(20)
    assert created == [f"/{number}" for number in range(5)]


def test_a_thousand_operations(session):
    ops = [("create", f"/{number}", bytes(100), ANYONE, 0) for number in range(1000)]
    assert session.multi(ops).result(20) == [f"/{number}" for number in range(1000)]
    assert session.exists("/").result(20).num_children == 1000


def test_outstanding_transactions_at_close(session, zookeeper_server):
    # libzookeeper would write results into memory of ours: it must live until the handle is gone.
    with paused(zookeeper_server):
        requests = [session.multi([("create", f"/{n}", b"", ANYONE, 0), ("set", f"/{n}", b"x", 0)]) for n in range(50)]
        session.close(0.2)
        for request in requests:
            error = request.exception(20)
            assert type(error) is errors.ClosingError
            assert error.maybe_applied
            assert error.index is None


def test_transactions_from_several_threads(session):
    failures = []

    def work(name):
        try:
            for number in range(50):
                ops = [("create", f"/{name}-{number}", b"", ANYONE, 0), ("check", f"/{name}-{number}", 0)]
                assert session.multi(ops).result(20) == [f"/{name}-{number}", None]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert session.exists("/").result(20).num_children == 200
