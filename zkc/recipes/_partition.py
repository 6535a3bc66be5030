"""Partitions: which member shall have which item, and the state of each item at a member."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import math
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from zkc.recipes._holds import BaseHold

__all__ = ["Part", "decode_weight", "encode_weight", "share_of"]


def encode_weight(weight: float) -> bytes:
    """Return the data of a member's znode."""
    return json.dumps({"weight": weight}).encode()


def decode_weight(data: Optional[bytes]) -> float:
    """Return the weight in the data of a member's znode; 1 if there is none."""
    try:
        weight = float(json.loads(data or b"{}").get("weight", 1.0))
    except (ValueError, TypeError, AttributeError):
        return 1.0
    return weight if 0.0 < weight < math.inf else 1.0


def share_of(member: str, members: Mapping[str, float], items: Iterable[str]) -> set[str]:
    """Return the items of a member, by weighted rendezvous hashing.

    Each item goes to the member with the highest score for it, and scores do not depend on other members. So an item
    moves only if its member leaves, or if it goes to a member that joins.
    """
    return {item for item in items if _best(item, members) == member}


def _best(item: str, members: Mapping[str, float]) -> Optional[str]:
    return max(members, key=lambda member: (_score(member, item, members[member]), member), default=None)


def _score(member: str, item: str, weight: float) -> float:
    digest = hashlib.sha256(f"{member}\0{item}".encode()).digest()
    fraction = (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 2)
    return -weight / math.log(fraction)


class Part:
    """An item at one member: whether the member shall have it, and what it has of it."""

    __slots__ = ("busy", "granting", "hold", "item", "lock", "retry_at", "since", "wanted")

    def __init__(self, item: str, lock: Any) -> None:
        self.item = item
        self.lock = lock
        self.wanted = False
        self.since = time.monotonic()  # When that has changed last.
        self.retry_at = 0.0
        self.granting: Optional[concurrent.futures.Future[Any]] = None  # The acquire of the lock under way.
        self.hold: Optional[BaseHold] = None
        self.busy = False  # Whether a callback for it runs, or its release is under way.

    def want(self, wanted: bool, now: float) -> None:
        """Note whether the member shall have the item."""
        if wanted != self.wanted:
            self.wanted = wanted
            self.since = now

    @property
    def idle(self) -> bool:
        """Whether the member has nothing of the item."""
        return self.granting is None and self.hold is None and not self.busy
