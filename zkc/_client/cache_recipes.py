"""The methods of the clients that make caches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional, cast

from zkc._client.group_recipes import load_recipe

if TYPE_CHECKING:
    from zkc.recipes.cache import AsyncCache, Cache

__all__ = ["AsyncCacheRecipes", "SyncCacheRecipes"]


class SyncCacheRecipes:
    """The cache of :class:`zkc.Client`."""

    def cache(
        self,
        path: str,
        *,
        depth: Optional[int] = None,
        select: Optional[Callable[[str], bool]] = None,
        data: bool = True,
        max_znodes: Optional[int] = None,
        max_bytes: Optional[int] = None,
        jitter: float = 0.5,
        watches: str = "auto",
    ) -> Cache:
        """Return a cache of a subtree. Nothing is sent before it is started.

        >>> with client.cache("/app") as cache:
        ...     print(cache.data("/app/config"))

        Args:
            path: Path of the root, which need not exist.
            depth: How many levels below the root to hold; None for all. With 0, the root alone.
            select: A function of a path: false leaves the znode out, with all below it. It must give the same answer
                each time, and must not block.
            data: Whether to hold data. Without, the cache reads them and drops them.
            max_znodes: The largest number of znodes; None for no limit. Beyond it the cache ends with
                :class:`~zkc.recipes.CacheFullError`.
            max_bytes: The largest memory in bytes, as :attr:`~zkc.recipes.Cache.size` estimates it; None for no limit.
            jitter: Longest random pause in seconds before the tree is read again after a gap. So many clients do not
                read at the same moment.
            watches: ``"auto"``: one recursive watch, or, where the server or the build has none, a watch on each znode.
                ``"recursive"`` and ``"znode"`` allow only the one or the other.

        Raises:
            ValueError: An argument is malformed.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {"depth": depth, "select": select, "data": data, "max_znodes": max_znodes}
        options.update(max_bytes=max_bytes, jitter=jitter, watches=watches)
        return cast("Cache", load_recipe("cache").Cache(self, path, **options))


class AsyncCacheRecipes:
    """The cache of :class:`zkc.AsyncClient`."""

    def cache(
        self,
        path: str,
        *,
        depth: Optional[int] = None,
        select: Optional[Callable[[str], bool]] = None,
        data: bool = True,
        max_znodes: Optional[int] = None,
        max_bytes: Optional[int] = None,
        jitter: float = 0.5,
        watches: str = "auto",
    ) -> AsyncCache:
        """Return a cache of a subtree, as :meth:`zkc.Client.cache` does.

        .. versionadded:: 0.1
        """
        options: dict[str, Any] = {"depth": depth, "select": select, "data": data, "max_znodes": max_znodes}
        options.update(max_bytes=max_bytes, jitter=jitter, watches=watches)
        return cast("AsyncCache", load_recipe("cache").AsyncCache(self, path, **options))
