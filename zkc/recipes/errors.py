"""The errors of the recipes. Each names the path of its recipe."""

from __future__ import annotations

from typing import Optional

from zkc.errors import OperationTimeoutError, ZooKeeperError

__all__ = [
    "BarrierBrokenError",
    "BarrierSizeError",
    "CacheFullError",
    "CacheTimeoutError",
    "ContentionError",
    "DecodeError",
    "ElectionTimeoutError",
    "FrameError",
    "LayoutError",
    "LimitMismatchError",
    "LockInDoubtError",
    "LockLostError",
    "LockTimeoutError",
    "OverwrittenError",
    "QueueTimeoutError",
    "RecipeError",
    "TooManyWaitersError",
    "UpgradeError",
]


class RecipeError(ZooKeeperError):
    """Family of the errors of recipes.

    .. versionadded:: 0.1
    """

    _decided = False  # Whether the recipe knows what was carried out. Else earlier requests set maybe_applied.


class LockTimeoutError(RecipeError, OperationTimeoutError):
    """The lock was not granted in time. The contender has left the queue, or the client is deleting it.

    .. versionadded:: 0.1
    """

    what = "the lock was not granted in time"
    advice = "contenders() of a lock, holders() of a semaphore and holder() of a lease show who holds it"
    maybe_applied = False


class LockLostError(RecipeError):
    """The hold has ended, or was released before this call.

    .. versionadded:: 0.1
    """

    what = "the hold is lost"
    advice = "another contender may hold the lock: stop, and acquire again"
    reason: Optional[str] = None
    """Why the hold ended: ``expired``, ``deleted``, ``suspended``, ``deadline``, ``resigned``, ``closed``.

    It is ``released`` for a hold, or ``acked`` or ``returned`` for an item, that its own user has ended.
    """
    token: Optional[int] = None
    """The token of the lost hold."""

    @classmethod
    def _of_end(cls, reason: str) -> str:
        """Return the text for a hold that has ended, and what to do."""
        if reason == "released":
            return "this hold was released, so it holds nothing any more: use the hold of a new acquire"
        return f"{cls.what} ({reason}). {cls.advice[0].upper()}{cls.advice[1:]}"


class LockInDoubtError(RecipeError):
    """The client does not know whether it still holds the lock: the servers have not answered for too long.

    .. versionadded:: 0.1
    """

    what = "the hold is in doubt: the servers have not answered for too long"
    advice = "stop for now; the hold becomes HELD or LOST when the connection is back"


class TooManyWaitersError(RecipeError):
    """More contenders wait than ``max_waiters`` allows.

    .. versionadded:: 0.1
    """

    what = "too many contenders wait"
    advice = "try again later, or raise max_waiters"


class LayoutError(RecipeError, ValueError):
    """The path has contenders of another layout or recipe, which would not exclude this client.

    .. versionadded:: 0.1
    """

    what = "the path has contenders of another layout"
    advice = "use the layout of the other programs (layout='kazoo' or layout='curator')"


class LimitMismatchError(RecipeError, ValueError):
    """The semaphore has another limit, which a program that uses kazoo's layout has written.

    .. versionadded:: 0.1
    """

    what = "the semaphore has another limit"
    advice = "give the same limit as the other programs, or change theirs with set_limit()"


class UpgradeError(RecipeError, ValueError):
    """A read hold cannot become a write hold: two readers that tried would wait for each other.

    .. versionadded:: 0.1
    """

    what = "a read hold cannot become a write hold"
    advice = "release it and acquire the write lock, or acquire the write lock from the start"


class ContentionError(RecipeError):
    """Other clients changed the same znodes at each attempt, so the change was given up. Nothing was written.

    .. versionadded:: 0.1
    """

    what = "other clients changed the znode during each attempt"
    advice = "try again later, allow more attempts, or let fewer clients change it"
    maybe_applied = False


class DecodeError(RecipeError, ValueError):
    """The data of the znode are not what the recipe stores there.

    .. versionadded:: 0.1
    """

    what = "the data of the znode cannot be decoded"
    advice = "use the type or codec of the programs that write it"
    maybe_applied = False


class OverwrittenError(RecipeError):
    """The change was carried out, but it replaced a value that this client had not seen.

    Another client deleted the znode and created it again, and it had the same version as before.

    .. versionadded:: 0.1
    """

    what = "the znode was deleted and created again, and the change replaced a value that this client had not seen"
    advice = "do not delete a znode that other clients change: set it to its initial value"
    maybe_applied = True


class ElectionTimeoutError(LockTimeoutError):
    """The contender did not become the leader in time. It has left the queue, or the client is deleting it.

    .. versionadded:: 0.1
    """

    what = "this contender did not become the leader in time"
    advice = "leader() shows which contender leads"
    maybe_applied = False


class BarrierBrokenError(RecipeError):
    """A member of the round has died or given up, so that the round ends for all its members.

    .. versionadded:: 0.1
    """

    what = "the round is broken"
    advice = "enter the barrier again: the next call joins a new round"
    generation: Optional[int] = None
    """The number of the broken round."""
    member: Optional[str] = None
    """The identifier of the member that broke the round, if that is known."""
    reason: Optional[str] = None
    """Why the round is broken: ``died``, ``gave up`` or ``expired``."""


class BarrierSizeError(RecipeError, ValueError):
    """The members of a double barrier give different sizes.

    .. versionadded:: 0.1
    """

    what = "the barrier has another size"
    advice = "give the same n in all programs"


class QueueTimeoutError(RecipeError, OperationTimeoutError):
    """The queue had no free item in time. No item is claimed.

    .. versionadded:: 0.1
    """

    what = "the queue had no free item in time"
    advice = "call get() again, or try_get(), which does not wait"
    maybe_applied = False


class FrameError(RecipeError, ValueError):
    """The data of a queue's item are not framed as the layout says. The item stays, or is in the dead letter path.

    .. versionadded:: 0.1
    """

    what = "the data of the item are malformed"
    advice = "give dead_letter= to move such items away, or use the layout of the producers"
    maybe_applied = False


class CacheFullError(RecipeError):
    """The subtree is larger than the limits of its cache allow. The cache has ended.

    .. versionadded:: 0.1
    """

    what = "the cache is full"
    advice = "raise max_znodes or max_bytes, or cache less of the tree"


class CacheTimeoutError(RecipeError, OperationTimeoutError):
    """The cache did not become ready, or did not show what was waited for, in time. It goes on.

    .. versionadded:: 0.1
    """

    what = "the cache did not become ready, or show the znode, in time"
    advice = "wait longer, or look at the connection: the whole subtree has to be read once"
    maybe_applied = False
