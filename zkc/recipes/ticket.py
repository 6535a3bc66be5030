"""Tickets: a place in the queue of a lock, taken before the wait for the lock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Optional, TypeVar, cast

from zkc._client.submit import submits
from zkc._flow import Flow
from zkc._zookeeper import RLock
from zkc.errors import ClosingError, SessionExpiredError, ZooKeeperError
from zkc.recipes._claim import persist
from zkc.recipes._contend import PlaceLostError, check_open, list_seats
from zkc.recipes._granting import Acquiring, acquire_limit
from zkc.recipes._holds import BaseHold, Place, delete_surely, holds_of
from zkc.recipes._turns import wait_turn
from zkc.recipes.errors import LockLostError

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc.recipes._layout import Seat
    from zkc.recipes.hold import AsyncHold, Hold
    from zkc.recipes.lock import BaseLock

__all__ = ["AsyncTicket", "BaseTicket", "Ticket"]

_HoldT = TypeVar("_HoldT", bound=BaseHold)


class BaseTicket(Generic[_HoldT]):
    """The base of the tickets: their flows."""

    def __init__(self, lock: BaseLock[_HoldT], place: Place, seats: list[Seat]) -> None:
        self._owner = lock
        self._place = place
        self._seats: Optional[list[Seat]] = seats  # The queue at the time of the enqueueing.
        self._lock = RLock()
        self._hold: Optional[_HoldT] = None
        self._followed = False  # Whether the hold follows the client's states.
        self._cancelled = False

    @property
    def path(self) -> str:
        """The path of the contender's znode.

        .. versionadded:: 0.1
        """
        return self._place.path

    @property
    def token(self) -> int:
        """The token that the hold will have.

        .. versionadded:: 0.1
        """
        return self._place.token

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path} token={self.token}>"

    def _position_flow(self, client: CommandClient) -> Flow[int]:
        owner = self._owner
        if self._cancelled or owner._client._session is not self._place.session:
            raise self._lost("position")
        seats = yield from list_seats(owner._client, owner._contest)
        found = next((index for index, seat in enumerate(seats) if seat.name == self._place.name), None)
        if found is None:
            raise self._lost("position")
        return found

    def _wait_flow(self, client: CommandClient, endless: bool) -> Flow[_HoldT]:
        owner = self._owner
        owner._client._check_process("wait")
        wait = Acquiring(owner.path, self._wait, owner._measures, own=owner._own_holds(endless))
        return cast("Flow[_HoldT]", wait)

    def _wait(self, acquiring: Acquiring) -> Flow[_HoldT]:
        owner, place = self._owner, self._place
        if self._hold is not None and self._followed:
            return self._hold
        if self._cancelled or owner._client._session is not place.session:
            raise self._lost("wait")
        seats, self._seats = self._seats, None
        try:
            if seats is None:
                seats = yield from list_seats(owner._client, owner._contest)
            if len(seats) > 1 and acquiring.own is not None:
                acquiring.own.waits()
            yield from wait_turn(owner._client, owner._contest, place, seats, keeps_place=True)
        except (PlaceLostError, SessionExpiredError, ClosingError):
            if not self._cancelled:
                check_open(owner._client, owner.path)
            raise self._lost("wait") from None
        with self._lock:  # The ticket may have been cancelled at this moment, or another caller may wait, too.
            if self._cancelled:
                raise self._lost("wait")
            if self._hold is None:
                self._hold = owner._new_hold(place)
            if not self._followed:
                holds_of(owner._client).add(self._hold)
                self._followed = True
                acquiring.grant(self._hold)
            return self._hold

    def _cancel_flow(self, client: CommandClient) -> Flow[bool]:
        self._owner._client._check_process("cancel")
        with self._lock:
            cancelled, self._cancelled = self._cancelled, True
            hold = self._hold
        if cancelled:
            return False
        if hold is not None:
            return (yield from hold._release_flow())
        session, path = self._place.session, self._place.path
        try:
            return (yield from delete_surely(session, path))
        except ZooKeeperError:
            raise
        except BaseException:  # Timed out, cancelled or interrupted: the deletion continues without a caller.
            persist(lambda: holds_of(self._owner._client).in_background(delete_surely(session, path)))
            raise

    def _lost(self, operation: str) -> LockLostError:
        if self._cancelled:
            reason = "cancelled"
        else:
            reason = "deleted" if self._owner._client._session is self._place.session else "expired"
        text = f"the place in the queue is lost ({reason}); enqueue again"
        error = LockLostError(LockLostError.describe(operation, self.path, text), operation=operation, path=self.path)
        error.reason, error.token, error.session_lost = reason, self.token, reason == "expired"
        return error


class Ticket(BaseTicket["Hold"]):
    """A place in the queue of a lock. :meth:`Lock.enqueue` returns it.

    The place is kept until the lock was granted and released, the ticket is cancelled, or the session ends.

    >>> ticket = client.lock("/locks/report").enqueue()
    >>> hold = ticket.wait(timeout=60)

    .. versionadded:: 0.1
    """

    @submits
    def position(self, *, timeout: Optional[float] = None) -> int:
        """Return the number of contenders in front; 0 if the lock is this one's.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            LockLostError: The place is lost.

        .. versionadded:: 0.1
        """
        client = cast("Client", self._owner._client)
        return client._run(self._position_flow, timeout)

    @submits
    def wait(self, timeout: Optional[float] = None) -> Hold:
        """Wait until the lock is granted. A wait that times out keeps the place.

        Args:
            timeout: Timeout in seconds; None for no limit.

        Returns:
            The hold; the same one at each call.

        Raises:
            LockTimeoutError: The lock was not granted in time.
            LockLostError: The place is lost: its ``reason`` is ``deleted``, ``expired`` or ``cancelled``.

        .. versionadded:: 0.1
        """
        client = cast("Client", self._owner._client)
        return client._run(self._wait_flow, acquire_limit(timeout), timeout is None)

    @submits
    def cancel(self, *, timeout: Optional[float] = None) -> bool:
        """Leave the queue; release the lock if it was granted.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether the place was still there.

        .. versionadded:: 0.1
        """
        client = cast("Client", self._owner._client)
        return client._run(self._cancel_flow, timeout)


class AsyncTicket(BaseTicket["AsyncHold"]):
    """A place in the queue of a lock, with the methods of :class:`Ticket`. :meth:`AsyncLock.enqueue` returns it.

    .. versionadded:: 0.1
    """

    def position(self, *, timeout: Optional[float] = None) -> AsyncFuture[int]:
        """Return the number of contenders in front, as :meth:`Ticket.position` does.

        .. versionadded:: 0.1
        """
        client = cast("AsyncClient", self._owner._client)
        return cast("AsyncFuture[int]", client._run(self._position_flow, timeout))

    def wait(self, timeout: Optional[float] = None) -> AsyncFuture[AsyncHold]:
        """Wait until the lock is granted, as :meth:`Ticket.wait` does. A wait that is cancelled keeps the place.

        .. versionadded:: 0.1
        """
        client = cast("AsyncClient", self._owner._client)
        return cast("AsyncFuture[AsyncHold]", client._run(self._wait_flow, acquire_limit(timeout), timeout is None))

    def cancel(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Leave the queue, as :meth:`Ticket.cancel` does. The request is sent at once.

        .. versionadded:: 0.1
        """
        client = cast("AsyncClient", self._owner._client)
        return cast("AsyncFuture[bool]", client._run(self._cancel_flow, timeout))
