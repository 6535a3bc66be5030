"""``./dev soak recipes``: contenders for holds while servers, sessions and processes are disturbed.

Exit 1 for an overlap of holds, a lost item of the queue, an error that no disturbance explains, or something left at
the end.
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Optional

import zkc
from benchmarks.soak.overlaps import CAPACITY, DONE, GRANTS, PLANTED, QUEUE, Intervals, plant
from benchmarks.soak.processes import RecipeChaos
from benchmarks.soak.txnlog import read_changes
from zkc.testing import Ensemble

_PARENTS = ("/lock", "/rwlock", "/semaphore/locks", "/semaphore/leases", "/election", f"{QUEUE}/claims")


class RecipeSoak:
    """A run of the soak of recipes, and its results."""

    def __init__(self, minutes: float, seed: int, processes: int, planted: bool, log: Optional[Path]) -> None:
        self.minutes = minutes
        self.seed = seed
        self.processes = processes
        self.planted = planted
        self.log = log
        self.failures: list[str] = []
        self.counts: Counter[str] = Counter()
        self.put: list[str] = []  # The items whose puts were confirmed.
        self.waiting: set[str] = set()  # The items that no contender has acked.

    def run(self) -> dict[str, Any]:
        """Run the contenders, and return the figures and the failures."""
        with Ensemble(3) as ensemble:
            folders = [Path(member.log_file).parent for member in ensemble.members]
            with zkc.Client(ensemble.hosts, connect_timeout=60.0) as client:
                for path in (DONE, *(f"{GRANTS}/{kind}" for kind in CAPACITY)):
                    client.ensure_path(path)
                chaos = RecipeChaos(ensemble, self.processes, self.seed, self.log)
                try:
                    self._disturb(chaos)
                    if self.planted:
                        plant(client)
                    self._end(chaos, client)
                finally:
                    chaos.kill_all()
                self._drain(client)
            ensemble.stop()  # Every member writes out its log.
            print("reading the servers' transaction logs", file=sys.stderr, flush=True)
            return self._result(chaos, Intervals(read_changes(folders)))

    def _disturb(self, chaos: RecipeChaos) -> None:
        ends = time.monotonic() + self.minutes * 60
        chaos.start()
        while (left := ends - time.monotonic()) > 0 and chaos.is_alive():
            done = sum(chaos.done.values())
            print(f"{left / 60:5.1f} min left · {done} disturbances", file=sys.stderr, flush=True)
            chaos.stopping.wait(min(left, 60.0))
        chaos.stopping.set()
        chaos.join(180)
        if chaos.error is not None or chaos.is_alive():
            self.failures.append(f"the thread that disturbs did not end in order: {chaos.error!r}")

    def _end(self, chaos: RecipeChaos, client: zkc.Client) -> None:
        """End the contenders, and note what they leave."""
        for contenders in chaos.processes:
            contenders.ask("idle")
        self.failures += _leftovers(chaos.ensemble, client)
        for contenders in chaos.processes:
            report = contenders.ask("close")
            contenders.process.wait(60)
            self.counts.update(report["counts"])
            self.put += report["put"]
            self.failures += report["failures"]
            self.failures += [f"{k} left in {contenders.name}: {report[k]}" for k in ("threads", "tasks") if report[k]]

    def _drain(self, client: zkc.Client) -> None:
        client.sync()
        queue = client.queue(QUEUE)
        while (item := queue.try_get()) is not None:
            self.waiting.add(item.data.decode())
            item.ack()

    def _result(self, chaos: RecipeChaos, intervals: Intervals) -> dict[str, Any]:
        planted = [overlap for overlap in intervals.overlaps if any(PLANTED in path for path in overlap.paths)]
        real = [overlap for overlap in intervals.overlaps if overlap not in planted]
        found = Counter(overlap.kind for overlap in planted)
        if self.planted:
            self.failures += [f"the planted overlap of {kind} was not found" for kind in CAPACITY if not found[kind]]
        self.failures += [*map(str, real), *intervals.wrong]
        lost = sorted(intervals.put - intervals.acked.keys() - self.waiting)
        self.failures += [f"the item {name} was lost" for name in lost]
        self.failures += [f"the item {name} was never put" for name in self.put if name not in intervals.put]
        self.failures += [f"{path} was never deleted" for path in intervals.left]
        return {
            "seed": self.seed,
            "minutes": self.minutes,
            "contenders": 5 * self.processes,
            "grants": dict(intervals.grants),
            "fenced_writes": dict(intervals.writes),
            "overlaps": dict(Counter(overlap.kind for overlap in real)),
            "planted_overlaps_found": dict(found),
            "items": {
                "put": len(intervals.put),
                "acked": len(intervals.acked),
                "acked_twice": sum(1 for times in intervals.acked.values() if times > 1),
                "waiting": len(self.waiting),
                "lost": len(lost),
            },
            "counts": dict(sorted(self.counts.items())),
            "disturbances": dict(chaos.done),
            "failures": self.failures,
        }


def _leftovers(ensemble: Ensemble, client: zkc.Client) -> list[str]:
    """Name the znodes and watches that idle contenders have left, after the sessions of killed ones have ended."""
    deadline = time.monotonic() + 60
    while True:
        wrong = []
        client.sync()
        for path in _PARENTS:
            names = client.children(path) if client.exists(path) is not None else []
            own = [f"{path}/{name}" for name in names]
            wrong += [f"left over: {child}" for child in own if child not in _PARENTS]
        for member in ensemble.members:
            text = member.four_letter_word("mntr")
            for what in ("zk_watch_count", "zk_ephemerals_count"):
                found = re.search(rf"{what}\s+(\d+)", text)
                if found is None or int(found[1]):
                    shown = found[1] if found else "unknown"
                    wrong.append(f"{what} is {shown} at {member!r}: {member.four_letter_word('wchp')}")
        if not wrong or time.monotonic() > deadline:
            return wrong
        time.sleep(0.5)  # Poll until the deadline above: sessions of killed processes end by themselves.


def table(result: dict[str, Any]) -> str:
    """Return the figures of a run as a table."""
    counts: Counter[str] = Counter(result["counts"])
    rows: list[tuple[str, ...]] = [
        ("recipe", "holds proved", "fenced writes", "refused", "in doubt", "timeouts", "overlaps")
    ]
    for kind in (*CAPACITY, "queue"):
        own = {name: count for name, count in counts.items() if name.startswith(f"{kind}: ")}
        if kind == "queue":
            items = result["items"]
            proved, writes, overlaps = items["acked"], items["acked"], items["acked_twice"]
        else:
            proved, writes = result["grants"].get(kind, 0), result["fenced_writes"].get(kind, 0)
            overlaps = result["overlaps"].get(kind, 0)
        refused = sum(count for name, count in own.items() if re.search("(write|ack): LockLostError", name))
        doubt = sum(count for name, count in own.items() if name.endswith("(in doubt)"))
        late = sum(count for name, count in own.items() if name.endswith("TimeoutError"))
        rows.append((kind, *(f"{number:,}" for number in (proved, writes, refused, doubt, late, overlaps))))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
        for row in rows
    ]
    items, done = result["items"], result["disturbances"]
    lines += [
        "",
        "refused, in doubt and timeouts: as counted by the processes that were not killed",
        f"{result['contenders']} contenders, {result['minutes']:g} min, seed {result['seed']}",
        f"items: {', '.join(f'{count:,} {name}' for name, count in items.items())}".replace("_", " "),
        f"{sum(done.values())} disturbances: " + ", ".join(f"{count} {name}" for name, count in sorted(done.items())),
    ]
    if result["planted_overlaps_found"]:
        lines.append(f"planted overlaps found: {', '.join(sorted(result['planted_overlaps_found']))}")
    lines += [f"failure: {text}" for text in result["failures"]] or ["no failures"]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the soak of the recipes, and print its figures."""
    parser = argparse.ArgumentParser(prog="./dev soak recipes", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="length of the run (default: 20)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="seed of the disturbances")
    parser.add_argument("--processes", type=int, default=4, help="processes of five contenders each (default: 4)")
    parser.add_argument(
        "--plant-overlap", action="store_true", help="plant an overlap of each kind, which the checker has to find"
    )
    parser.add_argument("--log", type=Path, help="file for the log of this process and of the contenders")
    parser.add_argument("--json", type=Path, help="file for the results as JSON")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", file=sys.stderr)
    if options.log:
        logging.basicConfig(filename=options.log, format="%(asctime)s soak %(name)s %(levelname)s %(message)s")
    else:
        logging.getLogger().addHandler(logging.NullHandler())
    soak = RecipeSoak(options.minutes, options.seed, options.processes, options.plant_overlap, options.log)
    result = soak.run()
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(result))
    return 1 if result["failures"] else 0
