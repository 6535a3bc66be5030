"""The read-write lock: readers share it, a writer has it alone, and a writer may become a reader without a gap."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._client.submit import submits
from zkc.recipes._contend import Contest
from zkc.recipes._granting import LocalQueue, LocalTurn
from zkc.recipes._holds import BaseHold, Place
from zkc.recipes._layout import Seat
from zkc.recipes.errors import UpgradeError
from zkc.recipes.lock import AsyncLock, BaseLock, Lock
from zkc.recipes.rwhold import AsyncReadHold, AsyncWriteHold, ReadHold, WriteHold, upgrade_error

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client

__all__ = [
    "AsyncReadLock",
    "AsyncReadWriteLock",
    "AsyncWriteLock",
    "ReadLock",
    "ReadWriteLock",
    "WriteLock",
]


def reads_and_writes(seats: Sequence[Seat], index: int) -> Optional[Seat]:
    """Return the contender to wait for: the nearest writer in front of a reader, the one in front of a writer."""
    ahead = seats[:index]
    if seats[index].kind == "read":
        ahead = [seat for seat in ahead if seat.kind == "write"]
    return ahead[-1] if ahead else None


class _NoQueue(LocalQueue):
    """The local callers of a read lock: each of them contends at the servers."""

    def turn(self) -> LocalTurn:
        return LocalQueue().turn()


class _Writes(BaseLock[Any]):
    """The part of a write lock that passes the contest to its holds, and refuses an upgrade."""

    _readers: BaseLock[Any]

    def _new_hold(self, place: Place) -> Any:
        hold = super()._new_hold(place)
        hold._contest = self._contest
        return hold

    def _remedy(self, hold: BaseHold) -> str:
        if isinstance(hold, (ReadHold, AsyncReadHold)):
            return f"{UpgradeError.what[0].upper()}{UpgradeError.what[1:]}: {UpgradeError.advice}"
        return super()._remedy(hold)

    def _check_upgrade(self, caller: object) -> None:
        if caller in self._readers._entered:
            raise upgrade_error(self.path)


class _Reads(BaseLock[Any]):
    """The part of a read lock that knows what a writer can do instead."""

    def _remedy(self, hold: BaseHold) -> str:
        if isinstance(hold, (WriteHold, AsyncWriteHold)):
            return "Release it first, or use the read hold that its downgrade() returns"
        return super()._remedy(hold)


class ReadLock(_Reads, Lock):
    """The reading side of a :class:`ReadWriteLock`: a lock that several holders share.

    .. versionadded:: 0.1
    """

    _hold_class = ReadHold

    def __init__(self, client: Client, contest: Contest) -> None:
        super().__init__(client, contest)
        self._local = _NoQueue()

    if TYPE_CHECKING:

        def acquire(self, *, timeout: Optional[float] = None) -> ReadHold: ...
        def try_acquire(self, *, timeout: Optional[float] = None) -> Optional[ReadHold]: ...
        def held(self, *, timeout: Optional[float] = None) -> contextlib._GeneratorContextManager[ReadHold]: ...
        def __enter__(self) -> ReadHold: ...


class WriteLock(_Writes, Lock):
    """The writing side of a :class:`ReadWriteLock`.

    .. versionadded:: 0.1
    """

    _hold_class = WriteHold

    def __init__(self, client: Client, contest: Contest, readers: ReadLock) -> None:
        super().__init__(client, contest)
        self._readers = readers

    @submits
    def acquire(self, *, timeout: Optional[float] = None) -> WriteHold:
        """Wait until the lock is granted, as :meth:`Lock.acquire` does.

        Raises:
            UpgradeError: The thread is in a ``with`` block of the read lock.

        .. versionadded:: 0.1
        """
        self._check_upgrade(threading.get_ident())
        # Without a cast: a signal handler that raises in its call would lose the hold.
        return super().acquire(timeout=timeout)  # type: ignore[return-value]

    if TYPE_CHECKING:

        def try_acquire(self, *, timeout: Optional[float] = None) -> Optional[WriteHold]: ...
        def held(self, *, timeout: Optional[float] = None) -> contextlib._GeneratorContextManager[WriteHold]: ...
        def __enter__(self) -> WriteHold: ...


class AsyncReadLock(_Reads, AsyncLock):
    """The reading side of an :class:`AsyncReadWriteLock`.

    .. versionadded:: 0.1
    """

    _hold_class = AsyncReadHold

    def __init__(self, client: AsyncClient, contest: Contest) -> None:
        super().__init__(client, contest)
        self._local = _NoQueue()

    if TYPE_CHECKING:

        def acquire(  # type: ignore[override]
            self, *, timeout: Optional[float] = None
        ) -> AsyncFuture[AsyncReadHold]: ...
        def try_acquire(  # type: ignore[override]
            self, *, timeout: Optional[float] = None
        ) -> AsyncFuture[Optional[AsyncReadHold]]: ...
        def held(
            self, *, timeout: Optional[float] = None, cancel_on_loss: bool = False
        ) -> contextlib._AsyncGeneratorContextManager[AsyncReadHold]: ...
        async def __aenter__(self) -> AsyncReadHold: ...


class AsyncWriteLock(_Writes, AsyncLock):
    """The writing side of an :class:`AsyncReadWriteLock`.

    .. versionadded:: 0.1
    """

    _hold_class = AsyncWriteHold

    def __init__(self, client: AsyncClient, contest: Contest, readers: AsyncReadLock) -> None:
        super().__init__(client, contest)
        self._readers = readers

    def acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[AsyncWriteHold]:  # type: ignore[override]
        """Wait until the lock is granted, as :meth:`WriteLock.acquire` does.

        .. versionadded:: 0.1
        """
        self._check_upgrade(asyncio.current_task())
        return cast("AsyncFuture[AsyncWriteHold]", super().acquire(timeout=timeout))

    if TYPE_CHECKING:

        def try_acquire(  # type: ignore[override]
            self, *, timeout: Optional[float] = None
        ) -> AsyncFuture[Optional[AsyncWriteHold]]: ...
        def held(
            self, *, timeout: Optional[float] = None, cancel_on_loss: bool = False
        ) -> contextlib._AsyncGeneratorContextManager[AsyncWriteHold]: ...
        async def __aenter__(self) -> AsyncWriteHold: ...


class _ReadWrite:
    """The base of the read-write locks."""

    def __init__(self, client: BaseClient, contest: Contest) -> None:
        self._client = client
        kinds, blocker = ("read", "write"), reads_and_writes
        strangers = contest.layout.strangers(*kinds)
        self._contest = replace(
            contest, kind="read", kinds=kinds, blocker=blocker, downgrades=True, strangers=strangers, recipe="read_lock"
        )

    @property
    def path(self) -> str:
        """The path of the lock.

        .. versionadded:: 0.1
        """
        return self._contest.path

    if not TYPE_CHECKING:  # A type checker refuses the block by itself.

        def _refuse(self, *_):
            raise TypeError("a read-write lock has two sides: use its .read or its .write in the with statement")

        __enter__ = __exit__ = __aenter__ = __aexit__ = _refuse

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path} layout={self._contest.layout.name}>"


class ReadWriteLock(_ReadWrite):
    """A fair read-write lock of a synchronous client. :meth:`zkc.Client.rwlock` makes it.

    Readers share the lock, and a writer has it alone. All are served in the order in which they came: a reader that
    comes after a waiting writer waits for that writer, so neither side starves.

    >>> lock = client.rwlock("/locks/config")
    >>> with lock.read:
    ...     data, stat = client.get("/config")
    >>> with lock.write as hold:
    ...     client.set("/config", b"b=2")
    ...     with hold.downgrade():
    ...         data, stat = client.get("/config")

    .. versionadded:: 0.1
    """

    def __init__(self, client: Client, contest: Contest) -> None:
        super().__init__(client, contest)
        self._read = ReadLock(client, self._contest)
        self._write = WriteLock(client, replace(self._contest, kind="write", recipe="write_lock"), self._read)

    @property
    def read(self) -> ReadLock:
        """The lock for readers.

        .. versionadded:: 0.1
        """
        return self._read

    @property
    def write(self) -> WriteLock:
        """The lock for writers.

        .. versionadded:: 0.1
        """
        return self._write


class AsyncReadWriteLock(_ReadWrite):
    """A fair read-write lock of a client for asyncio, as :class:`ReadWriteLock`.

    :meth:`zkc.AsyncClient.rwlock` makes it.

    .. versionadded:: 0.1
    """

    def __init__(self, client: AsyncClient, contest: Contest) -> None:
        super().__init__(client, contest)
        self._read = AsyncReadLock(client, self._contest)
        self._write = AsyncWriteLock(client, replace(self._contest, kind="write", recipe="write_lock"), self._read)

    @property
    def read(self) -> AsyncReadLock:
        """The lock for readers.

        .. versionadded:: 0.1
        """
        return self._read

    @property
    def write(self) -> AsyncWriteLock:
        """The lock for writers.

        .. versionadded:: 0.1
        """
        return self._write
