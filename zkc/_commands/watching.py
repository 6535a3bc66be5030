"""The commands of recurring watches."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zkc._args import check_path
from zkc._flow import Flow
from zkc._watch.callback_subscription import Subscription
from zkc._watch.subscriptions import CHILDREN, DATA, ReadKind, ZnodeSubscription
from zkc._zookeeper import Session

if TYPE_CHECKING:
    from zkc._commands.protocol import CommandClient


def watch_data(client: CommandClient, path: str, fn: Callable[..., object]) -> Flow[Subscription]:
    """Call a function with the data of a znode, and again after each change."""
    return _watch(client, path, fn, DATA, "data and stat")


def watch_children(client: CommandClient, path: str, fn: Callable[..., object]) -> Flow[Subscription]:
    """Call a function with the names of a znode's children, and again after each change."""
    return _watch(client, path, fn, CHILDREN, "the names")


def subscribe(client: CommandClient, subscriptions: Sequence[ZnodeSubscription]) -> Flow[None]:
    """Begin subscriptions: the flow ends when each has read its znode."""
    return _subscribe(client.session, subscriptions)


def _watch(
    client: CommandClient, path: str, fn: Callable[..., object], kind: ReadKind, taken: str
) -> Flow[Subscription]:
    check_path(path)
    if not callable(fn):
        raise TypeError(f"fn must be callable with {taken}, not {type(fn).__name__}")
    subscriptions = client._subscriptions
    if not subscriptions.coroutines and makes_coroutine(fn):
        raise TypeError("fn must be a plain function: coroutine functions are for zkc.AsyncClient")
    watch = Subscription(subscriptions, path, kind, fn)
    return _begin(client.session, watch)


def makes_coroutine(fn: object) -> bool:
    """Return whether something that can be called is a coroutine function."""
    call = getattr(fn, "__call__", None)  # noqa: B004 - also an object with an asynchronous __call__
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(call)


def _begin(session: Session, watch: Subscription) -> Flow[Subscription]:
    yield from watch._begin(session)
    return watch


def _subscribe(session: Session, subscriptions: Sequence[ZnodeSubscription]) -> Flow[None]:
    try:
        for subscription in subscriptions:
            yield from subscription._begin(session)
    except BaseException:
        for subscription in subscriptions:
            subscription.cancel()
        raise
