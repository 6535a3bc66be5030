"""Try a wheel: install it alone into a new environment outside the tree, import it and run tests.

For another processor or C library, a Python of that kind runs here, under an emulator if needed (see foreign.py).

The tests are a copy of the tree's; `zkc.testing` of the installed package starts the server.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

from tools.wheels import foreign, headers
from tools.wheels.extension import WheelFolders
from tools.wheels.matrix import PYTHONS, Variant

ROOT = Path(__file__).resolve().parents[2]
# These show that the build works: calls of every kind, watches, closing, TLS, SASL.
_TESTS = "tests/core"
# A test that compares sources with each other, not the built module.
_OF_SOURCES = "tests/core/test_core_header.py"
# Tests without meaning under an emulator: they count its memory too, or preload a library of this machine.
_OF_MACHINES = ("tests/core/test_core_leaks.py", "tests/core/test_core_opening.py")
_PROGRAM = """
import json, zkc, zkc._zookeeper as core
info = zkc.build_info()
assert info["linkage"] == "static" and info["openssl_bundled"] and info["tls"] and info["sasl"], info
assert "DIGEST-MD5" in info["sasl_mechanisms"]
assert core.__file__.startswith(__import__("sys").prefix), core.__file__
print(json.dumps(info))
"""


def runners(folders: WheelFolders, variant: Variant) -> list[Path]:
    """Find the Pythons that can load a wheel, on this machine or fetched; for the stable ABI there may be several.

    Raises:
        LookupError: there is none; the message gives the reason.
    """
    if variant.platform.machine != platform.machine() or variant.platform.libc != "glibc":
        return [foreign.python(folders, variant.platform, variant.python)]
    if variant.limited:
        return [*headers.pythons_from(variant.python), *_newest(folders, variant)]
    found = headers.pythons().get(variant.python)
    return [found or foreign.python(folders, variant.platform, variant.python)]


def _newest(folders: WheelFolders, variant: Variant) -> list[Path]:
    if PYTHONS[-1] in headers.pythons():
        return []
    try:
        return [foreign.python(folders, variant.platform, PYTHONS[-1])]
    except LookupError:
        return []


def import_it(wheel: Path, variant: Variant, python: Path, folder: Path) -> Path:
    """Install a wheel alone into a new environment, and import it.

    Returns:
        The environment's Python.

    Raises:
        subprocess.CalledProcessError: installing or importing failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    inside = folder / "bin" / "python"
    _run(python, "-m", "venv", *(() if _is_own(python) else ("--without-pip",)), str(folder))
    _install(python, inside, variant, "--no-deps", "--no-index", str(wheel))
    _run(inside, "-I", "-c", _PROGRAM)
    return inside


def _is_own(python: Path) -> bool:
    return python in headers.pythons().values()


def _install(python: Path, inside: Path, variant: Variant, *what: str) -> None:
    quiet = ("-q", "--disable-pip-version-check")
    if _is_own(python):
        _run(inside, "-m", "pip", "install", *quiet, *what)
        return
    # With this machine's pip: that of the other Python would take minutes, and need more modules than zkc does.
    packages = next(inside.parents[1].glob("lib/python3.*/site-packages"))
    version = packages.parent.name.removeprefix("python")
    machine = [option for tag in variant.platform.tag.split(".") for option in ("--platform", tag)]
    options = ["--target", str(packages), "--only-binary=:all:", "--python-version", version, *machine]
    _run(Path(sys.executable), "-m", "pip", "install", *quiet, *options, *what)


def test_it(python: Path, inside: Path, variant: Variant, folder: Path) -> str:
    """Run the core's tests with the installed package.

    Returns:
        The last line of pytest's output.

    Raises:
        subprocess.CalledProcessError: a test failed.
    """
    copy = folder / "tests"
    shutil.copytree(ROOT / "tests", copy, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    requirements = ["pytest==8.*", "pytest-timeout", "pytest-xdist"]
    _install(python, inside, variant, *requirements)
    emulated = variant.platform.machine != platform.machine()
    left_out = [f"--ignore={path}" for path in (_OF_SOURCES, *(_OF_MACHINES if emulated else ()))]
    # An emulator may take longer than a test's own timeout.
    timeout = ["--timeout=600"] if emulated else []
    command = ["-m", "pytest", "-q", "-n", "3", "--dist", "loadfile", _TESTS, *left_out, *timeout]
    summary = _run(inside, *command, cwd=folder).strip().splitlines()[-1].strip("= ")
    return summary if _is_own(python) else f"{summary}, by {python.name}"


def _run(program: Path, *arguments: str, cwd: Optional[Path] = None) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    run = subprocess.run(
        [program, *arguments], cwd=cwd or program.parent, env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise subprocess.CalledProcessError(run.returncode, run.args, run.stdout, run.stderr)
    return run.stdout
