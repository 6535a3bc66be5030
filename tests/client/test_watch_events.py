"""watch_events: the events of a persistent and of a recursive watch, what ends them, and what may be missing."""

import asyncio
import gc
import inspect
import os

import pytest

import zkc
from zkc import EventType, State, WatchedEvent, WatchType

from ..build_support import needs_newer_calls
from . import both

pytestmark = needs_newer_calls
CREATED, DELETED, CHANGED, CHILD = EventType.CREATED, EventType.DELETED, EventType.CHANGED, EventType.CHILD
GAP, NOT_WATCHING = EventType.GAP, EventType.NOT_WATCHING


def simple(event):
    return event.type, event.path


async def taken(events, count):
    return [simple(await events.next()) for _ in range(count)]


async def after_gaps(take):
    """Return the first event after a GAP; the old session may have connected once more before it expired."""
    event = await take()
    assert event.type is GAP
    assert event.state is State.CONNECTED
    while event.type is GAP:
        event = await take()
    return simple(event)


async def outcome(call):
    """Return the outcome of a call of a recipe of either client."""
    return await call if inspect.isawaitable(call) else call


async def unwatched(zk):
    await both.eventually(lambda: zk.session.watch_count == 0)


async def live(zk):
    """Make changes of which each kind of watch reports others."""
    await zk.create("/a")
    await zk.set("/a", b"x")
    await zk.create("/a/b")
    await zk.set("/a/b", b"x")
    await zk.delete("/a/b")
    await zk.delete("/a")


SEEN = {
    False: [(CREATED, "/a"), (CHANGED, "/a"), (CHILD, "/a"), (CHILD, "/a"), (DELETED, "/a")],
    True: [
        *[(CREATED, "/a"), (CHANGED, "/a"), (CREATED, "/a/b"), (CHANGED, "/a/b"), (DELETED, "/a/b"), (DELETED, "/a")],
    ],
}


@pytest.mark.parametrize("recursive", [False, True], ids=["persistent", "recursive"])
async def test_every_event_is_reported_in_order(zk, other_zk, events, recursive):
    subscription = await zk.watch_events("/a", events, recursive=recursive)
    for _ in range(2):
        await live(other_zk)
        assert await taken(events, len(SEEN[recursive])) == SEEN[recursive]
    name = "recursive" if recursive else "persistent"
    assert repr(subscription) == f"<zkc.EventSubscription /a {name} watching>"
    assert subscription.kind is (WatchType.RECURSIVE if recursive else WatchType.PERSISTENT)
    subscription.cancel()
    assert (subscription.cancelled, subscription.error) == (True, None)
    assert repr(subscription) == f"<zkc.EventSubscription /a {name} cancelled>"
    await unwatched(zk)
    await live(other_zk)
    await zk.sync()
    assert events.empty()


@pytest.mark.parametrize("recursive", [False, True], ids=["persistent", "recursive"])
async def test_an_iterator_yields_the_same(zk, other_zk, recursive):
    kind = WatchType.RECURSIVE if recursive else WatchType.PERSISTENT
    async with zk.watch("/a", watch_type=kind) as iterator:
        assert repr(iterator).endswith(f"WatchEvents /a {'recursive' if recursive else 'persistent'} watching>")
        await live(other_zk)
        assert [simple(await iterator.__anext__()) for _ in SEEN[recursive]] == SEEN[recursive]
    with pytest.raises(StopAsyncIteration):
        await iterator.__anext__()
    await unwatched(zk)


async def test_a_dropped_iterator_removes_its_watch(zk):
    iterator = await zk.watch("/a", watch_type=WatchType.RECURSIVE).__aenter__()
    await both.eventually(lambda: zk.session.watch_count == 1)
    del iterator
    gc.collect()
    await unwatched(zk)


async def test_the_zxid_is_that_of_the_change_where_the_server_reports_it(zk, other_zk, events):
    await zk.watch_events("/a", events)
    await other_zk.create("/a")
    event = await events.next()
    assert event.zxid in (None, (await zk.exists("/a")).czxid)
    assert event == WatchedEvent(CREATED, State.CONNECTED, "/a", 12345)


async def test_a_gap_follows_each_reconnect_and_the_watch_goes_on(make_zk, other_zk, through, proxy, events):
    zk = make_zk(through)
    await zk.start()
    await zk.watch_events("/a", events, recursive=True)
    for path in ("/a", "/a/b"):
        await both.reconnect(zk, proxy)
        await zk.sync()
        await other_zk.create(path)
        assert await taken(events, 2) == [(GAP, "/a"), (CREATED, path)]


