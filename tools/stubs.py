"""Make the stubs of zkc/_calls that say what the methods return for asyncio and for futures.

    python tools/stubs.py           write them
    python tools/stubs.py --check   fail if one is out of date

The methods are written once (see zkc/_calls/__init__.py): here ``-> str`` becomes ``-> Answer[str]`` for AsyncClient,
and ``-> Future[str]`` for ``client.submit``. Docstrings go along, so that editors show them.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "zkc" / "_calls"
KINDS = {
    "async": ("Async", "Answer", "from zkc._answer import Answer"),
    "submit": ("Submit", "Future", "from zkc._futures import Future"),
}


def sources() -> list[Path]:
    """List the modules whose methods are meant."""
    return [path for path in sorted(FOLDER.glob("*.py")) if path.stem not in ("__init__", "runner")]


def stub(source: Path, kind: str) -> str:
    """Return the text of one stub."""
    prefix, wrapper, line = KINDS[kind]
    tree = ast.parse(source.read_text(encoding="utf-8"))
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            body.append(_class(node, prefix, wrapper))
        elif isinstance(node, ast.ImportFrom) and node.module not in ("zkc._calls.runner", "zkc._plans", "__future__"):
            body.append(node)
        elif isinstance(node, ast.If):  # if TYPE_CHECKING: imports
            body.extend(node.body)
        elif isinstance(node, ast.Assign) and not ast.unparse(node).startswith("__all__"):
            body.append(node)
    text = ast.unparse(ast.Module(body, []))
    return _formatted(f"# Made by tools/stubs.py from {source.name}: do not edit.\n{line}\n{text}\n", f"{kind}.pyi")


def _formatted(text: str, name: str) -> str:
    for command in (["check", "--fix-only"], ["format"]):
        whole = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", str(FOLDER / name), "-"]
        text = subprocess.run(whole, input=text, stdout=subprocess.PIPE, text=True, check=True).stdout
    return text


def _class(node: ast.ClassDef, prefix: str, wrapper: str) -> ast.ClassDef:
    methods = [statement for statement in node.body if isinstance(statement, ast.FunctionDef)]
    overloaded = {method.name for method in methods if method.decorator_list}
    kept: list[ast.stmt] = []
    documented: dict[str, str] = {}
    for method in methods:
        if method.name in overloaded and not method.decorator_list:
            documented[method.name] = ast.get_docstring(method, clean=False) or ""
    for method in methods:
        if method.name.startswith("_") or (method.name in overloaded and not method.decorator_list):
            continue
        assert method.returns is not None
        text = ast.get_docstring(method, clean=False) or documented.pop(method.name, "")
        method.returns = ast.Subscript(ast.Name(wrapper), method.returns)
        method.body = [ast.Expr(ast.Constant(text)) if text else ast.Expr(ast.Constant(...))]
        kept.append(method)
    return ast.ClassDef(f"{prefix}{node.name}", [], [], kept or [ast.Expr(ast.Constant(...))], [])


def main() -> int:
    """Write the stubs, or compare them with what is there."""
    stale = []
    wanted = {f"{kind}_{source.stem}.pyi": stub(source, kind) for source in sources() for kind in KINDS}
    for name, text in wanted.items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text, encoding="utf-8")
    left_over = [path.name for path in FOLDER.glob("*.pyi") if path.name not in wanted]
    if "--check" in sys.argv and (stale or left_over):
        print(f"out of date: {', '.join(stale + left_over)}; run python tools/stubs.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
