"""A process of contenders, threads and tasks. It obeys the lines of its input: ``sessions``, ``idle`` and ``close``."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

import zkc
from benchmarks.soak import blocking
from benchmarks.soak.contending import Contender

THREADS, TASKS = 3, 2  # Five contenders, one for each recipe; the process's number moves them.
LOG_THREAD = "zkc-log"  # One for a process: it outlives the clients.


class Process:
    """The clients and the contenders of this process."""

    def __init__(self, hosts: str, name: str) -> None:
        self.hosts = hosts
        self.name = name
        self.stopping = threading.Event()
        self.closing = threading.Event()
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        self.put: list[str] = []
        self.clients: list[Any] = []
        self.tasks_left: list[str] = []
        self._lock = threading.Lock()
        self._idle = threading.Event()

    def count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1

    async def contend(self, client: Any, index: int, pause: Callable[[float], Any]) -> None:
        """Contend for a recipe until the process is stopping."""
        contender = Contender(client, self.name, index, pause, self.count, self.put)
        while not self.stopping.is_set():
            try:
                await contender.turn()
            except BaseException:
                where = f"{contender.stage} of {contender.kind} in process {self.name}"
                self.failures.append(f"{where}: {traceback.format_exc()}")
                raise

    def _thread(self, client: zkc.Client, index: int) -> None:
        async def pause(seconds: float) -> None:
            self.stopping.wait(seconds)

        blocking.run(self.contend(client, index, pause))

    async def _loop(self) -> None:
        async with zkc.AsyncClient(self.hosts, session_timeout=8.0, connect_timeout=60.0) as client:
            self.clients.append(client)
            before = asyncio.all_tasks()
            try:
                await asyncio.gather(*[self.contend(client, THREADS + i, asyncio.sleep) for i in range(TASKS)])
            finally:
                self._idle.set()
            while not self.closing.is_set():
                await asyncio.sleep(0.1)
            self.tasks_left = [task.get_name() for task in asyncio.all_tasks() - before]

    def run(self) -> None:
        """Contend, and obey the lines of the input until it says ``close`` or ends."""
        before = set(threading.enumerate())
        loop = threading.Thread(target=lambda: asyncio.run(self._loop()), name="loop", daemon=True)
        loop.start()
        with zkc.Client(self.hosts, session_timeout=8.0, connect_timeout=60.0) as client:
            self.clients.append(client)
            threads = [threading.Thread(target=self._thread, args=(client, i), daemon=True) for i in range(THREADS)]
            for thread in threads:
                thread.start()
            for line in map(str.strip, sys.stdin):
                if line == "sessions":
                    self._reply([[c.session_id, c.session_password.hex()] for c in self.clients])
                elif line == "idle":
                    self.stopping.set()
                    self._wait([thread.join for thread in threads] + [self._idle.wait])
                    self._reply("idle")
                else:
                    break
            self.closing.set()
        loop.join(60)
        left = [thread.name for thread in threading.enumerate() if thread not in before and thread.name != LOG_THREAD]
        report = {"counts": self.counts, "failures": self.failures, "put": self.put}
        self._reply({**report, "threads": left, "tasks": self.tasks_left})

    def _wait(self, waits: list[Callable[[float], object]]) -> None:
        for wait in waits:
            wait(60)

    def _reply(self, reply: object) -> None:
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    logging.basicConfig(format=f"%(asctime)s {sys.argv[2]} %(name)s %(levelname)s %(message)s")
    Process(sys.argv[1], sys.argv[2]).run()
