"""What a release needs beside its files: one version, a changelog that tells of it, checksums, provenance."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import packaging.version

ROOT = Path(__file__).resolve().parents[1]


def version() -> str:
    """Read the version from the only place where it stands."""
    text = (ROOT / "zkc" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        sys.exit("zkc: error: zkc/_version.py has no __version__")
    return found[1]


def complaints(changelog: str, number: str, uncommitted: str) -> list[str]:
    """Say what stands against a release.

    Args:
        changelog: the text of CHANGELOG.md.
        number: the version to be released.
        uncommitted: what git says of files that differ from the last commit.
    """
    found = []
    try:
        packaging.version.Version(number)
    except packaging.version.InvalidVersion:
        found.append(f"{number} is no version as PEP 440 writes it: mend zkc/_version.py")
    heading = re.search(rf"^## \[?{re.escape(number)}(?![\w.+-])\]?(.*)$", changelog, re.MULTILINE)
    if heading is None:
        found.append(f"CHANGELOG.md has no section for {number}: add '## {number} (the date)'")
    elif not _has_date(heading[1]):
        found.append(f"the section for {number} in CHANGELOG.md has no date: write '## {number} (YYYY-MM-DD)'")
    if re.search(r"^## \[?unreleased\]?.*\n+(?!## )\S", changelog, re.MULTILINE | re.IGNORECASE):
        found.append(f"CHANGELOG.md tells of something unreleased: move it to the section for {number}")
    if uncommitted:
        found.append("the tree differs from the last commit, so nobody could build the same again: commit first")
    return found


def _has_date(text: str) -> bool:
    for found in re.findall(r"\d{4}-\d{2}-\d{2}", text):
        with contextlib.suppress(ValueError):
            return bool(datetime.date.fromisoformat(found))
    return False


def settle(archive: Path) -> None:
    """Write an archive anew, so that the same tree makes the same bytes: with the commit's date, and no user's name."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct"))
    settled = archive.with_suffix(".settled")
    with (
        tarfile.open(archive) as old,
        settled.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = seconds, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    settled.replace(archive)


def describe(folder: Path) -> None:
    """Write checksums and an account of how the files came to be, for whoever signs and publishes them."""
    files = sorted(path for path in folder.glob("*") if path.name.endswith((".whl", ".tar.gz")))
    if not files:
        sys.exit(f"zkc: error: {folder} has nothing to describe: ./dev release fills it")
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    lock = json.loads((ROOT / "vendor" / "lock.json").read_text(encoding="utf-8"))
    used = _archives_inside(folder)
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "./dev release",
                "externalParameters": {"version": version()},
                "resolvedDependencies": [
                    {"uri": "git", "digest": {"gitCommit": _git("rev-parse", "HEAD")}},
                    *(
                        {"name": entry["name"], "digest": {"sha256": entry["sha256"]}}
                        for name, component in lock.items()
                        if name != "cpython"  # Wheels are tried with it, and have nothing of it inside.
                        for entry in component["files"]
                        if entry["sha256"] in used
                    ),
                ],
            },
            "runDetails": {
                "builder": {"id": "./dev release"},
                "metadata": {"sourceDate": _git("log", "-1", "--format=%cI")},
            },
        },
    }
    (folder / f"zkc-{version()}.intoto.json").write_text(json.dumps(statement, indent=2) + "\n")


def _archives_inside(folder: Path) -> set[str]:
    """Read from the wheels' bills which archives they were built from."""
    found = set()
    for wheel in folder.glob("zkc-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            bills = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith("/zkc.cdx.json")]
        found |= {digest["content"] for bill in bills for one in bill["components"] for digest in one["hashes"]}
    return found


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"zkc: error: a release is made of a clone of the repository; git says {run.stderr.strip()}")
    return run.stdout.strip()


def main() -> None:
    """Do what the command line asks for."""
    arguments = sys.argv[1:]
    if arguments == ["version"]:
        print(version())
    elif arguments == ["check"]:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        found = complaints(changelog, version(), _git("status", "--porcelain"))
        if found:
            sys.exit("\n".join(f"zkc: error: {one}" for one in found))
    elif len(arguments) == 2 and arguments[0] == "settle":
        settle(Path(arguments[1]))
    elif len(arguments) == 2 and arguments[0] == "describe":
        describe(Path(arguments[1]))
    else:
        sys.exit("usage: tools/release.py version | check | settle ARCHIVE | describe FOLDER")


if __name__ == "__main__":
    main()
