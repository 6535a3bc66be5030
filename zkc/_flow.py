"""Flows: calls of several requests, written as generators that belong to no thread.

A flow yields a request, or a :class:`Pause`, and continues when that is done. Its driver decides how to wait:
:func:`run` blocks the calling thread, and a :class:`Driver` continues in the callbacks of the requests, for asyncio and
futures alike. So each call exists once for all clients.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Optional, Protocol, TypeVar, Union

from zkc._zookeeper import Flag, Request, RLock, set_slot_timeout
from zkc.errors import OperationTimeoutError, ZooKeeperError, late_text
from zkc.errors._base import READS

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import ParamSpec

    _P = ParamSpec("_P")

__all__ = [
    "Driver",
    "Flow",
    "Pause",
    "Pending",
    "PendingRef",
    "Settable",
    "SubRequest",
    "Undoable",
    "remaining",
    "resolve_into",
    "result_of",
    "run",
    "sub_result_of",
    "too_late",
    "undo",
    "with_slot_timeout",
]

_T = TypeVar("_T")
_T_contra = TypeVar("_T_contra", contravariant=True)


class Pause:
    """A step of a flow that continues after some time.

    Args:
        seconds: The length of the pause in seconds.
        operation: The operation that a timeout error names, if the timeout ends during the pause.
        path: The path that the error names.
    """

    __slots__ = ("operation", "path", "seconds")

    def __init__(self, seconds: float, operation: Optional[str] = None, path: Optional[str] = None) -> None:
        self.seconds = seconds
        self.operation = operation
        self.path = path


class SubRequest:
    """A request that a flow sends on behalf of another operation, which a timeout error names.

    Args:
        request: The request.
        operation: The operation that the request serves.
        path: The path of that operation.
    """

    __slots__ = ("add_done_callback", "done", "operation", "path", "wait")

    def __init__(self, request: Request[Any], operation: str, path: Optional[str]) -> None:
        self.operation = operation
        self.path = path
        self.done = request.done
        self.wait = request.wait
        self.add_done_callback = request.add_done_callback


class Undoable(Iterator["Step"]):
    """A flow whose outcome is undone when no caller gets it: after a cancellation or interrupt behind the last reply.

    Args:
        make: A function that makes the flow, which sets :attr:`undo` before it returns.
    """

    __slots__ = ("_flow", "undo")

    def __init__(self, make: Callable[[Undoable], Flow[Any]]) -> None:
        self.undo: Optional[Callable[[], object]] = None
        self._flow = make(self)

    def __next__(self) -> Step:
        return next(self._flow)

    def close(self) -> None:
        """End the flow."""
        self._flow.close()


class Signal:
    """An event that is set once, and that flows, threads and tasks wait for.

    Any thread may set it, a watch callback for example. Its callbacks run on that thread.
    """

    __slots__ = ("__weakref__", "_callbacks", "_flag", "_lock")

    def __init__(self) -> None:
        self._flag = Flag()
        self._lock = RLock()  # A signal handler may set it in the middle of anything.
        self._callbacks: list[Callable[[Signal], object]] = []

    def set(self) -> None:
        """Set it, and wake everything that waits for it. Another call does nothing."""
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
            self._flag.set()
        for callback in callbacks:
            callback(self)

    def done(self) -> bool:
        """Return whether it is set."""
        return self._flag.is_set()

    is_set = done  # As threading.Event and asyncio.Event call it.

    def __bool__(self) -> bool:
        return self._flag.is_set()

    def __repr__(self) -> str:
        return f"<zkc signal {'set' if self else 'not set'}>"

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until it is set; return whether it is.

        Args:
            timeout: Timeout in seconds; None for no limit.
        """
        return self._flag.wait(timeout)

    def __await__(self) -> Generator[Any, None, None]:
        """Wait until it is set, in the task of an event loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()

        def wake(_: object) -> None:
            with contextlib.suppress(RuntimeError):  # The loop was closed under a task that waits.
                loop.call_soon_threadsafe(_finish, waiter)

        self.add_done_callback(wake)
        try:
            yield from waiter
        finally:
            self.remove_done_callback(wake)

    def add_done_callback(self, callback: Callable[[Signal], object]) -> None:
        """Call a function when it is set; at once if it is."""
        with self._lock:
            if not self._flag.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def remove_done_callback(self, callback: Callable[[Signal], object]) -> None:
        """Forget a callback, if it was not called yet."""
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Await:
    """A step of a flow that continues when a signal is set, or after some time.

    Args:
        signal: The signal.
        seconds: The seconds after which the flow continues without it; None for no limit.
        operation: The operation that a timeout error names.
        path: The path that the error names.
        optional: Whether the flow may go on without the signal, in a thread that must not wait for signals.
    """

    __slots__ = ("operation", "optional", "path", "seconds", "signal")

    def __init__(
        self,
        signal: Signal,
        seconds: Optional[float] = None,
        operation: Optional[str] = None,
        path: Optional[str] = None,
        *,
        optional: bool = False,
    ) -> None:
        self.signal = signal
        self.seconds = seconds
        self.operation = operation
        self.path = path
        self.optional = optional


Step = Union["Request[Any]", SubRequest, Pause, Await]
Flow = Generator[Step, None, _T]
Pending = Union["Request[_T]", Flow[_T]]


def undo(pending: object) -> None:
    """Undo a command that was carried out, because no caller gets its outcome."""
    function = getattr(pending, "undo", None)
    if function is not None:
        function()


def result_of(request: Request[_T]) -> Flow[_T]:
    """Wait for a request in a flow: ``value = yield from result_of(request)``."""
    yield request
    return request.result()


def sub_result_of(request: Request[_T], operation: str, path: Optional[str]) -> Flow[_T]:
    """Wait for a request on behalf of another operation, which a timeout error names."""
    yield SubRequest(request, operation, path)
    return request.result()


def with_slot_timeout(limit: float, function: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs) -> _T:
    """Call a function whose requests wait for a slot in flight no longer than a limit in seconds."""
    try:  # Around the beginning, too: a signal handler that raises behind it would leave the timeout to later calls.
        set_slot_timeout(limit)
        return function(*arguments, **options)
    finally:
        set_slot_timeout(None)


def remaining(limit: float, begun: float) -> float:
    """Return the rest of a timeout in seconds; all of it, as messages name it, if sending took less than 1 ms."""
    spent = time.monotonic() - begun
    return limit if spent < 0.001 else max(0.0, limit - spent)


def run(
    flow: Flow[_T],
    limit: Optional[float] = None,
    given: Optional[float] = None,
    check: Optional[Callable[[Optional[str]], object]] = None,
) -> _T:
    """Drive a flow in the calling thread.

    Args:
        flow: The flow to drive.
        limit: The timeout of the whole flow in seconds; None for no limit.
        given: The timeout in seconds that the error names, if ``limit`` is only the rest of it.
        check: A function that raises in a thread that must not wait for signals, because it delivers the events that
            set them. It takes the operation of the step.

    Raises:
        OperationTimeoutError: The flow took longer.
    """
    if limit is None:
        return _run(flow, None, None, check)
    return with_slot_timeout(limit, _run, flow, limit, limit if given is None else given, check)


def _run(
    flow: Flow[_T],
    limit: Optional[float],
    given: Optional[float],
    check: Optional[Callable[[Optional[str]], object]] = None,
) -> _T:
    deadline = None if limit is None else time.monotonic() + limit
    step: Optional[Step] = None
    changed = False
    try:
        while True:
            following = next(flow)
            changed = changed or _changes(step)
            step = following
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if isinstance(step, Await):
                if check is None or step.seconds is not None or step.signal.done() or _may_wait(check, step):
                    _wait_for(flow, step, left, given, changed)
            elif isinstance(step, Pause):
                if step.seconds > 0.0:  # A pause of 0 is for event loops; here it would release the GIL without need.
                    time.sleep(step.seconds if left is None else min(left, step.seconds))
                if left is not None and left <= step.seconds:
                    raise _late(flow, step, given, changed)
            elif not step.wait(left):
                raise _late(flow, step, given, changed)
    except StopIteration as stop:
        value: _T = stop.value
        return value
    except ZooKeeperError as error:
        _note_changes(error, changed)
        raise
    finally:
        flow.close()


def _may_wait(check: Callable[[Optional[str]], object], step: Await) -> bool:
    """Return whether the calling thread may wait for a signal; raise if it must not, and the flow needs the signal."""
    try:
        check(step.operation)
    except RuntimeError:
        if not step.optional:
            raise
        return False
    return True


def _wait_for(flow: Flow[Any], step: Await, left: Optional[float], given: Optional[float], changed: bool) -> None:
    """Wait in the calling thread for a signal, or its time.

    Raises:
        OperationTimeoutError: The timeout of the flow ended first.
    """
    seconds = step.seconds
    if left is None or (seconds is not None and seconds < left):
        step.signal.wait(seconds)
    elif not step.signal.wait(left):
        raise _late(flow, step, given, changed)


def late(step: Optional[Step], limit: Optional[float], changed: bool = False) -> OperationTimeoutError:
    """Make the error of a call that took too long; ``changed``: an earlier step may have changed the data."""
    operation, path = (None, None) if step is None else (step.operation, step.path)
    assert limit is not None
    text = OperationTimeoutError.describe(operation, path, late_text(limit, operation, changed))
    return OperationTimeoutError(text, operation=operation, path=path, maybe_applied=changed or None)


def _late(flow: object, step: Optional[Step], limit: Optional[float], changed: bool) -> OperationTimeoutError:
    """Make the timeout error of a flow, which may have a class of its own for it."""
    own: Optional[Callable[[Optional[float]], OperationTimeoutError]] = getattr(flow, "late", None)
    return late(step, limit, changed) if own is None else own(limit)


def _changes(step: Optional[Step]) -> bool:
    """Return whether a step is a request that changes data."""
    return isinstance(step, Request) and step.operation not in READS


def _note_changes(error: BaseException, changed: bool) -> None:
    """Note in the error of a flow that requests before the failed one may have changed the data.

    A flow that has found out what was carried out says so itself (``_decided``).
    """
    if changed and isinstance(error, ZooKeeperError) and not getattr(error, "_decided", False):
        error.maybe_applied = True


class Settable(Protocol[_T_contra]):
    """The sink of a driver's outcome: a future of asyncio or of concurrent.futures."""

    def done(self) -> bool: ...
    def set_result(self, result: _T_contra, /) -> None: ...
    def set_exception(self, exception: BaseException, /) -> None: ...


