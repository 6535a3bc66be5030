"""`./dev test --servers`: the newest server that suites list, its packages, and the table of results."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

# After the line above: tools/ is not installed.
from tools import servers  # noqa: E402

needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="it runs apt")


@pytest.fixture
def deb(tmp_path):
    """Return a function that builds a package with one file, and returns its bytes."""

    def build(version, architecture):
        root = tmp_path / f"made-{version}"
        (root / "DEBIAN").mkdir(parents=True)
        (root / "DEBIAN" / "control").write_text(
            f"Package: thing\nVersion: {version}\nArchitecture: {architecture}\n"
            "Maintainer: A Test\nDescription: a test\n"
        )
        (root / "usr/share/java").mkdir(parents=True)
        (root / "usr/share/java/version").write_text(version)
        subprocess.run(["dpkg-deb", "--build", root, tmp_path / "made.deb"], check=True, capture_output=True)
        return (tmp_path / "made.deb").read_bytes()

    return build


@pytest.fixture
def suites(mirror, monkeypatch):
    """A mirror with two suites, which are asked for one package."""
    monkeypatch.setattr(servers, "SUITES", ("stable", "next"))
    monkeypatch.setattr(servers, "PACKAGES", ("thing",))
    return mirror


def architecture():
    """Return this machine's processor, by Debian's name."""
    run = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@needs_apt
def test_the_newest_of_all_suites_is_found_and_unpacked_once(suites, deb, tmp_path):
    own = architecture()
    suites.binary("stable", own, {"3.9.3-1": None})
    suites.binary("next", own, {"3.9.10-1": deb("3.9.10-1", own), "3.9.9-1": None})
    assert servers.newest_package() == ("3.9.10-1", "next")
    home = servers.unpacked("3.9.10-1", "next", tmp_path / "cache" / "servers")
    assert (home / "usr/share/java/version").read_text() == "3.9.10-1"
    assert [each.name for each in home.parent.iterdir() if each.is_dir()] == [home.name]
    suites.drop("next")
    assert servers.unpacked("3.9.10-1", "next", tmp_path / "cache" / "servers") == home


@needs_apt
def test_a_package_that_the_mirror_lacks_is_an_error_and_leaves_nothing(suites, tmp_path):
    own = architecture()
    suites.binary("stable", own, {"3.9.3-1": None})
    suites.binary("next", own, {"3.9.6-2": None})
    with pytest.raises(servers.ServersError, match=r"ZooKeeper 3\.9\.6-2 of next could not be fetched"):
        servers.unpacked("3.9.6-2", "next", tmp_path / "cache")
    assert [each.name for each in (tmp_path / "cache").iterdir()] == [".lock"]


@needs_apt
def test_a_suite_that_does_not_answer_is_an_error(suites):
    suites.binary("stable", architecture(), {"3.9.3-1": None})
    with pytest.raises(servers.ServersError, match="cannot ask next for its newest ZooKeeper"):
        servers.newest_package()


@needs_apt
def test_suites_without_the_packages_are_an_error(suites, monkeypatch):
    for suite in ("stable", "next"):
        suites.binary(suite, architecture(), {"3.9.3-1": None})
    monkeypatch.setattr(servers, "PACKAGES", ("thing", "other"))
    with pytest.raises(servers.ServersError, match="none of stable, next lists both thing and other"):
        servers.newest_package()


def test_a_home_without_a_server_is_an_error(tmp_path):
    with pytest.raises(servers.ServersError, match="no ZooKeeper is there"):
        servers.identified(tmp_path)


def test_the_machines_server_says_its_version(monkeypatch):
    found = servers.identified(servers.machines_home())
    assert found.version >= (3, 5)
    assert found.name == ".".join(map(str, found.version))


def test_each_run_counts_its_own_tests(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(servers, "_REPORTS", tmp_path)
    tests = tmp_path / "test_some.py"
    tests.write_text(
        "import os, pytest\n"
        "def test_good(): assert os.environ['WORD'] == 'yes'\n"
        "def test_bad(): assert os.environ['WORD'] == 'no'\n"
        "def test_left_out(): pytest.skip('why')\n"
        "@pytest.fixture\n"
        "def broken(): raise ValueError\n"
        "def test_broken(broken): pass\n"
    )
    outcome = servers.run_pytest("3.9.9", "3.9.9.xml", ["-p", "no:cacheprovider", str(tests)], {"WORD": "yes"})
    assert (outcome.tests, outcome.passed, outcome.failed, outcome.errors, outcome.skipped) == (4, 1, 1, 1, 1)
    assert (outcome.status, outcome.good) == (1, False)
    good = servers.run_pytest(
        "3.8.0", "3.8.0.xml", ["-p", "no:cacheprovider", "-k", "good", str(tests)], {"WORD": "yes"}
    )
    assert (good.tests, good.passed, good.good) == (1, 1, True)
    none = servers.run_pytest("none", "none.xml", ["-p", "no:cacheprovider", "-k", "no_such", str(tests)], {})
    assert (none.tests, none.good) == (0, True)
    head, *lines = servers.table([good, outcome]).splitlines()
    assert head.split() == ["server", "tests", "passed", "failed", "errors", "skipped", "seconds"]
    assert [line.split()[:6] for line in lines] == [
        ["3.8.0", "1", "1", "0", "0", "0"],
        ["3.9.9", "4", "1", "1", "1", "1"],
    ]
    assert lines[1].endswith("FAILED (status 1)")


def test_a_run_that_is_empty_everywhere_fails(monkeypatch, capsys, tmp_path):
    """A selection without any test must not look like a success."""
    monkeypatch.setattr(servers, "_REPORTS", tmp_path)
    monkeypatch.setattr(servers, "find_servers", lambda: [servers.Server((3, 8, 0), Path("/"))])
    monkeypatch.setattr(servers, "run_pytest", lambda title, *_: servers.Outcome(title, 5))
    assert servers.main(["-k", "no_such"]) == 1
    assert "3.8.0" in capsys.readouterr().out


def test_a_server_that_cannot_be_fetched_fails_the_run(monkeypatch, capsys):
    def refuse():
        raise servers.ServersError("cannot ask next for its newest ZooKeeper")

    monkeypatch.setattr(servers, "find_servers", refuse)
    assert servers.main([]) == 1
    assert "cannot ask next" in capsys.readouterr().err
