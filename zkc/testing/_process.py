"""A child process and a folder that never outlive this process."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

# The shell becomes the server (exec: same process id). Before that it leaves a watcher behind, which waits on the
# reading end of a pipe whose writing end only this Python process has:
# - a line arrives: the server was ended by us and reaped, nothing is left to do;
# - end of file: this process is gone without a word, so the watcher kills the server and removes its folder ($0, if
#   not empty; twice, because the server may still write while it dies).
# $$ cannot have become another process's number by then: the watcher is in the server's process group, and the kernel
# does not reuse a number that is a group's. Neither does the watcher depend on which thread started the server, as
# PR_SET_PDEATHSIG would.
_SCRIPT = """
exec 3<&0 </dev/null
(
    exec >/dev/null 2>&1
    read -r _ <&3 && exit
    kill -s KILL $$
    [ -z "$0" ] || rm -rf -- "$0" || { sleep 1; rm -rf -- "$0"; }
) &
exec "$@" 3<&-
"""

# Strong references: what nobody closed still has to end when this process does.
_live: set[GuardedProcess] = set()
_folders: set[OwnedFolder] = set()
_hooks_lock = threading.Lock()
_hooks_installed = False


class GuardedProcess:
    """A child process in a session of its own, killed when this process ends in whatever way."""

    def __init__(self, command: Sequence[str], *, log: Path, cwd: Path, remove: Optional[Path] = None) -> None:
        """Start it.

        :param command: the program and its arguments.
        :param log: the file that its output is appended to.
        :param cwd: its working folder.
        :param remove: a folder to remove if this Python process dies without ending the child, or None.
        """
        _install_hooks()
        reader, self._writer = os.pipe()
        try:
            with log.open("ab") as output:
                self._popen = subprocess.Popen(
                    ["/bin/sh", "-c", _SCRIPT, "" if remove is None else str(remove), *command],
                    stdin=reader,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=cwd,
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._writer)
            raise
        finally:
            os.close(reader)
        _live.add(self)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def running(self) -> bool:
        """Tell whether the process has not ended; a stopped one has not."""
        if self._popen.poll() is None:
            return True
        self._settle()
        return False

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens if the process has ended."""
        if self.running():
            self._popen.send_signal(number)

    def wait(self, timeout: float) -> bool:
        """Wait for the end.

        :param timeout: seconds.
        :returns: whether it has ended.
        """
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self._settle()
        return True

    def suspend(self) -> None:
        """Stop the process as a whole (SIGSTOP) and wait until it stands still."""
        self.signal(signal.SIGSTOP)
        if hasattr(os, "waitid") and self.running():
            # The signal is only queued by kill(). WNOWAIT leaves the status for Popen to collect.
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a stopped process continue (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process at once (SIGKILL, which ends a stopped one too) and reap it."""
        self.signal(signal.SIGKILL)
        self._popen.wait()
        self._settle()

    def _settle(self) -> None:
        """Tell the watcher that the child is reaped. Does nothing the second time."""
        writer, self._writer = self._writer, -1
        if writer >= 0:
            # No reader is left if something killed the watcher.
            with contextlib.suppress(BrokenPipeError):
                os.write(writer, b"\n")
            os.close(writer)
        _live.discard(self)

    def _forget(self) -> None:
        """Let go of a process that the parent of this forked one owns."""
        writer, self._writer = self._writer, -1
        if writer >= 0:
            # Without a word: the parent still holds its own copy. Kept open here, it would hide the parent's death.
            os.close(writer)
        # It is not our child, so nothing can be waited for; Popen would warn that it still runs.
        self._popen.returncode = 0


class OwnedFolder:
    """A temporary folder that is removed when this process ends, if not before."""

    def __init__(self, prefix: str) -> None:
        """Make it.

        :param prefix: what its name begins with.
        """
        _install_hooks()
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        _folders.add(self)

    def remove(self) -> None:
        """Remove it with all that is in it. Does nothing the second time, nor in a forked child."""
        if self in _folders:
            _folders.discard(self)
            shutil.rmtree(self.path, ignore_errors=True)


def _install_hooks() -> None:
    """Arrange for exit and fork, once, when there is something to look after."""
    global _hooks_installed
    with _hooks_lock:
        if not _hooks_installed:
            _hooks_installed = True
            atexit.register(_end_all)
            os.register_at_fork(after_in_child=_forget_all)


def _end_all() -> None:
    for process in list(_live):
        process.kill()
    for folder in list(_folders):
        folder.remove()


def _forget_all() -> None:
    """Leave the parent's processes and folders alone, in a forked child."""
    for process in list(_live):
        process._forget()
    _live.clear()
    _folders.clear()
