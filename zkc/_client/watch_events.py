"""Iterators over the events of a znode: what a subscription finds, compared with what it found before."""

from __future__ import annotations

import asyncio
import os
import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, Union, cast

from zkc._args import check_path, check_watch_type
from zkc._commands import watching
from zkc._watch.subscriptions import CHILDREN, EXISTENCE, ReadKind, Subscriptions, ZnodeSubscription
from zkc._zookeeper import Stat
from zkc.constants import ClientState, EventType, State, WatchType
from zkc.errors import ClosingError, ZooKeeperError
from zkc.types import WatchedEvent

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.sync import Client

__all__ = ["AsyncWatch", "AsyncWatchEvents", "SyncWatch", "WatchEvents"]


class _End:
    """What comes after the last event."""

    def __init__(self, error: Optional[ZooKeeperError]) -> None:
        self.error = error


class _Batch:
    """The events of one look at a znode. More is looked for when the last of them has been taken."""

    def __init__(self, source: _Source, events: list[WatchedEvent]) -> None:
        self.source = source
        self.events = events

    def take(self) -> WatchedEvent:
        event = self.events.pop(0)
        if not self.events:
            self.source._delivered()
        return event


_Item = Union[_Batch, _End]


def compare(old: Optional[Stat], new: Optional[Stat]) -> list[EventType]:
    """Tell what has become of a znode and its data."""
    if old is None or new is None:
        return [] if old is new else [EventType.CREATED if old is None else EventType.DELETED]
    if old.czxid != new.czxid:
        return [EventType.DELETED, EventType.CREATED]
    return [EventType.CHANGED] if old.mzxid != new.mzxid else []


def compare_children(old: Optional[Stat], new: Optional[Stat]) -> list[EventType]:
    """Tell what has become of a znode and its children."""
    if old is not None and new is not None and old.czxid == new.czxid:
        return [] if (old.pzxid, old.cversion) == (new.pzxid, new.cversion) else [EventType.CHILD]
    return compare(old, new)


def compare_only_children(old: Optional[Stat], new: Optional[Stat]) -> list[EventType]:
    """Tell what has become of the children of a znode that another source tells of."""
    if old is not None and new is not None and old.czxid == new.czxid:
        return compare_children(old, new)
    return [EventType.CHILD] if new is not None and new.pzxid != new.czxid else []


class _Source(ZnodeSubscription):
    """Follows a znode for an iterator, and does not hold the iterator: one that is dropped ends."""

    def __init__(
        self,
        registry: Subscriptions,
        path: str,
        kind: ReadKind,
        compare: Callable[[Optional[Stat], Optional[Stat]], list[EventType]],
        put: Callable[[_Item], None],
    ) -> None:
        super().__init__(registry, path, kind)
        self._compare = compare
        self._put = put
        self._began = False
        self._last: Optional[Stat] = None

    def _hand_over(self, stat: Optional[Stat], values: tuple[Any, ...]) -> None:
        types = self._compare(self._last, stat) if self._began else []
        self._began, self._last = True, stat
        if not types:
            self._delivered()
            return
        client = self._registry.client()
        read_only = client is not None and client._state is ClientState.READ_ONLY
        state = State.READ_ONLY if read_only else State.CONNECTED
        self._put(_Batch(self, [WatchedEvent(type_, state, self.path) for type_ in types]))

    def _on_error(self, error: ZooKeeperError) -> None:
        self._stop(error)

    def _on_stop(self, error: Optional[ZooKeeperError]) -> None:
        self._put(_End(error))


class _Events:
    """What both iterators have."""

    _sources: tuple[_Source, ...] = ()  # For the finalizer of one that was refused its arguments.

    def __init__(
        self,
        client: Union[Client, AsyncClient],
        path: str,
        watch_type: WatchType,
        put: Callable[[_Item], None],
    ) -> None:
        check_path(path)
        check_watch_type(watch_type)
        registry = client._subscriptions
        self.path = path
        self._client = client  # Who waits for events keeps the client.
        self._batch: Optional[_Batch] = None
        self._end: Optional[_End] = None
        if watch_type is WatchType.DATA:
            self._sources = (_Source(registry, path, EXISTENCE, compare, put),)
        elif watch_type is WatchType.CHILDREN:
            self._sources = (_Source(registry, path, CHILDREN, compare_children, put),)
        else:
            self._sources = (
                _Source(registry, path, EXISTENCE, compare, put),
                _Source(registry, path, CHILDREN, compare_only_children, put),
            )

    def _take(self) -> Optional[WatchedEvent]:
        """Return the next event of the batch, if there is one."""
        batch = self._batch
        if batch is None:
            return None
        event = batch.take()
        if not batch.events:
            self._batch = None
        return event

    def _ended(self, end: _End) -> Optional[ZooKeeperError]:
        """Take note of the end; return what is to be raised, once."""
        self._end = _End(None)
        self._cancel()
        return end.error

    def _close(self) -> None:
        self._batch = None
        self._end = self._end or _End(None)
        self._cancel()

    def _cancel(self) -> None:
        for source in self._sources:
            source.cancel()

    def __del__(self) -> None:
        if self._sources and self._client._pid == os.getpid():  # A forked child has the locks as they were.
            self._cancel()

    def __repr__(self) -> str:
        state = "ended" if self._end is not None else "watching"
        return f"<zkc.{type(self).__name__} {self.path} {state}>"


