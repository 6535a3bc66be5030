"""Look where the source archives that lock.json pins are available, and which newer versions are listed.

A place is a suite of Debian or the upstream archive. A place may list a file that it does not have: a mirror lists a
new version some hours before its files. So each file is requested by its headers alone, which transfers no data.
"""

from __future__ import annotations

import re
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

import apt_source
import fetch

AVAILABLE, MISSING, NOT_LISTED, OTHER_CHECKSUM, UNREACHABLE = (
    "available",
    "missing",
    "not listed",
    "another checksum",
    "unreachable",
)
_GONE = (404, 410)
# The upstream version inside a Debian version: without epoch and revision. A pre-release does not match.
_RELEASE = re.compile(r"(?:\d+:)?(\d+(?:\.\d+)+)(?:\+(?:dfsg|ds)[\d.]*)?(?:-[^-]*)?")


@dataclass
class Place:
    """A place that has, or might have, the pinned archive of a source."""

    name: str  # the suite, or upstream's host
    kind: str  # "suite" or "upstream"
    file: str
    pinned: str  # one of the states above
    detail: str = ""  # why it is not available
    newest: Optional[str] = None  # the newest version that a suite lists, as Debian calls it
    newest_state: Optional[str] = None  # whether its archive is available
    newest_detail: str = ""


