"""The types of arguments: durations, sizes, comparisons and ACLs."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Optional

import click

if TYPE_CHECKING:
    from zkc import ACL

__all__ = ["ACL_TYPE", "DURATION", "MOST", "SIZE", "FiniteRange", "parse_acl", "parse_duration", "parse_size"]

_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {"": 1, "b": 1, "k": 1000, "kb": 1000, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9,
          "ki": 1 << 10, "kib": 1 << 10, "mi": 1 << 20, "mib": 1 << 20, "gi": 1 << 30, "gib": 1 << 30}  # fmt: skip
_LONGEST = 11_000 * 86400.0  # Thirty years: the longest timeout that the client takes.
_LETTERS = {"r": "READ", "w": "WRITE", "c": "CREATE", "d": "DELETE", "a": "ADMIN"}

MOST = 2**63 - 1
"""The largest number that a server can read: Java's long."""


def parse_duration(text: str) -> float:
    """Return a duration such as ``90``, ``1.5h``, ``250ms`` or ``2d`` in seconds, at most thirty years."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if match is None or match[2] not in _SECONDS:
        raise ValueError(f"{shortened(text)!r} is no duration: give seconds, or a number with ms, s, m, h, d or w")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > _LONGEST:
        raise ValueError(f"{shortened(text)!r} is too long: the longest duration is 11000d")
    return seconds


def parse_size(text: str) -> int:
    """Return a size such as ``512``, ``10k``, ``1.5MB`` or ``1MiB`` in bytes, at most 2**63-1."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if match is None or match[2] not in _BYTES:
        raise ValueError(f"{shortened(text)!r} is no size: give bytes, or a number with k, M, G, Ki, Mi or Gi")
    # Whole numbers are exact: a float has 53 bits.
    bytes_ = float(match[1]) * _BYTES[match[2]]
    if bytes_ <= 2 * MOST and "." not in match[1]:
        bytes_ = int(match[1]) * _BYTES[match[2]]
    if bytes_ > MOST:
        raise ValueError(f"{shortened(text)!r} is too much: the largest size is {MOST} bytes")
    return int(bytes_)


def shortened(text: str) -> str:
    """Return a text for an error's message."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def parse_acl(text: str) -> list[ACL]:
    """Return an ACL from ``scheme:id:permissions``, more than one separated by commas.

    The permissions are letters of ``cdrwa``, or ``all``. The words ``open``, ``read`` and ``creator`` are ACLs, too:
    all for everyone, reading for everyone, and all for the identities of the session.
    """
    from zkc import ACL, CREATOR_ALL_ACL, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE, Perms

    made: list[ACL] = []
    for entry in text.split(","):
        word = entry.strip()
        named = {"open": OPEN_ACL_UNSAFE, "read": READ_ACL_UNSAFE, "creator": CREATOR_ALL_ACL}.get(word)
        if named is not None:
            made.extend(named)
            continue
        scheme, _, rest = word.partition(":")
        name, colon, letters = rest.rpartition(":")
        perms = Perms(0)
        for letter in "cdrwa" if letters == "all" else letters:
            if letter not in _LETTERS:
                raise ValueError(f"{letters!r} in {word!r} are no permissions: give letters of cdrwa, or all")
            perms |= Perms[_LETTERS[letter]]
        if not scheme or not colon or not letters:
            raise ValueError(f"{word!r} is no ACL: give scheme:id:permissions, such as world:anyone:r")
        made.append(ACL(perms, scheme, name))
    return made


class FiniteRange(click.FloatRange):
    """A number within a range; "nan", which no comparison refuses, and "inf" are none."""

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is no finite number", param, ctx)
        return number


class _Parsed(click.ParamType):
    """A type that a function parses."""

    def __init__(self, name: str, parse: Any) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


DURATION = _Parsed("duration", parse_duration)
SIZE = _Parsed("size", parse_size)
ACL_TYPE = _Parsed("acl", parse_acl)
