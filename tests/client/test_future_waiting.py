"""A future of one request is waited for without the thread that runs callbacks, which a callback may hold."""

import concurrent.futures
import threading
import time

import pytest

import zkc

WAIT = 20.0


@pytest.fixture
def blocked(client):
    """A client whose callbacks' thread is held by a watch until the test ends."""
    entered, released = threading.Event(), threading.Event()

    def watch(_):
        entered.set()
        released.wait(60.0)

    client.create("/blocked")
    client.get("/blocked", watch=watch)
    client.set("/blocked", b"x")
    assert entered.wait(WAIT)
    try:
        yield client
    finally:
        released.set()


def test_calls_of_one_request(blocked):
    submit = blocked.submit
    assert submit.create("/a", b"1").result(WAIT) == "/a"
    assert submit.create_with_stat("/a/b").result(WAIT)[0] == "/a/b"
    assert submit.get("/a").result(WAIT)[0] == b"1"
    assert submit.set("/a", b"2").result(WAIT).version == 1
    assert submit.exists("/a").result(WAIT).version == 1
    assert submit.exists("/none").result(WAIT) is None
    assert submit.children("/a").result(WAIT) == ["b"]
    assert submit.children_with_stat("/a").result(WAIT)[0] == ["b"]
    assert submit.delete("/a/b").result(WAIT) is None
    assert type(submit.delete("/none").exception(WAIT)) is zkc.NoNodeError
    with pytest.raises(zkc.NoNodeError):
        submit.get("/none").result(WAIT)


def test_with_a_done_callback_that_has_to_wait_for_its_turn(blocked, zookeeper_server):
    called = []
    zookeeper_server.pause()  # One that is added after the answer is called at once.
    future = blocked.submit.get("/")
    future.add_done_callback(called.append)
    zookeeper_server.resume()
    assert future.result(WAIT)[0] == b""
    assert future.done()
    assert future.cancel() is False
    assert called == []  # Callbacks run where all do, and one of them holds the thread.


def test_the_callback_runs_once_the_thread_is_free(client, zookeeper_server):
    called, entered, released, last = [], threading.Event(), threading.Event(), threading.Event()

    def hold(_):
        entered.set()
        released.wait(WAIT)

    def add(number):
        future.add_done_callback(lambda _: called.append((number, threading.current_thread().name)))

    zookeeper_server.pause()
    client.submit.exists("/").add_done_callback(hold)
    future = client.submit.get("/")
    for number in range(3):
        add(number)
    zookeeper_server.resume()
    assert entered.wait(WAIT)
    assert future.result(WAIT)[0] == b""
    assert called == []
    add(3)  # The others have not had their turn, so it comes behind them.
    future.add_done_callback(lambda _: last.set())
    assert called == []
    released.set()
    assert last.wait(WAIT)
    assert [number for number, _ in called] == [0, 1, 2, 3]
    assert {name.rpartition("-")[0] for _, name in called} == {"zkc-dispatch"}


def test_wait_and_as_completed(blocked):
    futures = [blocked.submit.create(f"/n{i}") for i in range(20)]
    done, pending = concurrent.futures.wait(futures, timeout=WAIT)
    assert len(done) == 20
    assert pending == set()
    for kind in (concurrent.futures.FIRST_COMPLETED, concurrent.futures.FIRST_EXCEPTION):
        done, _ = concurrent.futures.wait([blocked.submit.get("/"), blocked.submit.get("/none")], WAIT, kind)
        assert done
    again = [blocked.submit.get(f"/n{i}") for i in range(20)]
    assert {future.result()[0] for future in concurrent.futures.as_completed(again, timeout=WAIT)} == {b""}


def test_who_holds_the_condition_sees_no_change(blocked, zookeeper_server):
    """concurrent.futures.wait() looks at the states more than once while it holds all conditions."""
    zookeeper_server.pause()
    future = blocked.submit.get("/")
    with future._condition:
        zookeeper_server.resume()
        blocked.get("/")  # Its answer comes after the other.
        assert future._state == "PENDING"
        assert not future.done()
    assert future.result(WAIT)[0] == b""
    assert future._state == "FINISHED"


def test_wait_again_and_again_by_several_threads(blocked):
    def work(number):
        for _ in range(30):
            futures = [blocked.submit.exists("/") for _ in range(1 + number)]
            for future in futures[::2]:
                future.done()
            done, pending = concurrent.futures.wait(futures, timeout=WAIT)
            assert len(done) == len(futures)
            assert not pending
            assert len(list(concurrent.futures.as_completed(futures, timeout=WAIT))) == len(set(futures))
        return number

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(work, range(4))) == [0, 1, 2, 3]


def test_several_threads_wait_for_one(blocked):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        future = blocked.submit.get("/")
        results = [pool.submit(future.result, WAIT) for _ in range(4)]
        found = [result.result(WAIT) for result in results]
    assert all(each is found[0] for each in found)


def test_a_limit_of_the_call_ends_a_wait(blocked, zookeeper_server):
    zookeeper_server.pause()
    try:
        with pytest.raises(zkc.OperationTimeoutError):
            blocked.submit.get("/", timeout=0.1).result(WAIT)
        future = blocked.submit.get("/")
        with pytest.raises(concurrent.futures.TimeoutError):
            future.result(0.05)
    finally:
        zookeeper_server.resume()
    assert future.result(WAIT)[0] == b""


def test_cancelled_by_another_thread(blocked, zookeeper_server):
    zookeeper_server.pause()
    try:
        future = blocked.submit.get("/")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(future.result, WAIT)
            while not waiting.running():
                time.sleep(0.001)
            assert future.cancel()
            with pytest.raises(concurrent.futures.CancelledError):  # And not the TimeoutError of either result().
                waiting.result(WAIT)
    finally:
        zookeeper_server.resume()


def test_the_end_of_the_session_ends_a_wait(client, zookeeper_server):
    zookeeper_server.pause()
    try:
        futures = [client.submit.get("/") for _ in range(3)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            one = pool.submit(futures[0].exception, WAIT)
            all_of_them = pool.submit(concurrent.futures.wait, futures, WAIT)
            client.close()
            assert type(one.result(WAIT)) is zkc.ClosingError
            assert len(all_of_them.result(WAIT).done) == 3
    finally:
        zookeeper_server.resume()
