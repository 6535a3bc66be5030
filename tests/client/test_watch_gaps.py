"""How many GAP events a watch that stays at the server gets: one for each connection, of the same session or a new.

At a server before 3.9, watches of two kinds that are set on one path at the same moment cost a GAP more. The client
sets its own watches again one kind after the other, so they cost none.
"""

import threading
from contextlib import AsyncExitStack

import pytest

from zkc import ClientState, EventType, WatchType

from ..build_support import needs_newer_calls
from . import both
from .proxy_support import Meddler

pytestmark = needs_newer_calls
GAP, CREATED, CHANGED = EventType.GAP, EventType.CREATED, EventType.CHANGED


@pytest.fixture
def proxy(zookeeper_server):
    with Meddler("127.0.0.1", zookeeper_server.port) as proxy:
        yield proxy


async def new_session(zk, proxy):
    """Have the client hear that its session has expired, at its first attempt to connect again."""
    session_id = zk.session_id
    proxy.say_expired()
    await both.eventually(lambda: zk.session_id not in (0, None, session_id) and zk.state is ClientState.CONNECTED)


CONNECT = {"reconnect": both.reconnect, "new session": new_session}


async def seen_until(events, type_):
    """Return the types of the events up to the first of one type."""
    seen = [(await events.next()).type]
    while seen[-1] is not type_:
        seen.append((await events.next()).type)
    return seen


def is_settled(zk, count):
    return zk.session.watch_count == count and not zk.inner._subscriptions._turns


@pytest.mark.parametrize("how", CONNECT)
async def test_one_gap_follows_each_connection(make_zk, other_zk, through, proxy, how):
    """Two subscriptions and an iterator of each kind, and recurring watches, on one path."""
    zk = make_zk(through)
    await zk.start()
    queues = [both.Events() for _ in range(4)]
    async with AsyncExitStack() as stack:
        iterators = []
        # A persistent watch that is set beside a recursive one costs a GAP at a server before 3.9. This order does not.
        for kind in (WatchType.PERSISTENT, WatchType.RECURSIVE):
            iterators.append(await stack.enter_async_context(zk.watch("/a", watch_type=kind)))
            for events in queues[:2] if kind is WatchType.PERSISTENT else queues[2:]:
                await zk.watch_events("/a", events, recursive=kind is WatchType.RECURSIVE)
        await zk.watch_data("/a", lambda data, stat: None)
        await zk.watch_children("/a", lambda names: None)
        for change, type_ in ((other_zk.create, CREATED), (other_zk.set, CHANGED), (other_zk.set, CHANGED)):
            await both.eventually(lambda: is_settled(zk, 8))
            await CONNECT[how](zk, proxy)
            await both.eventually(lambda: is_settled(zk, 8))
            await zk.sync()
            await change("/a", b"x")
            assert [await seen_until(events, type_) for events in queues] == [[GAP, type_]] * 4
            for iterator in iterators:
                assert [(await iterator.__anext__()).type for _ in range(2)] == [GAP, type_]


async def test_each_gap_of_an_expiry_belongs_to_a_connection(zk, other_zk, events, expire_zk):
    """``expire`` takes the session over by a second connection. The client may connect once more before the end."""
    states = both.Events()
    await zk.watch_events("/a", events)
    for change, type_ in ((other_zk.create, CREATED), (other_zk.set, CHANGED)):
        zk.add_listener(states)
        await expire_zk(zk)
        await both.eventually(lambda: is_settled(zk, 1))
        await zk.sync()
        await change("/a", b"x")
        seen = await seen_until(events, type_)
        zk.remove_listener(states)
        heard = [await states.next() for _ in range(states.qsize())]
        assert seen == [GAP] * heard.count(ClientState.CONNECTED) + [type_]


async def test_a_one_shot_watch_that_crosses_may_cost_a_second_gap(make_zk, other_zk, through, proxy, events):
    """A listener sets it while the client sets the recursive one again: a server before 3.9 keeps only one of them."""
    zk = make_zk(through)
    await zk.start()
    await zk.watch_events("/a", events, recursive=True)
    once = both.Events()
    set_ = threading.Event()

    def listener(state):
        if state is ClientState.CONNECTED:
            future = (
                zk.inner.submit.exists("/a", watch=once) if zk.kind == "sync" else zk.inner.exists("/a", watch=once)
            )
            future.add_done_callback(lambda _: set_.set())

    zk.add_listener(listener)
    await new_session(zk, proxy)
    await both.eventually(lambda: set_.is_set() and is_settled(zk, 2))
    zk.remove_listener(listener)
    await zk.sync()
    await other_zk.create("/a")
    assert await seen_until(events, CREATED) in ([GAP, CREATED], [GAP, GAP, CREATED])
    assert (await once.next()).type is CREATED


def test_a_callback_may_set_another_kind_while_one_is_being_set(make_client_through, other_client, proxy, eventually):
    """The thread that delivers does not wait for a watch whose reply it delivers itself."""
    client = make_client_through()
    client.start()
    seen, made = [], []
    client.watch_events("/a", lambda event: None, recursive=True)

    def listener(state):
        if state is ClientState.CONNECTED:
            made.append(client.watch_events("/a", seen.append))
            made.append(client.watch_data("/a", lambda data, stat: None))

    client.add_listener(listener)
    proxy.say_expired()
    eventually(lambda: len(made) == 2)
    client.remove_listener(listener)
    client.sync("/")
    other_client.create("/a")
    eventually(lambda: seen and seen[-1].type is CREATED)


def test_a_callback_may_watch_again_what_it_has_cancelled(client, other_client, eventually):
    seen, made = [], []

    def change(event):
        if event.type is CREATED:
            made.pop().cancel()
            made.append(client.watch_events("/a", seen.append))

    made.append(client.watch_events("/a", change, recursive=True))
    other_client.create("/a")
    eventually(lambda: made and made[0]._fn == seen.append)
    client.sync("/")
    other_client.set("/a", b"x")
    eventually(lambda: seen and seen[-1].type is CHANGED)


# ---- what watches of several kinds on one path cost ------------------------------------------------------------------


async def test_one_shot_watches_beside_persistent_ones_cost_nothing(zk, zookeeper_server, events):
    """They are set and removed often: the client sets nothing again, and no event is missing."""
    await zk.create("/a")
    for recursive in (False, True):
        await zk.watch_events("/a", events, recursive=recursive)
    await zk.sync()
    before, sent = packets(zookeeper_server), zk.metrics().total
    for _ in range(20):
        for read in (zk.get, zk.exists, zk.children):
            await read("/a", watch=lambda event: None)
        await zk.remove_watches("/a")
    await zk.sync()
    assert events.empty()
    own = zk.metrics().total - sent
    assert packets(zookeeper_server) - before < own + 15, own  # A few pings; something sent in each round would be 20.


async def test_a_persistent_watch_beside_a_recursive_one_costs_a_gap_at_most(zk, events):
    lower = both.Events()
    await zk.watch_events("/a", events)
    await zk.watch_events("/a", lower, recursive=True)
    await zk.sync()
    assert events.empty()  # In this order it costs nothing.
    assert lower.empty()
    (await zk.watch_events("/a", print)).cancel()
    await zk.create("/a")
    for queue in (events, lower):
        assert await seen_until(queue, CREATED) in ([CREATED], [GAP, CREATED])


def packets(server):
    """Return how many packets a server has received."""
    rows = dict(line.split("\t") for line in server.four_letter_word("mntr").splitlines() if "\t" in line)
    return int(rows["zk_packets_received"])
