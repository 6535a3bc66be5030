"""The whole terminal for one command: it gets pictures, gives keys, and leaves the terminal as it was."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from rich.text import Text
    from typing_extensions import Self

__all__ = ["Screen"]

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"  # The other screen, no cursor, no wrap at the right edge.
_LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_ENDS = (signal.SIGTERM, signal.SIGHUP)


class Screen:
    """The other screen of the terminal, as a context manager.

    A picture is painted by writing the lines that differ from those of the last picture: nothing flickers, and a slow
    link has little to carry. SIGTERM and SIGHUP end the command in order, Ctrl-Z stops it in order.

    Args:
        colors: Whether the lines are coloured.
    """

    def __init__(self, *, colors: bool) -> None:
        self._colors = colors
        self._painted: list[str] = []
        self._size = (0, 0)
        self._modes: Optional[list[Any]] = None
        self._handlers: dict[signal.Signals, Any] = {}
        self._reader = self._writer = -1
        self.ended: Optional[int] = None
        """The number of the signal that ends the command, if there was one."""

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        for number in (signal.SIGWINCH, signal.SIGTSTP, *_ENDS):
            self._handlers[number] = signal.signal(number, self._handle)
        try:
            self._enter()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._leave()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for descriptor in (self._reader, self._writer):
            os.close(descriptor)

    def _enter(self) -> None:
        with contextlib.suppress(termios.error):
            self._modes = termios.tcgetattr(0)
            tty.setcbreak(0)
        self._painted = []
        self._write(_ENTER)

    def _leave(self) -> None:
        # The terminal may be gone.
        with contextlib.suppress(OSError, ValueError):
            self._write(_LEAVE)
        if self._modes is not None:
            with contextlib.suppress(termios.error):
                # What was typed and not read is not for the next program.
                termios.tcsetattr(0, termios.TCSAFLUSH, self._modes)
            self._modes = None

    def _handle(self, number: int, _: Optional[FrameType]) -> None:
        if number in _ENDS:
            self.ended = number
        with contextlib.suppress(OSError):
            os.write(self._writer, b"z" if number == signal.SIGTSTP else b"!")

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def wake(self) -> None:
        """Let :meth:`key` return. Other threads call this."""
        with contextlib.suppress(OSError):
            os.write(self._writer, b"!")

    def key(self, timeout: Optional[float]) -> Optional[str]:
        """Return the next key; None after a change of the size, after :meth:`wake`, or after the timeout."""
        watched = [self._reader, *([0] if self._modes is not None else [])]
        ready, _, _ = select.select(watched, [], [], timeout)
        if self._reader in ready and b"z" in os.read(self._reader, 4096):
            self._suspend()
        if 0 in ready:
            data = os.read(0, 64)
            if not data:
                self.ended = signal.SIGHUP
                return None
            return data.decode("utf-8", "replace")
        return None

    def _suspend(self) -> None:
        """Stop the process as Ctrl-Z does, with the terminal as it was in between."""
        self._leave()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._handle)
        self._enter()

    @property
    def size(self) -> tuple[int, int]:
        """The width and the height of the terminal."""
        try:
            size = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            size = shutil.get_terminal_size()
        return max(size.columns, 20), max(size.lines, 4)

    def paint(self, lines: Sequence[Text], size: tuple[int, int]) -> None:
        """Show a picture.

        Args:
            lines: Its lines.
            size: The size that it was made for.
        """
        from zkc.cli._draw import console

        drawer = console(self._colors, error=False)
        new = []
        for line in lines:
            with drawer.capture() as captured:
                drawer.print(line, end="", soft_wrap=True)
            new.append(captured.get())
        if size != self._size or not self._painted:
            # A terminal of another size shows remains of the last picture.
            parts = ["\x1b[2J"]
            old: list[Optional[str]] = [None] * len(new)
            self._size = size
        else:
            parts, old = [], [*self._painted]
        parts.extend(
            f"\x1b[{number};1H{line}\x1b[K"
            for number, (line, before) in enumerate(zip(new, [*old, *[None] * len(new)]), 1)
            if line != before
        )
        self._painted = new
        if parts:
            self._write("".join(parts))
