"""The drop-in for the old module beside the original, zc-zookeeper-static 3.4.4 on Python 2.7, in one run.

Each runs in a process of its own, with the same code (legacy_worker.py), and they have their turns one after the other.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Optional

from benchmarks.speed import Advance, Outcome

ROOT = Path(__file__).resolve().parents[1]
WORKER = Path(__file__).with_name("legacy_worker.py")
ORIGINAL = "zc-zookeeper-static==3.4.4"
# Part of the calls of a turn that an operation makes: some take longer.
OPERATIONS = {"get": 1.0, "create": 0.25, "aget": 4.0, "watch": 1.0, "threads": 1.0}
NAMES = {
    "get": "get",
    "create": "create + delete",
    "aget": "aget, window 1,000",
    "watch": "watch, armed and told",
    "threads": "get, 8 threads",
}
_CORE = "core"


class OriginalMissing(Exception):  # noqa: N818 - no error: the comparison goes on without it
    """The original cannot be built here; the text says why."""


def find_python2() -> Optional[str]:
    """Find a Python 2.7 that runs: what ``ZKC_PYTHON27`` names, on the path, or in pyenv's folder."""
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob("2.7*/bin/python2.7"))
    for candidate in [os.environ.get("ZKC_PYTHON27"), shutil.which("python2.7"), *map(str, pyenv)]:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def build_original(python: str) -> Path:
    """Build the original for a Python 2.7, unless it was before.

    Returns:
        The folder that it is in.

    Raises:
        OriginalMissing: It does not build.
    """
    folder = ROOT / "build" / "bench" / "original"
    if list(folder.glob("zookeeper*.so")):
        return folder
    # Its C client is of a time when a compiler let more pass.
    flags = "-O2 -fcommon -w -Wno-error"
    command = [python, "-m", "pip", "install", "-q", "--no-deps", "--no-binary", ":all:", "--target", str(folder)]
    built = subprocess.run(
        [*command, ORIGINAL],
        env={**os.environ, "CFLAGS": flags, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    if built.returncode != 0:
        raise OriginalMissing(f"{ORIGINAL} does not build: {built.stderr.strip().splitlines()[-1:]}")
    return folder


class _Side:
    """A worker's process."""

    def __init__(self, python: str, which: str, hosts: str, path: str) -> None:
        self.process = subprocess.Popen(
            [python, str(WORKER), which, hosts],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {WORKER.name} ended; what it says stands above")
        return line

    def run(self, operation: str, count: int) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{operation} {count}\n")
        self.process.stdin.flush()
        seconds, cpu = json.loads(self._answer())
        return {"rate": count / seconds, "cpu": cpu / count * 1e6}

    def __enter__(self) -> _Side:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


def measure_legacy(hosts: str, rounds: int, calls: int, original: Optional[Path], advance: Advance) -> list[Outcome]:
    """Time the old module's calls.

    Args:
        hosts: Connection string of the server.
        rounds: How often each side gets its turn.
        calls: How many calls make up a turn; some operations make more or fewer.
        original: Where :func:`build_original` put it; None for doing without.
        advance: Told after each turn how many there were.

    Returns:
        For each operation and side its rounds, the original's first.
    """
    with ExitStack() as stack:
        sides: dict[str, _Side] = {}
        if original is not None:
            python = find_python2()
            assert python is not None
            sides["original"] = stack.enter_context(_Side(python, "original", hosts, str(original)))
        ours = stack.enter_context(_Side(sys.executable, "zkc", hosts, str(ROOT)))
        sides["zkc.legacy"] = ours
        outcomes = {(op, side): Outcome(NAMES[op], side) for op in OPERATIONS for side in sides}
        base = Outcome(NAMES["get"], "core Session")
        for op in OPERATIONS:
            for side in sides.values():
                side.run(op, max(8, calls // 10))  # warm up
        for number in range(rounds):
            for op, part in OPERATIONS.items():
                turns = [(outcomes[op, name], side, op) for name, side in sides.items()]
                if op == "get":  # Beside each other, each first in turn: a process that rested is slow at first.
                    turns.insert(len(turns) - number % 2, (base, ours, _CORE))
                for outcome, side, what in turns:
                    outcome.rounds.append(side.run(what, max(8, int(calls * part) // 8 * 8)))
                    advance(1)
    found = list(outcomes.values())
    return [*found[: len(sides)], base, *found[len(sides) :]]


def legacy_turns(rounds: int, original: Optional[Path]) -> int:
    """Return how many turns :func:`measure_legacy` reports."""
    return rounds * (len(OPERATIONS) * (1 if original is None else 2) + 1)
