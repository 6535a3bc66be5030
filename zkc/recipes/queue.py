"""The queue: at-least-once, first in first out by priority, with an ack that is one transaction with the consumer's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._args import check_count, check_data, check_data_size, check_path, check_seconds, encode_acl
from zkc._client.submit import submits
from zkc.recipes._queue_flows import BaseQueue
from zkc.recipes._queue_item import AnyTransaction, BaseItem
from zkc.recipes._queue_layout import QUEUE_LAYOUTS

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc.types import ACL, Data

__all__ = ["AsyncItem", "AsyncQueue", "Item", "Queue"]

_NO_LIMIT = 1e9  # Thirty years, in seconds.


# ---- items ----------------------------------------------------------------------------------------------------------


class Item(BaseItem):
    """An item that a consumer has claimed. :meth:`Queue.get` returns it.

    As a context manager it is acked at the end of the block, and given back if the block raises.

    .. versionadded:: 0.1
    """

    _queue: Queue

    @submits
    def ack(
        self,
        transaction: Optional[AnyTransaction] = None,
        *,
        wait: bool = True,
        timeout: Optional[float] = None,
    ) -> list[Any]:
        """Delete the item, in one transaction with the caller's operations.

        >>> transaction = client.transaction()
        >>> made = transaction.create("/results/result-", b"done", sequential=True)
        >>> item.ack(transaction)

        Args:
            transaction: A transaction that was not committed. Its operations are carried out together with the
                deletion, or not at all.
            wait: Whether to wait for the reply. Without it the request is sent at once and a failure is logged; the
                item is then delivered again after a nack, or when the session ends. The servers carry out the acks of a
                client before its later calls, while the connection lasts.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None. After an
                :class:`~zkc.OperationTimeoutError` the call may be repeated with the same transaction.

        Returns:
            The results of the operations. The list is empty without ``wait``, or if the reply was lost and the client
            has found out that the transaction was carried out.

        Raises:
            LockLostError: The claim has ended: by an expiry, or by an ack before. Nothing was carried out, unless
                ``maybe_applied``: then the reply was lost with the session, and the item is gone.
            ZooKeeperError: One of the operations failed. Nothing was carried out, and the item is still claimed.

        .. versionadded:: 0.1
        """
        if not wait:
            self._ack_later(transaction)
            return []
        return self._queue._client._run(self._ack_flow, timeout, transaction)

    @submits
    def nack(self, delay: float = 0.0, *, timeout: Optional[float] = None) -> None:
        """Give the item back, so that it is delivered again.

        After ``max_attempts`` deliveries the item is moved to the dead letter path.

        Args:
            delay: Seconds until it may be delivered again. The item then gets a new name, and loses its place.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            LockLostError: The claim has ended.
            ValueError: The queue's layout has no delay.

        .. versionadded:: 0.1
        """
        self._queue._client._run(self._nack_flow, timeout, _check_delay(delay))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is not None:
            self._fail_later()
        elif self._state == "claimed":
            try:
                self.ack()
            except BaseException:
                self._return_later()
                raise


class AsyncItem(BaseItem):
    """An item that a consumer has claimed, for asyncio, with the methods of :class:`Item`.

    .. versionadded:: 0.1
    """

    _queue: AsyncQueue

    def ack(
        self, transaction: Optional[AnyTransaction] = None, *, timeout: Optional[float] = None
    ) -> AsyncFuture[list[Any]]:
        """Delete the item, in one transaction with the caller's operations, as :meth:`Item.ack` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[Any]]", self._queue._client._run(self._ack_flow, timeout, transaction))

    def nack(self, delay: float = 0.0, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Give the item back, as :meth:`Item.nack` does.

        .. versionadded:: 0.1
        """
        checked = _check_delay(delay)
        return cast("AsyncFuture[None]", self._queue._client._run(self._nack_flow, timeout, checked))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if kind is not None:
            self._fail_later()
        elif self._state == "claimed":
            try:
                await self.ack()
            except BaseException:
                self._return_later()
                raise


# ---- queues ---------------------------------------------------------------------------------------------------------


def queue_options(
    client: BaseClient,
    path: str,
    *,
    layout: str,
    max_attempts: Optional[int],
    dead_letter: Optional[str],
    claims: Optional[str],
    prefetch: int,
    acl: Optional[Sequence[ACL]],
) -> dict[str, Any]:
    """Check the arguments of a queue."""
    check_path(path)
    if path == "/":
        raise ValueError("path must not be the root: a queue needs a znode of its own")
    if layout not in QUEUE_LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(map(repr, QUEUE_LAYOUTS))}, not {layout!r}")
    if max_attempts is not None:
        check_count(max_attempts, "max_attempts")
        if dead_letter is None:
            dead_letter = f"{path}/dead" if QUEUE_LAYOUTS[layout].items else f"{path}-dead"
    for name, value in (("dead_letter", dead_letter), ("claims", claims)):
        if value is not None:
            check_path(value, name)
    check_count(prefetch, "prefetch", 0, 10_000)
    entries = client._settings.default_acl if acl is None else encode_acl(acl)
    return {
        "layout": QUEUE_LAYOUTS[layout],
        "max_attempts": max_attempts,
        "dead_letter": dead_letter,
        "claims": claims,
        "prefetch": prefetch,
        "acl": entries,
    }


def _check_delay(delay: float) -> float:
    return 0.0 if delay == 0 else check_seconds(delay, "delay")


def _checked_put(queue: BaseQueue[Any], data: Iterable[Data], priority: int, delay: float) -> tuple[Any, ...]:
    """Check the arguments of a put, and copy the data."""
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise TypeError(f"priority must be an int, not {type(priority).__name__}")
    delay = _check_delay(delay)
    queue._layout.check(priority, delay)
    copied = []
    for one in data:
        checked = check_data(one)
        if checked is None:
            raise TypeError("data must be bytes, not None")
        copied.append(bytes(checked))
    check_data_size("put", queue.path, sum(map(len, copied)), queue._client._settings.max_data)
    return copied, priority, delay


class Queue(BaseQueue[Item]):
    """A queue of a synchronous client. :meth:`zkc.Client.queue` makes it.

    Any thread may put and get. Iteration returns items without end.

    >>> queue = client.queue("/jobs", max_attempts=5)
    >>> queue.put(b"resize 17")
    >>> for item in queue:
    ...     with item:
    ...         work(item.data)

    .. versionadded:: 0.1
    """

    _item_class = Item
    _client: Client

    @submits
    def put(self, data: Data, *, priority: int = 100, delay: float = 0.0, timeout: Optional[float] = None) -> str:
        """Put an item.

        Args:
            data: The data in bytes.
            priority: From 0 to 999: items of a smaller number come first.
            delay: Seconds until the item may be delivered, by the clocks of producer and consumers.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The path of the item's znode.

        Raises:
            ConnectionLossError: The reply was lost, and the item was not found: the client has not put it, or a
                consumer has taken it (``maybe_applied``).

        .. versionadded:: 0.1
        """
        arguments = _checked_put(self, [data], priority, delay)
        return self._client._run(self._put_one_flow, timeout, *arguments)

    @submits
    def put_many(
        self, data: Iterable[Data], *, priority: int = 100, delay: float = 0.0, timeout: Optional[float] = None
    ) -> list[str]:
        """Put several items in one transaction: all of them, or none.

        Args:
            data: The data of the items. Together they must fit into one request (``max_data``).
            priority: As for :meth:`put`.
            delay: As for :meth:`put`.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            The paths of the items' znodes, in the order of the data.

        .. versionadded:: 0.1
        """
        arguments = _checked_put(self, data, priority, delay)
        return self._client._run(self._put_flow, timeout, *arguments)

    @submits
    def get(self, *, timeout: Optional[float] = None) -> Item:
        """Claim the next item, and wait for one if there is none.

        Args:
            timeout: Timeout in seconds of the whole call; None for no limit.

        Raises:
            QueueTimeoutError: There was no free item in time. Nothing is claimed.
            ClosingError: The client was closed.

        .. versionadded:: 0.1
        """
        item = self._client._run(self._get_flow, _NO_LIMIT if timeout is None else timeout)
        assert item is not None
        return item

    @submits
    def try_get(self, *, timeout: Optional[float] = None) -> Optional[Item]:
        """Claim the next item, if there is one now.

        Args:
            timeout: Timeout of the requests in seconds; the client's ``request_timeout`` if None.

        Returns:
            The item, or None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._get_flow, timeout, False)

    def size(self, *, timeout: Optional[float] = None) -> int:
        """Return the number of items: free, claimed and delayed ones.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._size_flow, timeout)

    def __len__(self) -> int:
        return self.size()

    def __bool__(self) -> bool:
        return True  # Without it, ``if queue:`` would send a request.

    def __iter__(self) -> Iterator[Item]:
        while True:
            yield self.get()


class AsyncQueue(BaseQueue[AsyncItem]):
    """A queue of a client for asyncio, with the methods of :class:`Queue`. :meth:`zkc.AsyncClient.queue` makes it.

    >>> async for item in client.queue("/jobs"):
    ...     async with item:
    ...         await work(item.data)

    .. versionadded:: 0.1
    """

    _item_class = AsyncItem
    _client: AsyncClient

    def put(
        self, data: Data, *, priority: int = 100, delay: float = 0.0, timeout: Optional[float] = None
    ) -> AsyncFuture[str]:
        """Put an item, as :meth:`Queue.put` does.

        .. versionadded:: 0.1
        """
        arguments = _checked_put(self, [data], priority, delay)
        return cast("AsyncFuture[str]", self._client._run(self._put_one_flow, timeout, *arguments))

    def put_many(
        self, data: Iterable[Data], *, priority: int = 100, delay: float = 0.0, timeout: Optional[float] = None
    ) -> AsyncFuture[list[str]]:
        """Put several items in one transaction, as :meth:`Queue.put_many` does.

        .. versionadded:: 0.1
        """
        arguments = _checked_put(self, data, priority, delay)
        return cast("AsyncFuture[list[str]]", self._client._run(self._put_flow, timeout, *arguments))

    def get(self, *, timeout: Optional[float] = None) -> AsyncFuture[AsyncItem]:
        """Claim the next item, as :meth:`Queue.get` does. After a cancellation nothing is claimed.

        .. versionadded:: 0.1
        """
        limit = _NO_LIMIT if timeout is None else timeout
        return cast("AsyncFuture[AsyncItem]", self._client._run(self._get_flow, limit))

    def try_get(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[AsyncItem]]:
        """Claim the next item, if there is one now, as :meth:`Queue.try_get` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[AsyncItem]]", self._client._run(self._get_flow, timeout, False))

    def size(self, *, timeout: Optional[float] = None) -> AsyncFuture[int]:
        """Return the number of items, as :meth:`Queue.size` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[int]", self._client._run(self._size_flow, timeout))

    async def __aiter__(self) -> AsyncIterator[AsyncItem]:
        while True:
            yield await self.get()
