"""The flows of partitioners: follow the members, take items and hand them over."""

from __future__ import annotations

import concurrent.futures
import inspect
import logging
import time
import urllib.parse
import weakref
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Optional

from zkc._args import check_path, check_seconds
from zkc._flow import Await, Driver, Flow, Signal, Undoable
from zkc._zookeeper import RLock
from zkc.errors import (
    ClosingError,
    ZooKeeperError,
)
from zkc.recipes._functions import check_function
from zkc.recipes._granting import Acquiring
from zkc.recipes._holds import HoldState
from zkc.recipes._lasting import begin, end, weakly
from zkc.recipes._memory import Memory
from zkc.recipes._owned import PARENTS
from zkc.recipes._partition import Part, decode_weight, encode_weight, share_of

if TYPE_CHECKING:
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient

__all__ = ["BasePartitioner"]

_log = logging.getLogger("zkc.recipes")
_RETRY = 1.0  # The pause in seconds before the next try of what has failed.


class _Members(Memory):
    """The members of a partitioner, which looks at its items when they change."""

    def __init__(self, client: BaseClient, path: str, owner: BasePartitioner) -> None:
        super().__init__(client, path, jitter=0.0)
        self._owner = weakref.ref(owner)  # The client refers to the memory.

    def _announce(self) -> None:
        owner = self._owner()
        if owner is not None:
            owner._kick()


