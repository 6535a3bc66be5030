"""Serving in the foreground: until a signal, with what a client needs to know printed before."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Union

from ._errors import TestingError
from .ensemble import Ensemble
from .server import ZooKeeperServer

__all__ = ["Served", "as_json", "as_table", "facts", "has_tls", "serve"]

Served = Union[ZooKeeperServer, Ensemble]


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def serve(
    make: Callable[[], Served], announce: Callable[[Served], str], report: Callable[[str], object] = _to_stderr
) -> int:
    """Serve until Ctrl-C, SIGTERM or SIGHUP, or until all servers have ended by themselves.

    :param make: makes the server or the ensemble.
    :param announce: returns what to print when it serves.
    :param report: is called with a sentence when one server of an ensemble has ended by itself.
    :returns: the exit status: 1 if all servers ended by themselves.
    :raises TestingError: if there is no ZooKeeper, or it does not start.
    """
    # The main loop waits on a pipe, which a signal cannot interrupt halfway: Ctrl-C and SIGTERM end the command alike.
    end_signal = _EndSignal()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores it.
            signal.signal(number, end_signal.handle)
    with make() as server:
        print(announce(server), flush=True)
        members = _members(server)
        running = list(members)
        while not end_signal.wait(0.5):
            ended = [member for member in running if member.state == "stopped"]
            running = [member for member in running if member not in ended]
            for member in ended:
                if len(members) > 1:
                    report(_has_ended(member, len(running), len(members)))
            if not running:
                last = ended[-1]
                _to_stderr(f"{last.name} ended by itself ({_ending(last)}):\n{last.log_tail(20)}")
                return 1
    return 0


def _ending(member: ZooKeeperServer) -> str:
    process = member._instance.process
    return "" if process is None else process.ending


def _has_ended(member: ZooKeeperServer, left: int, count: int) -> str:
    """Return what happens when one server of an ensemble has ended, and what to do."""
    text = f"server {member.name.rpartition(' ')[2]} ({member.hosts}) has ended by itself: {_ending(member)}"
    if 2 * left > count:
        text += f". The ensemble goes on with {left} of {count} servers"
    elif left:
        text += f". {left} of {count} servers are left, too few to serve"
    else:
        text += f". It was the last of {count} servers"
    return f"{text}. See its log, {member.log_file}; to have it back, end all with Ctrl-C and serve again"


class _EndSignal:
    """A signal to end the command, as a pipe that the handler writes to.

    The handler must not set a threading.Event. It runs in the waiting thread, maybe in the middle of Event.wait(), and
    would deadlock on a lock which that thread holds.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def handle(self, *_: object) -> None:
        """Handle a signal."""
        os.write(self._writer, b"!")

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, and return whether one has come."""
        return bool(select.select([self._reader], [], [], seconds)[0])


def _members(server: Served) -> tuple[ZooKeeperServer, ...]:
    return server.members if isinstance(server, Ensemble) else (server,)


def facts(server: Served, tls: bool) -> dict[str, str]:
    """Return what a client needs: connection strings and, for TLS, the files."""
    found = {"hosts": server.hosts}
    if tls:
        files = server.tls
        found["tls_hosts"] = server.tls_hosts
        found.update(ca=str(files.ca), client_cert=str(files.client_cert), client_key=str(files.client_key))
    return found


def has_tls(server: Served) -> bool:
    """Return whether the server serves TLS."""
    try:
        return bool(server.tls)
    except TestingError:
        return False


def as_json(server: Served) -> str:
    """Return all facts about the servers as JSON."""
    members = [
        {
            "name": member.name,
            "hosts": member.hosts,
            "pid": member.pid,
            "mode": member.mode,
            "log": str(member.log_file),
        }
        for member in _members(server)
    ]
    return json.dumps({**facts(server, has_tls(server)), "servers": members})


def as_table(server: Served) -> str:
    """Return what a person needs: addresses, files, modes, logs."""
    version = ".".join(map(str, _members(server)[0].version))
    lines = [f"ZooKeeper {version} serves; Ctrl-C ends it.", ""]
    lines += [f"  {name.replace('_', ' '):12} {value}" for name, value in facts(server, has_tls(server)).items()]
    lines += ["", f"  {'':12} {'address':21} {'mode':11} log"]
    lines += [
        f"  {member.name:12} {member.hosts:21} {member.mode or '-':11} {member.log_file}" for member in _members(server)
    ]
    return "\n".join(lines)