class Driver:
    """The driver of a flow in the callbacks of its requests. It resolves a future by the outcome.

    :meth:`start` makes the first step in the calling thread; the thread that delivers replies makes the others. A step
    ends before the next begins, so a flow needs no lock.

    Args:
        flow: The flow to drive.
        future: The future. When it is done before the flow (cancelled, or timed out), the driver closes the flow.
        later: ``later(seconds, function)`` calls a function after some seconds.
    """

    __slots__ = ("__weakref__", "changed", "flow", "future", "later", "step")

    def __init__(self, flow: Flow[_T], future: Settable[_T], later: Callable[[float, Callable[[], None]], object]):
        self.flow: Flow[Any] = flow
        self.future: Settable[Any] = future
        self.later = later
        self.step: Optional[Step] = None
        self.changed = False  # Whether an earlier step may have changed the data.

    def late(self, limit: float) -> OperationTimeoutError:
        """Make the error of the flow when it takes too long."""
        return _late(self.flow, self.step, limit, self.changed)

    def start(self) -> None:
        """Make the first step, and raise what it raises, as a call of one request does."""
        try:
            step = next(self.flow)
        except StopIteration as stop:
            value = stop.value
        else:
            if not isinstance(step, (Pause, Await)):
                # Even if it is done by now: an await of a call gives the other tasks of the loop their turns.
                self.step = step
                step.add_done_callback(self._advance)
            else:
                self._wait(step)
            return
        self.future.set_result(value)  # Outside of the except: errors of the future's callbacks get no context from it.

    def _wait(self, step: Step) -> None:
        while True:
            self.step = step
            if isinstance(step, Pause):
                self.later(step.seconds, self._advance)
                return
            if isinstance(step, Await):
                if not step.signal.done():
                    _Waiter(self, step)
                    return
            elif not step.done():
                step.add_done_callback(self._advance)
                return
            following = self._next()  # Without a callback: a flow whose replies are there needs no turn of the loop.
            if following is None:
                return
            step = following

    def _advance(self, _: object = None) -> None:
        step = self._next()
        if step is not None:
            self._wait(step)

    def _next(self) -> Optional[Step]:
        if self.future.done():
            self.flow.close()
            return None
        error: Optional[BaseException] = None
        value = None
        try:
            following = next(self.flow)
            self.changed = self.changed or _changes(self.step)
            return following
        except StopIteration as stop:
            value = stop.value
        except BaseException as caught:  # noqa: BLE001 - it belongs to the caller that waits for the future
            error = caught
        try:
            if self.future.done():
                undo(self.flow)  # It was cancelled, or timed out, during this last step.
            elif error is None:
                take_undo = getattr(self.future, "_can_be_undone", None)
                if take_undo is not None:
                    take_undo(getattr(self.flow, "undo", None))
                self.future.set_result(value)
            else:
                _note_changes(error, self.changed)
                self.future.set_exception(error)
        except concurrent.futures.InvalidStateError:  # Another thread did the same at this moment.
            undo(self.flow)
        return None


