"""The lock: fair, with holds that know whether they still hold, and that can prove it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, TypeVar, cast

from zkc._args import check_count, check_data, check_identifier, check_path, encode_acl
from zkc._client.submit import submits
from zkc._flow import Flow, Undoable, result_of
from zkc.errors import NoNodeError
from zkc.recipes._claim import Claim
from zkc.recipes._contend import Contest, index_of, join, list_seats
from zkc.recipes._granting import Acquiring, AsyncGranting, Granting, SyncGranting
from zkc.recipes._guarding import REVOKE
from zkc.recipes._holds import BaseHold, Place, delete_surely, holds_of
from zkc.recipes._layout import LAYOUTS, Seat
from zkc.recipes._measures import Measures, measures_of
from zkc.recipes._turns import wait_turn
from zkc.recipes.hold import AsyncHold, Hold
from zkc.recipes.reentrant import AsyncReentrantLock, ReentrantLock
from zkc.recipes.ticket import AsyncTicket, Ticket

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Session
    from zkc.types import ACL, Data

__all__ = ["AsyncHold", "AsyncLock", "Contender", "Hold", "Lock"]

_ON_SUSPEND = ("doubt", "deadline", "lost")
_HoldT = TypeVar("_HoldT", bound=BaseHold)


@dataclass(frozen=True)
class Contender:
    """A contender of a lock, as the servers show it.

    .. versionadded:: 0.1
    """

    name: str
    """The name of its znode."""
    kind: str
    """``lock``, ``read``, ``write`` or ``lease``."""
    sequence: int
    """The counter in its name."""
    token: int
    """The zxid that created its znode: the token that its hold has, or will have."""
    session_id: int
    """The session that owns it."""
    since: float
    """When it joined the queue, by the server's clock, in seconds since the epoch."""
    data: Optional[bytes]
    """The data of its znode, such as an identifier."""
    is_holder: bool
    """Whether it holds the lock."""
    is_mine: bool
    """Whether this client's session owns it."""


class BaseLock(Granting[_HoldT]):
    """The base of the locks: their settings, and their flows."""

    _hold_class: type[_HoldT]

    def __init__(self, client: BaseClient, contest: Contest) -> None:
        super().__init__(client, contest.path)
        self._contest = contest

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path} layout={self._contest.layout.name}>"

    @property
    def _measures(self) -> Measures:
        return measures_of(self._client, self._contest.recipe)

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _contend_once(self, claim: Claim) -> Flow[_HoldT]:
        place, seats = yield from join(self._client, self._contest, claim=claim)
        self._joined(place)
        if len(seats) > 1:
            claim.waits()
        yield from wait_turn(self._client, self._contest, place, seats)
        return self._granted(claim, place)

    def _remedy(self, hold: BaseHold) -> str:
        unit = "task" if self._client._takes_coroutines else "thread"
        return f"Release it first, or acquire both times through one lock.reentrant(), which serves one {unit}"

    def _joined(self, place: Place) -> None:
        """Take note of the place of a contender that has joined."""

    def _try_once(self, claim: Claim) -> Flow[Optional[_HoldT]]:
        # A look before the write: a busy lock costs the servers one read.
        seats = yield from list_seats(self._client, self._contest, check=True)
        phantom = Seat("", self._contest.kind, 0)
        if self._contest.blocker([*seats, phantom], len(seats)) is not None:
            return None
        place, seats = yield from join(self._client, self._contest, claim=claim)
        index = index_of(seats, place)
        if index < 0 or self._contest.blocker(seats, index) is not None:
            return None
        return self._granted(claim, place)

    def _granted(self, claim: Claim, place: Place) -> _HoldT:
        hold = self._new_hold(place)
        claim.take(hold)
        hold._holds.add(hold)
        return hold

    def _new_hold(self, place: Place) -> _HoldT:
        """Make the hold of a place, which does not follow the client's states yet."""
        return self._hold_class(holds_of(self._client), place, self._contest.on_suspend)

    def _enqueue_flow(self, client: CommandClient, make: Callable[..., Any]) -> Flow[Any]:
        self._client._check_process("enqueue")
        return cast("Flow[Any]", Acquiring(self.path, lambda flow: self._enqueue(flow, make), self._measures))

    def _enqueue(self, undoable: Undoable, make: Callable[..., Any]) -> Flow[Any]:
        claim = Claim()
        undoable.undo = claim.give_back
        try:
            place, seats = yield from join(self._client, self._contest, claim=claim)
            return make(self, place, seats)
        except BaseException:
            claim.give_back()
            raise

    def _contenders_flow(self, client: CommandClient) -> Flow[list[Contender]]:
        seats = yield from list_seats(self._client, self._contest)
        holding = [self._contest.blocker(seats, index) is None for index in range(len(seats))]
        return (yield from read_contenders(client.session, self.path, seats, holding))

    def _revoke_flow(self, client: CommandClient, contender: Contender) -> Flow[bool]:
        try:
            yield from result_of(client.session.set(f"{self.path}/{contender.name}", REVOKE))
        except NoNodeError:
            return False
        return True

    def _break_flow(self, client: CommandClient, contender: Contender) -> Flow[bool]:
        path = f"{self.path}/{contender.name}"
        session = client.session
        stat = yield from result_of(session.exists(path))
        if stat is None or stat.czxid != contender.token:
            return False
        return (yield from delete_surely(session, path))