@dataclass
class Source:
    """One source of the lock file, and where it is available."""

    name: str
    version: str
    places: list[Place] = field(default_factory=list)
    update: Optional[str] = None  # the newest patch release whose archive is available
    coming: Optional[str] = None  # a newer patch release that is listed, with its archive available nowhere

    @property
    def available(self) -> bool:
        """Whether at least one of its files is available somewhere, which is enough."""
        return any(place.pinned == AVAILABLE for place in self.places)

    def as_dict(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {**asdict(self), "available": self.available}


@dataclass(frozen=True)
class Candidate:
    """A newer patch release: a suite's version and its archive."""

    version: str
    listed: apt_source.Listed
    file: apt_source.File


def upstream_version(version: str) -> Optional[str]:
    """Return the upstream release of a Debian package's version; None if it is not a release."""
    match = _RELEASE.fullmatch(version)
    return match[1] if match else None


def archive(version: apt_source.Listed) -> Optional[apt_source.File]:
    """Return upstream's archive among the files of a source package."""
    for file in version.files:
        if re.search(r"\.orig\.tar\.\w+$", file.name):
            return file
    return None


def numbers(version: str) -> tuple[int, ...]:
    """Return a release's version as numbers, for comparison."""
    return tuple(int(part) for part in version.split("."))


def candidates(locked: dict[str, Any], entry: dict[str, Any]) -> list[Candidate]:
    """Return the newer patch releases that the suites of an entry list, the newest first.

    Args:
        locked: the source in the lock file.
        entry: one of its files, which a Debian package has.
    """
    found = []
    pinned = numbers(locked["version"])
    for suite in entry["debian"]["suites"]:
        for version in _listed(suite, entry["debian"]["source"]):
            release, file = upstream_version(version.version), archive(version)
            if release is None or file is None:
                continue
            if numbers(release)[: len(pinned) - 1] == pinned[:-1] and numbers(release) > pinned:
                found.append(Candidate(release, version, file))
    return sorted(found, key=lambda candidate: numbers(candidate.version), reverse=True)


def look_at(name: str, locked: dict[str, Any], progress: Callable[[str], None]) -> Source:
    """Look for the archives of one source in each place that the lock file names.

    Args:
        name: the source's name in the lock file.
        locked: its entry in the lock file.
        progress: called with a description of each step.
    """
    source = Source(name, locked["version"])
    for entry in locked["files"]:
        for url in entry.get("urls", ()):
            host = urllib.parse.urlsplit(url).hostname or url
            progress(f"looking for {entry['name']} at {host}")
            state, detail = look(url, entry["size"])
            source.places.append(Place(host, "upstream", entry["name"], state, detail))
        if "debian" not in entry:
            continue
        for suite in entry["debian"]["suites"]:
            progress(f"looking for {entry['debian']['file']} in {suite}")
            source.places.append(_in_suite(suite, entry))
        for candidate in candidates(locked, entry):
            if is_available(candidate.listed, candidate.file)[0] == AVAILABLE:
                source.update = source.update or candidate.version
                break
            source.coming = source.coming or candidate.version
    return source


def _in_suite(suite: str, entry: dict[str, Any]) -> Place:
    package = entry["debian"]
    place = Place(suite, "suite", package["file"], NOT_LISTED)
    try:
        versions = apt_source.listed(suite, package["source"])
    except apt_source.AptError as error:
        place.pinned, place.detail = UNREACHABLE, str(error)
        return place
    pinned = apt_source.pinned_in(versions, package["file"], entry["sha256"])
    if not pinned:
        same_name = any(file.name == package["file"] for version in versions for file in version.files)
        place.pinned = OTHER_CHECKSUM if same_name else NOT_LISTED
        place.detail = apt_source.why_not_listed(suite, versions, package, entry["sha256"])
    for version in pinned:
        file = next(listed for listed in version.files if listed.name == package["file"])
        place.pinned, place.detail = is_available(version, file)
        if place.pinned == AVAILABLE:
            break
    if versions:
        place.newest = versions[0].version
        newest = archive(versions[0])
        if newest is None:
            place.newest_state, place.newest_detail = NOT_LISTED, "the newest version lists no upstream archive"
        else:
            place.newest_state, place.newest_detail = is_available(versions[0], newest)
    return place


def unreadable(entry: dict[str, Any]) -> list[str]:
    """Return the reasons why suites of an entry cannot be read; none for readable suites."""
    reasons = []
    for suite in entry["debian"]["suites"]:
        try:
            apt_source.listed(suite, entry["debian"]["source"])
        except apt_source.AptError as error:
            reasons.append(str(error))
    return reasons


def _listed(suite: str, source: str) -> list[apt_source.Listed]:
    try:
        return apt_source.listed(suite, source)
    except apt_source.AptError:
        return []  # The table has a line with the reason.


_known: dict[tuple[apt_source.Listed, apt_source.File], tuple[str, str]] = {}


def is_available(version: apt_source.Listed, file: apt_source.File) -> tuple[str, str]:
    """Return the state of a listed file on its suite's mirror, and the reason if it is not available."""
    key = (version, file)
    if key not in _known:
        _known[key] = _look_in_mirror(version, file)
    return _known[key]


def _look_in_mirror(version: apt_source.Listed, file: apt_source.File) -> tuple[str, str]:
    url = apt_source.uri(version, file.name)
    if urllib.parse.urlsplit(url).scheme in ("http", "https"):
        state, detail = look(url, file.size)
        if state != UNREACHABLE:
            return state, detail
    # apt could read the suite's list: it reaches the mirror in a way that Python cannot, by a proxy or another scheme.
    with tempfile.TemporaryDirectory(prefix="zkc-apt-") as folder:
        try:
            apt_source.deliver(version, file.name, Path(folder) / "archive")
        except apt_source.AptError as error:
            return MISSING, str(error)
    return AVAILABLE, ""


_unreachable_hosts: dict[str, str] = {}


def look(url: str, size: Optional[int]) -> tuple[str, str]:
    """Ask a web server for the headers of a file.

    Args:
        url: the expected address of the file.
        size: its expected size in bytes; None accepts any size.

    Returns:
        The state, and the reason if it is not ``available``.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.netloc in _unreachable_hosts:
        return UNREACHABLE, _unreachable_hosts[parts.netloc]
    try:
        fetch.resolve_in_time(url, parts.hostname or "")
        with urllib.request.urlopen(
            urllib.request.Request(url, method="HEAD"), timeout=fetch.CONNECT_SECONDS
        ) as response:
            length = response.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        with error:
            state = MISSING if error.code in _GONE else UNREACHABLE
            return state, f"{parts.hostname} answers {error.code} {error.reason}"
    except OSError as error:
        _unreachable_hosts[parts.netloc] = str(getattr(error, "reason", None) or error)
        return UNREACHABLE, _unreachable_hosts[parts.netloc]
    if size is not None and length is not None and int(length) != size:
        return OTHER_CHECKSUM, f"the file has {length} bytes there, not {size}"
    return AVAILABLE, ""


def forget() -> None:
    """Forget the results, and remove apt's private folders."""
    _known.clear()
    _unreachable_hosts.clear()
    apt_source.forget()
