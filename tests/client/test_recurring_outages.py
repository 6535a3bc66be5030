"""Recurring watches: connections and sessions that end, and what is refused."""

import inspect
import logging
import subprocess
import sys
import time

import pytest

import zkc
from zkc import ACL, Perms

from . import both
from .both import mended
from .recurring_support import Data, unwatched

# ---- connections and sessions that end ------------------------------------------------------------------------------


async def test_what_happened_while_the_connection_was_away_is_seen(make_zk, other_zk, proxy, through, data, names):
    zk = make_zk(through)
    await zk.start()
    await other_zk.create("/a", b"1")
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    proxy.refuse()
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.SUSPENDED)
    await other_zk.delete("/a")
    await other_zk.create("/a", b"2")
    await other_zk.create("/a/b")
    proxy.accept()
    assert await data.until(b"2") == [b"1"]
    assert [await names.next(), await names.next()] == [[], ["b"]]


async def test_the_same_value_is_not_delivered_twice(make_zk, other_zk, proxy, through, expire_zk, data, names, events):
    zk = make_zk(through)
    await zk.start()
    await other_zk.create("/a", b"1")
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    await zk.watch_data("/missing", events)
    for _ in range(2):
        await both.reconnect(zk, proxy)
        await expire_zk(zk)
    await other_zk.set("/a", b"2")
    await other_zk.create("/a/b")
    await other_zk.create("/missing")
    assert [await data.next(), await data.next()] == [b"1", b"2"]
    assert [await names.next(), await names.next()] == [[], ["b"]]
    assert [(await events.next())[0], (await events.next())[0]] == [None, b""]


async def test_what_happened_between_two_sessions_is_seen(
    make_zk, other_zk, proxy, through, zookeeper_server, data, names
):
    zk = make_zk(through)
    await zk.start()
    await other_zk.create("/a", b"1")
    await zk.watch_data("/a", data)
    await zk.watch_children("/a", names)
    proxy.refuse()
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.SUSPENDED)
    session_id = zk.session_id
    zookeeper_server.expire(session_id, zk.session_password)
    await other_zk.set("/a", b"2")
    await other_zk.create("/a/b")
    proxy.accept()
    assert await data.until(b"2") == [b"1"]
    assert [await names.next(), await names.next()] == [[], ["b"]]
    assert zk.session_id != session_id
    await other_zk.set("/a", b"3")
    assert await data.next() == b"3"


async def test_the_last_of_a_thousand_sets_with_a_restart_and_an_expiry_between(
    make_zk, proxy, through, zookeeper_server, data
):
    zk, other_zk = make_zk(through, session_timeout=20.0), make_zk(session_timeout=20.0)  # They outlive the restart.
    await zk.start()
    await other_zk.start()
    await other_zk.create("/a", b"-1")
    await zk.watch_data("/a", data)
    for i in range(1000):
        if i == 300:
            zookeeper_server.restart()
        if i == 600:
            await zk.wait_for(zkc.ClientState.CONNECTED)
            zookeeper_server.expire(zk.session_id, zk.session_password)
        await mended(lambda i=i: other_zk.set("/a", b"%d" % i))
    seen = [int(value) for value in await data.until(b"999")]
    assert seen == sorted(set(seen))


async def test_hundreds_go_on_after_an_expiry(zk, other_zk, expire_zk):
    many = {f"/many-{i}": Data() for i in range(400)}
    for path, one in many.items():
        await zk.watch_data(path, one)
    await expire_zk(zk)
    for path in many:
        await other_zk.create(path, path.encode())
    for path, one in many.items():
        assert await one.until(path.encode()) == [None]
    assert zk.session.watch_count == 400


async def test_one_that_is_cancelled_while_the_connection_is_away_is_removed_when_it_is_back(
    make_zk, other_zk, proxy, through, data
):
    zk = make_zk(through)
    await zk.start()
    handle = await zk.watch_data("/a", data)
    assert await data.next() is None
    proxy.refuse()
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.SUSPENDED)
    handle.cancel()
    proxy.accept()
    await zk.wait_for(zkc.ClientState.CONNECTED)
    await unwatched(zk)
    await other_zk.create("/a")
    await zk.sync()
    assert data.empty()


