"""Recipes: what programs build on znodes, for threads and for asyncio."""

from zkc.recipes._holds import HoldState
from zkc.recipes._versioned import Versioned
from zkc.recipes.counter import AsyncCounter, Counter
from zkc.recipes.errors import (
    ContentionError,
    DecodeError,
    LayoutError,
    LockInDoubtError,
    LockLostError,
    LockTimeoutError,
    OverwrittenError,
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
from zkc.recipes.value import BYTES, JSON, TEXT, AsyncValue, Codec, Value

__all__ = [
    "BYTES",
    "JSON",
    "TEXT",
    "AsyncCounter",
    "AsyncHold",
    "AsyncLock",
    "AsyncReadHold",
    "AsyncReadLock",
    "AsyncReadWriteLock",
    "AsyncValue",
    "AsyncWriteHold",
    "AsyncWriteLock",
    "Codec",
    "Contender",
    "ContentionError",
    "Counter",
    "DecodeError",
    "Hold",
    "HoldState",
    "LayoutError",
    "Lock",
    "LockInDoubtError",
    "LockLostError",
    "LockTimeoutError",
    "OverwrittenError",
    "ReadHold",
    "ReadLock",
    "ReadWriteLock",
    "RecipeError",
    "TooManyWaitersError",
    "UpgradeError",
    "Value",
    "Versioned",
    "WriteHold",
    "WriteLock",
]
