"""Give zkc-legacy the version of zkc. Everything else stands in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent


def version() -> str:
    """Read the version: in a source distribution from its metadata, for there is nothing beside it; else from zkc."""
    for source, pattern in (
        (HERE / "PKG-INFO", r"^Version: (.+)$"),
        (HERE.parent / "zkc" / "_version.py", r'^__version__ = "(.+)"$'),
    ):
        if source.is_file():
            found = re.search(pattern, source.read_text(encoding="utf-8"), re.MULTILINE)
            if found:
                return found[1]
    raise SystemExit("zkc: error: legacy/ is built from zkc's source tree, which has zkc/_version.py beside it")


setup(version=version(), install_requires=[f"zkc=={version()}"])
