"""The guardian of a command: a process of its own that ends the command, and all that it has started, in time.

``zkc lock`` runs this file as a program (``python -I -S _guardian.py FD``), so it imports the standard library only. It
has no thread. It starts the command as its child. It outlives a SIGKILL of zkc, and a SIGSTOP: it knows until when the
hold is valid, and ends the command before that time unless zkc sends a later one.

The guardian is a subreaper: a process whose parent has ended becomes its child. So a process that leaves the command's
process group, or its session, is still found below the guardian.

Both sides send lines of JSON over a socket. zkc sends ``start``, ``until``, ``signal``, ``continue``, ``end`` and
``lost``; the guardian sends ``started``, ``failed``, ``stopped``, ``ending``, ``stuck`` and ``ended``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from typing import Any, Optional

__all__ = ["Process", "boot_time", "descendants", "lives", "send", "set_subreaper"]

_SET_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36  # The numbers of prctl(2).
_LONGEST = 0.25  # Seconds between two looks at the clock: a poll's timeout does not run while the machine sleeps.
_SOON = 0.02  # Seconds between two rounds of SIGKILL.
_PRIORITY = -15  # The niceness of the guardian, if it may: on a busy machine it must run in time.
# What reaches the guardian by accident, as its group or its name was meant, must not end it. A handler does that, and
# not SIG_IGN, which the command would inherit.
_SURVIVED = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTSTP", "SIGTTIN", "SIGTTOU")
Process = tuple[int, str]  # The pid, and the time of the start, which tells a process from a later one of the same pid.


def boot_time() -> float:
    """Return a clock in seconds that also counts while the machine sleeps, and that all processes share."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


# ---- processes ------------------------------------------------------------------------------------------------------


def set_subreaper(on: bool) -> None:
    """Become the parent of descendants whose parents end, or be that no longer."""
    _prctl(_SET_SUBREAPER, int(on))


