"""The watches of a client's users, as the native core takes them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, Optional

from zkc._args import check_watch
from zkc._zookeeper import Request
from zkc.errors import NoWatcherError
from zkc.types import Watch, WatchedEvent

__all__ = ["Deliver", "Watchers", "call_watch", "take_back"]

CoreWatch = Callable[..., object]


class Deliver:
    """A watch of the user's: the core calls it with numbers, and it calls the user's with one event.

    A class of its own so that a log line shows whose watch raised.
    """

    __slots__ = ("__weakref__", "call", "due", "watch")

    takes_zxid = True  # For the core: it calls with four arguments.

    def __init__(self, watch: Watch, call: Callable[[Deliver, WatchedEvent], object]) -> None:
        self.watch = watch
        self.call = call
        self.due: list[WatchedEvent] = []  # Events that are shown in the next turn of an event loop.

    def __call__(self, type_: int, state: int, path: str, zxid: Optional[int] = None) -> None:
        self.call(self, WatchedEvent(type_, state, path, zxid))

    def recall(self, path: str) -> None:
        """Have one event less shown of those that are due: the call that set the watch was cancelled."""
        for event in self.due:  # Of the same path they are alike: the same event has fired each.
            if event.path == path:
                self.due.remove(event)
                return

    def __repr__(self) -> str:
        return repr(self.watch)


def call_watch(deliver: Deliver, event: WatchedEvent) -> object:
    """Call a watch, as threads do."""
    return deliver.watch(event)


def take_back(request: Request[Any]) -> None:
    """Have the watch of a cancelled call not called, if the event loop has not called it yet."""
    if not request.abandon() and isinstance(request.watch, Deliver):
        request.watch.recall(request.path or "")


class Watchers:
    """The watches that are armed, each found by what the user gave.

    The core distinguishes watches by identity and holds each for as long as it is armed. So one wrapper stands for all
    uses of a callable, for as long as one of them is armed. Callables are compared by ``==``: a bound method is another
    object each time it is named, but equal.

    Args:
        call: ``call(deliver, event)`` calls one.
    """

    def __init__(self, call: Callable[[Deliver, WatchedEvent], object] = call_watch) -> None:
        self._call = call
        self._armed: weakref.WeakValueDictionary[Watch, Deliver] = weakref.WeakValueDictionary()

    def for_core(self, watch: Optional[Watch]) -> Optional[CoreWatch]:
        """Return a watch as the core takes it."""
        if watch is None:
            return None
        check_watch(watch)
        try:
            wrapper = self._armed.get(watch)
            if wrapper is None:
                wrapper = self._armed.setdefault(watch, Deliver(watch, self._call))
        except TypeError:  # It cannot be hashed, so it is not found again, and only remove_watches(path) removes it.
            wrapper = Deliver(watch, self._call)
        return wrapper

    def known(self, watch: Watch, path: str) -> CoreWatch:
        """Return the wrapper of a watch that is armed.

        Raises:
            NoWatcherError: It is armed nowhere.
        """
        check_watch(watch)
        try:
            wrapper = self._armed.get(watch)
        except TypeError:
            wrapper = None
        if wrapper is None:
            raise NoWatcherError(operation="remove_watches", path=path)
        return wrapper
