"""The lock: fair, with holds that know whether they still hold, and that can prove it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Optional, TypeVar, cast

from zkc._args import check_count, check_data, check_path, check_seconds, encode_acl
from zkc._flow import Await, Flow, Pause, Signal, Undoable, result_of
from zkc._zookeeper import RLock
from zkc.errors import ClosingError, NoNodeError, OperationTimeoutError, SessionExpiredError
from zkc.recipes._contend import Contest, PlaceLostError, join, leave, list_seats, wait_turn
from zkc.recipes._holds import REVOKE, BaseHold, Place, delete_surely, holds_of
from zkc.recipes._layout import LAYOUTS, Seat
from zkc.recipes.errors import LockTimeoutError

if TYPE_CHECKING:
    from typing_extensions import Self

    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Session
    from zkc.types import ACL, Data

__all__ = ["AsyncHold", "AsyncLock", "Contender", "Hold", "Lock"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no session.
_NO_LIMIT = 1e9  # Thirty years, in seconds.
_HoldT = TypeVar("_HoldT", bound=BaseHold)


@dataclass(frozen=True)
class Contender:
    """A contender of a lock, as the servers show it.

    .. versionadded:: 0.1
    """

    name: str
    """The name of its znode."""
    kind: str
    """``lock``, ``read``, ``write`` or ``lease``."""
    sequence: int
    """The counter in its name."""
    token: int
    """The zxid that created its znode: the token that its hold has, or will have."""
    session_id: int
    """The session that owns it."""
    since: float
    """When it joined the queue, by the server's clock, in seconds since the epoch."""
    data: Optional[bytes]
    """The data of its znode, such as an identifier."""
    is_holder: bool
    """Whether it holds the lock."""
    is_mine: bool
    """Whether this client's session owns it."""


# ---- holds ----------------------------------------------------------------------------------------------------------


class Hold(BaseHold):
    """A hold of a synchronous client.

    .. versionadded:: 0.1
    """

    def confirm(self, *, timeout: Optional[float] = None) -> None:
        """Prove that the client holds the lock: the leader of the ensemble checks that its znode exists.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Raises:
            LockLostError: The hold has ended.
            ConnectionLossError: The connection broke before the reply.

        .. versionadded:: 0.1
        """
        client = cast("Client", self._holds.client("confirm", self.path))
        client._run(_confirm, timeout, self)

    def release(self, *, wait: bool = True, timeout: Optional[float] = None) -> bool:
        """Release the lock. Any thread may call it, and further calls do nothing.

        The client deletes the contender's znode. If it cannot do that in time, it continues in the background until the
        znode is deleted or the session has ended.

        Args:
            wait: Whether to wait for the reply.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether this call has released the lock; False if the hold had ended before.

        .. versionadded:: 0.1
        """
        if not wait:
            return self._release_later()
        client = cast("Client", self._holds.client("release", self.path))
        released: bool = client._run(_release, timeout, self)
        return released

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave_block(kind)