async def test_one_that_is_cancelled_between_two_sessions_does_not_come_back(zk, other_zk, expire_zk, data):
    handle = await zk.watch_data("/a", data)
    assert await data.next() is None
    zk.add_listener(lambda state: handle.cancel() if state is zkc.ClientState.LOST else None)
    await expire_zk(zk)
    assert handle.cancelled
    await other_zk.create("/a")
    await zk.sync()
    assert zk.session.watch_count == 0
    assert data.empty()


# ---- errors ---------------------------------------------------------------------------------------------------------

_ANN = [ACL.digest("ann", "secret")]


async def test_a_znode_that_may_not_be_read(zk, make_zk, data):
    ann = make_zk(auth=[("digest", "ann:secret")])
    await ann.start()
    await ann.create("/a", b"1", acl=_ANN)
    for watch in (zk.watch_data, zk.watch_children):
        with pytest.raises(zkc.NoAuthError):
            await watch("/a", data)
    assert zk.session.watch_count == 0
    await ann.set("/a", b"2")
    await zk.sync()
    assert data.empty()


async def test_a_znode_that_may_be_read_no_longer(make_zk, proxy, through, expire_zk, data, caplog):
    zk, ann = make_zk(through), make_zk(auth=[("digest", "ann:secret")])
    await zk.start()
    await ann.start()
    await ann.create("/a", b"1", acl=[ACL.world(Perms.READ), *_ANN])
    handle = await zk.watch_data("/a", data)
    assert await data.next() == b"1"
    assert handle.error is None
    await ann.set_acl("/a", _ANN)
    await ann.set("/a", b"2")
    await expire_zk(zk)  # The servers send a client no changes of a znode that it may not read.
    await both.eventually(lambda: handle.error is not None)
    assert isinstance(handle.error, zkc.NoAuthError)
    assert "failing" in repr(handle)
    assert not handle.cancelled
    first = handle.error
    await both.reconnect(zk, proxy)
    await both.eventually(lambda: handle.error is not first)  # It was read again, and refused again.
    assert isinstance(handle.error, zkc.NoAuthError)
    await ann.set_acl("/a", [ACL.world(Perms.READ), *_ANN])
    proxy.drop_connections()
    assert await data.next() == b"2"
    assert handle.error is None
    assert sum("/a is not watched" in record.getMessage() for record in caplog.records) == 1
    await ann.set("/a", b"3")
    assert await data.next() == b"3"


async def test_a_session_that_is_lost_for_good_ends_it(zk, data):
    handle = await zk.watch_data("/a", data)
    with pytest.raises(zkc.AuthFailedError):
        await mended(lambda: zk.add_auth("nonsense", "credentials"))  # The refusal may be lost with the connection.
    await both.eventually(lambda: handle.cancelled)
    await both.eventually(lambda: isinstance(handle.error, zkc.AuthFailedError))
    with pytest.raises(zkc.AuthFailedError):
        await zk.watch_data("/a", data)


async def test_a_lost_connection_is_raised_and_leaves_nothing(make_zk, proxy, through, data):
    zk = make_zk(through, session_timeout=30.0)
    await zk.start()
    proxy.pause()
    proxy.refuse()
    watching = both.begin(zk, "watch_data", "/a", data)
    await both.eventually(lambda: zk.session.in_flight)
    proxy.drop_connections()
    with pytest.raises(zkc.ConnectionLossError):
        await watching
    proxy.resume()
    proxy.accept()
    await mended(lambda: zk.create("/a"))
    await mended(zk.sync)
    assert data.empty()
    assert zk.session.watch_count == 0


async def test_a_first_answer_that_takes_too_long_leaves_nothing(make_zk, proxy, through, data):
    zk = make_zk(through)
    await zk.start()
    proxy.pause()
    with pytest.raises(zkc.OperationTimeoutError):
        await zk.watch_data("/a", data, timeout=0.1)
    proxy.resume()
    await zk.sync()
    await unwatched(zk)
    await zk.create("/a")
    await zk.sync()
    assert data.empty()