def _prctl(option: int, value: int) -> None:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def _status_of(pid: int) -> Optional[tuple[int, str, str]]:
    """Return the parent, the start and the state of a process; None if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program stands in parentheses, and may have parentheses and spaces itself.
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return (int(fields[1]), fields[19].decode(), fields[0].decode()) if len(fields) > 19 else None


def lives(process: Process) -> bool:
    """Return whether a process has not ended."""
    status = _status_of(process[0])
    return status is not None and status[1] == process[1] and status[2] != "Z"


def descendants(root: int) -> list[Process]:
    """Return the processes below one that have not ended, parents first."""
    children: dict[int, list[int]] = {}
    known: dict[int, tuple[str, str]] = {}
    for name in os.listdir("/proc"):
        status = _status_of(int(name)) if name.isdigit() else None
        if status is not None:
            children.setdefault(status[0], []).append(int(name))
            known[int(name)] = status[1:]
    found, rest = [], [root]
    while rest:
        for pid in children.get(rest.pop(), ()):
            rest.append(pid)
            if known[pid][1] != "Z":
                found.append((pid, known[pid][0]))
    return found


def send(processes: Iterable[Process], signum: int) -> list[int]:
    """Send a signal to processes, and return the pids of those that must not be signalled."""
    refused = []
    for pid, start in processes:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        except OSError:  # The kernel has no handles of processes.
            handle = -1
        try:
            status = _status_of(pid)
            if status is None or status[1] != start:
                continue  # Another process has the pid now. With a handle that cannot happen after this look.
            if signum == signal.SIGKILL:  # A process ends itself: on a busy machine it must get to that.
                with contextlib.suppress(OSError):
                    os.setpriority(os.PRIO_PROCESS, pid, _PRIORITY)
            if handle >= 0:
                signal.pidfd_send_signal(handle, signum)
            else:
                os.kill(pid, signum)
        except ProcessLookupError:
            continue
        except PermissionError:
            refused.append(pid)
        finally:
            if handle >= 0:
                os.close(handle)
    return refused


# ---- the guardian ---------------------------------------------------------------------------------------------------


class Guardian:
    """The state of the guardian: first without a command, then with one that runs, then with one that it ends."""

    def __init__(self, link: socket.socket) -> None:
        self.link: Optional[socket.socket] = link
        self.received = b""
        self.pid = 0
        self.status: Optional[int] = None  # Of the command, when it has ended; -1 if it was not started.
        self.childless = False
        self.until = 0.0  # When another client can have the hold, by boot_time().
        self.margin = self.grace = 0.0
        self.mode = "term"
        self.reason: Optional[str] = None  # Why the guardian ends the command.
        self.kill_at: Optional[float] = None  # Set when the end has begun.
        self.told = False  # Whether zkc knows which processes cannot be ended.
        self.wake, waker = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(waker, False)
        for name in (*_SURVIVED, "SIGCHLD"):
            signum = getattr(signal, name)
            if name == "SIGCHLD" or signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)

    def run(self) -> None:
        """Guard until the command and all that it has started have ended, or zkc ends without a command."""
        poll = select.poll()
        poll.register(self.wake, select.POLLIN)
        assert self.link is not None
        poll.register(self.link, select.POLLIN)
        while not self.is_over():
            seconds = self.act()
            for fd, _ in poll.poll(max(0.0, seconds) * 1000 + 1):
                if fd == self.wake:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self.wake, 4096)
                elif not self.receive():
                    poll.unregister(fd)
        if self.status is not None:
            self.tell(ended=self.status, reason=self.reason)

    def is_over(self) -> bool:
        """Take note of children that have ended; return whether nothing is left to guard."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
                if pid == 0:
                    break
                if os.WIFSTOPPED(status):
                    if pid == self.pid:
                        self.tell(stopped=os.WSTOPSIG(status))
                elif pid == self.pid and self.status is None:
                    self.status = status
            self.childless = False
        except ChildProcessError:
            self.childless = True
        return self.childless and (self.status is not None or self.link is None)

    def act(self) -> float:
        """Do what is due; return for how many seconds nothing is."""
        now = boot_time()
        bounded = self.mode != "ignore"
        if self.status is not None and self.kill_at is None:  # The command has ended, and has left processes behind.
            self.begin_end(None)
        if self.kill_at is None:
            if not self.pid or not bounded:
                return _LONGEST
            term_at = self.until - self.margin - (self.grace if self.mode == "term" else 0.0)
            if now < term_at:
                return min(term_at - now, _LONGEST)
            self.begin_end("in_doubt")
        assert self.kill_at is not None
        limit = min(self.kill_at, self.until - self.margin) if bounded else self.kill_at
        if now < limit:
            return min(limit - now, _LONGEST)
        refused = self.send(signal.SIGKILL)
        if refused and not self.told:
            self.told = True
            self.tell(stuck=refused)
        return _LONGEST if refused else _SOON

    def begin_end(self, reason: Optional[str], seconds: Optional[float] = None) -> None:
        """Send SIGTERM to all processes, and decide when SIGKILL follows. A stopped one must run to get SIGTERM."""
        if self.kill_at is None:
            seconds = (0.0 if self.mode == "kill" else self.grace) if seconds is None else seconds
            self.kill_at = boot_time() + seconds
            if reason is not None:
                self.reason = reason
                self.tell(ending=reason, left=max(0.0, self.until - boot_time()))
            self.send(signal.SIGTERM)
            self.send(signal.SIGCONT)
        elif seconds is not None:
            self.kill_at = min(self.kill_at, boot_time() + seconds)

    def send(self, signum: int) -> list[int]:
        """Send a signal to the command's process group, and to all processes below; return those that refuse it."""
        below = descendants(os.getpid()) if os.path.isdir("/proc/self") else []
        self.send_to_group(signum)
        return send(below, signum)

    def send_to_group(self, signum: int) -> None:
        """Send a signal to the command's process group, at once for all of it."""
        if self.pid and self.status is None:  # As long as the command is not reaped, the number is its group's.
            with contextlib.suppress(OSError):
                os.killpg(self.pid, signum)

    # ---- messages --------------------------------------------------------------------------------------------------

    def tell(self, **message: Any) -> None:
        """Send a message to zkc, if it still lives."""
        if self.link is not None:
            with contextlib.suppress(OSError):
                self.link.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> bool:
        """Read messages; return False when zkc has ended."""
        assert self.link is not None
        try:
            data = self.link.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.link = None
            if self.pid and self.status is None:
                self.begin_end("abandoned")
            return False
        *lines, self.received = (self.received + data).split(b"\n")
        for line in lines:
            ((name, value),) = json.loads(line).items()
            getattr(self, f"take_{name}")(value)
        return True

    def take_until(self, until: float) -> None:
        """Take until when the hold is valid."""
        self.until = max(self.until, until)

    def take_signal(self, signum: int) -> None:
        """Pass a signal on to the command. A stopped command gets it when it runs again."""
        self.send_to_group(signum)
        if signum in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            self.send_to_group(signal.SIGCONT)

    def take_continue(self, _: object) -> None:
        """Let the stopped command run again."""
        if self.kill_at is None:
            self.send_to_group(signal.SIGCONT)

    def take_end(self, reason: str) -> None:
        """End the command in good order."""
        self.begin_end(reason, self.grace)

    def take_lost(self, reason: str) -> None:
        """End the command at once: another client may have the hold."""
        if self.mode != "ignore":
            self.begin_end(reason, 0.0)

    def take_start(self, order: dict[str, Any]) -> None:
        """Start the command, unless the time is too short."""
        self.mode, self.until = order["mode"], order["until"]
        self.margin, self.grace = order["margin"], order["grace"]
        if self.mode != "ignore" and boot_time() >= self.until - self.margin - self.grace:
            self.status, self.reason = -1, "in_doubt"
            return
        number, self.pid = _start(order)
        if number:
            self.status = -1
            self.tell(failed=number)
        else:
            self.tell(started=self.pid)
        # A reader of the command's output sees its end when the command ends, and waits for no guardian.
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)


