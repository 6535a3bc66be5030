"""The leases of a semaphore: counted, taken and waited for, in the layouts of Curator and kazoo."""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional

from zkc._flow import Await, Flow, Pause, Signal, sub_result_of
from zkc.constants import CreateMode, EventType
from zkc.errors import (
    ConnectionLossError,
    NodeExistsError,
    NoNodeError,
    SessionExpiredError,
    SessionLostError,
    ZooKeeperError,
)
from zkc.recipes._claim import Chosen, Claim
from zkc.recipes._contend import Contest, PlaceLostError, join, make_parent
from zkc.recipes._holds import Place, stat_of
from zkc.recipes._layout import Seat
from zkc.recipes._turns import Turn, forget, wait_turn
from zkc.recipes.errors import LayoutError, LimitMismatchError

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._zookeeper import Request, Session

__all__ = ["RECIPE", "CuratorLeases", "KazooLeases", "Leases"]

RECIPE = "semaphore"  # The kind under which the client's metrics count it.
_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_OPERATION = "acquire"


class Leases:
    """The leases of a semaphore.

    Args:
        client: The client.
        contest: The settings of created znodes; its path is that of the semaphore.
        limit: The largest number of leases.
    """

    def __init__(self, client: BaseClient, contest: Contest, limit: int) -> None:
        self.client = client
        self.path = contest.path
        self.limit = limit  # As last read; at first as given.
        self.contest = contest
        self.mutex = contest  # The queue of those that wait for a lease. Its first contender counts the leases.

    # What a layout says.

    def leases_of(self, names: list[str]) -> list[Seat]:
        """Return the leases among the children of the contest's path, in the order of their counters."""
        raise NotImplementedError

    def encode(self, limit: int) -> bytes:
        """Return a limit as the data of the semaphore's znode."""
        raise NotImplementedError

    def note(self, data: Optional[bytes]) -> int:
        """Take the data of the semaphore's znode; return the limit that is in force."""
        raise NotImplementedError

    def speculate(self, count: int, claim: Claim) -> Flow[Optional[Place]]:
        """Take leases outside of the queue, if the layout allows it and they are free."""
        raise NotImplementedError

    def take(self, mutex: Place, count: int, wait: bool, claim: Claim) -> Flow[Optional[Place]]:
        """Take leases at the front of the queue."""
        raise NotImplementedError

    # The flows of both.

    def acquire(self, count: int, claim: Claim) -> Flow[Place]:
        """Wait until leases are free, and take them."""
        place = yield from self.speculate(count, claim)
        if place is not None:
            return place
        claim.waits()  # Perhaps for leases of the caller's own: it knows whether these are too many.
        mutex, seats = yield from join(self.client, self.mutex, claim=claim)
        try:
            yield from wait_turn(self.client, self.mutex, mutex, seats)
            place = yield from self.take(mutex, count, True, claim)
        finally:
            claim.leave(mutex)
        assert place is not None
        return place

    def try_acquire(self, count: int, claim: Claim) -> Flow[Optional[Place]]:
        """Take leases if they are free and no contender waits for them. Otherwise nothing is written."""
        session = self.client.session
        waiting = session.get_children(self.mutex.path)
        names, limit = yield from self.look(session)
        if (yield from self._is_waited_for(waiting)) or len(self.leases_of(names)) + count > limit:
            return None
        return (yield from self.try_take(count, claim))

    def try_take(self, count: int, claim: Claim) -> Flow[Optional[Place]]:
        """Take leases that a look has found to be free."""
        return (yield from self.speculate(count, claim))

    def look(self, session: Session, turns: tuple[Optional[Turn], Optional[Turn]] = (None, None)) -> _Look:
        """Return the children of the leases' parent, and the limit.

        Args:
            session: The session to ask.
            turns: Watches of both.
        """
        listing, reading = session.get_children(self.contest.path, turns[0]), session.get(self.path, turns[1])
        requests: tuple[Request[Any], Request[Any]] = (listing, reading)
        for turn, request in zip(turns, requests):
            if turn is not None:
                turn.request = request
        names = yield from _names(listing, self.path)
        data: Optional[bytes] = None
        with suppress(NoNodeError):
            data, _ = yield from sub_result_of(reading, _OPERATION, self.path)
        return names, self.note(data)

    def _is_waited_for(self, listing: Request[list[str]]) -> Flow[bool]:
        """Return whether a listing of the queue has contenders; other children of it are ignored."""
        names, mutex = (yield from _names(listing, self.path)), self.mutex
        mutex.layout.check(mutex.path, names, mutex.kind, mutex.strangers)
        return bool(mutex.layout.seats(names, mutex.kinds))

    def wait(self, session: Session, ready: Callable[[list[str], int], bool], wait: bool) -> Flow[bool]:
        """Wait until the names of the leases and the limit fulfil a condition; return whether they do."""
        while True:
            signal = Signal()
            with self._watches(session, signal) as turns:
                try:
                    names, limit = yield from self.look(session, turns)
                    if ready(names, limit) or not wait:
                        return ready(names, limit)
                    yield Await(signal, None, _OPERATION, self.path)
                except ConnectionLossError:
                    yield Pause(_PAUSE, _OPERATION, self.path)
            if EventType.SESSION in (turns[0].type, turns[1].type):
                raise SessionExpiredError(operation=_OPERATION, path=self.path)

    @contextmanager
    def _watches(self, session: Session, signal: Signal) -> Iterator[tuple[Turn, Turn]]:
        turns = Turn(), Turn()
        for turn in turns:
            turn.signal = signal
        try:
            yield turns
        finally:
            forget(self.client, session, self.contest.path, turns[0], turns[0].request)
            forget(self.client, session, self.path, turns[1], turns[1].request)

    def set_limit(self, limit: int) -> Flow[None]:
        """Write the limit, which all clients then follow."""
        data = self.encode(limit)
        while True:
            session = self.client.session
            try:
                yield from sub_result_of(session.set(self.path, data), "set_limit", self.path)
            except NoNodeError:
                yield from make_parent(self.client, replace(self.contest, path=self.path, container=False))
            else:
                self.limit = limit
                return