@pytest.mark.parametrize("kind", ["async"])
async def test_a_cancelled_call_leaves_nothing(make_zk, proxy, through, data):
    zk = make_zk(through)
    await zk.start()
    proxy.pause()
    call = zk.watch_data("/a", data)
    call.cancel()
    proxy.resume()
    await zk.sync()
    await unwatched(zk)
    assert data.empty()


async def test_arguments(zk, data):
    for name in ("watch_data", "watch_children"):
        watch = getattr(zk, name)
        with pytest.raises(ValueError, match="path must start with '/'"):
            await watch("a", data)
        with pytest.raises(TypeError, match=r"fn must be callable with .*, not str"):
            await watch("/a", "fn")
        with pytest.raises(ValueError, match="timeout"):
            await watch("/a", data, timeout=-1)
    assert zk.session.watch_count == 0


class AsyncCallable:
    async def __call__(self, data, stat):
        pass


async def coroutine_function(data, stat):
    pass


@pytest.mark.parametrize("fn", [coroutine_function, AsyncCallable()])
def test_a_synchronous_client_refuses_coroutine_functions(client, fn):
    with pytest.raises(TypeError, match=r"coroutine functions are for zkc\.AsyncClient"):
        client.watch_data("/a", fn)


async def test_a_client_that_is_not_started_or_closed(make_zk, data):
    zk = make_zk()
    with pytest.raises(zkc.NotStartedError):
        await zk.watch_data("/a", data)
    await zk.start()
    await zk.close()
    with pytest.raises(zkc.ClosingError):
        await zk.watch_data("/a", data)


def test_a_script_may_end_without_closing_anything(hosts):
    script = """
import sys, zkc
client = zkc.Client(sys.argv[1])
client.start()
handle = client.watch_data("/a", print)
events = client.watch("/a")
client.create("/a", b"1")
print(next(events).type)
"""
    done = subprocess.run([sys.executable, "-c", script, hosts], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "CREATED" in done.stdout


def test_a_forked_child_leaves_the_watch_alone(hosts):
    script = """
import gc, os, sys, zkc
with zkc.Client(sys.argv[1]) as client:
    handle = client.watch_data("/a", lambda data, stat: None)
    events = client.watch("/a")
    pid = os.fork()
    if pid == 0:
        handle.cancel()
        del events
        gc.collect()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    client.create("/a", b"1")
    print(next(events).type)
"""
    done = subprocess.run([sys.executable, "-c", script, hosts], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "CREATED\n")


def test_watches_are_cancelled_while_no_place_in_flight_is_free(make_client_through, proxy, data):
    client = make_client_through(max_in_flight=3)
    handle = client.watch_data("/a", data)
    proxy.pause()
    requests = [client.session.sync("/") for _ in range(3)]
    handle.cancel()  # It does not wait.
    proxy.resume()
    for request in requests:
        request.result(10)
    deadline = time.monotonic() + 20
    while client.session.watch_count and time.monotonic() < deadline:
        client.sync()
    assert client.session.watch_count == 0


def test_by_submit(client, data):
    future = client.submit.watch_data("/a", data)
    assert isinstance(future, zkc.Future)
    handle = future.result(10)
    assert isinstance(handle, zkc.Subscription)
    assert data.get(timeout=10) is None


async def test_it_says_what_it_is(zk, data):
    handle = await zk.watch_data("/a", data)
    assert repr(handle) == "<zkc.Subscription /a watching>"
    assert handle.path == "/a"
    handle.cancel()
    assert repr(handle) == "<zkc.Subscription /a cancelled>"
    assert inspect.getdoc(type(handle).cancelled)


async def test_no_warning_is_logged_for_what_is_usual(zk, expire_zk, data, caplog):
    with caplog.at_level(logging.DEBUG, "zkc"):
        handle = await zk.watch_data("/a", data)
        await expire_zk(zk)
        await zk.close()
        await both.eventually(lambda: handle.cancelled)
    assert not [record for record in caplog.records if "not watched" in record.getMessage()]
    assert not [record for record in caplog.records if record.name == "zkc.callback"]
