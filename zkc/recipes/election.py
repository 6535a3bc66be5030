"""The election: contenders queue, the first of them leads, and observers see each change of the leader."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from inspect import isawaitable, iscoroutine
from typing import TYPE_CHECKING, Optional, TypeVar, cast

from zkc._flow import Signal
from zkc.errors import ClosingError
from zkc.recipes._election import BaseElection, ElectionLock, Pauses, election_contest
from zkc.recipes._following import ElectionState, ElectionStatus
from zkc.recipes._functions import NotAwaitableError, check_function
from zkc.recipes._holds import BaseHold
from zkc.recipes._leaders import AsyncLeaders, Leaders, Leading
from zkc.recipes.hold import AsyncHold, Hold
from zkc.recipes.lock import AsyncLock, Contender, Lock

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc.recipes._contend import Contest
    from zkc.types import Data

__all__ = [
    "AsyncElection",
    "AsyncLeaders",
    "Election",
    "ElectionState",
    "ElectionStatus",
    "Leaders",
    "election_contest",
]

_NO_LIMIT = 1e9  # Thirty years, in seconds.
_T = TypeVar("_T")


class _Lock(ElectionLock, Lock):
    pass


class _AsyncLock(ElectionLock, AsyncLock):
    pass


class Election(BaseElection[Hold]):
    """An election of a synchronous client. :meth:`zkc.Client.election` makes it.

    >>> election = client.election("/leader", identifier="host-1")
    >>> with election.lead() as hold:
    ...     hold.check()

    .. versionadded:: 0.1
    """

    _client: Client
    _lock: _Lock

    def __init__(self, client: Client, contest: Contest) -> None:
        super().__init__(client, contest, _Lock(client, contest))

    def lead(self, *, timeout: Optional[float] = None) -> AbstractContextManager[Hold]:
        """Wait until this contender leads, and lead for a ``with`` block.

        Args:
            timeout: Timeout in seconds of the wait; None for no limit.

        Raises:
            ElectionTimeoutError: Another contender led for too long.
            LayoutError: The path has contenders of another layout.
            LockLostError: The leadership was lost during the block, and the block raised nothing else.

        .. versionadded:: 0.1
        """
        return self._lock.held(timeout=timeout)

    def run(self, fn: Callable[[Hold], _T], *, forever: bool = True) -> Optional[_T]:
        """Call a function whenever this contender leads; its return ends the leadership.

        After a loss, a return or an error, ``run`` campaigns again after a short random pause, which grows with errors
        in a row. It returns when :meth:`stop` is called or the client is closed.

        Args:
            fn: A function of the :class:`Hold`. ``hold.lost`` is set when the leadership is lost or resigned; the
                function should then return. No second call begins before it has returned.
            forever: Whether to campaign again. If not, ``run`` ends with the function: it returns its value, and raises
                its error, or LockLostError if the leadership was lost. If so, errors are logged.

        Returns:
            The value of the function with ``forever=False``; else None.

        .. versionadded:: 0.1
        """
        check_function(fn, "fn", "the hold", 1, coroutines=False)
        stop, pauses = self._stop, Pauses()
        while not stop.done():
            try:
                hold = self._client._run(self._campaign_flow, _NO_LIMIT, stop)
            except ClosingError:
                if forever:
                    return None
                raise
            if hold is None or stop.done():
                if hold is not None:
                    hold._release_later()
                return None
            failed, resign = False, functools.partial(_resign, hold)
            stop.add_done_callback(resign)
            try:
                value = fn(hold)
                if iscoroutine(value):  # Of a lambda, which shows only by its result that it makes one.
                    value.close()
                    forever = False  # The next call would be the same.
                    raise TypeError("fn must be a plain function: coroutine functions are for zkc.AsyncClient")
                if not forever:
                    if stop.done():
                        hold._release_later()
                    else:
                        hold._leave(None)
                    return value
            except Exception as error:
                if not forever:
                    raise
                failed = True
                self._failed(error, hold)
            finally:
                stop.remove_done_callback(resign)
                hold._release_later()
            self._client._run(self._pause_flow, _NO_LIMIT, stop, pauses.next(failed))
        return None

    def resign(self, *, timeout: Optional[float] = None) -> bool:
        """Give up the leadership. The hold is LOST then, with the reason ``resigned``, so that its user notices.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The deletion of the contender's znode
                continues in the background.

        Returns:
            Whether this call has ended the leadership; False if this object did not lead.

        .. versionadded:: 0.1
        """
        return self._client._run(self._resign_flow, timeout)

    def leader(self, *, timeout: Optional[float] = None) -> Optional[Contender]:
        """Return the leader, as the client's server knows it; None without a leader.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._leader_flow, timeout)

    def contenders(self, *, timeout: Optional[float] = None) -> list[Contender]:
        """Return the leader and the waiting contenders, in the order of the queue.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._lock.contenders(timeout=timeout)

    def observe(self) -> Leaders:
        """Iterate over the leaders: the present one at once, and then each change. None stands for no leader.

        Between two different leaders the iterator always yields None. New data of the leader yield it again. Several
        quick changes may be one; the last state is always seen.

        >>> for leader in election.observe():
        ...     print("no leader" if leader is None else leader.data)

        Returns:
            An iterator that ends with its client, or by ``close()``. It survives the expiry of the session.

        .. versionadded:: 0.1
        """
        return Leaders(self._client, Leading(self._contest))

    def set_data(self, data: Data, *, timeout: Optional[float] = None) -> bool:
        """Set the data that observers see of this contender, now if it leads, and in each later campaign.

        Args:
            data: The data in bytes, such as an address.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether this object leads, and the servers have the data.

        Raises:
            LockLostError: The leadership was lost in the meantime.

        .. versionadded:: 0.1
        """
        return self._client._run(self._set_data_flow, timeout, data)


class AsyncElection(BaseElection[AsyncHold]):
    """An election of a client for asyncio, as :class:`Election`. :meth:`zkc.AsyncClient.election` makes it.

    >>> election = client.election("/leader", identifier="host-1")
    >>> async with election.lead() as hold:
    ...     hold.check()

    .. versionadded:: 0.1
    """

    _client: AsyncClient
    _lock: _AsyncLock

    def __init__(self, client: AsyncClient, contest: Contest) -> None:
        super().__init__(client, contest, _AsyncLock(client, contest))

    def lead(
        self, *, timeout: Optional[float] = None, cancel_on_loss: bool = False
    ) -> AbstractAsyncContextManager[AsyncHold]:
        """Wait until this contender leads, and lead for an ``async with`` block, as :meth:`Election.lead` does.

        Args:
            timeout: Timeout in seconds of the wait; None for no limit.
            cancel_on_loss: Whether to cancel the block when the leadership is lost or resigned. The ``async with`` then
                raises LockLostError.

        .. versionadded:: 0.1
        """
        return self._lock.held(timeout=timeout, cancel_on_loss=cancel_on_loss)

    async def run(self, fn: Callable[[AsyncHold], Awaitable[_T]], *, forever: bool = True) -> Optional[_T]:
        """Call a coroutine function whenever this contender leads, as :meth:`Election.run` does.

        Args:
            fn: A coroutine function of the :class:`AsyncHold`. It runs as a task of its own, which is cancelled when
                the leadership is lost or resigned.
            forever: Whether to campaign again after the function has ended.

        .. versionadded:: 0.1
        """
        check_function(fn, "fn", "the hold", 1, coroutines=True)
        stop, pauses = self._stop, Pauses()
        while not stop.done():
            try:
                hold = await self._client._run(self._campaign_flow, _NO_LIMIT, stop)
            except ClosingError:
                if forever:
                    return None
                raise
            if hold is None or stop.done():
                if hold is not None:
                    hold._release_later()
                return None
            failed, resign = False, functools.partial(_resign, hold)
            stop.add_done_callback(resign)
            try:
                value = await self._call(fn, hold)
                if not forever:
                    if stop.done():
                        hold._release_later()
                    else:
                        await hold._leave(None)
                    return value
            except Exception as error:
                if isinstance(error, NotAwaitableError):
                    raise
                if not forever:
                    if stop.done() and hold.reason == "resigned":
                        return None
                    raise
                failed = True
                self._failed(error, hold)
            finally:
                stop.remove_done_callback(resign)
                hold._release_later()
            await self._client._run(self._pause_flow, _NO_LIMIT, stop, pauses.next(failed))
        return None

    async def _call(self, fn: Callable[[AsyncHold], Awaitable[_T]], hold: AsyncHold) -> _T:
        """Call the function in a task that the loss of the hold cancels."""
        awaitable = fn(hold)
        if not isawaitable(awaitable):
            raise NotAwaitableError(f"fn must be a coroutine function: it returned {type(awaitable).__name__}")
        task: asyncio.Future[_T] = asyncio.ensure_future(awaitable)
        cancelled = False

        def cancel(_: object) -> None:
            nonlocal cancelled
            cancelled = True
            task.cancel()

        hold.lost.add_done_callback(cancel)
        try:
            while not task.done():
                try:
                    await asyncio.wait([task])
                except asyncio.CancelledError:
                    task.cancel()
                    await asyncio.wait([task])
                    raise
        finally:
            hold.lost.remove_done_callback(cancel)
        if task.cancelled() and cancelled:
            raise hold._lost_error("run")
        return task.result()

    def resign(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Give up the leadership, as :meth:`Election.resign` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._resign_flow, timeout))

    def leader(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[Contender]]:
        """Return the leader, as :meth:`Election.leader` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[Contender]]", self._client._run(self._leader_flow, timeout))

    def contenders(self, *, timeout: Optional[float] = None) -> AsyncFuture[list[Contender]]:
        """Return the contenders, as :meth:`Election.contenders` does.

        .. versionadded:: 0.1
        """
        return self._lock.contenders(timeout=timeout)

    def observe(self) -> AsyncLeaders:
        """Iterate over the leaders, as :meth:`Election.observe` does.

        >>> async for leader in election.observe():
        ...     print("no leader" if leader is None else leader.data)

        .. versionadded:: 0.1
        """
        return AsyncLeaders(self._client, Leading(self._contest))

    def set_data(self, data: Data, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Set the data that observers see of this contender, as :meth:`Election.set_data` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._set_data_flow, timeout, data))


def _resign(hold: BaseHold, _: Signal) -> None:
    hold._resign_later()
