"""Signatures of the extension's functions and classes, from its stub: the extension itself has no annotations."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Optional

import zkc

MODULE = "zkc._zookeeper"


class _Spell(ast.NodeTransformer):
    """Transformer that replaces each alias of the stub by its value: the site does not show aliases."""

    def __init__(self, aliases: dict[str, ast.expr]) -> None:
        self.aliases = aliases

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.aliases.get(node.id, node)


def _aliases(stub: ast.Module) -> dict[str, ast.expr]:
    """Return the aliases of the stub by name; a TypeVar is assigned by a call and is no alias."""
    assigned = [node for node in stub.body if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call)]
    return {target.id: node.value for node in assigned for target in node.targets if isinstance(target, ast.Name)}


def _signature(function: ast.FunctionDef) -> tuple[str, str]:
    arguments = function.args
    arguments.args = [argument for argument in arguments.args if argument.arg != "self"]
    returned = "" if function.returns is None or function.name == "__init__" else ast.unparse(function.returns)
    return f"({ast.unparse(arguments)})", returned


def signatures() -> dict[str, tuple[str, str]]:
    """Return (arguments, return type) of each function, class and method of the stub, by its name in the module."""
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
    """Return the signature of a function or class of the extension that zkc exports; None for anything else."""
    if getattr(item, "__module__", None) != MODULE:
        return None
    # Looked up by its name in zkc: the qualified name of an inherited method has its base class.
    return known.get(name.partition(".")[2])
