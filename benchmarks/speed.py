"""How long calls take and how many fit into a second: the core's Session, the Client on it, and kazoo if installed.

All clients run in one process against one server, round after round in turn, so that what else the machine does meets
all of them. A real server on the same machine takes most of the time: the ratios and the CPU time per operation tell
more than the times.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import zkc
from benchmarks.measure import cpu_seconds, median, percentile

DATA = b"x" * 100
ACL = [(31, "world", "anyone")]
WINDOW = 1_000
THREADS = 8

Advance = Callable[[int], None]
Action = Callable[[], object]


@dataclass
class Outcome:
    """What one client took for one operation, round by round."""

    operation: str
    client: str
    rounds: list[dict[str, float]] = field(default_factory=list)

    def __getattr__(self, name: str) -> float:
        # p50, p99 (µs), rate (a second), cpu (µs each): the median of the rounds.
        if name.startswith("_") or not all(name in taken for taken in self.rounds):
            raise AttributeError(name)
        return median([taken[name] for taken in self.rounds])

    def ratio_to(self, other: Outcome, name: str) -> float:
        """Return the median of the rounds' ratios: what slows one round down slows both."""
        return median([mine[name] / theirs[name] for mine, theirs in zip(self.rounds, other.rounds) if theirs[name]])

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON can hold them."""
        return {"operation": self.operation, "client": self.client, "rounds": self.rounds}


def has_kazoo() -> bool:
    """Tell whether kazoo is there to be compared with."""
    return importlib.util.find_spec("kazoo") is not None


@contextmanager
def _kazoo(hosts: str) -> Iterator[Any]:
    logging.getLogger("kazoo").setLevel(logging.ERROR)
    client = importlib.import_module("kazoo.client").KazooClient(hosts=hosts, timeout=30.0)
    client.start(timeout=30)
    try:
        yield client
    finally:
        client.stop()
        client.close()


# ---- one call at a time ---------------------------------------------------------------------------------------------


def measure_latency(hosts: str, rounds: int, calls: int, advance: Advance) -> list[Outcome]:
    """Time single calls.

    Args:
        hosts: Connection string of the server.
        rounds: How often each client gets its turn.
        calls: How many calls make up a turn.
        advance: Told after each turn how many there were.

    Returns:
        For each operation and client its rounds.
    """
    with ExitStack() as stack:
        actions = _latency_actions(stack, hosts)
        outcomes = {key: Outcome(*key) for key in actions}
        for action in actions.values():
            _time_calls(action, min(calls, 100))  # warm up: caches, the server's compiler
        for _ in range(rounds):
            for key, action in actions.items():
                outcomes[key].rounds.append(_time_calls(action, calls))
                advance(1)
    return list(outcomes.values())


def latency_turns(rounds: int) -> int:
    """Return how many turns :func:`measure_latency` reports."""
    return rounds * 3 * (3 if has_kazoo() else 2)


def _latency_actions(stack: ExitStack, hosts: str) -> dict[tuple[str, str], Action]:
    """Open the clients and return what each does, by operation and client, in the order of the table."""
    client = stack.enter_context(zkc.Client(hosts))
    session = client.session
    client.create("/latency", DATA)

    def core_pair() -> None:
        session.create("/latency/core", DATA, ACL).result()
        session.delete("/latency/core").result()

    def client_pair() -> None:
        client.create("/latency/client", DATA)
        client.delete("/latency/client")

    # The core first: it is what the others are compared with.
    by_client: dict[str, list[Action]] = {
        "core Session": [
            lambda: session.get("/latency").result(),
            lambda: session.set("/latency", DATA).result(),
            core_pair,
        ],
        "Client": [lambda: client.get("/latency"), lambda: client.set("/latency", DATA), client_pair],
    }
    if has_kazoo():
        kazoo = stack.enter_context(_kazoo(hosts))

        def kazoo_pair() -> None:
            kazoo.create("/latency/kazoo", DATA)
            kazoo.delete("/latency/kazoo")

        by_client["kazoo"] = [lambda: kazoo.get("/latency"), lambda: kazoo.set("/latency", DATA), kazoo_pair]
    operations = ("get", "set", "create + delete")
    return {
        (operation, name): actions[place]
        for place, operation in enumerate(operations)
        for name, actions in by_client.items()
    }


def _time_calls(action: Action, calls: int) -> dict[str, float]:
    clock = time.perf_counter
    times = []
    cpu = cpu_seconds()
    for _ in range(calls):
        begun = clock()
        action()
        times.append(clock() - begun)
    cpu = cpu_seconds() - cpu
    times.sort()
    return {"p50": percentile(times, 50) * 1e6, "p99": percentile(times, 99) * 1e6, "cpu": cpu / calls * 1e6}


# ---- many calls at once ---------------------------------------------------------------------------------------------


def measure_throughput(hosts: str, rounds: int, calls: int, advance: Advance) -> list[Outcome]:
    """Count gets in a second: pipelined by one thread, and from several threads.

    Args:
        hosts: Connection string of the server.
        rounds: How often each client gets its turn.
        calls: How many calls make up a turn.
        advance: Told after each turn how many there were.

    Returns:
        For each operation and client its rounds.
    """
    with ExitStack() as stack:
        actions = _throughput_actions(stack, hosts)
        outcomes = {key: Outcome(*key) for key in actions}
        for action in actions.values():
            action(min(calls, 2 * WINDOW))
        for _ in range(rounds):
            for key, action in actions.items():
                cpu, begun = cpu_seconds(), time.perf_counter()
                action(calls)
                seconds, cpu = time.perf_counter() - begun, cpu_seconds() - cpu
                outcomes[key].rounds.append({"rate": calls / seconds, "cpu": cpu / calls * 1e6})
                advance(1)
    return list(outcomes.values())


def throughput_turns(rounds: int) -> int:
    """Return how many turns :func:`measure_throughput` reports."""
    return rounds * (5 if has_kazoo() else 3)


def _throughput_actions(stack: ExitStack, hosts: str) -> dict[tuple[str, str], Callable[[int], None]]:
    client = stack.enter_context(zkc.Client(hosts))
    session = client.session
    client.create("/throughput", DATA)
    pipelined, threads = f"gets, window {WINDOW:,}", f"gets, {THREADS} threads"
    actions: dict[tuple[str, str], Callable[[int], None]] = {
        (pipelined, "core Session, result()"): lambda calls: _by_result(session, calls),
        (pipelined, "core Session, callback"): lambda calls: _by_callback(session, calls),
        (threads, "Client"): lambda calls: _by_threads(lambda: client.get("/throughput"), calls),
    }
    if has_kazoo():
        kazoo = stack.enter_context(_kazoo(hosts))
        actions[pipelined, "kazoo, get()"] = lambda calls: _by_kazoo(kazoo, calls)
        actions[threads, "kazoo"] = lambda calls: _by_threads(lambda: kazoo.get("/throughput"), calls)
    return dict(sorted(actions.items(), key=lambda item: item[0][0] != pipelined))


def _by_result(session: zkc.Session, calls: int) -> None:
    waiting: deque[Any] = deque()
    for _ in range(calls):
        if len(waiting) == WINDOW:
            waiting.popleft().result()
        waiting.append(session.get("/throughput"))
    while waiting:
        waiting.popleft().result()


def _by_callback(session: zkc.Session, calls: int) -> None:
    """Keep a window full from the callbacks themselves, which all run on the dispatcher thread."""
    ended = threading.Event()
    to_send = calls - min(calls, WINDOW)
    to_come = calls

    def take(request: Any) -> None:
        nonlocal to_send, to_come
        request.result()
        to_come -= 1
        if to_send:
            to_send -= 1
            session.get("/throughput", None, take)
        elif not to_come:
            ended.set()

    for _ in range(min(calls, WINDOW)):
        session.get("/throughput", None, take)
    if not ended.wait(120):
        raise RuntimeError(f"{to_come} replies did not come within 120 s")


def _by_kazoo(kazoo: Any, calls: int) -> None:
    waiting: deque[Any] = deque()
    for _ in range(calls):
        if len(waiting) == WINDOW:
            waiting.popleft().get()
        waiting.append(kazoo.get_async("/throughput"))
    while waiting:
        waiting.popleft().get()


def _by_threads(action: Action, calls: int) -> None:
    def run() -> None:
        for _ in range(calls // THREADS):
            action()

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
