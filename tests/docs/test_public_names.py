"""The public names: complete, documented, with docstrings that follow the rules and signatures that are typed."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from tools import prose

from .docs_support import ROOT

MODULES = ["zkc", "zkc.errors", "zkc.recipes", "zkc.testing", "zkc.otel", "zkc.legacy"]
# Their members have docstrings and types in a stub, which stubtest compares with the extension.
NATIVE = {"zkc.Session", "zkc.Request", "zkc.Stat"}
# A verb at the start of a function's docstring ends in s only if it is one of these.
IMPERATIVES_IN_S = {"Pass", "Process", "Express", "Address", "Access", "Press", "Focus", "Discuss"}


def module_of(name: str) -> ModuleType:
    return importlib.import_module(name)


def public(name: str) -> list[str]:
    return [each for each in module_of(name).__all__ if not each.startswith("__")]


NAMES = sorted({f"{module}.{name}" for module in MODULES for name in public(module)})


def value_of(name: str) -> Any:
    module, _, last = name.rpartition(".")
    return getattr(module_of(module), last)


def documented() -> set[str]:
    """Return the names that pages of the reference have a description of."""
    found: set[str] = set()
    for page in (ROOT / "docs" / "reference").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        found.update(re.findall(r"^\.\. (?:auto\w+|py:\w+):: ([\w.]+)", text, re.MULTILINE))
        for names in re.findall(r"<!-- made: class(?:es)? ([\w. ]+) -->", text):
            found.update(names.split())
        if "<!-- made: errors -->" in text:
            found.update(f"zkc.{name}" for name in public("zkc") if name.endswith("Error"))
    return found


def functions(name: str) -> Iterator[tuple[str, Any]]:
    """Yield a public function, or the public methods and properties that a class of the package defines."""
    value = value_of(name)
    if inspect.isroutine(value):
        yield name, value
    if not inspect.isclass(value) or name in NATIVE:
        return
    for member in dir(value):
        found = inspect.getattr_static(value, member)
        if isinstance(found, (staticmethod, classmethod)):
            found = found.__func__
        if isinstance(found, property):
            found = found.fget
        if not member.startswith("_") and inspect.isfunction(found) and found.__module__.startswith("zkc"):
            yield f"{name}.{member}", found


FUNCTIONS = dict(each for name in NAMES for each in functions(name))
# Functions of the extension: their types are in its stub.
EXTENSION = {name for name, value in FUNCTIONS.items() if not inspect.isfunction(value)}
CLASSES = [name for name in NAMES if inspect.isclass(value_of(name))]
# In zkc.testing a class, or a function, is dated as a whole. Errors and enumerations came with the first version, and
# AsyncFuture has methods of the protocol of awaitables.
UNDATED = {f"zkc.AsyncFuture.{name}" for name in ("send", "throw", "close")}
DATED = [
    name
    for name in [*FUNCTIONS, *CLASSES]
    if name not in UNDATED
    and not re.match(r"zkc\.testing\.\w+\.", name)
    and not re.match(r"zkc\.(errors\.)?\w+Error\b", name)
    and not (name in CLASSES and issubclass(value_of(name), enum.Enum))
]


def test_there_are_names_to_look_at():
    assert len(NAMES) > 100
    assert len(FUNCTIONS) > 200


@pytest.mark.parametrize("module", MODULES)
def test_a_list_of_public_names_has_each_of_them_once(module):
    names = module_of(module).__all__
    assert sorted(names) == sorted(set(names))
    assert [name for name in names if not hasattr(module_of(module), name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_no_public_name_is_missing_from_the_list(module):
    made_here = {
        name
        for name, value in vars(module_of(module)).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").partition(".")[0] == "zkc"
    }
    if module == "zkc.otel":  # It is a module and no package: it imports what it uses.
        made_here = {name for name in made_here if getattr(value_of(f"zkc.otel.{name}"), "__module__", "") == module}
    if module == "zkc.errors":  # It lists the errors; the functions that make them are for the package.
        made_here = {name for name in made_here if inspect.isclass(value_of(f"zkc.errors.{name}"))}
    assert made_here - set(module_of(module).__all__) == set()


def test_each_public_name_has_its_place_in_the_reference():
    there = documented()
    # What zkc.errors has, zkc has too.
    wanted = {re.sub(r"^zkc\.errors\.(?=\w*Error$)", "zkc.", name) for name in NAMES}
    assert sorted(wanted - there) == []


@pytest.mark.parametrize("name", CLASSES)
def test_the_docstring_of_a_class_says_what_it_is(name):
    text = inspect.cleandoc(value_of(name).__doc__ or "")
    assert text, f"{name} has no docstring"
    first = text.partition("\n\n")[0]
    assert first.rstrip().endswith((".", ":")), first
    assert not prose.HEADLESS.match(first), first


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_docstring_of_a_function_begins_with_one_imperative_line(name):
    text = inspect.getdoc(FUNCTIONS[name]) or ""
    assert text, f"{name} has no docstring"
    first, _, rest = text.partition("\n")
    assert first.endswith("."), f"{name}: the first sentence has to end on the first line: {first}"
    assert not rest or rest.startswith("\n"), f"{name}: an empty line has to follow the first"
    assert not prose.HEADLESS.match(first), first
    word = first.split()[0]
    assert not word.endswith("s") or word in IMPERATIVES_IN_S or word[0] == "`", first


@pytest.mark.parametrize("name", DATED)
def test_the_docstring_says_since_which_version_it_is_there(name):
    text = (FUNCTIONS.get(name) or value_of(name)).__doc__ or ""
    assert ".. versionadded::" in text


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - EXTENSION))
def test_the_signature_of_a_function_is_typed(name):
    signature = inspect.signature(FUNCTIONS[name])
    bare = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty and parameter.name not in ("self", "cls")
    ]
    assert bare == []
    assert signature.return_annotation is not signature.empty
