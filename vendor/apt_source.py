"""Download a file of a Debian source package with apt, without a change to the machine's own apt.

The machine may run another suite than that of the source, and may list no sources at all. So apt gets a private sources
file, and private folders for its lists and cache. The mirror and the key come from the machine's own configuration, the
suites from the lock file.

A suite may list several versions of a package. A mirror may list files that it does not have: those of the newest
version for some hours, those of a superseded version later. So a file is requested by version, and only of versions
whose entry in the suite's index has the pinned name and the pinned checksum.
"""

from __future__ import annotations

import atexit
import functools
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

APT_FOLDER = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")


class AptError(Exception):
    """Raised when the distribution's package cannot be fetched."""


@dataclass(frozen=True)
class File:
    """One file of a source package, as a suite's index describes it."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Listed:
    """One version of a source package that a suite lists."""

    suite: str
    source: str
    version: str
    files: tuple[File, ...]


def download(package: dict[str, Any], sha256: str, target: Path) -> None:
    """Download one file of a source package, from the first of its suites that lists it and has it.

    Args:
        package: its ``suites``, ``source`` (package name) and ``file`` (the wanted file's name).
        sha256: the file's checksum, in hexadecimal. Versions with another checksum in the index are skipped.
        target: the file to write. The caller has to check its bytes.

    Raises:
        AptError: apt is absent, is not Debian's, or no suite delivered the file.
    """
    reasons = []
    for suite in package["suites"]:
        try:
            versions = listed(suite, package["source"])
        except AptError as error:
            reasons.append(str(error))
            continue
        pinned = pinned_in(versions, package["file"], sha256)
        if not pinned:
            reasons.append(why_not_listed(suite, versions, package, sha256))
        for version in pinned:
            try:
                deliver(version, package["file"], target)
            except AptError as error:
                reasons.append(str(error))
            else:
                return
    raise AptError("; ".join(dict.fromkeys(reasons)))


def listed(suite: str, source: str) -> list[Listed]:
    """Return the versions of a source package that a suite lists, the newest first.

    Args:
        suite: the suite.
        source: the source package's name.

    Raises:
        AptError: apt is absent, is not Debian's, or could not read the suite's lists.
    """
    folder, options = _prepared(suite)
    run = _run(["apt-cache", *options, "showsrc", "--only-source", source], folder)
    found = {}
    for text in re.split(r"\n\s*\n", run.stdout):
        entry = _stanza(text)
        if entry.get("package") == source and "version" in entry:
            files = [line.split() for line in entry.get("checksums-sha256", "").splitlines() if line.strip()]
            found[entry["version"]] = tuple(File(name, int(size), sha256) for sha256, size, name in files)
    newest_first = sorted(found, key=functools.cmp_to_key(_compare), reverse=True)
    return [Listed(suite, source, version, found[version]) for version in newest_first]


def pinned_in(versions: list[Listed], file: str, sha256: str) -> list[Listed]:
    """Return the versions whose entry has a file of that name and that checksum."""
    return [
        version
        for version in versions
        if any((listed.name, listed.sha256) == (file, sha256) for listed in version.files)
    ]


def why_not_listed(suite: str, versions: list[Listed], package: dict[str, Any], sha256: str) -> str:
    """Return the reason why none of a suite's versions has the pinned file."""
    for version in versions:
        for file in version.files:
            if file.name == package["file"] and file.sha256 != sha256:
                return f"{suite} lists a {file.name} with another checksum, {file.sha256}, in version {version.version}"
    available = ", ".join(version.version for version in versions) or "no version at all"
    return f"{suite} does not list {package['file']}: of {package['source']} it lists {available}"


def deliver(version: Listed, file: str, target: Path) -> None:
    """Download one file of one version of a source package.

    Args:
        version: the version, as :func:`listed` returns it.
        file: the file's name.
        target: the file to write. apt compares it with the checksum in the suite's index.

    Raises:
        AptError: apt did not deliver the file.
    """
    folder, options = _prepared(version.suite)
    fetched = folder / file
    fetched.unlink(missing_ok=True)  # Another version may have a file of that name.
    # --tar-only: a .dsc or a patch that the mirror dropped does not matter. The exit code says whether all tar files
    # arrived; only the requested file matters.
    command = ["apt-get", *options, "source", "--download-only", "--tar-only", f"{version.source}={version.version}"]
    run = _run(command, folder)
    if not fetched.is_file():
        raise AptError(f"apt did not deliver {file} of {version.version} from {version.suite} ({_reason(run)})")
    shutil.move(fetched, target)


def uri(version: Listed, file: str) -> str:
    """Return the address that apt would download a file from; an empty string if apt does not name it."""
    folder, options = _prepared(version.suite)
    command = ["apt-get", *options, "source", "--print-uris", "--tar-only", f"{version.source}={version.version}"]
    for line in _run(command, folder).stdout.splitlines():
        match = re.match(r"'(\S+)' (\S+) ", line)
        if match and match[2] == file:
            return match[1]
    return ""


def newest(versions: Iterable[str]) -> str:
    """Return the newest of some versions, as Debian compares them."""
    return max(versions, key=functools.cmp_to_key(_compare))


def _compare(one: str, other: str) -> int:
    """Compare two versions as Debian does."""
    newer = subprocess.run(["dpkg", "--compare-versions", one, "gt", other], check=False).returncode == 0
    return 1 if newer else -1


def binary_versions(suite: str, package: str, architecture: str = "") -> list[str]:
    """Return the versions of a binary package that a suite lists, the newest first.

    Args:
        suite: the suite.
        package: the package's name.
        architecture: its processor, by Debian's name; this machine's if empty.

    Raises:
        AptError: apt is absent, is not Debian's, or could not read the suite's lists.
    """
    folder, options = _prepared(suite, "deb", architecture)
    table = _run(["apt-cache", *options, "madison", package], folder).stdout.splitlines()
    versions = {line.split("|")[1].strip() for line in table if line.count("|") == 2}
    return sorted(versions, key=functools.cmp_to_key(_compare), reverse=True)


def binary(suite: str, package: str, folder: Path, architecture: str = "", version: str = "") -> Path:
    """Download a binary package, also of a suite that this machine does not run; apt verifies it.

    Args:
        suite: the suite.
        package: the package's name.
        folder: the folder to put it into.
        architecture: its processor, by Debian's name; this machine's if empty.
        version: the version; if empty, the newest whose file the mirror has.

    Raises:
        AptError: apt is absent, is not Debian's, or has no such package.
    """
    _, options = _prepared(suite, "deb", architecture)
    # The newest version first; the mirror may lack its file and have that of an older version.
    versions = [version] if version else binary_versions(suite, package, architecture)
    reasons = []
    for wanted in [f"{package}={version}" for version in versions] or [package]:
        run = _run(["apt-get", *options, "download", wanted], folder)
        fetched = sorted(folder.glob(f"{package}_*.deb"))
        if fetched:
            return fetched[-1]
        reasons.append(_reason(run))
    raise AptError(f"apt did not deliver {package} ({'; '.join(reasons)})")


_folders: dict[str, Path] = {}
_failures: dict[str, AptError] = {}


def _prepared(suite: str, kind: str = "deb-src", architecture: str = "") -> tuple[Path, list[str]]:
    """Return apt's private folder for a suite and the options to use it; the first call loads the suite's lists."""
    key = f"{kind} {suite} {architecture}"
    if key in _failures:
        raise _failures[key]
    if key not in _folders:
        try:
            _folders[key] = _prepare(suite, kind, architecture)
        except AptError as error:
            _failures[key] = error
            raise
    return _folders[key], _options(_folders[key], architecture)


def _prepare(suite: str, kind: str, architecture: str) -> Path:
    if shutil.which("apt-get") is None:
        raise AptError("there is no apt-get command on this machine")
    stanzas = [stanza.replace("deb-src", kind, 1) for stanza in private_sources(suite)]
    if not stanzas:
        raise AptError(f"apt's configuration here names no Debian mirror that could have {suite}")
    folder = Path(tempfile.mkdtemp(prefix="zkc-apt-"))
    (folder / "lists" / "partial").mkdir(parents=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True)
    (folder / "zkc.sources").write_text("\n".join(stanzas), encoding="utf-8")
    run = _run(["apt-get", *_options(folder, architecture), "update"], folder)
    if run.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise AptError(f"apt could not read the list of {suite}'s packages ({_reason(run)})")
    return folder


def _options(folder: Path, architecture: str) -> list[str]:
    settings = {
        "Dir::Etc::sourcelist": folder / "zkc.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        # apt's own download user cannot write into a private folder. Files are still verified by checksum.
        "APT::Sandbox::User": "root",
        **({"APT::Architecture": architecture, "APT::Architectures": architecture} if architecture else {}),
    }
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def _reason(run: subprocess.CompletedProcess[str]) -> str:
    """Return the line of apt's output with the cause: the first error that names a file, else the last error."""
    errors = [line for line in run.stdout.splitlines() if line.startswith("E:")] or run.stdout.split("\n")
    for line in errors:
        if line.startswith("E: Failed to fetch ") and "://" in line:
            return line.strip()
    return errors[-1].strip() or f"apt-get ended with status {run.returncode}"


def private_sources(suite: str, apt_folder: Optional[Path] = None, os_release: Optional[Path] = None) -> Iterator[str]:
    """Yield a deb-src stanza for *suite* for each Debian mirror that the machine's own apt uses."""
    release = _read_release(os_release or OS_RELEASE)
    if release.get("ID") != "debian":
        return
    # A Debian mirror is recognised by the names of its suite and its component, "main": third parties seldom use both.
    # Security updates have a separate mirror.
    own_suites = {release.get("VERSION_CODENAME", ""), "stable", "testing", "unstable", "sid"} - {""}
    if suite.endswith("-security"):
        own_suites = {f"{name}-security" for name in own_suites}
    seen = set()
    for entry in _entries(apt_folder or APT_FOLDER):
        if not own_suites & set(entry.get("suites", "").split()) or "main" not in entry.get("components", "").split():
            continue
        key = f"Signed-By: {entry['signed-by']}\n" if "signed-by" in entry else ""
        trusted = "Trusted: yes\n" if entry.get("trusted", "").lower() == "yes" else ""
        stanza = f"Types: deb-src\nURIs: {entry['uris']}\nSuites: {suite}\nComponents: main\n{key}{trusted}"
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
                    known = ("signed-by", "trusted")
                    key = {name.lower(): value for name, value in options.items() if name.lower() in known}
                    yield {"uris": match["uris"], "suites": match["suites"], "components": match["components"], **key}


def _stanza(text: str) -> dict[str, str]:
    """Read one deb822 paragraph. A line that begins with a space continues the line before, as in an inline key."""
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
    _failures.clear()
    while _folders:
        shutil.rmtree(_folders.popitem()[1], ignore_errors=True)
