"""The queue of contenders that locks, elections and semaphores stand on: join it, wait for the turn, leave it.

A contender is an ephemeral sequential znode. Its name has a marker that is new for each attempt, so that a client finds
its znode after a lost reply, and never takes the znode of another session for its own.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Await, Flow, Pause, Signal, sub_result_of
from zkc._session.losses import LossCounter
from zkc.constants import CreateMode, EventType, WatchType
from zkc.errors import (
    ClosingError,
    ConnectionLossError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    SessionExpiredError,
    SessionLostError,
    ZooKeeperError,
)
from zkc.recipes._holds import Place, delete_surely, holds_of
from zkc.recipes._layout import Layout, Seat, sequence_of
from zkc.recipes.errors import TooManyWaitersError

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Request, Session, Stat

__all__ = ["Contest", "PlaceLostError", "check_open", "join", "leave", "list_seats", "wait_turn"]

_log = logging.getLogger("zkc.recipes")
_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_OPERATION = "acquire"


@dataclass(frozen=True)
class Contest:
    """The wish of a contender: where, as which kind, and behind which others it waits.

    Args:
        path: The parent of the contenders.
        layout: Their names.
        kind: The kind of this contender.
        kinds: All kinds in this queue.
        blocker: ``blocker(seats, index)`` returns the contender to wait for, or None when it is this one's turn.
        data: The data of the contender's znode.
        acl: The access control list of created znodes.
        max_waiters: The number of contenders in front beyond which it does not wait; None for no limit.
        on_suspend: The fate of its hold when the connection is lost: ``doubt``, ``deadline`` or ``lost``.
        downgrades: Whether a contender can put another into its own place, so that its end may leave that one in front.
        strangers: Kinds of the same layout that this queue does not order, so that a contender refuses to join them.
    """

    path: str
    layout: Layout
    kind: str
    kinds: tuple[str, ...]
    blocker: Callable[[Sequence[Seat], int], Optional[Seat]]
    data: Optional[bytes]
    acl: CoreACL
    container: bool = True
    max_waiters: Optional[int] = None
    downgrades: bool = False
    on_suspend: str = "doubt"
    strangers: tuple[str, ...] = ()


class PlaceLostError(Exception):
    """The own znode was deleted while the contender waited. It joins again."""


def check_open(client: BaseClient, path: str) -> None:
    """Raise unless another session of the client follows the one that has ended."""
    if client._failure is not None:
        raise client._failure() from None
    if client.closed:
        raise ClosingError(operation=_OPERATION, path=path, maybe_applied=False) from None


# ---- joining --------------------------------------------------------------------------------------------------------


def join(
    client: BaseClient, contest: Contest, count: int = 1, beside: Optional[Callable[[Session], object]] = None
) -> Flow[tuple[Place, list[Seat]]]:
    """Create a contender, and return its place and the queue. Both requests go out in one flight.

    Args:
        client: The client.
        contest: What the contender wants.
        count: The number of znodes of the contender; they are created in one transaction.
        beside: ``beside(session)`` sends further requests in the same flight.
    """
    losses = LossCounter(client, _OPERATION, contest.path)
    while True:
        try:
            return (yield from _try_join(client, client.session, contest, count, beside))
        except NoNodeError:
            yield from make_parent(client, contest)
        except (SessionExpiredError, ClosingError):
            check_open(client, contest.path)
            yield Pause(_PAUSE, _OPERATION, contest.path)  # The next session follows.
        except ConnectionLossError as error:
            if error.maybe_applied and losses.note(error):
                raise
            yield losses.pause(_PAUSE)


def _try_join(
    client: BaseClient,
    session: Session,
    contest: Contest,
    count: int,
    beside: Optional[Callable[[Session], object]],
) -> Flow[tuple[Place, list[Seat]]]:
    marker = contest.layout.new_marker()
    prefix = f"{contest.path}/{contest.layout.prefix(marker, contest.kind)}"
    creating: Optional[Request[Any]] = None
    try:
        if count == 1:
            creating = session.create_with_stat(prefix, contest.data, contest.acl, CreateMode.EPHEMERAL_SEQUENTIAL)
        else:
            change: Any = ("create", prefix, contest.data, contest.acl, CreateMode.EPHEMERAL_SEQUENTIAL)
            creating = session.multi([change] * count)
        listing = session.get_children(contest.path)  # In the same flight; it shows the own znode, too.
        if beside is not None:
            beside(session)
        place = yield from _made(client, session, contest, marker, creating)
        names = yield from _names_of(client, session, contest, listing)
        return place, _check_queue(contest, place, names)
    except (NoNodeError, SessionLostError):
        raise  # Nothing was created, or it ended with the session.
    except BaseException as error:  # Also a timeout, a cancellation, a signal handler that raises.
        if not isinstance(error, ConnectionLossError) or error.maybe_applied:
            holds_of(client).in_background(_withdraw(client, session, contest, marker, creating))
        raise


def _made(client: BaseClient, session: Session, contest: Contest, marker: str, creating: Request[Any]) -> Flow[Place]:
    """Return the place of a create, also when its reply was lost."""
    try:
        made = yield from sub_result_of(creating, _OPERATION, contest.path)
    except ConnectionLossError as error:
        if not error.maybe_applied:
            raise
        lost = error
    else:
        if isinstance(made, tuple):
            path, stat = made
            return Place(path, sequence_of(path), stat.czxid, session)
        lost = ConnectionLossError(operation=_OPERATION, path=contest.path)  # A transaction replies without the stat.
    place = yield from _find(client, session, contest, marker)
    if place is None:
        lost.maybe_applied = False  # The session's server knows all earlier requests: it was not carried out.
        raise lost.with_traceback(None)
    return place


def _names_of(client: BaseClient, session: Session, contest: Contest, listing: Request[list[str]]) -> Flow[list[str]]:
    try:
        return (yield from sub_result_of(listing, _OPERATION, contest.path))
    except ConnectionLossError:
        return (yield from _list_names(client, session, contest))


def _check_queue(contest: Contest, place: Place, names: list[str]) -> list[Seat]:
    seats = contest.layout.seats(names, contest.kinds)
    contest.layout.check(contest.path, names, contest.kind, contest.strangers)
    if contest.max_waiters is not None and _index(seats, place) > contest.max_waiters:
        raise TooManyWaitersError(operation=_OPERATION, path=contest.path)
    return seats


def make_parent(client: BaseClient, contest: Contest) -> Flow[None]:
    """Create the parent of the contenders, and what is missing above it."""
    names = contest.path.split("/")[1:]
    session = client.session
    default = client._settings.default_acl
    requests: list[Request[str]] = []
    for depth in range(1, len(names) + 1):
        path = "/" + "/".join(names[:depth])
        last = depth == len(names)
        mode = (
            CreateMode.CONTAINER if last and contest.container and contest.layout.container else CreateMode.PERSISTENT
        )
        requests.append(session.create(path, b"", contest.acl if last else default, mode))
    for request in requests:
        # A parent that a container was deleted from, or a server without CREATE permission above: the last one tells.
        with contextlib.suppress(NodeExistsError, NoAuthError):
            yield from sub_result_of(request, _OPERATION, contest.path)


def _find(client: BaseClient, session: Session, contest: Contest, marker: str) -> Flow[Optional[Place]]:
    """Search for the contender of a lost reply, in the session that created it; None if it was not created."""
    while True:
        if client._session is not session:
            raise SessionExpiredError(operation=_OPERATION, path=contest.path)
        try:
            synced, listing = session.sync(contest.path), session.get_children(contest.path)
            yield from sub_result_of(synced, _OPERATION, contest.path)
            names = yield from sub_result_of(listing, _OPERATION, contest.path)
            paths = sorted(f"{contest.path}/{name}" for name in names if name.startswith(marker))
            if not paths:
                return None
            stat = yield from sub_result_of(session.exists(paths[0]), _OPERATION, contest.path)
            token = 0 if stat is None else stat.czxid
            return Place(paths[0], sequence_of(paths[0]), token, session, extra=paths[1:])
        except NoNodeError:
            return None
        except ConnectionLossError:
            yield Pause(_PAUSE, _OPERATION, contest.path)


def _withdraw(
    client: BaseClient,
    session: Session,
    contest: Contest,
    marker: str,
    creating: Optional[Request[Any]],
) -> Flow[None]:
    """Delete the contender of a caller that has given up, whatever became of its create.

    Args:
        creating: The create; None if a signal handler raised during its send.
    """
    paths: Sequence[str] = ()
    try:
        if creating is not None:
            with contextlib.suppress(ConnectionLossError):
                made = yield from sub_result_of(creating, _OPERATION, contest.path)
                paths = made[:1] if isinstance(made, tuple) else made
        if not paths:
            place = yield from _find(client, session, contest, marker)
            paths = () if place is None else place.paths
    except ZooKeeperError:
        return  # It was not created, or it has ended with its session.
    if paths:
        yield from delete_surely(session, *paths)


def leave(client: BaseClient, place: Place) -> None:
    """Leave the queue in the background: the znodes are deleted, however long that takes."""
    with contextlib.suppress(ClosingError):
        holds_of(client).in_background(delete_surely(place.session, *place.paths))


# ---- waiting --------------------------------------------------------------------------------------------------------


class _Turn:
    """A watch that is called once, and sets a signal.

    Args:
        signal: The signal; a new one if None.
    """

    __slots__ = ("signal", "type")

    def __init__(self, signal: Optional[Signal] = None) -> None:
        self.signal = Signal() if signal is None else signal
        self.type = 0  # The type of the event; no event has 0.

    def __call__(self, type_: int, state: int, path: str) -> None:
        self.type = type_
        self.signal.set()


class _Own:
    """The watch of the own znode: a deletion ends the wait.

    Without it, a contender whose znode was deleted would take its turn when the one in front leaves.
    """

    __slots__ = ("gone", "turn")

    def __init__(self) -> None:
        self.gone = False
        self.turn: Optional[_Turn] = None

    def __call__(self, type_: int, state: int, path: str) -> None:
        if type_ == EventType.DELETED:
            self.gone = True
            turn = self.turn
            if turn is not None:
                turn.signal.set()


def wait_turn(client: BaseClient, contest: Contest, place: Place, seats: list[Seat]) -> Flow[None]:
    """Wait until no contender blocks this one.

    Raises:
        PlaceLostError: The own znode was deleted.
        SessionExpiredError: The session has ended, and the own znode with it.
    """
    own: Optional[_Own] = None
    while True:
        index = _index(seats, place)
        if index < 0:
            raise PlaceLostError
        front = contest.blocker(seats, index)
        if front is None:
            return
        looked: Optional[Request[Optional[Stat]]] = None
        try:
            if own is None:
                own = _Own()
                looked = place.session.exists(place.path, own)  # In one flight with the watch of the one in front.
            gone = yield from _wait_for(client, contest, place, front, own, looked)
        except ConnectionLossError:
            own = None if looked is not None else own
            yield Pause(_PAUSE, _OPERATION, contest.path)
            gone = False
        # Contenders only join behind this one. If the first has left, and this one was the second, it is the first now.
        # After a downgrade it is not: a reader stands where the writer stood.
        if gone and index == 1 and not contest.downgrades:
            return
        seats = contest.layout.seats((yield from _list_names(client, place.session, contest)), contest.kinds)


def _wait_for(
    client: BaseClient,
    contest: Contest,
    place: Place,
    front: Seat,
    own: _Own,
    looked: Optional[Request[Optional[Stat]]],
) -> Flow[bool]:
    """Wait until a contender in front has left, or its znode has changed; return whether it has left."""
    session, path, turn = place.session, f"{contest.path}/{front.name}", _Turn()
    own.turn = turn
    try:
        yield from sub_result_of(session.get(path, turn), _OPERATION, contest.path)
    except NoNodeError:
        yield from _check_own(session, place, contest, own, looked)
        return True
    except NoAuthError:  # Its data cannot be read; a watch of the parent's children shows when it leaves.
        path = contest.path
        names = yield from sub_result_of(session.get_children(path, turn), _OPERATION, contest.path)
        if front.name not in names:
            _forget(client, session, path, turn)
            return True
    try:
        yield from _check_own(session, place, contest, own, looked)
        yield Await(turn.signal, None, _OPERATION, contest.path)
        if own.gone:
            raise PlaceLostError
    except BaseException:
        _forget(client, session, path, turn)
        raise
    if turn.type == EventType.SESSION:
        raise SessionExpiredError(operation=_OPERATION, path=contest.path)
    return turn.type == EventType.DELETED


def _check_own(
    session: Session, place: Place, contest: Contest, own: _Own, looked: Optional[Request[Optional[Stat]]]
) -> Flow[None]:
    """Raise PlaceLostError if the own znode was deleted, by the reply of the request that has set its watch."""
    if looked is not None and (yield from sub_result_of(looked, _OPERATION, contest.path)) is None:
        with contextlib.suppress(ZooKeeperError):  # It waits for a znode that no client creates again.
            session.remove_watches(place.path, own, WatchType.ANY, callback=_ignore)
        raise PlaceLostError
    if own.gone:
        raise PlaceLostError


def _forget(client: BaseClient, session: Session, path: str, turn: _Turn) -> None:
    """Remove a watch that is no longer needed, without waiting."""
    if not turn.type:
        with contextlib.suppress(ZooKeeperError):
            session.remove_watches(path, turn, WatchType.ANY, callback=_ignore)


def _ignore(request: Request[None]) -> None:
    request.exception()


def _list_names(client: BaseClient, session: Session, contest: Contest) -> Flow[list[str]]:
    while True:
        try:
            return (yield from sub_result_of(session.get_children(contest.path), _OPERATION, contest.path))
        except NoNodeError:
            return []
        except ConnectionLossError:
            yield Pause(_PAUSE, _OPERATION, contest.path)


def list_seats(client: BaseClient, contest: Contest, check: bool = False) -> Flow[list[Seat]]:
    """Return the present queue; with ``check``, raise LayoutError as :func:`join` does."""
    names = yield from _list_names(client, client.session, contest)
    if check:
        contest.layout.check(contest.path, names, contest.kind, contest.strangers)
    return contest.layout.seats(names, contest.kinds)


def _index(seats: list[Seat], place: Place) -> int:
    return next((index for index, seat in enumerate(seats) if seat.name == place.name), -1)
