"""The calls that set watches which stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from zkc._api.runner import Runner
from zkc._commands import watching
from zkc._watch.callback_subscription import Subscription
from zkc.types import Stat

__all__ = ["WatchCalls"]


class WatchCalls(Runner):
    """Follow what becomes of a znode."""

    def watch_data(
        self,
        path: str,
        fn: Callable[[Optional[bytes], Optional[Stat]], object],
        *,
        timeout: Optional[float] = None,
    ) -> Subscription:
        """Have a function called with the data of a znode now, and again after each change, for as long as it takes.

        The watch survives lost connections, deletion and re-creation of the znode, and the expiry of the session. Of
        changes in quick succession the function may see only the last, and the last it always sees; never an older
        state after a newer one, nor the same one twice. Calls do not overlap: while one goes on, only the latest state
        waits.

        >>> handle = client.watch_data("/config", lambda data, stat: print(data))
        >>> handle.cancel()

        Args:
            path: Path of the znode, which need not exist.
            fn: Called with ``(data, stat)``, or ``(None, None)`` when there is no such znode, where callbacks run: on
                a thread of the client, where it holds up other callbacks, or for asyncio in the event loop (there it
                may be a coroutine function). The first call may come before this method returns. What it raises is
                logged, and the watch goes on.
            timeout: How long to wait for the first answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            A handle, which may be dropped: the watch stays until ``handle.cancel()``, or :meth:`close`.

        Raises:
            NoAuthError: The znode may not be read. When this is found later, it is logged, it is the handle's
                :attr:`~zkc.Subscription.error`, and the watch tries again at the next connection. The servers do not
                tell a client of changes that come while it may not read the znode: also such a watch goes on with
                the next connection.

        .. versionadded:: 0.1
        """
        return self._run(watching.watch_data, timeout, path, fn)

    def watch_children(
        self,
        path: str,
        fn: Callable[[Optional[list[str]]], object],
        *,
        timeout: Optional[float] = None,
    ) -> Subscription:
        """Have a function called with the names of a znode's children now, and again after each change.

        It is to children what :meth:`watch_data` is to data: see there. Changes of the data are not told.

        >>> handle = client.watch_children("/workers", lambda names: print(names))

        Args:
            path: Path of the znode, which need not exist.
            fn: Called with the names, sorted, or None when there is no such znode, where callbacks run.
            timeout: How long to wait for the first answer, in seconds; the client's ``request_timeout`` if None.

        Returns:
            A handle, which may be dropped: the watch stays until ``handle.cancel()``, or :meth:`close`.

        Raises:
            NoAuthError: The znode may not be read; as for :meth:`watch_data`.

        .. versionadded:: 0.1
        """
        return self._run(watching.watch_children, timeout, path, fn)
