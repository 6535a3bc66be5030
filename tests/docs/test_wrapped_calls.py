"""Every function of zookeeper.h is called by the core, or architecture.md says why not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .docs_support import ROOT


@pytest.fixture(scope="module")
def header_functions():
    """The functions that the pinned library's header declares."""
    environment = {name: value for name, value in os.environ.items() if name != "ZKC_SANITIZE"}
    command = [sys.executable, str(ROOT / "vendor" / "build.py")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    header = Path(run.stdout.strip(), "include", "zookeeper", "zookeeper.h").read_text(encoding="utf-8")
    found = set(re.findall(r"^ZOOAPI\s[^;(]*?(\w+)\s*\(", header, re.MULTILINE))
    assert len(found) > 70
    return found


@pytest.fixture(scope="module")
def called():
    """The names that are called, or passed on, by our sources; a declaration alone is no call."""
    # The adaptor is a part of the library: what it calls is not called by the core.
    sources = [*ROOT.glob("src/**/*.pyx"), *ROOT.glob("src/bridge/*.c")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
    return set(re.findall(r"\b(\w+)\(", text))


@pytest.fixture(scope="module")
def listed():
    """The rows of the table: name and reason."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page[page.index("## Calls that are not wrapped") :]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)
    names = [name for name, _ in rows]
    assert len(names) == len(set(names)), "a name stands twice in the table"
    return {name: reason for name, reason in rows if name != "name"}


def test_every_function_is_called_or_listed(header_functions, called, listed):
    assert header_functions - called - listed.keys() == set()


def test_nothing_is_listed_that_is_called(called, listed):
    assert listed.keys() & called == set()


def test_nothing_is_listed_that_the_header_lacks(header_functions, listed):
    assert listed.keys() - header_functions == set()


def test_each_reason_says_something(listed):
    assert [name for name, reason in listed.items() if len(reason.strip()) < 8] == []
