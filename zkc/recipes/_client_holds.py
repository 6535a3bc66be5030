"""The holds of each client: they follow its states, and are read again after each reconnect."""

from __future__ import annotations

import contextlib
import functools
import time
import weakref
from typing import TYPE_CHECKING, Any

from zkc._flow import Flow
from zkc._zookeeper import RLock
from zkc.constants import ClientState
from zkc.errors import ClosingError, ForkedError
from zkc.recipes._guarding import guard
from zkc.recipes._places import HoldState, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from zkc._client.base import BaseClient
    from zkc.recipes._holds import BaseHold

__all__ = ["Holds", "holds_of"]

_SOON = 0.02  # Seconds after a grant at which the own znode is read.


class Holds:
    """The holds of a client: it follows the client's states, and reads the own znodes after each reconnect.

    The client refers to it, and it refers to the client weakly.
    """

    def __init__(self, client: BaseClient) -> None:
        self._client = weakref.ref(client)
        self.call_user: Callable[..., None] = client._call_user
        self._all: set[BaseHold] = set()
        self._new: set[BaseHold] = set()  # Those whose znodes are not watched yet.
        self._due = 0.0  # When those are read, by the monotonic clock.
        self._lock = RLock()
        # In front of the listeners of the user, which find the holds in their new states.
        client._listeners.add(self, first=True)

    def client(self, operation: str, path: str) -> BaseClient:
        """Return the client.

        Raises:
            ClosingError: The program has no reference to the client any more, so that its session has ended.
        """
        client = self._client()
        if client is None:
            raise ClosingError(operation=operation, path=path, maybe_applied=False)
        return client

    def check_process(self, operation: str) -> None:
        """Raise ForkedError in a child of the process that started the client."""
        client = self._client()
        if client is not None:
            client._check_process(operation)

    def add(self, hold: BaseHold) -> None:
        """Follow a hold, and watch its znode soon, without waiting."""
        self._all.add(hold)
        client = self._client()
        if client is not None and client._session is not hold._place.session:
            hold._change(HoldState.LOST, "expired")  # The listener was called before.
        elif client is not None and client._state is ClientState.SUSPENDED:
            hold._suspend()
        elif client is not None and not self._is_watched(hold):
            self._guard_soon(client, hold)

    def discard(self, hold: BaseHold) -> None:
        """Follow a hold no longer."""
        self._all.discard(hold)
        self._new.discard(hold)

    @staticmethod
    def _is_watched(hold: BaseHold) -> bool:
        """Take over the watch of a contender that has waited; return whether there is one."""
        place = hold._place
        watch, place.watch = place.watch, None
        return watch is not None and not place.extra and watch.hand_to(hold)

    def _guard_soon(self, client: BaseClient, hold: BaseHold) -> None:
        """Watch the znode of a hold after a moment: most holds are short, and cost the servers one read less."""
        now = time.monotonic()
        with self._lock:
            self._new.add(hold)
            waits = self._due > now
            if not waits:
                self._due = now + _SOON
        if not waits:
            client._call_later(_SOON, functools.partial(_guard_new, weakref.ref(self)))

    def guard_new(self) -> None:
        """Watch the znodes of the new holds."""
        with self._lock:
            holds, self._new = self._new, set()
        for hold in holds:
            self.guard(hold)

    def guard(self, hold: BaseHold) -> None:
        """Read the znode of a hold in the background."""
        self._new.discard(hold)
        client = self._client()
        if client is not None:
            with contextlib.suppress(ForkedError):
                client._background(guard(hold))

    def end_reason(self, place: Place) -> str:
        """Return why the znodes of a place are gone."""
        client = self._client()
        if client is None or client.closed:
            return "closed"
        return "deleted" if client._session is place.session else "expired"

    def in_background(self, flow: Flow[Any]) -> None:
        """Drive a flow without a waiting caller."""
        client = self._client()
        if client is not None:
            client._background(flow)

    def __call__(self, state: ClientState) -> None:
        """Listen to the client."""
        client = self._client()
        session = None if client is None else client._session
        for hold in list(self._all):
            if state is ClientState.CLOSED:
                hold._change(HoldState.LOST, "closed")
            elif state is ClientState.LOST or hold._place.session is not session:
                hold._change(HoldState.LOST, "expired")
            elif state is ClientState.SUSPENDED:
                hold._suspend()
            elif state is ClientState.CONNECTED:
                self.guard(hold)


def _guard_new(reference: weakref.ref[Holds]) -> None:
    holds = reference()
    if holds is not None:
        holds.guard_new()


_registries: weakref.WeakKeyDictionary[Any, Holds] = weakref.WeakKeyDictionary()
_registries_lock = RLock()


def holds_of(client: BaseClient) -> Holds:
    """Return the holds of a client, made at the first call."""
    with _registries_lock:
        holds = _registries.get(client)
        if holds is None:
            holds = _registries[client] = Holds(client)
        return holds
