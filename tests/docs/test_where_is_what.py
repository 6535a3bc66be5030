"""architecture.md names every file of zkc/ and src/, and its answers name functions that stand in those files."""

from __future__ import annotations

import ast
import re

import pytest

from .docs_support import ROOT

_PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# Folders that have one line for all their files.
_ONE_LINE = ("zkc/_api/", "zkc/cli/", "zkc/errors/", "zkc/legacy/", "zkc/recipes/", "zkc/testing/")


def _section(heading: str) -> str:
    return re.split(r"^##+ ", _PAGE.partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def test_each_module_has_a_line():
    section = _section("### zkc/")
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in [*ROOT.glob("zkc/*.py"), *ROOT.glob("zkc/_*/*.py")]
        if path.name not in ("__init__.py", "_version.py")
    } | {"zkc/__init__.py"}
    modules = {name for name in modules if not name.startswith(_ONE_LINE)} | set(_ONE_LINE)
    cells = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert sorted(listed) == sorted(modules | {"zkc/_zookeeper.pyi"})


def test_each_file_of_the_recipes_has_a_line():
    cells = re.findall(r"^\| (`.+?) \|", _section("### zkc/recipes/"), re.MULTILINE)
    listed = [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]
    assert sorted(listed) == sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("zkc/recipes/*.py"))


@pytest.mark.parametrize("folder", ["_api", "errors"])
def test_a_line_of_a_folder_names_its_files(folder):
    (line,) = re.findall(rf"^\| `zkc/{folder}/` \| (.*) \|$", _section("### zkc/"), re.MULTILINE)
    for path in ROOT.glob(f"zkc/{folder}/*.py"):
        assert path.name == "__init__.py" or f"`{path.name}`" in line


@pytest.mark.parametrize("folder", ["_zookeeper", "bridge", "adaptor"])
def test_each_native_file_has_a_line(folder):
    table = _section("### src/").partition(f"| `src/{folder}/` |")[2].partition("\n\n")[0]
    listed = re.findall(r"`([\w.]+\.(?:pyx|pxd|c|h))`", "\n".join(re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)))
    assert sorted(listed) == sorted(path.name for path in (ROOT / "src" / folder).iterdir() if path.is_file())


def test_a_function_stands_in_the_file_that_an_answer_names():
    rows = re.findall(r"^\| (Wh.+?\?) \| (.+) \|$", _section("## Where is what"), re.MULTILINE)
    assert len(rows) >= 10
    found = 0
    for question, answer in rows:
        for names, file in re.findall(r"((?:`\w+`(?:,| and)? ?(?:the class )?)+)(?:in|of) `([\w/.]+\.\w+)`", answer):
            for name in re.findall(r"`(\w+)`", names):
                found += 1
                text = (ROOT / file).read_text(encoding="utf-8")
                assert re.search(rf"\b{name}\b\(|\bclass {name}\b", text), f"{question} {name} is not in {file}"
    assert found >= 15


@pytest.mark.parametrize("name", ["BRIDGE_LAYERS", "ADAPTOR_LAYERS"])
def test_the_layers_of_c_are_those_that_are_checked(name):
    source = (ROOT / "tests" / "native" / "test_layers.py").read_text(encoding="utf-8")
    assigned = {
        ast.unparse(node.targets[0]): node.value for node in ast.parse(source).body if isinstance(node, ast.Assign)
    }
    layers = " → ".join(", ".join(f"`{file}`" for file in layer) for layer in ast.literal_eval(assigned[name]))
    assert f"{layers}." in " ".join(_section("## Layers").split())