class AsyncHold(BaseHold):
    """A hold of a client for asyncio.

    .. versionadded:: 0.1
    """

    def confirm(self, *, timeout: Optional[float] = None) -> AsyncFuture[None]:
        """Prove that the client holds the lock, as :meth:`Hold.confirm` does.

        .. versionadded:: 0.1
        """
        client = cast("AsyncClient", self._holds.client("confirm", self.path))
        return cast("AsyncFuture[None]", client._run(_confirm, timeout, self))

    def release(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Release the lock, as :meth:`Hold.release` does. The request is sent at once.

        .. versionadded:: 0.1
        """
        client = cast("AsyncClient", self._holds.client("release", self.path))
        return cast("AsyncFuture[bool]", client._run(_release, timeout, self))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave_block(kind)


def _confirm(client: CommandClient, hold: BaseHold) -> Flow[None]:
    return hold._confirm_flow()


def _release(client: CommandClient, hold: BaseHold) -> Flow[bool]:
    return hold._release_flow()


# ---- acquiring ------------------------------------------------------------------------------------------------------


class Acquiring(Undoable):
    """The flow of an acquire, whose timeout has an error of its own."""

    __slots__ = ("path",)

    def __init__(self, path: str, make: Callable[[Undoable], Flow[Any]]) -> None:
        super().__init__(make)
        self.path = path

    def late(self, limit: Optional[float]) -> OperationTimeoutError:
        """Make the error of an acquire that took too long."""
        text = f"{LockTimeoutError.what} ({limit:g} s); {LockTimeoutError.advice}"
        return LockTimeoutError(
            LockTimeoutError.describe("acquire", self.path, text), operation="acquire", path=self.path
        )


class LocalQueue:
    """The local callers of one lock object: one of them at a time contends at the servers."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._waiting: deque[Signal] = deque()
        self._busy = False

    def enter(self, path: str) -> Flow[None]:
        """Wait for the turn among the local callers."""
        signal = Signal()
        with self._lock:
            if self.try_enter():
                return
            self._waiting.append(signal)
        try:
            yield Await(signal, None, "acquire", path)
        except BaseException:
            with self._lock:
                if signal in self._waiting:
                    self._waiting.remove(signal)
                    raise
            self.leave()  # The turn came at this moment: it is the next caller's.
            raise

    def try_enter(self) -> bool:
        """Take the turn if no local caller has it; return whether that is so."""
        with self._lock:
            busy, self._busy = self._busy, True
        return not busy

    def leave(self) -> None:
        """Give the turn to the next local caller."""
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            if following is None:
                self._busy = False
        if following is not None:
            following.set()


class BaseLock(Generic[_HoldT]):
    """The base of the locks: their settings, and their flows."""

    _hold_class: type[_HoldT]

    def __init__(self, client: BaseClient, contest: Contest) -> None:
        self._client = client
        self._contest = contest
        self._local = LocalQueue()
        self._entered: dict[Any, list[_HoldT]] = {}  # The holds of with blocks, by thread or task.

    @property
    def path(self) -> str:
        """The path of the lock.

        .. versionadded:: 0.1
        """
        return self._contest.path

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self.path} layout={self._contest.layout.name}>"

    # ---- flows ------------------------------------------------------------------------------------------------------

    def _acquire_flow(self, client: CommandClient) -> Flow[_HoldT]:
        return cast("Flow[_HoldT]", Acquiring(self.path, self._acquire))

    def _acquire(self, undoable: Undoable) -> Flow[_HoldT]:
        yield from self._local.enter(self.path)
        try:
            hold = yield from self._contend()
        except BaseException:
            self._local.leave()
            raise
        hold._on_end(self._local.leave)
        undoable.undo = hold._release_later
        return hold

    def _contend(self) -> Flow[_HoldT]:
        client = self._client
        while True:
            try:
                place, seats = yield from join(client, self._contest)
                return (yield from self._wait_at(place, seats))
            except PlaceLostError:
                continue
            except (SessionExpiredError, ClosingError):
                if client._failure is not None or client.closed:
                    raise
                yield Pause(_PAUSE, "acquire", self.path)

    def _wait_at(self, place: Place, seats: list[Seat]) -> Flow[_HoldT]:
        try:
            yield from wait_turn(self._client, self._contest, place, seats)
            hold = self._new_hold(place)
        except (PlaceLostError, SessionExpiredError):
            raise
        except BaseException:
            leave(self._client, place)
            raise
        return hold

    def _try_flow(self, client: CommandClient) -> Flow[Optional[_HoldT]]:
        return cast("Flow[Optional[_HoldT]]", Acquiring(self.path, self._try))

    def _try(self, undoable: Undoable) -> Flow[Optional[_HoldT]]:
        if not self._local.try_enter():
            return None
        hold: Optional[_HoldT] = None
        try:
            hold = yield from self._try_once()
        finally:
            if hold is None:
                self._local.leave()
        if hold is not None:
            hold._on_end(self._local.leave)
            undoable.undo = hold._release_later
        return hold

    def _try_once(self) -> Flow[Optional[_HoldT]]:
        # A look before the write: a busy lock costs the servers one read.
        seats = yield from list_seats(self._client, self._contest)
        phantom = Seat("", self._contest.kind, 0)
        if self._contest.blocker([*seats, phantom], len(seats)) is not None:
            return None
        place, seats = yield from join(self._client, self._contest)
        index = next((number for number, seat in enumerate(seats) if seat.name == place.name), -1)
        if index < 0 or self._contest.blocker(seats, index) is not None:
            leave(self._client, place)
            return None
        return self._new_hold(place)

    def _new_hold(self, place: Place) -> _HoldT:
        hold = self._hold_class(holds_of(self._client), place)
        hold._holds.add(hold)
        return hold

    def _contenders_flow(self, client: CommandClient) -> Flow[list[Contender]]:
        seats = yield from list_seats(self._client, self._contest)
        holding = [self._contest.blocker(seats, index) is None for index in range(len(seats))]
        return (yield from read_contenders(client.session, self.path, seats, holding))

    def _revoke_flow(self, client: CommandClient, contender: Contender) -> Flow[bool]:
        try:
            yield from result_of(client.session.set(f"{self.path}/{contender.name}", REVOKE))
        except NoNodeError:
            return False
        return True

    def _break_flow(self, client: CommandClient, contender: Contender) -> Flow[bool]:
        path = f"{self.path}/{contender.name}"
        session = client.session
        stat = yield from result_of(session.exists(path))
        if stat is None or stat.czxid != contender.token:
            return False
        return (yield from delete_surely(session, path))


