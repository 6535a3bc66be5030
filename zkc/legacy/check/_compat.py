"""The places where source for both Python 2 and 3 says so: a name there is no finding."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from zkc.legacy.check._tokens import Source, Statement

__all__ = ["Blocks", "asks_version"]

_OPENING = ("if", "for", "while", "try", "with", "def", "class")
_GOING_ON = ("elif", "else", "except", "finally")
# A condition on the version: sys.version_info, six.PY2, IS_PY3, python_version() and their kin.
_VERSION = re.compile(
    r"version_info|hexversion|python_version(_tuple)?|_?(is_?)?(py|python)_?[23]k?(_?only)?", re.IGNORECASE
)
_OF_IMPORTS = {"ImportError", "ModuleNotFoundError", "Exception"}
# Not what is broader: a program that catches all errors of its main function excuses nothing by that.
_OF_NAMES = {"NameError", "AttributeError"}


class _Block:
    """A head with what is indented below it. A chain is those that belong together: try, except, else."""

    def __init__(self, head: Statement, chain: list[_Block], parent: Optional[_Block]) -> None:
        self.head, self.chain, self.parent = head, chain, parent
        self.lacking = False  # whether what is right below it imports something that Python 3 lacks
        chain.append(self)


class Blocks:
    """The compound statements of a source: which statement stands in which."""

    def __init__(self, source: Source) -> None:
        self._of: list[Optional[_Block]] = []
        open_: list[_Block] = []
        for statement in source.statements:
            last: Optional[_Block] = None
            while open_ and statement.indent <= open_[-1].head.indent:
                last = open_.pop()
            parent = open_[-1] if open_ else None
            self._of.append(parent)
            if statement.word in _OPENING:
                open_.append(_Block(statement, [], parent))
            elif statement.word in _GOING_ON:
                joined = last is not None and last.head.indent == statement.indent
                open_.append(_Block(statement, last.chain if joined and last else [], parent))

    def note_import(self, index: int) -> None:
        """Take note that a statement, by its index, imports what Python 3 lacks. Do so for all before asking."""
        block = self._of[index]
        if block is not None:
            block.lacking = True

    def import_is_excused(self, index: int) -> bool:
        """Return whether an import that fails has another in its place, or is made on Python 2 only."""
        return self._by_version(index) or any(
            _catches(block.chain, _OF_IMPORTS, anything=True)
            and any(not one.lacking for one in block.chain if one.head.word in ("try", "except"))
            for block in self._around(index, outermost="def")
        )

    def name_is_excused(self, index: int) -> bool:
        """Return whether a name that is missing is caught, or used on Python 2 only."""
        return self._by_version(index) or any(
            _catches(block.chain, _OF_NAMES, anything=False) for block in self._around(index, outermost="def")
        )

    def _by_version(self, index: int) -> bool:
        return any(_asks_version(one.head) for block in self._around(index) for one in block.chain)

    def _around(self, index: int, outermost: str = "") -> Iterator[_Block]:
        block = self._of[index]
        while block is not None and block.head.word != (outermost or None):
            yield block
            block = block.parent


def _asks_version(head: Statement) -> bool:
    return head.word in ("if", "elif") and _names_version(head)


def _names_version(statement: Statement) -> bool:
    whole = "".join(token.text for token in statement.tokens)
    return "sys.version" in whole or any(_VERSION.fullmatch(one.text) for one in statement.tokens if one.kind == "name")


def asks_version(statement: Statement) -> bool:
    """Return whether a statement is an expression that depends on the version: ``unicode if PY2 else str``."""
    joined = any(token.text in ("if", "and", "or") for token in statement.tokens)
    return joined and statement.word not in _OPENING and _names_version(statement)


def _catches(chain: list[_Block], wanted: set[str], *, anything: bool) -> bool:
    """Return whether a chain begins with try, and an except clause of it names one of some classes, or may be bare."""
    return chain[0].head.word == "try" and any(
        (anything and len(one.head.tokens) == 1) or any(token.text in wanted for token in one.head.tokens)
        for one in chain
        if one.head.word == "except"
    )
