"""The partitioner: shares items among members, each item with a hold, and moves as few as possible."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Optional, cast

from zkc.recipes._partition_flows import BasePartitioner

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.sync import Client
    from zkc.recipes.hold import AsyncHold, Hold

__all__ = ["AsyncPartitioner", "Partitioner"]


class Partitioner(BasePartitioner):
    """A member that shares items with others. :meth:`zkc.Client.partitioner` makes it.

    As a context manager it starts and stops.

    >>> with client.partitioner("/shards", ["a", "b", "c"], identifier="host-1") as partitioner:
    ...     print(sorted(partitioner.mine))

    .. versionadded:: 0.1
    """

    _client: Client

    @property
    def holds(self) -> Mapping[str, Hold]:
        """The holds of the items that this member has now, by item.

        .. versionadded:: 0.1
        """
        return self._holds()

    def start(self, *, timeout: Optional[float] = None) -> None:
        """Join the members, and take items in the background. Starting twice does nothing.

        Args:
            timeout: Timeout in seconds of the join; the client's ``request_timeout`` if None.

        Raises:
            OperationTimeoutError: The join took too long, perhaps because another session has the identifier.

        .. versionadded:: 0.1
        """
        self._client._run(self._start_flow, timeout)

    def stop(self, *, timeout: Optional[float] = None) -> None:
        """Leave the members, call ``on_revoke`` for each item, and release the items.

        A callback of this client must not call it, because it waits for callbacks.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. The rest is done in the background.

        .. versionadded:: 0.1
        """
        self._client._run(self._stop_flow, timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._stop_later()
        if kind is None and not self._client.closed:
            self.stop()


class AsyncPartitioner(BasePartitioner):
    """A member that shares items with others, for asyncio, with the methods of :class:`Partitioner`.

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    @property
    def holds(self) -> Mapping[str, AsyncHold]:
        """The holds of the items that this member has now, by item.

        .. versionadded:: 0.1
        """
        return self._holds()

    def start(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Join the members, and take items in the background, as :meth:`Partitioner.start` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._start_flow, timeout))

    def stop(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Leave the members and release the items, as :meth:`Partitioner.stop` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[None]", self._client._run(self._stop_flow, timeout))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._stop_later()
        if kind is None and not self._client.closed:
            await self.stop()
