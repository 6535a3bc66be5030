"""Bulk work of the core: paths that are checked, reads that are sent, and replies that are taken."""

import random
import re
import threading

import pytest

from zkc import _zookeeper as core
from zkc import errors

from ..build_support import needs_newer_calls
from .core_support import ANYONE, WAIT, paused

OPERATIONS = ("get", "exists", "get_children")


LETTERS = "//..ab\x1f\x20\x7e\x7f\x9f\xa0\ud7ff\ud800\uf8ff\uf900\uffef\ufff0\U0001f600"


class Mine(str):
    __slots__ = ()


def raise_lookup(path):
    raise LookupError(path)


def never(*_):
    raise AssertionError("not called for this")


def take_all(sent):
    results = []
    while len(sent):
        assert sent.at(0).wait(WAIT)
        sent.take(results, 1000, lambda error, request: error)
    return results


# ---- paths ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/a", "/a/b", "/.a", "/...", "/a/..b", "/a.", "/ä", "/日本", "/￯", "/a b", "/~"])
def test_what_is_a_path(path):
    assert core.is_path(path)
    assert core.is_path(Mine(path))


NO_PATHS = (
    *("", "a", "a/", "//", "/a/", "//a", "/a//b", "/.", "/..", "/./a", "/a/..", "/a/../b", ".", ".."),
    *("/\0", "/a\n", "/\x7f", "/\x9f", "/\ud800", "/\udfff", "/\ue000", "/\uf8ff", "/\ufff0", "/\uffff"),
    *("/\U00010000", "/\U0010ffff", "\x01", "\0", b"/a", None, 5, ["/"]),
)


@pytest.mark.parametrize("path", NO_PATHS)
def test_what_is_no_path(path):
    assert not core.is_path(path)


def test_the_rule_for_paths_in_other_words():
    refused = "\\x00-\\x1f\\x7f-\\x9f\\ud800-\\uf8ff\\ufff0-\\U0010ffff"
    match = re.compile(f"/|(?:/(?!\\.\\.?(?:/|\\Z))[^/{refused}]+)+").fullmatch
    chosen = random.Random(1)
    found = {True: 0, False: 0}
    for _ in range(20_000):
        letters = chosen.choices(LETTERS, k=chosen.randint(0, 6))
        path = "/" * chosen.randint(0, 1) + "".join(letters)
        assert core.is_path(path) is bool(match(path)), ascii(path)
        found[core.is_path(path)] += 1
    assert min(found.values()) > 500


# ---- reads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS)
def test_reads_give_what_single_calls_give(session, operation):
    paths = ["/", "/grün", "/grün/日本", "/none", Mine("/grün")]
    session.create("/grün", b"x", ANYONE).result(WAIT)
    session.create("/grün/日本", None, ANYONE).result(WAIT)
    sent = core.RequestWindow()
    sent.send_reads(session, operation, iter(paths), lambda path: None, never)
    assert len(sent) == 5
    assert [sent.at(i).path for i in range(5)] == paths
    assert {sent.at(i).operation for i in range(5)} == {operation}
    for found, path in zip(take_all(sent), paths):
        alone = getattr(session, operation)(path)
        if isinstance(found, Exception):
            assert (type(found), found.path, str(found)) == (errors.NoNodeError, path, str(alone.exception(WAIT)))
            assert found.__traceback__ is None
        else:
            assert found == alone.result(WAIT)
    assert len(sent) == 0


def test_a_path_that_breaks_the_rules_is_for_the_check(session):
    sent = core.RequestWindow()
    for wrong in ("/a/", 5, b"/a", None):
        with pytest.raises(LookupError):
            sent.send_reads(session, "get", ["/", wrong, "/"], raise_lookup, never)
    assert len(sent) == 4
    assert len(take_all(sent)) == 4


def test_what_the_iterable_raises_comes_out(session):
    def paths():
        yield "/"
        raise TypeError("mine")

    sent = core.RequestWindow()
    with pytest.raises(TypeError, match="mine"):
        sent.send_reads(session, "exists", paths(), raise_lookup, never)
    assert len(take_all(sent)) == 1


def test_what_is_refused_at_once_stands_in_its_place(session):
    class Refused:
        def __init__(self, error):
            self.error = error

        def done(self):
            return True

        def result(self):
            raise self.error

    sent = core.RequestWindow()
    sent.send_reads(session, "get", ["/"], raise_lookup, never)
    assert sent.at(0).wait(WAIT)
    session.close(WAIT)
    sent.send_reads(session, "get", ["/a", "/b"], raise_lookup, Refused)
    results = []
    assert sent.take(results, 10, lambda error, item: (error, item)) == 3
    assert isinstance(results[0][0], bytes)
    assert [(type(error), error.path, type(item)) for error, item in results[1:]] == [
        (errors.ClosingError, "/a", Refused),
        (errors.ClosingError, "/b", Refused),
    ]


def test_what_is_not_done_stays(session, zookeeper_server):
    sent = core.RequestWindow()
    results = []
    sent.send_reads(session, "get", ["/"] * 10, raise_lookup, never)
    assert sent.at(9).wait(WAIT)
    with paused(zookeeper_server):
        sent.send_reads(session, "get", ["/"] * 10, raise_lookup, never)
        assert sent.take(results, 4, never) == 4
        assert sent.take(results, 100, never) == 6
        assert sent.take(results, 100, never) == 0
        assert len(sent) == 10
    results += take_all(sent)
    assert len(results) == 20


