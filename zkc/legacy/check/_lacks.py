"""Modules, names, methods and arguments that Python 3 lacks: their uses parse there and fail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, Optional

from zkc.legacy.check import rules
from zkc.legacy.check._compat import Blocks, asks_version
from zkc.legacy.check._files import beside
from zkc.legacy.check._stdlib import BUILTINS, CODECS, MODULES, MOVED
from zkc.legacy.check._tokens import Source, Statement, Token, closing, split

__all__ = ["Remark", "remarks"]


class Remark(NamedTuple):
    """Something that Python 3 does not take: what it is, and what to write. ``breaks``: it does not even parse it."""

    at: int
    what: str
    instead: str
    breaks: bool = True


_METHODS = {
    f"{kind}{name}": (f"dict.{kind}{name}", f"{name}()")
    for kind in ("iter", "view")
    for name in ("items", "keys", "values")
}
_NOTHING = "something else: there is nothing like it"
_CODEC = re.compile(r"[bBuU]?(['\"])([\w-]+)\1")
# Reported since the first version, also where a star import may bind it.
_FOR_SURE = frozenset(["basestring", "long", "raw_input", "unichr", "unicode", "xrange"])
# The names that they bind are known, and are none of the former builtins.
_STARS = frozenset(["Tkinter", "tkinter", "ctypes", "math", "os", "socket", "struct", "threading", "time", "types"])


class _Bound:
    """The names that a file defines itself, as in ``unicode = str``."""

    def __init__(self, source: Source) -> None:
        self.names: set[str] = set()  # by assignment, as a parameter, in a loop, as a function or a class
        self.imported: set[str] = set()
        self.modules: dict[str, str] = {}  # what ``import`` binds, and to which module
        self.starred = False
        for statement in source.statements:
            if statement.word in ("import", "from"):
                self._import(statement)
            else:
                self._other(statement)

    def __contains__(self, name: str) -> bool:
        return name in self.names or name in self.imported

    def _import(self, statement: Statement) -> None:
        self.imported.update(token.text for token in statement.tokens[1:])
        if statement.word == "import":
            for module, alias, _ in _imported(statement):
                self.modules[alias or module.partition(".")[0]] = module if alias else module.partition(".")[0]
        elif statement.tokens[-1].text == "*":
            module = "".join(token.text for token in statement.tokens[1:-2])
            self.starred = self.starred or not (module in _STARS or module in rules.MODULES)

    def _other(self, statement: Statement) -> None:
        tokens = statement.tokens
        for part in split(tokens, "=")[:-1]:
            self.names.update(token.text for token in part if token.kind == "name")
        if statement.word == "class":
            self.names.add(tokens[1].text if len(tokens) > 1 else "")
        elif statement.word == "def":
            # Its name, and the names of its parameters; not their defaults.
            self._after(tokens, ("def", "(", ",", "*", "**"))
        self._after(tokens, ("as",))
        for index, token in enumerate(tokens):
            if token.text == "for" and token.kind == "name":
                self._until(tokens[index + 1 :], "in")
            elif token.text == "lambda":
                self._until(tokens[index + 1 :], ":")
            elif token.text == ":=" and index:
                self.names.add(tokens[index - 1].text)

    def _after(self, tokens: list[Token], words: tuple[str, ...]) -> None:
        self.names.update(two.text for one, two in zip(tokens, tokens[1:]) if one.text in words)

    def _until(self, tokens: list[Token], word: str) -> None:
        for token in tokens:
            if token.text == word:
                return
            if token.kind == "name":
                self.names.add(token.text)


def _imported(statement: Statement) -> Iterator[tuple[str, str, Token]]:
    """Yield module or name, alias and place of what a statement imports."""
    listed = statement.tokens[1:] if statement.word == "import" else split(statement.tokens, "import")[-1]
    if listed and listed[0].text == "(":
        listed = listed[1 : closing(listed, 0)]
    for part in split(listed, ","):
        path, *alias = split(part, "as")
        if path:
            yield "".join(token.text for token in path), alias[0][0].text if alias and alias[0] else "", path[0]


def remarks(source: Source, path: Optional[str] = None) -> Iterator[Remark]:
    """Yield what Python 3 lacks, and what to write instead.

    What runs on Python 2 only, or has something else in its place, is left out.

    Args:
        path: The file of the source: modules beside it are the program's own.
    """
    bound, blocks = _Bound(source), Blocks(source)
    imports = {index: list(_imports(one, path)) for index, one in enumerate(source.statements)}
    for index, found in imports.items():
        if found:
            blocks.note_import(index)
    for index, statement in enumerate(source.statements):
        if imports[index] and not blocks.import_is_excused(index):
            yield from imports[index]
        if (
            statement.word not in ("import", "from")
            and not asks_version(statement)
            and not blocks.name_is_excused(index)
        ):
            yield from _names(statement.tokens, bound)


def _imports(statement: Statement, path: Optional[str]) -> Iterator[Remark]:
    if statement.word == "import":
        for module, _, token in _imported(statement):
            yield from _module(module, token, path)
    elif statement.word == "from" and len(statement.tokens) > 1:
        module = "".join(token.text for token in split(statement.tokens, "import")[0][1:])
        found = list(_module(module, statement.tokens[1], path))
        yield from found
        for name, _, token in [] if found else _imported(statement):
            full = f"{module}.{name}"
            if full in MODULES:
                yield from _module(full, token, path)
            elif full in MOVED:
                yield Remark(token.at, full, MOVED[full], breaks=False)


def _module(module: str, token: Token, path: Optional[str]) -> Iterator[Remark]:
    known = module if module in MODULES else module.partition(".")[0]
    if known in MODULES and not (path and beside(path, known)):
        yield Remark(token.at, f"the module {known}", MODULES[known] or _NOTHING, breaks=False)


def _names(tokens: list[Token], bound: _Bound) -> Iterator[Remark]:
    if [token.text for token in tokens[:2]] == ["__metaclass__", "="] and [one.text for one in tokens[2:]] != ["type"]:
        yield Remark(
            tokens[0].at, "__metaclass__", "class C(metaclass=M): Python 3 ignores the attribute", breaks=False
        )
    for index, token in enumerate(tokens):
        if token.kind != "name":
            continue
        before = tokens[index - 1].text if index else ""
        after = [one.text for one in tokens[index + 1 : index + 3]] + ["", ""]
        if before == ".":
            yield from _method(tokens, index, after, bound)
        elif token.text in BUILTINS and token.text not in bound and after[0] != "=":
            if token.text in _FOR_SURE or not bound.starred:
                yield Remark(token.at, f"the name {token.text}", BUILTINS[token.text], breaks=False)
        elif token.text in bound.modules and token.text not in bound.names and after[0] == ".":
            full = f"{bound.modules[token.text]}.{after[1]}"
            if full in MOVED:
                yield Remark(tokens[index + 2].at, full, MOVED[full], breaks=False)
        if after[0] == "(" and (token.text == "sorted" or (token.text == "sort" and before == ".")):
            yield from _compared(tokens, index, bound)


def _method(tokens: list[Token], index: int, after: list[str], bound: _Bound) -> Iterator[Remark]:
    token = tokens[index]
    if after[0] != "(" or token.text in bound.names:
        return
    if token.text == "has_key":
        yield Remark(token.at, "dict.has_key", "key in mapping", breaks=False)
    elif token.text in _METHODS and after[1] == ")":  # Not six.iteritems(mapping).
        yield Remark(token.at, *_METHODS[token.text], breaks=False)
    elif token.text in ("keys", "values", "items") and [one.text for one in tokens[index + 1 : index + 6]] == [
        *("(", ")", ".", "sort", "("),
    ]:
        yield Remark(token.at, f"dict.{token.text}().sort", f"sorted(mapping.{token.text}())", breaks=False)
    elif token.text in ("encode", "decode") and tokens[index - 2].text != "codecs":
        codec = _CODEC.fullmatch(after[1])
        name = codec[2].lower().replace("-", "_") if codec else ""
        if name in CODECS:
            instead = CODECS[name][token.text == "decode"]
            yield Remark(token.at, f"the codec {name}", instead, breaks=False)


def _compared(tokens: list[Token], index: int, bound: _Bound) -> Iterator[Remark]:
    """Find the function that sorted and sort compared with."""
    if tokens[index].text in bound:
        return
    inside = tokens[index + 2 : closing(tokens, index + 1)]
    first = 1 if tokens[index].text == "sorted" else 0
    for place, argument in enumerate(_arguments(inside)):
        named = len(argument) > 1 and argument[0].text == "cmp" and argument[1].text == "="
        # sort of other classes may take something else: only a function of two is taken for one that compares.
        compares = place == first and argument and argument[0].text == "lambda"
        if named or (compares and len([one for one in split(argument, ":")[0][1:] if one.kind == "name"]) == 2):
            yield Remark(argument[0].at, "a function that compares", "key=functools.cmp_to_key(f)", breaks=False)


def _arguments(inside: list[Token]) -> Iterator[list[Token]]:
    """Cut at the commas between arguments, which are not those between the parameters of a lambda."""
    whole: list[Token] = []
    for part in split(inside, ","):
        whole += part
        if not any(token.text == "lambda" for token in whole) or any(token.text == ":" for token in whole):
            yield whole
            whole = []
    if whole:
        yield whole
