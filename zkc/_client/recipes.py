"""The methods of the clients that make recipes.

Recipes stand above the clients and import them. So these methods load a recipe when it is first used, which also keeps
``import zkc`` quick.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional, cast

if TYPE_CHECKING:
    from zkc.recipes.lock import AsyncLock, Lock
    from zkc.recipes.rwlock import AsyncReadWriteLock, ReadWriteLock
    from zkc.types import ACL, Data

__all__ = ["AsyncRecipes", "SyncRecipes"]


def _load(module: str) -> Any:
    return importlib.import_module(f"zkc.recipes.{module}")


class SyncRecipes:
    """The recipes of :class:`zkc.Client`."""

    def lock(
        self,
        path: str,
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
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
            max_waiters: The number of contenders in front beyond which an acquire fails at once; None for no limit.

        Raises:
            ValueError: ``path`` or ``layout`` is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "max_waiters": max_waiters,
        }
        recipe = _load("lock")
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
            max_waiters: The number of contenders in front beyond which an acquire fails at once; None for no limit.

        Raises:
            ValueError: ``path`` or ``layout`` is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {
            "identifier": identifier,
            "data": data,
            "layout": layout,
            "acl": acl,
            "container": container,
            "max_waiters": max_waiters,
        }
        recipe = _load("rwlock")
        return cast("ReadWriteLock", recipe.ReadWriteLock(self, _load("lock").contest_of(self, path, **options)))


class AsyncRecipes:
    """The recipes of :class:`zkc.AsyncClient`."""

    def lock(
        self,
        path: str,
        *,
        identifier: str = "",
        data: Optional[Data] = None,
        layout: str = "curator",
        acl: Optional[Sequence[ACL]] = None,
        container: bool = True,
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
            "max_waiters": max_waiters,
        }
        recipe = _load("lock")
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
            "max_waiters": max_waiters,
        }
        recipe = _load("rwlock")
        return cast(
            "AsyncReadWriteLock", recipe.AsyncReadWriteLock(self, _load("lock").contest_of(self, path, **options))
        )
