"""The queue of contenders that locks, elections and semaphores stand on: join it, leave it. _turns has the wait.

A contender is an ephemeral sequential znode. Its name has a marker that is new for each attempt, so that a client finds
its znode after a lost reply, and never takes the znode of another session for its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Flow, Pause, sub_result_of
from zkc._session.losses import LossCounter
from zkc.constants import CreateMode
from zkc.errors import (
    ClosingError,
    ConnectionLossError,
    NoNodeError,
    SessionExpiredError,
    SessionLostError,
)
from zkc.recipes._claim import Attempt, Claim
from zkc.recipes._layout import Layout, Seat, counter_order, is_worn, sequence_of
from zkc.recipes._measures import measures_of
from zkc.recipes._parents import bases_of, make_bases
from zkc.recipes._places import Place, boot_time
from zkc.recipes.errors import TooManyWaitersError

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Request, Session

__all__ = [
    "Contest",
    "PlaceLostError",
    "check_open",
    "index_of",
    "join",
    "list_queue",
    "list_seats",
    "make_parent",
    "queue_of",
]

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
        recipe: The kind of recipe under which the client's metrics count the contender; empty to count nothing.
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
    recipe: str = "lock"


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
    client: BaseClient,
    contest: Contest,
    count: int = 1,
    beside: Optional[Callable[[Session], object]] = None,
    *,
    claim: Claim,
) -> Flow[tuple[Place, list[Seat]]]:
    """Create a contender, and return its place and the queue. Both requests go out in one flight.

    Args:
        client: The client.
        contest: What the contender wants.
        count: The number of znodes of the contender; they are created in one transaction.
        beside: ``beside(session)`` sends further requests in the same flight.
        claim: What the caller has taken; the contender comes to it.
    """
    losses = LossCounter(client, _OPERATION, contest.path)
    orphan = False
    while True:
        try:
            if orphan:
                yield from make_parent(client, contest)
                orphan = False
            return (yield from _try_join(client, client.session, contest, count, beside, claim))
        except NoNodeError:
            if orphan:
                raise  # There is no place for the parent: the client's chroot does not exist.
            orphan = True
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
    claim: Claim,
) -> Flow[tuple[Place, list[Seat]]]:
    attempt = Attempt(client, session, contest, contest.layout.new_marker())
    prefix = f"{contest.path}/{contest.layout.prefix(attempt.marker, contest.kind)}"
    sent = boot_time()
    try:
        claim.attempt(attempt)
        if count == 1:
            attempt.creating = session.create_with_stat(
                prefix, contest.data, contest.acl, CreateMode.EPHEMERAL_SEQUENTIAL
            )
        else:
            change: Any = ("create", prefix, contest.data, contest.acl, CreateMode.EPHEMERAL_SEQUENTIAL)
            attempt.creating = session.multi([change] * count)
        listing = session.get_children(contest.path)  # In the same flight; it shows the own znode, too.
        if beside is not None:
            beside(session)
        place = attempt.place = yield from _made(attempt, attempt.creating, sent)
        names, seats = yield from _first_queue(session, contest, listing)
        _check_queue(client, contest, place, names, seats)
        return place, seats
    except SessionLostError:
        attempt.over = True  # What was created has ended with the session.
        raise
    except BaseException:  # Also a timeout, a cancellation, a signal handler that raises.
        attempt.withdraw()
        raise


def _made(attempt: Attempt, creating: Request[Any], sent: float) -> Flow[Place]:
    """Return the place of a create, also when its reply was lost."""
    session, contest = attempt.session, attempt.contest
    try:
        made = yield from sub_result_of(creating, _OPERATION, contest.path)
    except ConnectionLossError as error:
        if not error.maybe_applied:
            attempt.over = True
            raise
        lost = error
    except NoNodeError:
        attempt.over = True
        raise
    else:
        if isinstance(made, tuple):
            path, stat = made
            return Place(path, sequence_of(path), stat.czxid, session, session.client_id[0], proved=sent)
        lost = ConnectionLossError(operation=_OPERATION, path=contest.path)  # A transaction replies without the stat.
    place = yield from attempt.find()
    if place is None:
        attempt.over = True
        lost.maybe_applied = False  # The session's server knows all earlier requests: it was not carried out.
        raise lost.with_traceback(None)
    return place


def _first_queue(session: Session, contest: Contest, listing: Request[list[str]]) -> Flow[tuple[list[str], list[Seat]]]:
    try:
        names = yield from sub_result_of(listing, _OPERATION, contest.path)
        return names, (yield from queue_of(session, contest, names))
    except ConnectionLossError:
        return (yield from list_queue(session, contest))


def _check_queue(client: BaseClient, contest: Contest, place: Place, names: list[str], seats: list[Seat]) -> None:
    if len(seats) < len(names):  # Else each name is that of a contender of this queue.
        contest.layout.check(contest.path, names, contest.kind, contest.strangers)
    # Most contenders find themselves at the end.
    ahead = len(seats) - 1 if seats and seats[-1].name == place.name else index_of(seats, place)
    if contest.recipe and ahead >= 0:
        measures_of(client, contest.recipe).observe("queue_length", ahead)
    if contest.max_waiters is not None and ahead > contest.max_waiters:
        raise TooManyWaitersError(operation=_OPERATION, path=contest.path)


def make_parent(client: BaseClient, contest: Contest) -> Flow[None]:
    """Create the parent of the contenders, and what is missing above it.

    Raises:
        NoAuthError: This client may not create it.
        NoNodeError: The client's chroot does not exist.
    """
    bases = bases_of(client, contest.path)
    container = contest.container and contest.layout.container
    mode = CreateMode.CONTAINER if container else CreateMode.PERSISTENT
    bases[-1] = bases[-1]._replace(acl=contest.acl, mode=mode)
    while not (yield from make_bases(client, bases, _OPERATION, contest.path)):
        check_open(client, contest.path)
        yield Pause(_PAUSE, _OPERATION, contest.path)


def list_queue(session: Session, contest: Contest) -> Flow[tuple[list[str], list[Seat]]]:
    """Return the children of the contenders' parent, and the queue, in spite of lost connections."""
    while True:
        try:
            names = yield from sub_result_of(session.get_children(contest.path), _OPERATION, contest.path)
            return names, (yield from queue_of(session, contest, names))
        except NoNodeError:
            return [], []
        except ConnectionLossError:
            yield Pause(_PAUSE, _OPERATION, contest.path)


