"""Fetch the third-party source archives that lock.json pins, and refuse any others.

For each archive it tries in turn:

1. the file, or the folder of files, that ``ZKC_VENDOR_DIR`` names;
   then ``vendor/archives/``, which a source distribution contains;
2. a cache outside the tree: ``ZKC_CACHE_DIR``, else ``$XDG_CACHE_HOME/zkc``, else ``~/.cache/zkc``;
3. the upstream archive;
4. the distribution's source package, through apt (see apt_source.py).

From any of these, an archive is accepted only if its SHA-256 is in lock.json; one that is not listed there is an error.
``python vendor/fetch.py`` fetches everything, ``--list`` shows what it would fetch.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Optional

import apt_source

LOCK_FILE = Path(__file__).resolve().with_name("lock.json")
INCLUDED = LOCK_FILE.with_name("archives")

# A source distribution does not contain these. Only wheels have OpenSSL inside, and it is ten times as large as the
# rest; CPython is built to try some of the wheels.
_FOR_WHEELS = ("openssl", "cpython")

# A firewall that drops packets often hides upstream: give up early, since there is another source to try.
CONNECT_SECONDS = 8.0


class FetchError(Exception):
    """Raised when an archive cannot be fetched, or is not the pinned one."""


def say(message: str) -> None:
    """Print a progress message to stderr."""
    print(f"zkc: {message}", file=sys.stderr, flush=True)


def read_lock(path: Optional[Path] = None) -> dict[str, Any]:
    """Read the lock file.

    Returns:
        For each component its ``version`` and ``files``; any one of the files is enough.
    """
    locked: dict[str, Any] = json.loads((path or LOCK_FILE).read_text(encoding="utf-8"))
    return locked


def cache_folder() -> Path:
    """Return the folder that keeps fetched archives between builds."""
    if os.environ.get("ZKC_CACHE_DIR"):
        return Path(os.environ["ZKC_CACHE_DIR"])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "zkc"


def digest(path: Path) -> str:
    """Compute a file's SHA-256 in hexadecimal."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha.update(block)
    return sha.hexdigest()


def check(path: Path, entry: dict[str, Any], origin: str) -> None:
    """Refuse a file whose bytes differ from its entry in the lock file.

    Raises:
        FetchError: the size or the SHA-256 differs.
    """
    size, sha256 = path.stat().st_size, digest(path)
    if sha256 == entry["sha256"] and entry["size"] in (None, size):
        return
    raise FetchError(
        f"{origin} is not the {entry['name']} that lock.json pins: it has {size} bytes and sha256 {sha256}, "
        f"but {entry['size'] or 'any number of'} bytes and sha256 {entry['sha256']} are expected; remove or replace it"
    )


