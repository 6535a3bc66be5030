"""The checker of holds: no two intervals from a grant to the deletion of its znode may exceed a recipe's capacity.

A contender proves a grant by a write in one transaction with a check that its znode exists. The write's zxid is the
beginning of the interval. The zxid of the transaction that deletes the hold's znode, or ends its session, is the end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import zkc
from benchmarks.soak.txnlog import Change

GRANTS = "/grants"  # The parent of the znodes that fenced writes set.
QUEUE = "/queue"
ITEMS = f"{QUEUE}/items/"
DONE = "/done"  # The znode that the acknowledgements of the queue's items set.
MANY = 1000  # Weight of a writer, and capacity of the read-write lock: a reader weighs 1.
CAPACITY = {"lock": 1, "election": 1, "rwlock": MANY, "semaphore": 3}
PLANTED = "/planted-"  # The beginning of the paths of planted claims.


class Overlap(NamedTuple):
    """Holds that exist together, beyond the capacity of their recipe."""

    kind: str
    zxid: int
    paths: list[str]

    def __str__(self) -> str:
        return f"{self.kind}: overlap at {self.zxid:#x} of {self.paths}"


def grant(kind: str, hold: Any, weight: int = 1) -> bytes:
    """Return the data that a fenced write sets."""
    fields = {"path": hold.path, "session": hold.session_id, "token": hold.token, "weight": weight}
    return json.dumps({"kind": kind, **fields}).encode()


class Intervals:
    """The intervals of all holds, and what is wrong with them."""

    def __init__(self, changes: Iterable[Change]) -> None:
        self.grants: Counter[str] = Counter()
        self.put: set[str] = set()
        self.acked: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.overlaps: list[Overlap] = []
        self.wrong: list[str] = []  # Everything else that is wrong.
        self._open: dict[str, dict[str, Any]] = {}
        self._ended: dict[str, int] = {}
        for change in changes:
            if change.kind == "set" and change.path.startswith(f"{GRANTS}/"):
                self._begin(change.zxid, json.loads(change.data))
            elif change.kind == "create" and change.path.rpartition("/")[0] + "/" == ITEMS:
                self.put.add(change.data.decode())
            elif change.kind == "set" and change.path == DONE:
                self._ack(change)
            elif change.kind == "delete":
                self._end(change.path, change.zxid)
            elif change.kind == "close":
                for path in [path for path, held in self._open.items() if held["session"] == change.session]:
                    self._end(path, change.zxid)

    def _begin(self, zxid: int, new: dict[str, Any]) -> None:
        path, kind = new["path"], new["kind"]
        self.writes[kind] += 1
        if path in self._ended:
            self.wrong.append(f"{kind}: a write at {zxid:#x} for {path}, which ended at {self._ended[path]:#x}")
        elif path not in self._open:
            self.grants[kind] += 1
            self._open[path] = new
            holders = {path: held for path, held in self._open.items() if held["kind"] == kind}
            if sum(held["weight"] for held in holders.values()) > CAPACITY[kind]:
                self.overlaps.append(Overlap(kind, zxid, sorted(holders)))

    def _end(self, path: str, zxid: int) -> None:
        if self._open.pop(path, None) is not None:
            self._ended[path] = zxid

    def _ack(self, change: Change) -> None:
        name = change.data.decode()
        self.acked[name] += 1
        if self.acked[name] == 2:
            self.wrong.append(f"queue: {name} was acked twice, again at {change.zxid:#x}")
        if name not in self.put:
            self.wrong.append(f"queue: {name} was acked at {change.zxid:#x}, and not put before")

    @property
    def left(self) -> list[str]:
        """The paths of the holds that have not ended."""
        return sorted(self._open)


class _Claim:
    """A claim to a hold that no recipe has granted."""

    def __init__(self, path: str, session_id: int) -> None:
        self.path, self.session_id, self.token = path, session_id, 0


def plant(client: zkc.Client) -> None:
    """Plant an overlap of each kind: beside a hold, a claim with a znode of its own that takes the whole capacity."""
    recipes: dict[str, Any] = {
        "lock": client.lock("/lock"),
        "election": client.election("/election", identifier="planted"),
        "rwlock": client.rwlock("/rwlock").read,
        "semaphore": client.semaphore("/semaphore", CAPACITY["semaphore"]),
    }
    for kind, recipe in recipes.items():
        with recipe.lead() if kind == "election" else recipe.held() as hold:
            with hold.transaction() as transaction:
                transaction.set(f"{GRANTS}/{kind}", grant(kind, hold))
            path = client.create(f"{PLANTED}{kind}-", ephemeral=True, sequential=True)
            with client.transaction() as transaction:
                transaction.check(path)
                claim = _Claim(path, client.session_id)
                transaction.set(f"{GRANTS}/{kind}", grant(kind, claim, CAPACITY[kind]))
            client.delete(path)
