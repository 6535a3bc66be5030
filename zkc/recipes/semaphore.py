"""The semaphore: a limited number of leases, whose limit can change while clients wait."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._args import check_count
from zkc._client.submit import submits
from zkc._flow import Flow, Pause
from zkc.errors import ClosingError, SessionExpiredError
from zkc.recipes._blocks import drop_hold, leave_block, pop_hold, push_hold
from zkc.recipes._claim import Claim
from zkc.recipes._contend import Contest, PlaceLostError, check_open
from zkc.recipes._granting import Acquiring, acquire_limit
from zkc.recipes._holds import BaseHold, Place, holds_of
from zkc.recipes._leases import RECIPE, CuratorLeases, KazooLeases, Leases
from zkc.recipes._measures import measures_of
from zkc.recipes._own_holds import OwnHolds
from zkc.recipes.hold import AsyncHold, Hold
from zkc.recipes.lock import Contender, read_contenders

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient

__all__ = ["AsyncSemaphore", "Semaphore"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no session.
_HoldT = TypeVar("_HoldT", bound=BaseHold)


def _remedy(hold: BaseHold) -> str:
    return "Release them first, or acquire all of them at once (n=)"


class BaseSemaphore(Generic[_HoldT]):
    """The base of the semaphores: their settings, and their flows."""

    _hold_class: type[_HoldT]

    def __init__(self, client: BaseClient, contest: Contest, limit: int) -> None:
        check_count(limit, "limit")
        layout = CuratorLeases if contest.layout.name == "curator" else KazooLeases
        self._client = client
        self._leases: Leases = layout(client, contest, limit)
        self._entered: dict[Any, list[_HoldT]] = {}  # The holds of with blocks, by thread or task.

    @property
    def path(self) -> str:
        """The path of the semaphore.

        .. versionadded:: 0.1
        """
        return self._leases.path

    @property
    def limit(self) -> int:
        """The limit, as this client has last read it.

        .. versionadded:: 0.1
        """
        return self._leases.limit

    def __repr__(self) -> str:
        layout = self._leases.contest.layout.name
        return f"<zkc.{type(self).__name__} {self.path} limit={self.limit} layout={layout}>"

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _acquire_flow(self, client: CommandClient, count: int, endless: bool = False) -> Flow[_HoldT]:
        self._check_number(count)
        return cast("Flow[_HoldT]", self._acquiring(lambda flow: self._acquire(flow, count), count, endless))

    def _try_flow(self, client: CommandClient, count: int) -> Flow[Optional[_HoldT]]:
        self._check_number(count)
        return cast("Flow[Optional[_HoldT]]", self._acquiring(lambda flow: self._try(flow, count), count))

    def _acquiring(self, make: Callable[[Acquiring], Flow[Any]], count: int, endless: bool = False) -> Acquiring:
        self._client._check_process("acquire")
        measures, advice = measures_of(self._client, RECIPE), "holders() shows who holds the leases"
        return Acquiring(self.path, make, measures, advice, self._own_leases(count, endless))

    def _own_leases(self, count: int, endless: bool) -> OwnHolds:
        leases = self._leases
        parents, room = (leases.contest.path,), lambda: leases.limit - count
        return OwnHolds(self._client, self.path, parents, _remedy, room, endless=endless)

    def _check_number(self, count: int) -> None:
        check_count(count, "n")
        if count > self.limit > 0:
            raise ValueError(f"n must not be larger than the limit of {self.path!r}: {count} of {self.limit}")

    def _acquire(self, acquiring: Acquiring, count: int) -> Flow[_HoldT]:
        client, claim = self._client, Claim(own=acquiring.own)
        acquiring.undo = claim.give_back
        try:
            while True:
                try:
                    place = yield from self._leases.acquire(count, claim)
                    return self._hold(acquiring, claim, place)
                except PlaceLostError:
                    claim.withdraw()
                except (SessionExpiredError, ClosingError):
                    check_open(client, self.path)
                    yield Pause(_PAUSE, "acquire", self.path)
                claim.forget()
        except BaseException:  # Perhaps of a signal handler.
            claim.give_back()
            raise

    def _try(self, acquiring: Acquiring, count: int) -> Flow[Optional[_HoldT]]:
        claim = Claim()
        acquiring.undo = claim.give_back
        try:
            place = yield from self._leases.try_acquire(count, claim)
            if place is not None:
                return self._hold(acquiring, claim, place)
        except PlaceLostError:
            claim.withdraw()
        except BaseException:
            claim.give_back()
            raise
        return None

    def _hold(self, acquiring: Acquiring, claim: Claim, place: Place) -> _HoldT:
        hold = self._hold_class(holds_of(self._client), place, self._leases.contest.on_suspend)
        claim.take(hold)
        hold._holds.add(hold)
        acquiring.grant(hold)
        return hold

    def _holders_flow(self, client: CommandClient) -> Flow[list[Contender]]:
        names, limit = yield from self._leases.look(client.session)
        seats = self._leases.leases_of(names)
        holding = [index < limit for index in range(len(seats))]
        return (yield from read_contenders(client.session, self._leases.contest.path, seats, holding))

    def _available_flow(self, client: CommandClient) -> Flow[int]:
        names, limit = yield from self._leases.look(client.session)
        return max(0, limit - len(self._leases.leases_of(names)))

    def _limit_flow(self, client: CommandClient, limit: int) -> Flow[None]:
        check_count(limit, "limit", 0)
        return self._leases.set_limit(limit)


class Semaphore(BaseSemaphore[Hold]):
    """A semaphore of a synchronous client. :meth:`zkc.Client.semaphore` makes it.

    >>> workers = client.semaphore("/semaphores/workers", 3)
    >>> with workers as hold:
    ...     hold.check()

    .. versionadded:: 0.1
    """

    _hold_class = Hold
    _client: Client

    @submits
    def acquire(self, n: int = 1, *, timeout: Optional[float] = None) -> Hold:
        """Wait until leases are free, and take them.

        Args:
            n: The number of leases: all of them or none are taken, and one hold stands for all of them.
            timeout: Timeout in seconds of the whole call; None for no limit.

        Returns:
            The hold.

        Raises:
            ValueError: ``n`` is larger than the limit.
            LockTimeoutError: The leases were not free in time.
            LimitMismatchError: The limit that kazoo's layout has written is another.
            LayoutError: The path has a semaphore of another layout.
            TooManyWaitersError: More contenders wait than ``max_waiters``.

        .. versionadded:: 0.1
        """
        return self._client._run(self._acquire_flow, acquire_limit(timeout), n, timeout is None)

    @submits
    def try_acquire(self, n: int = 1, *, timeout: Optional[float] = None) -> Optional[Hold]:
        """Take leases if they are free and no contender waits. If not, nothing is written.

        Args:
            n: The number of leases.
            timeout: Timeout of the requests in seconds; the client's ``request_timeout`` if None.

        Returns:
            The hold, or None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._try_flow, timeout, n)

    def holders(self, *, timeout: Optional[float] = None) -> list[Contender]:
        """Return the leases. One beyond the limit, by its counter, has a false ``is_holder``.

        Such a lease waits, or the limit was lowered after it had been granted.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._holders_flow, timeout)

    def available(self, *, timeout: Optional[float] = None) -> int:
        """Return the number of leases that are free.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._available_flow, timeout)

    def set_limit(self, limit: int, *, timeout: Optional[float] = None) -> None:
        """Change the limit for all clients. A larger one wakes contenders; a smaller one takes no lease away.

        Args:
            limit: The new limit; 0 grants no further lease.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        self._client._run(self._limit_flow, timeout, limit)

    @contextlib.contextmanager
    def held(self, n: int = 1, *, timeout: Optional[float] = None) -> Iterator[Hold]:
        """Hold leases for a ``with`` block, and raise at its end if they were lost.

        Args:
            n: The number of leases.
            timeout: Timeout in seconds of the acquire; None for no limit.

        Raises:
            LockLostError: A lease was lost during the block, and the block raised nothing else.

        .. versionadded:: 0.1
        """
        with self.acquire(n, timeout=timeout) as hold:
            yield hold

    def __enter__(self) -> Hold:
        hold = self.acquire()
        try:
            push_hold(self._entered, threading.get_ident(), hold)
        except BaseException:  # A signal handler raised: the block is not entered, and not left.
            drop_hold(self._entered, hold)
            hold._release_later()
            raise
        return hold

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        leave_block(self._entered, kind)


class AsyncSemaphore(BaseSemaphore[AsyncHold]):
    """A semaphore of a client for asyncio, with the methods of :class:`Semaphore`.

    :meth:`zkc.AsyncClient.semaphore` makes it.

    .. versionadded:: 0.1
    """

    _hold_class = AsyncHold
    _client: AsyncClient

    def acquire(self, n: int = 1, *, timeout: Optional[float] = None) -> AsyncFuture[AsyncHold]:
        """Wait until leases are free, as :meth:`Semaphore.acquire` does. A cancellation leaves the queue.

        .. versionadded:: 0.1
        """
        acquiring = self._client._run(self._acquire_flow, acquire_limit(timeout), n, timeout is None)
        return cast("AsyncFuture[AsyncHold]", acquiring)

    def try_acquire(self, n: int = 1, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[AsyncHold]]:
        """Take leases if they are free, as :meth:`Semaphore.try_acquire` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[AsyncHold]]", self._client._run(self._try_flow, timeout, n))

    def holders(self, *, timeout: Optional[float] = None) -> AsyncFuture[list[Contender]]:
        """Return the leases, as :meth:`Semaphore.holders` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[Contender]]", self._client._run(self._holders_flow, timeout))

    def available(self, *, timeout: Optional[float] = None) -> AsyncFuture[int]:
        """Return the number of leases that are free, as :meth:`Semaphore.available` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[int]", self._client._run(self._available_flow, timeout))

    def set_limit(self, limit: int, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Change the limit for all clients, as :meth:`Semaphore.set_limit` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._limit_flow, timeout, limit))

    @contextlib.asynccontextmanager
    async def held(self, n: int = 1, *, timeout: Optional[float] = None) -> AsyncIterator[AsyncHold]:
        """Hold leases for an ``async with`` block, as :meth:`Semaphore.held` does.

        .. versionadded:: 0.1
        """
        async with await self.acquire(n, timeout=timeout) as hold:
            yield hold

    async def __aenter__(self) -> AsyncHold:
        hold = await self.acquire()
        push_hold(self._entered, asyncio.current_task(), hold)
        return hold

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await pop_hold(self._entered, asyncio.current_task())._leave(kind)
