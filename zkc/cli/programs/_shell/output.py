"""The terminal of the shell, for commands and notices: a notice never splits a line that a command writes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from zkc.cli._descriptors import Buffer
from zkc.cli._exit import CommandError
from zkc.cli._text import shown

__all__ = ["Output"]

_MOST_WAITING = 5000  # Notices that wait for the end of a line. Beyond it the oldest are dropped, and counted.


class Output:
    """The terminal, which commands and notices of other threads share.

    At the prompt, a notice is written above it. While a command runs, a notice waits for the end of the line that the
    command writes. While a command of the system has the terminal, it waits for its end.

    Args:
        above: Calls a function when it can write above the prompt. Any thread may call it. If there is no prompt it
            does nothing: the notices wait for the next command or prompt.
    """

    def __init__(self, above: Callable[[Callable[[], None]], None]) -> None:
        self._above = above
        self._lock = threading.Lock()
        self._running = self._lent = False
        self._at_start = True  # Whether the cursor is at the begin of a line, as far as the shell knows.
        self._known = True  # Whether the shell has seen all that was written.
        self._waiting: deque[str] = deque(maxlen=_MOST_WAITING)
        self._dropped = 0
        self._on_terminal = sys.stderr.isatty()
        self._stdout, self._stderr = (self._tracked(each) for each in (sys.stdout, sys.stderr))

    def _tracked(self, stream: TextIO) -> TextIO:
        """Return a stream to the same file that tells where lines end, if it is a terminal."""
        if not stream.isatty():
            return stream
        file = Buffer(_Terminal(self, stream.fileno()))
        return io.TextIOWrapper(file, stream.encoding, stream.errors, line_buffering=True)

    # ---- from the shell's thread -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def command(self) -> Iterator[None]:
        """Let a command write to the terminal, outside of prompt_toolkit. Afterwards the cursor begins a line."""
        before = sys.stdout, sys.stderr
        with self._lock:
            self._running = self._known = self._at_start = True
            self._drain()
        sys.stdout, sys.stderr = self._stdout, self._stderr
        try:
            yield
        finally:
            for stream in (self._stdout, self._stderr):
                with contextlib.suppress(OSError, ValueError, CommandError):
                    stream.flush()
            with self._lock:
                self._begin_line()
                self._drain()
                self._running = False
            sys.stdout, sys.stderr = before

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Leave the terminal to a command of the system."""
        with contextlib.suppress(OSError, ValueError, CommandError):
            self._stdout.flush()
        with self._lock:
            self._lent, self._known = True, False
        try:
            yield
        finally:
            with self._lock:
                self._lent = False

    def _begin_line(self) -> None:
        # The answer to a question ends its line, too, which the shell does not see.
        if self._on_terminal and not (self._known and self._at_start):
            self._write(_to_new_line())
        self._known = self._at_start = True

    def _drain_at_start(self) -> None:
        if (self._at_start and self._known and not self._lent) or not self._on_terminal:
            self._drain()

    def _drain(self) -> None:
        if self._dropped:
            self._write(f"[{self._dropped} notices before these were dropped]\n")
            self._dropped = 0
        while self._waiting:
            self._write(f"{self._waiting.popleft()}\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._stderr.fileno(), text.encode(self._stderr.encoding, "backslashreplace"))

    # ---- from any thread -------------------------------------------------------------------------------------------

    def notify(self, text: str) -> None:
        """Write a notice on a line of its own."""
        line = f"[{shown(text, lines=False)}]"
        with self._lock:
            first = not self._waiting
            self._dropped += len(self._waiting) == _MOST_WAITING
            self._waiting.append(line)
            if self._running:
                self._drain_at_start()
                return
        if first:  # Else the call for the first one writes them all.
            self._above(self.write_notices)

    def has_notices(self) -> bool:
        """Return whether notices wait."""
        return bool(self._waiting)

    def write_notices(self) -> None:
        """Write the notices that wait, if no command runs."""
        with self._lock:
            if not self._running:
                self._drain()

    def wrote(self, file: io.FileIO, data: Any) -> int:
        """Write what a command has written, and what has waited for the end of its line."""
        with self._lock:
            count = io.FileIO.write(file, data) or 0
            if count:
                self._at_start = bytes(memoryview(data)[count - 1 : count]) == b"\n"
            self._drain_at_start()
        return count


class _Terminal(io.FileIO):
    """The descriptor of a terminal."""

    def __init__(self, output: Output, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._output = output

    def write(self, data: Any) -> int:
        """Write bytes, and return their number."""
        return self._output.wrote(self, data)


def _to_new_line() -> str:
    """Return what moves the cursor to the begin of a line: a new one, unless it is there already."""
    try:
        columns = os.get_terminal_size(2).columns
    except OSError:
        columns = 0
    if os.environ.get("TERM") == "dumb" or columns < 2:
        return "\n"
    return f"{' ' * (columns - 1)}\r\x1b[K"  # The blanks wrap around if the cursor is not at the first column.
