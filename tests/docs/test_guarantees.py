"""The pages of the guarantees: each is listed, says what tests it, and names tests that exist."""

import re

import pytest

from .docs_support import ROOT

FOLDER = ROOT / "docs" / "guarantees"
# The pages whose tests of requests have another name.
_COUNTED_AS = {"rwlock": "read_write_lock", "atomically": "optimistic_transaction"}
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")


def test_each_guarantee_is_in_the_index_and_in_its_tree():
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\((\w+\.md)\)", index)) >= {page.name for page in PAGES}
    tree = index.partition("```{toctree}")[2].split()
    assert [page.stem for page in PAGES if page.stem not in tree] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_guarantee_names_the_tests_that_check_it(page):
    text = page.read_text(encoding="utf-8")
    assert "**Promise.**" in text
    assert "**Tested by**" in text
    assert re.search(r"`tests/[\w/]+\.py`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_test_that_a_guarantee_names_stands_in_its_file(page):
    text = page.read_text(encoding="utf-8")
    for names, file in re.findall(r"((?:`test_\w+`(?:,| and)? ?)+)in `(tests/[\w/]+\.py)`", text):
        source = (ROOT / file).read_text(encoding="utf-8")
        for name in re.findall(r"`(test_\w+)`", names):
            assert re.search(rf"^(?:async )?def {name}\(", source, re.MULTILINE), f"{name} is not in {file}"


def test_each_page_of_the_recipes_has_its_promises_among_the_guarantees():
    table = (FOLDER / "holds.md").read_text(encoding="utf-8").partition("## Promises of the recipes")[2]
    pages = {path.stem for path in (ROOT / "docs" / "recipes").glob("*.md")} - {"index"}
    assert set(re.findall(r"\(\.\./recipes/(\w+)\.md[)#]", table)) >= pages


def test_each_count_of_requests_has_a_test():
    folder = ROOT / "tests" / "recipes"
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.glob("test_*.py"))
    counted = set(re.findall(r"^async def test_requests_of_(?:an?_)?(\w+)\(", sources, re.MULTILINE))
    pages = {
        path.stem
        for path in (ROOT / "docs" / "recipes").glob("*.md")
        if re.search(r"^##+ .*\b[Rr]equests$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(pages) >= 14
    wanted = {_COUNTED_AS.get(page, page) for page in pages}
    assert [name for name in sorted(wanted) if not any(test.startswith(name) for test in counted)] == []