class BasePartitioner:
    """The base of the partitioners: their settings, and their flows."""

    def __init__(
        self,
        client: BaseClient,
        path: str,
        items: Iterable[str],
        *,
        identifier: str,
        weight: float,
        settle: float,
        on_assign: Optional[Callable[[str, Any], object]],
        on_revoke: Optional[Callable[[str], object]],
    ) -> None:
        check_path(path)
        if path == "/":
            raise ValueError("path must not be the root: a partitioner needs a znode of its own")
        self._settle = 0.0 if settle == 0 else check_seconds(settle, "settle")
        check_seconds(weight, "weight")  # A positive, finite number, as times are.
        self._client = client
        self._path = path
        self._identifier = identifier
        make: Any = client
        self._group = make.group(f"{path}/members", identifier=identifier, data=encode_weight(weight))
        self._parts = {item: Part(item, self._lock_of(make, item)) for item in dict.fromkeys(items)}
        coroutines = client._takes_coroutines
        for name, fn, taken, count in (
            ("on_assign", on_assign, "the item and its hold", 2),
            ("on_revoke", on_revoke, "the item", 1),
        ):
            if fn is not None:
                check_function(fn, name, taken, count, coroutines=coroutines)
        self._on_assign = on_assign
        self._on_revoke = on_revoke
        self._lock = RLock()
        self._wake = Signal()
        self._memory: Optional[_Members] = None
        self._members: dict[str, float] = {}
        self._running = False
        self._stopping = False
        self._stopped = Signal()

    def _lock_of(self, client: Any, item: Any) -> Any:
        if not isinstance(item, str) or not item:
            raise ValueError(f"an item must be a non-empty str, not {item!r}")
        name = urllib.parse.quote(item, safe=" +:@,;=!$&()*'")
        name = name if name.strip(".") else name.replace(".", "%2E")
        lock = client.lock(f"{self._path}/locks/{name}", identifier=self._identifier)
        lock._contest = replace(lock._contest, recipe="partitioner")
        return lock

    @property
    def path(self) -> str:
        """The path of the partitioner.

        .. versionadded:: 0.1
        """
        return self._path

    @property
    def mine(self) -> frozenset[str]:
        """The items that this member holds now.

        Raises:
            ForkedError: The process is a child of the one that started the client.

        .. versionadded:: 0.1
        """
        self._client._check_process("mine")
        return frozenset(self._holds())

    def _holds(self) -> dict[str, Any]:
        parts = self._parts.items()
        return {
            item: hold
            for item, hold in ((item, part.hold) for item, part in parts)
            if hold is not None and hold._state in (HoldState.HELD, HoldState.IN_DOUBT)
        }

    @property
    def members(self) -> frozenset[str]:
        """The identifiers of the members, as this member has seen them last.

        .. versionadded:: 0.1
        """
        return frozenset(self._members)

    def __repr__(self) -> str:
        if self._client._is_forked():
            return f"<zkc.{type(self).__name__} {self._path} {PARENTS}>"
        return f"<zkc.{type(self).__name__} {self._path} {len(self._holds())} of {len(self._parts)} items>"

    # ---- start and end ----------------------------------------------------------------------------------------------

    def _start_flow(self, client: CommandClient) -> Flow[None]:
        self._client._check_process("start")

        def make(undoable: Undoable) -> Flow[None]:
            with self._lock:
                if self._running:
                    return
                self._running, self._stopping, self._stopped = True, False, Signal()
            try:
                yield from self._group._join_flow(client)
            except BaseException:
                self._running = False
                raise
            undoable.undo = self._stop_later
            now = time.monotonic()
            for part in self._parts.values():
                part.since = now
            begin(self._client, self, _follow(weakref.ref(self)))

        undoing: Any = Undoable(make)
        flow: Flow[None] = undoing
        return flow

    def _stop_flow(self, client: CommandClient) -> Flow[None]:
        self._client._check_process("stop")
        with self._lock:
            if not self._running:
                return
            self._stopping = True
        self._kick()
        # The others see that it leaves, and wait for the locks, while the callbacks run.
        yield from self._group._leave_flow(client)
        yield Await(self._stopped, None, "stop", self._path)

    def _stop_later(self) -> None:
        """Stop without waiting."""
        if self._client._is_forked():
            return
        with self._lock:
            if not self._running:
                return
            self._stopping = True
        self._group._leave_later()
        self._kick()

    def _kick(self, _: object = None) -> None:
        """Have the background flow look at all items."""
        self._wake.set()

    # ---- the background flow ----------------------------------------------------------------------------------------

    def _look(self) -> Optional[Await]:
        """Look at the members and at all items; return the next wait, or None at the end."""
        self._wake = Signal()
        wait = None if self._stopping else self._see()
        seconds = self._step()
        if seconds is None and self._stopping and all(part.idle for part in self._parts.values()):
            return None
        if wait is not None:
            seconds = wait if seconds is None else min(wait, seconds)
        return Await(self._wake, seconds)

    def _end(self) -> None:
        self._forget()
        self._members = {}
        self._running = False
        end(self._client, self)
        self._stopped.set()

    def _see(self) -> Optional[float]:
        """Look at the members; return the seconds until the next try if they cannot be read."""
        client, memory = self._client, self._memory
        if client.closed or client._failure is not None:
            self._stopping = True
            return None
        if memory is None:
            memory = self._memory = _Members(client, self._group.path, self)
            memory.start()
        error = memory.error
        if error is not None or memory.over:
            _log.warning("the partitioner %s cannot read its members: %s", self._path, str(error))
            self._forget()
            return _RETRY
        if memory.read.done():
            self._members = {name: decode_weight(node.data) for name, node in memory.children().items()}
        return None

    def _forget(self) -> None:
        """Remove the watch of the members, without waiting."""
        memory, self._memory = self._memory, None
        if memory is not None:
            memory.cancel()

    def _step(self) -> Optional[float]:
        """Look at all items, and begin what is to be done; return the seconds until the next look is due."""
        now = time.monotonic()
        share = set() if self._stopping else share_of(self._identifier, self._members, self._parts)
        # Without itself among the members, as after an expiry, the member keeps what it has until it is listed.
        listed = self._identifier in self._members
        due: list[float] = []
        for part in self._parts.values():
            if listed or self._stopping:
                part.want(part.item in share, now)
            left = 0.0 if self._stopping else max(part.since + self._settle, part.retry_at) - now
            if part.busy:
                continue
            if part.hold is not None and part.hold._state in (HoldState.LOST, HoldState.RELEASED):
                self._begin(part, self._hand_over(part, part.hold))
            elif part.granting is not None and part.granting.done():
                self._take(part, part.granting)
            elif part.wanted == (part.granting is not None or part.hold is not None):
                continue
            elif left > 0.0:
                due.append(left)
            elif part.wanted:
                self._acquire(part)
            elif part.granting is not None:
                part.granting.cancel()  # Its callback makes the next look.
            elif part.hold is not None:
                self._begin(part, self._hand_over(part, part.hold))
        return min(due, default=None)

    def _begin(self, part: Part, flow: Flow[None]) -> None:
        part.busy = True
        self._client._background(flow)

    def _acquire(self, part: Part) -> None:
        granting: concurrent.futures.Future[Any] = concurrent.futures.Future()
        part.granting = granting
        try:
            # A wait for another member must not keep the client alive: the session refers to the watch of it.
            flow: Any = Acquiring(
                self._path, lambda acquiring: weakly(part.lock._acquire(acquiring)), part.lock._measures
            )
            Driver(flow, granting, self._client._call_later).start()
        except ZooKeeperError as error:
            if not granting.done():
                granting.set_exception(error)
        granting.add_done_callback(self._kick)

    def _take(self, part: Part, granting: concurrent.futures.Future[Any]) -> None:
        part.granting = None
        if granting.cancelled():
            self._kick()
            return
        error = granting.exception()
        if error is not None:
            part.retry_at = time.monotonic() + _RETRY
            level = logging.DEBUG if isinstance(error, ClosingError) else logging.WARNING
            _log.log(level, "the partitioner %s cannot acquire %r: %s", self._path, part.item, str(error))
            self._kick()
            return
        part.hold = hold = granting.result()
        hold.lost.add_done_callback(self._kick)
        self._begin(part, self._tell_assigned(part, hold))

    def _tell_assigned(self, part: Part, hold: Any) -> Flow[None]:
        yield from self._call(self._on_assign, part.item, hold)  # Also if it is lost by now: its revocation follows.
        part.busy = False
        self._kick()

    def _hand_over(self, part: Part, hold: Any) -> Flow[None]:
        """Tell the user that the item goes, and release it when the callback is done."""
        yield from self._call(self._on_revoke, part.item)
        hold._release_later()
        part.hold = None
        part.busy = False
        self._kick()

    def _call(self, callback: Optional[Callable[..., object]], *arguments: object) -> Flow[None]:
        """Call a callback, and wait until it is done."""
        if callback is None:
            return
        done = Signal()
        self._client._call_user(_call_and_set, callback, arguments, done, self._client._takes_coroutines)
        yield Await(done)


def _follow(reference: weakref.ref[BasePartitioner]) -> Flow[None]:
    """Follow the members, and take and hand over items. While this waits, it does not keep the partitioner alive."""
    try:
        while True:
            partitioner = reference()
            if partitioner is None:
                return
            wait = partitioner._look()
            del partitioner
            if wait is None:
                return
            yield wait
    finally:
        partitioner = reference()
        if partitioner is not None:
            partitioner._end()


def _call_and_set(
    callback: Callable[..., object], arguments: tuple[object, ...], done: Signal, coroutines: bool
) -> object:
    """Call a callback, and set a signal when it is done; a coroutine is the result."""
    try:
        result = callback(*arguments)
    except BaseException:
        done.set()
        raise
    if coroutines and inspect.isawaitable(result):
        return _await_and_set(result, done)
    done.set()
    return None


async def _await_and_set(awaitable: Any, done: Signal) -> None:
    try:
        await awaitable
    finally:
        done.set()
