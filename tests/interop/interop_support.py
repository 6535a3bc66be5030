"""Workers in processes of their own, and the checks of what they held."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from benchmarks.java import curator_command
from benchmarks.peers import folder

QUICK = 20  # The cycles of a run that is always made.
CYCLES = int(os.environ.get("ZKC_INTEROP_CYCLES", "100"))
LONG = [pytest.mark.interop, pytest.mark.timeout(900)]

_WORKERS = Path(__file__).resolve().parent / "workers"
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Peer:
    """The other side of a test.

    Args:
        name: ``kazoo`` or ``curator``.
        form: The layout of the znodes, or of the data.
        cycles: The number of cycles of each side.
    """

    name: str
    form: str
    cycles: int

    def share(self, contenders: int) -> int:
        """Return the number of cycles of each of several contenders."""
        return max(1, self.cycles // contenders)


def peers(**forms: Sequence[str]) -> list[ParameterSet]:
    """Return the parameters of a test: each form beside its peer, a short run with kazoo, and long runs with both."""
    found = []
    for name, form in [(peer, form) for peer in forms for form in forms[peer]]:
        if name == "kazoo":
            found.append(pytest.param(Peer(name, form, QUICK), id=f"{name}-{form}-quick"))
        found.append(pytest.param(Peer(name, form, CYCLES), id=f"{name}-{form}", marks=LONG))
    return found


@dataclass(frozen=True)
class Interval:
    """The time between a grant and the release after it, by the machine's monotonic clock in nanoseconds."""

    side: str
    kind: str
    sequence: int
    begun: int
    ended: int


class Worker:
    """A process with a client of its own. workers/exchange.py describes its lines.

    Args:
        kind: ``kazoo``, ``curator``, ``discovery`` (Curator's) or ``zkc``.
        hosts: The servers and the chroot.
    """

    def __init__(self, kind: str, hosts: str) -> None:
        self.kind = kind
        environment = dict(os.environ)
        # A peer that is missing raises Unavailable: the test fails, because it would compare nothing.
        if kind == "curator":
            command = curator_command(_WORKERS / "CuratorWorker.java")
        elif kind == "discovery":
            command = curator_command(_WORKERS / "DiscoveryWorker.java", discovery=True)
        else:
            command = [sys.executable, str(_WORKERS / f"{kind}_worker.py")]
            environment["PYTHONPATH"] = str(folder("kazoo") if kind == "kazoo" else _ROOT)
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - close() closes it
        self._process = subprocess.Popen(
            [*command, hosts],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            self.expect("ready")
        except BaseException:
            self.close()
            raise

    def begin(self, *words: object) -> None:
        """Send a command and do not wait for it."""
        assert self._process.stdin is not None
        print(*words, file=self._process.stdin, flush=True)

    def line(self) -> str:
        """Return the next line of the output."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(30)
            self._errors.seek(0)
            raise AssertionError(f"the worker of {self.kind} ended: {self._errors.read()[-4000:]}")
        return line.rstrip("\n")

    def expect(self, text: str) -> None:
        """Read a line that must be this one."""
        line = self.line()
        assert line == text, (self.kind, line)

    def finish(self) -> list[str]:
        """Return the lines of the command up to its end."""
        lines = []
        while (line := self.line()) != "done":
            lines.append(line)
        return lines

    def run(self, *words: object) -> list[str]:
        """Send a command and return its lines."""
        self.begin(*words)
        return self.finish()

    def intervals(self) -> list[Interval]:
        """Return the intervals of the command up to its end."""
        found = []
        for line in self.finish():
            _, kind, *numbers = line.split()
            found.append(Interval(self.kind, kind, *map(int, numbers)))
        return found

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()


def contend(
    workers: Sequence[Worker], hold: AbstractContextManager[object], queued: Callable[[], int], *words: object
) -> list[Interval]:
    """Have all workers run a command beside each other; return the intervals of all in the order of the grants.

    Args:
        workers: The workers.
        hold: What they contend for. The test holds it until the contenders of all workers wait.
        queued: A function that returns how many wait.
        words: The command; its fourth word is the number of contenders of each worker.
    """
    expected = len(workers) * int(str(words[3]))
    with hold:
        for worker in workers:
            worker.begin(*words)
        deadline = time.monotonic() + 60
        while queued() < expected:
            assert time.monotonic() < deadline, f"only {queued()} of {expected} contenders wait"
            time.sleep(0.01)  # Between two looks.
    found = [interval for worker in workers for interval in worker.intervals()]
    found.sort(key=lambda interval: interval.begun)
    turns = sum(one.side != other.side for one, other in zip(found, found[1:]))
    assert turns > len(workers), f"the workers held one after the other: {turns} turns"
    spent = (max(interval.ended for interval in found) - found[0].begun) / 1e9
    print(f"\n{words} {[worker.kind for worker in workers]}: {len(found)} holds, {turns} turns, {spent:.2f} s")
    return found


def check_exclusion(intervals: Iterable[Interval], limit: int = 1) -> int:
    """Raise AssertionError if more than ``limit`` held at a time; return how many held at most.

    Holders of the kind ``read`` exclude only those of other kinds.
    """
    steps = [(i.begun, 1, i) for i in intervals] + [(i.ended, -1, i) for i in intervals]
    held: list[Interval] = []
    most = 0
    for _, change, interval in sorted(steps, key=lambda step: step[:2]):
        if change < 0:
            held.remove(interval)
            continue
        held.append(interval)
        readers = sum(each.kind == "read" for each in held)
        assert len(held) <= limit or readers == len(held), f"these overlap: {held}"
        most = max(most, len(held))
    return most


def check_order(intervals: Iterable[Interval]) -> None:
    """Raise AssertionError if a contender was granted before one with a smaller counter that excludes it."""
    ordered = sorted((i for i in intervals if i.sequence >= 0), key=lambda interval: interval.sequence)
    latest_end = latest_exclusive = 0
    for interval in ordered:
        front = latest_exclusive if interval.kind == "read" else latest_end
        assert interval.begun >= front, f"{interval} overtook one that came before it"
        latest_end = max(latest_end, interval.ended)
        if interval.kind != "read":
            latest_exclusive = max(latest_exclusive, interval.ended)