def read_contenders(session: Session, path: str, seats: list[Seat], holding: list[bool]) -> Flow[list[Contender]]:
    """Read the znodes of contenders. One that has left in the meantime is left out."""
    requests = [session.get(f"{path}/{seat.name}") for seat in seats]
    found = []
    for seat, request, holds in zip(seats, requests, holding):
        try:
            data, stat = yield from result_of(request)
        except NoNodeError:
            continue
        owner = stat.ephemeral_owner
        is_mine = owner == session.client_id[0]
        entry = (seat.name, seat.kind, seat.sequence, stat.czxid, owner, stat.ctime / 1000, data, holds, is_mine)
        found.append(Contender(*entry))
    return found


def contest_of(
    client: BaseClient,
    path: str,
    *,
    identifier: str,
    data: Optional[Data],
    layout: str,
    acl: Optional[Sequence[ACL]],
    container: bool,
    max_waiters: Optional[int],
    on_suspend: str = "doubt",
) -> Contest:
    """Check the arguments of a lock."""
    check_path(path)
    if path == "/":
        raise ValueError("path must not be the root: a lock needs a znode of its own")
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(map(repr, LAYOUTS))}, not {layout!r}")
    if on_suspend not in _ON_SUSPEND:
        raise ValueError(f"on_suspend must be one of {', '.join(map(repr, _ON_SUSPEND))}, not {on_suspend!r}")
    check_identifier(identifier)
    if data is None:
        data = identifier.encode()
    if max_waiters is not None:
        check_count(max_waiters, "max_waiters", 0)
    entries = client._settings.default_acl if acl is None else encode_acl(acl)
    checked = check_data(data)
    names = LAYOUTS[layout]
    return Contest(
        path,
        names,
        "lock",
        ("lock",),
        first_come,
        None if checked is None else bytes(checked),
        entries,
        container,
        max_waiters,
        on_suspend=on_suspend,
        strangers=names.strangers("lock"),
    )


def first_come(seats: Sequence[Seat], index: int) -> Optional[Seat]:
    """Return the contender in front: each waits for the one before it."""
    return seats[index - 1] if index > 0 else None


# ---- the locks of both clients --------------------------------------------------------------------------------------


