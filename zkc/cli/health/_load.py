"""The load of ``zkc bench``: sessions that keep a number of requests in flight, and the times of their replies."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from zkc import Client

__all__ = ["Load", "Plan", "percentiles"]

_MOST_TIMES = 200_000  # Times that a session keeps of each kind; beyond it, a random choice of them.


class Plan(NamedTuple):
    """The work of each session."""

    paths: list[str]
    size: int
    read_percent: int
    in_flight: int
    seconds: float


class Load:
    """The work of one session, in a thread of its own.

    Args:
        client: The session's client.
        plan: What it does.
        seed: For the choice of znodes and of reads and writes.
    """

    def __init__(self, client: Client, plan: Plan, seed: int) -> None:
        self._client, self._plan = client, plan
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self.times: dict[str, list[float]] = {"read": [], "write": []}
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="zkc-bench", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon."""
        self._stop.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end; return whether it has come."""
        if self._thread.ident is None:
            return True  # It was never started.
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        plan, submit, choose = self._plan, self._client.submit, self._random
        data = choose.randbytes(plan.size) if hasattr(choose, "randbytes") else bytes(plan.size)
        waiting: deque[tuple[str, float, Any]] = deque()
        began = time.perf_counter()
        end = began + plan.seconds
        while not self._stop.is_set() and time.perf_counter() < end:
            while len(waiting) < plan.in_flight:
                path = choose.choice(plan.paths)
                now = time.perf_counter()
                if choose.randrange(100) < plan.read_percent:
                    waiting.append(("read", now, submit.get(path)))
                else:
                    waiting.append(("write", now, submit.set(path, data)))
            self._take(waiting)
        while waiting:
            self._take(waiting)
        self.seconds = time.perf_counter() - began

    def _take(self, waiting: deque[tuple[str, float, Any]]) -> None:
        """Take the oldest reply. Replies of one session come in the order of its requests."""
        from zkc.errors import ZooKeeperError

        kind, sent, future = waiting.popleft()
        try:
            future.result()
        except ZooKeeperError as error:
            self.errors[type(error).__name__] += 1
            return
        self.counts[kind] += 1
        times, taken = self.times[kind], time.perf_counter() - sent
        if len(times) < _MOST_TIMES:
            times.append(taken)
        else:
            index = self._random.randrange(self.counts[kind])
            if index < _MOST_TIMES:
                times[index] = taken


def percentiles(times: list[float]) -> dict[str, float]:
    """Return the median, the 95th and 99th percentile, and the largest of some times, in milliseconds."""
    if not times:
        return {"p50_ms": 0.0, "p95_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0}
    ordered = sorted(times)
    found = {f"p{q}_ms": ordered[min(len(ordered) - 1, len(ordered) * q // 100)] * 1000 for q in (50, 95, 99)}
    return {name: round(value, 3) for name, value in {**found, "max_ms": ordered[-1] * 1000}.items()}
