"""Calls made again after an error that may pass: which errors those are, and how long to pause in between.

>>> client.retry(client.set, "/a", b"x", version=3)
>>> client.retry(client.get, "/a", policy=zkc.Retry(attempts=None, deadline=60.0))
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Optional, TypeVar, cast, overload

from zkc._args import check_count, check_flag, check_seconds, check_timeout
from zkc._client.base import BaseClient
from zkc._session.losses import LossCounter
from zkc.constants import ClientState
from zkc.errors import (
    ConnectionLossError,
    OperationTimeoutError,
    RequestTimeoutError,
    SessionExpiredError,
    SessionMovedError,
    ThrottledError,
    ZooKeeperError,
)

if TYPE_CHECKING:
    from typing_extensions import ParamSpec, TypeGuard

    from zkc._client.aio import AsyncClient
    from zkc._client.sync import Client

    _P = ParamSpec("_P")

__all__ = ["Retry", "is_retriable"]

_T = TypeVar("_T")
CONNECTED_STATES = (ClientState.CONNECTED, ClientState.READ_ONLY)
# The part of a pause that is not ended early: events may be on their way still, and a call that breaks every connection
# must not break one after the other.
_MIN_PAUSE = 0.1
_TRANSIENT = (
    ConnectionLossError,
    OperationTimeoutError,
    RequestTimeoutError,
    SessionExpiredError,
    SessionMovedError,
    ThrottledError,
)


def is_retriable(error: BaseException, idempotent: bool = False) -> bool:
    """Tell whether a call that failed can be made again as it is, with hope and without harm.

    There is hope after a lost connection, a timeout, an expired session (a client makes a new one), a server that was
    busy. There is no harm if the data surely did not change (``error.maybe_applied`` is False), as with every read, or
    if making the change twice does none.

    Args:
        error: What the call raised.
        idempotent: Whether the call may be carried out twice: a set without a version may, a sequential create or a
            counter may not.

    .. versionadded:: 0.1
    """
    check_flag(idempotent, "idempotent")
    return isinstance(error, _TRANSIENT) and (idempotent or not error.maybe_applied)


@dataclass(frozen=True, init=False)
class Retry:
    """How often, and after which pauses, a call is made again. It may be shared by clients and threads.

    The pauses grow: ``backoff``, ``backoff * multiplier``, and so on up to ``max_backoff``, each shortened by a
    random part of itself, so that those who failed together do not come again together.

    >>> patient = Retry(attempts=None, deadline=60.0, idempotent=True)
    >>> client.retry(client.set, "/a", b"x", policy=patient)

    Args:
        attempts: How many attempts to make, the first one included; None for any number.
        backoff: The first pause, in seconds.
        max_backoff: The longest pause, in seconds.
        multiplier: How much longer each pause is than the one before it, from 1.
        jitter: The part of a pause that is left to chance: 0.0 for none of it, 1.0 for all of it.
        deadline: For how long new attempts are begun, in seconds from the first; None for as long as it takes. An
            attempt that was begun is not cut short: give it a ``timeout`` of its own.
        idempotent: Whether the call may be carried out twice, so that it is also made again when nobody knows whether
            it was carried out: see :func:`is_retriable`.

    Raises:
        TypeError: An argument has a wrong type.
        ValueError: An argument has a wrong value.

    .. versionadded:: 0.1
    """

    __slots__ = ("attempts", "backoff", "deadline", "idempotent", "jitter", "max_backoff", "multiplier")

    attempts: Optional[int]
    backoff: float
    max_backoff: float
    multiplier: float
    jitter: float
    deadline: Optional[float]
    idempotent: bool

    def __init__(
        self,
        attempts: Optional[int] = 5,
        *,
        backoff: float = 0.1,
        max_backoff: float = 5.0,
        multiplier: float = 2.0,
        jitter: float = 0.5,
        deadline: Optional[float] = None,
        idempotent: bool = False,
    ) -> None:
        checked = {
            "attempts": None if attempts is None else check_count(attempts, "attempts"),
            "backoff": check_seconds(backoff, "backoff"),
            "max_backoff": check_seconds(max_backoff, "max_backoff"),
            "multiplier": _check_number(multiplier, "multiplier", 1.0, 1000.0),
            "jitter": _check_number(jitter, "jitter", 0.0, 1.0),
            "deadline": check_timeout(deadline, "deadline"),
            "idempotent": check_flag(idempotent, "idempotent"),
        }
        if max_backoff < backoff:
            raise ValueError(f"max_backoff must not be less than backoff: {max_backoff} < {backoff}")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    # A frozen class with slots has no other way back: the default would set the attributes.
    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def delays(self) -> Iterator[float]:
        """Return the pauses before the second attempt, the third, and so on, in seconds, with a chance of their own.

        There are ``attempts - 1`` of them, or no end of them.

        .. versionadded:: 0.1
        """
        made, longest = 1, self.backoff
        while self.attempts is None or made < self.attempts:
            yield longest * (1.0 - self.jitter * random.random())
            longest = min(longest * self.multiplier, self.max_backoff)
            made += 1

    def call(self, fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function, and again after errors that may pass. :meth:`zkc.Client.retry` knows better when to.

        Args:
            fn: What to call. It is called again as a whole, so with several changes in it ``idempotent`` says
                whether all of them may be made again.
            *args: Its arguments.
            **kwargs: Its arguments by name.

        Returns:
            What the function returns.

        Raises:
            ZooKeeperError: What the last attempt raised.

        .. versionadded:: 0.1
        """
        return _repeat(self, None, fn, args, kwargs)

    async def acall(self, fn: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Await what a function returns, as :meth:`call` does. Cancelling ends it at once.

        .. versionadded:: 0.1
        """
        return await _repeat_async(self, None, fn, args, kwargs)


def _check_number(value: object, name: str, least: float, most: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least:g} to {most:g}: {value}")
    return float(value)


def _check_function(fn: Callable[..., _T]) -> Callable[..., _T]:
    if not callable(fn):
        raise TypeError(f"fn must be callable, such as client.get, not {type(fn).__name__}")
    return fn


_DEFAULT = Retry()


def _check_policy(policy: object) -> Retry:
    if policy is None:
        return _DEFAULT
    if not isinstance(policy, Retry):
        raise TypeError(f"policy must be a zkc.Retry or None, not {type(policy).__name__}")
    return policy


# ---- how it goes ----------------------------------------------------------------------------------------------------


class Attempts:
    """One call under a policy: how many attempts it has left, and how much time."""

    __slots__ = ("_client", "_delays", "_end", "_idempotent", "_large")

    def __init__(self, policy: Retry, client: Optional[BaseClient]) -> None:
        self._client = client
        self._delays = policy.delays()
        self._end = None if policy.deadline is None else time.monotonic() + policy.deadline
        self._idempotent = policy.idempotent
        # A large request that every connection is lost with is refused, however many attempts there may be.
        self._large = None if client is None else LossCounter(client)

    def pauses(self, error: ZooKeeperError) -> Optional[tuple[float, float]]:
        """Return for how long to sleep after an error, and then to wait for a connection; None if that was it."""
        if not is_retriable(error, self._idempotent) or self._is_final(error):
            return None
        seconds = next(self._delays, None)
        if seconds is None:
            return None
        if self._breaks_connections(error):
            return None
        left = math.inf if self._end is None else self._end - time.monotonic()
        if self._awaits_connection(error) and not _is_large(error):
            blind = seconds * _MIN_PAUSE
            return (blind, min(seconds, left) - blind) if blind < left else None
        return (seconds, 0.0) if seconds < left else None

    def over(self) -> bool:
        """Tell whether no attempt may be begun any more."""
        return self._end is not None and time.monotonic() >= self._end

    def _is_final(self, error: ZooKeeperError) -> bool:
        """Tell whether no other session follows the one that an error says is gone."""
        client = self._client
        return error.session_lost and client is not None and (client.closed or client._failure is not None)

    def _breaks_connections(self, error: ZooKeeperError) -> bool:
        """Tell whether a call was lost with one connection after the other because it is too large."""
        return self._large is not None and _is_large(error) and self._large.note(error)

    def _awaits_connection(self, error: ZooKeeperError) -> bool:
        """Tell whether it is the next connection that a call waits for, and not just some time."""
        client = self._client
        if client is None or client.closed:  # As when start() is what is called again.
            return False
        return isinstance(error, (ConnectionLossError, SessionExpiredError)) or not client.connected


def _is_large(error: ZooKeeperError) -> TypeGuard[ConnectionLossError]:
    return isinstance(error, ConnectionLossError) and error.request_size is not None


def _repeat(policy: Retry, client: Optional[Client], fn: Callable[..., _T], args: Any, kwargs: Any) -> _T:
    course = Attempts(policy, client)
    while True:
        try:
            return fn(*args, **kwargs)
        except ZooKeeperError as error:
            pauses = course.pauses(error)
            if pauses is None:
                raise
            time.sleep(pauses[0])
            if client is not None and pauses[1]:
                # Whatever it says, the next attempt says it better: that the client was closed, or that time is over.
                with contextlib.suppress(ZooKeeperError):
                    client.wait_for(CONNECTED_STATES, timeout=pauses[1])
            if course.over():
                raise


async def _repeat_async(
    policy: Retry, client: Optional[AsyncClient], fn: Callable[..., Awaitable[_T]], args: Any, kwargs: Any
) -> _T:
    course = Attempts(policy, client)
    while True:
        try:
            return await fn(*args, **kwargs)
        except ZooKeeperError as error:
            pauses = course.pauses(error)
            if pauses is None:
                raise
            await asyncio.sleep(pauses[0])
            if client is not None and pauses[1]:
                with contextlib.suppress(ZooKeeperError):
                    await client.wait_for(CONNECTED_STATES, timeout=pauses[1])
            if course.over():
                raise


# ---- the methods of the clients -------------------------------------------------------------------------------------


class SyncRetry:
    """What :class:`zkc.Client` has to make calls again."""

    # Python's types cannot say "and a policy besides" of the arguments of a function.
    @overload
    def retry(self, fn: Callable[..., _T], *args: Any, policy: Optional[Retry], **kwargs: Any) -> _T: ...

    @overload
    def retry(self, fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T: ...

    def retry(  # type: ignore[misc]  # a function with a `policy` of its own cannot have it given here
        self, fn: Callable[..., _T], *args: Any, policy: Optional[Retry] = None, **kwargs: Any
    ) -> _T:
        """Call a function, and again after errors that may pass.

        It is called again when there is hope and no harm: see :func:`zkc.is_retriable`. After a lost connection or an
        expired session the pause ends as soon as the client is connected again.

        >>> client.retry(client.set, "/a", b"x", version=3)
        >>> client.retry(client.set, "/a", b"x", policy=zkc.Retry(deadline=60.0, idempotent=True))

        Args:
            fn: What to call: a method of this client, or a function that makes several calls. It is called again as
                a whole, from its beginning.
            *args: Its arguments.
            policy: How often to call it and after which pauses; ``Retry()`` if None, which makes five attempts.
            **kwargs: Its arguments by name.

        Returns:
            What the function returns.

        Raises:
            ZooKeeperError: What the last attempt raised.

        .. versionadded:: 0.1
        """
        return _repeat(_check_policy(policy), cast("Client", self), _check_function(fn), args, kwargs)


class AsyncRetry:
    """What :class:`zkc.AsyncClient` has to make calls again."""

    @overload
    async def retry(
        self, fn: Callable[..., Awaitable[_T]], *args: Any, policy: Optional[Retry], **kwargs: Any
    ) -> _T: ...

    @overload
    async def retry(self, fn: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> _T: ...

    async def retry(  # type: ignore[misc]  # as above
        self, fn: Callable[..., Awaitable[_T]], *args: Any, policy: Optional[Retry] = None, **kwargs: Any
    ) -> _T:
        """Await what a function returns, and again after errors that may pass, as :meth:`zkc.Client.retry` does.

        Cancelling ends it at once.

        >>> await client.retry(client.set, "/a", b"x", version=3)

        .. versionadded:: 0.1
        """
        return await _repeat_async(_check_policy(policy), cast("AsyncClient", self), _check_function(fn), args, kwargs)
