"""The method ``retry`` of both clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Optional, TypeVar, cast, overload

from zkc._client.base import BaseClient
from zkc._session.losses import LossCounter
from zkc._session.manager import CONNECTED_STATES
from zkc.errors import ConnectionLossError, SessionExpiredError, ZooKeeperError
from zkc.retry import Attempts, Retry, check_function, check_policy, is_large, repeat, repeat_async

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    from zkc._client.aio import AsyncClient
    from zkc._client.sync import Client

    _P = ParamSpec("_P")

__all__ = ["AsyncRetry", "SyncRetry"]

_T = TypeVar("_T")


class _ClientAttempts(Attempts):
    """The attempts of a call that a client makes: the client knows its session and its connections."""

    __slots__ = ("_client", "_large")

    def __init__(self, policy: Retry, client: BaseClient) -> None:
        super().__init__(policy)
        self._client = client
        # However many attempts are left: a large request that each connection is lost with is refused.
        self._large = LossCounter(client)

    def _is_final(self, error: ZooKeeperError) -> bool:
        return error.session_lost and (self._client.closed or self._client._failure is not None)

    def _breaks_connections(self, error: ZooKeeperError) -> bool:
        return is_large(error) and self._large.note(error)

    def _awaits_connection(self, error: ZooKeeperError) -> bool:
        if self._client.closed:  # The call that is repeated may be start().
            return False
        return isinstance(error, (ConnectionLossError, SessionExpiredError)) or not self._client.connected


class SyncRetry:
    """The method ``retry`` of :class:`zkc.Client`."""

    # Python's types cannot add a keyword argument to the arguments of a function.
    @overload
    def retry(self, fn: Callable[..., _T], *args: Any, policy: Optional[Retry], **kwargs: Any) -> _T: ...

    @overload
    def retry(self, fn: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T: ...

    def retry(  # type: ignore[misc]  # a function with a parameter `policy` of its own cannot get it here
        self, fn: Callable[..., _T], *args: Any, policy: Optional[Retry] = None, **kwargs: Any
    ) -> _T:
        """Call a function, and repeat it after transient errors.

        The client repeats a call that can succeed and is safe to repeat: see :func:`zkc.is_retriable`. After a lost
        connection or an expired session, the pause ends as soon as the client is connected again.

        >>> client.retry(client.set, "/a", b"x", version=3)
        >>> client.retry(client.set, "/a", b"x", policy=zkc.Retry(deadline=60.0, idempotent=True))

        Args:
            fn: A method of this client, or a function that makes several calls. The client repeats it as a whole, from
                its beginning.
            *args: Its arguments.
            policy: The number of attempts and the pauses; ``Retry()`` if None, which makes five attempts.
            **kwargs: Its arguments by name.

        Returns:
            What the function returns.

        Raises:
            ZooKeeperError: The error of the last attempt.

        .. versionadded:: 0.1
        """
        client = cast("Client", self)
        attempts = _ClientAttempts(check_policy(policy), client)
        return repeat(
            attempts, lambda left: client.wait_for(CONNECTED_STATES, timeout=left), check_function(fn), args, kwargs
        )


class AsyncRetry:
    """The method ``retry`` of :class:`zkc.AsyncClient`."""

    @overload
    async def retry(
        self, fn: Callable[..., Awaitable[_T]], *args: Any, policy: Optional[Retry], **kwargs: Any
    ) -> _T: ...

    @overload
    async def retry(self, fn: Callable[_P, Awaitable[_T]], *args: _P.args, **kwargs: _P.kwargs) -> _T: ...

    async def retry(  # type: ignore[misc]  # as above
        self, fn: Callable[..., Awaitable[_T]], *args: Any, policy: Optional[Retry] = None, **kwargs: Any
    ) -> _T:
        """Await what a function returns, and repeat it after transient errors, as :meth:`zkc.Client.retry` does.

        A cancellation ends the call at once.

        >>> await client.retry(client.set, "/a", b"x", version=3)

        .. versionadded:: 0.1
        """
        client = cast("AsyncClient", self)
        attempts = _ClientAttempts(check_policy(policy), client)
        return await repeat_async(
            attempts, lambda left: client.wait_for(CONNECTED_STATES, timeout=left), check_function(fn), args, kwargs
        )
