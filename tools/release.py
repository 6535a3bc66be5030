"""What a release needs beside its files: one version, a changelog that tells of it, checksums, provenance."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

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
    if re.search(r"(dev|a|b|rc)\d*$", number) is None and not re.fullmatch(r"\d+(\.\d+){1,2}", number):
        found.append(f"{number} is no version as PEP 440 writes it: mend zkc/_version.py")
    heading = re.search(rf"^## {re.escape(number)}\b(.*)$", changelog, re.MULTILINE)
    if heading is None:
        found.append(f"CHANGELOG.md has no section for {number}: add '## {number} (the date)'")
    elif re.search(r"\d{4}-\d{2}-\d{2}", heading[1]) is None:
        found.append(f"the section for {number} in CHANGELOG.md has no date: write '## {number} (YYYY-MM-DD)'")
    if uncommitted:
        found.append("the tree differs from the last commit, so nobody could build the same again: commit first")
    return found


def describe(folder: Path) -> None:
    """Write checksums and an account of how the files came to be, for whoever signs and publishes them."""
    files = sorted(path for path in folder.iterdir() if path.name.endswith((".whl", ".tar.gz")))
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / "SHA256SUMS").write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    lock = json.loads((ROOT / "vendor" / "lock.json").read_text(encoding="utf-8"))
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


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
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
    elif len(arguments) == 2 and arguments[0] == "describe":
        describe(Path(arguments[1]))
    else:
        sys.exit("usage: tools/release.py version | check | describe FOLDER")


if __name__ == "__main__":
    main()
