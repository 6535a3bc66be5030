"""The pages' Python runs, and what they quote from the sources stands there."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import zkc

from .docs_support import PLACEHOLDER, ROOT, Block, blocks, marks_of_what_is_not_run

_PYTHON = [block for block in blocks("python") if not block.file]
_QUOTED = [block for block in blocks() if block.file]
_TESTS = [block for block in _PYTHON if "def test_" in block.text]
_NOT_RUN = [block for block in _PYTHON if block.not_run is not None]
_SNIPPETS: dict[str, list[Block]] = {}  # by page
for _block in _PYTHON:
    if _block not in _TESTS and _block not in _NOT_RUN:
        _SNIPPETS.setdefault(str(_block.page.relative_to(ROOT)), []).append(_block)


def _places(found: list[Block]) -> list[str]:
    return [block.place for block in found]


def test_there_is_something_to_look_at():
    assert _PYTHON
    assert _QUOTED
    assert _TESTS


def _compile(block: Block, hosts: str = PLACEHOLDER) -> types.CodeType:
    # As far down as on the page, so that a traceback names the page's own line.
    text = "\n" * (block.line - 1) + block.text.replace(PLACEHOLDER, hosts)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(text, str(block.page), "exec", flags, dont_inherit=True)


async def _run_all(codes: list[types.CodeType], namespace: dict[str, Any]) -> None:
    for code in codes:
        outcome = eval(code, namespace)
        if inspect.iscoroutine(outcome):
            await outcome


def _run_page(codes: list[types.CodeType], namespace: dict[str, Any]) -> None:
    if any(code.co_flags & inspect.CO_COROUTINE for code in codes):
        asyncio.run(_run_all(codes, namespace))
        return
    for code in codes:
        exec(code, namespace)


# Python warns of each fork beside threads; a page shows that this one does no harm.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
@pytest.mark.parametrize("page", _SNIPPETS)
def test_the_snippets_of_a_page_run(page, zookeeper_chroot, capsys, monkeypatch):
    """Run them in order, in one namespace, as a reader would type them."""
    monkeypatch.setattr(sys, "argv", [page, zookeeper_chroot])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    try:
        _run_page([_compile(block, zookeeper_chroot) for block in _SNIPPETS[page]], namespace)
    except BaseException:
        # The failure is to be seen, and not what it left open. A page that runs has to close what it opens.
        if isinstance(namespace.get("client"), zkc.Client):
            namespace["client"].close()
        raise
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("block", _NOT_RUN, ids=lambda block: block.place)
def test_a_snippet_that_is_not_run_says_why(block):
    assert block.not_run
    _compile(block)


def test_each_mark_of_what_is_not_run_stands_above_a_snippet():
    assert len(marks_of_what_is_not_run()) == len(_NOT_RUN), marks_of_what_is_not_run()


@pytest.mark.parametrize("block", _TESTS, ids=lambda block: block.place)
def test_a_test_on_a_page_passes(block, tmp_path, pytestconfig):
    (tmp_path / "test_from_the_page.py").write_text(block.text, encoding="utf-8")
    installed = {plugin.__name__ for plugin, _ in pytestconfig.pluginmanager.list_plugin_distinfo()}
    plugin = [] if "zkc.testing.plugin" in installed else ["-p", "zkc.testing.plugin"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *plugin, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def _flat(text: str) -> str:
    """Return text without what its place in a file decides: indentation and empty lines."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())


@pytest.mark.parametrize("block", _QUOTED, ids=lambda block: block.place)
def test_what_is_quoted_stands_in_the_file(block):
    source = Path(ROOT, block.file)
    assert source.is_file(), f"{block.place} quotes {block.file}, which does not exist"
    assert _flat(block.text) in _flat(source.read_text(encoding="utf-8"))


def test_the_ten_lines_of_the_readme_are_the_example():
    example = Path(ROOT, "examples", "ten_lines.py").read_text(encoding="utf-8")
    assert example in [block.text for block in _PYTHON if block.page.name == "README.md"]


# Others want a server and go on until Ctrl-C: the tests of the clients run them.
_BY_THEMSELVES = [path.name for path in sorted(ROOT.glob("examples/*.py")) if "--hosts" in path.read_text("utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize("name", _BY_THEMSELVES)
def test_an_example_that_needs_nothing_runs(name):
    run = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / name)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout
