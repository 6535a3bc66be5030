"""The command line ``zkc`` as whole processes, beside other command lines and a one-liner with kazoo.

Each side runs the command that lists the root, from the start of the process to its end. They take turns in one run, so
a disturbance of the machine affects all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import peers
from benchmarks.outcome import Outcome
from benchmarks.unavailable import Unavailable
from zkc.testing import TestingError
from zkc.testing._find import find_class_path, find_java

ROOT = Path(__file__).resolve().parents[1]
LIST = "ls /"
GOAL = 4.0
"""How many times as quick as zkCli.sh `zkc ls /` has to be."""
LIMITS = {"--version": 0.25, "ls --help": 0.25, LIST: 0.35}
"""The longest time of a process of zkc in seconds, on a quiet machine with two cores."""

_SCRIPT = Path("/usr/share/zookeeper/bin/zkCli.sh")
_KAZOO = (
    "import sys; from kazoo.client import KazooClient; client = KazooClient(sys.argv[1]); client.start();"
    " print(client.get_children('/')); client.stop()"
)
Advance = Callable[[int], None]


@dataclass
class Side:
    """One command line: the process of each operation."""

    name: str
    commands: dict[str, list[str]]
    environment: dict[str, str] = field(default_factory=dict)


def _zkc(hosts: str, bytecode: str) -> Side:
    zkc = [sys.executable, "-m", "zkc"]
    commands = {"--version": [*zkc, "--version"], "ls --help": [*zkc, "ls", "--help"], LIST: [*zkc, "ls", "/"]}
    # An installed package has its bytecode: pip compiles it.
    environment = {"PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPATH": str(ROOT)}
    return Side("zkc", commands, {**environment, "ZKC_SERVERS": hosts, "ZKC_CONFIG": os.devnull})


def _zkcli(hosts: str, bytecode: str) -> Side:
    """zkCli.sh as Debian's package has it; without the script its main class, with the same jars."""
    del bytecode
    if _SCRIPT.exists():
        return Side("zkCli.sh", {LIST: [str(_SCRIPT), "-server", hosts, "ls", "/"]})
    try:
        java = [find_java(), "-cp", find_class_path(), "org.apache.zookeeper.ZooKeeperMain"]
    except TestingError as error:
        raise Unavailable(str(error)) from error
    return Side("zkCli.sh", {LIST: [*java, "-server", hosts, "ls", "/"]})


def _python(package: str, program: list[str]) -> Callable[[str, str], Side]:
    def make(hosts: str, bytecode: str) -> Side:
        folder = str(peers.folder(package))
        environment = {"PYTHONPATH": folder, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
        command = [sys.executable, *(word.format(hosts=hosts) for word in program)]
        return Side(package, {LIST: command}, environment)

    return make


SIDES: dict[str, Callable[[str, str], Side]] = {
    "zkc": _zkc,
    "zkCli.sh": _zkcli,
    "zk-shell": _python("zk-shell", ["-m", "zk_shell.cli", "--sync-connect", "--run-once", "ls /", "{hosts}"]),
    "kazoo": _python("kazoo", ["-c", _KAZOO.replace("{", "{{").replace("}", "}}"), "{hosts}"]),
}


def measure_processes(hosts: str, rounds: int, advance: Advance) -> tuple[list[Outcome], dict[str, str]]:
    """Time the processes of every side.

    Args:
        hosts: Connection string of the server.
        rounds: The number of turns of each side.
        advance: Called after each turn with the number of turns.

    Returns:
        For each operation and side its rounds, and the sides that are not available, with the reason.
    """
    absent: dict[str, str] = {}
    sides: list[Side] = []
    with tempfile.TemporaryDirectory(prefix="zkc-bench-") as bytecode:
        for name, make in SIDES.items():
            try:
                side = make(hosts, bytecode)
                for command in side.commands.values():
                    _time(command, side.environment)  # Writes the bytecode, and shows that the command works.
                sides.append(side)
            except Unavailable as error:
                absent[name] = str(error)
        outcomes = [Outcome(operation, side.name) for side in sides for operation in side.commands]
        for _ in range(rounds):
            for outcome in outcomes:
                side = next(each for each in sides if each.name == outcome.client)
                outcome.rounds.append({"seconds": _time(side.commands[outcome.operation], side.environment)})
                advance(1)
    return outcomes, absent


def _time(command: list[str], environment: dict[str, str]) -> float:
    """Run a process to its end, and return the seconds that it took.

    Raises:
        Unavailable: It failed.
    """
    began = time.perf_counter()
    try:
        ended = subprocess.run(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{command[0]} does not run: {error}") from error
    seconds = time.perf_counter() - began
    if ended.returncode != 0:
        said = (ended.stderr or ended.stdout).decode(errors="replace").strip().splitlines()[-1:]
        raise Unavailable(f"it ends with {ended.returncode}: {''.join(said)}")
    return seconds


def best(outcome: Outcome) -> float:
    """Return the shortest time of a process in seconds."""
    return min(each["seconds"] for each in outcome.rounds)


def ratio(outcomes: list[Outcome]) -> float | None:
    """Return how many times as quick as zkCli.sh `zkc ls /` is; None without one of them."""
    listed = {each.client: each for each in outcomes if each.operation == LIST}
    if "zkc" not in listed or "zkCli.sh" not in listed:
        return None
    return listed["zkCli.sh"].ratio_to(listed["zkc"], "seconds")
