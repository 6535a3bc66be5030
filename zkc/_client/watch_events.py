"""Iterators over the events of a znode, which compare what a subscription reads with what it read before."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, Union, cast

from zkc._args import check_path, check_watch_type
from zkc._commands import watching
from zkc._watch.persistent import EventWatch, Gaps
from zkc._watch.subscriptions import CHILDREN, EXISTENCE, ReadKind, Subscriptions, ZnodeSubscription
from zkc._zookeeper import Stat
from zkc.constants import ClientState, EventType, State, WatchType
from zkc.errors import ClosingError, ZooKeeperError
from zkc.types import WatchedEvent

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.sync import Client

__all__ = ["AsyncWatch", "AsyncWatchEvents", "SyncWatch", "WatchEvents"]


class _End:
    """The mark after the last event."""

    def __init__(self, error: Optional[ZooKeeperError]) -> None:
        self.error = error


class _Batch:
    """The events of one read of a znode. The next read follows when the last of them was taken."""

    def __init__(self, source: _Source, events: list[WatchedEvent]) -> None:
        self.source = source
        self.events = events

    def take(self) -> WatchedEvent:
        event = self.events.pop(0)
        if not self.events:
            self.source._delivered()
        return event


_Queue = Any  # A queue.SimpleQueue or an asyncio.Queue of items.
_Item = Union[_Batch, _End, WatchedEvent]


def compare(old: Optional[Stat], new: Optional[Stat]) -> list[EventType]:
    """Return the events between two stats of a znode, of the znode and its data."""
    if old is None or new is None:
        return [] if old is new else [EventType.CREATED if old is None else EventType.DELETED]
    if old.czxid != new.czxid:
        return [EventType.DELETED, EventType.CREATED]
    return [EventType.CHANGED] if old.mzxid != new.mzxid else []


def compare_children(old: Optional[Stat], new: Optional[Stat]) -> list[EventType]:
    """Return the events between two stats of a znode, of the znode and its children."""
    if old is not None and new is not None and old.czxid == new.czxid:
        return [] if (old.pzxid, old.cversion) == (new.pzxid, new.cversion) else [EventType.CHILD]
    return compare(old, new)


def compare_only_children(old: Optional[Stat], new: Optional[Stat]) -> list[EventType]:
    """Return the events of the children alone, when another source reports those of the znode."""
    if old is not None and new is not None and old.czxid == new.czxid:
        return compare_children(old, new)
    return [EventType.CHILD] if new is not None and new.pzxid != new.czxid else []


class _Source(ZnodeSubscription):
    """The subscription of an iterator. It does not refer to the iterator, so that a dropped iterator ends."""

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


class _EventSource(EventWatch):
    """The persistent watch of an iterator. It does not refer to the iterator, so that a dropped iterator ends."""

    def __init__(
        self,
        client: Union[Client, AsyncClient],
        path: str,
        recursive: bool,
        items: _Queue,
        put: Callable[[_Item], None],
    ) -> None:
        super().__init__(client._subscriptions, path, recursive)
        self._items = items
        self._put = put
        self._gaps = Gaps(path, client._settings.max_queued_events)

    def taken(self, event: WatchedEvent) -> WatchedEvent:
        self._gaps.taken(event)
        return event

    def _deliver(self, event: WatchedEvent) -> None:
        kept = self._keep(event, self._items.qsize(), self._gaps)
        if kept is not None:
            self._put(kept)

    def _on_stop(self, error: Optional[ZooKeeperError]) -> None:
        self._put(_End(error))


class _Events:
    """The base of both iterators."""

    _sources: tuple[
        Union[_Source, _EventSource], ...
    ] = ()  # For the finalizer of an iterator whose arguments were refused.

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
        self._kind = watch_type.name.lower()  # For the repr.
        self._client = client  # The iterator keeps the client alive.
        self._batch: Optional[_Batch] = None
        self._end: Optional[_End] = None
        self._items: _Queue
        if watch_type is WatchType.PERSISTENT or watch_type is WatchType.RECURSIVE:
            self._sources = (_EventSource(client, path, watch_type is WatchType.RECURSIVE, self._items, put),)
        elif watch_type is WatchType.DATA:
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

    def _taken(self, item: Union[_Batch, WatchedEvent]) -> Optional[WatchedEvent]:
        """Note what was taken from the queue; return it if it is an event."""
        source = self._sources[0]
        if isinstance(item, _Batch):
            self._batch = item
            return None
        return source.taken(item) if isinstance(source, _EventSource) else item

    def _ended(self, end: _End) -> Optional[ZooKeeperError]:
        """Note the end; return the error to raise, once."""
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
        if self._sources and self._client._pid == os.getpid():  # In a forked child the locks may stay locked.
            self._cancel()

    def __repr__(self) -> str:
        state = "ended" if self._end is not None else "watching"
        return f"<zkc.{type(self).__name__} {self.path} {self._kind} {state}>"


class WatchEvents(_Events):
    """An iterator over the events of a znode, which :meth:`zkc.Client.watch` returns.

    It is a context manager, too, and leaving that closes it. Dropping the last reference closes it as well, as at the
    end of a ``for`` statement.

    .. versionadded:: 0.1
    """

    def __init__(self, client: Client, path: str, watch_type: WatchType, timeout: Optional[float]) -> None:
        self._items = queue.SimpleQueue()
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
            if not isinstance(item, _End):
                event = self._taken(item)
                if event is None:
                    continue
                return event
            self._items.put(_End(None))  # Put the end marker back for other waiting threads.
            error = self._ended(item)
            if error is not None:
                raise error
            raise StopIteration

    def close(self) -> None:
        """Remove the watch, and end the iteration for every waiting thread. Any thread may call it.

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
    """An asynchronous iterator over the events of a znode, which :meth:`zkc.AsyncClient.watch` returns.

    It is an asynchronous context manager, too: entering waits until the watch is set, and leaving closes the iterator.
    Dropping the last reference closes it as well, as at the end of an ``async for`` statement or its task. It belongs
    to one task at a time.

    .. versionadded:: 0.1
    """

    def __init__(self, client: AsyncClient, path: str, watch_type: WatchType, timeout: Optional[float]) -> None:
        import asyncio  # Here, as programs with threads do without it.

        client._check_loop()
        self._items = asyncio.Queue()
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
            if not isinstance(item, _End):
                event = self._taken(item)
                if event is None:
                    continue
                return event
            error = self._ended(item)
            if error is not None:
                raise error
            raise StopAsyncIteration

    async def _begin(self) -> None:
        if self._end is not None:
            return
        import asyncio

        try:
            await asyncio.shield(self._begun)  # A task that stops waiting may come back.
        except ClosingError:
            self._close()
        except ZooKeeperError:
            self._close()
            raise

    async def aclose(self) -> None:
        """Remove the watch, and end the iteration for a waiting task.

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
    """Mark the exception as retrieved, so that asyncio does not log it."""
    if not begun.cancelled():
        begun.exception()


# ---- the methods of the clients -------------------------------------------------------------------------------------


class SyncWatch:
    """The method ``watch`` of :class:`zkc.Client`."""

    def watch(
        self, path: str, *, watch_type: WatchType = WatchType.DATA, timeout: Optional[float] = None
    ) -> WatchEvents:
        """Iterate over the events of a znode.

        >>> for event in client.watch("/config"):
        ...     print(event.type, event.path)

        The iterator sees all changes after this method returned, whether the znode exists or not. (For asyncio: after
        the requests that this client sent before, and at the latest when the first event is awaited.) The client reads
        the znode again after each change, once the event before was taken. So several quick changes may be one event,
        and a change that was undone may be none; but an event always follows the last change. A program that reads the
        znode after each event ends with its last state.

        The iteration continues through lost connections and through the expiry of the session: the client compares the
        znode with its last known state, and reports the difference as events. It never yields SESSION events. It ends
        when the client or the iterator is closed. Both remove the watch, and so does dropping the iterator. Do not
        iterate in a callback of a synchronous client: it would wait for itself.

        Args:
            path: Path of the znode, which need not exist.
            watch_type: The type of the events: DATA yields CREATED, CHANGED and DELETED; CHILDREN yields CREATED, CHILD
                and DELETED; ANY yields all of them. A znode that was deleted and re-created between two reads yields
                DELETED, then CREATED. PERSISTENT and RECURSIVE set a watch that stays at the server (3.6 and later), as
                :meth:`watch_events` does: they yield each change by itself, and GAP where some may be missing.
            timeout: How long to wait for the first reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            An iterator over :class:`~zkc.WatchedEvent`, which is a context manager too.

        Raises:
            NoAuthError: The ACL does not allow to read the znode. It is raised here, or by the iterator when the ACL
                changes later. (For asyncio always by the iterator, as all errors of the first reply.)
            SessionLostError: The client opens no further session, as after refused credentials. The iterator raises it.

        .. versionadded:: 0.1
        """
        return WatchEvents(cast("Client", self), path, watch_type, timeout)


class AsyncWatch:
    """The method ``watch`` of :class:`zkc.AsyncClient`."""

    def watch(
        self, path: str, *, watch_type: WatchType = WatchType.DATA, timeout: Optional[float] = None
    ) -> AsyncWatchEvents:
        """Iterate over the events of a znode, as :meth:`zkc.Client.watch` does.

        >>> async for event in client.watch("/config"):
        ...     print(event.type, event.path)

        Enter the iterator with ``async with`` to wait until the watch is set.

        .. versionadded:: 0.1
        """
        return AsyncWatchEvents(cast("AsyncClient", self), path, watch_type, timeout)
