"""Registrations: the instances that a program has registered."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Optional, cast

from zkc.recipes._registering import BaseRegistration

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc.recipes._instance import Instance

__all__ = ["AsyncRegistration", "Registration"]


class Registration(BaseRegistration):
    """A registered instance of a synchronous client. :meth:`Registry.register` returns it.

    As a context manager it unregisters the instance at the end of the block.

    .. versionadded:: 0.1
    """

    _client: Client

    def update(self, instance: Instance, *, timeout: Optional[float] = None) -> None:
        """Replace the instance, in its znode and in those of later sessions.

        If another program has deleted the znode, this creates it again.

        Args:
            instance: The new instance, with the same name, id and type.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The change continues in the
                background until it is done, or until another update or the end replaces it.

        Raises:
            OperationTimeoutError: The servers have not confirmed it in time.
            ValueError: The instance has another name, id or type.
            RuntimeError: The instance was unregistered.

        .. versionadded:: 0.1
        """
        self._client._run(self._update_flow, timeout, instance)

    def unregister(self, *, timeout: Optional[float] = None) -> bool:
        """Unregister the instance. From this call on, the client re-creates the znode no more, whatever happens.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The deletion continues in the
                background, and another call waits for it again.

        Returns:
            Whether the client has deleted the znode; False if it was gone.

        Raises:
            OperationTimeoutError: The servers have not confirmed it in time.
            NoAuthError: The ACL does not allow it. Another call tries again.

        .. versionadded:: 0.1
        """
        return self._client._run(self._unregister_flow, timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave_block(kind)


class AsyncRegistration(BaseRegistration):
    """A registered instance of a client for asyncio, as :class:`Registration`.

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def update(self, instance: Instance, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Replace the instance, as :meth:`Registration.update` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._update_flow, timeout, instance))

    def unregister(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Unregister the instance, as :meth:`Registration.unregister` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._unregister_flow, timeout))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave_block(kind)
