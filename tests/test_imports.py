"""The modules that an import loads: ``import zkc`` nothing, a client no asyncio, and ``zkc --version`` no client."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import zkc
import zkc.errors

# The modules take from some milliseconds to 30: a client for threads that has nothing to repeat needs none of them.
HEAVY = {"asyncio", "hashlib", "ipaddress", "platform", "random", "ssl", "subprocess", "uuid"}


def loaded(program: str) -> set[str]:
    """Return the modules that a program of its own has loaded at its end."""
    program += "\nimport sys, json\nsys.stderr.write(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(ended.stderr))


def ours(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "zkc"}


def imported_for_types() -> dict[str, str]:
    """Return the module of each public name, as type checkers see it."""
    tree = ast.parse(Path(str(zkc.__file__)).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module)[len("zkc.") :]
        for node in block.body
        if isinstance(node, ast.ImportFrom) and not str(node.module).startswith("zkc.errors")
        for alias in node.names
    }


def test_the_table_of_names_is_that_of_the_imports_for_type_checkers():
    table = {name: module for name, module in zkc._MODULES.items() if module != "errors"}
    assert table == imported_for_types()
    assert sorted(name for name, module in zkc._MODULES.items() if module == "errors") == sorted(zkc.errors.__all__)
    assert sorted(zkc.__all__) == sorted([*zkc._MODULES, "__version__"])


def test_an_import_loads_nothing():
    assert ours(loaded("import zkc")) == {"zkc", "zkc._version"}


def test_a_client_loads_no_asyncio(zookeeper_server):
    modules = loaded(f"import zkc\nwith zkc.Client({zookeeper_server.hosts!r}) as client: client.children('/')")
    assert modules & HEAVY == set()
    assert modules & {"zkc._client.aio", "zkc.credentials", "zkc.otel", "zkc.recipes"} == set()
    assert len(ours(modules)) < 70


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_command_line_loads_no_client_for_its_help(option):
    modules = loaded(f"from zkc.cli import main\nmain([{option!r}])")
    assert {name for name in ours(modules) if not name.startswith("zkc.cli")} == {"zkc", "zkc._version"}
    assert modules & (HEAVY | {"concurrent.futures", "dataclasses", "logging", "rich"}) == set()


def test_a_star_import_has_every_name():
    names: dict[str, object] = {}
    exec("from zkc import *", names)
    assert set(zkc.__all__) <= names.keys()


def test_the_public_modules_are_there_without_an_import_of_their_own():
    program = "import zkc\nprint(*(getattr(zkc, name).__name__ for name in zkc._SUBMODULES))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == [f"zkc.{name}" for name in zkc._SUBMODULES]


def test_dir_lists_what_is_still_to_be_loaded():
    program = "import zkc\nprint(set(zkc.__all__) <= set(dir(zkc)), 'Client' in vars(zkc))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == "True False\n"


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'zkc' has no attribute 'Clients'"):
        zkc.Clients  # noqa: B018 - the attribute is the test
    with pytest.raises(ImportError, match="cannot import name 'Clients' from 'zkc'"):
        exec("from zkc import Clients")


@pytest.mark.parametrize("name", ["Client", "ACL", "NoNodeError", "Stat", "State"])
def test_a_public_class_survives_pickle(name):
    pickled = pickle.dumps(getattr(zkc, name))
    program = f"import pickle\nprint(pickle.loads({pickled!r}).__name__)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout == f"{name}\n"
