"""Data as people read them: indented JSON, text, or a hex dump."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Optional

__all__ = ["as_json", "as_text", "hex_dump", "pretty"]

_PER_LINE = 16
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # No text has these.


def as_text(data: bytes, *, cut: bool = False) -> Optional[str]:
    """Return data as text; None if they are no UTF-8, or have control characters that no text has.

    Args:
        data: The data.
        cut: Whether they are the begin of longer data, which may end inside a character.
    """
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def as_json(text: str) -> Optional[str]:
    """Return an object or an array of JSON, indented; None if the text is something else.

    Numbers, doubled members and the order stay as they are written.
    """
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(text, parse_float=_Number, parse_int=_Number, object_pairs_hook=_Members)
        return "".join(_indented(value, "\n"))
    except (ValueError, RecursionError):
        return None


class _Number(str):
    """A number as it is written."""


class _Members(list[Any]):
    """The members of an object, in their order."""


def _indented(value: Any, newline: str) -> Iterator[str]:
    deeper = newline + "  "
    if isinstance(value, _Number):
        yield value
    elif isinstance(value, list) and value:
        named = isinstance(value, _Members)
        yield "{" if named else "["
        for number, item in enumerate(value):
            yield ("," if number else "") + deeper
            if named:
                yield json.dumps(item[0], ensure_ascii=False) + ": "
            yield from _indented(item[1] if named else item, deeper)
        yield newline + ("}" if named else "]")
    elif isinstance(value, list):
        yield "{}" if isinstance(value, _Members) else "[]"
    else:
        yield json.dumps(value, ensure_ascii=False)


def hex_dump(data: bytes) -> Iterator[str]:
    """Return the lines of a hex dump: offset, 16 bytes in hex, and their ASCII characters."""
    for offset in range(0, len(data), _PER_LINE):
        row = data[offset : offset + _PER_LINE]
        left, right = row[:8].hex(" "), row[8:].hex(" ")
        characters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{offset:08x}  {left:<23}  {right:<23}  |{characters}|"


def pretty(data: bytes) -> tuple[str, str]:
    """Return how data are shown, ``json``, ``text`` or ``hex``, and the text to show, without a newline at its end."""
    text = as_text(data)
    if text is None:
        return "hex", "\n".join(hex_dump(data))
    indented = as_json(text)
    if indented is not None:
        return "json", indented
    return "text", text[:-1] if text.endswith("\n") else text
