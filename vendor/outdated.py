"""Show where each pinned source is available and which versions are newer; move the lock file to a newer patch release.

``./dev outdated`` runs this program. It needs no network except to the places that it looks at, and no build.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import apt_source
import availability
import fetch
from availability import AVAILABLE, Candidate, Source

_INLINE_BELOW = 4  # the depth in lock.json from which a list or an object is written on one line


class UpdateError(Exception):
    """Raised when the update failed; the lock file is unchanged."""


def main(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: the arguments after the command's name.

    Returns:
        The exit status: 1 if a pinned source is available nowhere, or a newer patch release could not be fetched.
    """
    parser = argparse.ArgumentParser(
        prog="./dev outdated",
        description="Show each pinned source: where it is available, and the newest version that each suite lists. "
        "The exit status is 1 if a source is available nowhere.",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--update",
        metavar="NAME",
        help="fetch the newest patch release of a source, verify it, and write it into vendor/lock.json",
    )
    options = parser.parse_args(arguments)
    lock = fetch.read_lock(fetch.LOCK_FILE)
    if options.update is not None and options.json:
        parser.error("--json and --update cannot be used together: --update prints no table")
    if options.update is not None and options.update not in lock:
        parser.error(f"{options.update} is not in lock.json: use one of {', '.join(lock)}")
    try:
        if options.update is not None:
            return _update(lock, options.update)
        sources = [availability.look_at(name, locked, _progress) for name, locked in lock.items()]
        _progress("")
        print(json.dumps([source.as_dict() for source in sources], indent=2) if options.json else _table(sources))
        missing = [source for source in sources if not source.available]
        for source in missing:
            print(f"zkc: error: {source.name} {source.version} is available nowhere", file=sys.stderr)
        return 1 if missing else 0
    except UpdateError as error:
        _progress("")
        print(f"zkc: error: {error}", file=sys.stderr)
        return 1
    finally:
        availability.forget()


def _progress(text: str) -> None:
    """Show the present step on one line of a terminal; without a terminal show nothing."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)


# --- the table --------------------------------------------------------------------------------------------------------


def _table(sources: list[Source]) -> str:
    rows = [("source", "pinned", "place", "pinned file", "newest listed", "its file")]
    for source in sources:
        first = (source.name, source.version)
        for place in source.places:
            rows.append((*first, place.name, place.pinned, place.newest or "-", place.newest_state or "-"))
            first = ("", "")
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    for source in sources:
        lines += _remarks(source)
    return "\n".join(lines)


def _remarks(source: Source) -> list[str]:
    remarks = [
        f"{source.name}, {place.name}, {which}: {detail}"
        for place in source.places
        for which, state, detail in (
            ("pinned file", place.pinned, place.detail),
            ("newest listed", place.newest_state, place.newest_detail),
        )
        if detail and state not in (AVAILABLE, availability.NOT_LISTED)
    ]
    if source.coming is not None:
        remarks.append(f"{source.name} {source.coming} is listed, and no mirror has its archive yet")
    if source.update is not None:
        remarks.append(f"{source.name} {source.update} is available: run ./dev outdated --update {source.name}")
    return list(dict.fromkeys(remarks))


# --- a newer patch release --------------------------------------------------------------------------------------------


def _update(lock: dict[str, Any], name: str) -> int:
    locked = lock[name]
    packaged = [entry for entry in locked["files"] if "debian" in entry]
    _progress(f"looking for patch releases of {name}")
    newer = [(entry, candidate) for entry in packaged for candidate in availability.candidates(locked, entry)]
    unread = [reason for entry in packaged for reason in availability.unreadable(entry)]
    if not newer:
        if len(unread) == sum(len(entry["debian"]["suites"]) for entry in packaged):
            reason = "; ".join(unread) or "lock.json names no suite for it"
            raise UpdateError(f"no suite could be asked for a newer {name}: {reason}")
        _progress("")
        for reason in unread:
            print(f"zkc: {reason}")
        print(f"zkc: no suite lists a newer patch release of {name} than {locked['version']}")
        return 0
    reasons = []
    with tempfile.TemporaryDirectory(prefix="zkc-update-") as folder:
        for entry, candidate in newer:
            path = Path(folder) / candidate.file.name
            size = candidate.file.size / 1e6
            _progress(f"fetching {candidate.file.name} ({size:.1f} MB) from {candidate.listed.suite}")
            try:
                _fetch(candidate, path)
            except (apt_source.AptError, UpdateError) as error:
                reasons.append(str(error))
                continue
            files, remarks = _new_entries(locked, entry, candidate, Path(folder))
            _keep_in_cache(files, candidate, path)
            old = locked["version"]
            lock[name] = {**locked, "version": candidate.version, "files": files}
            write_lock(lock)
            _progress("")
            for remark in remarks:
                print(f"zkc: {remark}")
            new = candidate.version
            print(f"zkc: {name} goes from {old} to {new}: build and test it, then replace {old} in the docs")
            return 0
    raise UpdateError(f"no newer patch release of {name} than {locked['version']} was fetched: {'; '.join(reasons)}")


def _fetch(candidate: Candidate, path: Path) -> None:
    """Download an archive, and compare it with the entry in the suite's index."""
    apt_source.deliver(candidate.listed, candidate.file.name, path)
    size, sha256 = path.stat().st_size, fetch.digest(path)
    if (size, sha256) != (candidate.file.size, candidate.file.sha256):
        raise UpdateError(
            f"{candidate.file.name} from {candidate.listed.suite} has {size} bytes and sha256 {sha256}, "
            f"but the index says {candidate.file.size} bytes and {candidate.file.sha256}"
        )


