"""The multilock: several locks at once, all of them or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from zkc._flow import Flow, Pause, sub_result_of
from zkc.errors import ConnectionLossError, NoNodeError, SessionExpiredError
from zkc.recipes._claim import Claim
from zkc.recipes._contend import Contest, PlaceLostError, index_of, join, list_seats
from zkc.recipes._granting import AsyncGranting, Granting, SyncGranting
from zkc.recipes._holds import BaseHold, Place, holds_of
from zkc.recipes._layout import Seat
from zkc.recipes._measures import Measures, measures_of
from zkc.recipes._own_holds import OwnHolds
from zkc.recipes._turns import wait_turn
from zkc.recipes.hold import AsyncHold, Hold
from zkc.recipes.lock import AsyncLock, Lock, contest_of

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client

__all__ = ["AsyncMultiHold", "AsyncMultiLock", "MultiHold", "MultiLock"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.


class _Tokens(BaseHold):
    """The part of a hold of several locks that knows the token of each."""

    _tokens: dict[str, int]

    @property
    def tokens(self) -> dict[str, int]:
        """The fencing token of each lock, by the lock's path.

        The :attr:`token` is the largest of them.

        .. versionadded:: 0.1
        """
        return dict(self._tokens)


class MultiHold(_Tokens, Hold):
    """A hold of several locks of a synchronous client. It is lost when one of them is.

    .. versionadded:: 0.1
    """


class AsyncMultiHold(_Tokens, AsyncHold):
    """A hold of several locks of a client for asyncio. It is lost when one of them is.

    .. versionadded:: 0.1
    """


_HoldT = TypeVar("_HoldT", bound=_Tokens)


class BaseMultiLock(Granting[_HoldT]):
    """The base of the multilocks: their flows."""

    _hold_class: type[_HoldT]

    def __init__(self, client: BaseClient, contests: list[Contest]) -> None:
        super().__init__(client, contests[0].path)
        self._contests = [replace(contest, recipe="multilock") for contest in contests]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the locks, in the order in which they are acquired.

        .. versionadded:: 0.1
        """
        return tuple(contest.path for contest in self._contests)

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {' '.join(self.paths)} layout={self._contests[0].layout.name}>"

    @property
    def _measures(self) -> Measures:
        return measures_of(self._client, "multilock")

    def _own_holds(self, endless: bool = False) -> OwnHolds:
        return OwnHolds(self._client, self.path, self.paths, self._remedy, endless=endless)

    def _remedy(self, hold: BaseHold) -> str:
        return "Release it first, or acquire all the paths with one multilock()"

    def _contend_once(self, claim: Claim) -> Flow[_HoldT]:
        client, places = self._client, list[Place]()
        try:
            for contest in self._contests:
                place, seats = yield from join(client, contest, claim=claim)
                places.append(place)
                if len(seats) > 1:
                    claim.waits()
                yield from wait_turn(client, contest, place, seats)
            yield from self._prove(places)
            return self._granted(claim, places)
        except BaseException:
            claim.withdraw()
            raise

    def _try_once(self, claim: Claim) -> Flow[Optional[_HoldT]]:
        for contest in self._contests:  # A look before the writes.
            seats = yield from list_seats(self._client, contest, check=True)
            phantom = Seat("", contest.kind, 0)
            if contest.blocker([*seats, phantom], len(seats)) is not None:
                return None
        places = list[Place]()
        try:
            for contest in self._contests:
                place, seats = yield from join(self._client, contest, claim=claim)
                places.append(place)
                index = index_of(seats, place)
                if index < 0 or contest.blocker(seats, index) is not None:
                    return None
            yield from self._prove(places)
            return self._granted(claim, places)
        except PlaceLostError:
            return None

    def _prove(self, places: list[Place]) -> Flow[None]:
        """Check in one transaction that all contenders exist: the first may have been deleted."""
        session = places[0].session
        if any(place.session is not session for place in places):
            raise SessionExpiredError(operation="acquire", path=self.path)
        checks: list[Any] = [("check", place.path, -1) for place in places]
        while len(places) > 1:
            try:
                yield from sub_result_of(session.multi(checks), "acquire", self.path)
                return
            except NoNodeError:
                raise PlaceLostError from None
            except ConnectionLossError:
                yield Pause(_PAUSE, "acquire", self.path)

    def _granted(self, claim: Claim, places: list[Place]) -> _HoldT:
        first, rest = places[0], places[1:]
        token = max(place.token for place in places)
        extra, proved = [place.path for place in rest], max(place.proved for place in places)
        whole = replace(first, token=token, extra=extra, proved=proved)
        hold = self._hold_class(holds_of(self._client), whole, self._contests[0].on_suspend)
        hold._tokens = {path: place.token for path, place in zip(self.paths, places)}
        claim.take(hold)
        hold._holds.add(hold)
        return hold


class MultiLock(SyncGranting[MultiHold], BaseMultiLock[MultiHold]):
    """Several locks of a synchronous client, acquired together. :meth:`zkc.Client.multilock` makes it.

    >>> with client.multilock(["/locks/a", "/locks/b"]) as hold:
    ...     hold.check()

    .. versionadded:: 0.1
    """

    _hold_class = MultiHold

    def __init__(self, client: Client, contests: list[Contest]) -> None:
        super().__init__(client, contests)
        self._locks = {contest.path: Lock(client, contest) for contest in contests}

    @property
    def locks(self) -> dict[str, Lock]:
        """The single locks by path, which show their contenders.

        .. versionadded:: 0.1
        """
        return dict(self._locks)


class AsyncMultiLock(AsyncGranting[AsyncMultiHold], BaseMultiLock[AsyncMultiHold]):
    """Several locks of a client for asyncio, as :class:`MultiLock`. :meth:`zkc.AsyncClient.multilock` makes it.

    .. versionadded:: 0.1
    """

    _hold_class = AsyncMultiHold

    def __init__(self, client: AsyncClient, contests: list[Contest]) -> None:
        super().__init__(client, contests)
        self._locks = {contest.path: AsyncLock(client, contest) for contest in contests}

    @property
    def locks(self) -> dict[str, AsyncLock]:
        """The single locks by path, which show their contenders.

        .. versionadded:: 0.1
        """
        return dict(self._locks)


def contests_of(client: BaseClient, paths: Sequence[str], **options: Any) -> list[Contest]:
    """Check the arguments of a multilock, and sort its paths: all clients acquire them in the same order."""
    if isinstance(paths, (str, bytes)):
        raise TypeError("paths must be a sequence of paths, not one of them")
    chosen = sorted(set(paths))
    if not chosen:
        raise ValueError("paths must not be empty")
    return [contest_of(client, path, **options) for path in chosen]
