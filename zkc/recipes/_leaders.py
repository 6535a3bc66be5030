"""The leader of an election, as observers see it: who leads, and each change of that."""

from __future__ import annotations

import contextlib
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Await, Flow, Pause, Signal, sub_result_of
from zkc.constants import WatchType
from zkc.errors import ClosingError, ConnectionLossError, NoAuthError, NoNodeError, SessionExpiredError, ZooKeeperError
from zkc.recipes.lock import Contender

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Request, Session
    from zkc.recipes._contend import Contest

__all__ = ["AsyncLeaders", "Leaders", "Observation", "StopObservingError", "look"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_NOTHING: Any = object()  # In place of a leader: the observer has not looked yet.
_OPERATION = "observe"
_NO_LIMIT = 1e9  # Thirty years, in seconds.


# ---- looking --------------------------------------------------------------------------------------------------------


class LeaderWatch:
    """A watch that shows that the leader may have changed. It is called once, and refers to no client."""

    __slots__ = ("path", "session", "signal")

    def __init__(self) -> None:
        self.signal = Signal()
        self.path = ""
        self.session: Optional[weakref.ref[Session]] = None

    def __call__(self, type_: int, state: int, path: str) -> None:
        self.signal.set()

    def on(self, session: Session, path: str) -> LeaderWatch:
        """Note where a request is about to set it."""
        self.session, self.path = weakref.ref(session), path
        return self

    def forget(self) -> None:
        """Remove it from the server, without waiting."""
        session = None if self.session is None else self.session()
        if session is not None and not self.signal.done():
            with contextlib.suppress(ZooKeeperError):
                session.remove_watches(self.path, self, WatchType.ANY, callback=_ignore)


def _ignore(request: Request[None]) -> None:
    request.exception()


def look(
    client: BaseClient, contest: Contest, operation: str, watch: Optional[LeaderWatch] = None
) -> Flow[Optional[Contender]]:
    """Return the leader, and set a watch that is called when it changes.

    Contenders only join behind others. So the first stays first until its own znode is deleted, and one watch of that
    znode is enough. Only an election without contenders is watched as a whole.
    """
    session, path = client.session, contest.path
    while True:
        try:
            names = yield from sub_result_of(session.get_children(path), operation, path)
        except NoNodeError:
            if (yield from _watched(session, "exists", path, operation, watch)) is None:
                return None
        else:
            seats = contest.layout.seats(names, contest.kinds)
            if seats:
                leader = yield from _read(session, f"{path}/{seats[0].name}", operation, watch)
                if leader is not None:
                    data, stat = leader
                    return Contender(
                        seats[0].name,
                        seats[0].kind,
                        seats[0].sequence,
                        stat.czxid,
                        stat.ephemeral_owner,
                        stat.ctime / 1000,
                        data,
                        True,
                        stat.ephemeral_owner == session.client_id[0],
                    )
            else:
                with contextlib.suppress(NoNodeError):
                    names = yield from _watched(session, "get_children", path, operation, watch)
                    if not contest.layout.seats(names, contest.kinds):
                        return None
        # It has changed between two requests: the watch, if it was set, is for another znode now.
        if watch is not None:
            watch.forget()


def _read(session: Session, path: str, operation: str, watch: Optional[LeaderWatch]) -> Flow[Optional[tuple[Any, Any]]]:
    """Read a contender; None if it has left."""
    try:
        data, stat = yield from _watched(session, "get", path, operation, watch)
    except NoNodeError:
        return None
    except NoAuthError:  # Its data cannot be read; exists() needs no permission.
        data, stat = None, (yield from _watched(session, "exists", path, operation, watch))
    return None if stat is None else (data, stat)


def _watched(session: Session, name: str, path: str, operation: str, watch: Optional[LeaderWatch]) -> Flow[Any]:
    """Make a read that sets the watch; when its caller gives up, the watch goes as well."""
    request = getattr(session, name)(path, None if watch is None else watch.on(session, path))
    try:
        return (yield from sub_result_of(request, operation, path))
    except GeneratorExit:
        if watch is not None:
            request.add_done_callback(lambda _: watch.forget())
        raise


# ---- observing ------------------------------------------------------------------------------------------------------


class Observation:
    """The leaders that an observer has seen, and the next one.

    Between two different leaders an observer always sees None: the first has gone, and the second may not know yet
    that it leads.
    """

    def __init__(self, contest: Contest) -> None:
        self._closed = False
        self._contest = contest
        self._seen: Optional[Contender] = _NOTHING
        self._coming: deque[Optional[Contender]] = deque()
        self._watch: Optional[LeaderWatch] = None

    def next(self, find: Callable[[], Optional[BaseClient]]) -> Flow[Optional[Contender]]:
        """Wait for the next change.

        Args:
            find: A function that returns the client, or None when the client is gone. The flow does not keep the
                client alive while it waits.

        Raises:
            StopObservingError: The observation was closed, or its client was.
        """
        while not self._coming:
            watch = self._watch
            if watch is not None:
                yield Await(watch.signal, None, _OPERATION, self._contest.path)
                self._watch = None
            client = find()
            if self._is_closed() or client is None or client.closed:
                raise StopObservingError
            watch = LeaderWatch()
            try:
                found = yield from look(client, self._contest, _OPERATION, watch)
            except ClosingError:
                raise StopObservingError from None
            except (ConnectionLossError, SessionExpiredError):
                if client._failure is not None:
                    raise
                del client
                yield Pause(_PAUSE, _OPERATION, self._contest.path)
                continue
            del client
            self._watch = watch
            self._note(found)
            if self._is_closed():
                self.close()
        return self._coming.popleft()

    def _note(self, found: Optional[Contender]) -> None:
        seen, self._seen = self._seen, found
        if found == seen:
            return
        if seen is not _NOTHING and seen is not None and found is not None and seen.token != found.token:
            self._coming.append(None)
        self._coming.append(found)

    def _is_closed(self) -> bool:  # Another thread may close it at any time.
        return self._closed

    def close(self) -> None:
        """End the observation. A flow that waits ends, too."""
        self._closed = True
        watch = self._watch
        if watch is not None:
            watch.forget()
            watch.signal.set()


class StopObservingError(Exception):
    """The end of an observation."""


# ---- iterating ------------------------------------------------------------------------------------------------------


class Leaders:
    """An iterator over the leaders of an election, which :meth:`Election.observe` returns.

    It ends when its client is closed, or by :meth:`close`. It is a context manager, too, which closes it.

    .. versionadded:: 0.1
    """

    def __init__(self, client: Client, contest: Contest) -> None:
        self._client = client
        self._observation = Observation(contest)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Optional[Contender]:
        try:
            return self._client._run(self._next, _NO_LIMIT)
        except StopObservingError:
            raise StopIteration from None

    def _next(self, client: CommandClient) -> Flow[Optional[Contender]]:
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


class AsyncLeaders:
    """An asynchronous iterator over the leaders of an election, which :meth:`AsyncElection.observe` returns.

    It ends when its client is closed, or by :meth:`aclose`. It is an asynchronous context manager, too, which closes
    it. It belongs to one task at a time.

    .. versionadded:: 0.1
    """

    def __init__(self, client: AsyncClient, contest: Contest) -> None:
        self._client = client
        self._observation = Observation(contest)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Optional[Contender]:
        try:
            found: Optional[Contender] = await self._client._run(self._next, _NO_LIMIT)
            return found
        except StopObservingError:
            raise StopAsyncIteration from None

    def _next(self, client: CommandClient) -> Flow[Optional[Contender]]:
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
