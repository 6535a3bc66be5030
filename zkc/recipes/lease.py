"""The lease: it outlives the session, ends when its owner does not renew it, and its owner may take it back."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Optional, cast

from zkc._client.submit import submits
from zkc.recipes._granting import acquire_limit
from zkc.recipes._lease_flows import BaseLease, LeaseGrant
from zkc.recipes._lease_hold import BaseLeaseHold

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc._client.transaction import AsyncTransaction, Transaction

__all__ = ["AsyncLease", "AsyncLeaseHold", "Lease", "LeaseGrant", "LeaseHold"]


class LeaseHold(BaseLeaseHold):
    """A hold of a lease. :meth:`Lease.acquire` returns it. As a context manager it is released at the end.

    .. versionadded:: 0.1
    """

    _client: Client

    @submits
    def renew(self, *, timeout: Optional[float] = None) -> None:
        """Renew the lease now.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            LockLostError: The hold has ended.

        .. versionadded:: 0.1
        """
        self._client._run(self._renew_flow, timeout)

    @submits
    def confirm(self, *, timeout: Optional[float] = None) -> None:
        """Prove that the owner has the lease: the leader of the ensemble checks that its znode exists.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            LockLostError: The hold has ended.

        .. versionadded:: 0.1
        """
        self._client._run(self._confirm_flow, timeout)

    @submits
    def release(self, *, timeout: Optional[float] = None) -> bool:
        """Release the lease, in the background if it takes longer than the timeout.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether this call has released the lease.

        .. versionadded:: 0.1
        """
        return self._client._run(self._release_flow, timeout)

    def transaction(self) -> Transaction:
        """Return a transaction that fails unless the owner has the lease.

        Its first operation checks that the znode of the hold exists. If the hold has ended, the commit raises
        :class:`~zkc.NoNodeError` with the ``index`` 0, and nothing is written.

        .. versionadded:: 0.1
        """
        transaction = self._client.transaction()
        transaction.check(self._path)
        return transaction

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave_block(kind)


class AsyncLeaseHold(BaseLeaseHold):
    """A hold of a lease of a client for asyncio, with the methods of :class:`LeaseHold`.

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def renew(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Renew the lease now, as :meth:`LeaseHold.renew` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._renew_flow, timeout))

    def confirm(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Prove that the owner has the lease, as :meth:`LeaseHold.confirm` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._confirm_flow, timeout))

    def release(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Release the lease, as :meth:`LeaseHold.release` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._release_flow, timeout))

    def transaction(self) -> AsyncTransaction:
        """Return a transaction that fails unless the owner has the lease, as :meth:`LeaseHold.transaction` does.

        .. versionadded:: 0.1
        """
        transaction = self._client.transaction()
        transaction.check(self._path)
        return transaction

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave_block(kind)


class Lease(BaseLease[LeaseHold]):
    """A lease of a synchronous client. :meth:`zkc.Client.lease` makes it.

    >>> with client.lease("/deploy", owner="host-1", ttl=30.0) as hold:
    ...     hold.check(margin=5.0)

    .. versionadded:: 0.1
    """

    _hold_class = LeaseHold
    _client: Client
    _entered: Optional[LeaseHold] = None

    @submits
    def acquire(self, *, timeout: Optional[float] = None) -> LeaseHold:
        """Wait until the lease is free or expired, and take it.

        Args:
            timeout: Timeout in seconds of the whole call; None for no limit.

        Raises:
            LockTimeoutError: It was not granted in time.

        .. versionadded:: 0.1
        """
        return cast("LeaseHold", self._client._run(self._acquire_flow, acquire_limit(timeout)))

    @submits
    def try_acquire(self, *, timeout: Optional[float] = None) -> Optional[LeaseHold]:
        """Take the lease if it is free or expired now.

        Args:
            timeout: Timeout of the requests in seconds; the client's ``request_timeout`` if None.

        Returns:
            The hold, or None if an owner has the lease.

        .. versionadded:: 0.1
        """
        return self._client._run(self._acquire_flow, timeout, wait=False)

    def adopt(self, *, timeout: Optional[float] = None) -> Optional[LeaseHold]:
        """Take back the lease that this owner has, as after a restart, without waiting for its end.

        The hold is new, with a larger token. A hold that another process of the same owner has is then lost.

        Args:
            timeout: Timeout of the requests in seconds; the client's ``request_timeout`` if None.

        Returns:
            The hold, or None if this owner does not have the lease.

        .. versionadded:: 0.1
        """
        return self._client._run(self._acquire_flow, timeout, adopt=True)

    def holder(self, *, timeout: Optional[float] = None) -> Optional[LeaseGrant]:
        """Return the present grant, even if it has expired; None if the lease is free.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._holder_flow, timeout)

    def __enter__(self) -> LeaseHold:
        self._entered = self.acquire()
        return self._entered

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        hold, self._entered = self._entered, None
        if hold is not None:
            hold._leave_block(kind)


class AsyncLease(BaseLease[AsyncLeaseHold]):
    """A lease of a client for asyncio, with the methods of :class:`Lease`. :meth:`zkc.AsyncClient.lease` makes it.

    .. versionadded:: 0.1
    """

    _hold_class = AsyncLeaseHold
    _client: AsyncClient
    _entered: Optional[AsyncLeaseHold] = None

    def acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[AsyncLeaseHold]:
        """Wait until the lease is free or expired, and take it, as :meth:`Lease.acquire` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[AsyncLeaseHold]", self._client._run(self._acquire_flow, acquire_limit(timeout)))

    def try_acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[AsyncLeaseHold]]:
        """Take the lease if it is free or expired now, as :meth:`Lease.try_acquire` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[AsyncLeaseHold]]", self._client._run(self._acquire_flow, timeout, wait=False))

    def adopt(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[AsyncLeaseHold]]:
        """Take back the lease that this owner has, as :meth:`Lease.adopt` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[AsyncLeaseHold]]", self._client._run(self._acquire_flow, timeout, adopt=True))

    def holder(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[LeaseGrant]]:
        """Return the present grant, as :meth:`Lease.holder` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[LeaseGrant]]", self._client._run(self._holder_flow, timeout))

    async def __aenter__(self) -> AsyncLeaseHold:
        self._entered = await self.acquire()
        return self._entered

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        hold, self._entered = self._entered, None
        if hold is not None:
            hold._leave_block(kind)
