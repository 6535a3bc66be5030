"""The way of libzookeeper's log lines into :mod:`logging`: a pipe, and a thread that reads it.

Both begin with the first session, or when a program reads ``zc.zk._logging_pipe``; importing begins nothing.
"""

from __future__ import annotations

import io
import logging
import os
import time
from typing import TYPE_CHECKING, Optional

from zkc import _zookeeper as core
from zkc._zookeeper import RLock, await_readable, new_worker
from zkc.legacy import zookeeper
from zkc.legacy._core import logs

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["flush_log", "logging_pipe"]

_LEVELS = {
    "ZOO_ERROR": logging.ERROR,
    "ZOO_WARN": logging.WARNING,
    "ZOO_INFO": logging.INFO,
    "ZOO_DEBUG": logging.DEBUG,
}
_lock = RLock()  # Held while the pipe is made: no other code is called under it.
_pipe: Optional[tuple[int, int]] = None
_writer: Optional[_Writer] = None
_FLUSH = "\x1fflush"  # A line of its own: what stands before it in the pipe was logged when it is read.
_asked = _told = 0  # How many of these lines were written, and read.


class _Writer(io.FileIO):
    """The end of the pipe that libzookeeper's lines are written to; it never blocks.

    The handlers of a logger may be slow, or wait for something that waits for us: then lines are lost. ``os.write`` of
    eventlet waits for room in its hub, and runs other greenlets there. The writes of this class are never patched.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)

    def write(self, text: object) -> int:
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else bytes(text)  # type: ignore[call-overload]
        written = super().write(data)
        return len(data) if written is None else written  # None: the pipe is full.


def logging_pipe() -> tuple[int, int]:
    """Return the pipe ``(read, write)``; the first time, make it, and have libzookeeper's lines go there."""
    global _pipe, _writer
    with _lock:
        if _pipe is None:
            read, write = os.pipe()
            os.set_blocking(write, False)
            _pipe, _writer = (read, write), _Writer(write)
            new_worker(_forward, (read,), "zc.zk-log").start()
            started = True
        else:
            started = False
        pipe, writer = _pipe, _writer
    if started:
        zookeeper.set_log_stream(writer)
    return pipe


def flush_log(timeout: float = 1.0) -> None:
    """Wait until the logger has what libzookeeper has logged so far, or until the timeout, in seconds.

    The original's library writes a line before it goes on. Here the lines travel through two threads.
    """
    global _asked
    deadline = time.monotonic() + timeout
    if _pipe is None or not core.flush_log(timeout):
        return
    with _lock:
        _asked += 1
        asked, writer = _asked, _writer
    if writer is not None and writer.write(_FLUSH + "\n"):
        while _told < asked and time.monotonic() < deadline:
            time.sleep(0.001)


def _forget() -> None:
    """In a forked child: it has no thread that reads, and what it wrote would come out in its parent."""
    global _pipe, _writer, _lock
    _lock = RLock()
    if _writer is not None and logs.current() is _writer:
        zookeeper.set_log_stream(None)
    _pipe = _writer = None


os.register_at_fork(after_in_child=_forget)


class _Reader(io.FileIO):
    """The end of the pipe that is read: a greenlet that waits for a line leaves its hub to the others."""

    def readinto(self, buffer: WriteableBuffer) -> int:
        await_readable(self.fileno())
        return super().readinto(buffer)


def _forward(descriptor: int) -> None:
    global _told
    source = io.BufferedReader(_Reader(descriptor))
    with io.TextIOWrapper(source, encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            text = line.strip()
            if text == _FLUSH:
                _told += 1
            elif text:
                try:
                    _log(text)
                except Exception as error:
                    logging.getLogger("ZooKeeper").exception("Logging error: %s", error)  # noqa: TRY401 - as it was


def _log(line: str) -> None:
    """Log one line, ``when:process:ZOO_LEVEL@function@line: message``, with the level that it has."""
    head, at, message = line.partition("@")
    level = _LEVELS.get(head.rpartition(":")[2]) if at else None
    if level is None:
        level, message = logging.INFO, line
    elif level == logging.WARNING and "Exceeded deadline by" in line:
        level = logging.DEBUG  # The library says so whenever the machine was busy.
    logging.getLogger("ZooKeeper").log(level, "%s", message)
