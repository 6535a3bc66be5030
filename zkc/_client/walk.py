"""walk(): the one call that gives its results one by one, as an iterator or an asynchronous one."""

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
    """walk() as an iterator."""

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
        """Go through a znode and all below it, breadth first: parents before their children.

        It asks ahead while its caller works, and holds the paths that are still to come and no more than a window of
        answers. A znode that goes meanwhile is left out. It is no snapshot: znodes are seen one after the other.

        >>> for node in client.walk("/app"):
        ...     print(node.path, node.stat.data_length, node.children)

        Args:
            path: Where to begin.
            with_data: Whether to read the data of each.
            with_acl: Whether to read the ACL of each.
            system: Whether to go into /zookeeper as well, where the servers keep what is theirs. A walk that begins
                there does in any case.
            window: Most requests without an answer at a time, from 1 to 16384, and never more than the client's
                ``max_in_flight``.
            timeout: How long to wait for the znodes that come next, in seconds; the client's ``request_timeout`` if
                None.

        Returns:
            An iterator (for :class:`~zkc.AsyncClient` an asynchronous one) of :class:`~zkc.TreeNode`.

        Raises:
            NoNodeError: There is no znode to begin at; raised by the first step, as all that the servers answer.

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
    """walk() as an asynchronous iterator."""

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
        """Go through a znode and all below it, breadth first, as :meth:`zkc.Client.walk` does.

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
