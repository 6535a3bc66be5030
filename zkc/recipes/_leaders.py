"""The leader of an election, as observers see it: who leads, and each change of that."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Flow, sub_result_of
from zkc.errors import NoAuthError, NoNodeError
from zkc.recipes._contend import queue_of
from zkc.recipes._observing import AsyncObserver, Observation, Observer, OnceWatch, watched
from zkc.recipes.lock import Contender

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Session
    from zkc.recipes._contend import Contest

__all__ = ["AsyncLeaders", "Leaders", "Leading", "look"]

_NOTHING: Any = object()  # In place of a leader: the observer has not looked yet.


def look(
    client: BaseClient, contest: Contest, operation: str, watch: Optional[OnceWatch] = None
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
            if (yield from watched(session, "exists", path, operation, watch)) is None:
                return None
        else:
            seats = yield from queue_of(session, contest, names, operation)
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
                    names = yield from watched(session, "get_children", path, operation, watch)
                    if not contest.layout.seats(names, contest.kinds):
                        return None
        # It has changed between two requests: the watch, if it was set, is for another znode now.
        if watch is not None:
            watch.forget()


def _read(session: Session, path: str, operation: str, watch: Optional[OnceWatch]) -> Flow[Optional[tuple[Any, Any]]]:
    """Read a contender; None if it has left."""
    try:
        data, stat = yield from watched(session, "get", path, operation, watch)
    except NoNodeError:
        return None
    except NoAuthError:  # Its data cannot be read; exists() needs no permission.
        data, stat = None, (yield from watched(session, "exists", path, operation, watch))
    return None if stat is None else (data, stat)


class Leading(Observation[Optional[Contender]]):
    """The leaders that an observer has seen.

    Between two different leaders an observer always sees None: the first has gone, and the second may not know yet
    that it leads.
    """

    operation = "observe"

    def __init__(self, contest: Contest) -> None:
        super().__init__()
        self.path = contest.path
        self._contest = contest
        self._seen: Optional[Contender] = _NOTHING

    def _look(self, client: BaseClient, watch: OnceWatch) -> Flow[Optional[Contender]]:
        return look(client, self._contest, self.operation, watch)

    def _note(self, found: Optional[Contender]) -> list[Optional[Contender]]:
        seen, self._seen = self._seen, found
        if found == seen:
            return []
        if seen is not _NOTHING and seen is not None and found is not None and seen.token != found.token:
            return [None, found]
        return [found]


class Leaders(Observer[Optional[Contender]]):
    """An iterator over the leaders of an election, which :meth:`Election.observe` returns.

    It ends when its client is closed, or by :meth:`close`. It is a context manager, too, which closes it.

    .. versionadded:: 0.1
    """


class AsyncLeaders(AsyncObserver[Optional[Contender]]):
    """An asynchronous iterator over the leaders of an election, which :meth:`AsyncElection.observe` returns.

    It ends when its client is closed, or by :meth:`aclose`. It is an asynchronous context manager, too, which closes
    it. It belongs to one task at a time.

    .. versionadded:: 0.1
    """
