"""Files that commands write: a file is replaced when it is complete, and an error names it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, Optional

from zkc.cli._exit import CommandError, ExitCode

__all__ = ["check_output", "is_stdout", "is_stream", "naming", "open_output"]

_DESCRIPTOR = re.compile(r"(?:/dev/fd|/proc/self/fd)/(\d+)")
_STREAMS = {"-": 1, "/dev/stdout": 1, "/dev/stderr": 2}
_BUFFER = 1 << 20


@contextlib.contextmanager
def naming(file: str, done: str) -> Iterator[None]:
    """Name the file in an error of the operating system.

    Raises:
        CommandError: The file cannot be ``done``: read or written.
    """
    from zkc.errors import ZooKeeperError

    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if isinstance(error, ZooKeeperError):
            raise
        raise CommandError(f"{_label(file)} cannot be {done}: {error.strerror or error}", name="file") from None


def _label(file: str) -> str:
    return "stdout" if file == "-" else file


def _descriptor(file: str) -> Optional[int]:
    """Return the descriptor that a name stands for, as ``/dev/stdout`` and ``/dev/fd/3`` do."""
    number = _DESCRIPTOR.fullmatch(file)
    return int(number.group(1)) if number else _STREAMS.get(file)


def is_stdout(file: str) -> bool:
    """Return whether a name stands for stdout."""
    return _descriptor(file) == 1


def is_stream(file: str) -> bool:
    """Return whether a file is written as the data come, and never replaced: a pipe, a device, ``-``."""
    if _descriptor(file) is not None:
        return True
    with contextlib.suppress(OSError):
        return not stat.S_ISREG(os.stat(file).st_mode)
    return False


@contextlib.contextmanager
def open_output(file: str, *, private: bool = False) -> Iterator[BinaryIO]:
    """Open a file to write: a context manager.

    A regular file is replaced at the end, when it is complete and on the disk. Until then, and after an error, it is as
    it was. Pipes, devices and descriptors are written directly.

    Args:
        file: The file; ``-`` and ``/dev/stdout`` are stdout.
        private: Whether only its owner may read the new file. If not, it has the mode of the file that it replaces.

    Raises:
        CommandError: The file cannot be written.
    """
    _check_name(file)
    descriptor = _descriptor(file)
    if descriptor == 1:  # In the shell, stdout may be a file or a pipe of the line.
        with naming(_label(file), "written"):
            sys.stdout.flush()
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        return
    if descriptor is not None:
        with contextlib.suppress(ValueError, AttributeError):  # Closed, or none.
            sys.stdout.flush()
        with _written(_label(file), lambda: os.dup(descriptor)) as output:
            yield output
        return
    with naming(file, "written"):
        found, target = _place(file)
    if found is not None and not stat.S_ISREG(found.st_mode):
        with _written(file, lambda: os.open(target, os.O_WRONLY)) as output:
            yield output
        return
    folder, name = os.path.split(target)
    part = os.path.join(folder, f".{name[:100]}.{os.urandom(4).hex()}.part")
    mode = 0o600 if private else 0o666 if found is None else stat.S_IMODE(found.st_mode)
    try:
        with _written(file, lambda: os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)) as output:
            yield output
            with naming(file, "written"):
                output.flush()
                if found is not None and not private:
                    os.chmod(part, mode)  # The umask is for new files.
                os.fsync(output.fileno())
        with naming(file, "written"):
            os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def check_output(file: str) -> None:
    """Raise the error that :func:`open_output` would, as far as it is known before a file is written.

    Args:
        file: The file; ``-`` and ``/dev/stdout`` are stdout.

    Raises:
        CommandError: The file cannot be written: there is no such folder, it is one, or its permissions forbid it.
    """
    _check_name(file)
    descriptor = _descriptor(file)
    with naming(_label(file), "written"):
        if descriptor is not None:
            if descriptor != 1:
                os.fstat(descriptor)
            return
        found, target = _place(file)
        if found is not None and stat.S_ISDIR(found.st_mode):
            raise _os_error(errno.EISDIR)
        if found is not None and not stat.S_ISREG(found.st_mode):
            if not os.access(target, os.W_OK):
                raise _os_error(errno.EACCES)
            return
        folder = os.path.dirname(target) or "."
        os.stat(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _os_error(errno.EACCES)


def _check_name(file: str) -> None:
    if not file:
        raise CommandError("the name of the file to write is empty", ExitCode.USAGE, name="usage")


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def _place(file: str) -> tuple[Optional[os.stat_result], str]:
    """Return the status of a file, if it exists, and the path to write.

    Raises:
        OSError: It is a regular file that may not be written: it is kept.
    """
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return None, os.path.realpath(file)
    if not stat.S_ISREG(found.st_mode):
        return found, file
    target = os.path.realpath(file)  # The file that a symbolic link names is replaced, not the link.
    if not os.access(target, os.W_OK):
        os.close(os.open(target, os.O_WRONLY))  # Raises the error.
    return found, target


@contextlib.contextmanager
def _written(file: str, opens: Callable[[], int]) -> Iterator[BinaryIO]:
    """Open a descriptor as a file, and close it, so that an error at its end hides no error from before."""
    with naming(file, "written"):
        output = os.fdopen(opens(), "wb", buffering=_BUFFER)
    try:
        yield output
    except BaseException:
        with contextlib.suppress(OSError):
            output.close()
        raise
    with naming(file, "written"):
        output.close()