_Look = Flow["tuple[list[str], int]"]


def _names(listing: Request[list[str]], path: str) -> Flow[list[str]]:
    try:
        return (yield from sub_result_of(listing, _OPERATION, path))
    except NoNodeError:
        return []


class CuratorLeases(Leases):
    """The leases of Curator's InterProcessSemaphoreV2: ``leases``, and the queue in ``locks``.

    A lease counts from its creation, and a client counts after it has created its own. So the leases
    of all clients that have counted no more than the limit are within it, whether they were in the queue or not.
    """

    _busy = False  # Whether the last attempt outside of the queue has failed.

    def __init__(self, client: BaseClient, contest: Contest, limit: int) -> None:
        super().__init__(client, contest, limit)
        self.mutex = replace(contest, path=f"{contest.path}/locks", recipe=RECIPE)
        path, strangers = f"{contest.path}/leases", contest.layout.strangers("lease")
        self.contest = replace(
            contest, path=path, kind="lease", kinds=("lease",), max_waiters=None, strangers=strangers, recipe=""
        )

    def leases_of(self, names: list[str]) -> list[Seat]:
        return self.contest.layout.seats(names, ("lease",))

    def encode(self, limit: int) -> bytes:
        return struct.pack(">i", limit)  # As Curator's SharedCount has it.

    def note(self, data: Optional[bytes]) -> int:
        if data and data.isdigit():
            raise _layout_error(self.path, f"its data {data!r} are kazoo's limit", "curator")
        if data and len(data) == 4:
            (self.limit,) = struct.unpack(">i", data)
        return self.limit

    def speculate(self, count: int, claim: Claim) -> Flow[Optional[Place]]:
        if self._busy:
            self._busy = False  # Once in the queue, since others wait there.
            return None
        beside: list[Any] = []

        def send(session: Session) -> None:
            beside[:] = [session.get(self.path), session.get_children(self.mutex.path)]

        place, seats = yield from join(self.client, self.contest, count, send, claim=claim)
        try:
            data, _ = yield from sub_result_of(beside[0], _OPERATION, self.path)
            waiting = yield from self._is_waited_for(beside[1])
            if len(seats) <= self.note(data) and not waiting:
                return place
        except (NoNodeError, ConnectionLossError):
            pass  # The queue decides.
        claim.leave(place)
        self._busy = True
        return None

    def try_take(self, count: int, claim: Claim) -> Flow[Optional[Place]]:
        self._busy = False
        place = yield from self.speculate(count, claim)
        self._busy = False
        return place

    def take(self, mutex: Place, count: int, wait: bool, claim: Claim) -> Flow[Optional[Place]]:
        place, _ = yield from join(self.client, self.contest, count, claim=claim)
        own = {path.rpartition("/")[2] for path in place.paths}

        def ready(names: list[str], limit: int) -> bool:
            if not own.issubset(names):
                raise PlaceLostError
            return len(self.leases_of(names)) <= limit

        try:
            if place.session is mutex.session and (yield from self.wait(place.session, ready, wait)):
                return place
        except BaseException:
            claim.leave(place)
            raise
        claim.leave(place)
        if place.session is not mutex.session:
            raise SessionExpiredError(operation=_OPERATION, path=self.path)
        return None


