"""The reads of a cache: many znodes by one request, a few requests at a time, and each znode again if it changed.

A reply may be older than an event that came before it: servers read and notify on different threads. So an event for a
znode that is being read makes it be read once more.
"""

from __future__ import annotations

import functools
from collections import deque
from typing import TYPE_CHECKING, Any, Optional, Protocol

from zkc._zookeeper import Request, Session
from zkc.errors import ZooKeeperError

if TYPE_CHECKING:
    from zkc._zookeeper import RLock

__all__ = ["Reader", "Reads"]

_WINDOW = 4  # Requests in flight: enough to keep a server busy while the client decodes.
_MOST_READS = 256  # Reads in one request.
_TARGET = 256 * 1024  # Bytes of a reply that a request aims at.
_PATHS = 64 * 1024  # Bytes of paths in one request.
_FIRST_SIZE = 4096  # What a znode is taken to have before some were read.

_Read = tuple[str, str]  # "get" or "get_children", and the path.


class Reader(Protocol):
    """The cache as the reads see it. Its lock is held in all these calls, apart from :meth:`after`."""

    guard: RLock

    def live_session(self) -> Optional[Session]:
        """Return the present session, or None."""

    def apply(self, operation: str, path: str, result: Any) -> None:
        """Take a result: a value, or the exception that the read ended with."""

    def idle(self) -> None:
        """Hear that nothing is due or under way any more."""

    def lost(self, error: ZooKeeperError) -> None:
        """Hear that a request has failed as a whole."""

    def noticed(self, type_: int, path: str, zxid: Optional[int]) -> None:
        """Hear of a change of a znode."""

    def after(self) -> None:
        """Send what is due, and call the listeners. The lock is not held."""


class _Flight:
    """The changes of a znode while it was being read."""

    __slots__ = ("gone", "zxid")

    def __init__(self) -> None:
        self.gone = False  # It was deleted: the reply may show it as it was before.
        self.zxid = 0  # Of the latest change; -1: a server did not report one.

    def note(self, zxid: Optional[int], gone: bool) -> None:
        self.gone = gone
        self.zxid = -1 if zxid is None or self.zxid < 0 else max(self.zxid, zxid)

    def seen_by(self, result: Any) -> bool:
        """Whether the reply is no older than the change."""
        return self.zxid >= 0 and isinstance(result, tuple) and result[1].mzxid >= self.zxid


