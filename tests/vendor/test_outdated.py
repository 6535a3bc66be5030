"""Archives that apt delivers from a mirror whose newest version is broken, and `./dev outdated`."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

import pytest

import apt_source
import availability
import fetch
import outdated
from .debian_mirror import Mirror

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="it runs apt")

OLD, NEW = b"the archive of 1.0.0", b"the archive of 1.0.1, which is newer"
NOWHERE = "http://127.0.0.1:9/thing-1.0.0.tar.gz"  # no server is at port 9: the connection is refused at once


def lock(*suites: str, urls: tuple[str, ...] = (NOWHERE,), more: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """Pin 1.0.0."""
    entry = {
        "name": "thing-1.0.0.tar.gz",
        "size": len(OLD),
        "sha256": hashlib.sha256(OLD).hexdigest(),
        "urls": list(urls),
        "debian": {"suites": list(suites), "source": "thing", "file": "thing_1.0.0.orig.tar.gz"},
    }
    return {"thing": {"version": "1.0.0", "license": "MIT", "files": [entry, *more]}}


def put(locked: dict[str, Any]) -> str:
    outdated.write_lock(locked)
    return fetch.LOCK_FILE.read_text(encoding="utf-8")


def entries() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = fetch.read_lock(fetch.LOCK_FILE)["thing"]["files"]
    return found


# --- what is pinned and listed anywhere is found ----------------------------------------------------------------------


def test_the_pinned_version_comes_although_a_newer_one_is_listed_and_broken(mirror: Mirror) -> None:
    mirror.source("stable", "1.0.0-1", OLD)
    mirror.source("stable", "1.0.1-1", NEW, there=False)
    assert fetch.Fetcher(lock("stable")).fetch("thing").read_bytes() == OLD


@pytest.mark.parametrize("there", [True, False], ids=["suite gone", "file gone"])
def test_the_next_suite_is_asked(mirror: Mirror, there: bool) -> None:
    mirror.source("stable", "1.0.0-1", OLD, there=there)
    mirror.source("next", "1.1.0-1", NEW)
    mirror.source("next", "1.0.0-2", OLD)
    if there:
        mirror.drop("stable")
    assert fetch.Fetcher(lock("stable", "next")).fetch("thing").read_bytes() == OLD


def test_another_revision_of_the_pinned_version_will_do(mirror: Mirror) -> None:
    mirror.source("stable", "1.0.0-1", OLD)
    mirror.source("stable", "1.0.0-2", OLD, there=False)
    assert fetch.Fetcher(lock("stable")).fetch("thing").read_bytes() == OLD


def test_a_file_of_that_name_with_another_checksum_is_not_asked_for(mirror: Mirror, tmp_path: Path) -> None:
    mirror.source("stable", "1.0.0-1", b"packed again")
    with pytest.raises(fetch.FetchError, match=r"stable lists a thing_1\.0\.0\.orig\.tar\.gz with another checksum"):
        fetch.Fetcher(lock("stable")).fetch("thing")
    assert not list((tmp_path / "cache").glob("thing*"))
    # In the next suite it is the pinned one again.
    mirror.source("next", "1.0.0-1", OLD)
    assert fetch.Fetcher(lock("stable", "next")).fetch("thing").read_bytes() == OLD


def test_the_error_says_what_each_suite_lacks(mirror: Mirror) -> None:
    mirror.source("stable", "1.0.0-1", OLD, there=False)
    mirror.source("next", "1.1.0-1", NEW)
    with pytest.raises(fetch.FetchError) as caught:
        fetch.Fetcher(lock("stable", "next", "gone")).fetch("thing")
    for reason in (
        r"apt did not deliver thing_1.0.0.orig.tar.gz of 1.0.0-1 from stable \(.*404",
        "next does not list thing_1.0.0.orig.tar.gz: of thing it lists 1.1.0-1",
        "apt could not read the list of gone's packages",
    ):
        caught.match(reason)


def test_the_newest_binary_package_that_is_there_comes(mirror: Mirror, tmp_path: Path) -> None:
    mirror.binary("stable", "amd64", {"1.0": b"the deb", "1.1": None})
    (tmp_path / "debs").mkdir()
    assert apt_source.binary("stable", "thing", tmp_path / "debs", "amd64").read_bytes() == b"the deb"


def test_security_updates_come_from_their_own_mirror(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "deb http://mirror.invalid/debian old main\ndeb http://security.invalid/debian old-security main\n",
        encoding="utf-8",
    )
    (tmp_path / "release").write_text("ID=debian\nVERSION_CODENAME=old\n", encoding="utf-8")
    stanza = "Types: deb-src\nURIs: http://{}.invalid/debian\nSuites: {}\nComponents: main\n"
    for suite, host in (("new-security", "security"), ("new", "mirror")):
        found = list(apt_source.private_sources(suite, tmp_path, tmp_path / "release"))
        assert found == [stanza.format(host, suite)]


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_says_where_each_source_is(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    mirror.source("stable", "1.0.0-1", OLD)
    mirror.source("stable", "1.0.1-1", NEW, there=False)
    mirror.source("next", "1.1.0-1", NEW)
    put(lock("stable", "next", "gone"))
    assert outdated.main([]) == 0
    told = capsys.readouterr()
    assert told.err == ""  # no progress where there is no terminal
    rows = [" ".join(line.split()) for line in told.out.splitlines()]
    assert rows[:5] == [
        "source pinned place pinned file newest listed its file",
        "thing 1.0.0 127.0.0.1 unreachable - -",
        "stable available 1.0.1-1 missing",
        "next not listed 1.1.0-1 available",
        "gone unreachable - -",
    ]
    assert "thing, stable, newest listed: 127.0.0.1 answers 404 File not found" in rows
    assert "thing 1.0.1 is listed, and no mirror has its archive yet" in rows


def test_the_table_as_json(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    mirror.source("stable", "1.0.0-1", OLD)
    mirror.source("stable", "1.0.1-1", NEW)
    mirror.source("stable", "1.0.2-1", NEW, there=False)
    put(lock("stable", urls=(f"{mirror.url}/pool/stable/1.0.0-1/thing_1.0.0.orig.tar.gz",)))
    assert outdated.main(["--json"]) == 0
    (thing,) = json.loads(capsys.readouterr().out)
    named = {name: thing[name] for name in ("name", "version", "available", "update", "coming")}
    assert named == {"name": "thing", "version": "1.0.0", "available": True, "update": "1.0.1", "coming": "1.0.2"}
    upstream, stable = thing["places"]
    assert (upstream["kind"], upstream["pinned"]) == ("upstream", "available")
    assert (stable["name"], stable["kind"], stable["pinned"]) == ("stable", "suite", "available")
    assert (stable["newest"], stable["newest_state"]) == ("1.0.2-1", "missing")


@pytest.mark.parametrize("why", ["missing", "not listed", "another checksum", "unreachable"])
def test_the_status_is_1_when_a_pinned_source_is_nowhere(
    mirror: Mirror, capsys: pytest.CaptureFixture[str], why: str
) -> None:
    if why == "missing":
        mirror.source("stable", "1.0.0-1", OLD, there=False)
    elif why == "not listed":
        mirror.source("stable", "1.0.1-1", NEW)
    elif why == "another checksum":
        mirror.source("stable", "1.0.0-1", b"packed again")
    put(lock("stable"))
    assert outdated.main(["--json"]) == 1
    told = capsys.readouterr()
    (thing,) = json.loads(told.out)
    assert [place["pinned"] for place in thing["places"]] == ["unreachable", why]
    assert not thing["available"]
    assert told.err == "zkc: error: thing 1.0.0 is available nowhere\n"


def test_any_one_of_a_sources_files_will_do(mirror: Mirror) -> None:
    mirror.source("stable", "1.0.0-1", OLD)
    other = {"name": "thing.zip", "size": None, "sha256": "0" * 64, "urls": [f"{mirror.url}/gone.zip"]}
    put(lock("stable", urls=(), more=(other,)))
    assert outdated.main([]) == 0
    put(lock("gone", urls=(), more=(other,)))
    assert outdated.main([]) == 1


def test_a_mirror_that_only_apt_reaches(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """apt finds out what the request for the headers cannot: it may have a proxy of its own."""
    mirror.source("stable", "1.0.0-1", OLD)
    mirror.source("stable", "1.0.1-1", NEW, there=False)
    monkeypatch.setattr(availability, "look", lambda url, size: (availability.UNREACHABLE, "no way out"))
    found = {version.version: version for version in apt_source.listed("stable", "thing")}
    states = {}
    for name, version in found.items():
        file = availability.archive(version)
        assert file is not None
        states[name] = availability.is_available(version, file)[0]
    assert states == {"1.0.0-1": "available", "1.0.1-1": "missing"}


def test_progress_is_for_terminals(mirror: Mirror) -> None:
    mirror.source("stable", "1.0.0-1", OLD)
    put(lock("stable"))
    # A process of its own, whose stderr is a terminal.
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); import apt_source, fetch, outdated\n"
        "apt_source.APT_FOLDER, apt_source.OS_RELEASE, fetch.LOCK_FILE = map(Path, sys.argv[2:])\n"
        "sys.exit(outdated.main([]))\n"
    )
    reader, terminal = pty.openpty()
    try:
        paths = (ROOT / "vendor", apt_source.APT_FOLDER, apt_source.OS_RELEASE, fetch.LOCK_FILE)
        run = subprocess.run(
            [sys.executable, "-c", program, *map(str, paths)],
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(terminal)
    seen = b""
    with open(reader, "rb", buffering=0) as screen, contextlib.suppress(OSError):  # Its end is an error.
        while part := screen.read(65536):
            seen += part
    assert run.returncode == 0
    assert "looking for thing_1.0.0.orig.tar.gz in stable" in seen.decode()
    assert seen.endswith(b"\r\x1b[K")  # The line is cleared before the table is printed.
    assert "\x1b" not in run.stdout


# --- a newer patch release --------------------------------------------------------------------------------------------


def test_an_update_takes_the_newest_patch_release_that_can_be_fetched(
    mirror: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror.source("stable", "1.0.0-1", OLD)
    mirror.source("stable", "1.0.1-1", NEW)
    mirror.source("next", "1.0.10-1", b"newer still", there=False)
    mirror.source("next", "1.0.9~rc1-1", b"no release yet")
    mirror.source("next", "1.1.0-1", b"a minor release")
    put(lock("stable", "next"))
    assert outdated.main(["--update", "thing"]) == 0
    assert "thing goes from 1.0.0 to 1.0.1" in capsys.readouterr().out
    locked = fetch.read_lock(fetch.LOCK_FILE)["thing"]
    assert (locked["version"], locked["license"]) == ("1.0.1", "MIT")
    assert locked["files"] == [
        {
            "name": "thing-1.0.1.tar.gz",
            "size": len(NEW),
            "sha256": hashlib.sha256(NEW).hexdigest(),
            "urls": ["http://127.0.0.1:9/thing-1.0.1.tar.gz"],
            "debian": {"suites": ["stable", "next"], "source": "thing", "file": "thing_1.0.1.orig.tar.gz"},
        }
    ]
    # The next build finds it.
    assert (tmp_path / "cache" / "thing-1.0.1.tar.gz").read_bytes() == NEW
    assert fetch.Fetcher(use_apt=False).fetch("thing").read_bytes() == NEW


@pytest.mark.parametrize(
    ("there", "served", "status", "reason"),
    [
        (False, None, 1, "apt did not deliver thing_1.0.1.orig.tar.gz"),
        (True, NEW[::-1], 1, "apt did not deliver thing_1.0.1.orig.tar.gz"),  # apt compares with the index
        (True, NEW[:-1], 1, "apt did not deliver thing_1.0.1.orig.tar.gz"),
    ],
    ids=["missing", "other bytes", "cut short"],
)
def test_what_is_not_fetched_whole_changes_nothing(
    mirror: Mirror,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    there: bool,
    served: Optional[bytes],
    status: int,
    reason: str,
) -> None:
    mirror.source("stable", "1.0.1-1", NEW, there=there, served=served)
    before = put(lock("stable"))
    assert outdated.main(["--update", "thing"]) == status
    assert reason in capsys.readouterr().err
    assert fetch.LOCK_FILE.read_text(encoding="utf-8") == before
    assert not list((tmp_path / "cache").glob("*"))


def test_there_is_nothing_newer(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    mirror.source("stable", "1.0.0-2", OLD)
    mirror.source("stable", "1.1.0-1", NEW)
    before = put(lock("stable"))
    assert outdated.main(["--update", "thing"]) == 0
    assert "no suite lists a newer patch release of thing than 1.0.0" in capsys.readouterr().out
    assert fetch.LOCK_FILE.read_text(encoding="utf-8") == before


def test_no_suite_can_be_read(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    before = put(lock("gone"))
    assert outdated.main(["--update", "thing"]) == 1
    assert "apt could not read the list of gone's packages" in capsys.readouterr().err
    assert fetch.LOCK_FILE.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("at_upstream", [NEW, b"other bytes", None], ids=["the same", "others", "none"])
def test_the_addresses_of_the_new_version_are_right(mirror: Mirror, at_upstream: Optional[bytes]) -> None:
    mirror.source("stable", "1.0.1-1", NEW)
    if at_upstream is not None:
        (mirror.folder / "thing-1.0.1.tar.gz").write_bytes(at_upstream)
    put(lock("stable", urls=(f"{mirror.url}/thing-1.0.0.tar.gz",)))
    assert outdated.main(["--update", "thing"]) == 0
    assert entries()[0].get("urls", []) == ([f"{mirror.url}/thing-1.0.1.tar.gz"] if at_upstream == NEW else [])


@pytest.mark.parametrize("reachable", [True, False])
def test_what_only_upstream_has_is_fetched_too_or_left_out(mirror: Mirror, reachable: bool) -> None:
    base = mirror.url if reachable else "http://127.0.0.1:9"
    other = {"name": "thing-1.0.0.zip", "size": None, "sha256": "0" * 64, "urls": [f"{base}/thing-1.0.0.zip"]}
    (mirror.folder / "thing-1.0.1.zip").write_bytes(b"a zip")
    mirror.source("stable", "1.0.1-1", NEW)
    put(lock("stable", more=(other,)))
    assert outdated.main(["--update", "thing"]) == 0
    found = [entry for entry in entries() if "debian" not in entry]
    sha256 = hashlib.sha256(b"a zip").hexdigest()
    new = {"name": "thing-1.0.1.zip", "size": 5, "sha256": sha256, "urls": [f"{base}/thing-1.0.1.zip"]}
    assert found == ([new] if reachable else [])
    assert len(entries()) == 1 + reachable


def test_an_archive_that_debian_packed_again_has_its_own_name(mirror: Mirror) -> None:
    mirror.source("stable", "1.0.1+dfsg1-1", NEW)
    put(lock("stable"))
    assert outdated.main(["--update", "thing"]) == 0
    assert entries()[0]["name"] == "thing_1.0.1+dfsg1.orig.tar.gz"
    assert "urls" not in entries()[0]


def test_names_and_options_that_do_not_go(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    put(lock("stable"))
    for arguments, reason in (
        (["--update", "other"], "other is not in lock.json: use one of thing"),
        (["--update", "thing", "--json"], "--json and --update cannot be used together"),
    ):
        with pytest.raises(SystemExit) as caught:
            outdated.main(arguments)
        assert caught.value.code == 2
        assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("debian", "upstream"),
    [
        ("3.5.7-1~deb13u2", "3.5.7"),
        ("2.1.28+dfsg1-9", "2.1.28"),
        ("1:3.9.3-1+deb13u1", "3.9.3"),
        ("3.6.0~beta1-1", None),
        ("3.6.0+really3.5.9-1", None),
        ("3.5.7+git20260101-1", None),
    ],
)
def test_the_release_inside_a_version_of_debian(debian: str, upstream: Optional[str]) -> None:
    assert availability.upstream_version(debian) == upstream


def test_the_lock_file_keeps_its_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So an update changes the lines of one source."""
    text = fetch.LOCK_FILE.read_text(encoding="utf-8")
    locked = fetch.read_lock()
    monkeypatch.setattr(fetch, "LOCK_FILE", tmp_path / "lock.json")
    assert put(locked) == text


def test_dev_has_the_verb() -> None:
    run = subprocess.run(
        [str(ROOT / "dev"), "outdated", "--help"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "--update NAME" in run.stdout
