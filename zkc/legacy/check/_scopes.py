"""The names of a file and their meaning, as far as simple assignments show it.

A name stands for a *thing*: the name of a module or of a rule of the table (``zookeeper``, ``zookeeper.get``). The name
of a class with brackets behind it is an object of that class (``zc.zk.ZooKeeper()``). A ``~`` in front marks a class
of the file's own, a subclass of that in the table: it may have methods that are unknown here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Optional

from zkc.legacy.check import rules
from zkc.legacy.check._files import beside, read
from zkc.legacy.check._tokens import Source, Statement, Token, closing, split

__all__ = ["Names", "Scope", "Step", "member"]

_JOINED = ("or", "and", "if", "else")
_SELVES = ("self", "cls")
# Modules of the packages, also those that the table does not have.
_BELOW = ("zookeeper.", "zc.zk.", "kazoo.")
# A module that cannot be read may re-export the package under its name, or have something else of that name.
# Of such a thing only names in the table count.
_REEXPORTED = {"zookeeper": "~zookeeper", "zc": "~zc"}
# Through how many modules a name is followed.
_MAX_DEPTH = 30
# The names that each module re-exports, by its file: the files of a folder import each other many times.
_reexports: dict[str, dict[str, str]] = {}


class Scope:
    """A module, a class or a function, with its place and the names that it binds."""

    def __init__(self, kind: str, indent: int, parent: Optional[Scope]) -> None:
        self.kind, self.indent, self.parent = kind, indent, parent
        self.bound: dict[str, list[_Binding]] = {}

    def owner(self) -> Scope:
        """Return the class around it, or itself: what ``self.x`` belongs to."""
        scope: Optional[Scope] = self
        while scope is not None and scope.kind != "class":
            scope = scope.parent
        return scope or self


class _Binding:
    """One place where a name gets a meaning: by a value, or with a thing that is known already."""

    def __init__(
        self, at: int, scope: Scope, value: list[Token], thing: Optional[str] = None, known: bool = True
    ) -> None:
        self.at, self.scope, self.value, self.thing = at, scope, value, thing
        # A parameter has no known thing: the uses of its name in the rest of the file decide. So it is with None.
        self.known = known and not (len(value) == 1 and value[0].text == "None")


class Step(NamedTuple):
    """A name on the way along a dotted expression, and the thing that it leads to."""

    token: Token
    thing: str


def member(thing: str, name: str) -> Optional[str]:
    """Return the thing that a name is inside of a thing; None if it is of no interest."""
    if thing in rules.MODULES or rules.find(thing):
        full = f"{thing}.{name}"
        if full in rules.MODULES or rules.find(full):
            return full
        reported = thing in rules.MODULES and thing not in ("zc", "kazoo")
    else:
        owner = thing.strip("~()")
        full = f"{owner}.{name}"
        if rules.find(full):
            return full
        reported = not thing.startswith("~")
    return full if reported and not (name.startswith("__") and name.endswith("__")) else None


def called(thing: str) -> Optional[str]:
    """Return the thing that a call of a thing returns."""
    if thing.endswith("()"):
        return thing  # zk.children(path)(fn) gives the object itself
    rule = rules.find(thing.lstrip("~"))
    if rule is None or not rule.gives:
        return None
    return f"{'~' if thing.startswith('~') else ''}{rule.gives}()"


class Names:
    """The bindings of a source, and what they lead to."""

    def __init__(self, source: Source, path: Optional[str] = None, depth: int = 0) -> None:
        self._path, self._depth = path, depth
        self.binders: set[int] = set()  # offsets of names that are not used but bound
        self.imported: list[Step] = []
        self._module = Scope("module", -1, None)
        self._bindings: list[_Binding] = []
        self._everywhere: dict[str, list[_Binding]] = {}
        self.scopes = [self._bind(statement, scope) for statement, scope in self._walk(source)]
        # A value may be a name that is bound further down: the second time that one is known.
        for _ in range(2):
            for binding in self._bindings:
                if binding.value:
                    binding.thing = self._value(binding)

    def _walk(self, source: Source) -> Iterator[tuple[Statement, Scope]]:
        scope = self._module
        for statement in source.statements:
            while statement.indent <= scope.indent and scope.parent is not None:
                scope = scope.parent
            yield statement, scope
            if statement.word in ("def", "class"):
                scope = Scope(statement.word, statement.indent, scope)
                self._open(statement, scope)

    # ---- what binds a name -------------------------------------------------------------------------------------------

    def _add(self, scope: Scope, name: str, binding: _Binding) -> None:
        owner, dot, rest = name.partition(".")
        if dot and owner in _SELVES:
            scope, name = scope.owner(), f"self.{rest}"
        scope.bound.setdefault(name, []).append(binding)
        self._everywhere.setdefault(name, []).append(binding)
        self._bindings.append(binding)

    def _known(self, scope: Scope, token: Token, name: str, thing: Optional[str]) -> None:
        self.binders.add(token.at)
        self._add(scope, name, _Binding(token.at, scope, [], thing))

    def _bind(self, statement: Statement, scope: Scope) -> Scope:
        tokens, word = statement.tokens, statement.word
        if tokens[0].text == "async" and word != "async":
            tokens = tokens[1:]
        if word == "import":
            self._import(tokens[1:], scope)
        elif word == "from":
            self._from(tokens[1:], scope)
        elif word in ("def", "class"):
            name = next((token for token in tokens[1:] if token.kind == "name" and token.text != "def"), None)
            if name is not None and word == "def":
                self._known(scope, name, name.text, None)
        elif word in ("with", "except"):
            for part in split(tokens[1:], ","):
                self._as(part, scope)
        elif word == "for":
            for token in split(tokens[1:], "in")[0]:
                if token.kind == "name":
                    self._known(scope, token, token.text, None)
        else:
            self._assign(tokens, scope)
        return scope

    def _open(self, statement: Statement, scope: Scope) -> None:
        """Bind the parameters of a function, or the name and the base of a class."""
        tokens, outer = statement.tokens, scope.parent or scope
        names = [
            index
            for index, token in enumerate(tokens)
            if token.kind == "name" and token.text not in ("def", "class", "async")
        ]
        if not names:
            return
        name, opening = tokens[names[0]], names[0] + 1
        inside = (
            tokens[opening + 1 : closing(tokens, opening)]
            if opening < len(tokens) and tokens[opening].text == "("
            else []
        )
        if scope.kind == "def":
            for part in split(inside, ","):
                self._parameter(part, scope)
            return
        bases = [self._value(_Binding(part[0].at, outer, part)) for part in split(inside, ",") if part]
        made = next((called(base) for base in bases if base and called(base)), None)
        kind = f"~{made.strip('~()')}" if made else None
        if kind:
            scope.bound["self"] = scope.bound["cls"] = [_Binding(name.at, scope, [], f"{kind}()")]
        self._known(outer, name, name.text, kind)

    def _parameter(self, part: list[Token], scope: Scope) -> None:
        named = split(part, "=")[0]
        target, *annotation = split(named, ":")
        target = [token for token in target if token.kind == "name"]
        if len(target) != 1 or target[0].text in _SELVES:
            return
        self.binders.add(target[0].at)
        thing = self._value(_Binding(target[0].at, scope.parent or scope, annotation[0])) if annotation else None
        made = called(thing) if thing else None
        self._add(scope, target[0].text, _Binding(target[0].at, scope, [], made, known=bool(made)))

    def _import(self, tokens: list[Token], scope: Scope) -> None:
        for part in split(tokens, ","):
            names = [token for token in part if token.kind == "name"]
            path, _, alias = _aliased(names)
            self.binders.update(token.at for token in names)
            if not path:
                continue
            full = ".".join(token.text for token in path)
            if full in rules.MODULES or full.startswith(_BELOW):
                self.imported.append(Step(path[0], full))
            reexports = {} if full in rules.MODULES else self._reexports_of(full)
            for name, inner in (reexports or {}).items():
                bound = f"{(alias or path[0]).text if alias or len(path) == 1 else full}.{name}"
                self._add(scope, bound, _Binding(path[0].at, scope, [], inner))
            thing = full if alias else path[0].text
            self._known(scope, alias or path[0], (alias or path[0]).text, thing if thing in rules.MODULES else None)

    def _from(self, tokens: list[Token], scope: Scope) -> None:
        before, *after = split(tokens, "import")
        self.binders.update(token.at for token in tokens)
        module = "".join(token.text for token in before)
        is_listed = module in rules.MODULES
        if module.startswith(_BELOW) and not is_listed:
            self.imported.append(Step(before[0], module))
        if not after:
            return
        names = after[0][1:-1] if after[0] and after[0][0].text == "(" else after[0]
        if not is_listed:
            self._from_another(module, names, scope)
        elif names and names[0].text == "*":
            self._from_all(module, before[0], names[0], scope)
        else:
            self._from_names(module, names, scope)

    def _from_all(self, module: str, first: Token, star: Token, scope: Scope) -> None:
        """Bind the names that have rules: ``from zookeeper import *``."""
        self.imported.append(Step(first, module))
        for rule in rules.owned(module):
            self._add(scope, rule.short, _Binding(star.at, scope, [], rule.name))

    def _from_names(self, module: str, names: list[Token], scope: Scope) -> None:
        """Bind names of a module of the packages: ``from zookeeper import get, set as put``."""
        for part in split(names, ","):
            path, _, alias = _aliased([token for token in part if token.kind == "name"])
            if path:
                thing = member(module, path[0].text)
                if thing:
                    self.imported.append(Step(path[0], thing))
                self._known(scope, alias or path[0], (alias or path[0]).text, thing)

    def _from_another(self, module: str, listed: list[Token], scope: Scope) -> None:
        """Bind names of a module that is none of the packages' but may re-export them."""
        reexports = self._reexports_of(module)
        if listed and listed[0].text == "*":
            for name, inner in (reexports or {}).items():
                self._add(scope, name, _Binding(listed[0].at, scope, [], inner))
            return
        for part in split(listed, ","):
            path, _, alias = _aliased([token for token in part if token.kind == "name"])
            if not path or module.startswith(_BELOW):
                continue
            name = path[0].text
            thing = _REEXPORTED.get(name) if reexports is None else reexports.get(name)
            if thing is None:  # It may be a module of the package.
                self._add_reexports(
                    f"{module.rstrip('.')}.{name}" if module.strip(".") else module + name, alias, path, scope
                )
            if thing and (alias or path[0]).text in scope.bound and thing.startswith("~"):
                continue  # Such as except ImportError: from helper import zookeeper.
            if thing and not thing.startswith("~") and not thing.endswith("()"):
                self.imported.append(Step(path[0], thing))
            if thing:
                self._known(scope, alias or path[0], (alias or path[0]).text, thing)

    def _add_reexports(self, module: str, alias: Optional[Token], path: list[Token], scope: Scope) -> None:
        for name, thing in (self._reexports_of(module) or {}).items():
            self._add(scope, f"{(alias or path[0]).text}.{name}", _Binding(path[0].at, scope, [], thing))

    def _reexports_of(self, module: str) -> Optional[dict[str, str]]:
        """Return the things that a module beside the file re-exports, by name; None if there is no such module."""
        file = beside(self._path, module) if self._path and self._depth < _MAX_DEPTH else None
        if file is None:
            return None
        if file in _reexports:
            return _reexports[file]
        _reexports[file] = {}  # For modules that import each other.
        try:
            names = Names(Source(read(file)), file, self._depth + 1)
        except OSError:
            return {}
        things = {name: names._latest(found, None, name) for name, found in names._module.bound.items()}
        _reexports[file] = {name: thing for name, thing in things.items() if thing}
        return _reexports[file]

    def _as(self, part: list[Token], scope: Scope) -> None:
        value, *target = split(part, "as")
        if len(target) == 1 and len(target[0]) == 1 and value:
            self.binders.add(target[0][0].at)
            self._add(scope, target[0][0].text, _Binding(target[0][0].at, scope, value))

    def _assign(self, tokens: list[Token], scope: Scope) -> None:
        *targets, value = split(tokens, "=")
        for target in targets:
            names, values = split(split(target, ":")[0], ","), split(value, ",")
            paired = len(names) == len(values) > 1
            for index, name in enumerate(names):
                path = _dotted(name)
                if path:
                    self.binders.update(token.at for token in name)
                    got = values[index] if paired else value if len(names) == 1 else []
                    self._add(scope, path, _Binding(name[0].at, scope, got))
                    if scope.kind == "class" and "." not in path:
                        self._add(scope, f"self.{path}", _Binding(name[0].at, scope, got))

    # ---- what a name leads to ----------------------------------------------------------------------------------------

    def _value(self, binding: _Binding) -> Optional[str]:
        """Return what the tokens of a value are: one expression, or one of those that `or` and `else` join."""
        found = set()
        for part in split(binding.value, *_JOINED):
            while len(part) > 1 and (
                part[0].text == "await" or (part[0].text == "(" and closing(part, 0) == len(part) - 1)
            ):
                part = part[1:] if part[0].text == "await" else part[1:-1]
            if part and part[0].kind == "name":
                _, thing, end = self.follow(part, 0, binding.scope)
                if thing and end == len(part):
                    found.add(thing)
        return found.pop() if len(found) == 1 else None

    def lookup(self, scope: Scope, name: str, at: int) -> Optional[str]:
        """Return the thing that a name or a dotted name stands for at a place."""
        owner, dot, rest = name.partition(".")
        if dot and owner in _SELVES:
            bindings, name = scope.owner().bound.get(f"self.{rest}"), f"self.{rest}"
            return self._latest(bindings, None, name) if bindings else self._anywhere(name)
        here: Optional[Scope] = scope
        while here is not None:
            # The names of a class are no names of the functions in it.
            bindings = here.bound.get(name) if here is scope or here.kind != "class" or owner in _SELVES else None
            if bindings:
                return self._latest(bindings, at if here is scope else None, name)
            here = here.parent
        return self._anywhere(name)

    def _latest(self, bindings: list[_Binding], at: Optional[int], name: str) -> Optional[str]:
        known = [binding for binding in bindings if binding.known]
        if not known:
            return self._anywhere(name)
        if at is not None:
            before = [binding for binding in known if binding.at <= at]
            return (before[-1] if before else known[0]).thing
        return next((binding.thing for binding in reversed(known) if binding.thing), None)

    def _anywhere(self, name: str) -> Optional[str]:
        """Return the one thing that the name stands for in the whole file; None if there are several."""
        things = {binding.thing for binding in self._everywhere.get(name, []) if binding.known}
        return things.pop() if len(things) == 1 else None

    def follow(self, tokens: list[Token], index: int, scope: Scope) -> tuple[list[Step], Optional[str], int]:
        """Follow a name and what hangs on it, ``a.b(...).c``.

        Returns the names with what they lead to, what the whole is, and the index behind it.
        """
        path = tokens[index].text
        thing = self.lookup(scope, path, tokens[index].at)
        while thing is None and _dot(tokens, index + 1):
            index += 2
            path += f".{tokens[index].text}"
            thing = self.lookup(scope, path, tokens[index].at)
        steps: list[Step] = [Step(tokens[index], thing)] if thing else []
        index += 1
        while thing is not None and index < len(tokens):
            if _dot(tokens, index):
                thing = member(thing, tokens[index + 1].text)
                if thing:
                    steps.append(Step(tokens[index + 1], thing))
                index += 2
            elif tokens[index].text == "(":
                if thing.endswith("()") and member(thing, "__call__"):
                    steps.append(Step(tokens[index - 1], str(member(thing, "__call__"))))
                thing = called(thing)
                index = closing(tokens, index) + 1
            else:
                if tokens[index].text == "[":
                    thing = None
                break
        return steps, thing, index


def _dot(tokens: list[Token], index: int) -> bool:
    return index + 1 < len(tokens) and tokens[index].text == "." and tokens[index + 1].kind == "name"


def _dotted(tokens: list[Token]) -> str:
    """Return a dotted name, or nothing if it is another expression."""
    text = "".join(token.text for token in tokens)
    names = len(tokens) % 2 == 1 and all(
        token.kind == "name" if index % 2 == 0 else token.text == "." for index, token in enumerate(tokens)
    )
    return text if names else ""


def _aliased(names: list[Token]) -> tuple[list[Token], bool, Optional[Token]]:
    """Cut ``a.b as c`` into path and alias."""
    places = [index for index, token in enumerate(names) if token.text == "as"]
    if places and places[0] and len(names) > places[0] + 1:
        return names[: places[0]], True, names[places[0] + 1]
    return names, False, None
