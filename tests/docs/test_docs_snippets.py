"""The pages' Python runs, and what they quote from the sources stands there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from docs_support import PLACEHOLDER, ROOT, Block, blocks

_PYTHON = [block for block in blocks("python") if not block.file]
_QUOTED = [block for block in blocks() if block.file]
_TESTS = [block for block in _PYTHON if "def test_" in block.text]


def _places(found: list[Block]) -> list[str]:
    return [block.place for block in found]


def test_there_is_something_to_look_at():
    assert _PYTHON
    assert _QUOTED
    assert _TESTS


@pytest.mark.parametrize("block", [block for block in _PYTHON if block not in _TESTS], ids=lambda block: block.place)
def test_a_snippet_runs(block, zookeeper_chroot, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(block.page), zookeeper_chroot])
    # As far down as on the page, so that a traceback names the page's own line.
    code = "\n" * (block.line - 1) + block.text.replace(PLACEHOLDER, zookeeper_chroot)
    exec(compile(code, str(block.page), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().err == ""


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


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", sorted(path.name for path in ROOT.glob("examples/*.py") if path.name != "ten_lines.py")
)
def test_an_example_runs(name):
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
