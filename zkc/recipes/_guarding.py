"""The look at a hold's own znodes: it shows that they exist, and its watches show what becomes of them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Optional

from zkc._flow import Flow, Pause, result_of
from zkc.errors import ConnectionLossError, NoAuthError, NoNodeError, SessionLostError, ZooKeeperError
from zkc.recipes._places import HoldState, boot_time

if TYPE_CHECKING:
    from zkc.recipes._holds import BaseHold

__all__ = ["REVOKE", "OwnWatch", "find_reason", "guard"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
REVOKE = b"__REVOKE__"  # Curator's data of a contender that is asked to release.


class OwnWatch:
    """The watch of a hold's znode. The session refers to it, and must keep neither the hold nor itself alive.

    It finds the hold by its path: a weak reference would be lost when the collector frees a hold that is kept then.
    """

    __slots__ = ("_holds", "_path")

    def __init__(self, hold: BaseHold) -> None:
        self._holds = weakref.ref(hold._holds)
        self._path = hold._place.path

    def __call__(self, type_: int, state: int, path: str) -> None:
        holds = self._holds()
        hold = None if holds is None else holds.find(self._path)
        if hold is not None:
            hold._watch(type_, state, path)


def guard(hold: BaseHold) -> Flow[None]:
    """Read the own znodes and watch them: they show a deletion, and a request to release."""
    sent, suspensions = boot_time(), hold._suspensions
    for path in hold._place.paths:
        try:
            data = yield from _read(hold, path)
        except NoNodeError:
            hold._change(HoldState.LOST, "deleted")
            return
        except ZooKeeperError:
            return  # The next connection reads it again; an event ends the session.
        if data == REVOKE:
            hold._take_request()
    hold._proved = max(hold._proved, sent)
    with hold._lock:
        if suspensions != hold._suspensions:
            return  # The connection was lost again: that one's end reads the znodes again.
        hold._change(HoldState.HELD)


def _read(hold: BaseHold, path: str) -> Flow[Optional[bytes]]:
    """Return the data of an own znode and set its watch; None if the watch is set, or the data cannot be read."""
    session = hold._place.session
    try:
        if path in hold._armed:
            stat = yield from result_of(session.exists(path))
        else:
            hold._armed.add(path)
            try:
                return (yield from result_of(session.get(path, OwnWatch(hold))))[0]
            except NoAuthError:  # Older servers let any client ask whether it exists.
                stat = yield from result_of(session.exists(path, OwnWatch(hold)))
            except ZooKeeperError:
                hold._armed.discard(path)
                raise
    except NoAuthError:  # It exists. Servers since 3.8.4 and 3.9.2 tell more to readers only, and set no watch.
        return None
    if stat is None:
        raise NoNodeError(path=path)
    return None


def find_reason(hold: BaseHold) -> Flow[None]:
    """Correct the reason of a loss if the own znode was deleted because the server has ended the session.

    A server that ends a session over a live connection reports the deletion first. The hold is LOST at once.
    """
    session = hold._place.session
    while True:
        try:
            yield from result_of(session.exists(hold.path))
            return  # The session has outlived the znode.
        except ConnectionLossError:
            yield Pause(_PAUSE)
        except SessionLostError:
            if not hold._holds.closed():
                hold._reason = "expired"
            return
