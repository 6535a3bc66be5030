"""Try a wheel: installed alone into a new environment outside the tree, does it do its work?

The tests that run there are the tree's own, copied; the server is started by the installed package's `zkc.testing`.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Optional

from tools.wheels import headers
from tools.wheels.matrix import Variant

ROOT = Path(__file__).resolve().parents[2]
# Enough to know that this build works: calls of every kind, watches, closing, TLS, SASL.
_TESTS = "tests/core"
# Those that compare sources with each other, and look at nothing that was built.
_OF_SOURCES = "tests/core/test_core_header.py"
_PROGRAM = """
import json, zkc, zkc._zookeeper as core
info = zkc.build_info()
assert info["linkage"] == "static" and info["openssl_bundled"] and info["tls"] and info["sasl"], info
assert "DIGEST-MD5" in info["sasl_mechanisms"]
assert core.__file__.startswith(__import__("sys").prefix), core.__file__
print(json.dumps(info))
"""


def runner(variant: Variant) -> Optional[Path]:
    """Find a Python of this machine that can load a wheel; None when there is none."""
    if variant.platform.machine != platform.machine() or variant.platform.libc != "glibc":
        return None
    return headers.pythons().get(variant.python)


def why_not(variant: Variant) -> str:
    """Say why no Python here can load it."""
    if variant.platform.machine != platform.machine():
        return f"no {variant.platform.machine} here"
    if variant.platform.libc != "glibc":
        return "no musl here"
    return f"no Python {variant.python} here"


def import_it(wheel: Path, python: Path, folder: Path) -> Path:
    """Install a wheel into an environment of its own, with nothing else, and import it.

    Returns:
        The environment's Python.

    Raises:
        subprocess.CalledProcessError: it does not work.
    """
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True, capture_output=True)
    inside = folder / "bin" / "python"
    _run(inside, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index", str(wheel))
    _run(inside, "-I", "-c", _PROGRAM)
    return inside


def test_it(inside: Path, folder: Path) -> str:
    """Run the core's tests with the installed package.

    Returns:
        What pytest says last.

    Raises:
        subprocess.CalledProcessError: one failed.
    """
    copy = folder / "tests"
    shutil.copytree(ROOT / "tests", copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    requirements = ["pytest==8.*", "pytest-timeout", "pytest-xdist", "hypothesis"]
    _run(inside, "-m", "pip", "install", "-q", "--disable-pip-version-check", *requirements)
    chosen = [_TESTS, "--ignore", _OF_SOURCES]
    said = _run(inside, "-m", "pytest", "-q", "-n", "3", "--dist", "loadfile", *chosen, at=folder)
    return said.strip().splitlines()[-1].strip("= ")


def _run(program: Path, *arguments: str, at: Optional[Path] = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    run = subprocess.run(
        [program, *arguments], cwd=at or program.parent, env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise subprocess.CalledProcessError(run.returncode, run.args, run.stdout, run.stderr)
    return run.stdout
