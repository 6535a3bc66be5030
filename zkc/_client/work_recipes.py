"""The methods of the clients that make the recipes of work: queues, partitions and leases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._client.group_recipes import load_recipe

if TYPE_CHECKING:
    from zkc.recipes.hold import AsyncHold, Hold
    from zkc.recipes.lease import AsyncLease, Lease
    from zkc.recipes.partitioner import AsyncPartitioner, Partitioner
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

    def partitioner(
        self,
        path: str,
        items: Iterable[str],
        *,
        identifier: str,
        weight: float = 1.0,
        settle: float = 1.0,
        on_assign: Optional[Callable[[str, Hold], object]] = None,
        on_revoke: Optional[Callable[[str], object]] = None,
    ) -> Partitioner:
        """Return a member that shares items with others. Nothing is sent before it is started.

        >>> with client.partitioner("/shards", ["a", "b", "c"], identifier="host-1") as partitioner:
        ...     print(sorted(partitioner.mine))

        Args:
            path: Path of the partitioner, the parent of its members and locks. It is created if it is missing.
            items: The names of the items. All members must give the same.
            identifier: The name of this member, such as a host name. No two members may have the same.
            weight: The share of this member, relative to that of others.
            settle: For how many seconds an item's new member must stay the same before the item moves.
            on_assign: A function of an item and its hold. The client calls it when this member has got the item.
            on_revoke: A function of an item. The client calls it before it releases the item, and after a loss. The
                item is released when it has returned. Both run where callbacks run.

        Raises:
            ValueError: ``path``, ``identifier`` or an item is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {"identifier": identifier, "weight": weight, "settle": settle}
        options.update(on_assign=on_assign, on_revoke=on_revoke)
        return cast("Partitioner", load_recipe("partitioner").Partitioner(self, path, items, **options))

    def lease(self, path: str, *, owner: str, ttl: float, renew: bool = True) -> Lease:
        """Return a lease, which outlives the session. Nothing is sent before it is acquired.

        >>> with client.lease("/deploy", owner="host-1", ttl=30.0) as hold:
        ...     hold.check(margin=5.0)

        Args:
            path: Path of the lease. It is created if it is missing.
            owner: The name of the owner, which a restarted process gives again to take the lease back.
            ttl: For how many seconds the lease is valid after a renewal.
            renew: Whether the client renews the lease by itself, three times in its ttl, until it is released.

        Raises:
            ValueError: ``path``, ``owner`` or ``ttl`` is malformed.

        .. versionadded:: 0.1
        """
        return cast("Lease", load_recipe("lease").Lease(self, path, owner=owner, ttl=ttl, renew=renew))


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

    def partitioner(
        self,
        path: str,
        items: Iterable[str],
        *,
        identifier: str,
        weight: float = 1.0,
        settle: float = 1.0,
        on_assign: Optional[Callable[[str, AsyncHold], object]] = None,
        on_revoke: Optional[Callable[[str], object]] = None,
    ) -> AsyncPartitioner:
        """Return a member that shares items with others, as :meth:`zkc.Client.partitioner` does.

        The callbacks may be coroutine functions.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {"identifier": identifier, "weight": weight, "settle": settle}
        options.update(on_assign=on_assign, on_revoke=on_revoke)
        return cast("AsyncPartitioner", load_recipe("partitioner").AsyncPartitioner(self, path, items, **options))

    def lease(self, path: str, *, owner: str, ttl: float, renew: bool = True) -> AsyncLease:
        """Return a lease, which outlives the session, as :meth:`zkc.Client.lease` does.

        .. versionadded:: 0.1
        """
        return cast("AsyncLease", load_recipe("lease").AsyncLease(self, path, owner=owner, ttl=ttl, renew=renew))
