"""Text that is safe to show on a terminal, and sizes, durations and times in words."""

from __future__ import annotations

import datetime
import re

__all__ = ["decoded", "duration_text", "encodable", "shown", "size_text", "time_text"]

# What could move the cursor of a terminal, change its colours, or reverse text: C0, DEL, C1, marks of direction.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def shown(text: str, *, lines: bool = True) -> str:
    r"""Return text with its control characters as escapes such as ``\x1b``.

    Args:
        text: The text.
        lines: Whether tabs and newlines stay.
    """
    text = _CONTROL.sub(lambda match: match.group().encode("unicode_escape", "surrogatepass").decode(), text)
    return text if lines else text.replace("\n", "\\n").replace("\t", "\\t")


def decoded(text: str) -> str:
    """Return an argument that the locale could not decode, decoded as UTF-8. Bytes that are no UTF-8 stay escaped."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # A surrogate that is no escape of a byte.
        return text


def encodable(text: str) -> str:
    """Return text without lone surrogates, which the encoding of stdout would refuse."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def size_text(count: int) -> str:
    """Return a number of bytes in words, such as ``1.5 kB``; a unit is 1000 of the one before."""
    if count < 1000:
        return f"{count} B"
    power = next((power for power in (1, 2, 3) if count < 999.95 * 1000**power), 4)
    return f"{count / 1000**power:.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"


def duration_text(seconds: float) -> str:
    """Return a duration in words, such as ``350 ms``, ``12 s``, ``3 min 20 s`` or ``2 d 4 h``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.0f} s"
    for small, large, name, small_name in ((1, 60, "min", "s"), (60, 3600, "h", "min"), (3600, 86400, "d", "h")):
        if seconds < large * (60 if large < 3600 else 24) or large == 86400:
            whole, rest = divmod(int(seconds), large)
            return f"{whole} {name}" + (f" {rest // small} {small_name}" if rest // small else "")
    raise AssertionError("the last unit takes every duration")


def time_text(milliseconds: int) -> str:
    """Return a time of the servers, in milliseconds since 1970, as ISO 8601 in UTC with milliseconds.

    A time outside the years 1 to 9999, as a damaged file may have it, is returned as ``…ms``.
    """
    try:
        moment = datetime.datetime.fromtimestamp(milliseconds // 1000, tz=datetime.timezone.utc)
    except (OverflowError, OSError, ValueError):
        return f"{milliseconds}ms"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"
