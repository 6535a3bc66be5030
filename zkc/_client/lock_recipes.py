"""The methods of the clients that make locks and semaphores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._client.group_recipes import load_recipe

if TYPE_CHECKING:
    from zkc.recipes.lock import AsyncLock, Lock
    from zkc.recipes.multilock import AsyncMultiLock, MultiLock
    from zkc.recipes.rwlock import AsyncReadWriteLock, ReadWriteLock
    from zkc.recipes.semaphore import AsyncSemaphore, Semaphore
    from zkc.types import ACL, Data

__all__ = ["AsyncLockRecipes", "SyncLockRecipes"]


class SyncLockRecipes:
    """The locks of :class:`zkc.Client`."""

    def lock(
        self,
        path: str,
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
        on_suspend: str = "doubt",
        max_waiters: Optional[int] = None,
    ) -> Lock:
        """Return a lock. Nothing is sent before it is acquired.

        >>> with client.lock("/locks/report") as hold:
        ...     hold.check()

        Args:
            path: Path of the lock, the parent of its contenders. It is created if it is missing.
            identifier: A text that :meth:`contenders <zkc.recipes.Lock.contenders>` shows, such as a host name.
            data: The data of the contender's znode in bytes; the identifier if None.
            layout: The names of the znodes: ``"curator"``, or ``"kazoo"``. All programs on a path must use the same.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.
            container: Whether the path is created as a container, which the servers delete when it is empty.
            on_suspend: The state of a hold after a connection loss. ``"doubt"``: IN_DOUBT until the servers answer.
                ``"deadline"``: it is LOST when they have not answered for the session timeout, by the client's clock.
                ``"lost"``: it is LOST at once, and the znode is deleted when the connection is back.
            max_waiters: The number of contenders in front beyond which an acquire fails at once; None for no limit.

        Raises:
            ValueError: ``path``, ``layout`` or ``on_suspend`` is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "on_suspend": on_suspend,
            "max_waiters": max_waiters,
        }
        recipe = load_recipe("lock")
        return cast("Lock", recipe.Lock(self, recipe.contest_of(self, path, **options)))

    def rwlock(
        self,
        path: str,
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
        on_suspend: str = "doubt",
        max_waiters: Optional[int] = None,
    ) -> ReadWriteLock:
        """Return a read-write lock. Nothing is sent before its ``read`` or ``write`` is acquired.

        >>> with client.rwlock("/locks/config").read:
        ...     data, stat = client.get("/config")

        Args:
            path: Path of the lock, the parent of its contenders. It is created if it is missing.
            identifier: A text that :meth:`contenders <zkc.recipes.Lock.contenders>` shows, such as a host name.
            data: The data of the contender's znode in bytes; the identifier if None.
            layout: The names of the znodes: ``"curator"``, or ``"kazoo"``. All programs on a path must use the same.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.
            container: Whether the path is created as a container, which the servers delete when it is empty.
            on_suspend: The state of a hold after a connection loss. ``"doubt"``: IN_DOUBT until the servers answer.
                ``"deadline"``: it is LOST when they have not answered for the session timeout, by the client's clock.
                ``"lost"``: it is LOST at once, and the znode is deleted when the connection is back.
            max_waiters: The number of contenders in front beyond which an acquire fails at once; None for no limit.

        Raises:
            ValueError: ``path``, ``layout`` or ``on_suspend`` is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "on_suspend": on_suspend,
            "max_waiters": max_waiters,
        }
        recipe = load_recipe("rwlock")
        return cast("ReadWriteLock", recipe.ReadWriteLock(self, load_recipe("lock").contest_of(self, path, **options)))

    def semaphore(
        self,
        path: str,
        limit: int,
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
        on_suspend: str = "doubt",
        max_waiters: Optional[int] = None,
    ) -> Semaphore:
        """Return a semaphore: a limited number of leases. Nothing is sent before it is acquired.

        >>> with client.semaphore("/semaphores/workers", 3) as hold:
        ...     hold.check()

        Args:
            path: Path of the semaphore. It is created if it is missing.
            limit: The largest number of leases. A limit that
                :meth:`~zkc.recipes.Semaphore.set_limit` has written to the path takes precedence. In kazoo's layout
                another one raises LimitMismatchError.
            identifier: A text that :meth:`holders <zkc.recipes.Semaphore.holders>` shows, such as a host name.
            data: The data of the lease's znode in bytes; the identifier if None.
            layout: The names of the znodes: ``"curator"``, or ``"kazoo"``. All programs on a path must use the same.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.
            container: Whether parents are created as containers, which the servers delete when they are empty.
            on_suspend: The state of a hold after a connection loss. ``"doubt"``: IN_DOUBT until the servers answer.
                ``"deadline"``: it is LOST when they have not answered for the session timeout, by the client's clock.
                ``"lost"``: it is LOST at once, and the znode is deleted when the connection is back.
            max_waiters: The number of waiting contenders beyond which an acquire fails at once; None for no limit.

        Raises:
            ValueError: ``path``, ``limit`` or ``layout`` is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "on_suspend": on_suspend,
            "max_waiters": max_waiters,
        }
        contest = load_recipe("lock").contest_of(self, path, **options)
        return cast("Semaphore", load_recipe("semaphore").Semaphore(self, contest, limit))

    def multilock(
        self,
        paths: Sequence[str],
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
        on_suspend: str = "doubt",
        max_waiters: Optional[int] = None,
    ) -> MultiLock:
        """Return several locks that are acquired together: all of them or none. Nothing is sent before that.

        >>> with client.multilock(["/locks/a", "/locks/b"]) as hold:
        ...     hold.check()

        Args:
            paths: Paths of the locks. They are acquired in the order of their text, whatever the order here.
            identifier: A text that contenders show, such as a host name.
            data: The data of the contenders' znodes in bytes; the identifier if None.
            layout: The names of the znodes: ``"curator"``, or ``"kazoo"``. All programs on a path must use the same.
            acl: The access control list of created znodes; the client's ``default_acl`` if None.
            container: Whether the paths are created as containers, which the servers delete when they are empty.
            on_suspend: The state of a hold after a connection loss. ``"doubt"``: IN_DOUBT until the servers answer.
                ``"deadline"``: it is LOST when they have not answered for the session timeout, by the client's clock.
                ``"lost"``: it is LOST at once, and the znode is deleted when the connection is back.
            max_waiters: The number of contenders in front of a lock beyond which an acquire fails at once; None for no
                limit.

        Raises:
            ValueError: A path or ``layout`` is malformed, or there is no path.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "on_suspend": on_suspend,
            "max_waiters": max_waiters,
        }
        recipe = load_recipe("multilock")
        return cast("MultiLock", recipe.MultiLock(self, recipe.contests_of(self, paths, **options)))


class AsyncLockRecipes:
    """The locks of :class:`zkc.AsyncClient`."""

    def lock(
        self,
        path: str,
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
        on_suspend: str = "doubt",
        max_waiters: Optional[int] = None,
    ) -> AsyncLock:
        """Return a lock, as :meth:`zkc.Client.lock` does.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "on_suspend": on_suspend,
            "max_waiters": max_waiters,
        }
        recipe = load_recipe("lock")
        return cast("AsyncLock", recipe.AsyncLock(self, recipe.contest_of(self, path, **options)))

    def rwlock(
        self,
        path: str,
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
        on_suspend: str = "doubt",
        max_waiters: Optional[int] = None,
    ) -> AsyncReadWriteLock:
        """Return a read-write lock, as :meth:`zkc.Client.rwlock` does.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "on_suspend": on_suspend,
            "max_waiters": max_waiters,
        }
        recipe = load_recipe("rwlock")
        return cast(
            "AsyncReadWriteLock", recipe.AsyncReadWriteLock(self, load_recipe("lock").contest_of(self, path, **options))
        )

    def semaphore(
        self,
        path: str,
        limit: int,
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
        on_suspend: str = "doubt",
        max_waiters: Optional[int] = None,
    ) -> AsyncSemaphore:
        """Return a semaphore, as :meth:`zkc.Client.semaphore` does.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "on_suspend": on_suspend,
            "max_waiters": max_waiters,
        }
        contest = load_recipe("lock").contest_of(self, path, **options)
        return cast("AsyncSemaphore", load_recipe("semaphore").AsyncSemaphore(self, contest, limit))

    def multilock(
        self,
        paths: Sequence[str],
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
        on_suspend: str = "doubt",
        max_waiters: Optional[int] = None,
    ) -> AsyncMultiLock:
        """Return several locks that are acquired together, as :meth:`zkc.Client.multilock` does.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "on_suspend": on_suspend,
            "max_waiters": max_waiters,
        }
        recipe = load_recipe("multilock")
        return cast("AsyncMultiLock", recipe.AsyncMultiLock(self, recipe.contests_of(self, paths, **options)))
