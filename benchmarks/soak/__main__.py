"""``./dev soak``: an hour of work by clients while an ensemble is disturbed. Exit 1 for a wrong answer or a hang."""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import functools
import json
import logging
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import zkc
from benchmarks.measure import take_snapshot
from benchmarks.soak import blocking, recipes, work
from benchmarks.soak.chaos import Chaos
from zkc.testing import Ensemble

HANG = 150.0  # Longest time of a call in seconds: more than a disturbance, an election and a session together.
SHARED = "/shared"


class Soak:
    """A run of the soak test: the clients, their workers, and the results."""

    def __init__(self, ensemble: Ensemble, minutes: float, seed: int, tasks: int, rest: float) -> None:
        self.ensemble = ensemble
        self.seed = seed
        self.ends = time.monotonic() + minutes * 60
        self.tasks = tasks
        self.rest = rest
        self.logs: list[work.WorkerLog] = []
        self.failures: list[str] = []
        self.seen: dict[str, dict[str, Any]] = {"sync": {}, "async": {}}
        self.samples: list[dict[str, float]] = []
        self.ready = threading.Barrier(3)
        self.asynchronous: zkc.AsyncClient | None = None
        self.loop_ends = threading.Event()

    def running(self) -> bool:
        return time.monotonic() < self.ends and not self.failures

    # ---- the workers ------------------------------------------------------------------------------------------------

    def _log(self, name: str, rest: Callable[[], Awaitable[None]]) -> work.WorkerLog:
        log = work.WorkerLog(name, time.monotonic, rest)
        self.logs.append(log)
        return log

    def _thread(self, client: zkc.Client, index: int) -> None:
        name = f"sync-{index}"
        worker = work.WORKERS[index % len(work.WORKERS)]
        log = self._log(f"{name} {worker.__name__}", functools.partial(blocking.pause, self.rest))
        rng = random.Random(f"{self.seed} {name}")
        try:
            blocking.run(worker(blocking.BlockingClient(client), log, f"/{name}", rng, self.running, blocking.pause))
        except BaseException as error:
            self.failures.append(f"{log.name} died: {error!r}")
            raise
        finally:
            log.beat = float("inf")

    async def _task(self, client: zkc.AsyncClient, index: int) -> None:
        name = f"async-{index}"
        worker = work.WORKERS[index % len(work.WORKERS)]
        log = self._log(f"{name} {worker.__name__}", functools.partial(asyncio.sleep, self.rest))
        rng = random.Random(f"{self.seed} {name}")
        try:
            await worker(client, log, f"/{name}", rng, self.running, functools.partial(asyncio.sleep, 0.1))
        except BaseException as error:
            self.failures.append(f"{log.name} died: {error!r}")
            raise
        finally:
            log.beat = float("inf")

    async def _loop(self, hosts: str) -> None:
        seen = self.seen["async"]
        async with zkc.AsyncClient(hosts, session_timeout=8.0, connect_timeout=60.0) as client:
            self.asynchronous = client
            self.ready.wait()
            await client.watch_data(SHARED, lambda data, stat: seen.update(data=data))
            await client.watch_children("/", lambda names: seen.update(names=names))
            await client.create("/kept-async", b"async", ephemeral=True, keep=True)
            await asyncio.gather(*[self._task(client, index) for index in range(self.tasks)])
            while not self.loop_ends.is_set():
                await asyncio.sleep(0.1)

    # ---- the run ----------------------------------------------------------------------------------------------------

    def run(self) -> Counter[str]:
        hosts = self.ensemble.hosts
        seen = self.seen["sync"]
        loop = threading.Thread(target=lambda: asyncio.run(self._loop(hosts)), name="loop", daemon=True)
        with zkc.Client(hosts, session_timeout=8.0, connect_timeout=60.0) as client:
            client.ensure_path(SHARED)
            loop.start()
            shared = threading.Thread(target=self._set_shared, args=(hosts,), name="shared", daemon=True)
            shared.start()
            self.ready.wait()
            client.watch_data(SHARED, lambda data, stat: seen.update(data=data))
            client.watch_children("/", lambda names: seen.update(names=names))
            client.create("/kept-sync", b"sync", ephemeral=True, keep=True)
            threads = [threading.Thread(target=self._thread, args=(client, i), daemon=True) for i in range(8)]
            for thread in threads:
                thread.start()
            chaos = Chaos(self.ensemble, [client, self.asynchronous], self.seed)
            chaos.start()
            self._supervise(chaos, client)
            chaos.stopping.set()
            chaos.join(120)
            if chaos.error is not None:
                self.failures.append(f"the thread that disturbs the ensemble failed: {chaos.error!r}")
            for thread in [*threads, shared]:
                thread.join(HANG)
                if thread.is_alive():
                    self.failures.append(f"{thread.name} did not end within {HANG:.0f} s")
            if not self.failures:
                self._check_final_state(client)
            self.metrics = {
                "sync": client.metrics().as_dict(),
                "async": self.asynchronous.metrics().as_dict() if self.asynchronous else {},
            }
            self.loop_ends.set()
            loop.join(HANG)
        return chaos.done

    def _set_shared(self, hosts: str) -> None:
        """Set the znode of the recurring watches."""
        with zkc.Client(hosts, session_timeout=8.0, connect_timeout=60.0) as client:
            self.ready.wait()
            number = 0
            while self.running():
                number += 1
                try:
                    client.set(SHARED, b"%d" % number)
                except work.LOST:
                    time.sleep(0.1)  # Without a connection, a loop would only fail faster.
                time.sleep(0.01)  # Limits the load to a hundred changes a second.

    def _supervise(self, chaos: Chaos, client: zkc.Client) -> None:
        next_sample = 0.0
        while self.running() and chaos.error is None:
            time.sleep(1)  # The interval of the checks; a hang lasts minutes.
            now = time.monotonic()
            for log in list(self.logs):
                if now - log.beat > HANG:
                    self.failures.append(f"{log.name} hangs for {now - log.beat:.0f} s")
                self.failures.extend(log.wrong)
            if self.failures:
                faulthandler.dump_traceback(all_threads=True)
            if now >= next_sample:
                next_sample = now + 60
                self._sample(client, chaos)

    def _sample(self, client: zkc.Client, chaos: Chaos) -> None:
        calls = sum((log.calls for log in self.logs), Counter())
        sample = {**take_snapshot().as_dict(), "calls": sum(calls.values())}
        self.samples.append(sample)
        left = max(0.0, self.ends - time.monotonic())
        print(
            f"{left / 60:5.1f} min left · {sample['calls']:,} calls · {sum(chaos.done.values())} disturbances · "
            f"{client.metrics().expirations} expiries · private memory {sample['private'] / 2**20:.1f} MiB · "
            f"{sample['threads']} threads · {sample['descriptors']} descriptors · {sample['requests']} requests",
            file=sys.stderr,
            flush=True,
        )

    def _check_final_state(self, client: zkc.Client) -> None:
        """Check the state after the last disturbance: recurring watches saw the last change, no znode is left over."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            wrong = self._differences(client)
            if not wrong:
                return
            time.sleep(0.5)  # Poll until the deadline above: the last change may still be on its way to the watches.
        self.failures.extend(wrong)

    def _differences(self, client: zkc.Client) -> list[str]:
        wrong = []
        try:
            client.sync()
            final = client.get(SHARED)[0]
            names = sorted(client.children("/"))
            for kind, seen in self.seen.items():
                if seen.get("data") != final:
                    wrong.append(f"the {kind} watch of data saw {seen.get('data')!r} last, not {final!r}")
                if sorted(seen.get("names") or ()) != names:
                    wrong.append(f"the {kind} watch of children saw {seen.get('names')} last, not {names}")
            for kind, owner in (("sync", client), ("async", self.asynchronous)):
                stat = client.exists(f"/kept-{kind}")
                if stat is None or owner is None or stat.ephemeral_owner != owner.session_id:
                    wrong.append(f"the kept znode of the {kind} client is {stat}")
            for name in names:
                if "sync-" in name and client.exists(f"/{name}/queue") is not None:
                    orphans = client.children(f"/{name}/queue")
                    if orphans:
                        wrong.append(f"left over in /{name}/queue: {orphans[:5]} ({len(orphans)})")
        except work.LOST as error:
            wrong.append(f"the ensemble does not serve: {error}")
        return wrong


def main() -> int:
    """Run the soak test, print the results as JSON, and write them to a file."""
    if sys.argv[1:2] == ["recipes"]:
        return recipes.main(sys.argv[2:])
    parser = argparse.ArgumentParser(prog="./dev soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the run (default: 60)")
    parser.add_argument(
        "--seed",
        type=int,
        default=int(time.time()),
        help="seed of all random choices, except the scheduling of threads",
    )
    parser.add_argument("--tasks", type=int, default=16, help="tasks in the event loop (default: 16)")
    parser.add_argument(
        "--rest", type=float, default=0.02, help="pause of each worker before a call, in seconds (default: 0.02)"
    )
    parser.add_argument("--log", type=Path, help="file for the log")
    parser.add_argument("--json", type=Path, help="file for the results as JSON")
    options = parser.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    if options.log:
        logging.basicConfig(filename=options.log, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    with Ensemble(3) as ensemble:
        soak = Soak(ensemble, options.minutes, options.seed, options.tasks, options.rest)
        disturbances = soak.run()
    errors = sum((log.errors for log in soak.logs), Counter())
    calls = sum((log.calls for log in soak.logs), Counter())
    settled = soak.samples[len(soak.samples) // 4] if soak.samples else {}
    result = {
        "seed": options.seed,
        "minutes": options.minutes,
        "calls": dict(calls),
        "errors": dict(errors),
        "disturbances": dict(disturbances),
        "longest_call_s": max(log.longest for log in soak.logs),
        "first": soak.samples[0] if soak.samples else {},
        "settled": settled,
        "last": soak.samples[-1] if soak.samples else {},
        "metrics": soak.metrics,
        "failures": soak.failures,
    }
    text = json.dumps(result, indent=2)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if soak.failures else 0


if __name__ == "__main__":
    sys.exit(main())
