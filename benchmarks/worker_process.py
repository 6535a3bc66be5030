"""The process of one client: it runs operations on request, and reports their times."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from benchmarks.unavailable import Unavailable

_TIMEOUT = 600.0  # The longest operation of a worker in seconds.


class WorkerError(Exception):
    """Raised when a worker got a wrong answer, or ended for another reason, which is on its standard error."""


class WorkerProcess:
    """A worker's process, as a context manager. README.md describes the lines of its input and output."""

    def __init__(self, name: str, command: Sequence[str], environment: Optional[Mapping[str, str]] = None) -> None:
        """Start the process, and wait until it is connected.

        Args:
            name: The worker's name in messages.
            command: Its command line.
            environment: Variables beside those of this process.

        Raises:
            Unavailable: The process cannot be started here.
            WorkerError: The process ended, or did not connect.
        """
        self.name = name
        try:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C must not end it: it ends when _end() closes its standard input.
            )
        except OSError as error:
            raise Unavailable(f"{name} does not start: {error}") from error
        try:
            self._read_line()
        except BaseException:
            self._process.kill()
            self._end()
            raise

    def _read_line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        # The worker writes one line for each of ours, so no line is in Python's buffer, which select() does not see.
        if not select.select([self._process.stdout], [], [], _TIMEOUT)[0]:
            raise WorkerError(f"the process of {self.name} wrote nothing for {_TIMEOUT:.0f} s")
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"the process of {self.name} ended; its message stands above")
        message: dict[str, Any] = json.loads(line)
        return message

    def run(self, operation: str, count: int, size: int = 100, *more: int) -> dict[str, Any]:
        """Run an operation in the process.

        Args:
            operation: The name of the operation.
            count: How often to run it.
            size: Bytes of data.
            more: Further numbers for the operation.

        Returns:
            The figures: ``rate`` in 1/s, ``cpu`` in µs per operation, and those of some operations: ``p50`` and ``p99``
            in µs, ``bytes``.

        Raises:
            WorkerError: The worker got a wrong answer, or ended for another reason.
        """
        self.begin(operation, count, size, *more)
        return self.finish(operation)

    def begin(self, operation: str, *numbers: int) -> None:
        """Begin an operation in the process. :meth:`finish` has to follow."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # The process has ended with a message; finish() raises.
            self._process.stdin.write(" ".join([operation, *map(str, numbers)]) + "\n")
            self._process.stdin.flush()

    def finish(self, operation: str) -> dict[str, Any]:
        """Wait for the operation that was begun, and return its figures."""
        message = self._read_line()
        if not message.pop("checked", False):
            raise WorkerError(f"{self.name} did not check the answers of {operation}")
        done = message.pop("count")
        seconds, cpu = message.pop("seconds"), message.pop("cpu")
        return {"rate": done / seconds, "cpu": cpu / done * 1e6, "seconds": seconds, **message}

    def kill(self) -> None:
        """End the process at once, as ``kill -9`` does."""
        self._process.kill()

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

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
