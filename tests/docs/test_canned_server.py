"""The benchmarks' server that answers from memory: what a client sees of it is what a real server would show."""

from __future__ import annotations

import socket
import threading

import pytest

import zkc
from benchmarks.canned import CannedServer
from benchmarks.clients import STARTS
from benchmarks.worker_process import WorkerError
from zkc import EventType

_SOON = 30


@pytest.fixture
def hosts():
    with CannedServer() as server:
        yield server.hosts


@pytest.fixture
def two(hosts):
    with zkc.Client(hosts) as one, zkc.Client(hosts) as other:
        yield one, other


def test_data_is_there_in_the_size_that_its_path_asks_for(two):
    data, stat = two[0].get("/data-20")
    assert data == b"/data-20" + b"x" * 12
    assert (stat.data_length, stat.version) == (20, 0)
    found = two[0].get_many([f"/data-100.{number:04}" for number in range(2_000)], raise_errors=True)
    assert [data[:15] for data, _ in found] == [f"/data-100.{number:04}x".encode() for number in range(2_000)]
    assert len(two[0].get("/data-1048576")[0]) == 1 << 20


def test_a_znode_is_made_changed_and_deleted(two):
    one, other = two
    assert one.create("/a", b"first") == "/a"
    made = other.get("/a")[1]
    changed = one.set("/a", b"second", version=0)
    assert other.get("/a") == (b"second", changed)
    assert (changed.version, changed.data_length, changed.czxid) == (1, 6, made.mzxid)
    assert changed.mzxid > made.mzxid
    one.create("/a/child")
    assert other.children("/a") == ["child"]
    one.delete("/a/child")
    one.delete("/a", version=1)
    assert other.exists("/a") is None


def test_what_cannot_be_is_refused_by_name(two):
    one, _ = two
    one.create("/a")
    with pytest.raises(zkc.NodeExistsError):
        one.create("/a")
    with pytest.raises(zkc.NoNodeError):
        one.get("/b")
    with pytest.raises(zkc.NoNodeError):
        one.delete("/b")
    with pytest.raises(zkc.BadVersionError):
        one.set("/a", b"", version=7)


def test_watches_report_once_what_another_session_does(two):
    one, other = two
    one.create("/a")
    told, happened = [], threading.Semaphore(0)

    def watch(event):
        told.append((event.type, event.path))
        happened.release()

    one.get("/a", watch=watch)
    one.exists("/b", watch=watch)
    for action in (lambda: other.set("/a", b"1"), lambda: other.create("/b")):
        action()
        assert happened.acquire(timeout=_SOON)
    one.exists("/b", watch=watch)
    other.set("/a", b"2")  # no watch is left
    other.delete("/b")
    assert happened.acquire(timeout=_SOON)
    assert told == [(EventType.CHANGED, "/a"), (EventType.CREATED, "/b"), (EventType.DELETED, "/b")]


def test_a_session_hears_of_its_own_change_before_the_reply(two):
    session = two[0].session
    two[0].create("/a")
    order, ended = [], threading.Event()
    session.get("/a", lambda *_: order.append("event")).result(_SOON)

    def replied(_):
        order.append("reply")
        ended.set()

    session.set("/a", b"x" * 5_000, -1, replied)
    assert ended.wait(_SOON)
    assert order == ["event", "reply"]


def test_what_follows_a_get_of_the_hole_waits_until_it_is_released(two, hosts):
    held = [two[0].submit.get("/hole"), two[0].submit.get("/data-8")]
    assert two[1].get("/data-8")[0] == b"/data-8x"  # others are served
    assert not any(one.done() for one in held)
    host, port = hosts.split(":")
    with socket.create_connection((host, int(port)), timeout=_SOON) as control:
        control.sendall(b"free")
        assert held[1].result(_SOON)[0] == b"/data-8x"
    assert isinstance(held[0].exception(_SOON), zkc.NoNodeError)


def test_it_says_its_version(hosts):
    host, port = hosts.split(":")
    with socket.create_connection((host, int(port)), timeout=_SOON) as control, control.makefile("rb") as answer:
        control.sendall(b"srvr")
        assert answer.read().startswith(b"Zookeeper version: 3.")


@pytest.mark.parametrize("worker", ["floor", "zkc"])
def test_a_worker_measures_and_is_not_content_with_a_wrong_answer(worker, two, hosts, capfd):
    with STARTS[worker](hosts) as side:
        figures = side.run("get", 20, 50)
        assert 0 < figures["p50"] <= figures["p99"]
        assert figures["rate"] > 0
        two[0].set("/data-50", b"something else")
        with pytest.raises(WorkerError, match="ended"):
            side.run("get", 20, 50)
    assert "wrong answer" in capfd.readouterr().err
