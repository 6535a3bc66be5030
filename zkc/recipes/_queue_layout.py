"""The znodes of queues: the layouts of zkc, kazoo and Curator, and the order of the items in them."""

from __future__ import annotations

import functools
import re
import struct
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from zkc.recipes.errors import FrameError

__all__ = ["QUEUE_LAYOUTS", "Entry", "QueueLayout", "entries_of", "in_order"]

_PLAIN = 100  # The priority of an item whose name has none.


@dataclass(frozen=True)
class Entry:
    """An item of a queue as its name shows it."""

    name: str
    priority: int
    sequence: int
    due: float = 0.0  # When it may be delivered, in seconds since the epoch; 0 for at once.
    attempts: int = 0  # The deliveries under its earlier names.


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries by priority, and those of a priority in the order of their counters.

    The counter is a signed 32-bit number that wraps around: from 2147483647 it continues at -2147483648.
    """
    found = list(entries)
    wrapped = bool(found) and max(e.sequence for e in found) - min(e.sequence for e in found) >= 2**31
    if wrapped:
        return sorted(found, key=lambda entry: (entry.priority, entry.sequence % 2**32))
    return sorted(found, key=lambda entry: (entry.priority, entry.sequence))


class QueueLayout:
    """A way to name and to frame items, which all programs on a path must share.

    Its own claims are proved by an ephemeral child of the item (``proves``). Under the other layouts an item stays
    without children, because programs that know nothing of them delete it.
    """

    name = ""
    items = ""  # Where the items are, below the path.
    proves = False

    def claims_path(self, path: str) -> str:
        """Return the default path of the claims."""
        raise NotImplementedError

    def check(self, priority: int, delay: float) -> None:
        """Raise unless names can show this priority and delay."""
        if not 0 <= priority <= 999:
            raise ValueError(f"priority must be from 0 to 999, not {priority}")
        if delay:
            raise ValueError(f"layout {self.name!r} has no delay; use layout 'zkc' or 'curator'")

    def new_marker(self) -> Optional[str]:
        """Return a new unique text for a name, by which a producer finds its item again; None if names have none."""
        return None

    def prefix(self, priority: int, due: float, attempts: int, marker: Optional[str]) -> str:
        """Return the name of an item in front of its counter."""
        return f"entry-{priority:03d}-"

    def parse(self, name: str) -> Optional[Entry]:
        """Return what a name says; None if it is not an item's."""
        match = _KAZOO.match(name)
        return None if match is None else Entry(name, int(match[1]), int(match[2]))

    def frame(self, data: bytes) -> bytes:
        """Return the data of an item's znode."""
        return data

    def unframe(self, path: str, data: Optional[bytes]) -> list[bytes]:
        """Return the messages in the data of an item's znode.

        Raises:
            FrameError: The data are malformed.
        """
        return [data or b""]


_COUNTER = r"(\d{10}|-\d{9,10})$"
_KAZOO = re.compile(r"entry-(\d{3})-" + _COUNTER)
_ZKC = re.compile(r"item-(\d{3})-(?:d([0-9a-f]{1,15})-)?(?:r(\d{1,9})-)?[0-9a-f]{12}-" + _COUNTER)
_CURATOR = re.compile(r"queue-(?:([01])([0-9A-F]{8})|\|([^|]*)\|)?" + _COUNTER)
_HEX = re.compile(r"[0-9A-Fa-f]{1,15}$").match


class _ZkcLayout(QueueLayout):
    name = "zkc"
    items = "/items"
    proves = True

    def claims_path(self, path: str) -> str:
        return path + "/claims"

    def check(self, priority: int, delay: float) -> None:
        super().check(priority, 0.0)

    def new_marker(self) -> Optional[str]:
        return uuid.uuid4().hex[:12]

    def prefix(self, priority: int, due: float, attempts: int, marker: Optional[str]) -> str:
        delayed = f"d{int(due * 1000):x}-" if due else ""
        repeated = f"r{attempts}-" if attempts else ""
        return f"item-{priority:03d}-{delayed}{repeated}{marker}-"

    def parse(self, name: str) -> Optional[Entry]:
        match = _ZKC.match(name)
        if match is None:
            return None
        due = int(match[2], 16) / 1000 if match[2] else 0.0
        return Entry(name, int(match[1]), int(match[4]), due, int(match[3] or 0))


