"""Tokens and statements of old source, Python 2 or 3. The reader goes on where source is broken.

Python's own :mod:`tokenize` is no help here: from 3.12 on it refuses syntax that only Python 2 allows. Which words it
refuses depends on the version of Python.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import NamedTuple, Optional

__all__ = ["Source", "Statement", "Token", "closing", "split"]

OPENING, CLOSING = "([{", ")]}"
# Indentation as Python 2 counts it: a tab leads to the next multiple of eight.
_TAB = 8

_TOKEN = re.compile(
    r"""(?P<space>[ \t\f]+|\\\n)
    |(?P<comment>\#[^\n]*)
    |(?P<newline>\n)
    |(?P<string>[bBrRuUfF]{0,2}(?:'''|\"{3}|'|\"))
    |(?P<number>0[xXoObB][\da-fA-F_]+[lL]?
        |(?:\d[\d_]*(?:\.(?:\d[\d_]*)?)?|\.\d[\d_]*)(?:[eE][-+]?\d[\d_]*)?[jJlL]?)
    |(?P<name>[^\W\d]\w*)
    |(?P<op><>|\*\*=?|//=?|>>=?|<<=?|[-+*/%&|^=<>!@:]=|->|\.\.\.|.)""",
    re.VERBOSE | re.DOTALL,
)
_STRING_END = {
    "'": re.compile(r"(?:[^\\'\n]|\\.)*'?", re.DOTALL),
    '"': re.compile(r'(?:[^\\"\n]|\\.)*"?', re.DOTALL),
    "'''": re.compile(r"(?:[^\\]|\\.)*?(?:'''|\Z)", re.DOTALL),
    '"""': re.compile(r'(?:[^\\]|\\.)*?(?:"""|\Z)', re.DOTALL),
}
# The expressions inside an f-string; literal braces are doubled.
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]+)\}?")
# No line inside brackets begins like this: a bracket before it was never closed.
_NEVER_INSIDE = re.compile(r"[ \t]*(?:def|class|import|try|while|return|raise|except)\b")
_HEADERS = frozenset(["if", "elif", "else", "for", "while", "try", "except", "finally", "with", "def", "class"])


class Token(NamedTuple):
    """A piece of source: its kind (``name``, ``number``, ``string``, ``op`` or ``newline``), text and offset."""

    kind: str
    text: str
    at: int


class Statement(NamedTuple):
    """A simple statement, or the head of a compound one up to its colon.

    ``indent`` is the column of the line that it stands in, and one more behind a head in the same line.
    """

    tokens: list[Token]
    indent: int

    @property
    def word(self) -> str:
        """The name it begins with, or nothing; ``async def`` counts as ``def``."""
        first = self.tokens[0]
        if first.text == "async" and len(self.tokens) > 1 and self.tokens[1].text in ("def", "for", "with"):
            return self.tokens[1].text
        return first.text if first.kind == "name" else ""


class Source:
    """A text, with its tokens, statements and positions."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._lines = [0, *(match.end() for match in re.finditer("\n", self.text))]
        self.tokens = self._tokens()
        self.statements = list(self._statements())

    def position(self, at: int) -> tuple[int, int]:
        """Return line and column of an offset, both from 1."""
        line = bisect.bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def line_offset(self, line: int) -> int:
        """Return the offset of the first character of a line that is no white space."""
        start = self._lines[line - 1]
        white = re.compile(r"[ \t\f]*").match(self.text, start)
        return white.end() if white else start

    def line_starts(self) -> list[int]:
        """Return the offset of the first token of each logical line."""
        return [
            token.at
            for before, token in zip([None, *self.tokens], self.tokens)
            if (before is None or before.kind == "newline") and token.kind != "newline"
        ]

    def indentation(self, at: int) -> str:
        """Return the white space before the first token of a line."""
        line, column = self.position(at)
        start = self._lines[line - 1]
        return self.text[start : start + column - 1]

    def _tokens(self) -> list[Token]:
        found: list[Token] = []
        depth = 0
        for token in _scan(self.text, 0, len(self.text)):
            if token.kind == "newline":
                if depth and not _NEVER_INSIDE.match(self.text, token.at + 1):
                    continue
                depth = 0
                if not found or found[-1].kind == "newline":
                    continue  # an empty line
            elif token.kind == "op" and token.text in OPENING:
                depth += 1
            elif token.kind == "op" and token.text in CLOSING:
                depth = max(0, depth - 1)
            found.append(token)
        return found

    def _statements(self) -> Iterator[Statement]:
        tokens: list[Token] = []
        for token in [*self.tokens, Token("newline", "\n", len(self.text))]:
            if token.kind != "newline":
                tokens.append(token)
            elif tokens:
                indent = len(self.indentation(tokens[0].at).expandtabs(_TAB))
                yield from _simple(tokens, indent)
                tokens = []


def _scan(text: str, start: int, end: int) -> Iterator[Token]:
    while start < end:
        match = _TOKEN.match(text, start, end)
        if match is None:  # a backslash at the very end
            return
        kind = str(match.lastgroup)
        after = match.end()
        if kind == "string":
            quote = match[0].lstrip("bBrRuUfF")
            closed = _STRING_END[quote].match(text, after, end)
            after = closed.end() if closed else end
            yield Token(kind, text[start:after], start)
            if "f" in match[0].lower():
                yield from _inside(text, match.end(), after)
        elif kind not in ("space", "comment"):
            yield Token(kind, match[0], start)
        start = after


def _inside(text: str, start: int, end: int) -> Iterator[Token]:
    """Yield what an f-string computes, in brackets of its own."""
    for field in _FIELD.finditer(text, start, end):
        if field[1]:
            yield Token("op", "(", field.start())
            # The text after a colon or a ! is the format, no expression.
            tokens = list(_scan(text, field.start(1), field.end(1)))
            yield from tokens[: len(split(tokens, ":", "!")[0])]
            yield Token("op", ")", field.end(1))


def _simple(tokens: list[Token], indent: int) -> Iterator[Statement]:
    """Cut a logical line at semicolons, and behind the colon of a compound statement's head."""
    for part in split(tokens, ";"):
        rest = part
        while rest:
            first = Statement(rest, indent)
            colon = _colon(rest) if first.word in _HEADERS else None
            if colon is None:
                yield first
                break
            yield Statement(rest[:colon], indent)
            rest, indent = rest[colon + 1 :], indent + 1


def _colon(tokens: list[Token]) -> Optional[int]:
    depth = lambdas = 0
    for index, token in enumerate(tokens):
        if token.kind == "op" and token.text in OPENING:
            depth += 1
        elif token.kind == "op" and token.text in CLOSING:
            depth -= 1
        elif depth <= 0 and token.text == "lambda":
            lambdas += 1
        elif depth <= 0 and token.text == ":":
            if not lambdas:
                return index
            lambdas -= 1
    return None


def split(tokens: list[Token], *separators: str) -> list[list[Token]]:
    """Cut tokens at each of some separators that stands outside of brackets. What is empty is left in."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "op" and token.text in OPENING:
            depth += 1
        elif token.kind == "op" and token.text in CLOSING:
            depth -= 1
        if depth <= 0 and token.kind in ("op", "name") and token.text in separators:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def closing(tokens: list[Token], index: int) -> int:
    """Return the index of the bracket that closes the one at an index; the last index if there is none."""
    depth = 0
    for place in range(index, len(tokens)):
        if tokens[place].kind == "op" and tokens[place].text in OPENING:
            depth += 1
        elif tokens[place].kind == "op" and tokens[place].text in CLOSING:
            depth -= 1
            if depth == 0:
                return place
    return len(tokens) - 1
