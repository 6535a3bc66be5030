"""The table of exit codes on the page for scripts, and the table of options, are those of the program."""

from __future__ import annotations

import re

from zkc.cli._exit import ExitCode
from zkc.cli._options import GLOBAL

from .docs_support import ROOT

CLI = ROOT / "docs" / "cli"


def test_the_table_of_exit_codes_is_complete():
    text = (CLI / "scripts.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(int(code), code.name.lower()) for code in ExitCode]


def test_the_table_of_options_is_complete():
    text = (CLI / "index.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(--?[a-z-]+)(?: [\w:]+)?`", text))
    assert {name for option in GLOBAL for name in option.opts} - told == set()
