"""How long a command repeats what failed: for one --timeout after the last reply.

:class:`zkc.Retry` counts from the first attempt, and begins an attempt that may wait for a whole timeout just before
its deadline. A command would then fail after two timeouts, or more if it makes several calls of that kind.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Optional, TypeVar

if TYPE_CHECKING:
    from zkc import Client, ZooKeeperError

__all__ = ["PROBE", "Patience"]

_T = TypeVar("_T")

PROBE = 0.25
"""The part of --timeout for a smaller question to a server that has not answered a large one within a whole timeout."""


class Patience:
    """The attempts of one call, or of several that are parts of the same work.

    Args:
        client: The client that makes the calls.
        timeout: The seconds without a reply after which the error of the last attempt is final.
    """

    def __init__(self, client: Client, timeout: float) -> None:
        self._client, self._timeout = client, timeout
        self._failure: Optional[ZooKeeperError] = None
        self.renew()

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._end

    def renew(self) -> None:
        """Begin to count again: a server has answered."""
        self._end = time.monotonic() + self._timeout

    def repeat(self, function: Callable[[], _T], *, idempotent: bool = False) -> _T:
        """Call a function, and repeat it after transient errors where that is safe: see :func:`zkc.is_retriable`.

        A repeated attempt begins when the client is connected, and not at all without a connection.

        Raises:
            ZooKeeperError: The error of the last attempt.
        """
        from zkc import Retry

        policy = Retry(attempts=None, max_backoff=0.5, idempotent=idempotent)
        self._failure = None
        try:
            found: _T = self._client.retry(self._attempt, function, policy=policy)
        except _OverError as over:
            raise over.failure from over.failure.__cause__
        return found

    def _attempt(self, function: Callable[[], _T]) -> _T:
        from zkc import ZooKeeperError

        if self._failure is not None:
            self._await_connection(self._failure)
        try:
            return function()
        except ZooKeeperError as error:
            self._failure = error
            if self.is_over:
                raise _OverError(error) from None
            raise

    def _await_connection(self, failure: ZooKeeperError) -> None:
        from zkc import ClientState, OperationTimeoutError, ZooKeeperError

        left = self._end - time.monotonic()
        if left <= 0:
            raise _OverError(failure)
        # Other errors than the end of the time, such as that of a closed client: the attempt tells them better.
        with contextlib.suppress(ZooKeeperError):
            try:
                self._client.wait_for({ClientState.CONNECTED, ClientState.READ_ONLY}, timeout=left)
            except OperationTimeoutError:
                raise _OverError(failure) from None


class _OverError(Exception):
    """The time is over: the error of the last attempt is final."""

    def __init__(self, failure: ZooKeeperError) -> None:
        super().__init__(str(failure))
        self.failure = failure
