"""A built wheel beside this tree's own build, in one run: a portable wheel must not be slower.

Both run in this Python, each in a separate process, and they take turns.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.clients import STARTS, WORKERS
from benchmarks.outcome import Outcome
from benchmarks.unavailable import Unavailable
from benchmarks.worker_process import WorkerProcess

# For each operation, the factor for the calls of a turn.
OPERATIONS = {"get": 1.0, "core_get": 1.0, "create": 0.5, "callback": 20.0, "submit": 10.0, "bulk": 20.0}
NAMES = {
    "get": "Client.get",
    "core_get": "Session.get",
    "create": "create + delete",
    "callback": "Session, callbacks",
    "submit": "client.submit",
    "bulk": "get_many",
}
SIZE = 100

Advance = Callable[[int], None]


def measure_wheel(wheel: Path, hosts: str, folder: Path, rounds: int, calls: int, advance: Advance) -> list[Outcome]:
    """Time the same calls of both builds.

    Args:
        wheel: The wheel.
        hosts: Connection string of the server.
        folder: An empty folder to install into.
        rounds: The number of turns of each side.
        calls: The number of calls in a turn; some operations make more or fewer.
        advance: Called after each turn with the number of turns.

    Returns:
        For each operation and side its rounds, those of this tree's build first.

    Raises:
        Unavailable: The wheel cannot be installed here.
    """
    _install(wheel, folder)
    with ExitStack() as stack:
        environment = {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, str(WORKERS / "zkc_client.py"), hosts]
        sides = {
            "this build": stack.enter_context(STARTS["zkc"](hosts)),
            "the wheel": stack.enter_context(WorkerProcess("the wheel", command, environment)),
        }
        outcomes = {(op, name): Outcome(NAMES[op], name) for op in OPERATIONS for name in sides}
        for op in OPERATIONS:
            for side in sides.values():
                side.run(op, max(1_000, calls // 10), SIZE)  # warm up
        for number in range(rounds):
            for op, part in OPERATIONS.items():
                turns = list(sides.items())
                for name, side in turns[:: -1 if number % 2 else 1]:  # Each side is first in every second round.
                    outcomes[op, name].rounds.append(side.run(op, int(calls * part), SIZE))
                    advance(1)
    return list(outcomes.values())


def wheel_turns(rounds: int) -> int:
    """Return the number of turns that :func:`measure_wheel` reports."""
    return rounds * len(OPERATIONS) * 2


def _install(wheel: Path, folder: Path) -> None:
    """Install the wheel alone into a folder where the worker finds it before this tree."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    run = subprocess.run([*command, "--target", str(folder), str(wheel)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Unavailable(f"pip cannot install {wheel}: {run.stderr.strip().splitlines()[-1:]}")
    where = subprocess.run(
        [sys.executable, "-c", "import zkc._zookeeper as core; print(core.__file__)"],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    if not where.stdout.startswith(str(folder)):
        raise Unavailable(f"{wheel} does not load here: {(where.stdout + where.stderr).strip()}")
