"""The claim of an acquire: its turn, contenders and hold, which are given back when no caller gets the hold."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Optional, Protocol, Union

from zkc._flow import Flow, Pause, sub_result_of
from zkc.errors import ClosingError, ConnectionLossError, NoNodeError, SessionExpiredError, ZooKeeperError
from zkc.recipes._client_holds import holds_of
from zkc.recipes._layout import sequence_of
from zkc.recipes._places import Place, boot_time, delete_surely

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Request, Session
    from zkc.recipes._contend import Contest
    from zkc.recipes._holds import BaseHold
    from zkc.recipes._own_holds import OwnHolds

__all__ = ["Attempt", "Chosen", "Claim", "persist"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_OPERATION = "acquire"


def persist(function: Callable[[], object]) -> None:
    """Call a function, and call it again if a signal handler raises in the middle of it."""
    try:
        function()
    except Exception:
        raise
    except BaseException:
        function()
        raise


class Attempt:
    """The create of a contender, which may be carried out whatever becomes of its reply.

    Args:
        client: The client.
        session: The session that sends the create.
        contest: What the contender wants.
        marker: The text in the contender's name that only this attempt has.
    """

    __slots__ = ("client", "contest", "creating", "marker", "over", "place", "session")

    def __init__(self, client: BaseClient, session: Session, contest: Contest, marker: str) -> None:
        self.client = client
        self.session = session
        self.contest = contest
        self.marker = marker
        self.creating: Optional[Request[Any]] = None  # None also if a signal handler raised during its send.
        self.place: Optional[Place] = None
        self.over = False  # Whether there is no contender, or another object is responsible for it.

    def withdraw(self) -> None:
        """Delete the contender in the background, however long that takes. Another call does nothing."""
        if self.over:
            return
        place = self.place
        deletion = self._find_and_delete() if place is None else _delete(self.session, place.paths)
        with contextlib.suppress(ClosingError):
            holds_of(self.client).in_background(deletion)
        self.over = True  # Not before: a signal handler may raise in the middle, and the next call repeats it.

    def find(self) -> Flow[Optional[Place]]:
        """Search for the contender of a lost reply, in the session that created it; None if it was not created."""
        session, contest = self.session, self.contest
        while True:
            if self.client._session is not session:
                raise SessionExpiredError(operation=_OPERATION, path=contest.path)
            sent = boot_time()
            try:
                synced, listing = session.sync(contest.path), session.get_children(contest.path)
                yield from sub_result_of(synced, _OPERATION, contest.path)
                names = yield from sub_result_of(listing, _OPERATION, contest.path)
                paths = sorted(f"{contest.path}/{name}" for name in names if name.startswith(self.marker))
                if not paths:
                    return None
                stat = yield from sub_result_of(session.exists(paths[0]), _OPERATION, contest.path)
                token = 0 if stat is None else stat.czxid
                number, owner = sequence_of(paths[0]), session.client_id[0]
                return Place(paths[0], number, token, session, owner, extra=paths[1:], proved=sent)
            except NoNodeError:
                return None
            except ConnectionLossError:
                yield Pause(_PAUSE, _OPERATION, contest.path)

    def _find_and_delete(self) -> Flow[None]:
        paths: Sequence[str] = ()
        try:
            if self.creating is not None:
                with contextlib.suppress(ConnectionLossError):
                    made = yield from sub_result_of(self.creating, _OPERATION, self.contest.path)
                    paths = made[:1] if isinstance(made, tuple) else made
            if not paths:
                place = yield from self.find()
                paths = () if place is None else place.paths
        except ZooKeeperError:
            return  # It was not created, or it has ended with its session.
        if paths:
            yield from delete_surely(self.session, *paths)


class Chosen:
    """Znodes whose names the client has chosen, and which one transaction creates.

    Args:
        client: The client.
        session: The session that sends the transaction.
        paths: What to delete, in this order.
    """

    __slots__ = ("client", "over", "paths", "place", "session")

    def __init__(self, client: BaseClient, session: Session, paths: Sequence[str]) -> None:
        self.client = client
        self.session = session
        self.paths = paths
        self.place: Optional[Place] = None
        self.over = False

    def withdraw(self) -> None:
        """Delete the znodes in the background, as :meth:`Attempt.withdraw` does."""
        if not self.over:
            with contextlib.suppress(ClosingError):
                holds_of(self.client).in_background(_delete(self.session, self.paths))
            self.over = True


def _delete(session: Session, paths: Sequence[str]) -> Flow[None]:
    yield from delete_surely(session, *paths)


class Turning(Protocol):
    """A local turn, which its caller leaves."""

    def leave(self) -> object: ...


class Claim:
    """The local turn, the contenders and the hold that an acquire has taken so far.

    Each step is noted before it is made. So the claim can be given back at any moment, more than once.

    Args:
        turn: The turn among the local callers, if they queue.
        own: The holds of the same client that it may wait for.
    """

    __slots__ = ("_attempts", "_hold", "_own", "_turn")

    def __init__(self, turn: Optional[Turning] = None, own: Optional[OwnHolds] = None) -> None:
        self._turn = turn
        self._own = own
        self._attempts: list[Union[Attempt, Chosen]] = []
        self._hold: Optional[BaseHold] = None

    def waits(self) -> None:
        """Note that a wait for another contender begins; it may be called again."""
        if self._own is not None:
            self._own.waits()

    def attempt(self, attempt: Union[Attempt, Chosen]) -> None:
        """Note a create that follows."""
        self._attempts.append(attempt)

    def take(self, hold: BaseHold) -> None:
        """Note the hold, which is responsible for its contenders from now on."""
        self._hold = hold
        for attempt in self._attempts:
            if attempt.place is not None and attempt.place.path in hold._place.paths:
                attempt.over = True

    def leave(self, place: Place) -> None:
        """Delete a contender in the background."""
        for attempt in self._attempts:
            if attempt.place is place:
                persist(attempt.withdraw)

    def withdraw(self) -> None:
        """Delete all contenders in the background."""
        for attempt in reversed(self._attempts):
            persist(attempt.withdraw)

    def forget(self) -> None:
        """Note that the session of the contenders and of the hold has ended, or that they were deleted."""
        self._attempts.clear()
        self._hold = None

    def give_back(self) -> None:
        """Release the hold, delete the contenders, and leave the local turn, without waiting."""
        persist(self._give_back)

    def _give_back(self) -> None:
        try:
            hold = self._hold
            if hold is not None:
                hold._release_later()
            for attempt in reversed(self._attempts):
                attempt.withdraw()
        finally:
            if self._turn is not None:
                self._turn.leave()
