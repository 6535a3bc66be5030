"""The calls of ``client.submit``, and the futures that they return."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
import weakref
from _thread import get_ident
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from zkc._api.admin import AdminCalls
from zkc._api.bulk import BulkCalls
from zkc._api.runner import Runner, rewrap
from zkc._api.trees import TreeCalls
from zkc._api.watching import WatchCalls
from zkc._api.znodes import ZnodeCalls
from zkc._args import check_seconds
from zkc._client.transaction import SubmitTransaction
from zkc._flow import PendingRef, remaining, resolve_into, too_late, with_slot_timeout
from zkc._zookeeper import FutureCore, Request, Session

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    from zkc._api._generated.submit_admin import SubmitAdminCalls
    from zkc._api._generated.submit_bulk import SubmitBulkCalls
    from zkc._api._generated.submit_trees import SubmitTreeCalls
    from zkc._api._generated.submit_watching import SubmitWatchCalls
    from zkc._api._generated.submit_znodes import SubmitZnodeCalls
    from zkc._client.base import BaseClient
    from zkc._commands.protocol import CommandClient
    from zkc._flow import Pending

    _P = ParamSpec("_P")

__all__ = ["Future", "Submit", "diversions", "divert", "submits"]

_T = TypeVar("_T")
_Function = TypeVar("_Function", bound=Callable[..., Any])
_result, _exception = FutureCore.result, FutureCore.exception  # As super() finds them, without the search.


if TYPE_CHECKING:

    class _FutureBase(FutureCore[_T]): ...

else:

    class _FutureBase(FutureCore, concurrent.futures.Future): ...


class Future(_FutureBase[_T]):
    """The future of a call of ``client.submit``, whose request is sent already.

    It is a :class:`concurrent.futures.Future`: :func:`concurrent.futures.wait`, ``as_completed`` and
    :func:`asyncio.wrap_future` take it. Its callbacks run where all callbacks of its client run. After its timeout they
    run on a timer's thread, and after a cancellation in the thread that cancelled. The future of a call of one request
    needs no dispatcher: a callback that blocks does not delay it, and a callback may wait for it. A call of several
    requests continues on the dispatcher, so a callback cannot wait for it. Cancelling does not recall the request; its
    reply is discarded, and so is its watch.

    .. versionadded:: 0.1
    """

    _course: PendingRef = None  # The request or the driver that the timeout's error names.
    _session: Optional[weakref.ref[Session]] = (
        None  # The session whose dispatcher drives the flow, if the call is a flow.
    )

    def result(self, timeout: Optional[float] = None) -> _T:
        """Wait for the result and return it.

        Args:
            timeout: Timeout in seconds; None for no limit.

        Raises:
            RuntimeError: The call has several requests and no result yet, and only this thread can continue it.

        .. versionadded:: 0.1
        """
        return _result(self, timeout)

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """Wait for the result, and return the error, or None if there is none. Otherwise as :meth:`result`.

        .. versionadded:: 0.1
        """
        return _exception(self, timeout)

    def _check_thread(self) -> None:
        session = None if self._session is None else self._session()
        if session is not None and session.delivers_here():
            raise RuntimeError(
                "deadlock: this callback thread would deliver the result that it waits for (a future of several "
                "requests). Make the call itself (client.create(...)), or use future.add_done_callback()"
            )


class _Limit:
    """The timer of a future with a timeout. It refers to the future weakly, so that a finished one can be freed."""

    __slots__ = ("future", "seconds")

    def __init__(self, future: Future[Any], seconds: float) -> None:
        self.future = weakref.ref(future)
        self.seconds = seconds

    @property
    def over(self) -> bool:
        """Whether the timer has nothing left to do."""
        future = self.future()
        return future is None or future.done()

    def __call__(self) -> None:
        future = self.future()
        if future is None or future.done():
            return
        with contextlib.suppress(concurrent.futures.InvalidStateError):  # The reply came at the same moment.
            future.set_exception(too_late(future._course, self.seconds))


class _SubmitRunner(Runner):
    def __init__(self, client: BaseClient) -> None:
        self._client = client

    def _run(
        self,
        command: Callable[Concatenate[CommandClient, _P], Pending[_T]],
        timeout: Optional[float],
        *arguments: _P.args,
        **options: _P.kwargs,
    ) -> Any:
        client = self._client
        future: Future[_T] = Future()
        if timeout is None and client._settings.request_timeout is None:
            _begin(command(client, *arguments, **options), future, client)
            return future
        given = client._settings.request_timeout if timeout is None else check_seconds(timeout)
        assert given is not None
        begun = time.monotonic()
        course = with_slot_timeout(given, lambda: _begin(command(client, *arguments, **options), future, client))
        future._course = course
        if not future.done():
            client._call_later_unless_closed(remaining(given, begun), _Limit(future, given))
        return future


def _begin(pending: Pending[_T], future: Future[_T], client: BaseClient) -> PendingRef:
    """Resolve a future by the outcome of a command, and return what the timeout's error names."""
    if isinstance(pending, Request):
        future._follow_request(pending)
        return pending
    session = client._session
    future._session = None if session is None else weakref.ref(session)
    return resolve_into(pending, future, client._call_later)


