"""The commands of recurring watches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zkc._args import check_flag, check_path
from zkc._flow import Flow
from zkc._watch.callback_subscription import Subscription
from zkc._watch.persistent import EventSubscription
from zkc._watch.subscriptions import CHILDREN, DATA, Follower, ReadKind, Subscriptions
from zkc._zookeeper import Session
from zkc.types import WatchedEvent

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient


def watch_data(client: CommandClient, path: str, fn: Callable[..., object]) -> Flow[Subscription]:
    """Call a function with the data of a znode, and again after each change."""
    return _watch(client, path, fn, DATA, "data and stat")


def watch_children(client: CommandClient, path: str, fn: Callable[..., object]) -> Flow[Subscription]:
    """Call a function with the names of a znode's children, and again after each change."""
    return _watch(client, path, fn, CHILDREN, "the names")


def watch_events(
    client: CommandClient, path: str, fn: Callable[[WatchedEvent], object], recursive: bool
) -> Flow[EventSubscription]:
    """Call a function with each event of a persistent watch."""
    check_path(path)
    subscriptions = client._subscriptions
    _check_fn(fn, "an event", subscriptions)
    limit = client._settings.max_queued_events
    subscription = EventSubscription(subscriptions, path, check_flag(recursive, "recursive"), fn, limit)
    return _begin_events(client.session, subscription)


def subscribe(client: CommandClient, subscriptions: Sequence[Follower]) -> Flow[None]:
    """Begin subscriptions: the flow ends when each has read its znode."""
    return _subscribe(client.session, subscriptions)


def _watch(
    client: CommandClient, path: str, fn: Callable[..., object], kind: ReadKind, taken: str
) -> Flow[Subscription]:
    check_path(path)
    subscriptions = client._subscriptions
    _check_fn(fn, taken, subscriptions)
    watch = Subscription(subscriptions, path, kind, fn)
    return _begin(client.session, watch)


def _check_fn(fn: Callable[..., object], taken: str, subscriptions: Subscriptions) -> None:
    if not callable(fn):
        raise TypeError(f"fn must be callable with {taken}, not {type(fn).__name__}")
    if not subscriptions.coroutines and makes_coroutine(fn):
        raise TypeError("fn must be a plain function: coroutine functions are for zkc.AsyncClient")


def makes_coroutine(fn: object) -> bool:
    """Return whether something that can be called is a coroutine function."""
    call = getattr(fn, "__call__", None)  # noqa: B004 - also an object with an asynchronous __call__
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(call)


def _begin(session: Session, watch: Subscription) -> Flow[Subscription]:
    yield from watch._begin(session)
    return watch


def _begin_events(session: Session, subscription: EventSubscription) -> Flow[EventSubscription]:
    yield from subscription._begin(session)
    return subscription


def _subscribe(session: Session, subscriptions: Sequence[Follower]) -> Flow[None]:
    try:
        for subscription in subscriptions:
            yield from subscription._begin(session)
    except BaseException:
        for subscription in subscriptions:
            subscription.cancel()
        raise
