"""remove_watches: one watch or all, by type, however it was given."""

import pytest

import zkc
from zkc import EventType, State, WatchedEvent, WatchType

from . import both

REMOVED = WatchedEvent(EventType.NOT_WATCHING, State.CONNECTED, "/a")


@pytest.fixture
def second():
    return both.Events()


async def test_one_watch_is_removed(zk, other_zk, events, second):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    await zk.get("/a", watch=second)
    assert await zk.remove_watches("/a", events) is None
    assert await events.next() == REMOVED
    await other_zk.set("/a", b"x")
    assert (await second.next()).type is EventType.CHANGED
    assert events.empty()


async def test_all_watches_are_removed(zk, other_zk, events, second):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    await zk.children("/a", watch=second)
    await zk.remove_watches("/a")
    assert await events.next() == REMOVED
    assert await second.next() == REMOVED
    await other_zk.set("/a", b"x")
    await other_zk.create("/a/b")
    await zk.sync()
    assert events.empty()
    assert second.empty()
    assert zk.session.watch_count == 0


@pytest.mark.parametrize("which", [WatchType.DATA, WatchType.CHILDREN])
async def test_watches_of_one_type_are_removed(zk, other_zk, events, second, which):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    await zk.children("/a", watch=second)
    await zk.remove_watches("/a", watch_type=which)
    removed, left = (events, second) if which is WatchType.DATA else (second, events)
    assert await removed.next() == REMOVED
    await other_zk.set("/a", b"x")
    await other_zk.create("/a/b")
    assert (await left.next()).type is (EventType.CHILD if which is WatchType.DATA else EventType.CHANGED)
    assert removed.empty()


async def test_one_watch_of_both_types(zk, events):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    await zk.children("/a", watch=events)
    await zk.remove_watches("/a", events, watch_type=WatchType.DATA)
    assert await events.next() == REMOVED
    with pytest.raises(zkc.NoWatcherError):
        await zk.remove_watches("/a", events, watch_type=WatchType.DATA)
    await zk.remove_watches("/a", events, watch_type=WatchType.CHILDREN)
    assert await events.next() == REMOVED


async def test_a_watch_on_what_is_not_there(zk, other_zk, events):
    await zk.exists("/a", watch=events)
    await zk.remove_watches("/a", events)
    assert await events.next() == REMOVED
    await other_zk.create("/a")
    await zk.sync()
    assert events.empty()


async def test_a_bound_method_is_found_again(zk):
    class Watch:
        def __init__(self):
            self.events = []

        def changed(self, event):
            self.events.append(event.type)

    watch = Watch()
    await zk.create("/a")
    await zk.get("/a", watch=watch.changed)
    await zk.remove_watches("/a", watch.changed)
    await both.eventually(lambda: watch.events == [EventType.NOT_WATCHING])


async def test_one_that_cannot_be_hashed_is_removed_with_all(zk, other_zk):
    class Watch(list):
        def __call__(self, event):
            self.append(event.type)

    watch = Watch()
    await zk.create("/a")
    await zk.get("/a", watch=watch)
    with pytest.raises(zkc.NoWatcherError):
        await zk.remove_watches("/a", watch)
    await zk.remove_watches("/a")
    await both.eventually(lambda: watch == [EventType.NOT_WATCHING])


async def test_there_is_none(zk, events):
    await zk.create("/a")
    for call in (
        lambda: zk.remove_watches("/a"),
        lambda: zk.remove_watches("/a", events),
        lambda: zk.remove_watches("/a", watch_type=WatchType.CHILDREN),
    ):
        with pytest.raises(zkc.NoWatcherError) as caught:
            await call()
        assert isinstance(caught.value, LookupError)
        assert caught.value.path == "/a"
    await zk.exists("/b", watch=events)
    with pytest.raises(zkc.NoWatcherError):
        await zk.remove_watches("/a", events)


async def test_the_watches_of_others_stay(zk, other_zk, events, second):
    await zk.create("/a")
    await zk.get("/a", watch=events)
    await other_zk.get("/a", watch=second)
    await zk.remove_watches("/a")
    await zk.set("/a", b"x")
    assert (await second.next()).type is EventType.CHANGED


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("a",), {}, ValueError, "path must start with '/'"),
        (("/a", "watch"), {}, TypeError, "watch must be callable"),
        (("/a",), {"watch_type": 3}, TypeError, "watch_type must be a WatchType"),
        (("/a",), {"watch_type": None}, TypeError, "watch_type must be a WatchType"),
    ],
)
async def test_bad_arguments(zk, arguments, options, error, message):
    with pytest.raises(error, match=message):
        await zk.remove_watches(*arguments, **options)


@pytest.mark.parametrize("recurring", ["watch_data", "watch_children", "watch"])
async def test_recurring_watches_are_not_counted(zk, other_zk, events, second, recurring):
    await zk.create("/a")
    if recurring == "watch":
        subscription = await zk.watch("/a").__aenter__()
    else:
        subscription = await getattr(zk, recurring)("/a", lambda *_: None)
    for _ in range(2):
        with pytest.raises(zkc.NoWatcherError):
            await zk.remove_watches("/a")
    await zk.get("/a", watch=events)
    await zk.children("/a", watch=second)
    await zk.remove_watches("/a")
    assert await events.next() == await second.next() == REMOVED
    with pytest.raises(zkc.NoWatcherError):
        await zk.remove_watches("/a")
    assert zk.session.watch_count == 1
    await (subscription.aclose() if recurring == "watch" else _cancelled(subscription))


async def _cancelled(subscription):
    getattr(subscription, "inner", subscription).cancel()