async def test_a_gap_opens_each_new_session(zk, other_zk, events, expire_zk):
    lower = both.Events()
    subscriptions = [await zk.watch_events("/a", events), await zk.watch_events("/b", lower, recursive=True)]
    async with zk.watch("/b", watch_type=WatchType.RECURSIVE) as iterator:
        for path, below in (("", CREATED), ("/c", CHILD)):
            await expire_zk(zk)
            await both.eventually(lambda: zk.session.watch_count == 3)
            await zk.sync()  # The server has them all.
            await other_zk.create("/a" + path)
            await other_zk.create("/b" + path)
            assert await after_gaps(events.next) == (below, "/a")
            assert await after_gaps(lower.next) == (CREATED, "/b" + path)
            assert await after_gaps(iterator.__anext__) == (CREATED, "/b" + path)
    assert not any(each.cancelled for each in subscriptions)
    await both.eventually(lambda: zk.session.watch_count == 2)


async def test_a_full_iterator_yields_a_gap(make_zk, other_zk):
    zk = make_zk(max_queued_events=5)
    await zk.start()
    await other_zk.create("/a")
    async with zk.watch("/a", watch_type=WatchType.PERSISTENT) as iterator:
        for _ in range(50):
            await other_zk.set("/a", b"x")
        # All are on their way by a queue of the session, which is bounded as well: none may come later than the GAP.
        await both.eventually(lambda: zk.metrics().dropped_events == 45)
        seen = []
        while (GAP, "/a") not in seen:
            seen.append(simple(await iterator.__anext__()))
        assert len(seen) == 6
        assert set(seen[:-1]) == {(CHANGED, "/a")}
        await other_zk.delete("/a")
        while seen[-1] != (DELETED, "/a"):
            seen.append(simple(await iterator.__anext__()))
        assert seen.count((CHANGED, "/a")) == 5


async def test_a_gap_has_the_path_of_the_watch(make_zk, other_zk):
    zk = make_zk(max_queued_events=5)
    await zk.start()
    await other_zk.create("/a")
    async with zk.watch("/a", watch_type=WatchType.RECURSIVE) as iterator:
        for number in range(50):
            await other_zk.create(f"/a/{number}")
        await zk.sync()
        events = [await iterator.__anext__()]
        while events[-1].type is not GAP:
            events.append(await iterator.__anext__())
        assert simple(events[0]) == (CREATED, "/a/0")
        assert events[-1].path == "/a"


async def test_coroutines_run_one_after_the_other_and_a_full_queue_is_a_gap(make_zk, other_zk, kind, loop):
    if kind == "sync":
        pytest.skip("coroutine functions are for AsyncClient")
    zk = make_zk(max_queued_events=5)
    await zk.start()
    await other_zk.create("/a")
    seen, go_on, running = [], asyncio.Event(), []

    async def slow(event):
        running.append(event)
        assert len(running) == 1
        await go_on.wait()
        await asyncio.sleep(0)  # Other tasks have a turn while it runs.
        seen.append(simple(event))
        running.clear()

    subscription = await zk.watch_events("/a", slow)
    for _ in range(50):
        await other_zk.set("/a", b"x")
    await zk.sync()
    go_on.set()
    await both.eventually(lambda: seen[-1:] == [(GAP, "/a")])
    assert zk.metrics().dropped_events == 50 - (len(seen) - 1)
    assert seen == [(CHANGED, "/a")] * (len(seen) - 1) + [(GAP, "/a")]
    assert len(seen) <= 7 + 1
    await other_zk.delete("/a")
    await both.eventually(lambda: seen[-1:] == [(DELETED, "/a")])
    go_on.clear()
    await live(other_zk)
    await both.eventually(lambda: running)
    subscription.cancel()
    shown = len(seen)
    go_on.set()
    await both.eventually(lambda: not running)
    await zk.sync()
    assert len(seen) == shown + 1  # the call that was under way


async def test_a_function_that_raises_is_called_again(zk, other_zk, caplog):
    seen = []

    def fail(event):
        seen.append(simple(event))
        raise ValueError("mine")

    await zk.watch_events("/a", fail)
    await live(other_zk)
    await both.eventually(lambda: seen == SEEN[False])
    # The last is logged behind that.
    await both.eventually(lambda: sum(each.name == "zkc.callback" for each in list(caplog.records)) == len(seen))
    assert "ValueError: mine" in caplog.text
    caplog.clear()


async def test_it_may_be_cancelled_by_its_own_function(zk, other_zk):
    seen = []
    made = []

    def once(event):
        seen.append(simple(event))
        made[0].cancel()

    made.append(await zk.watch_events("/a", once))
    await live(other_zk)
    await unwatched(zk)
    assert seen == [(CREATED, "/a")]


async def test_close_ends_it_without_an_event(make_zk, events):
    zk = make_zk()
    await zk.start()
    subscription = await zk.watch_events("/a", events)
    await zk.close()
    assert (subscription.cancelled, subscription.error) == (True, None)
    assert events.empty()


def test_a_forgotten_client_ends_with_its_subscriptions(hosts, eventually):
    clients = [zkc.Client(hosts)]
    clients[0].start()
    subscription = clients[0].watch_events("/a", lambda event: None)

    def forget():
        clients.clear()
        eventually(lambda: len(warned))  # A callback on its dispatcher may go on.

    with pytest.warns(ResourceWarning, match="was not closed") as warned:
        forget()
    eventually(lambda: subscription.cancelled)
    assert subscription.error is None


