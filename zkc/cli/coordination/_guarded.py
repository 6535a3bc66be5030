"""A command under a guardian: start it, say until when the hold is valid, pass signals on, and learn how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional

from zkc.cli.coordination import _guardian
from zkc.cli.coordination._signals import Signals, Terminal, stop_as

__all__ = ["End", "Guarded", "Order"]

_STOPS = (signal.SIGTTIN, signal.SIGTTOU)


@dataclass(frozen=True)
class Order:
    """The command that the guardian starts, and how it ends it."""

    file: str
    command: tuple[str, ...]
    environment: dict[str, str]
    mode: str
    """``term``, ``kill`` or ``ignore``: what a lost hold does to the command."""
    grace: float
    """The seconds between SIGTERM and SIGKILL."""
    margin: float
    """The seconds before the end of the hold in which nothing may run any more."""


@dataclass(frozen=True)
class End:
    """How a command has ended."""

    code: int
    """Its exit code, or 128 and the number of the signal; 126 or 127 if it was not started."""
    started: bool = True
    reason: Optional[str] = None
    """Why the guardian has ended it; None if it has ended by itself."""
    error: int = 0
    """The number of the error of a start."""


class Guarded:
    """A guardian, as a context manager. When the block ends, no process of the command is left.

    It is started before the lock is acquired, so that the command starts at once after that.
    """

    def __init__(self, say: Callable[..., None], *, in_shell: bool = False) -> None:
        self._say = say
        self._buffer = b""
        self._before = set(_guardian.descendants(os.getpid()))
        ours, theirs = socket.socketpair()
        with theirs:
            # As env does, the command inherits open files. In a shell these would be the sockets of its clients.
            theirs.set_inheritable(True)
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", _guardian.__file__, str(theirs.fileno())],
                close_fds=in_shell, pass_fds=(theirs.fileno(),) if in_shell else (),
            )  # fmt: skip
        self._link = ours
        self._sending = threading.Lock()  # Callbacks of the hold send, too.
        self._terminal = Terminal()
        self._group = self._failed = 0
        self._last_call = float("inf")
        self._reason: Optional[str] = None  # Why this side has ended the command.

    def __enter__(self) -> Guarded:
        _guardian.set_subreaper(True)
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._link.close()  # The guardian ends what runs.
        self._process.wait()
        if self._process.returncode:
            self._end_all()
        if self._group:
            self._terminal.take(self._group)
        _guardian.set_subreaper(False)

    def _end_all(self) -> None:
        """End all that the command has started, in place of a guardian that was killed: zkc is the parent then."""
        while True:
            left = [each for each in _guardian.descendants(os.getpid()) if each not in self._before]
            if not left:
                return
            _guardian.send(left, signal.SIGKILL)
            time.sleep(0.02)
            for pid, _ in left:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def run(
        self, order: Order, signals: Signals, valid_for: Callable[[], float], lost: Callable[[], Optional[str]],
        pause: float,
    ) -> End:  # fmt: skip
        """Run the command to its end.

        Args:
            order: What to start.
            signals: The signals to pass on. Their ``wake`` makes this thread look at the hold.
            valid_for: For how many seconds no other client can have the hold.
            lost: Why the hold is lost, or None.
            pause: The seconds between two looks at the hold.
        """
        until = self._look(valid_for, order.margin)
        self._tell(start={
            "file": order.file, "command": order.command, "environment": order.environment, "mode": order.mode,
            "grace": order.grace, "margin": order.margin, "until": until,
            "priority": os.getpriority(os.PRIO_PROCESS, 0),
            "terminal": self._terminal.fd if self._terminal.is_for_the_start else None,
        })  # fmt: skip
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        poll.register(signals.reader, select.POLLIN)
        told = False
        while True:
            events = dict(poll.poll(pause * 1000))
            for signum in signals.pending():
                self._tell(signal=signum)
            reason = lost()
            if reason is not None and not told:
                told = True
                self._tell(lost=reason)
            later = self._look(valid_for, order.margin)
            if later > until + 0.001 and reason is None:
                until = later
                self._tell(until=until)
            if self._link.fileno() in events:
                end = self._receive()
                if end is not None:
                    return end
            if order.mode != "ignore" and _guardian.boot_time() > self._last_call:
                self._end_for_guardian()

    def ask_to_end(self, reason: str) -> None:
        """End the command in good order. Any thread may call it."""
        self._tell(end=reason)

    def _look(self, valid_for: Callable[[], float], margin: float) -> float:
        # In this order: if zkc is stopped between the two, the sum is too early, and not too late.
        until = _guardian.boot_time() + valid_for()
        self._last_call = until - margin / 2
        return until

    def _end_for_guardian(self) -> None:
        """End the command in place of a guardian that does not run, because a user has stopped it, say."""
        self._reason = self._reason or "in_doubt"
        _guardian.send(_guardian.descendants(self._process.pid), signal.SIGKILL)
        self._process.send_signal(signal.SIGCONT)

    def _tell(self, **message: Any) -> None:
        # A guardian that has ended has sent how.
        with self._sending, contextlib.suppress(OSError):
            self._link.sendall(json.dumps(message).encode() + b"\n")

    def _receive(self) -> Optional[End]:
        """Take messages of the guardian; return the end of the command, if it is there."""
        try:
            data = self._link.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._end_all()
            return End(128 + signal.SIGKILL, reason="guardian_killed")
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "started" in message:
                self._group = message["started"]
            elif "failed" in message:
                self._failed = message["failed"]
            elif "stopped" in message:
                self._stop(message["stopped"])
            elif "ending" in message or "stuck" in message:
                self._say(**message)
            elif "ended" in message:
                return _end_of(message["ended"], message["reason"] or self._reason, self._failed)
        return None

    def _stop(self, signum: int) -> None:
        """Stop as the command has stopped, so that the shell has the terminal, until the shell continues zkc."""
        if signum in _STOPS and self._terminal.is_ours():  # It only needs the terminal.
            self._terminal.give(self._group)
        elif signum == signal.SIGSTOP:
            return  # The one who sent it continues the command, too.
        else:
            self._terminal.take(self._group)
            stop_as(signum)
            if signum in _STOPS and not self._terminal.is_ours():
                return  # No shell has stopped zkc, and the terminal is another's: the command has to wait.
            self._terminal.give(self._group)
        self._tell(**{"continue": 1})


def _end_of(status: int, reason: Optional[str], failed: int) -> End:
    if failed:
        import errno

        return End(127 if failed in (errno.ENOENT, errno.ENOTDIR) else 126, started=False, error=failed)
    if status == -1:
        return End(1, started=False, reason=reason)
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
    return End(code, reason=reason)
