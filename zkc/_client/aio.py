"""The client for asyncio: its start and its end. The calls are in :mod:`zkc._api`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Optional, Union

from zkc._api.admin import AdminCalls
from zkc._api.bulk import BulkCalls
from zkc._api.runner import name_methods, rewrap
from zkc._api.trees import TreeCalls
from zkc._api.watching import WatchCalls
from zkc._api.znodes import ZnodeCalls
from zkc._args import check_states, check_timeout
from zkc._client.aio_future import AsyncFuture
from zkc._client.aio_runner import AsyncRunner
from zkc._client.base import ABORT_TIMEOUT, CLOSE_TIMEOUT, WaitTimeout
from zkc._client.recipes import AsyncRecipes
from zkc._client.retrying import AsyncRetry
from zkc._client.transaction import AsyncTransaction
from zkc._client.walk import AsyncWalk
from zkc._client.watch_events import AsyncWatch
from zkc._session.managed import ManagedSession
from zkc._zookeeper import Session
from zkc.constants import ClientState

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._api._generated.async_admin import AsyncAdminCalls
    from zkc._api._generated.async_bulk import AsyncBulkCalls
    from zkc._api._generated.async_trees import AsyncTreeCalls
    from zkc._api._generated.async_watching import AsyncWatchCalls
    from zkc._api._generated.async_znodes import AsyncZnodeCalls

__all__ = ["AsyncClient", "AsyncFuture"]

if TYPE_CHECKING:

    class _AsyncCalls(AsyncRunner, AsyncZnodeCalls, AsyncAdminCalls, AsyncBulkCalls, AsyncTreeCalls, AsyncWatchCalls):
        pass

else:

    class _AsyncCalls(AsyncRunner, ZnodeCalls, AdminCalls, BulkCalls, TreeCalls, WatchCalls):
        pass


class AsyncClient(_AsyncCalls, AsyncWatch, AsyncRetry, AsyncWalk, AsyncRecipes):
    """A client of a ZooKeeper ensemble for asyncio, with the methods and arguments of :class:`~zkc.Client`.

    A call sends its request at once, and returns an :class:`~zkc.AsyncFuture`, which can be awaited, gathered, or given
    to a task. Callbacks, watches and listeners run in the event loop, and may be coroutine functions. The client uses
    no Python thread. A client belongs to the event loop that started it.

    >>> async with AsyncClient("zk1:2181,zk2:2181,zk3:2181/app") as client:
    ...     await client.create("/config", b"a=1")
    ...     data, stat = await client.get("/config")

    Its arguments, its errors and its behavior after an expiry are those of :class:`~zkc.Client`.

    .. versionadded:: 0.1
    """

    async def start(self) -> None:
        """Open a session with the ensemble and wait until it is connected, as :meth:`zkc.Client.start` does.

        Raises:
            RuntimeError: The client belongs to another event loop.

        .. versionadded:: 0.1
        """
        loop = asyncio.get_running_loop()
        if self.closed:
            self._loop = loop
        self._check_loop()
        begun, waiter = self._open()
        try:
            await self._wait(waiter, self._settings.connect_timeout)
        except WaitTimeout:
            error = self._too_late()
            await self._abort(begun)
            try:
                raise error from error.__cause__
            finally:
                del error  # Its traceback refers to this frame: a cycle would keep both, and the session's descriptors.
        except BaseException:
            await self._abort(begun)
            raise
        finally:
            del waiter  # It refers to the error, whose traceback refers to this frame.

    async def _abort(self, managed: Optional[ManagedSession]) -> None:
        if managed is None:
            return
        managed.closing = True
        if managed.session is not None:
            await self._end([managed.session], ABORT_TIMEOUT)
        self._detach(managed, was_closed=False)

    async def close(self) -> None:
        """End the session, as :meth:`zkc.Client.close` does.

        .. versionadded:: 0.1
        """
        self._check_process("close")
        managed = self._managed
        if self._loop is None:
            return
        self._check_loop()
        await self._end(self._sessions(), CLOSE_TIMEOUT)
        for timer, function in list(self._timers.items()):
            timer.cancel()
            function()
        self._timers.clear()
        self._kept.clear()
        self._detach(managed, was_closed=True)

    async def _end(self, sessions: list[Session], limit: float) -> None:
        for session in sessions:
            session.begin_close()
        stops = [self._readers[session].stopped for session in sessions if session in self._readers]
        if stops:
            await asyncio.wait(stops, timeout=limit)
        for session in sessions:
            session.close(0.0)  # A session that has not ended yet is detached: it ends by itself.

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self._pid == os.getpid():
            await self.close()

    async def wait_for(
        self, state: Union[ClientState, Iterable[ClientState]], *, timeout: Optional[float] = None
    ) -> ClientState:
        """Wait until the client is in a state, as :meth:`zkc.Client.wait_for` does.

        .. versionadded:: 0.1
        """
        states = check_states(state)
        limit = check_timeout(timeout)
        self._check_process("wait_for")
        try:
            reached: ClientState = await self._wait(self._wait_states(states), limit)
        except WaitTimeout:
            raise self._never_was(states, limit) from None
        return reached

    async def set_hosts(self, hosts: str) -> None:
        """Replace the list of servers, as :meth:`zkc.Client.set_hosts` does.

        .. versionadded:: 0.1
        """
        core = self._settings.check_new_hosts(hosts)
        # set_servers() resolves names, which may take long: the only call that runs in the loop's thread pool.
        await self._check_loop().run_in_executor(None, self.session.set_servers, core)
        self._settings.change_hosts(hosts)

    def transaction(self) -> AsyncTransaction:
        """Begin a transaction: operations that the servers carry out all together, or not at all.

        Returns:
            An empty :class:`~zkc.AsyncTransaction`. Nothing is sent before its commit, or the end of its
                ``async with``.

        .. versionadded:: 0.1
        """
        return AsyncTransaction(self, self._settings)

    @property
    def submit(self) -> AsyncClient:
        """The client itself: its calls send at once and return futures anyway.

        .. versionadded:: 0.1
        """
        return self


if not TYPE_CHECKING:
    rewrap(AsyncClient, AsyncFuture, ZnodeCalls, AdminCalls, BulkCalls, TreeCalls, WatchCalls)
    name_methods(AsyncClient)
