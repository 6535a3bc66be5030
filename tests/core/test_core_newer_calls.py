"""The calls of servers since 3.6: ephemerals, descendants, identities, and many reads in one request."""

import pytest

from zkc import errors

from ..build_support import needs_newer_calls
from .core_support import ANYONE, WAIT

pytestmark = needs_newer_calls
EPHEMERAL = 1


def test_the_ephemerals_of_the_session_by_the_beginning_of_their_paths(session, other):
    for path in ("/a", "/ab", "/b"):
        session.create(path, b"", ANYONE, EPHEMERAL).result(WAIT)
    other.create("/other", b"", ANYONE, EPHEMERAL).result(WAIT)
    assert sorted(session.get_ephemerals().result(WAIT)) == ["/a", "/ab", "/b"]
    assert sorted(session.get_ephemerals("/").result(WAIT)) == ["/a", "/ab", "/b"]
    assert sorted(session.get_ephemerals("/a").result(WAIT)) == ["/a", "/ab"]
    assert session.get_ephemerals("/none").result(WAIT) == []
    assert other.get_ephemerals().result(WAIT) == ["/other"]


@pytest.mark.parametrize("prefix", [None, 1, b"/"])
def test_a_prefix_of_another_type_is_refused(session, prefix):
    with pytest.raises(TypeError, match="prefix must be str"):
        session.get_ephemerals(prefix)


def test_a_prefix_that_is_no_beginning_of_a_path_is_refused(session):
    with pytest.raises(ValueError, match="begin with '/'"):
        session.get_ephemerals("a")


def test_descendants_are_counted_on_all_levels(session):
    for path in ("/d", "/d/1", "/d/2", "/d/2/3", "/dd"):
        session.create(path, b"", ANYONE).result(WAIT)
    assert session.count_descendants("/d").result(WAIT) == 3
    assert session.count_descendants("/dd").result(WAIT) == 0
    with pytest.raises(errors.NoNodeError, match="/none"):
        session.count_descendants("/none").result(WAIT)


def test_identities(session):
    assert session.whoami().result(WAIT) == [("ip", "127.0.0.1")]
    session.add_auth("digest", b"ann:secret").result(WAIT)
    assert sorted(session.whoami().result(WAIT)) == [("digest", "ann"), ("ip", "127.0.0.1")]


def test_many_reads_in_one_request_have_their_own_outcomes(session):
    session.create("/r", b"data", ANYONE).result(WAIT)
    session.create("/r/null", None, ANYONE).result(WAIT)
    session.create("/r/secret", b"x", [(31, "digest", "a:b")]).result(WAIT)
    reads = [("get", "/r"), ("get_children", "/r"), ("get", "/none"), ("get", "/r/null"), ("get", "/r/secret")]
    data, names, missing, null, secret = session.multi_read(reads).result(WAIT)
    assert data == session.get("/r").result(WAIT)
    assert sorted(names) == ["null", "secret"]
    assert null[0] is None
    assert (type(missing), missing.operation, missing.path) == (errors.NoNodeError, "get", "/none")
    assert (type(secret), secret.path) == (errors.NoAuthError, "/r/secret")


def test_large_data_of_many_reads(session):
    session.create("/big", b"x" * 900_000, ANYONE).result(WAIT)
    results = session.multi_read([("get", "/big")] * 3).result(WAIT)
    assert [len(data) for data, _ in results] == [900_000] * 3


@pytest.mark.parametrize("read", ["/a", ("get",), ("set", "/a"), ("exists", "/a"), ["get", "/a"], None])
def test_a_read_of_another_form_is_refused(session, read):
    with pytest.raises(TypeError, match="read 1 must be"):
        session.multi_read([("get", "/"), read])


def test_a_read_of_no_path_is_refused(session):
    with pytest.raises(errors.BadArgumentsError, match="is not a path"):
        session.multi_read([("get", "a")])
    with pytest.raises(ValueError, match="at least one read"):
        session.multi_read([])