class WatchEvents(_Events):
    """The events of a znode, one after the other: what :meth:`zkc.Client.watch` returns.

    An iterator, and a context manager that closes it. One that is dropped, as at the end of a ``for`` statement, is
    closed.

    .. versionadded:: 0.1
    """

    def __init__(self, client: Client, path: str, watch_type: WatchType, timeout: Optional[float]) -> None:
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        super().__init__(client, path, watch_type, self._items.put)
        client._run(watching.subscribe, timeout, self._sources)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> WatchedEvent:
        while True:
            event = self._take()
            if event is not None:
                return event
            item = self._end or self._items.get()
            if isinstance(item, _Batch):
                self._batch = item
                continue
            self._items.put(_End(None))  # For the others that wait here: this one has taken their mark.
            error = self._ended(item)
            if error is not None:
                raise error
            raise StopIteration

    def close(self) -> None:
        """Remove the watch; who waits for an event finds the iteration ended. May be called from any thread.

        .. versionadded:: 0.1
        """
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()


class AsyncWatchEvents(_Events):
    """The events of a znode, one after the other: what :meth:`zkc.AsyncClient.watch` returns.

    An asynchronous iterator, and a context manager that closes it; entering it waits until the watch is set. One that
    is dropped, as when an ``async for`` statement or its task ends, is closed. It belongs to one task at a time.

    .. versionadded:: 0.1
    """

    def __init__(self, client: AsyncClient, path: str, watch_type: WatchType, timeout: Optional[float]) -> None:
        client._check_loop()
        self._items: asyncio.Queue[_Item] = asyncio.Queue()
        super().__init__(client, path, watch_type, self._items.put_nowait)
        self._begun: asyncio.Future[None] = client._run(watching.subscribe, timeout, self._sources)
        self._begun.add_done_callback(_look_at_error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchedEvent:
        await self._begin()
        while True:
            event = self._take()
            if event is not None:
                return event
            item = self._end or await self._items.get()
            if isinstance(item, _Batch):
                self._batch = item
                continue
            error = self._ended(item)
            if error is not None:
                raise error
            raise StopAsyncIteration

    async def _begin(self) -> None:
        if self._end is not None:
            return
        try:
            await asyncio.shield(self._begun)  # Who stops waiting may come back.
        except ClosingError:
            self._close()
        except ZooKeeperError:
            self._close()
            raise

    async def aclose(self) -> None:
        """Remove the watch; who waits for an event finds the iteration ended.

        .. versionadded:: 0.1
        """
        self._close()

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.aclose()


def _look_at_error(begun: asyncio.Future[None]) -> None:
    """Have asyncio not complain of an error that nobody came to hear of."""
    if not begun.cancelled():
        begun.exception()


# ---- the methods of the clients -------------------------------------------------------------------------------------


class SyncWatch:
    """What :class:`zkc.Client` has to follow znodes."""

    def watch(
        self, path: str, *, watch_type: WatchType = WatchType.DATA, timeout: Optional[float] = None
    ) -> WatchEvents:
        """Iterate over the events of a znode.

        >>> for event in client.watch("/config"):
        ...     print(event.type, event.path)

        It sees what changes from the moment this method returns (for asyncio: after what this client has sent before,
        and at the latest when the first event is awaited), whether the znode exists or not. The znode is looked at
        again after each change, once the event before was taken: several changes in quick succession may be one
        event, and what was undone meanwhile may be none; but after the last change there always is one. So whoever
        reads the znode after each event ends up with its last state.

        The iteration goes on through lost connections and through the expiry of the session: then the znode is
        compared with what was last seen of it, and the difference is told as any other. It never yields SESSION
        events. It ends when the client is closed or the iterator is; both remove the watch, and so does dropping
        the iterator. Do not iterate in a callback of a synchronous client: it would wait for itself.

        Args:
            path: Path of the znode, which need not exist.
            watch_type: What to look for: DATA tells CREATED, CHANGED and DELETED; CHILDREN tells CREATED, CHILD and
                DELETED; ANY tells all of them. A znode that was deleted and made again meanwhile is told as DELETED,
                then CREATED.
            timeout: How long to wait for the first answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            An iterator over :class:`~zkc.WatchedEvent`, which is a context manager too.

        Raises:
            NoAuthError: The znode may not be read: raised here, or by the iterator when that comes about later. (For
                asyncio always by the iterator, as all errors of the first answer.)
            SessionLostError: Raised by the iterator when there will be no session any more, as after refused
                credentials.

        .. versionadded:: 0.1
        """
        return WatchEvents(cast("Client", self), path, watch_type, timeout)


class AsyncWatch:
    """What :class:`zkc.AsyncClient` has to follow znodes."""

    def watch(
        self, path: str, *, watch_type: WatchType = WatchType.DATA, timeout: Optional[float] = None
    ) -> AsyncWatchEvents:
        """Iterate over the events of a znode, as :meth:`zkc.Client.watch` does.

        >>> async for event in client.watch("/config"):
        ...     print(event.type, event.path)

        What it returns can be entered with ``async with`` to wait until the watch is set.

        .. versionadded:: 0.1
        """
        return AsyncWatchEvents(cast("AsyncClient", self), path, watch_type, timeout)