class Lock(SyncGranting[Hold], BaseLock[Hold]):
    """A fair lock of a synchronous client. :meth:`zkc.Client.lock` makes it.

    It belongs to no thread. Each hold is an object of its own; the lock may be acquired by several threads at once, and
    grants them one after the other. It is not re-entrant: a thread that acquires it twice waits for itself.

    >>> with client.lock("/locks/report") as hold:
    ...     hold.check()
    ...     client.set("/report", b"done")

    .. versionadded:: 0.1
    """

    _hold_class = Hold
    _client: Client

    @submits
    def enqueue(self, *, timeout: Optional[float] = None) -> Ticket:
        """Take a place in the queue without waiting for the lock.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            A ticket, which waits for the lock, tells its position, and can be cancelled. Without one of its holds or a
            cancel, its place stays until the session ends.

        Raises:
            LayoutError: The path has contenders of another layout.
            TooManyWaitersError: More contenders wait than ``max_waiters``.

        .. versionadded:: 0.1
        """
        # Without a cast: a signal handler that raises in its call would lose the ticket.
        ticket: Ticket = self._client._run(self._enqueue_flow, timeout, Ticket)
        return ticket

    def reentrant(self) -> ReentrantLock:
        """Return a form of this lock that a thread may acquire again while it has it.

        .. versionadded:: 0.1
        """
        return ReentrantLock(self)

    @submits
    def contenders(self, *, timeout: Optional[float] = None) -> list[Contender]:
        """Return the holder and the waiting contenders, in the order of the queue.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._contenders_flow, timeout)

    def holder(self, *, timeout: Optional[float] = None) -> Optional[Contender]:
        """Return the contender that holds the lock; None if the lock is free.

        .. versionadded:: 0.1
        """
        return next((found for found in self.contenders(timeout=timeout) if found.is_holder), None)

    def revoke(self, contender: Contender, *, timeout: Optional[float] = None) -> bool:
        """Ask a contender to release the lock, by the data of its znode, as Curator does.

        Args:
            contender: One of :meth:`contenders`.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether the contender was still there.

        .. versionadded:: 0.1
        """
        return self._client._run(self._revoke_flow, timeout, contender)

    def break_(self, contender: Contender, *, timeout: Optional[float] = None) -> bool:
        """Delete the znode of a contender, so that its hold is lost.

        Args:
            contender: One of :meth:`contenders`. A znode with the same name and another token is left alone.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether the znode was deleted.

        .. versionadded:: 0.1
        """
        return self._client._run(self._break_flow, timeout, contender)


class AsyncLock(AsyncGranting[AsyncHold], BaseLock[AsyncHold]):
    """A fair lock of a client for asyncio, with the methods of :class:`Lock`. :meth:`zkc.AsyncClient.lock` makes it.

    >>> async with client.lock("/locks/report") as hold:
    ...     await client.set("/report", b"done")

    .. versionadded:: 0.1
    """

    _hold_class = AsyncHold
    _client: AsyncClient

    def enqueue(self, *, timeout: Optional[float] = None) -> AsyncFuture[AsyncTicket]:
        """Take a place in the queue without waiting for the lock, as :meth:`Lock.enqueue` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[AsyncTicket]", self._client._run(self._enqueue_flow, timeout, AsyncTicket))

    def reentrant(self) -> AsyncReentrantLock:
        """Return a form of this lock that a task may acquire again while it has it.

        .. versionadded:: 0.1
        """
        return AsyncReentrantLock(self)

    def contenders(self, *, timeout: Optional[float] = None) -> AsyncFuture[list[Contender]]:
        """Return the contenders, as :meth:`Lock.contenders` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[Contender]]", self._client._run(self._contenders_flow, timeout))

    async def holder(self, *, timeout: Optional[float] = None) -> Optional[Contender]:
        """Return the contender that holds the lock, as :meth:`Lock.holder` does.

        .. versionadded:: 0.1
        """
        return next((found for found in await self.contenders(timeout=timeout) if found.is_holder), None)

    def revoke(self, contender: Contender, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Ask a contender to release the lock, as :meth:`Lock.revoke` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._revoke_flow, timeout, contender))

    def break_(self, contender: Contender, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Delete the znode of a contender, as :meth:`Lock.break_` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._break_flow, timeout, contender))
