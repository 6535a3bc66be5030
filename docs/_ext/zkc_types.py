"""Types of the reference: those of an inherited method as its class has them, with the public names of classes."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any, Optional, cast

# Where classes of zkc have their public names; the first module that has a name counts.
_MODULES = ("zkc", "zkc.types", "zkc.recipes", "zkc.otel", "zkc.testing")
# A function made by contextlib is annotated with the iterator that it was made from.
_MANAGERS = {"Iterator": "ContextManager", "AsyncIterator": "AsyncContextManager"}
# Names that a reader does not know, and what stands for them.
_KNOWN = {
    "AbstractContextManager": "ContextManager",
    "AbstractAsyncContextManager": "AsyncContextManager",
    "AnyTransaction": "~zkc.Transaction | ~zkc.AsyncTransaction | ~zkc.SubmitTransaction",
    "Number": "int | float",
}
_PRIVATE_DEFAULT = re.compile(r"=(_\w+)")


@functools.cache
def public_names(module: str) -> dict[str, str]:
    """Return the dotted name of each public class, by its last part; names of the given module come first."""
    names: dict[str, str] = {}
    for each in (module, *_MODULES):
        found = importlib.import_module(each)
        for name in getattr(found, "__all__", ()):
            if not each.startswith("zkc.types") or isinstance(getattr(found, name), type):
                names.setdefault(name, f"{each}.{name}")
    return names


class _Spell(ast.NodeTransformer):
    """Transformer that replaces type variables by their values, and public classes by their dotted names."""

    def __init__(self, bound: dict[str, ast.expr], public: dict[str, str]) -> None:
        self.bound = bound
        self.public = public

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self.bound:
            return cast("ast.expr", self.visit(self.bound[node.id]))
        if node.id in self.public:  # The tilde has Sphinx show the last part alone.
            return ast.Name(f"~{self.public[node.id]}")
        return ast.Name(_KNOWN.get(node.id, node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        return self.visit_Name(ast.Name(node.attr))

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        is_name = isinstance(node.value, str) and node.value.isidentifier()
        return self.visit_Name(ast.Name(node.value)) if is_name else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        outer = self.visit(node.value)
        name = getattr(outer, "id", "")
        if name == "Literal":  # Its texts are values, and no names.
            return ast.Subscript(outer, node.slice)
        inner = self.visit(node.slice)
        return ast.BinOp(inner, ast.BitOr(), ast.Constant(None)) if name == "Optional" else ast.Subscript(outer, inner)


def _expression(annotation: Any) -> ast.expr:
    """Return an annotation, or an argument of a generic class, as an expression."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    elif isinstance(annotation, typing.TypeVar) or (isinstance(annotation, type) and not typing.get_args(annotation)):
        annotation = annotation.__name__
    return ast.parse(annotation if isinstance(annotation, str) else repr(annotation), mode="eval").body


def bound(cls: type) -> dict[type, dict[str, ast.expr]]:
    """Return the values of the type variables of each base of a class, by their names."""
    found: dict[type, dict[str, ast.expr]] = {cls: {}}

    def walk(derived: type) -> None:
        for base in vars(derived).get("__orig_bases__", derived.__bases__):
            origin = typing.get_origin(base) or base
            if origin in (typing.Generic, typing.Protocol):
                continue
            names = [variable.__name__ for variable in getattr(origin, "__parameters__", ())]
            values = [_Spell(found[derived], {}).visit(_expression(value)) for value in typing.get_args(base)]
            found.setdefault(origin, {}).update(zip(names, values))
            walk(origin)

    walk(cls)
    hold = getattr(cls, "_hold_class", None)
    if isinstance(hold, type):  # What a lock grants, where its own base is the lock of another hold.
        wider = {base.__name__ for base in hold.__mro__[1:]}
        for values in found.values():
            narrowed = {name for name, value in values.items() if getattr(value, "id", "") in wider}
            values.update(dict.fromkeys(narrowed, ast.Name(hold.__name__)))
    return found


def _holder(name: str) -> tuple[str, Optional[type], str]:
    """Split a dotted name into its module, its class if it has one, and its last part."""
    rest, _, last = name.rpartition(".")
    module, _, holder = rest.rpartition(".")
    if module and holder[:1].isupper():
        return module, getattr(importlib.import_module(module), holder, None), last
    return rest, None, last


def types_of(name: str, function: Any) -> Iterator[tuple[str, str]]:
    """Yield the annotated parameters of a function with their types, and ``return`` with its own.

    Args:
        name: The dotted name in the reference, such as ``zkc.recipes.Lock.acquire``.
        function: The function, or the function of a property.
    """
    module, cls, member = _holder(name)
    values: dict[str, ast.expr] = {}
    if cls is not None:
        owner = next((each for each in cls.__mro__ if member in vars(each)), cls)
        owner = getattr(function, "_definer", owner)  # A copy that a public class has of a method of an internal base.
        values = bound(cls).get(owner, {})
    for variable, value in getattr(function, "__globals__", {}).items():
        if isinstance(value, typing.TypeVar):  # One that stays a variable, without the underscore of a private name.
            values.setdefault(variable, ast.Name(variable.lstrip("_")))
    spell = _Spell(values, public_names(module))
    inner = getattr(function, "__wrapped__", None)
    is_manager = _generates(inner) and not _generates(function)
    for parameter, annotation in getattr(function, "__annotations__", {}).items():
        found = spell.visit(_expression(annotation))
        if is_manager and parameter == "return":
            found.value = ast.Name(_MANAGERS.get(found.value.id, found.value.id))
        yield parameter, ast.unparse(found)


def with_defaults(signature: str, function: Any) -> str:
    """Return a signature in which a default that is a private constant is its value."""
    constants = getattr(function, "__globals__", {})
    return _PRIVATE_DEFAULT.sub(lambda match: f"={constants.get(match[1], match[1])!r}", signature)


def _generates(function: Any) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def is_made_by_a_method(cls: type) -> bool:
    """Return whether users do not call a class of the recipes, so that its constructor is not for the reference."""
    init = getattr(cls, "__init__", None)
    return (
        cls.__module__.startswith("zkc.recipes.")
        and inspect.isfunction(init)
        and not hasattr(cls, "__dataclass_fields__")
        and not issubclass(cls, (BaseException, tuple))
        and "Args:" not in (cls.__doc__ or "")
    )
