"""The calls on many znodes at once.

Requests go out without a wait for the one before, and the thread that calls is woken once for hundreds of answers.
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
    """One call for many znodes. All raise what :meth:`get_many` does."""

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

        >>> for found in client.get_many(f"/users/{name}" for name in client.children("/users")):
        ...     print(found)

        Args:
            paths: Paths of the znodes; any iterable, which is read as requests are sent.
            window: Most requests of this call without an answer at a time, from 1 to 16384, and never more than the
                client's ``max_in_flight``.
            raise_errors: Whether to raise the first error instead of returning it in its place. Nothing more is sent
                then, and what was sent is waited for first.
            progress: Called with the number of items done so far: about once per half window, and at the end. What it
                raises ends the call.
            timeout: How long the whole call may take, in seconds; the client's ``request_timeout`` if None.

        Returns:
            ``(data, stat)``, or the error, for each path, in their order. When the session ends meanwhile, all that
            could not be sent has one and the same error.

        Raises:
            TypeError: An item is of a wrong type; the message tells its position. All before it were sent, and
                waited for: only the first one is checked before anything is sent.
            ValueError: An item has a wrong value, likewise.
            ZooKeeperError: With ``raise_errors=True``: what the first item that failed would raise by itself.
            OperationTimeoutError: It took longer than ``timeout``; up to a window of requests is still under way.

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
        """Ask which of many znodes there are.

        Args:
            paths: Paths of the znodes; any iterable, which is read as requests are sent.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            The :class:`~zkc.Stat`, None if there is no such znode, or the error, for each path, in their order.

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
            paths: Paths of the znodes; any iterable, which is read as requests are sent.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            The names, in no particular order, or the error, for each path, in the order of the paths.

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
        """Create many znodes of one kind.

        >>> client.create_many((f"/users/{name}", data) for name, data in users.items())

        Args:
            items: Path, or ``(path, data)``, of each; any iterable, which is read as requests are sent. Parents come
                before their children: the servers do them in this order.
            acl: Who may do what with them; the client's ``default_acl`` if None.
            ephemeral: Whether they go with this client's session.
            sequential: Whether a ten-digit counter of the parent is appended to each name.
            container: Whether the servers delete each after its last child was deleted.
            ttl: For how long each stays when it has no children and is not changed, in seconds; None for ever.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            The path as made, or the error, for each item, in their order.

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
            items: ``(path, data)`` or ``(path, data, version)`` of each; any iterable, which is read as requests are
                sent. A version is that which the znode must have.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            The :class:`~zkc.Stat` afterwards, or the error, for each item, in their order.

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
            items: Path, or ``(path, version)``, of each; any iterable, which is read as requests are sent. Children
                come before their parents: the servers do them in this order.
            window, raise_errors, progress, timeout: As in :meth:`get_many`.

        Returns:
            None, or the error, for each item, in their order.

        .. versionadded:: 0.1
        """
        return self._run(bulk.delete_many, timeout, items, window, raise_errors, progress)
