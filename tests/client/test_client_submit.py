"""client.submit: the same calls, each of which returns a future at once."""

import asyncio
import concurrent.futures
import threading

import pytest

import zkc
from zkc import Client, Future


def test_every_call_gives_a_future(client):
    submit = client.submit
    futures = [
        submit.create("/a", b"x"),
        submit.create_with_stat("/b/c", make_parents=True),
        submit.create("/p-", sequential=True, protected=True),
        submit.ensure_path("/d/e"),
        submit.set("/a", b"y"),
        submit.get("/a"),
        submit.exists("/none"),
        submit.children("/"),
        submit.children_with_stat("/"),
        submit.get_acl("/a"),
        submit.set_acl("/a", [zkc.ACL.world()]),
        submit.delete("/none", missing_ok=True),
        submit.delete("/none", recursive=True, missing_ok=True),
        submit.sync(),
        submit.add_auth("digest", "a:b"),
        submit.get_config(),
        submit.transaction().commit(),
    ]
    assert {type(future) for future in futures} == {Future}
    assert all(isinstance(future, concurrent.futures.Future) for future in futures)
    results = [future.result(20) for future in futures]
    assert results[0] == "/a"
    assert results[5][0] == b"y"
    assert results[6] is None
    assert client.exists("/b/c") is not None
    assert client.exists("/d/e") is not None


def test_calls_are_sent_in_their_order_and_nothing_waits(client, zookeeper_server):
    client.create("/a")
    zookeeper_server.pause()
    futures = [client.submit.set("/a", b"%d" % i) for i in range(1000)]
    read = client.submit.get("/a")
    assert not read.done()  # Nothing has waited for the server.
    zookeeper_server.resume()
    assert read.result(20)[0] == b"999"
    assert [future.result().version for future in futures] == list(range(1, 1001))


def test_an_error_is_the_futures(client):
    future = client.submit.get("/none")
    with pytest.raises(zkc.NoNodeError) as caught:
        future.result(20)
    assert caught.value.path == "/none"
    assert type(future.exception(20)) is zkc.NoNodeError
    assert client.submit.get("/").exception(20) is None


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda submit: submit.get("a"), ValueError),
        (lambda submit: submit.set("/a", "text"), TypeError),
        (lambda submit: submit.get("/a", timeout=0), ValueError),
        (lambda submit: submit.create("/a", make_parents=1), TypeError),
        (lambda submit: submit.ensure_path(5), TypeError),
    ],
)
def test_a_bad_argument_is_refused_at_the_call(client, call, error):
    with pytest.raises(error):
        call(client.submit)


def test_a_client_without_a_session_refuses_at_the_call(hosts):
    client = Client(hosts)
    with pytest.raises(zkc.NotStartedError):
        client.submit.get("/")
    with client:
        pass
    with pytest.raises(zkc.ClosingError):
        client.submit.get("/")


def test_done_callbacks_run_on_the_clients_thread(client):
    called = threading.Event()
    seen = []

    def done(future):
        seen.append((future.result(), threading.current_thread().name))
        called.set()

    future = client.submit.create("/a")
    future.add_done_callback(done)
    assert called.wait(20)
    path, thread = seen[0]
    assert path == "/a"
    assert thread.startswith("zkc-dispatch") or future.done()


def test_a_callback_that_raises_harms_nothing(client, caplog, eventually):
    def fail(future):
        raise ValueError("my own fault")

    future = client.submit.get("/")
    future.add_done_callback(fail)
    future.result(20)
    assert client.exists("/") is not None
    eventually(lambda: "my own fault" in caplog.text)  # The callback may have its turn behind both replies.
    caplog.clear()  # The traceback refers to the future.


def test_a_callback_may_call_the_client(client):
    done = threading.Event()
    seen = []

    def call(future):
        seen.append(client.exists(future.result()))
        done.set()

    client.submit.create("/a").add_done_callback(call)
    assert done.wait(20)
    assert seen[0] is not None


def test_wait_and_as_completed(client):
    futures = [client.submit.create(f"/n{i}") for i in range(50)]
    done, pending = concurrent.futures.wait(futures, timeout=20)
    assert (len(done), len(pending)) == (50, 0)
    again = [client.submit.exists(f"/n{i}") for i in range(50)]
    assert all(future.result() is not None for future in concurrent.futures.as_completed(again, timeout=20))


def test_cancelling_recalls_nothing_and_leaks_nothing(client, zookeeper_server, eventually):
    zookeeper_server.pause()
    futures = [client.submit.create(f"/n{i}") for i in range(20)]
    futures += [client.submit.ensure_path(f"/a/{i}") for i in range(5)]
    futures += [client.submit.create("/p-", sequential=True, protected=True)]
    assert all(future.cancel() for future in futures)
    with pytest.raises(concurrent.futures.CancelledError):
        futures[0].result()
    zookeeper_server.resume()
    client.sync()
    assert client.exists("/n19") is not None
    eventually(lambda: not [name for name in client.children("/") if "p-" in name])
    assert all(future.cancelled() for future in futures)
    eventually(lambda: client.session.in_flight == 0)


