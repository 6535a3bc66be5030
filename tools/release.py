"""Release steps: the version, the changelog and its news fragments, checksums, provenance."""

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
from collections.abc import Sequence
from pathlib import Path

import packaging.version

ROOT = Path(__file__).resolve().parents[1]


def version() -> str:
    """Read the version from zkc/_version.py, its only place."""
    text = (ROOT / "zkc" / "_version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        sys.exit("zkc: error: zkc/_version.py has no __version__")
    return found[1]


def fragments() -> list[Path]:
    """List the news fragments of changes that no release contains yet."""
    return [path for path in sorted((ROOT / "newsfragments").glob("*")) if path.name not in ("README.md", ".gitignore")]


def news_complaints(name: str, text: str) -> list[str]:
    """List what is wrong with the text of a news fragment; towncrier checks its name.

    Args:
        name: the name of its file.
        text: what the file contains.
    """
    found = []
    line = text.strip()
    if "\n\n" in line or line.startswith(("- ", "* ", "#")):
        found.append(f"newsfragments/{name} is more than a paragraph: write one for each change")
    if not line.endswith((".", "`")):
        found.append(f"newsfragments/{name} has no full stop at its end: write whole sentences")
    return found


def render(*options: str) -> subprocess.CompletedProcess[str]:
    """Run towncrier on the news fragments.

    Args:
        options: those of ``towncrier build``.
    """
    command = [sys.executable, "-m", "towncrier", "build", "--version", version(), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def check_news() -> list[str]:
    """List what keeps the news fragments from becoming a section of the changelog."""
    found = []
    for path in fragments():
        found += news_complaints(path.name, path.read_text(encoding="utf-8"))
    run = render("--draft")
    if run.returncode != 0:
        found.append(f"the fragments in newsfragments/ do not render: {_reason(run)}")
    return found


def write_changelog() -> list[str]:
    """Make the fragments a section of CHANGELOG.md with today's date, and remove them; or list why not."""
    number = version()
    if _heading((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), number) is not None:
        return [f"CHANGELOG.md has a section for {number} already: fold the fragments into it by hand"]
    if not fragments():
        return ["newsfragments/ is empty: no change has been described since the last release"]
    run = render("--yes", "--date", datetime.datetime.now(datetime.timezone.utc).date().isoformat())
    return [f"towncrier could not write CHANGELOG.md: {_reason(run)}"] if run.returncode != 0 else []


def _reason(run: subprocess.CompletedProcess[str]) -> str:
    """Return the error that towncrier printed, without its lines about progress."""
    return (run.stderr + run.stdout).partition("Error: ")[2].strip() or (run.stderr + run.stdout).strip()


def _heading(changelog: str, number: str) -> re.Match[str] | None:
    return re.search(rf"^## \[?{re.escape(number)}(?![\w.+-])\]?(.*)$", changelog, re.MULTILINE)


def complaints(changelog: str, number: str, uncommitted: str, waiting: Sequence[str] = ()) -> list[str]:
    """List the reasons against a release.

    Args:
        changelog: the text of CHANGELOG.md.
        number: the version to be released.
        uncommitted: git's list of files that differ from the last commit.
        waiting: the names of news fragments that are not in the changelog yet.
    """
    found = []
    try:
        packaging.version.Version(number)
    except packaging.version.InvalidVersion:
        found.append(f"{number} is not a version by PEP 440: correct zkc/_version.py")
    heading = _heading(changelog, number)
    if heading is None:
        found.append(f"CHANGELOG.md has no section for {number}: run python tools/release.py changelog")
    elif not _has_date(heading[1]):
        found.append(f"the section for {number} in CHANGELOG.md has no date: write '## {number} (YYYY-MM-DD)'")
    if re.search(r"^## \[?unreleased\]?.*\n+(?!## )\S", changelog, re.MULTILINE | re.IGNORECASE):
        found.append(f"CHANGELOG.md has a section of unreleased changes: move them to the section for {number}")
    if waiting:
        found.append(
            f"newsfragments/ has changes that CHANGELOG.md does not contain ({', '.join(waiting)}): "
            "run python tools/release.py changelog"
        )
    if uncommitted:
        found.append("the tree differs from the last commit, so this build could not be repeated: commit first")
    return found


def _has_date(text: str) -> bool:
    for found in re.findall(r"\d{4}-\d{2}-\d{2}", text):
        with contextlib.suppress(ValueError):
            return bool(datetime.date.fromisoformat(found))
    return False


def normalize(archive: Path) -> None:
    """Rewrite an archive with the commit's date and no user's name, so that the same tree makes the same bytes."""
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct"))
    normalized = archive.with_suffix(".normalized")
    with (
        tarfile.open(archive) as old,
        normalized.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = seconds, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    normalized.replace(archive)


def describe(folder: Path) -> None:
    """Write checksums and a statement of provenance, which the publisher signs and publishes with the files."""
    files = sorted(path for path in folder.glob("*") if path.name.endswith((".whl", ".tar.gz")))
    if not files:
        sys.exit(f"zkc: error: {folder} has no wheels and archives to describe: run ./dev release, which makes them")
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
                        if name != "cpython"  # Wheels are tried with it, but do not contain it.
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
    """Read the checksums of the used archives from the wheels' bills of materials."""
    found = set()
    for wheel in folder.glob("zkc-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            bills = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith("/zkc.cdx.json")]
        components = [component for bill in bills for component in bill["components"]]
        found |= {digest["content"] for component in components for digest in component["hashes"]}
    return found


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"zkc: error: git failed ({run.stderr.strip()}): make a release in a clone of the repository")
    return run.stdout.strip()


def _report(complaints: list[str]) -> None:
    if complaints:
        sys.exit("\n".join(f"zkc: error: {each}" for each in complaints))


def main() -> None:
    """Run the command line."""
    arguments = sys.argv[1:]
    if arguments == ["version"]:
        print(version())
    elif arguments == ["check"]:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        waiting = [path.name for path in fragments()]
        _report(complaints(changelog, version(), _git("status", "--porcelain"), waiting))
    elif arguments == ["news"]:
        _report(check_news())
    elif arguments == ["changelog"]:
        _report(write_changelog())
    elif len(arguments) == 2 and arguments[0] == "normalize":
        normalize(Path(arguments[1]))
    elif len(arguments) == 2 and arguments[0] == "describe":
        describe(Path(arguments[1]))
    else:
        sys.exit("usage: tools/release.py version | news | changelog | check | normalize ARCHIVE | describe FOLDER")


if __name__ == "__main__":
    main()