def _new_entries(
    locked: dict[str, Any], entry: dict[str, Any], candidate: Candidate, folder: Path
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the entries of the new version, and remarks that name the files and addresses left out."""
    old, new = locked["version"], candidate.version
    files, remarks = [], []
    for each in locked["files"]:
        urls = [url.replace(old, new) for url in each.get("urls", ())]
        pinned: dict[str, Any] = {}
        if each is entry:
            # Upstream's name and addresses stay only for upstream's archive: same compression, and not packed again.
            upstreams = candidate.file.name.endswith(f"_{new}.orig.tar.{each['name'].rpartition('.')[2]}")
            own_name = each["name"] != each["debian"]["file"] and upstreams
            pinned = {
                "name": each["name"].replace(old, new) if own_name else candidate.file.name,
                "size": candidate.file.size,
                "sha256": candidate.file.sha256,
            }
            if not upstreams:
                remarks += [f"left out {url}: {candidate.file.name} is not upstream's archive" for url in urls]
                urls = []
        elif "debian" in each:
            remarks.append(f"left out {each['name']}: only {candidate.file.name} was fetched")
            continue
        kept = []
        for url in urls:
            _progress(f"comparing with {url}")
            found, why = _from_upstream(url, folder)
            if found is None:
                if pinned and why.startswith(availability.UNREACHABLE):
                    kept.append(url)  # Each fetch compares the file with the checksum.
                    remarks.append(f"not compared with {url}: {why}")
                else:
                    remarks.append(f"left out {url}: {why}")
            elif not pinned:
                pinned = {"name": each["name"].replace(old, new), **found}
                kept.append(url)
            elif found["sha256"] == pinned["sha256"]:
                kept.append(url)
            else:
                remarks.append(f"left out {url}: its file has another sha256, {found['sha256']}")
        if not pinned:
            continue
        if kept:
            pinned["urls"] = kept
        if each is entry:
            pinned["debian"] = {**each["debian"], "file": candidate.file.name}
        files.append(pinned)
    return files, remarks


def _from_upstream(url: str, folder: Path) -> tuple[dict[str, Any] | None, str]:
    """Fetch an upstream archive; return its size and checksum, or None and the reason."""
    state, detail = availability.look(url, None)
    if state != AVAILABLE:
        return None, f"{state} ({detail})"
    path = folder / "upstream"
    try:
        fetch.download(url, path)
    except OSError as error:
        return None, f"{availability.UNREACHABLE} ({error})"
    found = {"size": path.stat().st_size, "sha256": fetch.digest(path)}
    path.unlink()
    return found, ""


def _keep_in_cache(files: list[dict[str, Any]], candidate: Candidate, path: Path) -> None:
    """Copy the archive into the cache for the next build, if the cache is writable."""
    name = next(entry["name"] for entry in files if entry["sha256"] == candidate.file.sha256)
    try:
        folder = fetch.cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
        os.close(handle)
        shutil.copyfile(path, temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, folder / name)
    except OSError as error:
        print(f"zkc: {name} could not be kept in the cache: {error}")


def write_lock(lock: dict[str, Any]) -> None:
    """Write the lock file atomically, with line breaks as a person would put them."""
    temporary = fetch.LOCK_FILE.with_name(f".{fetch.LOCK_FILE.name}.new")
    temporary.write_text(_text(lock) + "\n", encoding="utf-8")
    os.replace(temporary, fetch.LOCK_FILE)


def _text(value: Any, depth: int = 0) -> str:
    if depth >= _INLINE_BELOW or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    space = "  " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{space}{json.dumps(key)}: {_text(one, depth + 1)}" for key, one in value.items()]
    else:
        items = [space + _text(one, depth + 1) for one in value]
    inside = ",\n".join(items)
    end = "  " * depth
    return f"{{\n{inside}\n{end}}}" if isinstance(value, dict) else f"[\n{inside}\n{end}]"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
