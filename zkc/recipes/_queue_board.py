"""A consumer's view of a queue: the items that are free, from a listing that a watch keeps true."""

from __future__ import annotations

import heapq
import random
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Optional, Union

from zkc._flow import Await, Flow, Pause, Signal, sub_result_of
from zkc._zookeeper import RLock
from zkc.recipes._queue_layout import Entry, entries_of

if TYPE_CHECKING:
    from typing_extensions import TypeGuard

    from zkc._client.base import BaseClient
    from zkc._zookeeper import Session
    from zkc.recipes._queue_layout import QueueLayout

__all__ = ["Board"]

_OPERATION = "get"
# A stale listing is used for this many times as long as it took to make: listing costs a ninth of the time at most.
_USES = 8.0
_SHORTEST_SPREAD = 0.002  # Seconds over which consumers spread their looks after one that was of no use,
_LONGEST_SPREAD = 0.1  # and at most.
_WIDEST = 64  # The number of items in front among which a consumer picks one at most.


class _Bell:
    """A watch that is called once. Its session refers to it, so it keeps neither the view nor the session alive."""

    __slots__ = ("board", "rung", "session")

    def __init__(self, board: Board, session: Session) -> None:
        self.board = weakref.ref(board)
        self.session = weakref.ref(session)
        self.rung = False

    def __call__(self, type_: int, state: int, path: str) -> None:
        self.rung = True
        board = self.board()
        if board is not None:
            board.ring()


