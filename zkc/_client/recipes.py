"""The methods of the clients that make recipes, of all families."""

from __future__ import annotations

from zkc._client.group_recipes import AsyncGroupRecipes, SyncGroupRecipes
from zkc._client.lock_recipes import AsyncLockRecipes, SyncLockRecipes
from zkc._client.value_recipes import AsyncValueRecipes, SyncValueRecipes

__all__ = ["AsyncRecipes", "SyncRecipes"]


class SyncRecipes(SyncLockRecipes, SyncGroupRecipes, SyncValueRecipes):
    """The recipes of :class:`zkc.Client`."""


class AsyncRecipes(AsyncLockRecipes, AsyncGroupRecipes, AsyncValueRecipes):
    """The recipes of :class:`zkc.AsyncClient`."""