class _KazooLayout(QueueLayout):
    """The names of ``kazoo.recipe.queue.Queue``, whose consumers take any child of the path for an item."""

    name = "kazoo"

    def claims_path(self, path: str) -> str:
        return path + "-taken"


class _KazooLockingLayout(QueueLayout):
    """The names of ``kazoo.recipe.queue.LockingQueue``."""

    name = "kazoo-locking"
    items = "/entries"

    def claims_path(self, path: str) -> str:
        return path + "/taken"


class _CuratorLayout(QueueLayout):
    """The names of Curator's queues, and the frames of their serializer."""

    name = "curator"

    def claims_path(self, path: str) -> str:
        return path + "-locks"

    def check(self, priority: int, delay: float) -> None:
        if not -(2**31) <= priority < 2**31:
            raise ValueError(f"priority must be a 32-bit number, not {priority}")
        if delay and priority != _PLAIN:
            raise ValueError("layout 'curator' shows a priority or a delay, not both; use layout 'zkc'")

    def prefix(self, priority: int, due: float, attempts: int, marker: Optional[str]) -> str:
        if due:
            return f"queue-|{int(due * 1000):X}|"
        return "queue-" if priority == _PLAIN else f"queue-{int(priority >= 0)}{priority % 2**32:08X}"

    def parse(self, name: str) -> Optional[Entry]:
        match = _CURATOR.match(name)
        if match is None:
            return None
        priority, due = _PLAIN, 0.0
        if match[2]:
            priority = int(match[2], 16)
            priority -= 2**32 if match[1] == "0" else 0
        elif match[3] and _HEX(match[3]):  # Else it is the id of a DistributedIdQueue.
            due = int(match[3], 16) / 1000
            due = due if due < _FAR else 0.0
        return Entry(name, priority, int(match[4]), due)

    def frame(self, data: bytes) -> bytes:
        return struct.pack(">iBi", _VERSION, 1, len(data)) + data + b"\x02"

    def unframe(self, path: str, data: Optional[bytes]) -> list[bytes]:
        data = data or b""
        found: list[bytes] = []
        if len(data) < 4 or struct.unpack_from(">i", data)[0] != _VERSION:
            raise _malformed(path, f"the {len(data)} bytes do not begin with the version 0x{_VERSION:08x}")
        at = 4
        while at < len(data) and data[at] == 1:
            if at + 5 > len(data):
                raise _malformed(path, f"the length at byte {at + 1} of {len(data)} is cut off")
            size = struct.unpack_from(">i", data, at + 1)[0]
            at += 5
            if size < 0 or at + size > len(data):
                raise _malformed(path, f"a message of {size} bytes at byte {at} exceeds the {len(data)} bytes")
            found.append(data[at : at + size])
            at += size
        if at >= len(data) or data[at] != 2:
            raise _malformed(path, f"there is no end mark at byte {at} of {len(data)}")
        if not found:
            raise _malformed(path, "there is no message")
        return found


_VERSION = 0x00010001
_FAR = 32503680000.0  # The year 3000: a larger number is an id that happens to be hexadecimal.


def _malformed(path: str, why: str) -> FrameError:
    text = f"{FrameError.what}: {why}; {FrameError.advice}"
    return FrameError(FrameError.describe("get", path, text), operation="get", path=path)


QUEUE_LAYOUTS: dict[str, QueueLayout] = {
    layout.name: layout for layout in (_ZkcLayout(), _KazooLayout(), _KazooLockingLayout(), _CuratorLayout())
}


@functools.lru_cache(maxsize=65536)
def _parsed(layout: QueueLayout, name: str) -> Optional[Entry]:
    return layout.parse(name)


def entries_of(layout: QueueLayout, names: Sequence[str]) -> list[Entry]:
    """Return the items among the names of children, in the order of the queue."""
    return in_order(entry for entry in (_parsed(layout, name) for name in names) if entry is not None)
