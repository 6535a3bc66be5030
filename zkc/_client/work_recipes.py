"""The methods of the clients that make the recipes of work: queues, partitions and leases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._client.group_recipes import load_recipe

if TYPE_CHECKING:
    from zkc.recipes.queue import AsyncQueue, Queue
    from zkc.types import ACL

__all__ = ["AsyncWorkRecipes", "SyncWorkRecipes"]


def _queue(kind: str, client: Any, path: str, **options: Any) -> Any:
    recipe = load_recipe("queue")
    return getattr(recipe, kind)(client, path, **recipe.queue_options(client, path, **options))


class SyncWorkRecipes:
    """The recipes of work of :class:`zkc.Client`."""

    def queue(
        self,
        path: str,
        *,
        layout: str = "zkc",
        max_attempts: Optional[int] = None,
        dead_letter: Optional[str] = None,
        claims: Optional[str] = None,
        prefetch: int = 0,
        acl: Optional[Sequence[ACL]] = None,
    ) -> Queue:
        """Return a queue of items that are delivered at least once. Nothing is sent before it is used.

        >>> queue = client.queue("/jobs")
        >>> with queue.get(timeout=5.0) as item:
        ...     work(item.data)

        Args:
            path: Path of the queue. It is created if it is missing.
            layout: The names of the znodes: ``"zkc"``, ``"kazoo"`` (its ``Queue``), ``"kazoo-locking"`` (its
                ``LockingQueue``) or ``"curator"``. All programs on a path must use the same.
            max_attempts: The number of deliveries after which an item is moved away; None for no limit.
            dead_letter: The path that such items are moved to, and those that cannot be parsed. With ``max_attempts``
                the default is below or beside the queue's path, otherwise items that cannot be parsed are skipped.
            claims: The path of the claims: for Curator's layout the ``lockPath`` of the other consumers.
            prefetch: The number of items that a get claims ahead, in the same flight. Other consumers do not get them.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.

        Raises:
            ValueError: A path, ``layout`` or number is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {"layout": layout, "max_attempts": max_attempts, "dead_letter": dead_letter}
        return cast("Queue", _queue("Queue", self, path, claims=claims, prefetch=prefetch, acl=acl, **options))


class AsyncWorkRecipes:
    """The recipes of work of :class:`zkc.AsyncClient`."""

    def queue(
        self,
        path: str,
        *,
        layout: str = "zkc",
        max_attempts: Optional[int] = None,
        dead_letter: Optional[str] = None,
        claims: Optional[str] = None,
        prefetch: int = 0,
        acl: Optional[Sequence[ACL]] = None,
    ) -> AsyncQueue:
        """Return a queue of items that are delivered at least once, as :meth:`zkc.Client.queue` does.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {"layout": layout, "max_attempts": max_attempts, "dead_letter": dead_letter}
        return cast(
            "AsyncQueue", _queue("AsyncQueue", self, path, claims=claims, prefetch=prefetch, acl=acl, **options)
        )
