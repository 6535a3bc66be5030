"""Subscriptions that call a function of the user; :meth:`zkc.Client.watch_data` returns them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from inspect import isawaitable, iscoroutine
from typing import Any, Optional

from zkc._watch.subscriptions import ReadKind, Subscriptions, ZnodeSubscription
from zkc._zookeeper import Request, Stat
from zkc.errors import ZooKeeperError

__all__ = ["Subscription"]

_log = logging.getLogger("zkc.client")


class Subscription(ZnodeSubscription):
    """A recurring watch, armed until it is cancelled or its client is closed.

    :meth:`zkc.Client.watch_data` and :meth:`zkc.Client.watch_children` return it. It goes on when this object is
    dropped.

    .. versionadded:: 0.1
    """

    path: str
    """Path of the znode."""

    def __init__(self, registry: Subscriptions, path: str, kind: ReadKind, fn: Callable[..., object]) -> None:
        super().__init__(registry, path, kind)
        self._fn = fn

    @property
    def cancelled(self) -> bool:
        """Whether it is over: it was cancelled, its client was closed, or there will be no session any more.

        .. versionadded:: 0.1
        """
        return self._over

    @property
    def error(self) -> Optional[ZooKeeperError]:
        """The error that keeps it from watching, such as a :class:`~zkc.NoAuthError`; None if nothing does.

        It tries again at the next connection.

        .. versionadded:: 0.1
        """
        return self._error

    def cancel(self) -> None:
        """Stop calling the function.

        May be called from any thread, from the function itself, and more than once. A call that is under way on another
        thread is not interrupted, and is the last.

        .. versionadded:: 0.1
        """
        super().cancel()

    def _on_error(self, error: ZooKeeperError) -> None:
        _log.warning("%s is not watched, will retry at the next connection: %s", self.path, str(error))

    def __repr__(self) -> str:
        state = "cancelled" if self._over else f"failing: {self._error}" if self._error is not None else "watching"
        return f"<zkc.Subscription {self.path} {state}>"

    def _begun(self, request: Request[Any]) -> None:
        with self._lock:
            current = self._arming is not None and not self._outdated
        if current:
            super()._begun(request)
        else:  # The znode changed already, or the session has ended. This may be any thread: read again.
            self._delivered()

    def _hand_over(self, stat: Optional[Stat], values: tuple[Any, ...]) -> None:
        self._registry.call_user(_Call(self, values))


class _Call:
    """One call of the user's function. A class of its own so that a log line shows whose function raised."""

    __slots__ = ("values", "watch")

    def __init__(self, watch: Subscription, values: tuple[Any, ...]) -> None:
        self.watch = watch
        self.values = values

    def __call__(self) -> object:
        running = False
        try:
            result = self.watch._fn(*self.values)
            if self.watch._registry.coroutines and isawaitable(result):
                running = True
                return self._finish(result)  # The client runs it as a task.
        finally:
            if not running:
                self.watch._delivered()
        return None

    async def _finish(self, result: Any) -> None:
        try:
            if self.watch._over and iscoroutine(result):
                result.close()  # Cancelled before it began.
            else:
                await result
        finally:
            self.watch._delivered()

    def __repr__(self) -> str:
        return repr(self.watch._fn)
