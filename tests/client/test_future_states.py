"""A future of client.submit is one of concurrent.futures in all of its methods."""

import asyncio
import concurrent.futures
import copy
import gc
import pickle
import threading
import weakref

import pytest

import zkc
from zkc import Client, Future

WAIT = 20.0


@pytest.fixture
def held(client, zookeeper_server):
    """A client whose server does not answer until the test lets it."""
    zookeeper_server.pause()
    try:
        yield client
    finally:
        zookeeper_server.resume()


def test_the_states_as_the_standard_library_shows_them(held, zookeeper_server):
    future = held.submit.get("/")
    assert (future.done(), future.running(), future.cancelled()) == (False, False, False)
    assert "state=pending" in repr(future)
    assert future.set_running_or_notify_cancel() is True
    assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
    assert "state=running" in repr(future)
    assert future.cancel() is False
    zookeeper_server.resume()
    assert future.result(WAIT)[0] == b""
    assert (future.done(), future.running(), future.cancelled()) == (True, False, False)
    assert "state=finished returned tuple" in repr(future)
    assert future.cancel() is False


def test_it_is_done_without_a_waiter(client, eventually):
    future, failing = client.submit.exists("/"), client.submit.get("/none")
    eventually(future.done)
    eventually(failing.done)
    assert future.result(0) is future.result() is not None
    assert failing.exception(0) is failing.exception()
    for _ in range(2):
        with pytest.raises(zkc.NoNodeError) as caught:
            failing.result(0)
        assert caught.value is failing.exception()
    assert "state=finished raised NoNodeError" in repr(failing)
    assert failing.exception().__context__ is None


def test_cancelled_before_the_answer(held, zookeeper_server):
    waiting, watched, late, noticed = (held.submit.get("/") for _ in range(4))
    called = []
    watched.add_done_callback(called.append)
    outcome = []

    def wait():
        try:
            waiting.result(WAIT)
        except concurrent.futures.CancelledError as error:
            outcome.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    for future in (waiting, watched, late, noticed):
        assert future.cancel() is True
        assert future.cancel() is True
        assert (future.done(), future.running(), future.cancelled()) == (True, False, True)
    thread.join(WAIT)
    assert len(outcome) == 1
    assert called == [watched]
    late.add_done_callback(called.append)
    assert called == [watched, late]
    for ask in (late.result, late.exception):
        with pytest.raises(concurrent.futures.CancelledError):
            ask(0)
    assert noticed.set_running_or_notify_cancel() is False
    assert "state=cancelled" in repr(noticed)
    zookeeper_server.resume()
    assert held.exists("/") is not None
    assert late.cancelled()
    assert concurrent.futures.wait([noticed], 0).done == {noticed}


def test_an_outcome_is_set_once(client):
    future = client.submit.get("/")
    assert future.result(WAIT)
    for tell in (lambda: future.set_result(1), lambda: future.set_exception(ValueError())):
        with pytest.raises(concurrent.futures.InvalidStateError, match="FINISHED"):
            tell()
    assert future.exception() is None
    cancelled = Future()
    cancelled.cancel()
    with pytest.raises(concurrent.futures.InvalidStateError, match="CANCELLED"):
        cancelled.set_result(1)
    with pytest.raises((RuntimeError, concurrent.futures.InvalidStateError)):
        future.set_running_or_notify_cancel()


def test_a_future_of_ones_own():
    future = Future()
    called = []
    future.add_done_callback(called.append)
    making = threading.Timer(0.01, future.set_result, ["made"])
    making.start()
    assert future.result(WAIT) == "made"
    making.join()  # Who waits is woken before the callbacks are called.
    assert called == [future]
    failing = Future()
    failing.set_exception(LookupError("mine"))
    with pytest.raises(LookupError, match="mine"):
        failing.result()


def test_waiting_has_a_limit(held):
    future = held.submit.get("/")
    for ask in (future.result, future.exception):
        for limit in (0, 0.01):
            with pytest.raises(concurrent.futures.TimeoutError):
                ask(limit)
    assert concurrent.futures.wait([future], 0.01).not_done == {future}
    with pytest.raises(concurrent.futures.TimeoutError):
        list(concurrent.futures.as_completed([future], 0.01))


def test_waiting_for_many(held, zookeeper_server):
    futures = [held.submit.get("/" if i % 2 else "/none") for i in range(200)]
    done, waited = [], []
    threads = [
        threading.Thread(target=lambda: done.extend(concurrent.futures.as_completed(futures, WAIT))),
        threading.Thread(target=lambda: waited.append(concurrent.futures.wait(futures, WAIT))),
        threading.Thread(
            target=lambda: waited.append(concurrent.futures.wait(futures, WAIT, concurrent.futures.FIRST_EXCEPTION))
        ),
        threading.Thread(target=lambda: [future.exception(WAIT) for future in futures]),
    ]
    for thread in threads:
        thread.start()
    zookeeper_server.resume()
    for thread in threads:
        thread.join(WAIT)
    assert len(done) == len(set(done)) == 200
    assert len(waited) == 2
    assert max(len(found.done) for found in waited) == 200
    assert [type(future.exception(0)) for future in futures] == [zkc.NoNodeError, type(None)] * 100