def test_a_limit_for_the_answer(client, zookeeper_server, hosts):
    with Client(hosts, session_timeout=60, request_timeout=0.1) as hasty:
        zookeeper_server.pause()
        try:
            limited = [
                client.submit.set("/", b"", timeout=0.1),
                client.submit.get("/", timeout=0.1),
                client.submit.ensure_path("/a/b", timeout=0.1),
                client.submit.create("/a/b", make_parents=True, timeout=0.1),
                hasty.submit.set("/", b""),
            ]
            unlimited = client.submit.get("/")
            errors = [future.exception(20) for future in limited]
        finally:
            zookeeper_server.resume()
        assert [type(error) for error in errors] == [zkc.OperationTimeoutError] * 5
        assert [error.maybe_applied for error in errors] == [True, False, False, True, True]
        assert [error.operation for error in errors[:3]] == ["set", "get", "exists"]
        assert unlimited.result(20)[1].version > 0


def test_limits_of_answered_calls_do_not_pile_up(client):
    for _ in range(5):
        for future in [client.submit.exists("/", timeout=600) for _ in range(1000)]:
            future.result(20)
    assert len(client._timers._entries) <= 2001


def test_result_has_a_limit_of_its_own(client, zookeeper_server):
    zookeeper_server.pause()
    future = client.submit.get("/")
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0.05)
    zookeeper_server.resume()
    assert future.result(20) is not None


def test_closing_fails_what_is_under_way(hosts, zookeeper_server):
    client = Client(hosts)
    client.start()
    zookeeper_server.pause()
    futures = [client.submit.get("/"), client.submit.ensure_path("/a/b"), client.submit.set("/", b"")]
    thread = threading.Thread(target=client.close)
    thread.start()
    errors = [future.exception(20) for future in futures]
    zookeeper_server.resume()
    thread.join()
    assert [type(error) for error in errors] == [zkc.ClosingError] * 3
    assert [error.maybe_applied for error in errors] == [False, False, True]


def test_in_an_event_loop(client):
    async def main():
        made = await asyncio.wrap_future(client.submit.create("/a", b"x"))
        contents = await asyncio.gather(*(asyncio.wrap_future(client.submit.get(made)) for _ in range(20)))
        return {data for data, _ in contents}

    assert asyncio.run(main()) == {b"x"}


def test_a_transaction(client):
    transaction = client.submit.transaction()
    assert repr(transaction) == "<zkc.SubmitTransaction of 0 operations>"
    made = transaction.create("/a")
    changed = transaction.set("/a", b"x")
    future = transaction.commit()
    assert type(future) is Future
    assert future.result(20) == ["/a", changed.result()]
    assert made.result() == "/a"
    failing = client.submit.transaction()
    failing.check("/a")
    failing.delete("/none")
    error = failing.commit().exception(20)
    assert (type(error), error.index) == (zkc.NoNodeError, 1)
    with pytest.raises(ValueError, match="was committed already"):
        failing.commit()


def test_many_threads_submit(client):
    client.create("/n")
    futures = []

    def work(number):
        futures.extend([client.submit.create(f"/n/{number}-{i}") for i in range(200)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({future.result(20) for future in futures}) == 1600
    assert len(client.children("/n")) == 1600


def test_more_than_may_be_in_flight(hosts):
    with Client(hosts, max_in_flight=10) as client:
        futures = [client.submit.create(f"/n{i}") for i in range(500)]
        assert [future.result(20) for future in futures] == [f"/n{i}" for i in range(500)]


@pytest.mark.parametrize("how", ["callback", "both", "asyncio"])
def test_the_watch_of_a_call_stays_when_its_future_has_a_callback(client, other_client, eventually, how):
    seen, done = [], []
    for number in range(5):
        future = client.submit.exists(f"/{number}", watch=lambda event: seen.append(event.path))
        if how == "asyncio":

            async def wait(future):
                return await asyncio.wrap_future(future)

            done.append(asyncio.run(wait(future)))
        else:
            future.add_done_callback(lambda future: done.append(future.result()))
            if how == "both":
                future.result(10)
    eventually(lambda: len(done) == 5)
    assert done == [None] * 5
    assert client.session.watch_count == 5
    for number in range(5):
        other_client.create(f"/{number}")
    eventually(lambda: len(seen) == 5)
    assert seen == [f"/{number}" for number in range(5)]


def test_a_cancelled_future_with_a_callback_has_no_watch(client, zookeeper_server, eventually):
    zookeeper_server.pause()
    try:
        future = client.submit.exists("/a", watch=print)
        future.add_done_callback(lambda future: None)
        assert future.cancel()
    finally:
        zookeeper_server.resume()
    client.sync("/")
    eventually(lambda: client.session.watch_count == 0)
