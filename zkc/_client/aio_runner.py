"""The calls of :class:`zkc.AsyncClient`: everything runs in the event loop, and nothing blocks."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import weakref
from asyncio import events
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from zkc._api.runner import Runner
from zkc._args import check_seconds
from zkc._client.aio_future import AsyncFuture, UndoableFuture
from zkc._client.base import BaseClient, WaitTimeout
from zkc._flow import Undoable, resolve_into, too_late
from zkc._session.managed import ManagedSession, SessionEvents
from zkc._watch.wrappers import Deliver, take_back
from zkc._zookeeper import Delivery, Request, Session
from zkc.errors import OperationTimeoutError, ZooKeeperError, no_slot
from zkc.types import WatchedEvent

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from zkc._commands.protocol import CommandClient
    from zkc._flow import Pending

    _P = ParamSpec("_P")

__all__ = ["AsyncRunner"]

_T = TypeVar("_T")
_running_loop: Callable[[], Optional[asyncio.AbstractEventLoop]] = events._get_running_loop
_OPERATIONS = {  # The operations that errors name, of commands with another name.
    "children": "get_children",
    "children_with_stat": "get_children_with_stat",
    "commit": "multi",
}
_BATCH = 1000  # Replies and events per turn of the loop, so that other tasks get their turns.
_callback_log = logging.getLogger("zkc.callback")
_tasks: set[asyncio.Future[Any]] = set()  # The loop refers to its tasks weakly.


def _done_task(task: asyncio.Future[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and task.exception() is not None:
        _callback_log.error("a callback raised", exc_info=task.exception())


def _finish_call(result: object) -> None:
    """Run the coroutine of a callback as a task."""
    if inspect.isawaitable(result):
        task = asyncio.ensure_future(result)
        _tasks.add(task)
        task.add_done_callback(_done_task)


def _call_logged(function: Callable[..., object], *arguments: object) -> None:
    try:
        _finish_call(function(*arguments))
    except Exception:  # noqa: BLE001 - any exception belongs to the callback
        _callback_log.exception("a callback raised: %r", function)


def _call_watch(deliver: Deliver, event: WatchedEvent) -> None:
    # In the next turn: the task that awaits the reply which set the watch is woken, but has not run yet.
    deliver.due.append(event)
    asyncio.get_running_loop().call_soon(_call_due, deliver, event)


def _call_due(deliver: Deliver, event: WatchedEvent) -> None:
    for index, due in enumerate(deliver.due):
        if due is event:
            del deliver.due[index]
            _call_logged(deliver.watch, event)
            return


def _revocable(loop: asyncio.AbstractEventLoop, request: Request[_T]) -> UndoableFuture[_T]:
    """Make the future of a call whose watch must not be called when the call is cancelled."""
    future: UndoableFuture[_T] = UndoableFuture(loop=loop)
    future._can_be_undone(functools.partial(take_back, request))
    return future


def _named(command: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Optional[str], Optional[str]]:
    """Return the operation and the path of a call that was never sent, as the errors of a sent call name them."""
    name = getattr(command, "__name__", "<lambda>").rstrip("_")
    first = arguments[0] if arguments else None
    path = first if isinstance(first, str) and first.startswith("/") else None
    return (None if name == "<lambda>" else _OPERATIONS.get(name, name)), path


class _Reader:
    """The callback of the event loop when a session has something to deliver.

    It refers to the delivery and not to the session. So a forgotten client ends, and its remaining replies come here.
    """

    def __init__(self, client: AsyncRunner, loop: asyncio.AbstractEventLoop, delivery: Delivery) -> None:
        self.client = weakref.ref(client)
        self.loop = loop
        self.delivery = delivery
        self.stopped: asyncio.Future[None] = loop.create_future()
        loop.add_reader(delivery.fileno(), self)

    def __call__(self) -> None:
        self.delivery.deliver(_BATCH)
        client = self.client()
        if client is not None:
            client._thread = get_ident()  # The loop may run on another thread than before.
            if client._queued:
                client._send_queued()
        if self.delivery.stopped and not self.stopped.done():
            self.loop.remove_reader(self.delivery.fileno())
            self.stopped.set_result(None)


class AsyncRunner(BaseClient, Runner):
    """The client of an event loop: it runs commands and returns their futures."""

    _takes_coroutines = True

    _call_user = staticmethod(_call_logged)
    _call_watch = staticmethod(_call_watch)

    def _prepare_waiting(self) -> None:
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread = 0  # The loop's thread: asking asyncio costs a system call before Python 3.12.
        self._readers: weakref.WeakKeyDictionary[Session, _Reader] = weakref.WeakKeyDictionary()
        self._timers: dict[asyncio.TimerHandle, Callable[[], None]] = {}
        # Calls that wait for a slot in flight.
        self._queued: deque[tuple[UndoableFuture[Any], Callable[[], Pending[Any]]]] = deque()

    def _run(
        self,
        command: Callable[Concatenate[CommandClient, _P], Pending[_T]],
        timeout: Optional[float],
        *arguments: _P.args,
        **options: _P.kwargs,
    ) -> Any:
        loop = self._loop
        if loop is None or get_ident() != self._thread or not loop.is_running():
            loop = self._check_loop()
        settings = self._settings
        limit = settings.request_timeout if timeout is None else check_seconds(timeout)
        future: AsyncFuture[_T]
        session = self._session
        if self._queued or (session is not None and session.in_flight >= settings.max_in_flight):
            # The core would block until a slot is free, and the loop with it.
            future = UndoableFuture(loop=loop)
            future._unsent = True
            self._queued.append((future, lambda: command(self, *arguments, **options)))
        else:
            pending = command(self, *arguments, **options)
            if isinstance(pending, Request):
                future = AsyncFuture(loop=loop) if pending.watch is None else _revocable(loop, pending)
                if limit is None:
                    pending.resolve(future)  # As resolve_into() does; nearly all calls take this path.
                    return future
            else:
                future = UndoableFuture(loop=loop) if isinstance(pending, Undoable) else AsyncFuture(loop=loop)
            course = resolve_into(pending, future, self._call_later)
            if limit is not None:
                future._course = course
        if limit is not None:
            timer = loop.call_later(limit, self._give_up, future, limit, settings.max_in_flight, command, arguments)
            future.add_done_callback(lambda _: timer.cancel())
        return future

    def _send_queued(self) -> None:
        """Send the calls that wait for a slot, in their order, while slots are free."""
        while self._queued:
            session = self._session
            if session is not None and session.in_flight >= self._settings.max_in_flight and not session.closed:
                return
            future, make = self._queued.popleft()
            if future.done():
                continue
            future._unsent = False
            try:
                pending = make()
                if isinstance(pending, Request) and pending.watch is not None:
                    future._can_be_undone(functools.partial(take_back, pending))
                future._course = resolve_into(pending, future, self._call_later)
            except Exception as error:  # noqa: BLE001 - it belongs to the task that awaits the future
                future.set_exception(error)

    @staticmethod
    def _give_up(
        future: AsyncFuture[Any], limit: float, slots: int, command: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> None:
        if future.done():
            return
        future._abandon()
        if future._unsent:
            operation, path = _named(command, arguments)
            text = OperationTimeoutError.describe(operation, path, no_slot(slots, limit))
            future.set_exception(OperationTimeoutError(text, operation=operation, path=path, maybe_applied=False))
        else:
            future.set_exception(too_late(future._course, limit))

    def _check_loop(self) -> asyncio.AbstractEventLoop:
        running = _running_loop()
        if running is None:
            self._check_process("call")  # In a forked child no loop runs. Report the fork first: it is the cause.
            raise RuntimeError("a zkc.AsyncClient is used in a running event loop: call it from a coroutine")
        if running is not self._loop:
            if self._loop is not None and not self._loop.is_closed():
                raise RuntimeError(
                    "this zkc.AsyncClient belongs to the event loop that started it: make one for each loop, or hand "
                    "the call over with asyncio.run_coroutine_threadsafe(coroutine, loop)"
                )
            if self._loop is not None:
                raise RuntimeError("the event loop of this zkc.AsyncClient is closed: make a new client in this loop")
        else:
            self._thread = get_ident()
        return running

    def _make_session(self, managed: ManagedSession, resume: bool) -> Session:
        session = Session(
            self._settings.core_hosts,
            watcher=SessionEvents(self, managed),
            wait=False,
            deliver="manual",
            **self._settings.session_arguments(resume),
        )
        assert self._loop is not None
        assert session.delivery is not None
        self._readers[session] = _Reader(self, self._loop, session.delivery)
        return session

    def _new_waiter(self) -> asyncio.Future[Any]:
        return self._check_loop().create_future()

    def _call_later(self, seconds: float, function: Callable[[], None]) -> None:
        assert self._loop is not None
        timers = self._timers  # The loop refers to the timer, which must not keep the client alive.

        def due() -> None:
            timers.pop(timer, None)
            function()

        timer = self._loop.call_later(seconds, due)
        timers[timer] = function

    async def _wait(self, waiter: asyncio.Future[Any], limit: Optional[float]) -> Any:
        try:
            return await asyncio.wait_for(waiter, limit)
        except asyncio.TimeoutError:
            raise WaitTimeout from None
        except ZooKeeperError as error:
            # Without the frames of asyncio.wait_for(): they refer to the waiter, which refers to the error.
            raise error.with_traceback(None) from error.__cause__
        finally:
            self._stop_waiting(waiter)
            del waiter
