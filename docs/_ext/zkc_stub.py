"""Signatures of the extension's functions and classes, from its stub: the extension itself knows no types."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Optional

import zkc

MODULE = "zkc._zookeeper"


def _signature(function: ast.FunctionDef) -> tuple[str, str]:
    arguments = function.args
    arguments.args = [argument for argument in arguments.args if argument.arg != "self"]
    returned = "" if function.returns is None or function.name == "__init__" else ast.unparse(function.returns)
    return f"({ast.unparse(arguments)})", returned


def signatures() -> dict[str, tuple[str, str]]:
    """Return (arguments, what is returned) of everything callable in the stub, by its name in the module."""
    stub = Path(zkc.__file__).with_name("_zookeeper.pyi")
    found: dict[str, tuple[str, str]] = {}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = _signature(node)
        elif isinstance(node, ast.ClassDef):
            methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)]
            for method in methods:
                name = node.name if method.name == "__init__" else f"{node.name}.{method.name}"
                found[name] = _signature(method)
    return found


def signature_of(known: dict[str, tuple[str, str]], item: object) -> Optional[tuple[str, str]]:
    """Return the signature of a function or class of the extension, or None for anything else."""
    if getattr(item, "__module__", None) != MODULE:
        return None
    return known.get(getattr(item, "__qualname__", ""))
