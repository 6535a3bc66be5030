"""Workers that share a queue: jobs are repeated when a worker fails or dies, and set aside when they fail too often.

python examples/worker_pool.py                                       a server, jobs, two workers: one is killed
python examples/worker_pool.py --hosts 127.0.0.1:2181 --name host-1  one worker, until Ctrl-C

The result of a job and the end of its item are one transaction: there is a result for each job that was acked, and only
one.
"""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
import time
from contextlib import ExitStack

import zkc
from zkc.recipes import Item, LockLostError, Queue
from zkc.testing import TestingError, ZooKeeperServer

JOBS = "/jobs"
FAILED = "/jobs-failed"
RESULTS = "/results"


def queue_of(client: zkc.Client) -> Queue:
    client.ensure_path(RESULTS)
    return client.queue(JOBS, max_attempts=3, dead_letter=FAILED)


def carry_out(client: zkc.Client, item: Item) -> None:
    """Do a job: write its square. A job that is no number fails."""
    number = int(item.data or b"")
    transaction = client.transaction()
    transaction.create(f"{RESULTS}/{number:06}", str(number * number).encode())
    item.ack(transaction)


def work(hosts: str, name: str) -> None:
    """Take one job after the other."""
    logging.basicConfig(stream=sys.stdout, format=f"{name}: %(message)s")  # The client reports what it sets aside.
    with zkc.Client(hosts, session_timeout=4) as client:
        for item in queue_of(client):
            try:
                carry_out(client, item)
                print(f"{name}: {item.data!r} done", flush=True)
            except LockLostError:
                print(f"{name}: {item.data!r} belongs to another worker now", flush=True)
            except ValueError as error:
                print(f"{name}: {item.data!r} failed at attempt {item.attempts}: {error}", flush=True)
                item.nack()


def start_worker(hosts: str, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "error", __file__, "--hosts", hosts, "--name", name]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def show(hosts: str, count: int) -> None:
    with zkc.Client(hosts) as client, ExitStack() as stack:
        jobs = queue_of(client)
        jobs.put_many([str(number).encode() for number in range(count)])
        jobs.put(b"no number", priority=50)  # before the others
        workers = [stack.enter_context(start_worker(hosts, name)) for name in ("ann", "bob")]
        for worker in workers:
            stack.callback(worker.kill)
        while not client.children(RESULTS):
            time.sleep(0.02)  # Between two looks.
        workers[0].kill()  # Its session ends after some seconds; a job that it was at is delivered again.
        deadline = time.monotonic() + 60
        while len(jobs) and time.monotonic() < deadline:
            time.sleep(0.05)  # Between two looks.
        print(f"{len(client.children(RESULTS))} results of {count} jobs, {len(client.children(FAILED))} set aside")


def main() -> int:
    parser = argparse.ArgumentParser(description="Work on the jobs of a queue.")
    parser.add_argument("--hosts", help="servers to use, host:port[,host:port...] (default: start one)")
    parser.add_argument("--name", default="host-1", help="name of this worker (default: host-1)")
    parser.add_argument("--count", type=int, default=200, help="number of jobs, when it starts a server (default: 200)")
    options = parser.parse_args()
    try:
        if options.hosts is not None:
            work(options.hosts, options.name)
        else:
            with ZooKeeperServer() as server:
                show(server.hosts, options.count)
    except (zkc.ZooKeeperError, TestingError, ValueError) as error:
        print(f"worker_pool: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
