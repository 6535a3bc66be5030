"""Ctrl-C in the interactive shell."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Optional

from zkc.cli._ending import deferred

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Interrupts"]


class Interrupts:
    """Ctrl-C while a command runs, which ends it. Between a command and the prompt it does nothing."""

    def __init__(self) -> None:
        self._running = False
        self._seen = False

    def seen(self) -> bool:
        """Return whether there was one since the last line began."""
        return self._seen

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Handle the signal."""
        if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
            yield
            return
        before = signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextlib.contextmanager
    def line(self) -> Iterator[None]:
        """Let the signal end what runs.

        Raises:
            KeyboardInterrupt: There was one.
        """
        self._seen, self._running = False, True
        try:
            yield
        finally:
            self._running = False

    def _handle(self, signum: int, frame: Optional[FrameType]) -> None:
        if self._running and not deferred(signum, frame):
            self._seen = True
            raise KeyboardInterrupt
