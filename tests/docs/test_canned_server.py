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


def test_many_reads_by_one_request_have_their_own_outcomes(two):
    one, _ = two
    one.create("/a", b"data")
    one.create("/a/b")
    reads = [("get", "/a"), ("get_children", "/a"), ("get", "/none"), ("get", "/data-20"), ("get_children", "/none")]
    found, names, missing, made, gone = one.session.multi_read(reads).result(_SOON)
    assert (found, names) == (one.get("/a"), ["b"])
    assert made[0] == b"/data-20" + b"x" * 12
    assert [(type(error), error.path) for error in (missing, gone)] == [(zkc.NoNodeError, "/none")] * 2


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


def test_sequential_znodes_are_numbered_by_their_parent(two):
    one, other = two
    one.create("/a")
    assert one.create("/a/x-", sequential=True) == "/a/x-0000000000"
    one.delete("/a/x-0000000000")
    assert other.create("/a/y-", sequential=True) == "/a/y-0000000001"
    stat = one.exists("/a")
    assert (stat.num_children, stat.cversion, stat.pzxid > stat.czxid) == (1, 3, True)
    with pytest.raises(zkc.NotEmptyError):
        one.delete("/a")
    with pytest.raises(zkc.NoNodeError):
        one.create("/b/c")


def test_ephemeral_znodes_end_with_their_connection(two):
    one, other = two
    one.create("/a")
    one.create("/a/mine", ephemeral=True)
    assert other.exists("/a/mine").ephemeral_owner == one.session_id
    gone, emptied = threading.Event(), threading.Event()
    other.exists("/a/mine", watch=lambda event: event.type is EventType.DELETED and gone.set())
    other.children("/a", watch=lambda event: event.type is EventType.CHILD and emptied.set())
    one.close()
    assert gone.wait(_SOON)
    assert emptied.wait(_SOON)
    assert other.children("/a") == []


def test_transactions_are_carried_out_whole_or_not_at_all(two):
    one, other = two
    one.create("/a", b"old")
    before = one.exists("/a")
    t = one.transaction()
    t.set("/a", b"new")
    t.create("/a/b")
    t.delete("/a/b")
    t.create("/a")
    t.check("/a", 7)
    with pytest.raises(zkc.NodeExistsError) as caught:
        t.commit()
    assert caught.value.index == 3
    assert other.get("/a") == (b"old", other.exists("/a"))
    after = other.exists("/a")
    assert (after.version, after.mzxid, after.num_children, after.cversion) == (0, before.mzxid, 0, 0)
    with one.transaction() as t:
        t.check("/a", 0)
        made = t.create("/a/b-", sequential=True)
        t.set("/a", b"new")
    assert made.result() == "/a/b-0000000000"
    assert other.get("/a")[0] == b"new"
    assert other.children("/a") == ["b-0000000000"]


@pytest.mark.parametrize("layout", ["curator", "kazoo"])
def test_recipes_run_on_it(two, layout):
    """The benchmark of the recipes uses it; the tests of the recipes use real servers."""
    locks = [client.lock("/locks/a", layout=layout) for client in two]
    turns = []

    def contend(lock):
        for _ in range(20):
            with lock:
                turns.append(lock)

    threads = [threading.Thread(target=contend, args=(lock,)) for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_SOON)
    assert len(turns) == 40
    queue = two[0].queue("/queue")
    queue.put_many([b"1", b"2"])
    for data in (b"1", b"2"):
        item = two[1].queue("/queue").get(timeout=_SOON)
        assert (item.data, item.attempts) == (data, 1)
        item.ack()
    assert queue.size() == 0
    assert [client.counter("/counter").add(1).value for client in two] == [1, 2]
