"""Places in a queue: the znodes of a contender, and how they end."""

from __future__ import annotations

import contextlib
import enum
import functools
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional, Protocol

from zkc._flow import Flow, Pause, result_of
from zkc.constants import WatchType
from zkc.errors import ConnectionLossError, NoNodeError, SessionLostError, ZooKeeperError

if TYPE_CHECKING:
    from zkc._zookeeper import Request, Session, Stat
    from zkc.recipes._holds import BaseHold

__all__ = ["HoldState", "Place", "boot_time", "delete_surely", "remove_surely", "stat_of"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.


class HoldState(enum.Enum):
    """The state of a hold.

    .. versionadded:: 0.1
    """

    HELD = "HELD"
    """The client holds the lock."""
    IN_DOUBT = "IN_DOUBT"
    """The connection is lost, or the servers have not answered for a session timeout. The lock may be lost."""
    RELEASED = "RELEASED"
    """The client has released the lock."""
    LOST = "LOST"
    """The hold has ended without a release: its ``reason`` says why. This state is final."""

    def __str__(self) -> str:
        return self._name_


class PlaceWatch(Protocol):
    """The watch of a contender's znode, which its hold takes over."""

    def hand_to(self, hold: BaseHold) -> bool:
        """Report to a hold from now on; return whether the watch is set, and shows all that has happened."""


@dataclass
class Place:
    """A contender's znode, and the session that owns it."""

    path: str
    sequence: int
    token: int  # The znode's czxid.
    session: Session
    session_id: int  # Of its own, because a closed session does not return it.
    identifier: str = ""
    extra: list[str] = field(default_factory=list)  # Further znodes that end with the hold.
    proved: float = (
        0.0  # When the last answered request of the session was sent, by boot_time(), as far as it is known.
    )

    watch: Optional[PlaceWatch] = None  # The watch of the znode, if the contender has waited.
    woken: float = 0.0  # When the contender in front was seen to have left, by the monotonic clock; 0.0 without a wait.

    @property
    def name(self) -> str:
        """The name of the znode."""
        return self.path.rpartition("/")[2]

    @property
    def paths(self) -> tuple[str, ...]:
        """All znodes that exist as long as the hold."""
        return (self.path, *self.extra)


def boot_time() -> float:
    """Return a clock in seconds that also counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def delete_surely(session: Session, *paths: str) -> Flow[bool]:
    """Delete znodes of a session until they are known to be deleted, or the session has ended.

    Returns:
        Whether this flow may have deleted one of them.
    """
    left, deleted = list(paths), False
    while True:
        sent, left = left, []
        try:
            for path, request in [(path, session.delete(path)) for path in sent]:
                try:
                    yield from result_of(request)
                    deleted = True
                except NoNodeError:
                    continue
                except ConnectionLossError as error:
                    deleted = deleted or error.maybe_applied
                    left.append(path)
        except SessionLostError:
            return deleted
        if not left:
            return deleted
        yield Pause(_PAUSE)


def stat_of(session: Session, path: str) -> Flow[Optional[Stat]]:
    """Return the stat of a znode, as the leader has it."""
    synced, looked = session.sync(path), session.exists(path)
    yield from result_of(synced)
    return (yield from result_of(looked))


def remove_surely(session: Session, path: str, watch: Callable[[int, int, str], object]) -> None:
    """Remove a watch that is no longer needed, without waiting.

    A removal whose reply is lost is sent again: after a reconnect the library sets each watch that it knows. It fails
    once per attempt to connect.
    """
    with contextlib.suppress(ZooKeeperError):  # It was called, or has ended with the session.
        again = functools.partial(_remove_again, weakref.ref(session), path, watch)
        session.remove_watches(path, watch, WatchType.ANY, callback=again)


def _remove_again(
    reference: weakref.ref[Session], path: str, watch: Callable[[int, int, str], object], request: Request[None]
) -> None:
    session = reference()
    if isinstance(request.exception(), ConnectionLossError) and session is not None:
        remove_surely(session, path, watch)
