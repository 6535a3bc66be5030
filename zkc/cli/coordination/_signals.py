"""The signals to a command that waits for a lock, and then runs another command; and the terminal of both."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any, Optional

from click.exceptions import Exit

from zkc.cli._ending import Ended, deferred

__all__ = ["Signals", "Terminal", "stop_as"]

_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
_PASSED_ON = (*_ENDING, signal.SIGUSR1, signal.SIGUSR2)
_NEWS = 0  # The number of no signal: other threads wake the main one with it.


class Signals:
    """The signals, as a context manager: at first they end zkc, and after :meth:`collect` they are collected.

    A signal that zkc was started to ignore, as nohup does, stays ignored.
    """

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self._writer, False)
        self._raise = True
        self._before: dict[int, Any] = {}
        self._wakeup = -1

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
            for signum in _PASSED_ON:
                if signal.getsignal(signum) is not signal.SIG_IGN:
                    self._before[signum] = signal.signal(signum, self._take)
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._raise = False
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        if self._before:
            signal.set_wakeup_fd(self._wakeup)
        os.close(self.reader)
        os.close(self._writer)

    def _take(self, signum: int, frame: Optional[FrameType]) -> None:
        if self._raise and not deferred(signum, frame):
            self._raise = False  # What follows gives back what was taken: the next signal must not end that.
            _end(signum)

    def collect(self) -> None:
        """Collect signals from now on.

        Raises:
            KeyboardInterrupt: SIGINT, SIGTERM or SIGHUP has come before.
            Exit: Another signal has come before.
        """
        self._raise = False
        for signum in self.pending():
            if signum in self._before:
                _end(signum)
        if self._before:  # Ctrl-Z stops zkc when the command has stopped.
            self._before[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._take)

    def wake(self, *_: object) -> None:
        """Wake the thread that waits for the reader. Any thread may call it."""
        with contextlib.suppress(OSError):
            os.write(self._writer, bytes([_NEWS]))

    def pending(self) -> list[int]:
        """Return the signals that have come since the last call."""
        with contextlib.suppress(BlockingIOError):
            return [signum for signum in os.read(self.reader, 4096) if signum != _NEWS]
        return []


def _end(signum: int) -> None:
    if signum == signal.SIGINT:
        raise KeyboardInterrupt
    if signum in (signal.SIGTERM, signal.SIGHUP):
        raise Ended(signum)
    raise Exit(128 + signum)


class Terminal:
    """The terminal of zkc, which the command gets while it runs in the foreground, and gives back when it stops.

    In a pipeline, such as ``zkc lock … | less``, the other programs may need the terminal. There the command gets it
    when it asks for it, by a stop for reading from the background.
    """

    def __init__(self) -> None:
        self.fd = next((fd for fd in (0, 1, 2) if _group_of(fd) is not None), None)
        self.is_for_the_start = self.is_ours() and os.isatty(0) and not _is_pipe(1)

    def is_ours(self) -> bool:
        """Return whether zkc's process group is in the foreground."""
        return self.fd is not None and _group_of(self.fd) == os.getpgrp()

    def give(self, group: int) -> None:
        """Put another process group into the foreground, if zkc's is there."""
        if self.is_ours():
            self._put(group)

    def take(self, group: int) -> None:
        """Put zkc's process group into the foreground, if another one is there."""
        if self.fd is not None and _group_of(self.fd) == group:
            self._put(os.getpgrp())

    def _put(self, group: int) -> None:
        from zkc.cli.coordination._guardian import take_terminal

        assert self.fd is not None
        take_terminal(self.fd, group)


def stop_as(signum: int) -> None:
    """Stop zkc's process group as the command has stopped, and return when it continues.

    The kernel ignores that where no shell could continue the group.
    """
    sys.stdout.flush()
    before = signal.signal(signum, signal.SIG_DFL)
    os.kill(0, signum)
    signal.signal(signum, before)


def _group_of(fd: int) -> Optional[int]:
    try:
        return os.tcgetpgrp(fd)
    except OSError:
        return None


def _is_pipe(fd: int) -> bool:
    import stat

    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False