class Reads:
    """The reads that are due and under way.

    The lock of the cache is held in all calls but :meth:`send`, which no caller makes with it: a request may wait for a
    slot in flight.

    Args:
        owner: The cache.
    """

    def __init__(self, owner: Reader) -> None:
        self._owner = owner
        self._lock = owner.guard
        self._due: deque[_Read] = deque()
        self._waiting: set[_Read] = set()  # The same.
        self._under_way: dict[_Read, Optional[_Flight]] = {}
        self._requests = 0
        self._generation = 0
        self._average = float(_FIRST_SIZE)
        self._stopped = False

    @property
    def busy(self) -> bool:
        """Whether something is due or under way."""
        return bool(self._due or self._under_way)

    def stop(self) -> None:
        """Forget all reads, and send none any more."""
        self._stopped = True
        self.clear()

    def clear(self) -> None:
        """Forget all reads; replies that are still to come are not applied."""
        self._generation += 1
        self._requests = 0
        # New ones: a finalizer may stop the cache while this thread works with the old ones.
        self._due, self._waiting, self._under_way = deque(), set(), {}

    def want(self, operation: str, path: str, zxid: Optional[int] = None) -> None:
        """Have something read, once more if it is being read.

        Args:
            operation: ``"get"`` or ``"get_children"``.
            path: Path of the znode.
            zxid: Transaction id of the change that is the reason, if a server reported it.
        """
        read = (operation, path)
        if read in self._under_way:
            self._note(read, zxid, False)
        elif read not in self._waiting:
            self._waiting.add(read)
            self._due.append(read)

    def want_all(self, reads: list[_Read]) -> None:
        """Have many things read."""
        if self._waiting.isdisjoint(reads) and self._under_way.keys().isdisjoint(reads):
            self._waiting.update(reads)
            self._due.extend(reads)
        else:
            for read in reads:
                self.want(*read)

    def deleted(self, path: str, zxid: Optional[int]) -> None:
        """Note that a znode was deleted: a read that is under way may show it as it was before."""
        if ("get", path) in self._under_way:
            self._note(("get", path), zxid, True)

    def _note(self, read: _Read, zxid: Optional[int], gone: bool) -> None:
        flight = self._under_way[read]
        if flight is None:
            flight = self._under_way[read] = _Flight()
        flight.note(zxid, gone)

    # ---- sending ----------------------------------------------------------------------------------------------------

    def send(self) -> None:
        """Send what is due, as far as the window allows."""
        while self._due:
            with self._lock:
                session = None if self._stopped else self._owner.live_session()
                if session is None or not self._due or not self._room():
                    return  # Without a session: the next connection makes the cache read everything again.
                self._prepare(session)
                generation = self._generation
                reads = self._take()
                self._requests += 1
                self._under_way.update(dict.fromkeys(reads))
            try:
                self._send_one(session, generation, reads)
            except ZooKeeperError as error:
                with self._lock:
                    self._broke(generation, reads, error)
                self._owner.after()
                return

    def _room(self) -> bool:
        return self._requests < _WINDOW

    def _prepare(self, session: Session) -> None:
        """Hear which session is used next."""

    def _send_one(self, session: Session, generation: int, reads: list[_Read]) -> None:
        session.multi_read(reads, callback=functools.partial(self._answered, generation, reads))

    def _take(self) -> list[_Read]:
        due = self._due
        room = min(len(due), _MOST_READS, max(1, int(_TARGET / self._average)))
        reads = [due.popleft() for _ in range(room)]
        while len(reads) > 1 and sum(len(read[1]) for read in reads) > _PATHS:
            half = len(reads) // 2
            due.extendleft(reversed(reads[half:]))
            del reads[half:]
        self._waiting.difference_update(reads)
        return reads

    # ---- replies ----------------------------------------------------------------------------------------------------

    def _answered(self, generation: int, reads: list[_Read], request: Request[list[Any]]) -> None:
        error = request.exception()
        results = request.result() if error is None else []
        with self._lock:
            if generation != self._generation:
                return
            if isinstance(error, ZooKeeperError):
                self._broke(generation, reads, error)
            elif error is not None:
                raise error
            else:
                self._requests -= 1
                self._average += (_size_of_all(results) / len(reads) - self._average) / 4
                self._finish_all(reads, results)
                if generation == self._generation and not self.busy:
                    self._owner.idle()
        self._owner.after()

    def _broke(self, generation: int, reads: list[_Read], error: ZooKeeperError) -> None:
        """Forget the reads of a request that failed as a whole."""
        if generation == self._generation:
            self._requests -= 1
            for read in reads:
                self._under_way.pop(read, None)
            self._owner.lost(error)

    def _finish_all(self, reads: list[_Read], results: list[Any]) -> None:
        under_way, apply = self._under_way, self._owner.apply
        for read, result in zip(reads, results):
            if under_way[read] is None:
                del under_way[read]
                apply(read[0], read[1], result)
            else:
                self._finish(read, result)
            if under_way is not self._under_way:
                break  # What was applied has made the cache begin again, or end.

    def _finish(self, read: _Read, result: Any) -> None:
        """Apply the result of a read that is under way, or read again if it may be from before an event."""
        flight = self._under_way.pop(read)
        if flight is not None and not flight.seen_by(result):
            self.want(*read)
            if flight.gone or isinstance(result, Exception):
                return
        self._owner.apply(read[0], read[1], result)


def _size_of_all(results: list[Any]) -> int:
    size = 100 * len(results)
    for result in results:
        if type(result) is tuple:
            if result[0] is not None:
                size += len(result[0])
        elif type(result) is list:
            size += 24 * len(result)
    return size
