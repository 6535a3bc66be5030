"""The guide from Curator names every class of Curator's recipes, and only names of zkc that exist."""

import re
import zipfile

import pytest

import zkc
from zkc import recipes

from .docs_support import ROOT

PAGE = ROOT / "docs/migration/from_curator.md"
JAR = "/usr/share/java/curator-recipes.jar"
HOLDERS = {
    "client": [zkc.Client],
    "lock": [recipes.Lock],
    "hold": [recipes.Hold, recipes.WriteHold],
    "election": [recipes.Election],
    "item": [recipes.Item],
}


@pytest.fixture(scope="module")
def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_guide_names_every_class_of_curators_recipes(text):
    with zipfile.ZipFile(JAR) as jar:
        names = [name for name in jar.namelist() if name.endswith(".class") and "$" not in name]
    classes = {name.rpartition("/")[2][: -len(".class")] for name in names if "/recipes/" in name}
    assert len(classes) > 80
    assert classes - set(re.findall(r"`(\w+)", text)) == set()


def test_the_guide_from_curator_names_what_zkc_has(text):
    used = re.findall(r"\b(client|lock|hold|election|item)\.(?!md)(\w+)", text)
    assert len(used) > 30
    unknown = {f"{name}.{member}" for name, member in used if not any(hasattr(c, member) for c in HOLDERS[name])}
    assert unknown == set()


def test_the_errors_that_the_guide_from_curator_names_exist(text):
    errors = set(re.findall(r"`(\w+Error)`", text)) - {"OverflowError"}
    assert errors
    assert {name for name in errors if not hasattr(recipes, name) and not hasattr(zkc, name)} == set()