# ---- calls of recipes ------------------------------------------------------------------------------------------------


class _Diversion:
    """A call of a recipe that a thread submits: its flow gets a future, and the call does not wait."""

    __slots__ = ("client", "future", "outer", "owner", "thread")

    def __init__(self, client: BaseClient, owner: object) -> None:
        self.client = client
        self.owner = owner  # The recipe, hold or item.
        self.future: Optional[Future[Any]] = None
        self.thread = get_ident()
        self.outer = diversions.get(self.thread)  # Of a call that a signal handler has interrupted.

    def end(self) -> None:
        """Divert no further command. Another call does nothing."""
        if diversions.get(self.thread) is self:
            if self.outer is None:
                del diversions[self.thread]
            else:
                diversions[self.thread] = self.outer


diversions: dict[int, _Diversion] = {}  # By thread.


def submits(function: _Function) -> _Function:
    """Mark a method of a recipe that ``client.submit`` takes: it runs one flow, and then at most returns its result."""
    function._submits = True  # type: ignore[attr-defined]  # an attribute of the function
    return function


def divert(
    client: BaseClient, command: Any, timeout: Optional[float], arguments: tuple[Any, ...], options: dict[str, Any]
) -> Optional[Future[Any]]:
    """Begin a flow that this thread submits, and return its future; None for another command.

    Such a command is one of a signal handler that runs in the middle.
    """
    diversion = diversions.get(get_ident())
    if diversion is None:
        return None
    owner = diversion.owner
    if getattr(command, "__self__", None) is not owner and not any(argument is owner for argument in arguments):
        return None
    if client is not diversion.client:
        raise ValueError("the recipe belongs to another client: use the submit of that client")
    diversion.end()  # Before the flow begins: it may wait for a slot, and let another greenlet of this thread run.
    future: Future[Any] = _SubmitRunner(client)._run(command, timeout, *arguments, **options)
    diversion.future = future
    return future


def _submit(client: BaseClient, method: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Future[Any]:
    if not getattr(getattr(method, "__func__", None), "_submits", False):
        name = getattr(method, "__qualname__", repr(method))
        raise TypeError(f"{name} cannot be submitted: give a method of a recipe that makes one call, as lock.acquire")
    diversion = _Diversion(client, method.__self__)
    try:
        diversions[diversion.thread] = diversion
        outcome = method(*arguments, **options)
    except BaseException:  # Perhaps of a signal handler: no caller gets the future.
        if diversion.future is not None:
            diversion.future.cancel()
        raise
    finally:
        diversion.end()
    if diversion.future is not None:
        return diversion.future
    done: Future[Any] = Future()  # A call that does not wait, such as release(wait=False).
    done.set_result(outcome)
    return done


if TYPE_CHECKING:

    class Submit(SubmitZnodeCalls, SubmitAdminCalls, SubmitBulkCalls, SubmitTreeCalls, SubmitWatchCalls):
        """The calls of a client, each of which returns a future at once."""

        def __init__(self, client: BaseClient) -> None: ...
        def __call__(self, method: Callable[_P, _T], /, *arguments: _P.args, **options: _P.kwargs) -> Future[_T]: ...
        def transaction(self) -> SubmitTransaction: ...

else:

    class Submit(_SubmitRunner, ZnodeCalls, AdminCalls, BulkCalls, TreeCalls, WatchCalls):
        """The calls of a client, each of which returns a :class:`~zkc.Future` at once.

        >>> future = client.submit(lock.acquire, timeout=60)

        Called with a method of a recipe and its arguments, it makes that call and returns a future of its result. It
        takes the calls to acquire, to enqueue and to release, the calls of a queue and of its items, and the changes of
        counters and values. A future that is cancelled, or that times out, leaves nothing: no znode, no claim. Other
        methods raise TypeError, and a recipe of another client ValueError.

        .. versionadded:: 0.1
        """

        def __call__(self, method, /, *arguments, **options):
            return _submit(self._client, method, arguments, options)

        def transaction(self):
            """Begin a transaction whose commit returns a :class:`~zkc.Future`.

            .. versionadded:: 0.1
            """
            return SubmitTransaction(self, self._client._settings)

    rewrap(Submit, Future, ZnodeCalls, AdminCalls, BulkCalls, TreeCalls, WatchCalls)
