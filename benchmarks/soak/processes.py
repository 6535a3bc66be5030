"""The processes of contenders, and what disturbs them."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Optional

from benchmarks.soak.chaos import Chaos
from zkc.testing import Ensemble

_PATIENCE = 180.0  # For the reply of a process, in seconds: its contenders may wait for an election and a session.


class Contenders:
    """A process of contenders, seen from its parent.

    Args:
        hosts: The servers.
        name: The name of the process, which begins with its number.
        log: The file for its log; None for none.
    """

    def __init__(self, hosts: str, name: str, log: Optional[Path]) -> None:
        command = [sys.executable, "-m", "benchmarks.soak.contenders", hosts, name]
        self.name = name
        with open(log or os.devnull, "ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def ask(self, line: str) -> Any:
        """Write a line to the process, and return its reply.

        Raises:
            RuntimeError: The process has ended, or does not reply.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(line, file=self.process.stdin, flush=True)
        if not select.select([self.process.stdout], [], [], _PATIENCE)[0]:
            raise RuntimeError(f"the process {self.name} did not reply to {line!r} within {_PATIENCE:g} s")
        reply = self.process.stdout.readline()
        if not reply:
            raise RuntimeError(f"the process {self.name} has ended with status {self.process.wait(10)}: see --log")
        return json.loads(reply)


class RecipeChaos(Chaos):
    """Disturbances of the servers, and of the sessions and the processes of contenders."""

    def __init__(self, ensemble: Ensemble, processes: int, seed: int, log: Optional[Path] = None) -> None:
        super().__init__(ensemble, [], seed)
        self.actions += [self.expire, self.pause_process, self.pause_process, self.kill_process]
        self.seed = seed
        self.log = log
        self.made = 0
        self.processes = [self._new(number) for number in range(processes)]

    def _new(self, number: int) -> Contenders:
        self.made += 1
        return Contenders(self.ensemble.hosts, f"{number}-{self.made}-{self.seed}", self.log)

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
        try:
            self._wait_between(0.5, 14)
        finally:
            os.kill(process.pid, signal.SIGCONT)

    def kill_process(self) -> None:
        """Kill a process of contenders, and start another in its place."""
        number = self.rng.randrange(len(self.processes))
        _kill(self.processes[number].process)
        self.processes[number] = self._new(number)

    def kill_all(self) -> None:
        """Kill the processes that have not ended."""
        for contenders in self.processes:
            _kill(contenders.process)


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
