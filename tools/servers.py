"""``./dev test --servers``: run the tests on each server that people run, and on an ensemble of both.

The servers are the machine's own ZooKeeper and the newest that Debian's suites carry as binary packages. The packages
are fetched with apt, and unpacked into the cache of the build. A server that cannot be fetched fails the run.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.wheels.vendored import apt_source, fetch
from zkc.testing import TestingError, ZooKeeperServer
from zkc.testing._find import HOME_VARIABLE

SUITES = ("sid", "forky", "trixie")
"""The suites of Debian that may carry the newest server. Every one is asked, and has to answer."""
PACKAGES = ("zookeeper", "libzookeeper-java")
FOLDERS = ("tests/core", "tests/client", "tests/testing", "tests/cli/test_offline_servers.py")
HOMES_VARIABLE = "ZKC_TEST_HOMES"
"""The homes of the servers for tests marked ``servers``, the oldest first, separated as in PATH."""

_REPORTS = Path("build/servers")
_NOTHING_COLLECTED = 5  # pytest's status
_MARKED = "servers"


class ServersError(Exception):
    """Raised when a server cannot be fetched or does not run."""


@dataclass(frozen=True)
class Server:
    """A ZooKeeper to run the tests on."""

    version: tuple[int, ...]
    home: Path

    @property
    def name(self) -> str:
        """The version as text."""
        return ".".join(map(str, self.version))


@dataclass
class Outcome:
    """The result of one run of pytest."""

    title: str
    status: int
    tests: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @property
    def passed(self) -> int:
        """The number of tests that passed."""
        return self.tests - self.failed - self.errors - self.skipped

    @property
    def good(self) -> bool:
        """Whether the run says that all is well; a selection may have no test in one of the runs."""
        return self.status in (0, _NOTHING_COLLECTED) and not self.failed and not self.errors


# ---- the servers ----------------------------------------------------------------------------------------------------


def newest_package() -> tuple[str, str]:
    """Return the newest version of Debian's packages, and a suite that lists it.

    Raises:
        ServersError: a suite could not be asked, or none lists the packages.
    """
    listed: dict[str, str] = {}
    for suite in SUITES:
        try:
            both = [set(apt_source.binary_versions(suite, package)) for package in PACKAGES]
        except apt_source.AptError as error:
            raise ServersError(f"cannot ask {suite} for its newest ZooKeeper: {error}") from error
        for version in set.intersection(*both):
            listed.setdefault(version, suite)
    if not listed:
        raise ServersError(f"none of {', '.join(SUITES)} lists both {' and '.join(PACKAGES)}")
    version = str(apt_source.newest(listed))
    return version, listed[version]


def unpacked(version: str, suite: str, cache: Path) -> Path:
    """Return the folder with the unpacked packages of a version; fetch and unpack them unless that was done before.

    Args:
        version: Debian's version of both packages.
        suite: a suite that lists it.
        cache: the folder that keeps servers.

    Raises:
        ServersError: a package could not be fetched or unpacked.
    """
    home = cache / version.replace(":", "_")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if home.is_dir():
            return home
        fetch.say(f"fetching ZooKeeper {version} from {suite}")
        folder = Path(tempfile.mkdtemp(prefix="unpacking-", dir=cache))
        try:
            for package in PACKAGES:
                deb = apt_source.binary(suite, package, folder, version=version)
                subprocess.run(["dpkg-deb", "--extract", deb, folder / "root"], check=True)
            # mkdtemp's folder is for its owner alone; the one inside has the packages' own mode.
            (folder / "root").rename(home)
        except (apt_source.AptError, OSError, subprocess.CalledProcessError) as error:
            raise ServersError(f"ZooKeeper {version} of {suite} could not be fetched: {error}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return home


def machines_home() -> Path:
    """Return the home of the machine's own server: the one in ``ZKC_ZOOKEEPER_HOME``, else Debian's package."""
    return Path(os.environ.get(HOME_VARIABLE) or "/").absolute()


def identified(home: Path) -> Server:
    """Start the server of a home, and ask for its version.

    Raises:
        ServersError: it does not run.
    """
    try:
        with ZooKeeperServer(home=home) as server:
            return Server(server.version, home)
    except TestingError as error:
        raise ServersError(f"the server in {home} does not run: {error}") from error


def find_servers() -> list[Server]:
    """Return the servers to test with, the oldest first.

    Raises:
        ServersError: one of them could not be fetched, or does not run.
    """
    own = identified(machines_home())
    version, suite = newest_package()
    newest = identified(unpacked(version, suite, fetch.cache_folder() / "servers"))
    servers = {own.version: own}
    servers.setdefault(newest.version, newest)
    return [servers[version] for version in sorted(servers)]


# ---- the runs -------------------------------------------------------------------------------------------------------


def run_pytest(title: str, file: str, arguments: Sequence[str], variables: dict[str, str]) -> Outcome:
    """Run pytest in a process of its own.

    Args:
        title: the run's name in the table.
        file: the name of its report in build/servers/.
        arguments: the arguments of pytest.
        variables: environment variables of the run.

    Returns:
        The counts, from pytest's own report.
    """
    report = _REPORTS / file
    report.unlink(missing_ok=True)
    fetch.say(f"tests on {title}")
    begun = time.monotonic()
    command = [sys.executable, "-m", "pytest", f"--junit-xml={report}", *arguments]
    outcome = Outcome(title, subprocess.run(command, env={**os.environ, **variables}, check=False).returncode)
    outcome.seconds = time.monotonic() - begun
    if report.is_file():
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            outcome.tests += int(suite.get("tests", 0))
            outcome.failed += int(suite.get("failures", 0))
            outcome.errors += int(suite.get("errors", 0))
            outcome.skipped += int(suite.get("skipped", 0))
    return outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the results as text, one line for each run."""
    width = max(len("server"), *(len(outcome.title) for outcome in outcomes))
    lines = [
        f"{'server':{width}}  {'tests':>6} {'passed':>6} {'failed':>6} {'errors':>6} {'skipped':>7} {'seconds':>7}"
    ]
    for each in outcomes:
        counts = f"{each.tests:6} {each.passed:6} {each.failed:6} {each.errors:6} {each.skipped:7} {each.seconds:7.0f}"
        verdict = "" if each.good else f"  FAILED (status {each.status})"
        lines.append(f"{each.title:{width}}  {counts}{verdict}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the command.

    Args:
        arguments: the arguments for pytest; folders among them replace those of this module.

    Returns:
        The exit status: 1 if a test failed on one of the servers, or a server could not be fetched.
    """
    try:
        servers = find_servers()
    except ServersError as error:
        print(f"zkc: error: {error}", file=sys.stderr)
        return 1
    _REPORTS.mkdir(parents=True, exist_ok=True)
    if not any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        arguments = [*arguments, *FOLDERS]
    if not any(argument.startswith("-n") for argument in arguments):
        arguments = ["-n", os.environ.get("ZKC_TEST_PROCESSES", "4"), "--dist", "loadfile", *arguments]
    outcomes = [
        run_pytest(server.name, f"{server.name}.xml", arguments, {HOME_VARIABLE: str(server.home)})
        for server in servers
    ]
    if len(servers) > 1:
        homes = os.pathsep.join(str(server.home) for server in servers)
        names = " and ".join(server.name for server in servers)
        outcomes.append(run_pytest(names, "together.xml", ["-m", _MARKED, *arguments], {HOMES_VARIABLE: homes}))
    print(table(outcomes))
    return 0 if all(outcome.good for outcome in outcomes) and any(outcome.tests for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
