"""Signatures of the extension's functions and classes, from its stub: the extension itself knows no types."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Optional

import zkc

MODULE = "zkc._zookeeper"


class _Spell(ast.NodeTransformer):
    """Put what an alias of the stub stands for in its place: readers of the site do not see the alias."""

    def __init__(self, aliases: dict[str, ast.expr]) -> None:
        self.aliases = aliases

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.aliases.get(node.id, node)


def _aliases(stub: ast.Module) -> dict[str, ast.expr]:
    """List the aliases of the stub; a TypeVar, which is made by a call, is none."""
    assigned = [node for node in stub.body if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call)]
    return {target.id: node.value for node in assigned for target in node.targets if isinstance(target, ast.Name)}


def _signature(function: ast.FunctionDef) -> tuple[str, str]:
    arguments = function.args
    arguments.args = [argument for argument in arguments.args if argument.arg != "self"]
    returned = "" if function.returns is None or function.name == "__init__" else ast.unparse(function.returns)
    return f"({ast.unparse(arguments)})", returned


def signatures() -> dict[str, tuple[str, str]]:
    """Return (arguments, what is returned) of everything callable in the stub, by its name in the module."""
    stub = ast.parse(Path(zkc.__file__).with_name("_zookeeper.pyi").read_text(encoding="utf-8"))
    _Spell(_aliases(stub)).visit(stub)
    found: dict[str, tuple[str, str]] = {}
    for node in stub.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = _signature(node)
        elif isinstance(node, ast.ClassDef):
            methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            for method in methods:
                name = node.name if method.name == "__init__" else f"{node.name}.{method.name}"
                found[name] = _signature(method)
    return found


def signature_of(known: dict[str, tuple[str, str]], name: str, item: object) -> Optional[tuple[str, str]]:
    """Return the signature of a function or class of the extension, exported as zkc's; None for anything else."""
    if getattr(item, "__module__", None) != MODULE:
        return None
    # By its name in zkc: a method that is inherited has a name of its own.
    return known.get(name.partition(".")[2])
