"""Recipes: what programs build on znodes, for threads and for asyncio."""

from zkc._api.runner import name_methods as _name_methods
from zkc.recipes._holds import HoldState
from zkc.recipes._instance import Instance, PayloadCodec, ServiceType
from zkc.recipes._versioned import Versioned
from zkc.recipes.atomically import AsyncAtomic, Atomic
from zkc.recipes.barrier import AsyncBarrier, Barrier
from zkc.recipes.cache import (
    AsyncCache,
    AsyncCacheChanges,
    Cache,
    CacheChange,
    CacheChanges,
    CachedZnode,
    CacheEvent,
    Snapshot,
)
from zkc.recipes.counter import AsyncCounter, Counter
from zkc.recipes.double_barrier import AsyncDoubleBarrier, DoubleBarrier, Round
from zkc.recipes.election import AsyncElection, AsyncLeaders, Election, ElectionState, ElectionStatus, Leaders
from zkc.recipes.errors import (
    BarrierBrokenError,
    BarrierSizeError,
    CacheFullError,
    CacheTimeoutError,
    ContentionError,
    DecodeError,
    ElectionTimeoutError,
    FrameError,
    LayoutError,
    LimitMismatchError,
    LockInDoubtError,
    LockLostError,
    LockTimeoutError,
    OverwrittenError,
    QueueTimeoutError,
    RecipeError,
    TooManyWaitersError,
    UpgradeError,
)
from zkc.recipes.fenced import AsyncFencedTransaction, FencedTransaction
from zkc.recipes.group import AsyncGroup, AsyncMemberships, Group, Member, Memberships
from zkc.recipes.hold import AsyncHold, Hold
from zkc.recipes.lease import AsyncLease, AsyncLeaseHold, Lease, LeaseGrant, LeaseHold
from zkc.recipes.lock import AsyncLock, Contender, Lock
from zkc.recipes.multilock import AsyncMultiHold, AsyncMultiLock, MultiHold, MultiLock
from zkc.recipes.partitioner import AsyncPartitioner, Partitioner
from zkc.recipes.provider import AsyncProvider, Provider
from zkc.recipes.queue import AsyncItem, AsyncQueue, Item, Queue
from zkc.recipes.reentrant import AsyncReentrantLock, ReentrantLock
from zkc.recipes.registration import AsyncRegistration, Registration
from zkc.recipes.registry import AsyncInstances, AsyncRegistry, Instances, Registry
from zkc.recipes.rwhold import AsyncReadHold, AsyncWriteHold, ReadHold, WriteHold
from zkc.recipes.rwlock import AsyncReadLock, AsyncReadWriteLock, AsyncWriteLock, ReadLock, ReadWriteLock, WriteLock
from zkc.recipes.semaphore import AsyncSemaphore, Semaphore
from zkc.recipes.ticket import AsyncTicket, Ticket
from zkc.recipes.value import BYTES, JSON, TEXT, AsyncValue, Codec, Value

__all__ = [
    "BYTES",
    "JSON",
    "TEXT",
    "AsyncAtomic",
    "AsyncBarrier",
    "AsyncCache",
    "AsyncCacheChanges",
    "AsyncCounter",
    "AsyncDoubleBarrier",
    "AsyncElection",
    "AsyncFencedTransaction",
    "AsyncGroup",
    "AsyncHold",
    "AsyncInstances",
    "AsyncItem",
    "AsyncLeaders",
    "AsyncLease",
    "AsyncLeaseHold",
    "AsyncLock",
    "AsyncMemberships",
    "AsyncMultiHold",
    "AsyncMultiLock",
    "AsyncPartitioner",
    "AsyncProvider",
    "AsyncQueue",
    "AsyncReadHold",
    "AsyncReadLock",
    "AsyncReadWriteLock",
    "AsyncReentrantLock",
    "AsyncRegistration",
    "AsyncRegistry",
    "AsyncSemaphore",
    "AsyncTicket",
    "AsyncValue",
    "AsyncWriteHold",
    "AsyncWriteLock",
    "Atomic",
    "Barrier",
    "BarrierBrokenError",
    "BarrierSizeError",
    "Cache",
    "CacheChange",
    "CacheChanges",
    "CacheEvent",
    "CacheFullError",
    "CacheTimeoutError",
    "CachedZnode",
    "Codec",
    "Contender",
    "ContentionError",
    "Counter",
    "DecodeError",
    "DoubleBarrier",
    "Election",
    "ElectionState",
    "ElectionStatus",
    "ElectionTimeoutError",
    "FencedTransaction",
    "FrameError",
    "Group",
    "Hold",
    "HoldState",
    "Instance",
    "Instances",
    "Item",
    "LayoutError",
    "Leaders",
    "Lease",
    "LeaseGrant",
    "LeaseHold",
    "LimitMismatchError",
    "Lock",
    "LockInDoubtError",
    "LockLostError",
    "LockTimeoutError",
    "Member",
    "Memberships",
    "MultiHold",
    "MultiLock",
    "OverwrittenError",
    "Partitioner",
    "PayloadCodec",
    "Provider",
    "Queue",
    "QueueTimeoutError",
    "ReadHold",
    "ReadLock",
    "ReadWriteLock",
    "RecipeError",
    "ReentrantLock",
    "Registration",
    "Registry",
    "Round",
    "Semaphore",
    "ServiceType",
    "Snapshot",
    "Ticket",
    "TooManyWaitersError",
    "UpgradeError",
    "Value",
    "Versioned",
    "WriteHold",
    "WriteLock",
]

_name_methods(
    *(found for found in map(globals().get, __all__) if isinstance(found, type) and not issubclass(found, Exception))
)
