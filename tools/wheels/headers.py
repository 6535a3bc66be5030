"""Python's headers for each version that gets a wheel.

To build an extension module, the headers of a Python are enough. Between 64-bit machines they do not differ for an
extension. They come from the Pythons of this machine, or from Debian's package of that version.
"""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from tools.wheels.vendored import apt_source

_SUITES = ("trixie", "forky", "sid")


@cache
def pythons() -> dict[str, Path]:
    """Find the Pythons of this machine by version: ``{"3.12": Path(".../bin/python3.12")}``."""
    found: dict[str, Path] = {}
    folders = [*sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin")), Path("/usr/local/bin"), Path("/usr/bin")]
    for folder in folders:
        for program in sorted(folder.glob("python3.[0-9]*")):
            version = program.name.removeprefix("python")
            if version.replace(".", "").isdigit() and version not in found and _works(program):
                found[version] = program
    return found


def pythons_from(version: str) -> list[Path]:
    """List the Pythons of this machine from a version on, in the order of their versions."""

    def number(text: str) -> tuple[int, ...]:
        return tuple(map(int, text.split(".")))

    return [pythons()[each] for each in sorted(pythons(), key=number) if number(each) >= number(version)]


def _works(program: Path) -> bool:
    return subprocess.run([program, "-c", "import venv"], capture_output=True, check=False).returncode == 0


def include(version: str, keep: Path) -> Path:
    """Return the folder with ``Python.h`` of a version.

    Args:
        version: for example ``"3.14"``.
        keep: a folder for fetched headers.

    Raises:
        LookupError: neither this machine nor Debian has them.
    """
    program = pythons().get(version)
    if program is not None:
        run = subprocess.run(
            [program, "-c", "import sysconfig; print(sysconfig.get_path('include'))"],
            capture_output=True,
            text=True,
            check=True,
        )
        if Path(run.stdout.strip(), "Python.h").is_file():
            return Path(run.stdout.strip())
    folder = keep / f"python{version}"
    found = folder / "usr" / "include" / f"python{version}"
    if not (found / "Python.h").is_file():
        _from_debian(version, folder)
    # Debian's pyconfig.h includes that of the machine; that of this machine fits all.
    return found


def _from_debian(version: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    reasons = []
    for suite in _SUITES:
        try:
            package = apt_source.binary(suite, f"libpython{version}-dev", folder)
        except apt_source.AptError as error:
            reasons.append(f"{suite}: {error}")
            continue
        subprocess.run(["dpkg", "-x", package, folder], check=True)
        header = folder / "usr" / "include" / f"python{version}" / "pyconfig.h"
        multiarch = next(header.parents[1].glob(f"*-linux-gnu/python{version}/pyconfig.h"))
        header.unlink(missing_ok=True)
        header.write_bytes(multiarch.read_bytes())
        return
    raise LookupError(f"no headers of Python {version}: install that Python ({'; '.join(reasons)})")
