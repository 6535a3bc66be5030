"""The descriptors of stdout and stderr: what they do not take has a name or is lost, and no signal waits for a reader.

Below Python's own buffer a descriptor is written in pieces that do not block, each after a look whether there is room.
So a signal ends a command also when the reader of a pipe has stopped reading, as a pager does.
"""

from __future__ import annotations

import io
import os
import select
import stat
import time
from typing import Any

from zkc.cli._ending import interrupted_at, undivided
from zkc.cli._exit import CommandError

__all__ = ["Buffer", "Descriptor", "NoteBuffer", "ResultBuffer"]

_BUFFER = 1 << 16
_LOOK = 50  # Milliseconds between two looks whether a signal has come.
_AFTER_SIGNAL = 0.8  # Seconds that a reader has after a signal. A record of JSON gets 0.5 of them to become whole.


class Descriptor(io.FileIO):
    """A descriptor to write to. After a signal it drops what its reader does not take.

    Args:
        number: Its number. It is not closed.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)
        mode = os.fstat(number).st_mode
        self._room = select.poll() if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(number) else None
        if self._room is not None:
            self._room.register(number, select.POLLOUT)
        self.drops = False
        """Whether all is dropped."""

    def write(self, data: Any) -> int:
        """Write a part of some bytes, and return its size."""
        data = memoryview(data).cast("B")
        while not self.drops:
            if self._room is None:
                return super().write(data) or 0
            # With room a pipe takes so much without blocking.
            written = super().write(data[: select.PIPE_BUF]) if self._room.poll(_LOOK) else None
            if written is not None:
                return written
            since = interrupted_at()
            if since is not None and time.monotonic() - since > _AFTER_SIGNAL:
                break
        return len(data)


class Buffer(io.BufferedWriter):
    """A buffer that no signal divides: one between a write of the system and the buffer's accounts doubles the bytes.

    Args:
        descriptor: What it writes to.
        through: Whether nothing is kept, as PYTHONUNBUFFERED wants it.
    """

    def __init__(self, descriptor: io.RawIOBase, *, through: bool = False) -> None:
        super().__init__(descriptor, _BUFFER)
        self._through = through

    @undivided
    def write(self, data: Any) -> int:
        """Write bytes, and return their number."""
        try:
            written = super().write(data)
            if self._through:
                super().flush()
        except OSError as error:
            self.refuse(error)
            written = memoryview(data).nbytes
        return written

    @undivided
    def flush(self) -> None:
        """Write what is kept."""
        try:
            super().flush()
        except OSError as error:
            self.refuse(error)

    def refuse(self, error: OSError) -> None:
        """Raise the error of the descriptor, or an own one."""
        raise error


class NoteBuffer(Buffer):
    """The buffer of stderr. What stderr does not take is lost, and nothing else.

    Args:
        number: The number of the descriptor.
    """

    def __init__(self, number: int, *, through: bool = False) -> None:
        self._descriptor = Descriptor(number)
        super().__init__(self._descriptor, through=through)

    def refuse(self, error: OSError) -> None:
        """Forget what the descriptor has not taken: the next flush, or the interpreter's end, would fail again."""
        del error
        self._descriptor.drops = True
        try:
            io.BufferedWriter.flush(self)
        finally:
            self._descriptor.drops = False


class ResultBuffer(NoteBuffer):
    """The buffer of stdout. What stdout does not take is an error of the command, with a name."""

    def refuse(self, error: OSError) -> None:
        """Forget what the descriptor has not taken, and raise.

        Raises:
            BrokenPipeError: The reader has left, as `head` does.
            CommandError: The descriptor takes no more.
        """
        super().refuse(error)
        if isinstance(error, BrokenPipeError):
            raise error
        raise CommandError(f"stdout cannot be written: {error.strerror}; what the command has changed stays changed",
                           name="file") from None  # fmt: skip
