"""``./dev soak recipes``: contenders for holds while servers, sessions and processes are disturbed.

Exit 1 for an overlap of holds, a lost item of the queue, or something left at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import zkc
from benchmarks.soak.chaos import Chaos
from benchmarks.soak.overlaps import CAPACITY, DONE, GRANTS, Intervals
from benchmarks.soak.txnlog import read_changes
from zkc.testing import Ensemble

PARENTS = ("/lock", "/rwlock", "/semaphore", "/election")


class Contenders:
    """A process of contenders, seen from its parent."""

    def __init__(self, hosts: str, name: str) -> None:
        command = [sys.executable, "-m", "benchmarks.soak.contenders", hosts, name]
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


class RecipeChaos(Chaos):
    """Disturbances of the servers, and of the sessions and the processes of contenders."""

    def __init__(self, ensemble: Ensemble, processes: int, seed: int) -> None:
        super().__init__(ensemble, [], seed)
        self.actions += [self.expire, self.pause_process, self.pause_process, self.kill_process]
        self.seed = seed
        self.made = 0
        self.processes = [self._new(number) for number in range(processes)]

    def _new(self, number: int) -> Contenders:
        self.made += 1
        return Contenders(self.ensemble.hosts, f"{number}-{self.made}-{self.seed}")

    def expire(self) -> None:
        """End a session of a contender's client."""
        sessions = self.rng.choice(self.processes).ask("sessions")
        if sessions:
            session, password = self.rng.choice(sessions)
            try:
                self.ensemble.expire(session, bytes.fromhex(password))
            except (OSError, ValueError):
                self.done["expiries refused"] += 1  # The session has ended by itself.

    def pause_process(self) -> None:
        """Stop a process of contenders, for more or less than a session timeout."""
        process = self.rng.choice(self.processes).process
        os.kill(process.pid, signal.SIGSTOP)
        self._wait_between(0.5, 14)
        os.kill(process.pid, signal.SIGCONT)

    def kill_process(self) -> None:
        """Kill a process of contenders, and start another in its place."""
        number = self.rng.randrange(len(self.processes))
        self.processes[number].process.kill()
        self.processes[number].process.wait()
        self.processes[number] = self._new(number)


def run(minutes: float, seed: int, processes: int) -> dict[str, Any]:
    """Run the contenders, and return the figures and the failures."""
    failures: list[str] = []
    counts: Counter[str] = Counter()
    put: list[str] = []
    with Ensemble(3) as ensemble:
        folders = [Path(member.log_file).parent for member in ensemble.members]
        with zkc.Client(ensemble.hosts, connect_timeout=60.0) as client:
            for path in (DONE, *(f"{GRANTS}/{kind}" for kind in CAPACITY)):
                client.ensure_path(path)
            chaos = RecipeChaos(ensemble, processes, seed)
            chaos.start()
            chaos.stopping.wait(minutes * 60)
            chaos.stopping.set()
            chaos.join(180)
            if chaos.error is not None or chaos.is_alive():
                failures.append(f"the thread that disturbs did not end in order: {chaos.error!r}")
            for contenders in chaos.processes:
                contenders.ask("idle")
            failures += _leftovers(ensemble, client)
            for contenders in chaos.processes:
                report = contenders.ask("close")
                contenders.process.wait(60)
                counts.update(report["counts"])
                put += report["put"]
                failures += report["failures"]
                failures += [f"{report[k]} {k} left in {contenders.name}" for k in ("threads", "tasks") if report[k]]
            client.sync()
            queue = client.queue("/queue")
            waiting = set()
            while (item := queue.try_get()) is not None:
                waiting.add(item.data.decode())
                item.ack()
        ensemble.stop()  # Every member writes out its log.
        intervals = Intervals(read_changes(folders))
    failures += intervals.wrong
    failures += [f"the item {name} was lost" for name in put if name not in intervals.acked and name not in waiting]
    failures += [f"{path} was never deleted" for path in intervals.left]
    return {
        "seed": seed,
        "minutes": minutes,
        "grants": dict(intervals.grants),
        "items_acked": len(intervals.acked),
        "items_waiting": len(waiting),
        "counts": dict(counts),
        "disturbances": dict(chaos.done),
        "failures": failures,
    }


def _leftovers(ensemble: Ensemble, client: zkc.Client) -> list[str]:
    """Name the znodes and watches that idle contenders have left, after the sessions of killed ones have ended."""
    deadline = time.monotonic() + 60
    while True:
        wrong = []
        client.sync()
        paths = [*PARENTS, "/semaphore/locks", "/semaphore/leases"]
        for path in paths:
            names = client.children(path) if client.exists(path) is not None else []
            wrong += [f"left over: {path}/{name}" for name in names if f"{path}/{name}" not in paths]
        for member in ensemble.members:
            found = re.search(r"zk_watch_count\s+(\d+)", member.four_letter_word("mntr"))
            if found and int(found[1]):
                wrong.append(f"{found[1]} watches left at {member!r}: {member.four_letter_word('wchp')}")
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(0.5)  # Poll until the deadline above: sessions of killed processes end by themselves.


def main(arguments: list[str]) -> int:
    """Run the soak of the recipes, and print its figures as JSON."""
    parser = argparse.ArgumentParser(prog="./dev soak recipes", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the run (default: 20)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of the disturbances")
    parser.add_argument("--processes", type=int, default=4, help="processes of five contenders each (default: 4)")
    options = parser.parse_args(arguments)
    result = run(options.minutes, options.seed, options.processes)
    print(json.dumps(result, indent=2))
    return 1 if result["failures"] else 0
