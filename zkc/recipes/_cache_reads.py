"""The reads of a cache: many znodes by one request, a few requests at a time, and each znode again if it changed.

A reply may be older than an event that came before it: servers read and notify on different threads. So an event for a
znode that is being read makes it be read once more.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable
from typing import Any, Optional

from zkc._zookeeper import Request, Session
from zkc.errors import ZooKeeperError

__all__ = ["Reads"]

_WINDOW = 4  # Requests in flight: enough to keep a server busy while the client decodes.
_MOST_READS = 256  # Reads in one request.
_TARGET = 256 * 1024  # Bytes of a reply that a request aims at.
_PATHS = 64 * 1024  # Bytes of paths in one request.
_FIRST_SIZE = 4096  # What a znode is taken to have before some were read.

_Read = tuple[str, str]  # "get" or "get_children", and the path.


class _Flight:
    """A read that is under way, and what happened to its znode since it was sent."""

    __slots__ = ("again", "gone", "zxid")

    def __init__(self) -> None:
        self.again = False  # It changed, or was deleted.
        self.gone = False  # It was deleted: the reply may show it as it was before.
        self.zxid = 0  # Of the latest change; -1: a server did not report one.

    def note(self, zxid: Optional[int], gone: bool) -> None:
        self.again = True
        self.gone = gone
        self.zxid = -1 if zxid is None or self.zxid < 0 else max(self.zxid, zxid)

    def seen_by(self, result: Any) -> bool:
        """Whether the reply is no older than the change."""
        return self.zxid >= 0 and isinstance(result, tuple) and result[1].mzxid >= self.zxid


class Reads:
    """The reads that are due and under way.

    It belongs to the thread, or the event loop, that runs the client's callbacks, apart from :meth:`stop`.

    Args:
        session: Returns the present session, or None.
        apply: ``apply(operation, path, result)`` takes a result: a value, or the exception that the read ended with.
        idle: Called when nothing is due or under way any more.
        failed: Called with the error of a request that failed as a whole. What it read is forgotten.
    """

    def __init__(
        self,
        session: Callable[[], Optional[Session]],
        apply: Callable[[str, str, Any], None],
        idle: Callable[[], None],
        failed: Callable[[ZooKeeperError], None],
    ) -> None:
        self._session = session
        self._apply = apply
        self._idle = idle
        self._failed = failed
        self._due: deque[_Read] = deque()
        self._waiting: set[_Read] = set()  # The same.
        self._under_way: dict[_Read, _Flight] = {}
        self._requests = 0
        self._generation = 0
        self._average = float(_FIRST_SIZE)
        self._sending = False

    @property
    def busy(self) -> bool:
        """Whether something is due or under way."""
        return bool(self._due or self._under_way)

    def stop(self) -> None:
        """Forget all reads, and send none any more. Any thread may call it."""
        self._session = _no_session
        self.clear()

    def clear(self) -> None:
        """Forget all reads; replies that are still to come are not applied."""
        self._generation += 1
        self._requests = 0
        self._due.clear()
        self._waiting.clear()
        self._under_way.clear()

    def want(self, operation: str, path: str, zxid: Optional[int] = None) -> None:
        """Have something read, once more if it is being read. Call :meth:`send` afterwards.

        Args:
            operation: ``"get"`` or ``"get_children"``.
            path: Path of the znode.
            zxid: Transaction id of the change that is the reason, if a server reported it.
        """
        read = (operation, path)
        flight = self._under_way.get(read)
        if flight is not None:
            flight.note(zxid, gone=False)
        elif read not in self._waiting:
            self._waiting.add(read)
            self._due.append(read)

    def deleted(self, path: str, zxid: Optional[int]) -> None:
        """Note that a znode was deleted: a read that is under way may show it as it was before."""
        flight = self._under_way.get(("get", path))
        if flight is not None:
            flight.note(zxid, gone=True)

    def send(self) -> None:
        """Send what is due, as far as the window allows."""
        if self._sending:
            return  # Called from a result that is applied: the sender goes on afterwards.
        self._sending = True
        try:
            while self._due and self._room():
                session = self._session()
                if session is None:
                    return  # The next connection makes the cache read everything again.
                self._send_one(session)
        except ZooKeeperError as error:
            self._failed(error)
        finally:
            self._sending = False

    def _room(self) -> bool:
        return self._requests < _WINDOW

    def _flying(self, read: _Read) -> None:
        self._under_way[read] = _Flight()

    def _finish(self, read: _Read, result: Any) -> None:
        """Apply the result of a read that is under way, or read again if it may be from before an event."""
        flight = self._under_way.pop(read)
        if flight.again and not flight.seen_by(result):
            self.want(*read)
            if flight.gone or isinstance(result, Exception):
                return
        self._apply(read[0], read[1], result)

    def _send_one(self, session: Session) -> None:
        reads = self._take()
        answered = functools.partial(self._answered, self._generation, reads)
        self._requests += 1
        for read in reads:
            self._flying(read)
        session.multi_read(reads, callback=answered)

    def _take(self) -> list[_Read]:
        room, paths = max(1, min(_MOST_READS, int(_TARGET / self._average))), _PATHS
        reads: list[_Read] = []
        while self._due and len(reads) < room and paths > 0:
            read = self._due.popleft()
            self._waiting.discard(read)
            paths -= len(read[1])
            reads.append(read)
        return reads

    def _answered(self, generation: int, reads: list[_Read], request: Request[list[Any]]) -> None:
        if generation != self._generation:
            return
        self._requests -= 1
        error = request.exception()
        if error is not None:
            for read in reads:
                self._under_way.pop(read, None)
            if isinstance(error, ZooKeeperError):
                self._failed(error)
            return
        size = 0
        for read, result in zip(reads, request.result()):
            size += _size_of(result)
            self._finish(read, result)
            if generation != self._generation:
                return
        self._average += (size / len(reads) - self._average) / 4
        self.send()
        if not self.busy:
            self._idle()


def _no_session() -> Optional[Session]:
    return None


def _size_of(result: Any) -> int:
    if isinstance(result, tuple):
        return 100 + (0 if result[0] is None else len(result[0]))
    return 24 * len(result) if isinstance(result, list) else 16
