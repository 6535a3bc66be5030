"""The bulk calls: one call for many znodes.

The client sends each request without waiting for the reply to the one before. The calling thread wakes up once for
hundreds of replies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Optional, Union, overload

from zkc._api.runner import Runner
from zkc._commands import bulk
from zkc.errors import ZooKeeperError
from zkc.types import ACL, Data, Stat

__all__ = ["BulkCalls"]


class BulkCalls(Runner):
    """The bulk calls of a client. All raise what :meth:`get_many` raises."""

    @overload
    def get_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: Literal[True],
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[tuple[Optional[bytes], Stat]]: ...

    @overload
    def get_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Union[tuple[Optional[bytes], Stat], ZooKeeperError]]: ...

    def get_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Any]:
        """Read the data of many znodes.

        Servers since 3.6 read many of them by one request.

        >>> for found in client.get_many(f"/users/{name}" for name in client.children("/users")):
        ...     print(found)

        Args:
            paths: Paths of the znodes. The call reads this iterable while it sends.
            window: Most items of this call without a reply at a time, from 1 to 16384, and never more than the
                client's ``max_in_flight``.
            raise_errors: Whether to raise the first error instead of returning it in its place. The client then sends
                nothing more, and waits for the replies to the sent requests before it raises.
            progress: A callback that is called with the number of finished items, about once per half window and at
                the end. An exception of the callback ends the call.
            timeout: How long the whole call may take, in seconds; the client's ``request_timeout`` if None.

        Returns:
            For each path, in their order: ``(data, stat)``, or the error. When the session ends during the call, all
            items that could not be sent have the same error.

        Raises:
            TypeError: An item has a wrong type; the message names its position. Only the first item is checked before
                anything is sent. The items before the wrong one were sent, and their replies were awaited.
            ValueError: An item has a wrong value; as for TypeError.
            ZooKeeperError: With ``raise_errors=True``: the error of the first item that failed.
            OperationTimeoutError: The call took longer than ``timeout``. Up to a window of items is still in flight.

        .. versionadded:: 0.1
        """
        return self._run(bulk.get_many, timeout, paths, window, raise_errors, progress)

    @overload
    def exists_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: Literal[True],
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Optional[Stat]]: ...

    @overload
    def exists_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Union[Stat, ZooKeeperError, None]]: ...

    def exists_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Any]:
        """Return the stats of those of many znodes that exist.

        Args:
            paths: Paths of the znodes. The call reads this iterable while it sends.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            For each path, in their order: the :class:`~zkc.Stat`, None if there is no such znode, or the error.

        .. versionadded:: 0.1
        """
        return self._run(bulk.exists_many, timeout, paths, window, raise_errors, progress)

    @overload
    def children_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: Literal[True],
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[list[str]]: ...

    @overload
    def children_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Union[list[str], ZooKeeperError]]: ...

    def children_many(
        self,
        paths: Iterable[str],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Any]:
        """List the names of the children of many znodes.

        Args:
            paths: Paths of the znodes. The call reads this iterable while it sends.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            For each path, in their order: the names of the children, in no particular order, or the error.

        .. versionadded:: 0.1
        """
        return self._run(bulk.children_many, timeout, paths, window, raise_errors, progress)

    @overload
    def create_many(
        self,
        items: Iterable[Union[str, tuple[str, Optional[Data]]]],
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
        window: int = 1000,
        raise_errors: Literal[True],
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[str]: ...

    @overload
    def create_many(
        self,
        items: Iterable[Union[str, tuple[str, Optional[Data]]]],
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Union[str, ZooKeeperError]]: ...

    def create_many(
        self,
        items: Iterable[Union[str, tuple[str, Optional[Data]]]],
        *,
        acl: Optional[Sequence[ACL]] = None,
        ephemeral: bool = False,
        sequential: bool = False,
        container: bool = False,
        ttl: Optional[float] = None,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Any]:
        """Create many znodes of the same kind.

        >>> client.create_many((f"/users/{name}", data) for name, data in users.items())

        Args:
            items: The path, or ``(path, data)``, of each znode. The call reads this iterable while it sends. Parents
                must come before their children: the servers create the znodes in this order.
            acl: The access control list of the znodes; the client's ``default_acl`` if None.
            ephemeral: Whether the znodes end with this client's session.
            sequential: Whether the servers append a ten-digit counter of the parent to each name.
            container: Whether the servers delete each znode after its last child was deleted.
            ttl: The seconds after which the servers delete a znode if it has no children and is not changed; None for
                no limit.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            For each item, in their order: the path of the created znode, or the error.

        .. versionadded:: 0.1
        """
        return self._run(
            bulk.create_many, timeout, items, acl, ephemeral, sequential, container, ttl, window, raise_errors, progress
        )

    @overload
    def set_many(
        self,
        items: Iterable[Union[tuple[str, Optional[Data]], tuple[str, Optional[Data], int]]],
        *,
        window: int = 1000,
        raise_errors: Literal[True],
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Stat]: ...

    @overload
    def set_many(
        self,
        items: Iterable[Union[tuple[str, Optional[Data]], tuple[str, Optional[Data], int]]],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Union[Stat, ZooKeeperError]]: ...

    def set_many(
        self,
        items: Iterable[Union[tuple[str, Optional[Data]], tuple[str, Optional[Data], int]]],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Any]:
        """Replace the data of many znodes.

        Args:
            items: ``(path, data)`` or ``(path, data, version)`` of each znode. The call reads this iterable while it
                sends. The version is the one that the znode must have.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            For each item, in their order: the :class:`~zkc.Stat` after the change, or the error.

        .. versionadded:: 0.1
        """
        return self._run(bulk.set_many, timeout, items, window, raise_errors, progress)

    @overload
    def delete_many(
        self,
        items: Iterable[Union[str, tuple[str, int]]],
        *,
        window: int = 1000,
        raise_errors: Literal[True],
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[None]: ...

    @overload
    def delete_many(
        self,
        items: Iterable[Union[str, tuple[str, int]]],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Optional[ZooKeeperError]]: ...

    def delete_many(
        self,
        items: Iterable[Union[str, tuple[str, int]]],
        *,
        window: int = 1000,
        raise_errors: bool = False,
        progress: Optional[Callable[[int], object]] = None,
        timeout: Optional[float] = None,
    ) -> list[Any]:
        """Delete many znodes.

        Args:
            items: The path, or ``(path, version)``, of each znode. The call reads this iterable while it sends.
                Children must come before their parents: the servers delete the znodes in this order.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            For each item, in their order: None, or the error.

        .. versionadded:: 0.1
        """
        return self._run(bulk.delete_many, timeout, items, window, raise_errors, progress)
