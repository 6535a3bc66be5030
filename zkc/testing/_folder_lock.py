"""A lock on a folder with data, so that only one server at a time works on it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from ._errors import TestingError

_NAME = "zkc.lock"
_POLL = 0.05
_PATIENCE = 2.0
# A server whose Python process was killed holds the lock until it is killed itself: milliseconds later, but seconds on
# a busy machine.
_PATIENCE_WITHOUT_OWNER = 30.0
_FIRST_DESCRIPTOR = 10  # The shell that starts the server uses the smaller ones.

# The locks of this process. A forked process closes its copies: they are its parent's.
_held: set[FolderLock] = set()


class FolderLock:
    """A lock on a folder, held by this process and by the server that it starts, whichever ends last.

    The server inherits the descriptor. After a SIGKILL of this process the folder stays locked while the server runs.
    """

    def __init__(self, folder: Path) -> None:
        """Lock a folder that exists.

        :raises TestingError: if another server works on it.
        """
        opened = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self.descriptor = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, _FIRST_DESCRIPTOR)
        finally:
            os.close(opened)
        try:
            self._lock(folder)
        except BaseException:
            os.close(self.descriptor)
            raise
        _held.add(self)

    def _lock(self, folder: Path) -> None:
        begun = time.monotonic()
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = os.pread(self.descriptor, 32, 0).decode("ascii", "replace").strip()
                if time.monotonic() - begun > (_PATIENCE_WITHOUT_OWNER if _has_ended(owner) else _PATIENCE):
                    named = f"process {owner}" if owner.isdigit() else "another process"
                    raise TestingError(
                        f"The folder {folder} is in use: {named} serves it. End that first, or choose another folder."
                    ) from None
                time.sleep(_POLL)
            except OSError as error:
                if error.errno in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                    return  # A file system without locks.
                raise
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Unlock the folder. The server must have ended. Does nothing the second time, nor in a forked process."""
        if self not in _held:
            return
        _held.discard(self)
        # For all copies of the descriptor: the process that watches the server may have one for a moment longer.
        with contextlib.suppress(OSError):
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)


def _has_ended(owner: str) -> bool:
    """Return whether the process that a lock names is known to have ended."""
    if not owner.isdigit():
        return False
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False


def _forget_all() -> None:
    for lock in list(_held):
        os.close(lock.descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget_all)
