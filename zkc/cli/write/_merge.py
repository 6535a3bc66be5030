"""Texts that two sides have changed: a difference to look at, and a merge by lines."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

__all__ = ["MARKS", "Merged", "difference", "merge"]

MARKS = ("<<<<<<< yours", "=======", ">>>>>>> theirs")


class Merged(NamedTuple):
    """A merged text, and the number of places where both sides have changed the same lines."""

    data: bytes
    conflicts: int


def difference(before: bytes, after: bytes, name: str, other: str) -> str:
    """Return the lines that differ, as ``diff -u`` shows them; one sentence for equal bytes, or if they are no text."""
    if before == after:
        return f"{name} and {other} are equal"
    texts = _texts(before, after)
    if texts is None:
        return f"{name} and {other} differ: {len(before):,} and {len(after):,} bytes, which are no text"
    old, new = (text.splitlines() for text in texts)
    if old == new:
        return f"{name} and {other} differ in the ends of lines only"
    return "\n".join(difflib.unified_diff(old, new, name, other, lineterm=""))


def merge(base: bytes, mine: bytes, theirs: bytes) -> Optional[Merged]:
    """Merge two texts that were made from one, line by line; None for bytes that are no text."""
    texts = _texts(base, mine, theirs)
    if texts is None:
        return None
    old, ours, others = (text.splitlines(keepends=True) for text in texts)
    merged: list[str] = []
    conflicts = at = at_ours = at_others = 0
    for start, in_ours, in_others, length in _common(old, ours, others):
        was, here, there = old[at:start], ours[at_ours:in_ours], others[at_others:in_others]
        if here in (there, was):
            merged += there
        elif there == was:
            merged += here
        else:
            conflicts += 1
            merged += [f"{MARKS[0]}\n", *_ended(here), f"{MARKS[1]}\n", *_ended(there), f"{MARKS[2]}\n"]
        merged += old[start : start + length]
        at, at_ours, at_others = start + length, in_ours + length, in_others + length
    return Merged("".join(merged).encode(), conflicts)


def _common(old: Sequence[str], ours: Sequence[str], others: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Return the runs of lines that all three have: their positions and their length. The last is empty, at the end."""
    left = difflib.SequenceMatcher(None, old, ours, autojunk=False).get_matching_blocks()
    right = difflib.SequenceMatcher(None, old, others, autojunk=False).get_matching_blocks()
    i = j = 0
    while i < len(left) and j < len(right):
        one, two = left[i], right[j]
        start, end = max(one.a, two.a), min(one.a + one.size, two.a + two.size)
        if start < end:
            yield start, one.b + start - one.a, two.b + start - two.a, end - start
        if one.a + one.size < two.a + two.size:
            i += 1
        else:
            j += 1
    yield len(old), len(ours), len(others), 0


def _ended(lines: Sequence[str]) -> list[str]:
    """Return lines whose last one has an end."""
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def _texts(*parts: bytes) -> Optional[list[str]]:
    try:
        return [part.decode() for part in parts]
    except UnicodeDecodeError:
        return None