def read_contenders(session: Session, path: str, seats: list[Seat], holding: list[bool]) -> Flow[list[Contender]]:
    """Read the znodes of contenders. One that has left in the meantime is left out."""
    requests = [session.get(f"{path}/{seat.name}") for seat in seats]
    found = []
    for seat, request, holds in zip(seats, requests, holding):
        try:
            data, stat = yield from result_of(request)
        except NoNodeError:
            continue
        owner = stat.ephemeral_owner
        is_mine = owner == session.client_id[0]
        entry = (seat.name, seat.kind, seat.sequence, stat.czxid, owner, stat.ctime / 1000, data, holds, is_mine)
        found.append(Contender(*entry))
    return found


def contest_of(
    client: BaseClient,
    path: str,
    *,
    identifier: str,
    data: Optional[Data],
    layout: str,
    acl: Optional[Sequence[ACL]],
    container: bool,
    max_waiters: Optional[int],
) -> Contest:
    """Check the arguments of a lock."""
    check_path(path)
    if path == "/":
        raise ValueError("path must not be the root: a lock needs a znode of its own")
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(map(repr, LAYOUTS))}, not {layout!r}")
    if data is None:
        data = identifier.encode()
    if max_waiters is not None:
        check_count(max_waiters, "max_waiters", 0)
    entries = client._settings.default_acl if acl is None else encode_acl(acl)
    checked = check_data(data)
    return Contest(
        path,
        LAYOUTS[layout],
        "lock",
        ("lock",),
        first_come,
        None if checked is None else bytes(checked),
        entries,
        container,
        max_waiters,
    )


def first_come(seats: Sequence[Seat], index: int) -> Optional[Seat]:
    """Return the contender in front: each waits for the one before it."""
    return seats[index - 1] if index > 0 else None


# ---- the locks of both clients --------------------------------------------------------------------------------------


