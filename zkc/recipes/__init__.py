"""Recipes: what programs build on znodes, for threads and for asyncio."""

from zkc.recipes._holds import HoldState
from zkc.recipes.errors import (
    LayoutError,
    LockInDoubtError,
    LockLostError,
    LockTimeoutError,
    RecipeError,
    TooManyWaitersError,
    UpgradeError,
)
from zkc.recipes.lock import AsyncHold, AsyncLock, Contender, Hold, Lock

__all__ = [
    "AsyncHold",
    "AsyncLock",
    "Contender",
    "Hold",
    "HoldState",
    "LayoutError",
    "Lock",
    "LockInDoubtError",
    "LockLostError",
    "LockTimeoutError",
    "RecipeError",
    "TooManyWaitersError",
    "UpgradeError",
]
