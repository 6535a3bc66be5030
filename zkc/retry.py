"""The policy of repeated calls: which errors are worth another attempt, and how long to pause before it.

>>> client.retry(client.set, "/a", b"x", version=3)
>>> client.retry(client.get, "/a", policy=zkc.Retry(attempts=None, deadline=60.0))
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional, TypeVar

from zkc._args import check_count, check_flag, check_seconds, check_timeout
from zkc._frozen import Frozen
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

    _P = ParamSpec("_P")

__all__ = ["Retry", "is_retriable"]

_T = TypeVar("_T")
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
    """Return whether repeating a failed call can succeed and is safe.

    It can succeed after a lost connection, a timeout, an expired session (a client opens a new one) or a busy server.
    It is safe if the data did certainly not change (``error.maybe_applied`` is False), as after every read, or if
    making the change twice does no harm.

    Args:
        error: What the call raised.
        idempotent: Whether the call may be carried out twice: a set without a version may, a sequential create or a
            counter may not.

    .. versionadded:: 0.1
    """
    check_flag(idempotent, "idempotent")
    return isinstance(error, _TRANSIENT) and (idempotent or not error.maybe_applied)


@dataclass(frozen=True, init=False)
class Retry(Frozen):
    """A policy of repeated calls: the number of attempts, and the pauses. Clients and threads may share it.

    The pauses grow: ``backoff``, ``backoff * multiplier``, and so on up to ``max_backoff``. Each is shortened by a
    random part, so that clients that failed together do not retry together.

    >>> patient = Retry(attempts=None, deadline=60.0, idempotent=True)
    >>> client.retry(client.set, "/a", b"x", policy=patient)

    Args:
        attempts: The number of attempts, with the first one; None for no limit.
        backoff: The first pause, in seconds.
        max_backoff: The longest pause, in seconds.
        multiplier: The factor between a pause and the pause before it, from 1.
        jitter: The random part of a pause: 0.0 for none of it, 1.0 for all of it.
        deadline: The seconds after the first attempt in which new attempts begin; None for no limit. It does not cut an
            attempt short: give the call a ``timeout`` of its own.
        idempotent: Whether the call may be carried out twice. Then it is also repeated when it is unknown whether it
            was carried out: see :func:`is_retriable`.

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

    def delays(self) -> Iterator[float]:
        """Return the pauses before the second attempt, the third, and so on, in seconds, with their random parts.

        There are ``attempts - 1`` of them, or without a limit an endless iterator.

        .. versionadded:: 0.1
        """
        import random  # Here, as most programs have nothing to repeat: it takes a millisecond.

        made, longest = 1, self.backoff
        while self.attempts is None or made < self.attempts:
            yield longest * (1.0 - self.jitter * random.random())
            longest = min(longest * self.multiplier, self.max_backoff)
            made += 1

    def call(self, fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call a function, and repeat it after transient errors. :meth:`zkc.Client.retry` also knows the connection.

        Args:
            fn: The function. It is repeated as a whole: if it makes several changes, ``idempotent`` says whether all
                of them may be made twice.
            *args: Its arguments.
            **kwargs: Its arguments by name.

        Returns:
            What the function returns.

        Raises:
            ZooKeeperError: The error of the last attempt.

        .. versionadded:: 0.1
        """
        return repeat(Attempts(self), None, fn, args, kwargs)

    async def acall(self, fn: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Await what a function returns, as :meth:`call` does. A cancellation ends it at once.

        .. versionadded:: 0.1
        """
        return await repeat_async(Attempts(self), None, fn, args, kwargs)


def _check_number(value: object, name: str, least: float, most: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least:g} to {most:g}: {value}")
    return float(value)


def check_function(fn: Callable[..., _T]) -> Callable[..., _T]:
    """Return the function that a call of ``retry`` repeats.

    Raises:
        TypeError: It cannot be called.
    """
    if not callable(fn):
        raise TypeError(f"fn must be callable, such as client.get, not {type(fn).__name__}")
    return fn


_DEFAULT = Retry()


def check_policy(policy: object) -> Retry:
    """Return the policy of a call of ``retry``; the default one for None.

    Raises:
        TypeError: It is neither a policy nor None.
    """
    if policy is None:
        return _DEFAULT
    if not isinstance(policy, Retry):
        raise TypeError(f"policy must be a zkc.Retry or None, not {type(policy).__name__}")
    return policy


# ---- the attempts ---------------------------------------------------------------------------------------------------


class Attempts:
    """The attempts of one call under a policy: how many are left, and how much time."""

    __slots__ = ("_delays", "_end", "_idempotent")

    def __init__(self, policy: Retry) -> None:
        self._delays = policy.delays()
        self._end = None if policy.deadline is None else time.monotonic() + policy.deadline
        self._idempotent = policy.idempotent

    def pauses(self, error: ZooKeeperError) -> Optional[tuple[float, float]]:
        """Return the seconds to sleep after an error, then to wait for a connection; None after the last attempt."""
        if not is_retriable(error, self._idempotent) or self._is_final(error):
            return None
        seconds = next(self._delays, None)
        if seconds is None:
            return None
        if self._breaks_connections(error):
            return None
        left = math.inf if self._end is None else self._end - time.monotonic()
        if self._awaits_connection(error) and not is_large(error):
            shortest = seconds * _MIN_PAUSE
            return (shortest, min(seconds, left) - shortest) if shortest < left else None
        return (seconds, 0.0) if seconds < left else None

    def over(self) -> bool:
        """Return whether the deadline is over, so that no attempt may begin."""
        return self._end is not None and time.monotonic() >= self._end

    # ---- what a client knows better ---------------------------------------------------------------------------------

    def _is_final(self, error: ZooKeeperError) -> bool:
        """Return whether the error says that the session is gone and no other follows."""
        return False

    def _breaks_connections(self, error: ZooKeeperError) -> bool:
        """Return whether one connection after the other was lost with the call, because it is too large."""
        return False

    def _awaits_connection(self, error: ZooKeeperError) -> bool:
        """Return whether the next attempt needs a new connection, and not just some time."""
        return False


def is_large(error: ZooKeeperError) -> TypeGuard[ConnectionLossError]:
    """Return whether an error says that a connection was lost with a large request."""
    return isinstance(error, ConnectionLossError) and error.request_size is not None


def repeat(
    attempts: Attempts, wait: Optional[Callable[[float], object]], fn: Callable[..., _T], args: Any, kwargs: Any
) -> _T:
    """Call a function until it succeeds or no attempt is left.

    Args:
        attempts: The attempts that are left.
        wait: Waits so many seconds for a connection; None if there is no client.
        fn: The function.
        args: Its arguments.
        kwargs: Its arguments by name.
    """
    while True:
        try:
            return fn(*args, **kwargs)
        except ZooKeeperError as error:
            pauses = attempts.pauses(error)
            if pauses is None:
                raise
            time.sleep(pauses[0])
            if wait is not None and pauses[1]:
                # The next attempt reports the cause better: that the client was closed, or that the time is over.
                with contextlib.suppress(ZooKeeperError):
                    wait(pauses[1])
            if attempts.over():
                raise


async def repeat_async(
    attempts: Attempts,
    wait: Optional[Callable[[float], Awaitable[object]]],
    fn: Callable[..., Awaitable[_T]],
    args: Any,
    kwargs: Any,
) -> _T:
    """Await what a function returns, as :func:`repeat` calls one."""
    import asyncio  # Here, as programs with threads do without it.

    while True:
        try:
            return await fn(*args, **kwargs)
        except ZooKeeperError as error:
            pauses = attempts.pauses(error)
            if pauses is None:
                raise
            await asyncio.sleep(pauses[0])
            if wait is not None and pauses[1]:
                with contextlib.suppress(ZooKeeperError):
                    await wait(pauses[1])
            if attempts.over():
                raise