def _start(order: dict[str, Any]) -> tuple[int, int]:
    """Start the command in a process group of its own; return the number of the error, or 0, and the pid."""
    reader, writer = os.pipe()  # It closes when the command runs.
    guardian = os.getpid()
    pid = os.fork()
    if pid == 0:
        number = errno.ENOEXEC
        try:
            os.setpgid(0, 0)
            _prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)  # If the guardian is killed.
            if os.getppid() == guardian:
                if order["terminal"] is not None:
                    take_terminal(order["terminal"], os.getpid())
                os.setpriority(os.PRIO_PROCESS, 0, order["priority"])
                for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them, and the command would inherit that.
                    signal.signal(getattr(signal, name), signal.SIG_DFL)
                _execute(order["file"], order["command"], {**os.environ, **order["environment"]})
        except OSError as error:
            number = error.errno or errno.ENOEXEC
        finally:
            os.write(writer, str(number).encode())
            os._exit(127)
    os.close(writer)
    with contextlib.suppress(OSError):  # Here, too: a signal to the group must not come too early.
        os.setpgid(pid, pid)
    with open(reader, "rb") as file:
        failure = file.read()
    return int(failure or b"0"), pid


def _execute(file: str, command: list[str], environment: dict[str, str]) -> None:
    """Become the command. A script without a first line #! is run by the shell, as execvp(3) does."""
    try:
        os.execve(file, command, environment)
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        os.execve("/bin/sh", ["/bin/sh", file, *command[1:]], environment)


def take_terminal(fd: int, group: int) -> None:
    """Make a process group the one in the foreground of a terminal. A background process may do that, too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        os.tcsetpgrp(fd, group)
    except OSError:
        pass  # The terminal is gone, or belongs to another session.
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTTOU])


def main(fd: int) -> None:
    """Run as a guardian that is linked to zkc by this file descriptor."""
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # A signal to zkc's process group does not reach it.
    set_subreaper(True)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    guardian = Guardian(socket.socket(fileno=fd))
    os.set_inheritable(fd, False)
    try:
        guardian.run()
    except BaseException:
        while guardian.pid and descendants(os.getpid()):
            guardian.send(signal.SIGKILL)
            time.sleep(_SOON)
        raise


if __name__ == "__main__":
    main(int(sys.argv[1]))
