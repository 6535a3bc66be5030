"""The documentation as data: its pages, their fenced blocks, commands and links."""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import zkc

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY", "CODE_OF_CONDUCT")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("benchmarks/*.md")),
    *sorted(ROOT.glob("examples/*.md")),
    *sorted(ROOT.glob("newsfragments/README.md")),
]
# The address that stands where a reader has to put in a server of their own.
PLACEHOLDER = "127.0.0.1:2181"

_FENCE = re.compile(r"^```([\w{}-]*)[ ]?(\S*)$")
_NOT_RUN = re.compile(r"^<!-- not run:(.*)-->$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int  # of its first line of text
    language: str
    file: str  # named after the language: the file that it is taken from
    text: str
    not_run: Optional[str] = None  # why not, if a comment above it says so: <!-- not run: reason -->

    @property
    def place(self) -> str:
        """Where it stands, for the name of a test."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(language: str = "") -> list[Block]:
    """List the fenced blocks of all pages, or those of one language."""
    return [block for page in PAGES for block in _blocks(page) if language in ("", block.language)]


def _blocks(page: Path) -> Iterator[Block]:
    lines = page.read_text(encoding="utf-8").splitlines()
    opening, start = None, 0
    for number, line in enumerate(lines):
        match = _FENCE.match(line)
        if not match:
            continue
        if opening is None:
            opening, start = match, number + 1
        else:
            above = _NOT_RUN.match(lines[start - 2]) if start > 1 else None
            # A directive of the site ({toctree}) is no block: what follows its name is no file.
            if not opening[1].startswith("{"):
                text = "\n".join(lines[start:number]) + "\n"
                yield Block(page, start + 1, opening[1], opening[2], text, above and above[1].strip())
            opening = None
    assert opening is None, f"{page}: a fenced block does not end"


def marks_of_what_is_not_run() -> list[str]:
    """List the places of all comments that keep a block from being run, besides the command line's consoles."""
    return [
        f"{page.relative_to(ROOT)}:{number}"
        for page in PAGES
        if page.parent.name != "cli"
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
        if line.startswith("<!-- not run")
    ]


def commands() -> list[tuple[str, str]]:
    """List (place, command) of every shell command on the pages, besides those of the command line's own pages."""
    found = []
    for block in blocks("console"):
        if block.page.parent.name == "cli":
            continue  # test_cli_pages.py runs them.
        for offset, line in enumerate(block.text.splitlines()):
            if line.startswith("$ "):
                found.append((f"{block.page.relative_to(ROOT)}:{block.line + offset}", line[2:]))
    return found


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings make, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def make_wheel(folder: Path) -> Path:
    """Pack what is built here into a wheel for this Python."""
    name = f"cp{sys.version_info[0]}{sys.version_info[1]}-none-any"
    path, info = folder / f"zkc-{zkc.__version__}-{name}.whl", f"zkc-{zkc.__version__}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((ROOT / "zkc").rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(ROOT))
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: zkc\nVersion: {zkc.__version__}\n")
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {name}\n")
        archive.writestr(f"{info}/RECORD", "".join(f"{each},,\n" for each in archive.namelist()))
    return path
