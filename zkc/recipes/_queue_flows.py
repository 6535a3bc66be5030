"""The flows of queues: put, get, and the move to the dead letter path."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, Optional, TypeVar, cast

from zkc._flow import Flow, Pause, result_of, sub_result_of
from zkc._session.losses import LossCounter
from zkc._zookeeper import RLock
from zkc.constants import CreateMode
from zkc.errors import (
    ConnectionLossError,
    NodeExistsError,
    NoNodeError,
    SessionExpiredError,
    SessionLostError,
    ZooKeeperError,
)
from zkc.recipes._granting import Acquiring
from zkc.recipes._measures import Measures, measures_of
from zkc.recipes._parents import bases_of, make_bases
from zkc.recipes._queue_board import Board
from zkc.recipes._queue_claim import Claim, Claimer, ClaimLostError
from zkc.recipes._queue_item import BaseItem
from zkc.recipes.errors import FrameError, QueueTimeoutError

if TYPE_CHECKING:
    from zkc._args import CoreACL
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc.recipes._queue_layout import Entry, QueueLayout

__all__ = ["BaseQueue"]

_log = logging.getLogger("zkc.recipes")
_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_ItemT = TypeVar("_ItemT", bound=BaseItem)


class _Get(Acquiring):
    """The flow of a get, whose timeout has an error of its own."""

    __slots__ = ()
    _operation = "get"
    _error = QueueTimeoutError


class BaseQueue(Generic[_ItemT]):
    """The base of the queues: their settings, and their flows."""

    _item_class: type[_ItemT]

    def __init__(
        self,
        client: BaseClient,
        path: str,
        *,
        layout: QueueLayout,
        max_attempts: Optional[int],
        dead_letter: Optional[str],
        claims: Optional[str],
        prefetch: int,
        acl: CoreACL,
    ) -> None:
        self._client = client
        self._path = path
        self._layout = layout
        self._max_attempts = max_attempts
        self._dead_letter = dead_letter
        self._prefetch = prefetch
        self._acl = acl
        self._items = path + layout.items
        self._claims = claims or layout.claims_path(path)
        self._board = Board(client, path, self._items, self._claims, layout)
        self._claimer = Claimer(client, self._items, self._claims, layout, acl)
        self._lock = RLock()
        self._ready: deque[_ItemT] = deque()  # Claimed ahead.

    @property
    def path(self) -> str:
        """The path of the queue.

        .. versionadded:: 0.1
        """
        return self._path

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self._path} layout={self._layout.name}>"

    # ---- putting ----------------------------------------------------------------------------------------------------

    def _put_flow(self, client: CommandClient, data: Sequence[bytes], priority: int, delay: float) -> Flow[list[str]]:
        """Create items, all of them or none, and return their paths."""
        paths = (yield from self._put(data, priority, delay)) if data else []
        self._measures.count("puts", len(paths))
        return paths

    def _put_one_flow(self, client: CommandClient, data: Sequence[bytes], priority: int, delay: float) -> Flow[str]:
        return (yield from self._put_flow(client, data, priority, delay))[0]

    def _put(self, data: Sequence[bytes], priority: int, delay: float) -> Flow[list[str]]:
        due = time.time() + delay if delay else 0.0
        marker = self._layout.new_marker()
        prefix = f"{self._items}/{self._layout.prefix(priority, due, 0, marker)}"
        operations = [
            ("create", prefix, self._layout.frame(one), self._acl, CreateMode.PERSISTENT_SEQUENTIAL) for one in data
        ]
        losses = LossCounter(self._client, "put", self._path)
        while True:
            try:
                if len(operations) == 1:
                    return [(yield from result_of(self._client.session.create(*operations[0][1:])))]
                return (yield from result_of(self._client.session.multi(operations)))
            except NoNodeError:
                yield from self._make_parents("put")
            except (ConnectionLossError, SessionExpiredError) as error:
                if error.maybe_applied:
                    found = yield from self._find(marker)
                    if not found:  # It may be consumed already.
                        raise
                    return found
                if isinstance(error, SessionLostError):
                    self._raise_if_over(error)
                    yield Pause(_PAUSE, "put", self._path)
                elif losses.note(error):
                    raise
                else:
                    yield losses.pause(_PAUSE)

    def _find(self, marker: Optional[str]) -> Flow[list[str]]:
        """Return the paths of items that a put has created, in their order, after its reply was lost."""
        while marker is not None:
            try:
                session = self._client.session
                synced, listing = session.sync(self._items), session.get_children(self._items)
                yield from sub_result_of(synced, "put", self._path)
                names = yield from sub_result_of(listing, "put", self._path)
                return [f"{self._items}/{name}" for name in sorted(names) if f"-{marker}-" in name]
            except NoNodeError:  # The parent of the items was missing, or another client has deleted the queue.
                return []
            except (ConnectionLossError, SessionExpiredError) as error:
                if isinstance(error, SessionLostError):
                    self._raise_if_over(error)
                yield Pause(_PAUSE, "put", self._path)
        return []

    def _make_parents(self, operation: str) -> Flow[None]:
        """Create the parents of items and claims, and those of the dead letters."""
        own = [self._path, self._items, self._claims, *([self._dead_letter] if self._dead_letter else [])]
        bases = {base.path: base for path in own for base in bases_of(self._client, path)}
        bases.update((path, bases[path]._replace(acl=self._acl)) for path in own)
        yield from make_bases(self._client, list(bases.values()), operation, self._path)

    def _size_flow(self, client: CommandClient) -> Flow[int]:
        stat = yield from result_of(client.session.exists(self._items))
        return 0 if stat is None else stat.num_children

    def _raise_if_over(self, error: ZooKeeperError) -> None:
        """Raise an error unless another session follows."""
        if self._client._failure is not None or self._client.closed:
            raise error

    # ---- getting ----------------------------------------------------------------------------------------------------

    def _get_flow(self, client: CommandClient, wait: bool = True) -> Flow[Optional[_ItemT]]:
        self._client._check_process("get")

        def make(get: Acquiring) -> Flow[Optional[_ItemT]]:
            item = yield from self._next(wait)
            if item is not None:
                get.undo = item._return_later
                item._got = time.monotonic()
                self._measures.count("gets")
                self._measures.observe("wait", item._got - get.begun)
                self._measures.observe("attempts", item._attempts)
            return item

        return cast("Flow[Optional[_ItemT]]", _Get(self._path, make, self._measures))

    @property
    def _measures(self) -> Measures:
        return measures_of(self._client, "queue")

    def _next(self, wait: bool) -> Flow[Optional[_ItemT]]:
        losses = LossCounter(self._client, "get", self._path)
        looked = False
        while True:
            item = self._take_ready()
            if item is not None:
                return item
            try:
                taken = self._board.take(1 + self._prefetch)
                if isinstance(taken, list):
                    yield from self._claim(taken)
                elif taken is None:
                    yield from self._board.look()
                    looked = True
                elif not wait:
                    if looked:
                        return None
                    self._board.ring()  # A call that does not wait sees what is there now.
                else:
                    yield from self._board.wait(taken)
            except NoNodeError:
                yield from self._make_parents("get")
            except SessionExpiredError as error:
                self._raise_if_over(error)
                yield Pause(_PAUSE, "get", self._path)
            except ConnectionLossError as error:
                if losses.note(error) and not wait:
                    raise
                yield losses.pause(_PAUSE)

    def _take_ready(self) -> Optional[_ItemT]:
        """Return an item that was claimed ahead, in the present session."""
        with self._lock:
            while self._ready:
                item = self._ready.popleft()
                if item._claim.session is self._client._session:
                    return item
                self._board.done(item._claim.entry)
        return None

    def _claim(self, entries: list[Entry]) -> Flow[None]:
        """Claim items in one flight. Those that are granted become ready."""
        sent: list[Claim] = []
        at = 0
        try:
            sent = self._claimer.send(self._client.session, entries)
            for claim in sent:
                item = yield from self._granted(claim)
                at += 1
                if item is not None:
                    self._ready.append(item)
            if len(self._ready) > 1:
                self._board.nudge()
        except BaseException:
            self._claimer.withdraw(sent[at:])
            for entry in entries[at:]:
                self._board.put_back(entry)
            raise

    def _granted(self, claim: Claim) -> Flow[Optional[_ItemT]]:
        """Wait for a claim and its item; None if another consumer has it, or if no consumer shall get it."""
        try:
            if not (yield from claim.taken()):
                self._board.put_back(claim.entry)
                return None
            data, stat = yield from claim.read()
        except NodeExistsError:
            self._board.lost(claim.entry, consumed=False)
            return None
        except NoNodeError as error:
            if error.index == 0:
                raise  # The parent of the claims is missing.
            if error.index is None:  # A program that knows no claims has deleted the item.
                self._claimer.withdraw([claim])
            self._board.lost(claim.entry, consumed=True)
            return None
        self._board.won()
        # The stat counts each creation and each deletion of a child.
        attempts = claim.entry.attempts + (stat.cversion + stat.num_children) // 2
        if self._max_attempts is not None and attempts > self._max_attempts:
            yield from self._bury(claim, data, f"it was delivered {attempts - 1} times")
            return None
        try:
            messages = self._layout.unframe(claim.path, data)
        except FrameError as error:
            yield from self._refuse(claim, data, error)
            return None
        return self._item_class(self, claim, messages, data, attempts, stat.pzxid)

    def _refuse(self, claim: Claim, data: Optional[bytes], error: FrameError) -> Flow[None]:
        """Take an item that cannot be parsed out of the way."""
        if self._dead_letter is not None:
            yield from self._bury(claim, data, str(error))
            return
        _log.error("the queue %s skips an item: %s", self._path, str(error))  # The error's traceback keeps frames.
        self._board.skipped.add(claim.entry.name)
        yield from claim.give_back()
        self._board.done(claim.entry)

    def _bury(self, claim: Claim, data: Optional[bytes], why: str) -> Flow[bool]:
        """Move an item to the dead letter path; return whether this call has done it."""
        dead = self._dead_letter
        assert dead is not None
        target = f"{dead}/{claim.entry.name}-"
        creating = [("create", target, data, self._acl, CreateMode.PERSISTENT_SEQUENTIAL)]
        while True:
            try:
                yield from claim.end([("delete", claim.path, -1)], creating)
            except NoNodeError:
                yield from self._make_parents("get")
                continue
            except ClaimLostError:
                return False
            finally:
                self._board.done(claim.entry)
            self._measures.count("dead_letters")
            _log.warning("the item %s was moved to %s: %s", claim.path, dead, why)
            return True

    def close(self) -> None:
        """Give back the items that were claimed ahead (``prefetch``). The queue may be used again.

        .. versionadded:: 0.1
        """
        with self._lock:
            ready, self._ready = list(self._ready), deque()
        for item in ready:
            item._return_later()
