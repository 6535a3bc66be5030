"""The consoles on the pages of the command line: each page is run from beginning to end, and the output compared.

A page has a server with an empty root, an empty folder and an empty home. After a command follow the lines that it
prints, to stdout and stderr; a command without such lines may print anything. A line "…" stands for any lines, and "…"
within a line for any text. ``# exit 3`` behind a command is its exit code, else it is 0. A console with a comment
``<!-- not run: reason -->`` above it is left out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from .docs_support import ROOT, blocks

PAGES = sorted((ROOT / "docs" / "cli").glob("*.md"))


class Step(NamedTuple):
    """A command of a page, and what it prints."""

    place: str
    command: str
    code: int
    printed: list[str]


def steps_of(page: Path) -> list[Step]:
    """List the commands of a page."""
    steps: list[Step] = []
    for block in blocks("console"):
        if block.page != page or block.not_run:
            continue
        for offset, line in enumerate(block.text.splitlines()):
            if line.startswith("$ "):
                code = re.search(r"# exit (\d+)$", line)
                steps.append(Step(f"{page.name}:{block.line + offset}", line[2:], int(code[1]) if code else 0, []))
            elif line.startswith("> ") and steps and not steps[-1].printed:
                steps[-1] = steps[-1]._replace(command=f"{steps[-1].command}\n{line[2:]}")
            else:
                steps[-1].printed.append(line)
    return steps


def fits(printed: str, expected: list[str]) -> bool:
    """Return whether the output is as the page shows it."""
    parts = []
    for line in expected:
        if line == "…":
            parts.append(r"(?:.*\n)*")
        else:
            parts.append(re.escape(line).replace("…", ".*") + r"\n")
    return (
        re.fullmatch("".join(parts), printed if printed.endswith("\n") or not printed else f"{printed}\n") is not None
    )


@pytest.fixture
def shell(tmp_path, zookeeper_chroot):
    """Return a function that runs a command of a page in bash: (exit code, output)."""
    program = tmp_path / "bin" / "zkc"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m zkc "$@"\n')
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZKC_", "XDG_"))}
    environment = {**kept, "PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb",
                   "ZKC_SERVERS": zookeeper_chroot, "ZKC_ADMIN_PORT": "1",
                   "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # fmt: skip
    folder = tmp_path / "folder"
    folder.mkdir()

    def run(command: str) -> tuple[int, str]:
        ended = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=60, check=False,
        )  # fmt: skip
        return ended.returncode, ended.stdout.decode("utf-8", "backslashreplace")

    return run


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_consoles_of_a_page_show_what_happens(page, shell):
    for step in steps_of(page):
        code, printed = shell(step.command)
        assert code == step.code, f"{step.place}: {step.command}\nexit {code}\n{printed}"
        if step.printed:
            assert fits(printed, step.printed), f"{step.place}: {step.command}\n{printed}"


def test_a_console_that_is_not_run_says_why():
    reasons = [
        block.not_run for block in blocks("console") if block.page.parent.name == "cli" and block.not_run is not None
    ]
    assert reasons
    assert all(reasons)