@pytest.mark.parametrize("made", ["request", "flow"])
def test_no_waiter_misses_the_answer(client, made):
    """Each of several threads looks at the same future in its own way, at the moment when the answer comes."""
    client.create("/a", b"x")
    call = {"request": lambda: client.submit.exists("/a"), "flow": lambda: client.submit.ensure_path("/a")}[made]
    for _ in range(200):
        look_in_four_ways(call())


def look_in_four_ways(future):
    called, seen = threading.Event(), []
    threads = [
        threading.Thread(target=function)
        for function in (
            lambda: seen.append(future.result(WAIT)),
            lambda: seen.append(future.exception(WAIT)),
            lambda: seen.append(len(concurrent.futures.wait([future], WAIT).done)),
            lambda: future.add_done_callback(lambda _: called.set()),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    assert called.wait(WAIT)
    assert len(seen) == 3


def test_of_cancelling_and_answering_one_wins(client):
    outcomes = set()
    for _ in range(300):
        future = client.submit.exists("/")
        calls = []
        future.add_done_callback(calls.append)
        cancelled = future.cancel()
        assert future.cancelled() is cancelled
        if cancelled:
            with pytest.raises(concurrent.futures.CancelledError):
                future.result(0)
        else:
            assert future.result(0) is not None
        outcomes.add(cancelled)
    client.sync("/")
    assert outcomes <= {True, False}


def test_callbacks_run_once_and_in_their_order(client):
    for _ in range(100):
        add_callbacks(client.submit.exists("/"))


def add_callbacks(future):
    called, last = [], threading.Event()
    for number in range(5):
        future.add_done_callback(lambda _, number=number: called.append(number))
    future.add_done_callback(lambda _: last.set())
    future.done()
    assert last.wait(WAIT)
    assert sorted(called) == [0, 1, 2, 3, 4]


def test_a_callback_may_wait_for_one_request(client):
    seen, done = [], threading.Event()

    def call(_):
        seen.append(client.submit.get("/").result(WAIT))
        seen.append(client.submit.get("/none").exception(WAIT))
        done.set()

    client.submit.sync("/").add_done_callback(call)
    assert done.wait(WAIT)
    assert seen[0][0] == b""
    assert type(seen[1]) is zkc.NoNodeError


def test_a_callback_is_refused_to_wait_for_several_requests(held, zookeeper_server):
    seen, done = [], threading.Event()
    later = Future()

    def call(_):
        later.set_result(held.submit.ensure_path("/a/b"))

    first = held.submit.get("/")
    first.add_done_callback(lambda _: zookeeper_server.pause())
    first.add_done_callback(call)

    def ask(future):
        with pytest.raises(RuntimeError, match="this callback thread would deliver the result") as caught:
            future.result().exception(WAIT)
        seen.append(caught.value)
        done.set()

    later.add_done_callback(ask)
    zookeeper_server.resume()
    assert done.wait(WAIT)
    zookeeper_server.resume()
    assert len(seen) == 1
    assert later.result().result(WAIT) is None


def test_in_asyncio(client):
    async def main():
        wrapped = [asyncio.wrap_future(client.submit.exists(path)) for path in ("/", "/none")]
        found = await asyncio.gather(*wrapped)
        with pytest.raises(zkc.NoNodeError):
            await asyncio.wrap_future(client.submit.get("/none"))
        future = client.submit.exists("/")
        outer = asyncio.wrap_future(future)
        outer.cancel()
        await asyncio.sleep(0)
        return found, future

    found, future = asyncio.run(main())
    assert found[0] is not None
    assert found[1] is None
    assert future.cancelled() or future.result(0)


def test_it_cannot_be_pickled(client):
    future = client.submit.get("/")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(future, protocol)
    with pytest.raises(TypeError, match="cannot pickle"):
        copy.deepcopy(future)
    future.result(WAIT)


def test_a_forgotten_future_is_freed(held, zookeeper_server):
    future = held.submit.get("/")
    reference = weakref.ref(future)
    del future
    gc.collect()
    assert reference() is None
    called = threading.Event()
    held.submit.get("/").add_done_callback(lambda _: called.set())
    gc.collect()
    zookeeper_server.resume()
    assert called.wait(WAIT)


def test_a_limit_ends_a_wait(held):
    with pytest.raises(zkc.OperationTimeoutError):  # And not the TimeoutError of result().
        held.submit.get("/", timeout=0.2).result(WAIT)


def test_what_is_under_way_at_the_close(hosts, zookeeper_server):
    client = Client(hosts)
    client.start()
    zookeeper_server.pause()
    plain, watched = client.submit.get("/"), client.submit.get("/")
    called = threading.Event()
    watched.add_done_callback(lambda _: called.set())
    thread = threading.Thread(target=client.close)
    thread.start()
    assert isinstance(plain.exception(WAIT), zkc.ClosingError)
    zookeeper_server.resume()
    thread.join(WAIT)
    assert called.wait(WAIT)
    late = []
    plain.add_done_callback(late.append)
    assert late == [plain]
    assert concurrent.futures.wait([plain, watched], 0).done == {plain, watched}
