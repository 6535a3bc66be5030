"""Who wants to know how a client stands with its ensemble."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from zkc._zookeeper import RLock
from zkc.constants import ClientState

__all__ = ["Listeners"]

Listener = Callable[[ClientState], object]


class Listeners:
    """The listeners of a client, and the states that they have not been told yet.

    States are told in their order and each of them once, by one thread at a time: whoever comes while another tells
    leaves its state to that one.

    Args:
        call: ``call(listener, state)`` calls one and lets nothing out that it raises.
    """

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call
        self._lock = RLock()
        self._all: list[Listener] = []
        self._untold: deque[tuple[ClientState, list[Listener]]] = deque()
        self._telling = False

    def add(self, listener: Listener) -> None:
        """Add a listener; one that is there already is not added again."""
        if not callable(listener):
            raise TypeError(f"listener must be callable with one state, not {type(listener).__name__}")
        with self._lock:
            if listener not in self._all:
                self._all.append(listener)

    def remove(self, listener: Listener) -> None:
        """Remove a listener, if it is there."""
        with self._lock:
            if listener in self._all:
                self._all.remove(listener)

    def note(self, state: ClientState) -> None:
        """Add a state to what the listeners that there are now are to be told."""
        with self._lock:
            self._untold.append((state, list(self._all)))

    def tell(self) -> None:
        """Tell what there is to tell, unless another thread does."""
        while True:
            with self._lock:
                if self._telling or not self._untold:
                    return
                self._telling = True
                state, listeners = self._untold.popleft()
            try:
                for listener in listeners:
                    if listener in self._all:
                        self._call(listener, state)
            finally:
                self._telling = False
