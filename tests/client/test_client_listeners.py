"""Listeners and wait_for: which ones get the client's states, in which order, and on which thread."""

import asyncio
import contextlib
import logging
import threading

import pytest

import zkc
from zkc import ClientState
from zkc.testing import FaultProxy

from . import both

CLOSED, CONNECTING, CONNECTED = ClientState.CLOSED, ClientState.CONNECTING, ClientState.CONNECTED
SUSPENDED, LOST, READ_ONLY = ClientState.SUSPENDED, ClientState.LOST, ClientState.READ_ONLY


@pytest.fixture
def proxy(zookeeper_server):
    with FaultProxy("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


async def test_the_states_of_a_life_in_their_order(make_zk, proxy, zookeeper_server, events):
    zk = make_zk(proxy.hosts, session_timeout=30)
    zk.add_listener(events)
    async with zk:
        assert [await events.next(), await events.next()] == [CONNECTING, CONNECTED]
        proxy.drop_connections()
        assert [await events.next(), await events.next()] == [SUSPENDED, CONNECTED]
        proxy.refuse()
        proxy.drop_connections()
        assert await events.next() is SUSPENDED
        zookeeper_server.expire(zk.session_id, zk.session_password)
        proxy.accept()
        assert [await events.next(), await events.next()] == [LOST, CONNECTED]
    assert await events.next() is CLOSED
    assert events.empty()
    async with zk:
        assert [await events.next(), await events.next()] == [CONNECTING, CONNECTED]


async def test_the_state_is_what_the_listener_gets(make_zk, events):
    zk = make_zk()
    zk.add_listener(lambda state: events.put((state, zk.state)))
    async with zk:
        await events.next()
        assert await events.next() == (CONNECTED, CONNECTED)
    assert await events.next() == (CLOSED, CLOSED)


async def test_each_listener_is_called_once_and_until_it_is_removed(make_zk, events):
    zk = make_zk()
    other = both.Events()
    for _ in range(3):
        zk.add_listener(events)
    zk.add_listener(other)
    async with zk:
        await other.next()
        await other.next()
        zk.remove_listener(events)
        zk.remove_listener(events)
        zk.remove_listener(print)
    assert await other.next() is CLOSED
    assert [events.get_nowait(), events.get_nowait()] == [CONNECTING, CONNECTED]
    assert events.empty()


async def test_a_listener_gets_what_comes_after_it_was_added(make_zk, events):
    for _ in range(10):
        zk = make_zk()
        async with zk:
            zk.add_listener(events)
        assert await events.next() is CLOSED
        assert events.empty()


async def test_a_bound_method_is_a_listener(make_zk):
    class Listener:
        def __init__(self):
            self.states = []

        def events(self, state):
            self.states.append(state)

    listener = Listener()
    zk = make_zk()
    zk.add_listener(listener.events)
    zk.add_listener(listener.events)
    async with zk:
        await both.eventually(lambda: listener.states == [CONNECTING, CONNECTED])
        zk.remove_listener(listener.events)
    assert listener.states == [CONNECTING, CONNECTED]


@pytest.mark.parametrize("listener", [None, "listener", 5])
def test_a_listener_can_be_called(make_zk, listener):
    with pytest.raises(TypeError, match="listener must be callable with one state"):
        make_zk().add_listener(listener)


async def test_one_that_raises_is_logged_and_the_others_are_called(make_zk, events, caplog):
    def fail(state):
        raise ValueError(f"my own fault in {state}")

    zk = make_zk()
    zk.add_listener(fail)
    zk.add_listener(events)
    with caplog.at_level(logging.ERROR, "zkc"):
        async with zk:
            assert [await events.next(), await events.next()] == [CONNECTING, CONNECTED]
        assert await events.next() is CLOSED
    assert "my own fault in CONNECTED" in caplog.text
    assert "my own fault in CLOSED" in caplog.text
    caplog.clear()  # The traceback refers to what called the listener.


async def test_one_that_calls_the_client(kind, make_zk, events):
    zk = make_zk()

    def call(state):
        if state is CONNECTED:
            events.put(zk.inner.create("/mine", ephemeral=True))

    async def await_call(state):
        if state is CONNECTED:
            events.put(await zk.create("/mine", ephemeral=True))

    zk.add_listener(await_call if kind == "async" else call)
    async with zk:
        assert await events.next() == "/mine"


async def test_one_that_closes_the_client(kind, make_zk, events):
    zk = make_zk()

    def close(state):
        if state is CONNECTED:
            zk.inner.close()

    async def await_close(state):
        if state is CONNECTED:
            await zk.close()

    zk.add_listener(await_close if kind == "async" else close)
    zk.add_listener(events)
    with contextlib.suppress(zkc.ClosingError):
        await zk.start()
    assert [await events.next(), await events.next(), await events.next()] == [CONNECTING, CONNECTED, CLOSED]
    assert zk.closed
    with pytest.raises((zkc.ClosingError, zkc.NotStartedError)):
        await zk.get("/")


async def test_one_that_adds_and_removes_listeners(make_zk, events):
    zk = make_zk()

    def change(state):
        zk.remove_listener(change)
        zk.add_listener(events)

    zk.add_listener(change)
    async with zk:
        assert await events.next() is CONNECTED
    assert await events.next() is CLOSED


async def test_where_listeners_are_called(kind, make_zk, events):
    zk = make_zk()
    zk.add_listener(lambda state: events.put((state, threading.current_thread())))
    async with zk:
        await events.next()
        state, thread = await events.next()
        assert state is CONNECTED
        if kind == "async":
            assert thread is threading.current_thread()
        else:
            assert thread.name.startswith("zkc-dispatch")


# ---- wait_for -------------------------------------------------------------------------------------------------------


async def test_wait_for_a_state_that_is_there(zk):
    assert await zk.wait_for(CONNECTED) is CONNECTED
    assert await zk.wait_for([LOST, CONNECTED], timeout=0.001) is CONNECTED
    assert await zk.wait_for(iter([CONNECTED])) is CONNECTED


async def test_wait_for_a_state_that_comes(make_zk, proxy):
    async with make_zk(proxy.hosts, session_timeout=30) as zk:
        waiting = [both.begin(zk, "wait_for", [SUSPENDED, LOST]) for _ in range(3)]
        proxy.refuse()
        proxy.drop_connections()
        assert [await one for one in waiting] == [SUSPENDED] * 3
        again = both.begin(zk, "wait_for", CONNECTED, timeout=20)
        proxy.accept()
        assert await again is CONNECTED


async def test_wait_for_gives_up(zk):
    with pytest.raises(zkc.OperationTimeoutError) as caught:
        await zk.wait_for([LOST, READ_ONLY], timeout=0.05)
    assert str(caught.value) == "the client is CONNECTED and was not LOST or READ_ONLY within 0.05 s"
    assert isinstance(caught.value, TimeoutError)
    assert not caught.value.maybe_applied
    assert zk.inner._waiters == []


async def test_wait_for_the_end(zk):
    waiting = both.begin(zk, "wait_for", CLOSED)
    lost = both.begin(zk, "wait_for", LOST)
    await both.eventually(lambda: len(zk.inner._waiters) == 2)
    await zk.close()
    assert await waiting is CLOSED
    with pytest.raises(zkc.ClosingError):
        await lost
    assert await zk.wait_for(CLOSED) is CLOSED


async def test_wait_for_before_the_start(make_zk):
    zk = make_zk()
    waiting = both.begin(zk, "wait_for", CONNECTED) if zk.kind == "sync" else None
    async with zk:
        if waiting is not None:
            assert await waiting is CONNECTED


@pytest.mark.parametrize(
    ("state", "error"),
    [("CONNECTED", TypeError), (5, TypeError), (zkc.State.CONNECTED, TypeError), ([], ValueError), (["x"], TypeError)],
)
async def test_wait_for_what_is_no_state(zk, state, error):
    with pytest.raises(error, match="state must"):
        await zk.wait_for(state)
    with pytest.raises(ValueError, match="timeout must be a positive"):
        await zk.wait_for(CONNECTED, timeout=-1)


async def test_a_wait_that_is_cancelled_leaves_nothing(kind, zk):
    if kind == "sync":
        return  # A thread cannot be cancelled.
    waiting = asyncio.ensure_future(zk.wait_for(LOST))
    await asyncio.sleep(0)
    assert len(zk._waiters) == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert zk._waiters == []