class Fetcher:
    """A fetcher of one lock file's archives; it remembers within a run the hosts that did not reply."""

    def __init__(self, lock: Optional[dict[str, Any]] = None, *, use_apt: bool = True) -> None:
        self._lock = read_lock() if lock is None else lock
        self._unreachable_hosts: dict[str, str] = {}
        self._use_apt = use_apt
        self._failures: list[str] = []

    def fetch(self, component: str) -> Path:
        """Return a verified archive of a component, fetching it if need be.

        Args:
            component: its name in the lock file.

        Raises:
            FetchError: the component is not listed, cannot be fetched, or has other bytes than listed.
        """
        if component not in self._lock:
            raise FetchError(
                f"{component} is not listed in {LOCK_FILE.name}: add its version, size and sha256 before using it"
            )
        entries = self._lock[component]["files"]
        given = self._given(entries) or self._included(entries)
        if given is not None:
            return given
        folder = cache_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder / f".{component}.lock"):
                return self._cached(folder, entries) or self._downloaded(folder, component, entries)
        except OSError as error:
            raise FetchError(
                f"cannot keep archives in {folder} ({error.strerror}): set ZKC_CACHE_DIR to a writable folder"
            ) from error

    def _given(self, entries: list[dict[str, Any]]) -> Optional[Path]:
        """Find an archive in the file or folder of ZKC_VENDOR_DIR."""
        named = os.environ.get("ZKC_VENDOR_DIR")
        if not named:
            return None
        given = Path(named)
        if given.is_dir():
            for entry in entries:
                for name in _names(entry):
                    if (given / name).is_file():
                        check(given / name, entry, f"{given / name} (from ZKC_VENDOR_DIR)")
                        return given / name
            return None
        if not given.is_file():
            raise FetchError(f"ZKC_VENDOR_DIR names {given}, which does not exist")
        sha256 = digest(given)
        if sha256 in (entry["sha256"] for entry in entries):
            return given
        listed = (entry["sha256"] for component in self._lock.values() for entry in component["files"])
        if sha256 not in listed:
            raise FetchError(f"ZKC_VENDOR_DIR names {given}, whose sha256 {sha256} is not listed in {LOCK_FILE.name}")
        return None

    @staticmethod
    def _included(entries: list[dict[str, Any]]) -> Optional[Path]:
        """Find an archive in the folder that a source distribution contains."""
        for entry in entries:
            for name in _names(entry):
                if (INCLUDED / name).is_file():
                    check(INCLUDED / name, entry, str(INCLUDED / name))
                    return INCLUDED / name
        return None

    @staticmethod
    def _cached(folder: Path, entries: list[dict[str, Any]]) -> Optional[Path]:
        for entry in entries:
            path: Path = folder / entry["name"]
            if not path.is_file():
                continue
            try:
                check(path, entry, str(path))
            except FetchError as error:
                # zkc owns the cache and may repair it: a disk that filled up once must not fail every later build.
                say(f"dropping a damaged file from the cache: {error}")
                path.unlink()
            else:
                return path
        return None

    def _downloaded(self, folder: Path, component: str, entries: list[dict[str, Any]]) -> Path:
        self._failures.clear()
        for entry in entries:
            for url in entry.get("urls", ()):
                path = self._attempt(folder, entry, url, partial(self._download, url))
                if path is not None:
                    return path
        for entry in entries:
            if "debian" not in entry or not self._use_apt:
                continue
            package = entry["debian"]
            origin = f"Debian's source package {package['source']} ({', '.join(package['suites'])})"
            path = self._attempt(folder, entry, origin, partial(apt_source.download, package, entry["sha256"]))
            if path is not None:
                return path
        names = " or ".join(entry["name"] for entry in entries)
        reasons = "; ".join(self._failures) or "lock.json lists no address for it"
        raise FetchError(
            f"the source of {component} cannot be fetched ({reasons}): put {names} into a folder and set "
            f"ZKC_VENDOR_DIR to it (in a clone, ./dev outdated shows where each archive is available)"
        )

    def _attempt(
        self, folder: Path, entry: dict[str, Any], origin: str, download: Callable[[Path], None]
    ) -> Optional[Path]:
        """Try one source; only a complete and verified file appears in the cache."""
        say(f"fetching {entry['name']} from {origin}")
        handle, name = tempfile.mkstemp(prefix=f".{entry['name']}.", dir=folder)
        os.close(handle)
        temporary = Path(name)
        try:
            download(temporary)
            check(temporary, entry, origin)
            temporary.chmod(0o644)
            target = folder / str(entry["name"])
            temporary.replace(target)
            return target
        except (OSError, apt_source.AptError) as error:
            reason = getattr(error, "reason", None) or error
            say(f"  failed: {reason}; trying the next source")
            self._failures.append(f"{origin}: {reason}")
            return None
        finally:
            temporary.unlink(missing_ok=True)

    def _download(self, url: str, target: Path) -> None:
        host = urllib.parse.urlsplit(url).hostname or ""
        if host in self._unreachable_hosts:
            raise OSError(f"{host} did not reply a moment ago ({self._unreachable_hosts[host]})")
        try:
            download(url, target)
        except urllib.error.HTTPError:
            raise  # the host replies: another file of it may be there
        except OSError as error:
            self._unreachable_hosts[host] = str(getattr(error, "reason", None) or error)
            raise


def download(url: str, target: Path) -> None:
    """Download a file; the caller has to check its bytes.

    Raises:
        OSError: the host is unknown, does not reply, or does not have the file.
    """
    resolve_in_time(url, urllib.parse.urlsplit(url).hostname or "")
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response, target.open("wb") as file:
        shutil.copyfileobj(response, file, 1 << 20)


def resolve_in_time(url: str, host: str) -> None:
    """Look the host up with a time limit: urlopen's timeout covers connecting and reading, but not the look-up."""
    if urllib.request.getproxies().get(urllib.parse.urlsplit(url).scheme):
        return  # the proxy looks names up
    outcome: list[OSError] = []

    def look_up() -> None:
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if thread.is_alive():
        raise OSError(f"looking up {host} took longer than {CONNECT_SECONDS:.0f} s")
    if outcome:
        raise OSError(f"{host} is unknown here ({outcome[0].strerror})")


def _names(entry: dict[str, Any]) -> Iterator[str]:
    yield entry["name"]
    if "debian" in entry and entry["debian"]["file"] != entry["name"]:
        yield entry["debian"]["file"]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a file lock: of several builds at once, one downloads and the others find its file."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copy_all(folder: Path) -> None:
    """Copy the archives that every build compiles into a folder, under their names in lock.json."""
    fetcher = Fetcher()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for component in (name for name in read_lock() if name not in _FOR_WHEELS):
            print(shutil.copy(fetcher.fetch(component), folder))
    except FetchError as error:
        sys.exit(f"zkc: error: {error}")
    finally:
        apt_source.forget()


def main() -> None:
    """Fetch every listed archive, list them, or copy those of a source distribution into a folder."""
    arguments = sys.argv[1:]
    if arguments == ["--list"]:
        for component, locked in read_lock().items():
            for entry in locked["files"]:
                print(
                    f"{component:12} {locked['version']:8} {entry['sha256']}  {entry['size'] or '-':>8}  "
                    f"{entry['name']}"
                )
    elif len(arguments) == 2 and arguments[0] == "--into":
        _copy_all(Path(arguments[1]))
    elif arguments:
        sys.exit("usage: python vendor/fetch.py [--list | --into FOLDER]")
    else:
        fetcher = Fetcher()
        try:
            for component in read_lock():
                print(f"{component:12} {fetcher.fetch(component)}")
        except FetchError as error:
            sys.exit(f"zkc: error: {error}")
        finally:
            apt_source.forget()


if __name__ == "__main__":
    main()