class _Waiter:
    """The wait of a driver for a signal or its time: whichever comes first continues the flow."""

    __slots__ = ("_driver", "_lock", "_over", "_signal")

    def __init__(self, driver: Driver, step: Await) -> None:
        self._driver = driver
        self._signal = step.signal
        self._lock = RLock()
        self._over = False
        step.signal.add_done_callback(self._continue)
        if step.seconds is not None:
            driver.later(step.seconds, self._continue)
        # A future that is cancelled, or that times out, ends the flow at once.
        watch = getattr(driver.future, "add_done_callback", None)
        if watch is not None:
            watch(self._continue)

    def _continue(self, _: object = None) -> None:
        with self._lock:  # The signal, the timer and the future may come on three threads.
            if self._over:
                return
            self._over = True
        self._signal.remove_done_callback(self._continue)
        forget = getattr(self._driver.future, "remove_done_callback", None)
        if forget is not None:
            forget(self._continue)
        self._driver._advance()


# The request, or the driver of the flow, that a future waits for. Weak, because the driver refers to the future.
PendingRef = Union["Request[Any]", "weakref.ref[Driver]", None]


def resolve_into(
    pending: Pending[_T], future: Settable[_T], later: Callable[[float, Callable[[], None]], object]
) -> PendingRef:
    """Resolve a future by the outcome of a command, and return the reference that :func:`too_late` takes."""
    if isinstance(pending, Request):
        pending.resolve(future)
        return pending
    driver = Driver(pending, future, later)
    driver.start()
    return weakref.ref(driver)


def too_late(course: PendingRef, limit: float) -> OperationTimeoutError:
    """Make the error of a future that took too long."""
    if isinstance(course, weakref.ref):
        driver = course()
        return late(None, limit) if driver is None else driver.late(limit)
    return late(course, limit)
