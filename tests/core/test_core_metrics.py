"""The counters of a session."""

from __future__ import annotations

import pytest

from zkc import errors

from ..build_support import needs_newer_calls
from .core_support import ANYONE, CONNECTED, WAIT, Recorder, paused, settle

KINDS = (
    "create delete exists get set children get_acl set_acl sync multi add_auth config reconfig remove_watches"
    " add_watch multi_read get_ephemerals count_descendants whoami"
)


def test_a_new_session(session):
    metrics = session.metrics()
    assert list(metrics) == [
        *(
            "requests",
            "errors",
            "latency",
            "in_flight",
            "watch_events",
            "dropped_events",
            "connects",
            "gil",
            "bytes_sent",
        ),
        "bytes_received",
    ]
    assert metrics["gil"] == {"kept": 0, "given_up": 0, "seconds": 0.0}
    assert metrics["requests"] == dict.fromkeys(KINDS.split(), 0)
    assert (metrics["errors"], metrics["in_flight"], metrics["connects"]) == ({}, 0, 1)
    bounds, counts = metrics["latency"]["bounds"], metrics["latency"]["counts"]
    assert (len(bounds), len(counts), sum(counts), metrics["latency"]["sum"]) == (27, 28, 0, 0.0)
    assert (bounds[0], bounds[1], bounds[-1]) == (1e-6, 2e-6, 67.108864)


def test_each_kind_of_request_is_counted(session):
    calls = [
        lambda: session.create("/a", b"", ANYONE),
        lambda: session.create_with_stat("/b", None, ANYONE),
        lambda: session.exists("/a"),
        lambda: session.get("/a", watch=print),
        lambda: session.set("/b", b"x"),
        lambda: session.get_children("/a"),
        lambda: session.get_children_with_stat("/a"),
        lambda: session.get_acl("/a"),
        lambda: session.set_acl("/a", ANYONE),
        lambda: session.sync("/a"),
        lambda: session.multi([("check", "/a", -1)]),
        lambda: session.add_auth("digest", b"u:p"),
        lambda: session.get_config(),
        lambda: session.add_watch("/a", print),
        lambda: session.multi_read([("get", "/a"), ("get_children", "/")]),
        lambda: session.get_ephemerals(),
        lambda: session.count_descendants("/"),
        lambda: session.whoami(),
        lambda: session.remove_all_watches("/a"),
        lambda: session.delete("/a"),
        lambda: session.reconfig(leaving="9"),
    ]
    for call in calls:
        call().exception(WAIT)
    metrics = session.metrics()
    assert metrics["requests"] == {**dict.fromkeys(KINDS.split(), 1), "create": 2, "children": 2}
    assert sum(metrics["latency"]["counts"]) == len(calls)


def test_bytes_of_paths_and_data(session):
    def moved(call):
        before = session.metrics()
        call().exception(WAIT)
        after = session.metrics()
        return after["bytes_sent"] - before["bytes_sent"], after["bytes_received"] - before["bytes_received"]

    assert moved(lambda: session.create("/a", b"x" * 100, ANYONE)) == (102, 2)  # the answer is the path
    assert moved(lambda: session.get("/a")) == (2, 100)
    assert moved(lambda: session.set("/a", None)) == (2, 0)
    assert moved(lambda: session.multi([("set", "/a", b"xy", -1), ("check", "/a", -1)])) == (6, 0)
    assert moved(lambda: session.multi_read([("get", "/a"), ("get", "/missing")])) == (10, 2)
    session.set("/a", b"x" * 50).result(WAIT)
    assert moved(lambda: session.multi_read([("get", "/a"), ("get", "/a")])) == (4, 100)
    assert moved(lambda: session.get("/missing")) == (8, 0)
    assert moved(lambda: session.add_auth("digest", b"u:p")) == (9, 0)


def test_errors_by_code(session):
    for _ in range(2):
        with pytest.raises(errors.NoNodeError):
            session.get("/missing").result(WAIT)
    with pytest.raises(errors.BadVersionError):
        session.set("/", b"", 99).result(WAIT)
    assert session.metrics()["errors"] == {errors.NoNodeError.code: 2, errors.BadVersionError.code: 1}


def test_what_is_refused_at_once_does_not_count(session):
    with pytest.raises(errors.BadArgumentsError):
        session.get("no path")
    session.close()
    with pytest.raises(errors.ClosingError):
        session.get("/")
    assert sum(session.metrics()["requests"].values()) == 0


def test_latency_is_that_of_the_reply(session, zookeeper_server):
    with paused(zookeeper_server):
        request = session.get("/")
        assert session.metrics()["in_flight"] == 1
        assert request.wait(0.3) is False
    request.result(WAIT)
    latency = session.metrics()["latency"]
    assert latency["sum"] >= 0.3
    assert next(bound for bound, count in zip(latency["bounds"], latency["counts"]) if count) >= 0.3
    assert session.metrics()["in_flight"] == 0


def test_watches_that_fire(session):
    one, two = Recorder(), Recorder()
    session.get("/", watch=one).result(WAIT)
    session.get("/", watch=two).result(WAIT)
    session.get_children("/", watch=two).result(WAIT)
    session.set("/", b"x").result(WAIT)
    settle(session)
    assert session.metrics()["watch_events"] == 2
    session.close()
    assert session.metrics()["watch_events"] == 2  # the end is no event of a znode


def test_connections_are_counted(open_session, own_server):
    events = Recorder()
    session = open_session(own_server.hosts, watcher=events, session_timeout=20.0)
    assert session.metrics()["connects"] == 1
    events.next()
    own_server.restart()
    events.until((-1, CONNECTED, ""))
    assert session.metrics()["connects"] == 2


def test_they_stay_after_close(session, zookeeper_server):
    session.get("/").result(WAIT)
    with paused(zookeeper_server):
        session.get("/")
        session.close(0)
    metrics = session.metrics()
    assert metrics["requests"]["get"] == 2
    assert metrics["errors"] == {errors.ClosingError.code: 1}
    assert (sum(metrics["latency"]["counts"]), metrics["in_flight"]) == (2, 0)


@needs_newer_calls
def test_the_errors_of_the_parts_of_a_multi_read_are_counted(session):
    before = session.metrics()["errors"].get(errors.NoNodeError.code, 0)
    session.multi_read([("get", "/none"), ("get", "/"), ("get_children", "/none")]).result(WAIT)
    assert session.metrics()["errors"][errors.NoNodeError.code] == before + 2