class KazooLeases(Leases):
    """The leases of kazoo's Semaphore: children of the path, whose data are the limit, and the queue beside it.

    kazoo counts before it creates, under its inner lock. So zkc takes that lock, too, and creates the leases in a
    transaction that checks it.
    """

    _agreed = False  # Whether the limit was found to be that of the other clients.

    def __init__(self, client: BaseClient, contest: Contest, limit: int) -> None:
        super().__init__(client, contest, limit)
        self.mutex = replace(contest, path=f"{contest.path}-__lock__", recipe=RECIPE)

    def leases_of(self, names: list[str]) -> list[Seat]:
        if "leases" in names or "locks" in names:
            raise _layout_error(self.path, "it has Curator's 'leases' and 'locks'", "kazoo")
        return [Seat(name, "lease", 0) for name in sorted(names)]

    def encode(self, limit: int) -> bytes:
        self._agreed = True
        return b"%d" % limit

    def note(self, data: Optional[bytes]) -> int:
        if data and data.isdigit():  # kazoo, too, ignores other data.
            found = int(data)
            if found != self.limit and not self._agreed:
                text = f"{LimitMismatchError.what} ({found} there, {self.limit} here); {LimitMismatchError.advice}"
                text = LimitMismatchError.describe(_OPERATION, self.path, text)
                raise LimitMismatchError(text, operation=_OPERATION, path=self.path)
            self._agreed, self.limit = True, found
        return self.limit

    def speculate(self, count: int, claim: Claim) -> Flow[Optional[Place]]:
        return None
        yield  # A generator, as in the other layout.

    def try_take(self, count: int, claim: Claim) -> Flow[Optional[Place]]:
        mutex, seats = yield from join(self.client, self.mutex, claim=claim)
        try:
            if not seats or seats[0].name != mutex.name:
                return None
            return (yield from self.take(mutex, count, False, claim))
        finally:
            claim.leave(mutex)

    def take(self, mutex: Place, count: int, wait: bool, claim: Claim) -> Flow[Optional[Place]]:
        session = mutex.session

        def ready(names: list[str], limit: int) -> bool:
            return len(self.leases_of(names)) + count <= limit

        while (yield from self.wait(session, ready, wait)):
            place = yield from self._create(session, mutex, count, claim)
            if place is not None:
                return place
        return None

    def _create(self, session: Session, mutex: Place, count: int, claim: Claim) -> Flow[Optional[Place]]:
        """Create the leases; None if the parent was missing."""
        paths = [f"{self.path}/{uuid.uuid4().hex}" for _ in range(count)]
        change: list[Any] = [("check", mutex.path, -1)]
        change += [("create", path, self.contest.data, self.contest.acl, CreateMode.EPHEMERAL) for path in paths]
        # The check of a transaction under way fails once the place in the queue is deleted: that goes first.
        chosen = Chosen(self.client, session, (mutex.path, *paths))
        try:
            claim.attempt(chosen)
            creating, looking = session.multi(change), session.exists(paths[0])
            try:
                yield from sub_result_of(creating, _OPERATION, self.path)
                stat = yield from sub_result_of(looking, _OPERATION, self.path)
            except ConnectionLossError:
                stat = yield from self._find(session, paths[0])
        except NoNodeError as error:
            chosen.over = True
            if getattr(error, "index", None) == 0:
                raise PlaceLostError from None
            yield from self._create_parent(session)
            return None
        except SessionLostError:
            chosen.over = True
            raise
        except BaseException:  # Timed out, cancelled, refused.
            chosen.withdraw()
            raise
        if stat is None:
            chosen.over = True
            return None
        place = chosen.place = Place(paths[0], 0, stat.czxid, session, mutex.session_id, extra=paths[1:])
        return place

    def _find(self, session: Session, path: str) -> Flow[Any]:
        """Return the stat of a lease after a lost reply; None if it was not created."""
        while True:
            yield Pause(_PAUSE, _OPERATION, self.path)
            try:
                return (yield from stat_of(session, path))
            except ConnectionLossError:
                pass

    def _create_parent(self, session: Session) -> Flow[None]:
        data = b"%d" % self.limit
        try:
            creating = session.create(self.path, data, self.contest.acl, CreateMode.PERSISTENT)
            yield from sub_result_of(creating, _OPERATION, self.path)
        except NoNodeError:
            yield from make_parent(self.client, replace(self.contest, path=self.path.rpartition("/")[0]))
        except (NodeExistsError, ConnectionLossError):
            pass  # The next look tells.


def _layout_error(path: str, what: str, layout: str) -> ZooKeeperError:
    text = f"{LayoutError.what} ({what}, and this semaphore has layout {layout!r}); {LayoutError.advice}"
    error = LayoutError(LayoutError.describe(_OPERATION, path, text), operation=_OPERATION)
    error.path = path
    return error
