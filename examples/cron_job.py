"""A job that one host of many runs at each tick.

python examples/cron_job.py                                       a server, three hosts, and a few ticks
python examples/cron_job.py --hosts 127.0.0.1:2181 --name host-1  one host, until Ctrl-C

Every host has the same timer. The tick that was served last is in a znode. At a tick each host tries the lock, and the
holder runs the job if no other host has served the tick. The new tick is written in a transaction of the hold: a host
that was paused, and has lost the lock without noticing, cannot write it.

If a host dies or is paused during the job, another host runs the job for that tick again. A job must allow that. What
it writes to ZooKeeper may be part of the transaction, and is then written once.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from contextlib import ExitStack
from typing import Callable

import zkc
from zkc.recipes import LockLostError
from zkc.testing import TestingError, ZooKeeperServer

PATH = "/cron/report"


class CronJob:
    """The job on one host.

    Args:
        client: The host's client.
        name: Name of the host.
        period: Seconds from one tick to the next.
        job: Called with the number of the tick.
    """

    def __init__(self, client: zkc.Client, name: str, period: float, job: Callable[[int], object]) -> None:
        self.client = client
        self.period = period
        self.job = job
        client.ensure_path(f"{PATH}/last")
        self.lock = client.lock(f"{PATH}/lock", identifier=name)

    def tick(self, number: int) -> bool:
        """Run the job for a tick, unless another host does or did; return whether this host has served the tick."""
        hold = self.lock.try_acquire()
        if hold is None:
            return False  # Another host is at it.
        try:
            data, _ = self.client.get(f"{PATH}/last")
            if data and int(data) >= number:
                return False
            self.job(number)
            with hold.transaction() as transaction:
                transaction.set(f"{PATH}/last", str(number).encode())
        except LockLostError as error:
            print(f"tick {number}: {error}", flush=True)
            return False
        finally:
            hold.release()
        return True

    def run(self, stop: threading.Event) -> None:
        """Serve ticks until the event is set. Lost connections and expired sessions cost ticks, not the program."""
        while not stop.is_set():
            try:
                self.tick(int(time.time() / self.period))
            except zkc.ZooKeeperError as error:
                print(f"this tick is left out: {error}", flush=True)
            stop.wait(self.period - time.time() % self.period)


def show(hosts: str, stack: ExitStack) -> None:
    served: list[tuple[str, int]] = []
    stop = threading.Event()
    threads = []
    for name in ("host-1", "host-2", "host-3"):
        client = stack.enter_context(zkc.Client(hosts))

        def serve(number: int, name: str = name) -> None:
            served.append((name, number))

        job = CronJob(client, name, 0.25, serve)
        threads.append(threading.Thread(target=job.run, args=(stop,)))
    for thread in threads:
        thread.start()
    time.sleep(2)  # Some ticks.
    stop.set()
    for thread in threads:
        thread.join()
    for name, number in served:
        print(f"tick {number}: {name}")
    twice = len(served) - len({number for _, number in served})
    print(f"{len(served)} ticks were served, {twice} of them twice")


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a job once per tick on a fleet.")
    parser.add_argument("--hosts", help="servers to use, host:port[,host:port...] (default: start one)")
    parser.add_argument("--name", default="host-1", help="name of this host (default: host-1)")
    parser.add_argument("--period", type=float, default=60.0, help="seconds from one tick to the next (default: 60)")
    options = parser.parse_args()
    try:
        with ExitStack() as stack:
            if options.hosts is None:
                show(stack.enter_context(ZooKeeperServer()).hosts, stack)
                return 0
            client = stack.enter_context(zkc.Client(options.hosts))
            report = CronJob(client, options.name, options.period, lambda number: print(f"tick {number}", flush=True))
            report.run(threading.Event())
    except (zkc.ZooKeeperError, TestingError, ValueError) as error:
        print(f"cron_job: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
