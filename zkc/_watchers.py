"""The watches of a client's users, as the native core takes them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Optional

from zkc._operations import check_watch
from zkc.constants import EventType, State
from zkc.errors import NoWatcherError
from zkc.types import Watch, WatchedEvent

__all__ = ["Watchers"]

CoreWatch = Callable[[int, int, str], object]


class _Deliver:
    """A watch of the user's: the core calls it with numbers, and it calls the user's with one event.

    A class of its own so that a log line shows whose watch raised.
    """

    __slots__ = ("__weakref__", "call", "watch")

    def __init__(self, watch: Watch, call: Callable[[Watch, WatchedEvent], object]) -> None:
        self.watch = watch
        self.call = call

    def __call__(self, type_: int, state: int, path: str) -> None:
        self.call(self.watch, WatchedEvent(EventType(type_), State(state), path))

    def __repr__(self) -> str:
        return repr(self.watch)


def call_watch(watch: Watch, event: WatchedEvent) -> object:
    """Call a watch, as threads do."""
    return watch(event)


class Watchers:
    """The watches that are armed, each found by what the user gave.

    The core tells watches apart by identity and holds each for as long as it is armed. So one wrapper stands for all
    uses of a callable, for as long as one of them is armed: a bound method is another object each time it is named,
    but equal.

    Args:
        call: ``call(watch, event)`` calls one.
    """

    def __init__(self, call: Callable[[Watch, WatchedEvent], object] = call_watch) -> None:
        self._call = call
        self._armed: weakref.WeakValueDictionary[Watch, _Deliver] = weakref.WeakValueDictionary()

    def for_core(self, watch: Optional[Watch]) -> Optional[CoreWatch]:
        """Return a watch as the core takes it."""
        if watch is None:
            return None
        check_watch(watch)
        try:
            wrapper = self._armed.get(watch)
            if wrapper is None:
                wrapper = self._armed.setdefault(watch, _Deliver(watch, self._call))
        except TypeError:  # It cannot be hashed, so it is not found again, and only remove_watches(path) removes it.
            wrapper = _Deliver(watch, self._call)
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
