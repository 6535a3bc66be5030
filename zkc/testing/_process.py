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

# The shell becomes the server (exec: same process id). Before that it starts a watcher process. The watcher reads from
# a pipe; this Python process alone has the writing end:
# - A line arrives: this process ended the server and reaped it. Nothing is left to do.
# - End of file: this process died without ending the server. The watcher kills the server and removes its folder ($0,
#   if not empty). It tries twice, because the server may still write while it dies.
# By then $$ cannot be the id of another process: the watcher is in the server's process group, and the kernel does not
# reuse the id of a group. Unlike PR_SET_PDEATHSIG, the watcher does not depend on the thread that started the server.
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

# Strong references: these end with this process, even if the caller never closed them.
_live: set[GuardedProcess] = set()
_folders: set[OwnedFolder] = set()
_hooks_lock = threading.Lock()
_hooks_installed = False


class GuardedProcess:
    """A child process in a new session, killed when this process ends in whatever way."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        cwd: Path,
        remove: Optional[Path] = None,
        inherits: Sequence[int] = (),
    ) -> None:
        """Start the process.

        :param command: the program and its arguments.
        :param log: the file to append its output to.
        :param cwd: its working folder.
        :param remove: a folder to remove if this Python process dies without ending the child, or None.
        :param inherits: file descriptors that the child gets too, each above 9.
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
                    pass_fds=inherits,
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
        """Return whether the process has not ended; a process stopped by SIGSTOP has not."""
        if self._popen.poll() is None:
            return True
        self._dismiss_watcher()
        return False

    @property
    def ending(self) -> str:
        """How the process has ended, such as ``"killed by SIGKILL"``; empty while it runs."""
        if self.running():
            return ""
        code = self._popen.returncode
        if code >= 0:
            return f"exit status {code}"
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens if the process has ended."""
        if self.running():
            self._popen.send_signal(number)

    def wait(self, timeout: float) -> bool:
        """Wait for the end.

        :param timeout: seconds.
        :returns: whether the process has ended.
        """
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self._dismiss_watcher()
        return True

    def suspend(self) -> None:
        """Stop the process (SIGSTOP) and wait until all its threads have stopped."""
        self.signal(signal.SIGSTOP)
        if hasattr(os, "waitid") and self.running():
            # The signal is only queued by kill(). WNOWAIT leaves the status for Popen to collect.
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let a stopped process continue (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process (SIGKILL, which ends a stopped process too) and reap it."""
        self.signal(signal.SIGKILL)
        self._popen.wait()
        self._dismiss_watcher()

    def _dismiss_watcher(self) -> None:
        """End the watcher, since the child is reaped. Does nothing the second time."""
        writer, self._writer = self._writer, -1
        if writer >= 0:
            # No reader is left if something killed the watcher.
            with contextlib.suppress(BrokenPipeError):
                os.write(writer, b"\n")
            os.close(writer)
        _live.discard(self)

    def _forget(self) -> None:
        """Give up the parent's child process, in a forked process."""
        writer, self._writer = self._writer, -1
        if writer >= 0:
            # Write nothing: the parent still holds its own copy. An open copy here would hide the parent's death.
            os.close(writer)
        # Not a child of this process, which cannot wait for it. Without this, Popen would warn that it still runs.
        self._popen.returncode = 0


class OwnedFolder:
    """A temporary folder that is removed when this process ends, if not before."""

    def __init__(self, prefix: str) -> None:
        """Make the folder.

        :param prefix: the beginning of its name.
        """
        _install_hooks()
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        _folders.add(self)

    def remove(self) -> None:
        """Remove the folder and its contents. Does nothing the second time, nor in a forked child."""
        if self in _folders:
            _folders.discard(self)
            shutil.rmtree(self.path, ignore_errors=True)


def _install_hooks() -> None:
    """Install the hooks for exit and fork, at the first process or folder."""
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
