"""The holds of each client: they follow its states, and are read again after each reconnect."""

from __future__ import annotations

import contextlib
import functools
import time
import warnings
import weakref
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._flow import Flow
from zkc._zookeeper import RLock
from zkc.constants import ClientState
from zkc.errors import ClosingError, ForkedError
from zkc.recipes._guarding import guard
from zkc.recipes._places import HoldState, Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from zkc._client.base import BaseClient
    from zkc._zookeeper import Session
    from zkc.recipes._holds import BaseHold

__all__ = ["Holds", "find_holds", "holds_of", "lasting_of"]

_SOON = 0.02  # Seconds after a grant at which the own znode is read.


class Holds:
    """The holds of a client: it follows the client's states, and reads the own znodes after each reconnect.

    Only the client and its holds refer to it, and it refers to the client weakly.
    """

    def __init__(self, client: BaseClient) -> None:
        self._client = weakref.ref(client)
        self.call_user: Callable[..., None] = client._call_user
        self.coroutines = client._takes_coroutines  # Whether callbacks may be coroutine functions.
        # By path, weakly: the program may forget a hold. Then it is kept here: see keep().
        self._all: dict[str, Callable[[], Optional[BaseHold]]] = {}
        self._new: set[str] = set()  # The paths of those whose znodes are not watched yet.
        self._due = 0.0  # When those are read, by the monotonic clock.
        self._lock = RLock()
        self._note_session(client)
        self.borrowed = client._borrowed is not None  # Whether the session has another owner.
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

    def _note_session(self, client: BaseClient) -> None:
        session = client._session
        self.session: Callable[[], Optional[Session]] = _no_session if session is None else weakref.ref(session)

    def add(self, hold: BaseHold) -> None:
        """Follow a hold, and watch its znode soon, without waiting."""
        self._all[hold._place.path] = weakref.ref(hold)
        hold._live = True
        client = self._client()
        if client is not None and client._session is not hold._place.session:
            hold._change(HoldState.LOST, "expired")  # The listener was called before.
            return
        if client is not None and _is_suspended(client):
            hold._suspend()
            if _is_suspended(client):
                return  # The listener reads the znode when the connection is back.
            # The listener may have done so before the hold was in doubt: that look did not end the doubt.
            self.guard(hold)
        elif client is not None and not self._is_watched(hold):
            self._guard_soon(client, hold)

    def discard(self, hold: BaseHold) -> None:
        """Follow a hold no longer."""
        path, hold._live = hold._place.path, False
        if self.find(path) is hold:
            del self._all[path]
            self._new.discard(path)

    def keep(self, hold: Any) -> bool:
        """Keep a hold that the program has forgotten, for its listeners and local callers; return whether it is needed.

        It is called while the hold is freed: a strong reference revives it.
        """
        client = self._client()
        if client is None:
            return False
        self._all[hold._place.path] = lambda: cast("BaseHold", hold)
        if client._session is not hold._place.session:  # An event came while the hold was not to be found.
            hold._change(HoldState.LOST, "expired")
        return True

    def find(self, path: str) -> Optional[BaseHold]:
        """Return the hold with a path; None if it has ended."""
        found = self._all.get(path)
        return None if found is None else found()

    def all(self) -> list[BaseHold]:
        """Return the holds."""
        found = [reference() for reference in list(self._all.values())]
        return [hold for hold in found if hold is not None]

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
            self._new.add(hold._place.path)
            waits = self._due > now
        if not waits:
            client._call_later(_SOON, functools.partial(_guard_new, weakref.ref(self)))
            self._due = now + _SOON  # Not before: a signal handler may raise, and other holds would rely on it.

    def guard_new(self) -> None:
        """Watch the znodes of the new holds."""
        with self._lock:
            paths, self._new = self._new, set()
        for path in paths:
            hold = self.find(path)
            if hold is not None:
                self.guard(hold)

    def guard(self, hold: BaseHold) -> None:
        """Read the znode of a hold in the background."""
        self._new.discard(hold._place.path)
        client = self._client()
        if client is not None:
            with contextlib.suppress(ForkedError):
                client._background(guard(hold))

    def forgotten(self) -> bool:
        """Return whether the program has no reference to the client any more."""
        return self._client() is None

    def closed(self) -> bool:
        """Return whether the client is closed or forgotten."""
        client = self._client()
        return client is None or client.closed

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
        if client is not None:
            self._note_session(client)
        session = None if client is None else client._session
        for hold in self.all():
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


def _is_suspended(client: BaseClient) -> bool:
    return client._state is ClientState.SUSPENDED


def _no_session() -> None:
    return None


class _Owner:
    """The reference of a client to its holds. It ends their sessions when the program has forgotten the client.

    A session that no client refers to ends by itself, unless the program still refers to a hold, which needs it.
    """

    def __init__(self, holds: Holds) -> None:
        self.holds = holds
        self.lasting: set[object] = set()  # The owners of what its recipes do in the background: see _lasting.

    def __del__(self) -> None:
        sessions: set[Optional[Session]] = {hold._place.session for hold in self.holds.all()}
        if self.lasting:  # Its flows are closed at this time, and use the session once more.
            sessions.add(self.holds.session())
        for session in sessions:
            if session is None or self.holds.borrowed:
                continue
            try:
                if session.closed:
                    continue
                session.begin_close()  # The watches of the holds get its last event, where callbacks run.
            except ForkedError:  # It is the parent's.
                continue
            text = f"a zkc session to {session.hosts} was not closed"
            warnings.warn(text, ResourceWarning, stacklevel=2, source=self)


_lock = RLock()


def holds_of(client: BaseClient) -> Holds:
    """Return the holds of a client, made at the first call."""
    return _owner_of(client).holds


def find_holds(client: BaseClient) -> list[BaseHold]:
    """Return the holds of a client, without making their table."""
    owner: Optional[_Owner] = client._holds
    return [] if owner is None else owner.holds.all()


def lasting_of(client: BaseClient) -> set[object]:
    """Return the owners of what the recipes of a client do in the background."""
    return _owner_of(client).lasting


def _owner_of(client: BaseClient) -> _Owner:
    with _lock:
        # On the client, and in no table: what the holds refer to may refer to the client, and has to go with it.
        if client._holds is None:
            client._holds = _Owner(Holds(client))
        return cast("_Owner", client._holds)
