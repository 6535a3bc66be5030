"""The holds of both clients: what an acquire returns."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Optional, cast

from zkc._client.submit import submits
from zkc._flow import Flow
from zkc.errors import OperationTimeoutError
from zkc.recipes._holds import BaseHold
from zkc.recipes.fenced import AsyncFencedTransaction, FencedTransaction

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient

__all__ = ["AsyncHold", "Hold"]


class Hold(BaseHold):
    """A hold of a synchronous client.

    .. versionadded:: 0.1
    """

    @submits
    def confirm(self, *, timeout: Optional[float] = None) -> None:
        """Prove that the client holds the lock: the leader of the ensemble checks that its znode exists.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            LockLostError: The hold has ended.
            ConnectionLossError: The connection broke before the reply.

        .. versionadded:: 0.1
        """
        client = cast("Client", self._holds.client("confirm", self.path))
        client._run(_confirm, timeout, self)

    def transaction(self) -> FencedTransaction:
        """Begin a transaction that fails if the hold has ended.

        >>> with hold.transaction() as t:
        ...     t.set("/report", b"done")

        Returns:
            An empty transaction. Its commit raises :class:`~zkc.recipes.LockLostError` if the hold has ended, and then
            nothing is written.

        .. versionadded:: 0.1
        """
        self._check_process("transaction")
        client = cast("Client", self._holds.client("transaction", self.path))
        transaction = FencedTransaction(client, client._settings)
        transaction._fence(self)
        return transaction

    @submits
    def release(self, *, wait: bool = True, timeout: Optional[float] = None) -> bool:
        """Release the lock. Any thread may call it, and further calls do nothing.

        The client deletes the contender's znode. If it cannot do that in time, it continues in the background until the
        znode is deleted or the session has ended.

        Args:
            wait: Whether to wait for the reply.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether this call has released the lock; False if the hold had ended before.

        .. versionadded:: 0.1
        """
        if not wait:
            return self._release_later()
        client = cast("Client", self._holds.client("release", self.path))
        released: bool = client._run(_release, timeout, self)
        return released

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave(kind)

    def _leave(self, kind: Optional[type[BaseException]]) -> None:
        """Leave a block that has raised an error of this class, or none."""
        if self._leave_block(kind):
            client = cast("Client", self._holds.client("release", self.path))
            try:
                client._run(_settle, self._patience(), self)
            except OperationTimeoutError:
                raise self._in_doubt("release") from None


class AsyncHold(BaseHold):
    """A hold of a client for asyncio.

    .. versionadded:: 0.1
    """

    def confirm(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Prove that the client holds the lock, as :meth:`Hold.confirm` does.

        .. versionadded:: 0.1
        """
        self._check_process("confirm")  # No loop runs in a child.
        client = cast("AsyncClient", self._holds.client("confirm", self.path))
        return cast("AsyncFuture[None]", client._run(_confirm, timeout, self))

    def transaction(self) -> AsyncFencedTransaction:
        """Begin a transaction that fails if the hold has ended, as :meth:`Hold.transaction` does.

        .. versionadded:: 0.1
        """
        self._check_process("transaction")
        client = cast("AsyncClient", self._holds.client("transaction", self.path))
        transaction = AsyncFencedTransaction(client, client._settings)
        transaction._fence(self)
        return transaction

    def release(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Release the lock, as :meth:`Hold.release` does. The request is sent at once.

        .. versionadded:: 0.1
        """
        self._check_process("release")  # No loop runs in a child.
        client = cast("AsyncClient", self._holds.client("release", self.path))
        return cast("AsyncFuture[bool]", client._run(_release, timeout, self))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self._leave(kind)

    async def _leave(self, kind: Optional[type[BaseException]]) -> None:
        """Leave a block that has raised an error of this class, or none."""
        if self._leave_block(kind):
            client = cast("AsyncClient", self._holds.client("release", self.path))
            try:
                await client._run(_settle, self._patience(), self)
            except OperationTimeoutError:
                raise self._in_doubt("release") from None


def _confirm(client: CommandClient, hold: BaseHold) -> Flow[None]:
    return hold._confirm_flow()


def _release(client: CommandClient, hold: BaseHold) -> Flow[bool]:
    return hold._release_flow()


def _settle(client: CommandClient, hold: BaseHold) -> Flow[None]:
    return hold._settle_flow()