def list_seats(client: BaseClient, contest: Contest, check: bool = False) -> Flow[list[Seat]]:
    """Return the present queue; with ``check``, raise LayoutError as :func:`join` does."""
    names, seats = yield from list_queue(client.session, contest)
    if check:
        contest.layout.check(contest.path, names, contest.kind, contest.strangers)
    return seats


def queue_of(session: Session, contest: Contest, names: list[str], operation: str = _OPERATION) -> Flow[list[Seat]]:
    """Return the contenders among the names of children, in the order in which they came.

    Worn counters do not tell that order: the servers are asked for the zxids. A contender that has left is left out.
    """
    seats = contest.layout.seats(names, contest.kinds)
    worn = [seat for seat in seats if is_worn(seat.sequence)]
    if len(worn) < 2:
        return seats
    found = [seat for seat in seats if not is_worn(seat.sequence)]
    requests = [session.exists(f"{contest.path}/{seat.name}") for seat in worn]
    for seat, request in zip(worn, requests):
        stat = yield from sub_result_of(request, operation, contest.path)
        if stat is not None:
            found.append(seat._replace(token=stat.czxid))
    return counter_order(found)


def index_of(seats: list[Seat], place: Place) -> int:
    """Return the index of a place in the queue; -1 if it is not there."""
    for index, seat in enumerate(seats):
        if seat.name == place.name:
            return index
    return -1