def test_a_place_that_there_is_not(session):
    sent = core.RequestWindow()
    for index in (0, -1, 1):
        with pytest.raises(IndexError):
            sent.at(index)
    sent.append(session.get("/"))
    assert sent.at(0).result(WAIT)
    for index in (-1, 1):
        with pytest.raises(IndexError):
            sent.at(index)
    with pytest.raises(ValueError, match="operation must be"):
        sent.send_reads(session, "set", ["/"], never, never)


# ---- reads of many znodes by one request ----------------------------------------------------------------------------


def known_groups(session):
    """Return groups that know that the server has such requests."""
    groups, sent = core.ReadGroups(), core.RequestWindow()
    sent.send_reads(session, "get", ["/"] * 5, raise_lookup, never, groups)
    take_all(sent)
    assert groups.supported
    return groups


@needs_newer_calls
@pytest.mark.parametrize("operation", ["get", "get_children"])
def test_reads_by_one_request_give_what_single_calls_give(session, operation):
    paths = ["/", "/grün", "/grün/日本", "/none", Mine("/grün"), "/secret"]
    session.create("/grün", b"x", ANYONE).result(WAIT)
    session.create("/grün/日本", None, ANYONE).result(WAIT)
    session.create("/secret", b"s", [(31, "digest", "a:b")]).result(WAIT)
    sent, groups = core.RequestWindow(), known_groups(session)
    before = session.in_flight
    sent.send_reads(session, operation, iter(paths), lambda path: None, never, groups)
    assert session.in_flight <= before + 1
    assert [(sent.at(i).operation, sent.at(i).path) for i in range(6)] == [(operation, path) for path in paths]
    parts = [sent.at(i) for i in range(6)]
    assert parts[0].wait(WAIT)
    assert all(part.done() for part in parts)
    for found, part, path in zip(take_all(sent), parts, paths):
        alone = getattr(session, operation)(path)
        if isinstance(found, Exception):
            expected = alone.exception(WAIT)
            assert (type(found), found.path, str(found)) == (type(expected), path, str(expected))
            with pytest.raises(type(expected)):
                part.result(WAIT)
        else:
            assert found == alone.result(WAIT) == part.result()


@needs_newer_calls
def test_the_first_request_of_many_reads_is_small_and_alone(session, zookeeper_server):
    groups, sent = core.ReadGroups(), core.RequestWindow()
    assert groups.supported is None
    assert 1 < groups.room(session, "get") < 50
    with paused(zookeeper_server):
        before = session.in_flight
        sent.send_reads(session, "get", ["/"] * groups.room(session, "get"), raise_lookup, never, groups)
        assert session.in_flight == before + 1
        assert groups.room(session, "get") == groups.room(session, "get_children") == 0
        assert groups.supported is None
        sent.send_reads(session, "get", ["/"] * 3, raise_lookup, never, groups)
        assert session.in_flight == before + 4
    take_all(sent)
    assert groups.supported is True
    assert groups.room(session, "get") is None


@needs_newer_calls
def test_exists_is_a_request_each(session, zookeeper_server):
    groups, sent = known_groups(session), core.RequestWindow()
    with paused(zookeeper_server):
        before = session.in_flight
        sent.send_reads(session, "exists", ["/"] * 9, raise_lookup, never, groups)
        assert session.in_flight == before + 9
    assert len(take_all(sent)) == 9


@needs_newer_calls
def test_what_came_before_a_wrong_path_is_sent(session):
    groups, sent = known_groups(session), core.RequestWindow()
    with pytest.raises(LookupError):
        sent.send_reads(session, "get", ["/", "/", "/a/", "/"], raise_lookup, never, groups)
    assert len(take_all(sent)) == 2


@needs_newer_calls
def test_callbacks_of_reads_that_share_a_request(session):
    groups, sent, done = known_groups(session), core.RequestWindow(), threading.Semaphore(0)
    sent.send_reads(session, "get", ["/"] * 4, raise_lookup, never, groups)
    for index in range(4):
        sent.at(index).add_done_callback(lambda request: done.release())
    for _ in range(4):
        assert done.acquire(timeout=WAIT)


@needs_newer_calls
def test_a_closed_session_refuses_each_path(session):
    groups, sent, errors_of = known_groups(session), core.RequestWindow(), []
    session.close(WAIT)

    class Refused:
        def __init__(self, error):
            errors_of.append(error)

        def done(self):
            return True

        def result(self):
            return None

    sent.send_reads(session, "get", ["/a", "/b"], raise_lookup, Refused, groups)
    assert [(type(error), error.path) for error in errors_of] == [
        (errors.ClosingError, "/a"),
        (errors.ClosingError, "/b"),
    ]


def test_a_part_is_made_by_a_window_only():
    with pytest.raises(TypeError, match="RequestWindow"):
        core.ReadPart()


def test_a_refusal_is_remembered(session):
    groups, sent = core.ReadGroups(), core.RequestWindow()
    groups.refuse()
    assert groups.supported is False
    assert groups.room(session, "get") is None
    sent.send_reads(session, "get", ["/"] * 9, raise_lookup, never, groups)
    assert {type(sent.at(i)) for i in range(9)} == {core.Request}
    take_all(sent)


@pytest.mark.skipif(core.build_info()["persistent_watches"], reason="for the system's libzookeeper")
def test_the_systems_libzookeeper_reads_one_znode_by_one_request():
    assert core.ReadGroups().supported is False