def test_a_forked_child_may_cancel_and_drop(client, hosts):
    subscription = client.watch_events("/a", lambda event: None)
    iterator = client.watch("/a", watch_type=WatchType.PERSISTENT)
    pid = os.fork()
    if pid == 0:
        try:
            subscription.cancel()
            del iterator
            gc.collect()
        finally:
            os._exit(0 if subscription.cancelled else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert not subscription.cancelled
    assert client.session.watch_count == 2
    iterator.close()


# ---- removal --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind_", [WatchType.PERSISTENT, WatchType.RECURSIVE])
async def test_remove_watches_cancels_the_subscriptions_of_one_kind(zk, other_zk, events, kind_):
    left, once = both.Events(), both.Events()
    other_kind = kind_ is WatchType.PERSISTENT
    first = await zk.watch_events("/a", events, recursive=kind_ is WatchType.RECURSIVE)
    second = await zk.watch_events("/a", both.Events(), recursive=kind_ is WatchType.RECURSIVE)
    third = await zk.watch_events("/a", left, recursive=other_kind)
    await zk.exists("/a", watch=once)
    await zk.remove_watches("/a", events, watch_type=kind_)
    assert (first.cancelled, second.cancelled, third.cancelled) == (True, False, False)
    await zk.remove_watches("/a", watch_type=kind_)
    assert (second.cancelled, third.cancelled) == (True, False)
    assert zk.session.watch_count == 2  # at once: the reply of the server was awaited
    await zk.sync()
    await other_zk.create("/a")
    assert (await once.next()).type is CREATED
    while (event := simple(await left.next()))[0] is GAP:
        pass
    assert event == (CREATED, "/a")
    assert left.empty()
    assert all(event[0] is GAP for event in await taken(events, events.qsize()))
    text = f"there is no {kind_.name} subscription on this path. It was cancelled or has ended"
    with pytest.raises(zkc.NoWatcherError, match=f"remove_watches '/a': {text}"):
        await zk.remove_watches("/a", watch_type=kind_)
    text = f"there is no {kind_.name} subscription with this function on this path"
    with pytest.raises(zkc.NoWatcherError, match=text):
        await zk.remove_watches("/a", left, watch_type=kind_)


async def test_remove_watches_leaves_iterators_and_caches(zk, other_zk):
    await zk.create("/a")
    cache = zk.inner.cache("/a", jitter=0, watches="recursive")
    await outcome(cache.wait_ready())
    async with zk.watch("/a", watch_type=WatchType.RECURSIVE) as iterator:
        with pytest.raises(zkc.NoWatcherError, match="an iterator or a cache ends by its own close"):
            await zk.remove_watches("/a", watch_type=WatchType.RECURSIVE)
        await zk.watch_events("/a", print, recursive=True)
        await zk.remove_watches("/a", watch_type=WatchType.RECURSIVE)
        await other_zk.set("/a", b"x")
        assert simple(await iterator.__anext__()) == (CHANGED, "/a")
    await both.eventually(lambda: cache.data("/a") == b"x")
    assert not cache.closed
    cache.close()
    await unwatched(zk)


async def test_the_kinds_of_one_shot_watches_leave_it(zk, other_zk, events):
    subscription = await zk.watch_events("/a", events)
    await zk.exists("/a", watch=lambda event: None)
    await zk.remove_watches("/a")
    with pytest.raises(zkc.NoWatcherError, match="persistent and recursive watches need their watch_type"):
        await zk.remove_watches("/a")
    assert not subscription.cancelled
    await other_zk.create("/a")
    assert await taken(events, 1) == [(CREATED, "/a")]


async def test_a_removal_without_a_connection_is_made_up_for(make_zk, through, proxy, events):
    zk = make_zk(through)
    await zk.start()
    subscription = await zk.watch_events("/a", events)
    proxy.refuse()
    proxy.drop_connections()
    await zk.wait_for(zkc.ClientState.SUSPENDED)
    with pytest.raises(zkc.ConnectionLossError):
        await zk.remove_watches("/a", watch_type=WatchType.PERSISTENT)
    assert subscription.cancelled
    proxy.accept()
    await zk.wait_for(zkc.ClientState.CONNECTED)
    await unwatched(zk)
    assert events.empty()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("a", print), {}, ValueError, "path must start with '/'"),
        (("/a", None), {}, TypeError, "fn must be callable with an event, not NoneType"),
        (("/a", print), {"recursive": 1}, TypeError, "recursive must be"),
    ],
)
async def test_what_cannot_be_watched_is_refused(zk, arguments, options, error, message):
    with pytest.raises(error, match=message):
        await zk.watch_events(*arguments, **options)
    assert zk.session.watch_count == 0


def test_a_coroutine_function_is_refused_by_the_synchronous_client(client):
    async def changed(event):
        """Never be called."""

    with pytest.raises(TypeError, match="coroutine functions are for"):
        client.watch_events("/a", changed)
