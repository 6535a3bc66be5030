"""The process of one client, which does what it is told and says how long it took."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from benchmarks.absent import Absent

_PATIENCE = 120.0


class SideError(Exception):
    """A worker found a wrong answer, or ended for another reason, which it said on its standard error."""


class Side:
    """A worker's process, as a context manager. README.md has the lines that go in and out."""

    def __init__(self, name: str, command: Sequence[str], environment: Optional[Mapping[str, str]] = None) -> None:
        """Start it, and wait until it is connected.

        Args:
            name: What messages call it.
            command: Its command line.
            environment: Variables beside those of this process.

        Raises:
            Absent: It cannot be started here.
            SideError: It ended, or did not connect.
        """
        self.name = name
        try:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is for us; it ends when we close its standard input.
            )
        except OSError as error:
            raise Absent(f"{name} does not start: {error}") from error
        try:
            self._answer()
        except BaseException:
            self._process.kill()
            self._end()
            raise

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # One line for each of ours, so none is in the buffer.
        if not select.select([self._process.stdout], [], [], _PATIENCE)[0]:
            raise SideError(f"the process of {self.name} said nothing for {_PATIENCE:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise SideError(f"the process of {self.name} ended; what it says stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self, operation: str, count: int, size: int = 100) -> dict[str, float]:
        """Have it do something.

        Args:
            operation: What it is to do.
            count: How often.
            size: With how many bytes of data.

        Returns:
            The figures: ``rate`` in 1/s, ``cpu`` in µs for each, and what this operation has beside: ``p50`` and
            ``p99`` in µs, ``bytes``.

        Raises:
            SideError: It found a wrong answer, or another reason to end.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{operation} {count} {size}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # It has ended, and said why; the next line tells so.
        answer = self._answer()
        if not answer.pop("checked", False):
            raise SideError(f"{self.name} did not check the answers of {operation}")
        done = answer.pop("count")
        seconds, cpu = answer.pop("seconds"), answer.pop("cpu")
        return {"rate": done / seconds, "cpu": cpu / done * 1e6, "seconds": seconds, **answer}

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
