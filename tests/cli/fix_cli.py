"""The command ``zkc`` in processes of its own, with its stdout as bytes, or in a pseudo-terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import pexpect
import pytest

import zkc

COMMAND = [sys.executable, "-m", "zkc"]


@dataclass
class Result:
    """The end of a command."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Stdout as text."""
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        """The lines of stdout."""
        return self.text.splitlines()

    @property
    def json(self) -> Any:
        """Stdout as one JSON value."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The last line of stderr as JSON, as ``--json`` writes an error."""
        return json.loads(self.err.splitlines()[-1])


@pytest.fixture
def hosts(zookeeper_chroot: str) -> str:
    """The servers of the commands, with a root of their own for each test."""
    return zookeeper_chroot


@pytest.fixture
def client(hosts: str) -> Iterator[zkc.Client]:
    """A client with the same root, to prepare and to check."""
    with zkc.Client(hosts) as client:
        yield client


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the commands' bytecode, as an installed zkc has it. Without, each would compile its modules."""
    return tmp_path_factory.mktemp("bytecode")


@pytest.fixture
def cli_environment(tmp_path: Path, hosts: str, bytecode: Path) -> dict[str, str]:
    """The environment of the commands: no settings of the user who runs the tests. A test may change it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ZKC_", "XDG_", "NO_COLOR"))}
    return {**kept, "HOME": str(tmp_path), "ZKC_SERVERS": hosts, "TERM": "xterm-256color", "COLUMNS": "100",
            "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(bytecode)}  # fmt: skip


@pytest.fixture
def cli(cli_environment: dict[str, str]) -> Callable[..., Result]:
    """Return a function that runs a command to its end: ``cli("ls", "/", input=b"", code=0)``.

    It fails when the exit code is another than ``code``; None takes every code. A traceback on stderr always fails.
    """

    def run(*arguments: str, input: bytes = b"", code: Optional[int] = 0, timeout: float = 60.0) -> Result:  # noqa: A002
        ended = subprocess.run(
            [*COMMAND, *arguments], input=input, capture_output=True, env=cli_environment, timeout=timeout, check=False
        )
        result = Result(ended.returncode, ended.stdout, ended.stderr.decode())
        assert "Traceback" not in result.err, result.err
        assert code is None or result.code == code, f"exit {result.code}\n{result.err}\n{result.out[-2000:]!r}"
        return result

    return run


@pytest.fixture
def start_cli(cli_environment: dict[str, str]) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Return a function that starts a command: a Popen with pipes. What still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        options.setdefault("env", cli_environment)
        process = subprocess.Popen([*COMMAND, *arguments], **options)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def in_terminal(cli_environment: dict[str, str]) -> Iterator[Callable[..., pexpect.spawn]]:
    """Return a function that starts a command in a pseudo-terminal of 80x24: a pexpect.spawn."""
    started: list[pexpect.spawn] = []

    def start(*arguments: str, **options: Any) -> pexpect.spawn:
        environment = {name: value for name, value in cli_environment.items() if name != "COLUMNS"}
        options = {"env": environment, "dimensions": (24, 80), "timeout": 30, "encoding": "utf-8", **options}
        process = pexpect.spawn(COMMAND[0], [*COMMAND[1:], *arguments], **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.close(force=True)
