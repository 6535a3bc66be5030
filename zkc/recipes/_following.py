"""The state of an election for one of its objects, and the listeners for it."""

from __future__ import annotations

import contextlib
import enum
import logging
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from zkc._flow import Driver, Flow
from zkc._session.listeners import Listeners
from zkc._zookeeper import RLock
from zkc.errors import ZooKeeperError
from zkc.recipes._leaders import Leading
from zkc.recipes._observing import StopObservingError
from zkc.recipes.lock import Contender

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc.recipes._contend import Contest
    from zkc.recipes._holds import BaseHold

__all__ = ["ElectionState", "ElectionStatus", "Follower"]

_log = logging.getLogger("zkc.recipes")


class ElectionStatus(enum.Enum):
    """The status of a participant or an observer of an election.

    .. versionadded:: 0.1
    """

    LEADING = "LEADING"
    """This object leads."""
    FOLLOWING = "FOLLOWING"
    """Another contender leads."""
    NO_LEADER = "NO_LEADER"
    """No contender leads, as far as this client knows."""

    def __str__(self) -> str:
        return self._name_


@dataclass(frozen=True)
class ElectionState:
    """The state of an election for one of its participants or observers.

    .. versionadded:: 0.1
    """

    status: ElectionStatus
    """Whether this object leads, another contender does, or none."""
    leader: Optional[Contender]
    """The leader; None without a leader."""


class Follower:
    """The state of an election for one of its objects, and the listeners for it.

    It follows the leader from the first listener on, until its client is closed. It refers to the client weakly.
    """

    def __init__(self, client: BaseClient, contest: Contest) -> None:
        self._client = weakref.ref(client)
        self._contest = contest
        self._lock = RLock()
        self._listeners: Listeners[ElectionState] = Listeners(client._call_user)
        self._began = False
        self._leader: Optional[Contender] = None
        self._looked = False  # Whether the leader is known.
        self._own: Optional[Contender] = None
        self.place = ""  # The name of the own contender, which is no other's while it waits for its grant.
        self.state: Optional[ElectionState] = None

    def add(self, listener: Callable[[ElectionState], object]) -> None:
        """Add a listener, and follow the leader."""
        self._listeners.add(listener)
        with self._lock:
            begins, self._began = not self._began, True
        if begins:
            with contextlib.suppress(ZooKeeperError):
                Driver(self._follow(), _End(self._contest.path), self._later).start()

    def remove(self, listener: Callable[[ElectionState], object]) -> None:
        """Remove a listener."""
        self._listeners.remove(listener)

    def lead(self, hold: BaseHold, kind: str, data: Optional[bytes]) -> None:
        """Note that this object leads, until the hold ends."""
        place = hold._place
        self._own = Contender(
            place.name, kind, place.sequence, place.token, hold.session_id, hold.acquired_at, data, True, True
        )
        self._tell()
        hold._on_end(self._ended)

    def _ended(self) -> None:
        with self._lock:
            own, self._own = self._own, None
            if own is not None and self._leader is not None and self._leader.token <= own.token:
                self._leader = None  # Its znode is gone, or is being deleted; an earlier leader's went before.
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            if self._own is not None:
                state = ElectionState(ElectionStatus.LEADING, self._own)
            elif not self._looked or (self._leader is not None and self._leader.name == self.place):
                return
            elif self._leader is None:
                state = ElectionState(ElectionStatus.NO_LEADER, None)
            else:
                state = ElectionState(ElectionStatus.FOLLOWING, self._leader)
            if not self._began or state == self.state:
                return
            self.state = state
            self._listeners.enqueue(state)
        self._listeners.notify()

    def _later(self, seconds: float, function: Callable[[], None]) -> None:
        client = self._client()
        if client is not None:
            client._call_later(seconds, function)

    def _follow(self) -> Flow[None]:
        self._tell()
        observation = Leading(self._contest)
        while True:
            try:
                found = yield from observation.next(self._client)
            except StopObservingError:
                return
            with self._lock:
                self._leader, self._looked = found, True
            self._tell()


class _End:
    """The sink of the flow that follows a leader."""

    def __init__(self, path: str) -> None:
        self._path = path

    def done(self) -> bool:
        return False

    def set_result(self, result: None, /) -> None:
        pass

    def set_exception(self, exception: BaseException, /) -> None:
        _log.warning("the leader of %s is no longer followed: %s", self._path, exception)