class Board:
    """The free items, as the last listing showed them, and the wait for others.

    A consumer alone takes the first item. After it has lost a race it picks at random among several in front, so that
    many consumers do not try the same item.

    Args:
        client: The client.
        path: The path of the queue, which a timeout error names.
        items: The parent of the items.
        claims: The parent of the claims.
        layout: The names of the items.
    """

    def __init__(self, client: BaseClient, path: str, items: str, claims: str, layout: QueueLayout) -> None:
        self._client = client
        self._path = path
        self._items = items
        self._claims = claims
        self._layout = layout
        self._lock = RLock()
        self._free: deque[Entry] = deque()
        self._delayed: list[tuple[float, int, Entry]] = []
        self._busy: set[str] = set()  # Items that local callers claim, or hold.
        self.skipped: set[str] = set()  # Items that cannot be parsed.
        self._session: Optional[Session] = None  # The session of the listing.
        self._owner: Optional[Session] = None  # The session of the local claims.
        self._claimed = False  # Whether other consumers may have claims, whose end makes an item free.
        self._stale = True
        self._look_at = 0.0  # Until when a stale listing is used, by the monotonic clock.
        self._items_bell: Optional[_Bell] = None
        self._claims_bell: Optional[_Bell] = None
        self._wake = Signal()
        self._looking: Optional[Signal] = None
        self._width = 1
        self._spread = 0.0

    # ---- taking -----------------------------------------------------------------------------------------------------

    def take(self, count: int) -> Union[list[Entry], Signal, None]:
        """Take up to ``count`` free items.

        Returns:
            The items; None if the caller must look first; the signal to wait for if there is no free item.
        """
        with self._lock:
            if self._session is None or self._session is not self._client._session:
                return None
            self._sort_in_due()
            if self._stale and (not self._free or (self._looking is None and time.monotonic() >= self._look_at)):
                return None  # While one local caller looks, the others take what the last listing showed.
            taken: list[Entry] = []
            while self._free and len(taken) < count:
                entry = self._pick()
                if entry.name not in self._busy:
                    self._busy.add(entry.name)
                    taken.append(entry)
            if not taken and self._claimed and not self._is_set(self._claims_bell):
                return None
            return taken or self._wake

    def _pick(self) -> Entry:
        front = self._free[0]
        if self._width == 1:
            return self._free.popleft()
        index = random.randrange(min(self._width, len(self._free)))
        if self._free[index].priority != front.priority:
            index = 0
        entry = self._free[index]
        del self._free[index]
        return entry

    def won(self) -> None:
        """Note that a claim was successful."""
        self._width = max(1, self._width // 2)
        self._spread = self._spread / 2 if self._spread > _SHORTEST_SPREAD else 0.0

    def lost(self, entry: Entry, consumed: bool) -> None:
        """Note that another consumer was first; ``consumed``: the item is gone."""
        with self._lock:
            self._busy.discard(entry.name)
            self._claimed = self._claimed or not consumed
            self._width = min(_WIDEST, self._width * 2)
            self._spread = min(_LONGEST_SPREAD, max(_SHORTEST_SPREAD, 2 * self._spread))
            # Those in front of a consumed item are most likely consumed, too. If not, the next listing shows them.
            while consumed and self._stale and self._free and self._in_front(self._free[0], entry):
                self._free.popleft()

    @staticmethod
    def _in_front(one: Entry, other: Entry) -> bool:
        return one.priority == other.priority and (other.sequence - one.sequence) % 2**32 < 2**31

    def done(self, entry: Entry) -> None:
        """Note that a local caller no longer holds an item."""
        self._busy.discard(entry.name)

    def put_back(self, entry: Entry) -> None:
        """Note that an item may be free again."""
        self.done(entry)
        self.ring()

    def nudge(self) -> None:
        """Wake those who wait, because there are items for them."""
        with self._lock:
            wake, self._wake = self._wake, Signal()
        wake.set()

    # ---- waiting ----------------------------------------------------------------------------------------------------

    def ring(self) -> None:
        """Note that the listing is stale, and wake those who wait."""
        with self._lock:
            self._stale = True
            wake = self._wake
        wake.set()

    def wait(self, wake: Signal) -> Flow[None]:
        """Wait until there may be another item."""
        with self._lock:
            due = self._delayed[0][0] - time.time() if self._delayed else None
        if due is None or due > 0.0:
            yield Await(wake, None if due is None else due, _OPERATION, self._path)
        if wake.done() and self._spread:
            # Other consumers wake at the same moment: the first takes the item, and the others read that it is taken.
            yield Pause(random.random() * self._spread, _OPERATION, self._path)

    # ---- looking ----------------------------------------------------------------------------------------------------

    def look(self) -> Flow[None]:
        """List the items, for all local callers that wait for a listing.

        Raises:
            NoNodeError: The parent of the items or that of the claims is missing.
        """
        with self._lock:
            looking = self._looking
            if looking is None:
                mine = self._looking = Signal()
        if looking is not None:
            yield Await(looking, None, _OPERATION, self._path)
            return
        try:
            again = self._session is not None and not self._free
            claimed = yield from self._list(False)
            if claimed and not self._free:  # They may become free without a change of the items.
                claimed = yield from self._list(True)
            if again and not self._free:
                self._spread = min(_LONGEST_SPREAD, max(_SHORTEST_SPREAD, 2 * self._spread))
        finally:
            with self._lock:
                self._looking = None
            mine.set()

    def _list(self, watch_claims: bool) -> Flow[bool]:
        """List items and claims in one flight; return whether there are claimed items."""
        session = self._client.session
        begun = time.monotonic()
        with self._lock:
            self._wake = Signal() if self._wake.done() else self._wake
            self._stale = False
        claims_bell = self._new_bell(session, self._claims_bell) if watch_claims else None
        items_bell = self._new_bell(session, self._items_bell)
        # The claims first: an item that is in neither answer is gone, and one that was freed between them rings.
        listing_claims = session.get_children(self._claims, claims_bell)
        self._claims_bell = claims_bell or self._claims_bell
        listing_items = session.get_children(self._items, items_bell)
        self._items_bell = items_bell or self._items_bell
        try:
            claims = yield from sub_result_of(listing_claims, _OPERATION, self._path)
            names = yield from sub_result_of(listing_items, _OPERATION, self._path)
        except BaseException:
            # Without an answer the watch may not be set. A call that gives up leaves it to the next look of this view.
            self._session = None
            self._claims_bell = None if claims_bell else self._claims_bell
            self._items_bell = None if items_bell else self._items_bell
            raise
        return self._note(session, names, set(claims), begun)

    def _new_bell(self, session: Session, bell: Optional[_Bell]) -> Optional[_Bell]:
        """Return a new bell, unless one is set."""
        return None if self._is_set(bell) and bell.session() is session else _Bell(self, session)

    @staticmethod
    def _is_set(bell: Optional[_Bell]) -> TypeGuard[_Bell]:
        return bell is not None and not bell.rung

    def _note(self, session: Session, names: list[str], claims: set[str], begun: float) -> bool:
        entries = entries_of(self._layout, names)
        now, claimed = time.time(), False
        free: list[Entry] = []
        delayed: list[tuple[float, int, Entry]] = []
        for entry in entries:
            if entry.name in claims:
                claimed = True
            elif entry.name in self.skipped:
                continue
            elif entry.due > now:
                delayed.append((entry.due, len(delayed), entry))
            else:
                free.append(entry)
        heapq.heapify(delayed)
        spent = time.monotonic() - begun
        with self._lock:
            if self._owner is not session:  # The claims of an earlier session have ended with it.
                self._owner = session
                self._busy.clear()
            self._free = deque(entry for entry in free if entry.name not in self._busy)
            self._delayed = delayed
            self._claimed = claimed
            self._session = session
            self._look_at = time.monotonic() + _USES * spent
        if free:
            self.nudge()
        return claimed

    def _sort_in_due(self) -> None:
        now, due = time.time(), []
        while self._delayed and self._delayed[0][0] <= now:
            due.append(heapq.heappop(self._delayed)[2])
        for entry in due:
            index = next(
                (n for n, other in enumerate(self._free) if _behind(other, entry)),
                len(self._free),
            )
            self._free.insert(index, entry)


def _behind(one: Entry, other: Entry) -> bool:
    return one.priority > other.priority or (
        one.priority == other.priority and 0 < (one.sequence - other.sequence) % 2**32 < 2**31
    )
