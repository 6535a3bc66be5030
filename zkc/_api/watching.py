"""The calls that start recurring watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from zkc._api.runner import Runner
from zkc._commands import watching
from zkc._watch.callback_subscription import Subscription
from zkc._watch.persistent import EventSubscription
from zkc.types import Stat, WatchedEvent

__all__ = ["WatchCalls"]


class WatchCalls(Runner):
    """The calls of a client that follow a znode."""

    def watch_data(
        self,
        path: str,
        fn: Callable[[Optional[bytes], Optional[Stat]], object],
        *,
        timeout: Optional[float] = None,
    ) -> Subscription:
        """Call a function with the data of a znode now, and again after each change.

        The subscription survives lost connections, deletion and re-creation of the znode, and expiry of the session.
        Of several quick changes, the function may see only the last one; it always sees the last one. It never sees an
        older state after a newer one, nor the same state twice. Calls of the function do not overlap: while it runs,
        only the latest state waits.

        >>> subscription = client.watch_data("/config", lambda data, stat: print(data))
        >>> subscription.cancel()

        Args:
            path: Path of the znode, which need not exist.
            fn: A function that is called with ``(data, stat)``, or with ``(None, None)`` when there is no such znode.
                It runs where callbacks run: on a thread of the client, where it delays other callbacks, or for
                asyncio in the event loop, where it may be a coroutine function. The first call may come before this
                method returns. The client logs an exception of the function, and the subscription continues.
            timeout: How long to wait for the first reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            A :class:`~zkc.Subscription`. It lasts until its ``cancel()``, or :meth:`close`, even without a reference.

        Raises:
            NoAuthError: The ACL does not allow to read the znode. When the ACL changes later, the client logs the
                error, sets :attr:`~zkc.Subscription.error`, and reads again at the next connection. The
                servers send no events for changes that happen while the client may not read the znode: such a
                subscription, too, continues with the next connection.

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
        """Call a function with the names of a znode's children now, and again after each change.

        It works as :meth:`watch_data` does for data. Changes of the data cause no call.

        >>> subscription = client.watch_children("/workers", lambda names: print(names))

        Args:
            path: Path of the znode, which need not exist.
            fn: A function that is called with the sorted names, or with None when there is no such znode, where
                callbacks run.
            timeout: How long to wait for the first reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            A :class:`~zkc.Subscription`. It lasts until its ``cancel()``, or :meth:`close`, even without a reference.

        Raises:
            NoAuthError: The ACL does not allow to read the znode; as for :meth:`watch_data`.

        .. versionadded:: 0.1
        """
        return self._run(watching.watch_children, timeout, path, fn)

    def watch_events(
        self,
        path: str,
        fn: Callable[[WatchedEvent], object],
        *,
        recursive: bool = False,
        timeout: Optional[float] = None,
    ) -> EventSubscription:
        """Call a function with each event of a watch that stays at the server; servers of 3.6 and later.

        Events do not use the watch up: it reports every change while the connection lasts, in order, and nothing is
        read. An event of type GAP says that events may be missing before it. It comes after each new connection, when a
        new session follows one that expired, and when more than ``max_queued_events`` events waited. Then read again
        what you follow.

        >>> subscription = client.watch_events("/app", print, recursive=True)
        >>> subscription.cancel()

        Args:
            path: Path of the znode, which need not exist.
            fn: A function that is called with a :class:`~zkc.WatchedEvent`, one call at a time. It runs where callbacks
                run: on a thread of the client, where it delays other callbacks, or for asyncio in the event loop, where
                it may be a coroutine function. The client logs an exception of the function, and goes on.
            recursive: Whether to watch all znodes below the path too. The events are then CREATED, DELETED and CHANGED,
                with the path of the znode; else also CHILD.
            timeout: How long to wait for the reply, in seconds; the client's ``request_timeout`` if None.

        Returns:
            A :class:`~zkc.EventSubscription`. It lasts until its ``cancel()``, or :meth:`close`, even without a
            reference.

        Raises:
            UnimplementedError: The server is older than 3.6, or this build uses the system's libzookeeper. The refusal
                of a server costs the connection once; the client does not ask that session again.

        .. versionadded:: 0.1
        """
        return self._run(watching.watch_events, timeout, path, fn, recursive)
