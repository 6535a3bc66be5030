"""Iterators over the states of something that the servers hold, each read again after the event of its watch."""

from __future__ import annotations

import contextlib
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._flow import Await, Flow, Pause, Signal, sub_result_of
from zkc.errors import ClosingError, ConnectionLossError, SessionExpiredError
from zkc.recipes._places import remove_surely

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Session

__all__ = ["AsyncObserver", "Observation", "Observer", "OnceWatch", "StopObservingError", "watched"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_NO_LIMIT = 1e9  # Thirty years, in seconds.
_T = TypeVar("_T")


class OnceWatch:
    """A watch that shows that something has changed. It is called once, and refers to no client."""

    __slots__ = ("fired", "path", "session", "signal")

    def __init__(self, signal: Optional[Signal] = None) -> None:
        self.signal = Signal() if signal is None else signal
        self.fired = False
        self.path = ""
        self.session: Optional[weakref.ref[Session]] = None

    def __call__(self, type_: int, state: int, path: str) -> None:
        self.fired = True
        self.signal.set()

    def on(self, session: Session, path: str) -> OnceWatch:
        """Note where a request is about to set it."""
        self.session, self.path = weakref.ref(session), path
        return self

    def forget(self, _: object = None) -> None:
        """Remove it from the server, without waiting."""
        session = None if self.session is None else self.session()
        if session is not None and not self.fired:
            remove_surely(session, self.path, self)


def watched(session: Session, name: str, path: str, operation: str, watch: Optional[OnceWatch]) -> Flow[Any]:
    """Make a read that sets a watch; when its caller gives up, the watch goes as well.

    Args:
        session: The session.
        name: The name of the session's method.
        path: The path to read.
        operation: The operation that a timeout error names.
        watch: The watch; None for none.
    """
    request = getattr(session, name)(path, None if watch is None else watch.on(session, path))
    try:
        return (yield from sub_result_of(request, operation, path))
    except GeneratorExit:
        if watch is not None:
            request.add_done_callback(watch.forget)
        raise


class StopObservingError(Exception):
    """The end of an observation."""


class Observation(Generic[_T]):
    """The states that an observer has seen, and the next one."""

    path: str
    operation: str

    def __init__(self) -> None:
        self._closed = False
        self._coming: deque[_T] = deque()
        self._watch: Optional[OnceWatch] = None

    def _look(self, client: BaseClient, watch: OnceWatch) -> Flow[_T]:
        """Read the present state, and set a watch that is called when it may have changed."""
        raise NotImplementedError

    def _note(self, found: _T) -> list[_T]:
        """Compare a state with the last one; return the states to report."""
        raise NotImplementedError

    def next(self, find: Callable[[], Optional[BaseClient]]) -> Flow[_T]:
        """Wait for the next state.

        Args:
            find: A function that returns the client, or None when the client is gone. The flow does not keep the
                client alive while it waits.

        Raises:
            StopObservingError: The observation was closed, or its client was.
        """
        while not self._coming:
            watch = self._watch
            if watch is not None:
                yield Await(watch.signal, None, self.operation, self.path)
                self._watch = None
            client = find()
            if self._is_closed() or client is None or client.closed:
                raise StopObservingError
            watch = OnceWatch()
            try:
                found = yield from self._look(client, watch)
            except ClosingError:
                raise StopObservingError from None
            except (ConnectionLossError, SessionExpiredError):
                watch.forget()
                if client._failure is not None:
                    raise
                del client
                yield Pause(_PAUSE, self.operation, self.path)
                continue
            except BaseException:
                watch.forget()
                raise
            del client
            self._watch = watch
            self._coming.extend(self._note(found))
            if self._is_closed():
                self.close()
        return self._coming.popleft()

    def _is_closed(self) -> bool:  # Another thread may close it at any time.
        return self._closed

    def close(self) -> None:
        """End the observation. A flow that waits ends, too."""
        self._closed = True
        watch = self._watch
        if watch is not None:
            watch.forget()
            watch.signal.set()


class Observer(Generic[_T]):
    """An iterator over the states that a synchronous client observes.

    It ends when its client is closed, or by :meth:`close`. It is a context manager, too, which closes it.

    .. versionadded:: 0.1
    """

    def __init__(self, client: Client, observation: Observation[_T]) -> None:
        client.session  # noqa: B018 - raises for a client that was not started
        self._client = client
        self._observation = observation

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _T:
        try:
            return self._client._run(self._next, _NO_LIMIT)
        except StopObservingError:
            raise StopIteration from None

    def _next(self, client: CommandClient) -> Flow[_T]:
        return self._observation.next(lambda: self._client)

    def close(self) -> None:
        """Remove the watch, and end the iteration. Any thread may call it.

        .. versionadded:: 0.1
        """
        self._observation.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        _drop(self)


class AsyncObserver(Generic[_T]):
    """An asynchronous iterator over the states that a client for asyncio observes.

    It ends when its client is closed, or by :meth:`aclose`. It is an asynchronous context manager, too, which closes
    it. It belongs to one task at a time.

    .. versionadded:: 0.1
    """

    def __init__(self, client: AsyncClient, observation: Observation[_T]) -> None:
        client.session  # noqa: B018 - raises for a client that was not started
        self._client = client
        self._observation = observation

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> _T:
        try:
            return cast("_T", await self._client._run(self._next, _NO_LIMIT))
        except StopObservingError:
            raise StopAsyncIteration from None

    def _next(self, client: CommandClient) -> Flow[_T]:
        return self._observation.next(lambda: self._client)

    async def aclose(self) -> None:
        """Remove the watch, and end the iteration.

        .. versionadded:: 0.1
        """
        self._observation.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._observation.close()

    def __del__(self) -> None:
        _drop(self)


def _drop(iterator: Any) -> None:
    """End an iterator without references; in a forked child the locks may stay locked."""
    with contextlib.suppress(Exception):
        iterator._client._check_process("observe")
        iterator._observation.close()
