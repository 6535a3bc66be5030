"""Look where the source archives that lock.json pins are available, and which newer versions are listed.

A place is a suite of Debian or the upstream archive. What a place lists, it need not have: a mirror lists a new version
some hours before it has its files. So each file is asked for by a request for its headers alone, which moves no data.
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
# The version of upstream inside one of Debian's: no epoch, no revision, and no sign of a release that is none yet.
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
    coming: Optional[str] = None  # a newer one than that is listed, and its archive is available nowhere

    @property
    def available(self) -> bool:
        """Whether one of its files is available somewhere: any one of them will do."""
        return any(place.pinned == AVAILABLE for place in self.places)

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints of it."""
        return {**asdict(self), "available": self.available}


@dataclass(frozen=True)
class Candidate:
    """A newer patch release: a suite's version and its archive."""

    version: str
    listed: apt_source.Listed
    file: apt_source.File


def upstream_version(version: str) -> Optional[str]:
    """Return the release that a version of a Debian package was made of; None for what is no release."""
    match = _RELEASE.fullmatch(version)
    return match[1] if match else None


def archive(version: apt_source.Listed) -> Optional[apt_source.File]:
    """Return upstream's archive among the files of a source package."""
    for one in version.files:
        if re.search(r"\.orig\.tar\.\w+$", one.name):
            return one
    return None


def numbers(version: str) -> tuple[int, ...]:
    """Return a release's version as what can be compared."""
    return tuple(int(part) for part in version.split("."))


def candidates(locked: dict[str, Any], entry: dict[str, Any]) -> list[Candidate]:
    """Return the newer patch releases that the suites of an entry list, the newest first.

    Args:
        locked: the source in the lock file.
        entry: one of its files, which a Debian package has.
    """
    found = []
    at = numbers(locked["version"])
    for suite in entry["debian"]["suites"]:
        for version in _listed(suite, entry["debian"]["source"]):
            release, file = upstream_version(version.version), archive(version)
            if release is None or file is None:
                continue
            if numbers(release)[: len(at) - 1] == at[:-1] and numbers(release) > at:
                found.append(Candidate(release, version, file))
    return sorted(found, key=lambda one: numbers(one.version), reverse=True)


def look_at(name: str, locked: dict[str, Any], progress: Callable[[str], None]) -> Source:
    """Look for the archives of one source in each place that the lock file names.

    Args:
        name: the source's name in the lock file.
        locked: what the lock file says of it.
        progress: called with what is being looked at.
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
        for one in candidates(locked, entry):
            if is_available(one.listed, one.file)[0] == AVAILABLE:
                source.update = source.update or one.version
                break
            source.coming = source.coming or one.version
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
        same_name = any(one.name == package["file"] for version in versions for one in version.files)
        place.pinned = OTHER_CHECKSUM if same_name else NOT_LISTED
        place.detail = apt_source.why_not_listed(suite, versions, package, entry["sha256"])
    for version in pinned:
        file = next(one for one in version.files if one.name == package["file"])
        place.pinned, place.detail = is_available(version, file)
        if place.pinned == AVAILABLE:
            break
    if versions:
        place.newest = versions[0].version
        newest = archive(versions[0])
        if newest is None:
            place.newest_state, place.newest_detail = NOT_LISTED, "it lists no archive of upstream"
        else:
            place.newest_state, place.newest_detail = is_available(versions[0], newest)
    return place


def unreadable(entry: dict[str, Any]) -> list[str]:
    """Return why suites of an entry cannot be read; nothing for those that can."""
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
        return []  # The table has a line that says so.


_known: dict[tuple[apt_source.Listed, apt_source.File], tuple[str, str]] = {}


def is_available(version: apt_source.Listed, file: apt_source.File) -> tuple[str, str]:
    """Say whether a suite's mirror has a file that it lists, and if not, why."""
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
    # apt read the suite's list, so it reaches the mirror in a way that is not ours: a proxy of its own, another scheme.
    with tempfile.TemporaryDirectory(prefix="zkc-apt-") as folder:
        try:
            apt_source.deliver(version, file.name, Path(folder) / "archive")
        except apt_source.AptError as error:
            return MISSING, str(error)
    return AVAILABLE, ""


_silent: dict[str, str] = {}


def look(url: str, size: Optional[int]) -> tuple[str, str]:
    """Ask a web server for the headers of a file.

    Args:
        url: where the file should be.
        size: how many bytes it should have; None if any number will do.

    Returns:
        The state, and why it is not ``available``.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.netloc in _silent:
        return UNREACHABLE, _silent[parts.netloc]
    try:
        fetch.resolve_in_time(url, parts.hostname or "")
        with urllib.request.urlopen(
            urllib.request.Request(url, method="HEAD"), timeout=fetch.CONNECT_SECONDS
        ) as answer:
            length = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        with error:
            state = MISSING if error.code in _GONE else UNREACHABLE
            return state, f"{parts.hostname} answers {error.code} {error.reason}"
    except OSError as error:
        _silent[parts.netloc] = str(getattr(error, "reason", None) or error)
        return UNREACHABLE, _silent[parts.netloc]
    if size is not None and length is not None and int(length) != size:
        return OTHER_CHECKSUM, f"it has {length} bytes there, not {size}"
    return AVAILABLE, ""


def forget() -> None:
    """Forget what was found, and apt's private folders."""
    _known.clear()
    _silent.clear()
    apt_source.forget()
