"""Every function that zookeeper.h exports is wrapped, or docs/architecture.md says why not."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## Calls that are not wrapped"


def header() -> Path:
    """Return the newest header that a build of ours made, or the system's."""
    built = Path(os.environ.get("ZKC_BUILD_DIR", ROOT / "build")) / "vendor"
    found = sorted(built.glob("*/include/zookeeper/zookeeper.h"), key=lambda path: path.stat().st_mtime)
    prefix = Path(os.environ.get("ZKC_LIBZOOKEEPER_PREFIX", "/usr"))
    return next(path for path in [*reversed(found), prefix / "include/zookeeper/zookeeper.h"] if path.is_file())


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """The functions that the header exports."""
    text = without_comments(header().read_text(encoding="utf-8", errors="replace"))
    return set(re.findall(r"^ZOOAPI\s[^;{]*?\b(\w+)\s*\(", text, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def called() -> set[str]:
    """The functions that the core, without the adaptor, calls: in C, and in Cython what is declared and used."""
    sources = sorted((ROOT / "src" / "bridge").glob("*.c"))
    text = "".join(without_comments(path.read_text(encoding="utf-8")) for path in sources)
    cython = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.pyx")))
    cython = re.sub(r"#[^\n]*", " ", cython)
    return set(re.findall(r"\b(\w+)\s*\(", text + cython))


@pytest.fixture(scope="module")
def excused() -> dict[str, str]:
    """Return the calls that the documentation lists as not wrapped, with the reason."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert HEADING in text, f"docs/architecture.md must have the heading {HEADING!r}"
    section = text.split(HEADING, 1)[1].split("\n## ", 1)[0]
    reasons = {}
    for row in re.findall(r"^\|([^|\n]+)\|([^\n]+)\|\s*$", section, flags=re.MULTILINE):
        for name in re.findall(r"`(\w+)`", row[0]):
            if row[1].strip() != "reason":  # the head of the table
                reasons[name] = row[1].strip()
    return reasons


def test_the_header_is_read(exported):
    assert {"zookeeper_init", "zoo_aget", "zoo_get", "zookeeper_close", "zoo_amulti", "zerror"} <= exported
    assert len(exported) > 70


def test_every_function_is_wrapped_or_excused(exported, called, excused):
    missing = sorted(exported - called - set(excused))
    assert missing == [], "wrap these, or list them with a reason in docs/architecture.md"


def test_nothing_is_excused_that_is_wrapped_or_unknown(exported, called, excused):
    assert sorted(set(excused) & called) == []
    assert sorted(name for name in excused if name not in exported) == []


def test_every_excuse_has_a_reason(excused):
    assert [name for name, reason in excused.items() if not reason] == []


def test_every_declared_function_is_used(called):
    declared = (ROOT / "src" / "_zookeeper" / "zookeeper.pxd").read_text(encoding="utf-8")
    functions = set(re.findall(r"\b((?:zoo|zookeeper|is)_\w+|zerror)\(", declared))
    assert sorted(functions - called) == []
