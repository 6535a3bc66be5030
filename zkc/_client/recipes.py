"""The methods of the clients that make recipes, of all families."""

from __future__ import annotations

from zkc._client.cache_recipes import AsyncCacheRecipes, SyncCacheRecipes
from zkc._client.group_recipes import AsyncGroupRecipes, SyncGroupRecipes
from zkc._client.lock_recipes import AsyncLockRecipes, SyncLockRecipes
from zkc._client.value_recipes import AsyncValueRecipes, SyncValueRecipes
from zkc._client.work_recipes import AsyncWorkRecipes, SyncWorkRecipes

__all__ = ["AsyncRecipes", "SyncRecipes"]


class SyncRecipes(SyncLockRecipes, SyncGroupRecipes, SyncValueRecipes, SyncWorkRecipes, SyncCacheRecipes):
    """The recipes of :class:`zkc.Client`."""


class AsyncRecipes(AsyncLockRecipes, AsyncGroupRecipes, AsyncValueRecipes, AsyncWorkRecipes, AsyncCacheRecipes):
    """The recipes of :class:`zkc.AsyncClient`."""
