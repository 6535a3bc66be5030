"""The sides of the comparison of recipes: zkc, kazoo and Curator, and what several processes of a side do together."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from benchmarks import java, peers
from benchmarks.clients import ROOT, WORKERS
from benchmarks.measure import median, percentile
from benchmarks.worker_process import WorkerError, WorkerProcess

__all__ = ["SIDES", "Start", "hand_over", "python_worker", "take_over"]

Start = Callable[[str], WorkerProcess]


def python_worker(name: str, script: str, hosts: str, *folders: str) -> WorkerProcess:
    """Start a worker in Python, with further folders for its imports."""
    environment = {"PYTHONPATH": ":".join([*folders, str(ROOT)]), "PYTHONDONTWRITEBYTECODE": "1"}
    return WorkerProcess(name, [sys.executable, str(WORKERS / script), hosts], environment)


SIDES: dict[str, Start] = {
    "zkc": lambda hosts: python_worker("zkc", "recipes_zkc.py", hosts),
    "kazoo": lambda hosts: python_worker("kazoo", "recipes_kazoo.py", hosts, str(peers.folder("kazoo"))),
    "curator": lambda hosts: WorkerProcess("curator", [*java.curator_command(), hosts]),
}
"""By name, the function that starts a process of a side; it raises Unavailable if the side cannot run here."""


@contextmanager
def _joined(team: Sequence[WorkerProcess], contenders: int, number: int) -> Iterator[None]:
    """Have the processes of a side connect contenders for a lock."""
    for worker in team:
        worker.begin("join", contenders // len(team), number)
    for worker in team:
        worker.finish("join")
    try:
        yield
    finally:
        for worker in team:
            worker.run("part", 1, number)


def hand_over(team: Sequence[WorkerProcess], contenders: int, cycles: int, pause: float, number: int) -> dict[str, Any]:
    """Have contenders in several processes hand a lock over.

    Args:
        team: The processes of a side.
        contenders: The number of contenders, each with a session of its own.
        cycles: The number of times that each of them acquires the lock.
        pause: The seconds for which each holds it.
        number: A number for the lock's path.

    Returns:
        The figures; ``p50`` and ``p99`` are the times from the call of a release to the end of the next acquire in µs.

    Raises:
        WorkerError: Two contenders had the lock at the same time.
    """
    with _joined(team, contenders, number):
        for worker in team:
            worker.begin("handover", cycles, round(pause * 1e6))
        found = [worker.finish("handover") for worker in team]
    granted = sorted(time for one in found for time in one["granted"])
    released = sorted(time for one in found for time in one["released"])
    times = sorted((grant - release) / 1e3 for release, grant in zip(released, granted[1:]))
    if times[0] < 0:
        raise WorkerError(f"{team[0].name}: two contenders had the lock at the same time")
    return {
        "rate": len(granted) / max(one["seconds"] for one in found),
        "cpu": median([one["cpu"] for one in found]),
        "p50": percentile(times, 50),
        "p99": percentile(times, 99),
    }


def take_over(start: Start, hosts: str, timeout: float, number: int, settled: Callable[[str], None]) -> dict[str, Any]:
    """End the process of a leader as ``kill -9`` does, and wait until another process leads.

    Args:
        start: The function that starts a process of the side.
        hosts: Connection string of the server.
        timeout: The session timeout of the participants in seconds.
        number: A number for the election's path.
        settled: Called with the name of the side when both take part, before the kill.

    Returns:
        The figures; ``p50`` is the time from the kill to the call of the next leader in µs.
    """
    milliseconds = round(timeout * 1e3)
    with ExitStack() as stack:
        first, second = (stack.enter_context(start(hosts)) for _ in range(2))
        first.run("campaign", number, milliseconds)
        first.run("lead", number, milliseconds)
        second.run("campaign", number, milliseconds)
        settled(first.name)
        killed = time.monotonic_ns()  # The clock of all processes of the machine; on Linux Java's nanoTime(), too.
        first.kill()
        spent = (second.run("lead", number, milliseconds)["at"] - killed) / 1e3
        return {"p50": spent, "rate": 1e6 / spent}
