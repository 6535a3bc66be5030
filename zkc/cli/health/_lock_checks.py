"""The check of the locks in the tree: those whose holder keeps others waiting, and for how long that is sure.

ZooKeeper does not store since when a contender holds a lock. The znode of the holder tells only when it came to the
queue, maybe behind many others. But the znode of the lock has in its pzxid the last change of the queue: a contender
that came or left. Since then its first contender has held the lock. The time of that zxid is not stored either; any
znode with an equal or later zxid was written at that time or after it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Optional

from zkc.cli._records import hex_text
from zkc.cli._text import duration_text

if TYPE_CHECKING:
    from zkc import Stat
    from zkc.cli._walk import Node
    from zkc.cli.health._findings import Report

__all__ = ["Locks"]

# The znodes of contenders of Curator, kazoo and zkc.
_CONTENDER = re.compile(r"(lock-|__lock__|__READ__|__WRIT__|__rlock__|latch-|__election__)(\d{10})$")
_SHARED = ("__READ__", "__rlock__")
_STEP = 10  # Seconds: one time of the servers is kept for each.
_STEPS = 8640  # How many of them, a day: older times count as a day old.
_MOST_NOTES = 5
_LABEL = 60  # Characters of a holder's data that are shown.


class _Contender(NamedTuple):
    number: int
    shared: bool
    stat: Stat
    label: str


class Locks:
    """The contenders that a walk has found, and the times of zxids.

    Args:
        report: Takes the findings.
        age: A lock with waiters that is held for longer is a warning, in seconds.
        stat_of: Returns the present stat of a znode, None if there is none.
    """

    def __init__(self, report: Report, age: float, stat_of: Callable[[str], Optional[Stat]]) -> None:
        self._report, self._age, self._stat_of = report, age, stat_of
        self._queues: dict[str, list[_Contender]] = {}
        self._times: dict[int, tuple[int, float]] = {}  # The newest zxid of each step, and its time in seconds.
        self._oldest = int(time.time()) // _STEP - _STEPS
        self._notes: list[tuple[float, str, str]] = []

    def take(self, node: Node) -> None:
        """Look at a znode."""
        stat = node.stat
        self._learn(stat.czxid, stat.ctime / 1000)
        self._learn(stat.mzxid, stat.mtime / 1000)
        match = _CONTENDER.search(node.path)
        if match and stat.ephemeral_owner:
            label = (node.data or b"").decode("utf-8", "replace")[:_LABEL]
            contender = _Contender(int(match[2]), match[1] in _SHARED, stat, label)
            self._queues.setdefault(node.path.rpartition("/")[0] or "/", []).append(contender)

    def _learn(self, zxid: int, moment: float) -> None:
        step = max(int(moment) // _STEP, self._oldest)
        if zxid > self._times.get(step, (-1, 0.0))[0]:
            self._times[step] = zxid, moment

    def finish(self) -> None:
        """Report the locks that others wait for."""
        now = time.time()
        for path, queue in sorted(self._queues.items()):
            self._check(path, sorted(queue, key=lambda each: each.number), now)
        self._notes.sort(key=lambda note: -note[0])
        for _, path, text in self._notes[:_MOST_NOTES]:
            self._report.note("lock", text, _advice(path), path=path)
        if len(self._notes) > _MOST_NOTES:
            more = len(self._notes) - _MOST_NOTES
            self._report.note("lock", f"{more:,} more lock{'s' if more > 1 else ''} with waiters")

    def _check(self, path: str, queue: list[_Contender], now: float) -> None:
        holders = next((index for index, each in enumerate(queue) if not each.shared), len(queue)) or 1
        waiting = len(queue) - holders
        if not waiting:
            return
        holder = queue[0]
        who = f"the session {hex_text(holder.stat.ephemeral_owner)}" + (f" ({holder.label})" if holder.label else "")
        wait = f"{waiting} wait{'s' if waiting == 1 else ''}"
        held = self._held(path, queue, now)
        if held is not None and held > self._age:
            text = f"the lock {path} is held for {duration_text(held)} or longer by {who}, and {wait}"
            self._report.warn("lock", text, _advice(path), path=path)
            return
        queued = max(0.0, now - holder.stat.ctime / 1000)
        sure = "" if held is None else f", and holds it for {duration_text(held)} or longer"
        text = f"{wait} for the lock {path}: {who} has it, came to the queue {duration_text(queued)} ago{sure}"
        self._notes.append((queued, path, text))

    def _held(self, path: str, queue: list[_Contender], now: float) -> Optional[float]:
        """Return for how many seconds the holder has certainly held a lock; None if that is unknown."""
        stat = self._stat_of(path)
        if stat is None:
            return None
        times = [each.stat.ctime / 1000 for each in queue if each.stat.czxid == stat.pzxid]
        times += [moment for zxid, moment in self._times.values() if zxid >= stat.pzxid]
        return max(0.0, now - min(times)) if times else None


def _advice(path: str) -> str:
    return f"zkc lock ls {path} lists them; zkc lock break {path} takes it away from the holder"
