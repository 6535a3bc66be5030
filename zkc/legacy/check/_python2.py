"""Syntax that only Python 2 takes, as far as a single line shows it. 2to3 and its kind know more, and rewrite it."""

from __future__ import annotations

import ast
import codecs
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Optional

from zkc.legacy.check import _lacks
from zkc.legacy.check._lacks import Remark
from zkc.legacy.check._tokens import Source, Statement, Token, closing, split

__all__ = ["Remark", "cookie", "remarks", "whole_file"]


# In a comment of the first line, or of the second if there is no more than a comment in the first.
_COOKIE = re.compile(r"\ufeff?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
_BLANK = re.compile(r"\ufeff?[ \t\f]*(?:#.*)?$")
_STATEMENT_GOES_ON = ("name", "number", "string")
_OPERATORS = frozenset(["in", "is", "and", "or", "not", "if", "for"])
# Where 8 is the width of a tab and where it is 1, Python 3 wants the same answer about what is deeper.
_WIDTHS = (8, 1)


def remarks(source: Source, path: Optional[str] = None) -> Iterator[Remark]:
    """Yield what Python 3 does not take, and what its library does not have.

    Args:
        path: The file of the source: its folder shows which modules are the program's own.
    """
    yield from _tabs(source)
    printed = "print_function" in source.text
    for statement in source.statements:
        yield from _statement(statement, printed)
        yield from _tokens(statement.tokens)
    yield from _lacks.remarks(source, path)


def _statement(statement: Statement, printed: bool) -> Iterator[Remark]:
    tokens, word = statement.tokens, statement.word
    first = tokens[0]
    if word == "print" and not printed:
        yield from _print(tokens)
    elif word == "exec" and _is_exec(tokens):
        yield Remark(first.at, "exec statement", "exec(code, namespace)")
    elif word == "except" and len(split(tokens, ",")) > 1:
        yield Remark(first.at, "except with a comma", "except X as e")
    elif word == "raise" and len(split(tokens, ",")) > 1:
        yield Remark(first.at, "raise with a comma", _raise(split(tokens[1:], ",")))
    elif word == "def" and _unpacks(tokens):
        yield Remark(first.at, "parameters that are unpacked", "one name, unpacked in the function")


def _raise(parts: list[list[Token]]) -> str:
    if len(parts) < 3:
        return 'raise E("x")'
    plain = len(parts[1]) == 1 and parts[1][0].text == "None"
    return "raise E().with_traceback(tb)" if plain else 'raise E("m").with_traceback(tb)'


def _print(tokens: list[Token]) -> Iterator[Remark]:
    rest = tokens[1:]
    if not rest:
        yield Remark(tokens[0].at, "print statement", "print()")
    elif rest[0].text == "(":
        after = rest[closing(rest, 0) + 1 :]
        # Python 3 would take what is behind the bracket for what happens to None.
        if after and after[0].kind == "op" and after[0].text != ".":
            yield Remark(tokens[0].at, "print statement", "print(...) around all of it")
    elif rest[0].text == ">>":
        yield Remark(tokens[0].at, "print statement", "print(..., file=f)")
    elif _goes_on(rest[0]) or rest[0].text in ("-", "~", "[", "{", "`"):
        yield Remark(tokens[0].at, "print statement", "print(...)")


def _goes_on(token: Token) -> bool:
    return token.kind in _STATEMENT_GOES_ON and token.text not in _OPERATORS


def _is_exec(tokens: list[Token]) -> bool:
    if len(tokens) < 2:
        return False
    if tokens[1].text == "(":
        after = tokens[closing(tokens, 1) + 1 :]
        return bool(after) and after[0].text == "in"
    return _goes_on(tokens[1])


def _unpacks(tokens: list[Token]) -> bool:
    return any(one.text in ("(", ",") and two.text == "(" for one, two in zip(tokens[2:], tokens[3:])) and not any(
        token.text == ":" for token in tokens
    )


def _tokens(tokens: list[Token]) -> Iterator[Remark]:
    opened = False
    before = Token("newline", "\n", 0)
    for index, token in enumerate(tokens):
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        if token.text == "`":
            opened = not opened
            if opened:
                yield Remark(token.at, "backticks", "repr(x)")
        elif token.kind == "op" and token.text == "<>":
            yield Remark(token.at, "<>", "!=")
        elif token.kind == "number":
            yield from _number(token)
        elif token.kind == "string" and re.match(r"[uU][rR]", token.text):
            yield Remark(token.at, "ur'' string", "r'' or u''")
        elif token.kind == "name":
            yield from _name(before, token, after)
        before = token


def _number(token: Token) -> Iterator[Remark]:
    digits = token.text.rstrip("lL")
    octal = re.fullmatch(r"0[0-7]*[1-7][0-7]*", digits)
    written = f"0o{digits[1:]}" if octal else digits
    if token.text != digits:
        yield Remark(token.at, "long suffix", written)
    elif octal:
        yield Remark(token.at, "octal literal", written)


def _name(before: Token, token: Token, after: str) -> Iterator[Remark]:
    text = token.text
    if before.text == ".":
        if text in ("async", "await"):
            yield Remark(token.at, f"{text} as a name", f"{text}_, if there is such a name, or getattr")
    elif text in ("async", "await") and (after in ("=", ",", ")", "(", ".") or before.text in ("def", "import", "as")):
        # `await (x)` is Python 3's own, and `async (x)` is no use of a name.
        if text == "async" or after != "(":
            yield Remark(token.at, f"{text} as a name", f"{text}_")
    elif text == "lambda" and after == "(":
        yield Remark(token.at, "parameters that are unpacked", "one name, unpacked in the function")


def _tabs(source: Source) -> Iterator[Remark]:
    """Find lines whose depth depends on how wide a tab is."""
    stack = [(0, 0)]
    for at in source.line_starts():
        white = source.indentation(at)
        wide, narrow = (len(white.expandtabs(width)) for width in _WIDTHS)
        while len(stack) > 1 and wide < stack[-1][0]:
            stack.pop()
        deeper = (wide > stack[-1][0], narrow > stack[-1][1])
        same = (wide == stack[-1][0], narrow == stack[-1][1])
        if deeper[0] != deeper[1] or same[0] != same[1]:
            yield Remark(at, "tabs and spaces mixed", "spaces only")
        if wide > stack[-1][0]:
            stack.append((wide, narrow))


def cookie(source: Source) -> Iterator[tuple[int, str]]:
    """Look whether Python has the encoding that a file says it is in: yield where it says so, and what is wrong."""
    start = 0
    for line in source.text.split("\n", 2)[:2]:
        found = _COOKIE.match(line)
        if found:
            try:
                codecs.lookup(found[1])
            except LookupError:
                yield start + found.start(1), f"Python does not know the encoding {found[1]}"
            return
        if not _BLANK.match(line):
            return
        start += len(line) + 1


def whole_file(source: Source) -> Iterator[tuple[int, str]]:
    """Ask Python itself whether it takes the file, for what no single line shows: yield where it does not, and why."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source.text)
    except SyntaxError as error:
        line = min(max(error.lineno or 1, 1), source.position(len(source.text))[0])
        version = ".".join(map(str, sys.version_info[:2]))
        yield source.line_offset(line), f"Python {version} says: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        yield 0, f"Python says: {error}"
