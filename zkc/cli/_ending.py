"""The end of a command by a signal: SIGTERM and SIGHUP end it as Ctrl-C does, with clean-up, counts and the error.

:class:`Ended` is a KeyboardInterrupt. A command that says at Ctrl-C what is done says so for these signals, too.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Sequence
from typing import Any, Optional

__all__ = ["Ended", "call", "ended_by", "give_back_signals", "interruption", "take_signals"]

_ENDS = (signal.SIGTERM, signal.SIGHUP)
_ONCE = 2.0  # Seconds: a terminal that closes sends SIGHUP twice, and the second one must not end the clean-up.
_ended: Optional[signal.Signals] = None
_at = 0.0
_held: Optional[list[int]] = None  # Signals that wait for the start of another command.


class Ended(KeyboardInterrupt):
    """The end of a command by SIGTERM or SIGHUP.

    Args:
        signum: The number of the signal.
    """

    def __init__(self, signum: int) -> None:
        global _ended, _at
        super().__init__(f"ended by {signal.Signals(signum).name}")
        self.signum = signum
        _ended, _at = signal.Signals(signum), time.monotonic()


def ended_by() -> Optional[signal.Signals]:
    """Return the signal that ends the process in order, SIGTERM or SIGHUP; None if there was none."""
    return _ended


def interruption(signum: int) -> Optional[KeyboardInterrupt]:
    """Return what a handler of a signal raises; None for a repeated SIGTERM or SIGHUP within two seconds."""
    if signum == signal.SIGINT:
        return KeyboardInterrupt()
    if _ended is not None and time.monotonic() - _at < _ONCE:
        return None
    return Ended(signum)


def _end(signum: int, _: object) -> None:
    if _held is not None:
        _held.append(signum)
        return
    error = interruption(signum)
    if error is not None:
        raise error


def take_signals() -> None:
    """Let SIGTERM and SIGHUP raise :class:`Ended`. One that is ignored, as by nohup, stays ignored."""
    for number in _ENDS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def give_back_signals() -> None:
    """Let signals end the process at once: the command has ended, and only the interpreter's end is left."""
    for number in (signal.SIGINT, *_ENDS):
        if signal.getsignal(number) in (_end, signal.default_int_handler):
            signal.signal(number, signal.SIG_DFL)


def call(command: Sequence[str], **options: Any) -> int:
    """Run another command, and return its exit code. SIGTERM and SIGHUP are passed on to it.

    Args:
        command: The command and its arguments.
        options: Those of ``subprocess.Popen``.
    """
    global _held
    import subprocess

    process: Optional[subprocess.Popen[bytes]] = None
    held: list[int] = []
    _held = held  # A signal while the command is started waits: it could not be passed on.
    try:
        try:
            process = subprocess.Popen(command, **options)
        finally:
            _held = None
        if held:
            raise Ended(held[0])
        return process.wait()
    except Ended as error:
        if process is not None:
            process.send_signal(error.signum)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.returncode = process.returncode or -error.signum  # Without a warning, if it still runs.
        raise
    except BaseException:
        if process is not None:
            process.kill()
            process.wait()
        raise
