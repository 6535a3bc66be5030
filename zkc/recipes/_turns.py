"""The wait of a contender for its turn: a watch of the contender in front, and one of its own znode."""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, Any, Optional, Union

from zkc._flow import Await, Flow, Pause, Signal, result_of, sub_result_of
from zkc._zookeeper import RLock
from zkc.constants import EventType
from zkc.errors import ConnectionLossError, NoAuthError, NoNodeError, SessionExpiredError, ZooKeeperError
from zkc.recipes._claim import persist
from zkc.recipes._client_holds import holds_of
from zkc.recipes._contend import Contest, PlaceLostError, index_of, list_queue
from zkc.recipes._guarding import OwnWatch
from zkc.recipes._places import Place, boot_time, remove_surely

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Request, Session
    from zkc.recipes._holds import BaseHold
    from zkc.recipes._layout import Seat

__all__ = ["Turn", "forget", "wait_turn"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_OPERATION = "acquire"


class Turn:
    """A watch that is called once, and sets a signal.

    Args:
        signal: The signal; a new one if None.
    """

    __slots__ = ("at", "request", "signal", "type")

    def __init__(self, signal: Optional[Signal] = None) -> None:
        self.signal = Signal() if signal is None else signal
        self.request: Optional[Request[Any]] = None  # The request that sets it, if that is noted.
        self.type = 0  # The type of the event; no event has 0.
        self.at = 0.0  # When it was called, by the monotonic clock.

    def __call__(self, type_: int, state: int, path: str) -> None:
        self.type, self.at = type_, time.monotonic()
        self.signal.set()


class _Own:
    """The watch of the own znode: a deletion ends the wait.

    Without it, a contender whose znode was deleted would take its turn when the one in front leaves. A change of the
    data takes the watch away, so that it wakes the contender, too. The hold that follows takes the watch over.
    """

    __slots__ = ("_hold", "_lock", "request", "turn", "type")

    def __init__(self, session: Session, path: str) -> None:
        self.type = 0
        self.turn: Optional[Turn] = None
        self._hold: Optional[OwnWatch] = None  # The watch of the hold that follows.
        self._lock = RLock()
        self.request = session.exists(path, self)

    def __call__(self, type_: int, state: int, path: str) -> None:
        with self._lock:
            self.type = type_
            turn, watch = self.turn, self._hold
        if turn is not None:
            turn.signal.set()
        if watch is not None:
            watch(type_, state, path)

    def hand_to(self, hold: BaseHold) -> bool:
        """Report to a hold from now on; return whether the watch is set, and shows all that has happened."""
        if not self.request.done() or self.request.exception() is not None:
            return False
        stat = self.request.result()
        if stat is None or stat.version:  # It was changed before the watch was set, perhaps to ask for a release.
            return False
        with self._lock:
            if self.type:
                return False
            hold._armed.add(hold.path)
            self._hold, self.turn = OwnWatch(hold), None
        return True

    def check(self, session: Session, path: str) -> Flow[None]:
        """Raise PlaceLostError if the own znode was deleted."""
        if self.type == 0 and (yield from sub_result_of(self.request, _OPERATION, path.rpartition("/")[0])) is None:
            remove_surely(session, path, self)  # It waits for a znode that no client creates again.
            raise PlaceLostError
        if self.type == EventType.DELETED:
            raise PlaceLostError


def wait_turn(
    client: BaseClient, contest: Contest, place: Place, seats: list[Seat], *, keeps_place: bool = False
) -> Flow[None]:
    """Wait until no contender blocks this one.

    Args:
        client: The client.
        contest: What the contender wants.
        place: Its place.
        seats: The queue.
        keeps_place: Whether a wait that is given up keeps the place, so that another wait may follow.

    Raises:
        PlaceLostError: The own znode was deleted.
        SessionExpiredError: The session has ended, and the own znode with it.
    """
    own: Optional[_Own] = None
    try:
        while True:
            index = index_of(seats, place)
            if index < 0:
                raise PlaceLostError
            front = contest.blocker(seats, index)
            if front is None:
                place.watch = own
                return
            connection, armed = client._connections, own
            try:
                if own is None or own.type:
                    own = _Own(place.session, place.path)  # In one flight with the watch of the one in front.
                second = _second(contest, seats, index, front)
                gone, alone = yield from _wait_for(client, contest, place, front, own, second)
            except ConnectionLossError:
                own = armed
                yield Pause(_PAUSE, _OPERATION, contest.path)
                gone = alone = False
            # Contenders only join behind this one. If the first has left, and this one was the second, it is the first
            # now. After a downgrade it is not: a reader stands where the writer stood.
            if gone and (alone or index == 1) and not contest.downgrades and _is_steady(client, place, connection):
                place.watch = own
                return
            sent = boot_time()
            _, seats = yield from list_queue(place.session, contest)
            place.proved = sent
    except BaseException:
        if keeps_place and own is not None:
            forget(client, place.session, place.path, own, own.request)
        raise


def _is_steady(client: BaseClient, place: Place, connection: int) -> bool:
    """Return whether events have come in the order of the changes, and the session is known to have lasted.

    After a reconnect the server reports what has changed in any order: the own znode may be gone, too. A libzookeeper
    that does not know when a message was answered last cannot tell how old the session's last proof is.
    """
    return client._connections == connection and place.session.last_answered > 0.0


def _second(contest: Contest, seats: list[Seat], index: int, front: Seat) -> Optional[Seat]:
    """Return the contender before the one in front, whose end leaves that one alone in front; None if none does so."""
    return None if index < 2 or contest.downgrades or seats[index - 1] is not front else seats[index - 2]


def _wait_for(
    client: BaseClient, contest: Contest, place: Place, front: Seat, own: _Own, second: Optional[Seat]
) -> Flow[tuple[bool, bool]]:
    """Wait until a contender in front has left, or its znode has changed.

    Returns:
        Whether it has left; and whether it was seen to be the only one in front.
    """
    session, path, turn = place.session, f"{contest.path}/{front.name}", Turn()
    own.turn = turn
    request: Optional[Request[Any]] = None
    ahead: Optional[_Ahead] = None
    try:
        request = session.get(path, turn)
        if second is not None:
            ahead = _Ahead(client, contest, place, second, turn)
        try:
            yield from sub_result_of(request, _OPERATION, contest.path)
        except NoNodeError:
            yield from own.check(session, place.path)
            return True, False
        except NoAuthError:  # Its data cannot be read; a watch of the parent's children shows when it leaves.
            path, request = contest.path, None
            request = session.get_children(path, turn)
            if front.name not in (yield from sub_result_of(request, _OPERATION, contest.path)):
                yield from own.check(session, place.path)
                return True, False
        yield from own.check(session, place.path)
        alone = False
        if ahead is not None:
            alone = yield from ahead.wait(front, own)
        yield Await(turn.signal, None, _OPERATION, contest.path)
        yield from own.check(session, place.path)
    finally:
        if request is None:  # A signal handler raised during its send: a later reply shows that it has its own.
            with contextlib.suppress(ZooKeeperError):
                request = session.exists(path)
        persist(functools.partial(forget, client, session, path, turn, request))
        if ahead is not None:
            persist(ahead.close)
    if EventType.SESSION in (turn.type, own.type):
        raise SessionExpiredError(operation=_OPERATION, path=contest.path)
    if turn.type == EventType.DELETED:
        place.woken = turn.at
        return True, alone
    return False, alone


class _Ahead:
    """The watch of the contender before the one in front.

    When it has left, a listing shows whether the one in front is the first. So that contender's end alone grants the
    lock, and the listing is made while it holds the lock, not between its release and the grant.

    Args:
        client: The client.
        contest: What the contender wants.
        place: Its place.
        seat: The contender before the one in front.
        turn: The watch of the one in front, whose signal this one shares.
    """

    def __init__(self, client: BaseClient, contest: Contest, place: Place, seat: Seat, turn: Turn) -> None:
        self._client = client
        self._contest = contest
        self._place = place
        self._front = turn
        self._watch(seat)

    def _watch(self, seat: Seat) -> None:
        self._path = f"{self._contest.path}/{seat.name}"
        self._turn = Turn(self._front.signal)
        self._request: Request[Any] = self._place.session.get(self._path, self._turn)

    def wait(self, front: Seat, own: _Own) -> Flow[bool]:
        """Wait until the one in front is alone there, or has left; return whether it is seen to be alone."""
        contest, place, turn = self._contest, self._place, self._front
        while True:
            try:
                yield from sub_result_of(self._request, _OPERATION, contest.path)
            except NoNodeError:
                pass  # It has left already.
            except NoAuthError:
                return False  # The listing after the end of the one in front tells.
            else:
                yield Await(turn.signal, None, _OPERATION, contest.path)
            if self._turn.type == 0 and self._request.exception() is None:
                return False  # Another event came.
            # A signal is set once. An event that comes now sets the new one, and notes its type before.
            turn.signal = Signal()
            if turn.type or own.type:
                turn.signal.set()
                return False
            sent = boot_time()
            _, seats = yield from list_queue(place.session, contest)
            place.proved = sent
            index = index_of(seats, place)
            if index < 1 or seats[index - 1].name != front.name:
                return False  # It has left, too: its event, or that of the own znode, is on its way.
            if index == 1:
                return True
            self._watch(seats[index - 2])

    def close(self) -> None:
        """Remove the watch, if it is set."""
        forget(self._client, self._place.session, self._path, self._turn, self._request)


def forget(
    client: BaseClient,
    session: Session,
    path: str,
    watch: Union[Turn, _Own],
    request: Optional[Request[Any]] = None,
) -> None:
    """Remove a watch that is no longer needed, without waiting.

    Args:
        client: The client.
        session: The session that has set the watch.
        path: The path.
        watch: The watch. One that was called is gone.
        request: The request that sets it. If its reply is not there yet, the watch is removed after that.
    """
    if watch.type:
        return
    if request is None or request.done():
        remove_surely(session, path, watch)
    else:
        holds_of(client).in_background(_forget_later(client, session, path, watch, request))


def _forget_later(
    client: BaseClient, session: Session, path: str, watch: Union[Turn, _Own], request: Request[Any]
) -> Flow[None]:
    with contextlib.suppress(ZooKeeperError):
        yield from result_of(request)
    forget(client, session, path, watch)
