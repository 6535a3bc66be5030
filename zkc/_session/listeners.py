"""Who wants to know how a client stands with its ensemble, or how its kept znodes stand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from zkc._zookeeper import RLock

__all__ = ["Listeners"]

_T = TypeVar("_T")


class Listeners(Generic[_T]):
    """The listeners of a client, and the states that they have not been told yet.

    States are told in their order and each of them once, by one thread at a time: whoever comes while another tells
    leaves its state to that one.

    Args:
        call: ``call(listener, state)`` calls one and lets nothing out that it raises.
    """

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call
        self._lock = RLock()
        self._all: list[Callable[[_T], object]] = []
        self._pending: deque[tuple[_T, list[Callable[[_T], object]]]] = deque()
        self._telling = False

    def add(self, listener: Callable[[_T], object]) -> None:
        """Add a listener; one that is there already is not added again."""
        if not callable(listener):
            raise TypeError(f"listener must be callable with one state, not {type(listener).__name__}")
        with self._lock:
            if listener not in self._all:
                self._all.append(listener)

    def remove(self, listener: Callable[[_T], object]) -> None:
        """Remove a listener, if it is there."""
        with self._lock:
            if listener in self._all:
                self._all.remove(listener)

    def enqueue(self, state: _T) -> None:
        """Add a state to what the listeners that there are now are to be told."""
        with self._lock:
            self._pending.append((state, list(self._all)))

    def notify(self) -> None:
        """Tell what there is to tell, unless another thread does."""
        while True:
            with self._lock:
                if self._telling or not self._pending:
                    return
                self._telling = True
                state, listeners = self._pending.popleft()
            try:
                for listener in listeners:
                    if listener in self._all:
                        self._call(listener, state)
            finally:
                self._telling = False
