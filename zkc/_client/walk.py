"""The call walk(), whose results come one by one, from an iterator or an asynchronous iterator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._args import check_timeout
from zkc._commands.trees import TreeNode, TreeWalker, visitor

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from zkc._commands.protocol import CommandClient

__all__ = ["AsyncWalk", "SyncWalk"]


def _look(self: object, path: str, with_data: bool, with_acl: bool, system: bool, window: int) -> TreeWalker:
    return visitor(cast("CommandClient", self), path, with_data, with_acl, system, window)


class SyncWalk:
    """The method ``walk`` of :class:`zkc.Client`."""

    if TYPE_CHECKING:

        def _run(self, command: Any, timeout: Optional[float], *arguments: Any, **options: Any) -> Any: ...

    def walk(
        self,
        path: str = "/",
        *,
        with_data: bool = False,
        with_acl: bool = False,
        system: bool = False,
        window: int = 1000,
        timeout: Optional[float] = None,
    ) -> Iterator[TreeNode]:
        """Iterate over a znode and its descendants, breadth first: parents before their children.

        The iterator reads ahead while its caller works. It holds the paths that are still to come, and at most a window
        of replies. Znodes that are deleted during the walk are left out. The result is no snapshot: the client reads
        one znode after the other.

        >>> for node in client.walk("/app"):
        ...     print(node.path, node.stat.data_length, node.children)

        Args:
            path: The root of the walk.
            with_data: Whether to read the data of each znode.
            with_acl: Whether to read the ACL of each znode.
            system: Whether to read /zookeeper as well, where the servers keep their own znodes. A walk that begins
                there reads it in any case.
            window: Most requests without a reply at a time, from 1 to 16384, and never more than the client's
                ``max_in_flight``.
            timeout: How long to wait for the next znodes, in seconds; the client's ``request_timeout`` if None.

        Returns:
            An iterator (for :class:`~zkc.AsyncClient` an asynchronous one) of :class:`~zkc.TreeNode`.

        Raises:
            NoNodeError: There is no such znode. The first step of the iteration raises it.

        .. versionadded:: 0.1
        """
        check_timeout(timeout)
        return self._walk_on(_look(self, path, with_data, with_acl, system, window), timeout)

    def _walk_on(self, look: TreeWalker, timeout: Optional[float]) -> Iterator[TreeNode]:
        while True:
            nodes: list[TreeNode] = self._run(lambda _: look.batch(), timeout)
            if not nodes:
                return
            yield from nodes


class AsyncWalk:
    """The method ``walk`` of :class:`zkc.AsyncClient`."""

    if TYPE_CHECKING:

        def _run(self, command: Any, timeout: Optional[float], *arguments: Any, **options: Any) -> Awaitable[Any]: ...

    def walk(
        self,
        path: str = "/",
        *,
        with_data: bool = False,
        with_acl: bool = False,
        system: bool = False,
        window: int = 1000,
        timeout: Optional[float] = None,
    ) -> AsyncIterator[TreeNode]:
        """Iterate over a znode and its descendants, breadth first, as :meth:`zkc.Client.walk` does.

        >>> async for node in client.walk("/app"):
        ...     print(node.path, node.stat.data_length, node.children)

        .. versionadded:: 0.1
        """
        check_timeout(timeout)
        return self._walk_on(_look(self, path, with_data, with_acl, system, window), timeout)

    async def _walk_on(self, look: TreeWalker, timeout: Optional[float]) -> AsyncIterator[TreeNode]:
        while True:
            nodes: list[TreeNode] = await self._run(lambda _: look.batch(), timeout)
            if not nodes:
                return
            for node in nodes:
                yield node
