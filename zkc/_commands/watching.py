"""The calls that set watches which stay."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from zkc._args import check_path
from zkc._flow import Flow
from zkc._watch.callback_subscription import Subscription
from zkc._watch.subscriptions import CHILDREN, DATA, ReadKind, Subscriptions, ZnodeSubscription
from zkc._zookeeper import Session

if TYPE_CHECKING:
    from zkc._client.base import BaseClient

    class _HasStaying(Protocol):
        """What both kinds of client are, and their base is not: the first look makes it."""

        @property
        def _staying(self) -> Subscriptions: ...


def watch_data(client: BaseClient, path: str, fn: Callable[..., object]) -> Flow[Subscription]:
    """Call a function with the data of a znode, and again after each change."""
    return _watch(client, path, fn, DATA, "data and stat")


def watch_children(client: BaseClient, path: str, fn: Callable[..., object]) -> Flow[Subscription]:
    """Call a function with the names of a znode's children, and again after each change."""
    return _watch(client, path, fn, CHILDREN, "the names")


def resolve_into(client: BaseClient, subscriptions: Sequence[ZnodeSubscription]) -> Flow[None]:
    """Begin to resolve_into."""
    return _follow(client.session, subscriptions)


def staying_of(client: BaseClient) -> Subscriptions:
    """Return what follows znodes for a client."""
    return cast("_HasStaying", client)._staying


def _watch(client: BaseClient, path: str, fn: Callable[..., object], kind: ReadKind, taken: str) -> Flow[Subscription]:
    check_path(path)
    if not callable(fn):
        raise TypeError(f"fn must be callable with {taken}, not {type(fn).__name__}")
    staying = staying_of(client)
    if not staying.coroutines and _makes_coroutine(fn):
        raise TypeError("fn must be a plain function: coroutine functions are for zkc.AsyncClient")
    watch = Subscription(staying, path, kind, fn)
    return _begin(client.session, watch)


def _makes_coroutine(fn: Callable[..., object]) -> bool:
    call = getattr(fn, "__call__", None)  # noqa: B004 - an object with an asynchronous __call__ is meant as well
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(call)


def _begin(session: Session, watch: Subscription) -> Flow[Subscription]:
    yield from watch._begin(session)
    return watch


def _follow(session: Session, subscriptions: Sequence[ZnodeSubscription]) -> Flow[None]:
    try:
        for subscription in subscriptions:
            yield from subscription._begin(session)
    except BaseException:
        for subscription in subscriptions:
            subscription.cancel()
        raise
