"""The barrier, which holds up all programs until it is removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Optional, cast

from zkc._args import check_path, check_seconds, encode_acl
from zkc._flow import Await, Flow, Pause, sub_result_of
from zkc.errors import (
    ConnectionLossError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    OperationTimeoutError,
    SessionExpiredError,
)
from zkc.recipes._observing import OnceWatch, watched
from zkc.recipes._parents import bases_of, make_bases

if TYPE_CHECKING:
    from zkc._client.aio import AsyncClient
    from zkc._client.aio_future import AsyncFuture
    from zkc._client.base import BaseClient
    from zkc._client.sync import Client
    from zkc._commands.protocol import CommandClient
    from zkc._zookeeper import Session
    from zkc.types import ACL

__all__ = ["AsyncBarrier", "Barrier"]

_PAUSE = 0.05  # The pause in seconds before the next try while there is no connection.
_NO_LIMIT = 1e9  # Thirty years, in seconds.


def _limit(timeout: Optional[float]) -> float:
    return _NO_LIMIT if timeout is None else check_seconds(timeout)


# ---- the barrier ----------------------------------------------------------------------------------------------------


class BaseBarrier:
    """The base of the barriers: their flows."""

    def __init__(self, client: BaseClient, path: str, *, acl: Optional[Sequence[ACL]]) -> None:
        check_path(path)
        if path == "/":
            raise ValueError("path must not be the root: the barrier is the znode itself")
        self._client = client
        self._path = path
        self._acl = client._settings.default_acl if acl is None else encode_acl(acl)

    @property
    def path(self) -> str:
        """The path of the barrier, which exists as long as the barrier is set.

        .. versionadded:: 0.1
        """
        return self._path

    def __repr__(self) -> str:
        return f"<zkc.{type(self).__name__} {self._path}>"

    def _again(self, operation: str) -> Pause:
        """Return the pause after a lost session, unless no other follows."""
        if self._client._failure is not None or self._client.closed:
            raise SessionExpiredError(operation=operation, path=self._path)
        return Pause(_PAUSE, operation, self._path)

    def _set_flow(self, client: CommandClient) -> Flow[bool]:
        lost = False
        while True:
            session = client.session
            try:
                yield from sub_result_of(session.create(self._path, b"", self._acl), "set", self._path)
                return True
            except NodeExistsError:
                return lost
            except NoNodeError:
                yield from make_bases(self._client, bases_of(self._client, self._path)[:-1], "set", self._path)
            except ConnectionLossError as error:
                lost = lost or error.maybe_applied is not False
                yield Pause(_PAUSE, "set", self._path)
            except SessionExpiredError:
                lost = True
                yield self._again("set")

    def _remove_flow(self, client: CommandClient) -> Flow[bool]:
        lost = False
        while True:
            try:
                yield from sub_result_of(client.session.delete(self._path), "remove", self._path)
                return True
            except NoNodeError:
                return lost
            except ConnectionLossError as error:
                lost = lost or error.maybe_applied is not False
                yield Pause(_PAUSE, "remove", self._path)
            except SessionExpiredError:
                lost = True
                yield self._again("remove")

    def _is_set_flow(self, client: CommandClient) -> Flow[bool]:
        return (yield from sub_result_of(client.session.exists(self._path), "is_set", self._path)) is not None

    def _wait_flow(self, client: CommandClient) -> Flow[None]:
        while True:
            watch = OnceWatch()
            try:
                if not (yield from self._look(client.session, watch)):
                    return
                yield Await(watch.signal, None, "wait", self._path)
            except ConnectionLossError:
                yield Pause(_PAUSE, "wait", self._path)
            except SessionExpiredError:
                yield self._again("wait")
            finally:
                watch.forget()

    def _look(self, session: Session, watch: OnceWatch) -> Flow[bool]:
        """Return whether the barrier is set, and watch it if so."""
        try:
            yield from watched(session, "get", self._path, "wait", watch)
        except NoNodeError:
            return False
        except NoAuthError:  # Its data cannot be read; exists() needs no permission.
            return (yield from watched(session, "exists", self._path, "wait", watch)) is not None
        return True


class Barrier(BaseBarrier):
    """A barrier of a synchronous client. :meth:`zkc.Client.barrier` makes it.

    >>> barrier = client.barrier("/maintenance")
    >>> barrier.set()
    True
    >>> barrier.wait(timeout=1.0)
    False

    .. versionadded:: 0.1
    """

    _client: Client

    def set(self, *, timeout: Optional[float] = None) -> bool:
        """Set the barrier: create its znode, and the parents that are missing.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether this call has set it; False if it was set before.

        .. versionadded:: 0.1
        """
        return self._client._run(self._set_flow, timeout)

    def remove(self, *, timeout: Optional[float] = None) -> bool:
        """Remove the barrier, which lets all waiting programs pass.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        Returns:
            Whether this call has removed it; False if it was not set.

        Raises:
            NotEmptyError: The znode has children.

        .. versionadded:: 0.1
        """
        return self._client._run(self._remove_flow, timeout)

    def is_set(self, *, timeout: Optional[float] = None) -> bool:
        """Return whether the barrier is set, as the client's server knows it.

        Args:
            timeout: Timeout in seconds; the client's ``request_timeout`` if None.

        .. versionadded:: 0.1
        """
        return self._client._run(self._is_set_flow, timeout)

    def wait(self, *, timeout: Optional[float] = None) -> bool:
        """Wait until the barrier is removed. The wait continues through lost connections and expiries.

        Args:
            timeout: Timeout in seconds; None for no limit.

        Returns:
            True when the barrier is not set; False if it was set for all of the time.

        .. versionadded:: 0.1
        """
        try:
            self._client._run(self._wait_flow, _limit(timeout))
        except OperationTimeoutError:
            return False
        return True


class AsyncBarrier(BaseBarrier):
    """A barrier of a client for asyncio, as :class:`Barrier`. :meth:`zkc.AsyncClient.barrier` makes it.

    .. versionadded:: 0.1
    """

    _client: AsyncClient

    def set(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Set the barrier, as :meth:`Barrier.set` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._set_flow, timeout))

    def remove(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Remove the barrier, as :meth:`Barrier.remove` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._remove_flow, timeout))

    def is_set(self, *, timeout: Optional[float] = None) -> AsyncFuture[bool]:
        """Return whether the barrier is set, as :meth:`Barrier.is_set` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncFuture[bool]", self._client._run(self._is_set_flow, timeout))

    async def wait(self, *, timeout: Optional[float] = None) -> bool:
        """Wait until the barrier is removed, as :meth:`Barrier.wait` does.

        .. versionadded:: 0.1
        """
        try:
            await self._client._run(self._wait_flow, _limit(timeout))
        except OperationTimeoutError:
            return False
        return True
