"""Listeners of a client: for its own state, or for the states of its re-created znodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, Optional, TypeVar

from zkc._zookeeper import RLock

__all__ = ["Listeners"]

_T = TypeVar("_T")


class Listeners(Generic[_T]):
    """The listeners of a client, and the states that they have not been called with yet.

    Each state is delivered once and in order, by one thread at a time. A thread that calls :meth:`notify` while another
    thread delivers leaves its state to that thread.

    Args:
        call: ``call(listener, state)`` calls a listener and handles each exception that the listener raises.
    """

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call
        self._lock = RLock()
        self._all: list[Callable[[_T], object]] = []
        self._pending: deque[tuple[_T, list[Callable[[_T], object]]]] = deque()
        self._notifying = False

    def add(self, listener: Callable[[_T], object], *, first: bool = False) -> None:
        """Add a listener, unless it was added before; ``first``: in front of the others."""
        if not callable(listener):
            raise TypeError(f"listener must be callable with one state, not {type(listener).__name__}")
        with self._lock:
            if listener not in self._all:
                self._all.insert(0 if first else len(self._all), listener)

    def remove(self, listener: Callable[[_T], object]) -> None:
        """Remove a listener, if it is there."""
        with self._lock:
            if listener in self._all:
                self._all.remove(listener)

    def enqueue(self, state: _T, only: Optional[Callable[[_T], object]] = None) -> None:
        """Queue a state for the present listeners, or for only one of them."""
        with self._lock:
            self._pending.append((state, list(self._all) if only is None else [only]))

    def notify(self) -> None:
        """Deliver the queued states, unless another thread does. User code runs here, without the lock."""
        while True:
            mine = False
            try:
                with self._lock:
                    if self._notifying or not self._pending:
                        return
                    mine = self._notifying = True  # A signal handler may raise from here on.
                    state, listeners = self._pending.popleft()
                for listener in listeners:
                    if listener in self._all:
                        self._call(listener, state)
            finally:
                if mine:
                    self._notifying = False
