"""A pseudo-terminal with a screen: what a person would see, and the bytes that made it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Union

import pexpect
import pyte


class Terminal:
    """A program in a pseudo-terminal.

    Args:
        command: The program and its arguments.
        environment: Its environment.
        columns: The width of the screen.
        rows: The height of the screen.
    """

    def __init__(self, command: list[str], environment: dict[str, str], columns: int = 80, rows: int = 24) -> None:
        kept = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self.process = pexpect.spawn(
            command[0], command[1:], env=kept, dimensions=(rows, columns), timeout=60, encoding="utf-8"
        )
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.Stream(self.screen)
        self.raw = ""

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without spaces at their ends."""
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(self.lines)

    def read(self, timeout: float = 0.1) -> bool:
        """Read what the program has written; return False at its end."""
        try:
            data = self.process.read_nonblocking(65536, timeout)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self._stream.feed(data)
        return True

    def until(self, what: Union[str, Callable[[], bool]], timeout: float = 90.0) -> None:
        """Read until the screen has a text, or until a condition holds."""
        deadline = time.monotonic() + timeout
        alive = True
        while not (what in self.text if isinstance(what, str) else what()):
            assert alive, f"the program has ended:\n{self.text}"
            assert time.monotonic() < deadline, f"never seen: {what}\n{self.text}"
            alive = self.read()

    def to_end(self, timeout: float = 90.0) -> int:
        """Read until the program ends, and return its exit code, or minus the number of its signal."""
        deadline = time.monotonic() + timeout
        while self.read():
            assert time.monotonic() < deadline, f"the program goes on:\n{self.text}"
        self.process.wait()
        return self.process.exitstatus if self.process.signalstatus is None else -self.process.signalstatus

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def close(self) -> None:
        """End the program, if it runs."""
        self.process.close(force=True)