class Lock(BaseLock[Hold]):
    """A fair lock of a synchronous client. :meth:`zkc.Client.lock` makes it.

    It belongs to no thread. Each hold is an object of its own; the lock may be acquired by several threads at once, and
    grants them one after the other. It is not re-entrant: a thread that acquires it twice waits for itself.

    >>> with client.lock("/locks/report") as hold:
    ...     hold.check()
    ...     client.set("/report", b"done")

    .. versionadded:: 0.1
    """

    _hold_class = Hold
    _client: Client

    def acquire(self, *, timeout: Optional[float] = None) -> Hold:
        """Wait until the lock is granted.

        Args:
            timeout: Timeout in seconds of the whole call; None for no limit.

        Returns:
            The hold.

        Raises:
            LockTimeoutError: The lock was not granted in time.
            LayoutError: The path has contenders of another layout.
            TooManyWaitersError: More contenders wait than ``max_waiters``.
            ClosingError: The client was closed.

        .. versionadded:: 0.1
        """
        return self._client._run(self._acquire_flow, acquire_limit(timeout))

    def try_acquire(self, *, timeout: Optional[float] = None) -> Optional[Hold]:
        """Acquire the lock if it is free. A busy lock costs one read and no write.

        Args:
            timeout: Timeout of the requests in seconds; the client's ``request_timeout`` if None.

        Returns:
            The hold, or None if another contender has the lock.

        .. versionadded:: 0.1
        """
        return self._client._run(self._try_flow, timeout)

    def contenders(self, *, timeout: Optional[float] = None) -> list[Contender]:
        """Return the holder and the waiting contenders, in the order of the queue.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._contenders_flow, timeout)

    def holder(self, *, timeout: Optional[float] = None) -> Optional[Contender]:
        """Return the contender that holds the lock; None if the lock is free.

        .. versionadded:: 0.1
        """
        return next((found for found in self.contenders(timeout=timeout) if found.is_holder), None)

    def revoke(self, contender: Contender, *, timeout: Optional[float] = None) -> bool:
        """Ask a contender to release the lock, by the data of its znode, as Curator does.

        Args:
            contender: One of :meth:`contenders`.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether the contender was still there.

        .. versionadded:: 0.1
        """
        return self._client._run(self._revoke_flow, timeout, contender)

    def break_(self, contender: Contender, *, timeout: Optional[float] = None) -> bool:
        """Delete the znode of a contender, so that its hold is lost.

        Args:
            contender: One of :meth:`contenders`. A znode with the same name and another token is left alone.
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether the znode was deleted.

        .. versionadded:: 0.1
        """
        return self._client._run(self._break_flow, timeout, contender)

    @contextlib.contextmanager
    def held(self, *, timeout: Optional[float] = None) -> Iterator[Hold]:
        """Hold the lock for a ``with`` block, and raise at its end if the hold was lost.

        Args:
            timeout: Timeout in seconds of the acquire; None for no limit.

        Raises:
            LockTimeoutError: The lock was not granted in time.
            LockLostError: The hold was lost during the block, and the block raised nothing else.

        .. versionadded:: 0.1
        """
        hold = self.acquire(timeout=timeout)
        try:
            yield hold
        except BaseException:
            hold.release(wait=False)
            raise
        hold._end_block()

    def __enter__(self) -> Hold:
        hold = self.acquire()
        self._entered.setdefault(threading.get_ident(), []).append(hold)
        return hold

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        pop_hold(self._entered, threading.get_ident())._leave_block(kind)


class AsyncLock(BaseLock[AsyncHold]):
    """A fair lock of a client for asyncio, with the methods of :class:`Lock`. :meth:`zkc.AsyncClient.lock` makes it.

    >>> async with client.lock("/locks/report") as hold:
    ...     await client.set("/report", b"done")

    .. versionadded:: 0.1
    """

    _hold_class = AsyncHold
    _client: AsyncClient

    def acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[AsyncHold]:
        """Wait until the lock is granted, as :meth:`Lock.acquire` does. A cancellation leaves the queue.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[AsyncHold]", self._client._run(self._acquire_flow, acquire_limit(timeout)))

    def try_acquire(self, *, timeout: Optional[float] = None) -> AsyncFuture[Optional[AsyncHold]]:
        """Acquire the lock if it is free, as :meth:`Lock.try_acquire` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[Optional[AsyncHold]]", self._client._run(self._try_flow, timeout))

    def contenders(self, *, timeout: Optional[float] = None) -> AsyncFuture[list[Contender]]:
        """Return the contenders, as :meth:`Lock.contenders` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[list[Contender]]", self._client._run(self._contenders_flow, timeout))

    async def holder(self, *, timeout: Optional[float] = None) -> Optional[Contender]:
        """Return the contender that holds the lock, as :meth:`Lock.holder` does.

        .. versionadded:: 0.1
        """
        return next((found for found in await self.contenders(timeout=timeout) if found.is_holder), None)

    def revoke(self, contender: Contender, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Ask a contender to release the lock, as :meth:`Lock.revoke` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._revoke_flow, timeout, contender))

    def break_(self, contender: Contender, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Delete the znode of a contender, as :meth:`Lock.break_` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._break_flow, timeout, contender))

    @contextlib.asynccontextmanager
    async def held(self, *, timeout: Optional[float] = None, cancel_on_loss: bool = False) -> AsyncIterator[AsyncHold]:
        """Hold the lock for an ``async with`` block, and raise at its end if the hold was lost.

        Args:
            timeout: Timeout in seconds of the acquire; None for no limit.
            cancel_on_loss: Whether to cancel the block when the hold is lost.

        Raises:
            LockTimeoutError: The lock was not granted in time.
            LockLostError: The hold was lost during the block, and the block raised nothing else.

        .. versionadded:: 0.1
        """
        hold = await self.acquire(timeout=timeout)
        guard = _Guard(hold) if cancel_on_loss else None
        try:
            yield hold
        except asyncio.CancelledError:
            hold._release_later()
            if guard is not None and guard.fired:
                raise hold._lost_error("held") from None
            raise
        except BaseException:
            hold._release_later()
            raise
        finally:
            if guard is not None:
                guard.close()
        hold._end_block()

    async def __aenter__(self) -> AsyncHold:
        hold = await self.acquire()
        self._entered.setdefault(asyncio.current_task(), []).append(hold)
        return hold

    async def __aexit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        pop_hold(self._entered, asyncio.current_task())._leave_block(kind)


class _Guard:
    """Cancels the task of a block once, when its hold is lost."""

    def __init__(self, hold: AsyncHold) -> None:
        self.fired = False
        self._hold = hold
        self._task = asyncio.current_task()
        hold.lost.add_done_callback(self._fire)

    def _fire(self, _: object) -> None:
        task, self._task = self._task, None
        if task is not None and not task.done():
            self.fired = True
            task.cancel()

    def close(self) -> None:
        """Cancel the task no longer."""
        task, self._task = self._task, None
        self._hold.lost.remove_done_callback(self._fire)
        uncancel = getattr(asyncio.current_task(), "uncancel", None)
        if self.fired and task is None and uncancel is not None:
            uncancel()


def acquire_limit(timeout: Optional[float]) -> float:
    """Return the timeout of an acquire: it has no default, and no limit if None."""
    return _NO_LIMIT if timeout is None else check_seconds(timeout)


def pop_hold(entered: dict[Any, list[_HoldT]], key: object) -> _HoldT:
    holds = entered[key]
    hold = holds.pop()
    if not holds:
        del entered[key]
    return hold
