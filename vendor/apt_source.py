"""Download a file of a Debian source package with apt, leaving the machine's own apt as it is.

The machine may run another suite than the one whose source is wanted, and may list no sources at all. So apt gets a
private sources file and private folders for its lists and cache: the mirror and the key come from the machine's own
configuration, the suite from the lock file.
"""

from __future__ import annotations

import atexit
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

APT_FOLDER = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")


class AptError(Exception):
    """The distribution's source package is not to be had."""


def download(package: dict[str, str], target: Path) -> None:
    """Download one file of a source package.

    Args:
        package: its ``suite``, ``source`` (package name) and ``file`` (the wanted file's name).
        target: the file to write. Its bytes are not checked here.

    Raises:
        AptError: apt is absent, is not Debian's, or did not deliver the file.
    """
    folder, options = _prepared(package["suite"])
    # The exit code says whether every file of the package came, and mirrors do drop a .dsc that was superseded: what
    # counts is our file.
    run = _run(["apt-get", *options, "source", "--download-only", package["source"]], folder)
    fetched = folder / package["file"]
    if not fetched.is_file():
        raise AptError(f"apt did not deliver {package['file']} ({_last_line(run)})")
    shutil.copyfile(fetched, target)


def binary(suite: str, package: str, folder: Path, architecture: str = "") -> Path:
    """Download a binary package of a suite that this machine need not run; apt verifies it.

    Args:
        suite: the suite.
        package: the package's name.
        folder: where to put it.
        architecture: the processor it is for, as Debian calls it; this machine's if empty.

    Raises:
        AptError: apt is absent, is not Debian's, or has no such package.
    """
    _, options = _prepared(suite, "deb", architecture)
    run = _run(["apt-get", *options, "download", package], folder)
    fetched = sorted(folder.glob(f"{package}_*.deb"))
    if not fetched:
        raise AptError(f"apt did not deliver {package} ({_last_line(run)})")
    return fetched[-1]


_folders: dict[str, Path] = {}


def _prepared(suite: str, kind: str = "deb-src", architecture: str = "") -> tuple[Path, list[str]]:
    """Return a folder and the options that make apt work in it, with the suite's lists loaded once a run."""
    key = f"{kind} {suite} {architecture}"
    if key not in _folders:
        if shutil.which("apt-get") is None:
            raise AptError("there is no apt-get on this machine")
        stanzas = [stanza.replace("deb-src", kind, 1) for stanza in private_sources(suite)]
        if not stanzas:
            raise AptError("apt's configuration here names no Debian mirror")
        folder = Path(tempfile.mkdtemp(prefix="zkc-apt-"))
        (folder / "lists" / "partial").mkdir(parents=True)
        (folder / "cache" / "archives" / "partial").mkdir(parents=True)
        (folder / "zkc.sources").write_text("\n".join(stanzas), encoding="utf-8")
        run = _run(["apt-get", *_options(folder, architecture), "update"], folder)
        if run.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise AptError(f"apt could not read the list of {suite}'s packages ({_last_line(run)})")
        _folders[key] = folder
    return _folders[key], _options(_folders[key], architecture)


def _options(folder: Path, architecture: str) -> list[str]:
    settings = {
        "Dir::Etc::sourcelist": folder / "zkc.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # apt's own download user cannot write into a private folder; the files are verified by checksum all the same.
        "APT::Sandbox::User": "root",
        **({"APT::Architecture": architecture, "APT::Architectures": architecture} if architecture else {}),
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def _last_line(run: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in run.stdout.splitlines() if line.startswith("E:")] or run.stdout.split("\n")
    return lines[-1].strip() or f"apt-get ended with status {run.returncode}"


def private_sources(suite: str, apt_folder: Optional[Path] = None, os_release: Optional[Path] = None) -> Iterator[str]:
    """Yield a deb-src stanza for *suite* for each Debian mirror that the machine's own apt uses."""
    release = _read_release(os_release or OS_RELEASE)
    if release.get("ID") != "debian":
        return
    # A third party's repository seldom calls its suite exactly like the distribution's and its component "main": that
    # tells them apart.
    own_suites = {release.get("VERSION_CODENAME", ""), "stable", "testing", "unstable", "sid"} - {""}
    seen = set()
    for entry in _entries(apt_folder or APT_FOLDER):
        if not own_suites & set(entry.get("suites", "").split()) or "main" not in entry.get("components", "").split():
            continue
        key = f"Signed-By: {entry['signed-by']}\n" if "signed-by" in entry else ""
        stanza = f"Types: deb-src\nURIs: {entry['uris']}\nSuites: {suite}\nComponents: main\n{key}"
        if stanza not in seen:
            seen.add(stanza)
            yield stanza


def _read_release(path: Path) -> dict[str, str]:
    values = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            name, mark, value = line.partition("=")
            if mark:
                values[name] = "".join(shlex.split(value))
    return values


def _entries(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the repositories of a machine's apt, of both file formats, with lower-case keys."""
    parts = folder / "sources.list.d"
    for path in sorted(parts.glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")):
            entry = _stanza(stanza)
            if (
                "deb" in entry.get("types", "").split()
                and entry.get("enabled", "yes").lower() != "no"
                and "uris" in entry
            ):
                yield entry
    for path in [folder / "sources.list", *sorted(parts.glob("*.list"))]:
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                match = re.match(
                    r"\s*deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uris>\S+)\s+(?P<suites>\S+)\s+(?P<components>[^#]+)",
                    line,
                )
                if match:
                    options = dict(option.partition("=")[::2] for option in (match["options"] or "").split())
                    key = {name.lower(): value for name, value in options.items() if name.lower() == "signed-by"}
                    yield {"uris": match["uris"], "suites": match["suites"], "components": match["components"], **key}


def _stanza(text: str) -> dict[str, str]:
    """Read one deb822 paragraph; a line that begins with a space continues the one before (an inline key does)."""
    entry: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace() and name:
            entry[name] += "\n" + line
            continue
        name, mark, value = line.partition(":")
        name = name.strip().lower()
        if mark:
            entry[name] = value.strip()
        else:
            name = ""
    return entry


@atexit.register
def forget() -> None:
    """Remove the private apt folders."""
    while _folders:
        shutil.rmtree(_folders.popitem()[1], ignore_errors=True)
