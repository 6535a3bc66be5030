"""Fixtures of the native core's tests: sessions, servers with a purpose, and scripts in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import zkc
from zkc import _zookeeper as core
from zkc.testing import Ensemble, ZooKeeperServer

# The package under test: the tree's, an installed one, or that of a sanitizer's build.
PACKAGE = Path(zkc.__file__).absolute().parents[1]


@pytest.fixture
def open_session(zookeeper_chroot: str) -> Iterator[Callable[..., core.Session]]:
    """Return a function that opens a session, connected unless asked otherwise; all are closed at the end."""
    opened: list[core.Session] = []

    def open_one(hosts: str = zookeeper_chroot, *, connected: bool = True, **options: Any) -> core.Session:
        made = core.Session(hosts, **options)
        opened.append(made)
        if connected:
            made.wait_connected(20)
        return made

    yield open_one
    for made in opened:
        made.close(20)


@pytest.fixture
def session(open_session: Callable[..., core.Session]) -> core.Session:
    """A connected session with a znode of its own as its root, closed at the end."""
    return open_session()


@pytest.fixture
def other(open_session: Callable[..., core.Session]) -> core.Session:
    """A second session with the same root."""
    return open_session()


@pytest.fixture
def own_server() -> Iterator[ZooKeeperServer]:
    """A server for one test alone, which may restart it without disturbing others."""
    with ZooKeeperServer() as server:
        yield server


@pytest.fixture(scope="session")
def read_only_ensemble() -> Iterator[Ensemble]:
    """Three servers that serve read-only sessions while they have no quorum."""
    # Since 3.6 a server without a quorum makes local sessions only.
    with Ensemble(3, read_only_mode=True) as ensemble:
        yield ensemble


# Its parameter says nothing here: both streams are text.
class ScriptResult(subprocess.CompletedProcess):  # type: ignore[type-arg]
    """The outcome of a script."""

    def ended_in_silence(self, status: int = 0) -> str:
        """Check that nothing went to stderr and that the status is this one; return what was printed."""
        assert (self.returncode, self.stderr) == (status, ""), self.stdout
        return str(self.stdout)


_PRELUDE = """\
import os, sys, threading, time, signal, gc
from zkc import _zookeeper as core, errors
ANYONE = [(31, "world", "anyone")]
hosts = sys.argv[1]
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background job would ignore
def freeze(pid):
    os.kill(pid, signal.SIGSTOP)
    def state(task):
        try:
            with open(f"/proc/{pid}/task/{task}/stat") as file:
                return file.read().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):  # it has ended since it was listed
            return "X"
    while {state(task) for task in os.listdir(f"/proc/{pid}/task")} != {"T"}:
        time.sleep(0.001)
def thaw(pid):
    os.kill(pid, signal.SIGCONT)
"""


@pytest.fixture
def run_script(zookeeper_chroot: str) -> Callable[..., ScriptResult]:
    """Return a function that runs a script in a process of its own, with ``core``, ``errors`` and ``hosts`` set."""

    def run(source: str, *arguments: str, flags: tuple[str, ...] = (), hosts: str = zookeeper_chroot) -> ScriptResult:
        environment = dict(os.environ)
        if "os.fork" in source or "multiprocessing" in source:
            # In a forked child the parent's threads are gone, and what only their stacks referred to looks lost.
            # And Python 3.12 says of every such fork that it may hang, which is what these tests look at.
            fork = "ignore:This process:DeprecationWarning"
            environment["PYTHONWARNINGS"] = ",".join(filter(None, (environment.get("PYTHONWARNINGS"), fork)))
            environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (environment.get("PYTHONPATH"), str(PACKAGE))))
        done = subprocess.run(
            [sys.executable, *flags, "-c", _PRELUDE + textwrap.dedent(source), hosts, *arguments],
            # `-c` imports from the working folder first: it must be that of the package under test.
            cwd=PACKAGE,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return ScriptResult(done.args, done.returncode, done.stdout, done.stderr)

    return run
