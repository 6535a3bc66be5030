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
from zkc.recipes.rwlock import (
    AsyncReadHold,
    AsyncReadLock,
    AsyncReadWriteLock,
    AsyncWriteHold,
    AsyncWriteLock,
    ReadHold,
    ReadLock,
    ReadWriteLock,
    WriteHold,
    WriteLock,
)

__all__ = [
    "AsyncHold",
    "AsyncLock",
    "AsyncReadHold",
    "AsyncReadLock",
    "AsyncReadWriteLock",
    "AsyncWriteHold",
    "AsyncWriteLock",
    "Contender",
    "Hold",
    "HoldState",
    "LayoutError",
    "Lock",
    "LockInDoubtError",
    "LockLostError",
    "LockTimeoutError",
    "ReadHold",
    "ReadLock",
    "ReadWriteLock",
    "RecipeError",
    "TooManyWaitersError",
    "UpgradeError",
    "WriteHold",
    "WriteLock",
]
