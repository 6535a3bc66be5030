"""The command ``zkc`` in processes of its own, with its stdout as bytes, or in a pseudo-terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import pexpect
import pyte
import pytest

import zkc

COMMAND = [sys.executable, "-m", "zkc"]
# A small process in between: the kernel counts the memory of the process that starts another one as that one's, too.
_MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


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


class Terminal:
    """A command in a pseudo-terminal, and the screen that a person sees: pyte draws it."""

    def __init__(self, process: pexpect.spawn, rows: int, columns: int) -> None:
        self.process = process
        self.screen = pyte.Screen(columns, rows)
        # The answer to a program that asks where the cursor is.
        self.screen.write_process_input = process.send  # type: ignore[method-assign]
        self._stream = pyte.Stream(self.screen)
        self.raw = ""
        """All that the command has written."""

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without the blanks at their ends."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(self.lines)

    def resize(self, rows: int, columns: int) -> None:
        """Change the size of the terminal."""
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def type(self, text: str) -> None:
        """Send keys."""
        self.process.send(text)

    def see(self, pattern: str, timeout: float = 30.0) -> re.Match[str]:
        """Wait until the screen has text that fits a regular expression; fail with the screen if it does not come."""
        deadline = time.monotonic() + timeout
        while True:
            found = re.search(pattern, self.text, re.MULTILINE)
            if found:
                return found
            if time.monotonic() > deadline:
                pytest.fail(f"the screen does not show {pattern!r}:\n{self.text}")
            self.read()

    def until(self, condition: Callable[[], object], timeout: float = 30.0) -> None:
        """Wait until a condition holds; fail with the screen if it does not in time, or if the command ends."""
        deadline = time.monotonic() + timeout
        while not condition():
            if not self.read() or time.monotonic() > deadline:
                pytest.fail(f"the screen does not become as it should:\n{self.text}")

    def rest(self, seconds: float) -> None:
        """Draw what comes for some time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.read():
            pass

    def read(self) -> bool:
        """Draw what the command has written; return False when it has ended."""
        try:
            data = self.process.read_nonblocking(65536, timeout=0.1)
            self.raw += data
            self._stream.feed(data)
        except pexpect.TIMEOUT:
            pass
        except pexpect.EOF:
            return False
        return True

    def wait(self, timeout: float = 30.0) -> int:
        """Wait for the end of the command, and return its exit code."""
        deadline = time.monotonic() + timeout
        while self.read():
            if time.monotonic() > deadline:
                pytest.fail(f"the command does not end:\n{self.text}")
        self.process.close()
        return int(self.process.exitstatus if self.process.exitstatus is not None else -self.process.signalstatus)


@pytest.fixture
def open_terminal(in_terminal: Callable[..., pexpect.spawn]) -> Callable[..., Terminal]:
    """Return a function that starts a command in a pseudo-terminal: a :class:`Terminal`."""

    def start(*arguments: str, rows: int = 24, columns: int = 80) -> Terminal:
        return Terminal(in_terminal(*arguments, dimensions=(rows, columns)), rows, columns)

    return start


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
    own = ("ZKC_", "XDG_", "NO_COLOR", "LINES")  # A terminal of a test has a size of its own.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return {**kept, "HOME": str(tmp_path), "ZKC_SERVERS": hosts, "ZKC_ADMIN_PORT": "1",
            "TERM": "xterm-256color", "COLUMNS": "100", "PYTHONUNBUFFERED": "",
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
def measured(cli_environment: dict[str, str], tmp_path: Path) -> Callable[..., tuple[Result, int]]:
    """Return a function that runs a command to its end: its result, and the most memory that it had, in KiB."""

    def run(*arguments: str) -> tuple[Result, int]:
        file = tmp_path / "memory"
        measuring = [sys.executable, "-I", "-S", "-c", _MEASURE, str(file)]
        ended = subprocess.run(
            [*measuring, *COMMAND, *arguments], capture_output=True, env=cli_environment, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
        return Result(ended.returncode, ended.stdout, ended.stderr.decode()), int(file.read_text())

    return run


@pytest.fixture
def start_seconds(cli: Callable[..., Result]) -> Callable[[], float]:
    """Return a function that measures how long a process of zkc takes on this machine, now: what a busy one adds."""

    def measure() -> float:
        began = time.monotonic()
        cli("--version")
        return time.monotonic() - began

    return measure


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


def end_in_terminal(process: pexpect.spawn) -> None:
    """End a process in a pseudo-terminal, and wait until it has ended."""
    with contextlib.suppress(pexpect.ExceptionPexpect):  # It gives the process a tenth of a second after SIGKILL.
        process.close(force=True)
    process.wait()


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
        end_in_terminal(process)
