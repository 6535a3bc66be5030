"""The tests of ``find``: each returns whether a znode fits."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Optional

import click

from zkc.cli._types import parse_duration, parse_size

if TYPE_CHECKING:
    from zkc.cli._walk import Node

__all__ = ["AGE", "COUNT_TEST", "OWNER", "REGEX", "SIZE_TEST", "Comparison", "Test", "all_of"]

# A sign, "+" for more, "-" for less, "" for exactly, and the limit.
Comparison = tuple[str, float]
Test = Callable[["Node"], bool]


def _signed(text: str) -> tuple[str, str]:
    return (text[0], text[1:]) if text[:1] in ("+", "-") else ("", text)


class _Comparison(click.ParamType):
    """``+N`` for more than N, ``-N`` for less, ``N`` for exactly N."""

    def __init__(self, name: str, parse: Callable[[str], float], what: str) -> None:
        self.name, self._parse, self._what = name, parse, what

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        if not isinstance(value, str):
            return value
        sign, number = _signed(value)
        try:
            return sign, self._parse(number)
        except ValueError as error:
            self.fail(f"{error}; + before it means more, - less{self._what}", param, ctx)


class _Regex(click.ParamType):
    name = "regex"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return re.compile(value)
        except (re.error, RecursionError, OverflowError) as error:
            self.fail(f"{value!r} is no regular expression: {error}", param, ctx)


class _Owner(click.ParamType):
    name = "session"

    def convert(self, value: Any, param: Optional[click.Parameter], ctx: Optional[click.Context]) -> Any:
        if not isinstance(value, str):
            return value
        try:
            number = int(value, 16)
        except ValueError:
            number = -1
        if not 0 < number < 1 << 64:
            self.fail(
                f"{value!r} is no session id: give it in hex, as the servers show it: 0x10000a2b3c40000", param, ctx
            )
        return number - (1 << 64) if number >> 63 else number


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise ValueError(f"{text!r} is no number")
    return int(text)


SIZE_TEST = _Comparison("size", parse_size, "")
COUNT_TEST = _Comparison("number", _count, "")
AGE = _Comparison("age", parse_duration, ": -1h is changed in the last hour")
REGEX = _Regex()
OWNER = _Owner()


def _compare(sign: str, limit: float, value: float) -> bool:
    if sign == "+":
        return value > limit
    return value < limit if sign else value == limit


def all_of(
    names: tuple[str, ...],
    regex: Optional[re.Pattern[str]],
    kind: Optional[str],
    owner: Optional[int],
    size: Optional[Comparison],
    children: Optional[Comparison],
    mtime: Optional[Comparison],
    ctime: Optional[Comparison],
    empty: bool,
    leaf: bool,
) -> list[Test]:
    """Return the tests that a znode must pass."""
    from zkc.cli._paths import glob_matcher

    tests: list[Test] = []
    if names:
        globs = [glob_matcher(name) for name in names]
        tests.append(lambda node: any(fits(node.name) for fits in globs))
    if regex is not None:
        tests.append(lambda node: regex.search(node.path) is not None)
    if kind is not None:
        tests.append(lambda node: (node.stat.ephemeral_owner != 0) == (kind == "ephemeral"))
    if owner is not None:
        tests.append(lambda node: node.stat.ephemeral_owner == owner)
    if size is not None:
        tests.append(lambda node: _compare(*size, node.stat.data_length))
    if children is not None:
        tests.append(lambda node: _compare(*children, node.stat.num_children))
    # The age is that by this machine's clock; the times are those of the servers.
    now = time.time()
    if mtime is not None:
        tests.append(lambda node: _compare(*mtime, now - node.stat.mtime / 1000))
    if ctime is not None:
        tests.append(lambda node: _compare(*ctime, now - node.stat.ctime / 1000))
    if empty:
        tests.append(lambda node: node.stat.data_length == 0)
    if leaf:
        tests.append(lambda node: node.stat.num_children == 0)
    return tests
