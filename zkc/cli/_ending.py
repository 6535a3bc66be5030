"""The end of a command by a signal: SIGTERM and SIGHUP end it as Ctrl-C does, with clean-up, counts and the error.

:class:`Ended` is a KeyboardInterrupt. A command that says at Ctrl-C what is done says so for these signals, too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Optional, TypeVar

if TYPE_CHECKING:
    import subprocess
    from types import CodeType, FrameType

__all__ = [
    "Ended",
    "call",
    "deferred",
    "ended_by",
    "forget_interruption",
    "give_back_signals",
    "interrupted_at",
    "interruption",
    "leave_keys_to_child",
    "raise_deferred",
    "take_signals",
    "undivided",
]

_ENDS = (signal.SIGTERM, signal.SIGHUP)
_ONCE = 2.0  # Seconds: a terminal that closes sends SIGHUP twice, and the second one must not end the clean-up.
_GRACE = 2.0  # Seconds that another command has for its end.
_ended: Optional[signal.Signals] = None
_at = 0.0
_interrupted_at: Optional[float] = None
_SOON = 0.005  # Seconds until the next look whether a deferred signal can be raised.
_PATIENCE = 0.5  # Seconds that a signal waits for an undivided function: the reader of stdout may have stopped.
_late: Optional[int] = None  # The deferred signal.
_late_at = 0.0
_undivided: set[CodeType] = set()
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
    _note_interruption()
    if signum == signal.SIGINT:
        return KeyboardInterrupt()
    if _ended is not None and time.monotonic() - _at < _ONCE:
        return None
    return Ended(signum)


def interrupted_at() -> Optional[float]:
    """Return when the first signal has interrupted the command, by the monotonic clock; None if none has."""
    return _interrupted_at


def _note_interruption() -> None:
    global _interrupted_at
    if _interrupted_at is None:
        _interrupted_at = time.monotonic()


def forget_interruption() -> None:
    """Begin another command, as a shell does after Ctrl-C."""
    global _interrupted_at
    _interrupted_at = None


def _end(signum: int, frame: Optional[FrameType]) -> None:
    if _held is not None:
        _held.append(signum)
        return
    if deferred(signum, frame):
        return
    error = interruption(signum)
    if error is not None:
        raise error


_Function = TypeVar("_Function", bound=Callable[..., Any])


def undivided(function: _Function) -> _Function:
    """Decorate a function that a signal must not divide, such as one that writes a record and counts it."""
    _undivided.add(function.__code__)
    return function


def deferred(signum: int, frame: Optional[FrameType]) -> bool:
    """Return whether a signal comes in the middle of an import or a record, and is therefore raised again soon.

    An exception in an import could leave a module half made, and Python's own code for imports loses some. A second
    signal is not deferred: an import may wait for a file system that does not answer.

    Args:
        signum: The number of the signal.
        frame: What the signal has interrupted.
    """
    global _late, _late_at
    if _late is not None or not _must_end(frame):
        _late = None
        return False
    _late, _late_at = signum, time.monotonic()
    _note_interruption()
    signal.setitimer(signal.ITIMER_REAL, _SOON)
    return True


def _must_end(frame: Optional[FrameType], *, waits: bool = True) -> bool:
    """Return whether a frame is in an import, or in an undivided function for which a signal still waits."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib") or (waits and frame.f_code in _undivided):
            return True
        frame = frame.f_back
    return False


def _again(_: int, frame: Optional[FrameType]) -> None:
    """Raise the deferred signal again, when what it waits for is over."""
    if _late is not None and _must_end(frame, waits=time.monotonic() - _late_at < _PATIENCE):
        signal.setitimer(signal.ITIMER_REAL, _SOON)
    else:
        raise_deferred()


def raise_deferred() -> None:
    """Raise the deferred signal now, if there is one."""
    signum = _late
    if signum is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.raise_signal(signum)  # As a second signal it is not deferred, wherever that is.


def take_signals() -> None:
    """Let SIGTERM and SIGHUP raise :class:`Ended`, and SIGINT KeyboardInterrupt, but in no import and no record.

    A signal that is ignored, as by nohup, stays ignored.
    """
    signal.signal(signal.SIGALRM, _again)
    for number in (signal.SIGINT, *_ENDS):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _end)


def give_back_signals() -> None:
    """Let signals end the process at once: the command has ended, and only the interpreter's end is left."""
    for number in (signal.SIGINT, *_ENDS):
        if signal.getsignal(number) in (_end, signal.default_int_handler):
            signal.signal(number, signal.SIG_DFL)
    raise_deferred()


@contextlib.contextmanager
def leave_keys_to_child() -> Iterator[None]:
    """Leave Ctrl-C and Ctrl-\\ to a program that has the terminal, such as an editor, a pager or a shell.

    The handler is a function: a signal that is ignored would be ignored in the program, too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT)}
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def call(command: Sequence[str], seconds: Optional[float] = None, **options: Any) -> int:
    """Run another command, and return its exit code. SIGTERM and SIGHUP are passed on to it.

    After such a signal, and when the time is over, the command has two seconds to end. Then it is killed, and so are
    the processes that it has started, and at once after Ctrl-C.

    Args:
        command: The command and its arguments.
        seconds: The longest time; None for no limit.
        options: Those of ``subprocess.Popen``.

    Raises:
        subprocess.TimeoutExpired: The time was over, and the command was ended.
        OSError: The command cannot be started.
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
            raise interruption(held[0]) or Ended(held[0])
        return process.wait(None if seconds is None else max(0.0, seconds))
    except Ended as error:
        if process is not None:
            _stop(process, error.signum)
        raise
    except subprocess.TimeoutExpired:
        assert process is not None
        _stop(process, signal.SIGTERM, with_all=True)
        raise
    except BaseException:
        if process is not None:
            _kill(process, _below(process))
        raise


def _stop(process: subprocess.Popen[bytes], signum: int, *, with_all: bool = False) -> None:
    """End a command by a signal, and kill what is left of it and of the processes that it has started.

    Args:
        process: The command.
        signum: The number of the signal.
        with_all: Whether the processes that the command has started get the signal, too.
    """
    import subprocess

    from zkc.cli.coordination._guardian import lives, send

    below, end = _below(process), time.monotonic() + _GRACE
    try:
        process.send_signal(signum)
        send(below if with_all else (), signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        while time.monotonic() < end and any(lives(each) for each in below):
            time.sleep(0.02)  # Between two looks: nothing tells the end of a process that is no child of this one.
    finally:
        _kill(process, below)


def _kill(process: subprocess.Popen[bytes], below: list[Any]) -> None:
    """Kill a command, and the processes that were found below it."""
    from zkc.cli.coordination._guardian import send

    if process.poll() is None:
        below = [*below, *_below(process)]
        process.kill()
    send(below, signal.SIGKILL)
    process.wait()


def _below(process: subprocess.Popen[bytes]) -> list[Any]:
    """Return the processes that a command has started."""
    from zkc.cli.coordination._guardian import descendants

    return descendants(process.pid) if os.path.isdir("/proc/self") else []
