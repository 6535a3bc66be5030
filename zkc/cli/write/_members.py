"""One member of a JSON document: where it is, and the document with a change, in the layout that it had."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Sequence
from typing import Any, Union

from zkc.cli._exit import CommandError, ExitCode

__all__ = ["DoubledMemberError", "append", "assign", "document", "dumps", "find", "layout", "parse_member", "remove"]

Step = Union[str, int]
_NAME = re.compile(r"[^.\[\]\"\s]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_INDEX = re.compile(r"\[\s*(-?\d+)\s*\]")
_BRACKETS = re.compile(r'\[\s*("(?:[^"\\]|\\.)*")\s*\]')


class DoubledMemberError(ValueError):
    """A member that is there twice: a change would lose one of them."""


def parse_member(text: str) -> list[Step]:
    """Return the steps of an expression such as ``.a.b[0]["x y"]``; none for ``.``, the whole document.

    Raises:
        ValueError: It is malformed; the message says where.
    """
    steps: list[Step] = []
    if text == ".":
        return steps
    at = 0
    while at < len(text):
        if text[at] == "[":
            index, quoted = _INDEX.match(text, at), _BRACKETS.match(text, at)
            found = index or quoted
            if index:
                steps.append(int(index[1]))
            elif quoted:
                steps.append(json.loads(quoted[1]))
        else:
            dot = at + (text[at] == ".")
            if dot < len(text) and dot > at and text[dot] == "[":
                at = dot  # `.["x y"]` and `.[0]`, as jq writes them.
                continue
            found = (_STRING if text[dot : dot + 1] == '"' else _NAME).match(text, dot) if dot > at or at == 0 else None
            if found:
                steps.append(json.loads(found[0]) if found[0].startswith('"') else found[0])
        if not found:
            raise ValueError(f'{text!r} is no member, from {text[at:]!r} on: give .a.b, .a[0] or .["a b"]')
        at = found.end()
    if not steps:
        raise ValueError("the member is empty: give .a.b, or . for all")
    return steps


def shown_member(steps: Sequence[Step]) -> str:
    """Return steps as an expression."""
    parts = [f"[{each}]" if isinstance(each, int) else f".{each}" if _NAME.fullmatch(each) else f"[{json.dumps(each)}]"
             for each in steps]  # fmt: skip
    text = "".join(parts)
    return text if text.startswith(".") else f".{text}"


def document(text: str) -> Any:
    """Parse a document.

    Raises:
        ValueError: It is no JSON, or the change of it would lose something: a member that is there twice.
    """
    return json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_Number, parse_int=_Number)


class _Number:
    """A number as it is written: a float would lose digits, or turn 1e2 into 100.0."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def dumps(value: Any, **form: Any) -> str:
    """Return a value as JSON, in a form that ``json.dumps`` takes, with the numbers as they were written."""
    mark = secrets.token_hex(8)  # json writes what it does not know as a string; no text of a znode has this mark.

    def marked(number: _Number) -> str:
        return f"{mark}{number.text}{mark}"

    return re.sub(f'"{mark}([-+.0-9eE]+){mark}"', r"\1", json.dumps(value, default=marked, allow_nan=False, **form))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DoubledMemberError(f"the member {twice!r} is there twice")
    return made


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def layout(value: Any, before: str) -> str:
    """Return a document as text, indented and ended as the text before was."""
    body = before.strip()
    ends = before[len(before.rstrip()) :]
    ascii_only = body.isascii() and "\\u" in body
    indent = re.match(r"[\[{]\r?\n([ \t]+)", body)
    if indent:
        return dumps(value, indent=indent[1], ensure_ascii=ascii_only) + ends
    colon = ": " if not body or re.search(r'":\s', body) or ":" not in body else ":"
    comma = ", " if not body or re.search(r'[\]}"\w],\s', body) or "," not in body else ","
    return dumps(value, separators=(comma, colon), ensure_ascii=ascii_only) + ends


def _missing(steps: Sequence[Step], why: str) -> CommandError:
    return CommandError(f"there is no member {shown_member(steps)}: {why}", ExitCode.NO, name="no_member",
                        details={"member": shown_member(steps)})  # fmt: skip


def _kind(value: Any) -> str:
    kinds: dict[type, str] = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _step(value: Any, step: Step, steps: Sequence[Step]) -> Any:
    if isinstance(step, int):
        if not isinstance(value, list):
            raise _missing(steps, f"what is above it is {_kind(value)}, and no array")
        if not -len(value) <= step < len(value):
            raise _missing(steps, f"the array has {len(value)} items")
        return value[step]
    if not isinstance(value, dict):
        raise _missing(steps, f"what is above it is {_kind(value)}, and no object")
    if step not in value:
        raise _missing(steps, "the object has no such name")
    return value[step]


def find(root: Any, steps: Sequence[Step]) -> Any:
    """Return a member.

    Raises:
        CommandError: There is no such member.
    """
    value = root
    for number, step in enumerate(steps):
        value = _step(value, step, steps[: number + 1])
    return value


def assign(root: Any, steps: Sequence[Step], value: Any, *, parents: bool = False) -> Any:
    """Return the document with a member set to a value. A new name of an object is added.

    Args:
        root: The document. It is changed.
        steps: The member.
        value: The value.
        parents: Whether to add objects that are missing above it.
    """
    if not steps:
        return value
    above = root
    for number, step in enumerate(steps[:-1]):
        if parents and isinstance(step, str) and isinstance(above, dict) and step not in above:
            above[step] = {}
        above = _step(above, step, steps[: number + 1])
    last = steps[-1]
    if not (isinstance(last, str) and isinstance(above, dict)):
        _step(above, last, steps)
    above[last] = value
    return root


def append(root: Any, steps: Sequence[Step], value: Any, *, parents: bool = False) -> Any:
    """Return the document with a value at the end of an array."""
    try:
        array = find(root, steps)
    except CommandError:
        if not parents:
            raise
        return assign(root, steps, [value], parents=True)
    if not isinstance(array, list):
        raise _missing([*steps, 0], f"{shown_member(steps)} is {_kind(array)}, and no array")
    array.append(value)
    return root


def remove(root: Any, steps: Sequence[Step]) -> Any:
    """Return the document without a member."""
    above = find(root, steps[:-1])
    _step(above, steps[-1], steps)
    del above[steps[-1]]
    return root
