"""The names of contenders: the layouts of Curator and kazoo, and the order of the counters in them."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Optional

from zkc.recipes.errors import LayoutError

__all__ = [
    "CURATOR",
    "KAZOO",
    "LAYOUTS",
    "UNWORN",
    "Layout",
    "Seat",
    "counter_order",
    "counter_text",
    "is_worn",
    "sequence_of",
]

UNWORN = 2**31 - 2  # The last counter that tells its place.
_LAST = 2**31 - 1  # The last positive counter.
_WIDTH = 10  # The characters of a counter that has not wrapped.


class Seat(NamedTuple):
    """A contender as its name shows it: its place in the queue of a lock."""

    name: str
    kind: str  # lock, read, write, lease, latch
    sequence: int
    token: int = 0  # The znode's czxid, if it was read because the counter does not tell the order.


@dataclass(frozen=True)
class Layout:
    """A way to name contenders, which all programs on a path must share.

    Args:
        name: The name that users give.
        suffixes: By kind, the text in front of the counter.
        container: Whether the parent is a container. kazoo caches that a parent exists, so its parents are persistent.
    """

    name: str
    suffixes: dict[str, str]
    container: bool

    def new_marker(self) -> str:
        """Return a new unique text for the front of a name, by which a client finds its contender again."""
        return f"_c_{uuid.uuid4()}-" if self.name == "curator" else uuid.uuid4().hex

    def prefix(self, marker: str, kind: str) -> str:
        """Return the name of a contender in front of its counter."""
        suffix = self.suffixes[kind]
        return marker + (suffix[1:] if marker.endswith("-") and suffix.startswith("-") else suffix)

    def seats(self, names: Iterable[str], kinds: Iterable[str]) -> list[Seat]:
        """Return the contenders of some kinds among the names of children, in the order of the queue."""
        wanted = [(kind, self.suffixes[kind]) for kind in kinds]
        found = []
        for name in names:
            head, digits = name[:-_WIDTH], name[-_WIDTH:]
            for kind, suffix in wanted:
                if head.endswith(suffix) and digits.isdecimal():  # A regular expression takes five times as long.
                    found.append(Seat(name, kind, int(digits)))
                    break
            else:
                seat = _unusual_seat(name, wanted)
                if seat is not None:
                    found.append(seat)
        return counter_order(found)

    def foreign(self, names: Iterable[str]) -> Optional[str]:
        """Return the name of a contender in another layout, if there is one."""
        others = {
            suffix for layout in LAYOUTS.values() if layout is not self for suffix in layout.suffixes.values()
        } - set(self.suffixes.values())
        searches = [_counted(suffix) for suffix in others]
        return next((name for name in names if any(search(name) for search in searches)), None)

    def strangers(self, *kinds: str) -> tuple[str, ...]:
        """Return the kinds that contenders of some kinds do not exclude: those whose names they do not know."""
        known = {self.suffixes[kind] for kind in kinds}
        return tuple(kind for kind, suffix in self.suffixes.items() if suffix not in known)

    def check(self, path: str, names: Iterable[str], kind: str, strangers: Iterable[str]) -> None:
        """Raise LayoutError if there is a contender that one of this kind would not exclude.

        Args:
            path: The parent of the contenders.
            names: The names of its children.
            kind: The kind of the client's own contender.
            strangers: Kinds of this layout that the queue does not order.
        """
        names = list(names)
        seats = self.seats(names, strangers)
        if seats:
            what = f"{seats[0].name!r} is a {seats[0].kind}, which does not exclude a {kind}"
            text = f"the path has contenders of another recipe ({what}). Give each recipe a path of its own"
        else:
            foreign = self.foreign(names)
            if foreign is None:
                return
            what = f"{foreign!r} is no {kind} of layout {self.name!r}"
            text = f"{LayoutError.what} ({what}); {LayoutError.advice}"
        error = LayoutError(LayoutError.describe("acquire", path, text), operation="acquire")
        error.path = path
        raise error


@functools.cache
def _counted(suffix: str) -> Callable[[str], Optional[re.Match[str]]]:
    # The servers write the counter ten characters wide or more, and the sign of a negative one is one of them.
    return re.compile(re.escape(suffix) + r"(\d{10}|-\d{9,10})$").search


def _unusual_seat(name: str, wanted: list[tuple[str, str]]) -> Optional[Seat]:
    """Return the contender of a name whose counter is negative; None if the name is no contender's."""
    for kind, suffix in wanted:
        match = _counted(suffix)(name)
        if match is not None:
            return Seat(name, kind, int(match[1]))
    return None


CURATOR = Layout(
    "curator",
    {"lock": "-lock-", "read": "-__READ__", "write": "-__WRIT__", "lease": "-lease-", "latch": "-latch-"},
    container=True,
)
KAZOO = Layout("kazoo", {"lock": "__lock__", "read": "__rlock__", "write": "__lock__"}, container=False)
LAYOUTS = {layout.name: layout for layout in (CURATOR, KAZOO)}


def counter_order(seats: list[Seat]) -> list[Seat]:
    """Return contenders in the order of their counters.

    The counter is a signed 32-bit number that wraps around. Its order is that of serial numbers: by the difference of
    two counters, never by their text. Contenders with worn counters stand in the order of their tokens.
    """
    if not seats:
        return seats
    first = seats[0].sequence - 2**31
    if any(seat.token for seat in seats):
        return sorted(seats, key=lambda seat: (((_LAST if seat.token else seat.sequence) - first) % 2**32, seat.token))
    return sorted(seats, key=lambda seat: (seat.sequence - first) % 2**32)


def is_worn(sequence: int) -> bool:
    """Return whether a counter is at its end, where it does not tell the order.

    The counter of a server from ZooKeeper 3.6 on stays at 2147483647, and contender after contender gets that number. A
    create gets a negative number only while another is under way. Older servers continue with negative numbers.
    """
    return sequence == _LAST or sequence < -(2**30)


def sequence_of(path: str) -> int:
    """Return the counter at the end of a path that a sequential create returned."""
    return int(counter_text(path))


def counter_text(path: str) -> str:
    """Return the counter at the end of a path as the server wrote it."""
    for suffix in _SUFFIXES:
        match = _counted(suffix)(path)
        if match is not None:
            return match[1]
    raise ValueError(f"there is no counter at the end of {path!r}")


_SUFFIXES = {suffix for layout in LAYOUTS.values() for suffix in layout.suffixes.values()}
