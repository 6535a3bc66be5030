"""News fragments: what they must be like, and how a release makes a section of the changelog from them."""

from __future__ import annotations

import datetime
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

# After the line above: tools/ is not installed.
from tools import release  # noqa: E402


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree with what the release steps read, without any fragment."""
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("newsfragments", "zkc"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "newsfragments" / "README.md", tmp_path / "newsfragments")
    (tmp_path / "zkc" / "_version.py").write_text('__version__ = "7.8.9"\n')
    monkeypatch.setattr(release, "ROOT", tmp_path)
    return tmp_path


def test_the_fragments_of_this_tree_render():
    assert release.check_news() == []


def test_fragments_become_a_section_and_are_removed(tree):
    (tree / "newsfragments" / "12.fixed.md").write_text("`get` no longer hangs.\n")
    (tree / "newsfragments" / "+retry.added.md").write_text("`zkc.Retry` counts.\n")
    before = (tree / "CHANGELOG.md").read_text()
    assert release.check_news() == []
    assert len(release.complaints(before, "0.1.0", "", ["12.fixed.md"])) == 2  # no date, and the fragment
    assert release.write_changelog() == []
    text = (tree / "CHANGELOG.md").read_text()
    new = text[len(before[: before.index("## 0.1.0")]) : text.index("## 0.1.0")]
    day = re.search(r"## 7\.8\.9 \((\S+)\)", new)
    assert day
    # On the border of two days it is another date by now.
    assert abs((datetime.date.fromisoformat(day[1]) - datetime.datetime.now(datetime.timezone.utc).date()).days) <= 1
    parts = ["### Added - `zkc.Retry` counts.", "### Fixed - `get` no longer hangs. (#12)"]
    assert new[day.end() :].split() == " ".join(parts).split()
    assert text.endswith(before[before.index("## 0.1.0") :])
    assert release.fragments() == []
    assert release.complaints(text, "7.8.9", "") == []
    assert "has a section for 7.8.9 already" in release.write_changelog()[0]


def test_without_fragments_there_is_no_section(tree):
    assert "newsfragments/ is empty" in release.write_changelog()[0]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("12.bugfix.md", "It works.\n", "Invalid news fragment name: 12.bugfix.md"),
        ("notes.txt", "It works.\n", "Invalid news fragment name: notes.txt"),
        ("12.fixed.md", "It works\n", "no full stop"),
        ("12.fixed.md", "", "no full stop"),
        ("12.fixed.md", "It works.\n\nThat too.\n", "more than a paragraph"),
        ("12.fixed.md", "- It works.\n", "more than a paragraph"),
    ],
)
def test_a_fragment_that_does_not_fit_is_reported(tree, name, text, complaint):
    (tree / "newsfragments" / name).write_text(text)
    found = release.check_news()
    assert len(found) == 1
    assert name in found[0]
    assert complaint in found[0]


def test_the_table_of_categories_is_that_of_the_configuration():
    table = (ROOT / "newsfragments" / "README.md").read_text()
    configured = [
        line.partition('"')[2].rstrip('"')
        for line in (ROOT / "pyproject.toml").read_text().splitlines()
        if line.startswith("directory = ") and "/" not in line and "newsfragments" not in line
    ]
    assert [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")] == configured
